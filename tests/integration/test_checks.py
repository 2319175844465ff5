"""The tasks `check.*` on every combo and engine: sound passes, broken fails, nothing is written."""

from __future__ import annotations

import contextlib
import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.cases import cases
from tests.lab import HYBRIDS, LAYERS, MANAGERS, SAMPLE, Answer, Lab, tree, untouched

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.processes

TASKS = ("check.config", "check.lock", "check.doctor", "check.compat", "check.all")


def fails(lab: Lab, task: str, wanted: str, cwd: Path | None = None) -> Answer:
    """Run a check that must fail by `wanted`, without an error, and write nothing."""
    with untouched(lab):
        answer = lab(task, cwd=cwd)
    assert answer.code == 1, answer
    assert wanted in answer.ids("fail"), answer
    assert not answer.ids("error"), answer
    failed = [result for result in answer.results if result["status"] == "fail"]
    assert all(result["detail"] and result["remedy"] for result in failed), failed
    return answer


@contextlib.contextmanager
def away(path: Path) -> Iterator[None]:
    """Move a file or a folder away for a while."""
    hidden = (
        path.with_name(f"{path.name}.away") if path.suffix != ".json" else path.with_suffix(".away")
    )
    path.rename(hidden)
    try:
        yield
    finally:
        if path.is_symlink() or path.is_file():
            path.unlink()
        hidden.rename(path)


@contextlib.contextmanager
def instead(path: Path, data: bytes) -> Iterator[None]:
    """Put another file in a file's place for a while.

    The file itself is not written, since caches share it by a hard link.
    """
    with away(path):
        path.write_bytes(data)
        yield


def site_packages(lab: Lab) -> Path:
    """Return the environment's folder of packages."""
    (found,) = lab.prefix.glob("lib/python3.*/site-packages")
    return found


def doctor_tool(lab: Lab) -> set[str]:
    """Return the id of the result of conda's own doctor, where it runs."""
    return {"doctor.conda"} if lab.case and lab.case.engine == "conda" else set()


def test_a_sound_project(made: Lab) -> None:
    assert made.case is not None
    with untouched(made):
        answers = {task: made.ok(task) for task in TASKS}
        assert made.ok("check.all", "--strict").code == 0
    by_task = {task: answer.ids("pass") for task, answer in answers.items()}
    config = "config.poetry" if made.case.manager == "poetry" else "config.pyproject"
    assert config in by_task["check.config"]
    assert by_task["check.lock"] == {"lock.fresh"}
    assert {"env.exists", "doctor.records", "doctor.duplicates"} | doctor_tool(made) <= by_task[
        "check.doctor"
    ]
    assert by_task["check.compat"] == {"compat.requirements"}
    assert set().union(*by_task.values()) == by_task["check.all"]
    if made.case.layer == "conda":
        assert "config.conda" in by_task["check.config"]
        assert {"doctor.missing-files", "doctor.altered-files", "doctor.consistent"} <= by_task[
            "check.doctor"
        ]


@pytest.mark.parametrize("made", MANAGERS, ids=str, indirect=True)
def test_a_stale_lock(made: Lab) -> None:
    pyproject = made.project / "pyproject.toml"
    with instead(
        pyproject, pyproject.read_bytes().replace(b'"iniconfig>=2"', b'"iniconfig>=2", "toolz"')
    ):
        fails(made, "check.lock", "lock.fresh")
        answer = fails(made, "check.all", "lock.fresh")
        assert answer.ids("fail") == {"lock.fresh"}


@pytest.mark.parametrize("made", MANAGERS, ids=str, indirect=True)
def test_no_lock(made: Lab) -> None:
    with away(made.lock):
        fails(made, "check.lock", "lock.fresh")


@pytest.mark.parametrize("made", MANAGERS, ids=str, indirect=True)
def test_a_damaged_lock(made: Lab) -> None:
    for data in (b"not = [toml", b"", made.lock.read_bytes()[:200]):
        with instead(made.lock, data):
            fails(made, "check.lock", "lock.fresh")


@pytest.mark.parametrize("made", MANAGERS, ids=str, indirect=True)
@cases(
    "old, new",
    {
        "wrong type": ('version = "0.1.0"', 'version = "0.1.0"\nkeywords = "none"'),
        "no requirement": ('"iniconfig>=2"', '"iniconfig>=>2"'),
        "no name": ('name = "tiny-lab"', 'name = "tiny lab!"'),
    },
)
def test_an_invalid_pyproject(made: Lab, old: str, new: str) -> None:
    assert made.case is not None
    pyproject = made.project / "pyproject.toml"
    with (
        instead(pyproject, pyproject.read_bytes().replace(old.encode(), new.encode())),
        untouched(made),
    ):
        answer = made("check.config")
        assert answer.code == 1, answer
        own = {"poetry": {"config.poetry"}, "uv": {"config.pyproject", "config.uv"}}[
            made.case.manager
        ]
        assert answer.ids("fail") & own, answer


@pytest.mark.parametrize("made", LAYERS[1:2], ids=str, indirect=True)
@pytest.mark.parametrize(
    "text", ["name: tiny_env\nchannels: {a: b}\n", "name: [tiny]\n", "- a\n", "name: x\n  y: ["]
)
def test_an_invalid_conda_yml(made: Lab, text: str) -> None:
    with instead(made.project / "conda.yml", text.encode()):
        answer = fails(made, "check.config", "config.conda")
        (result,) = [result for result in answer.results if result["id"] == "config.conda"]
        assert (result["file"], result["line"] is None) == ("conda.yml", False)


@pytest.mark.parametrize("made", HYBRIDS, ids=str, indirect=True)
def test_no_conda_yml(made: Lab) -> None:
    with away(made.project / "conda.yml"), untouched(made):
        answer = made("check.config")
    assert answer.code in {1, 2}
    (wrong,) = [result for result in answer.results if result["status"] != "pass"]
    assert "conda.yml" in wrong["detail"]
    assert wrong["remedy"]


@pytest.mark.parametrize("made", LAYERS, ids=str, indirect=True)
def test_a_file_that_is_gone(made: Lab) -> None:
    with away(site_packages(made) / "iniconfig" / "__init__.py"):
        fails(made, "check.doctor", "doctor.installed-files")


@pytest.mark.parametrize("made", HYBRIDS, ids=str, indirect=True)
def test_a_file_of_conda_that_is_gone(made: Lab) -> None:
    for name in ("lib/python3.11/abc.py", "bin/python"):
        with away(
            made.prefix
            / name.replace("3.11", site_packages(made).parent.name.removeprefix("python"))
        ):
            answer = fails(made, "check.doctor", "doctor.missing-files")
            assert doctor_tool(made) <= answer.ids("fail"), answer


@pytest.mark.parametrize("made", HYBRIDS, ids=str, indirect=True)
def test_a_file_of_conda_that_was_altered(made: Lab) -> None:
    file = site_packages(made).parent / "abc.py"
    with instead(file, file.read_bytes() + b"\n"):
        answer = fails(made, "check.doctor", "doctor.altered-files")
        assert doctor_tool(made) <= answer.ids("fail"), answer


@pytest.mark.parametrize("made", HYBRIDS, ids=str, indirect=True)
def test_a_link_and_an_entry_point_that_lead_elsewhere(made: Lab) -> None:
    link = made.prefix / "bin" / "python3"
    for target, check in (("nowhere", "missing-files"), ("/bin/sh", "altered-files")):
        with away(link):
            link.symlink_to(target)
            fails(made, "check.doctor", f"doctor.{check}")
    with instead(made.prefix / "bin" / "pip", b"#!/usr/bin/python3\n"):
        fails(made, "check.doctor", "doctor.moved")


@pytest.mark.parametrize("made", LAYERS, ids=str, indirect=True)
def test_a_pth_file_that_fails(made: Lab) -> None:
    file = site_packages(made) / "zz.pth"
    file.write_text("import nowhere_at_all\n")
    try:
        answer = fails(made, "check.doctor", "doctor.start")
        assert "Line 1 of zz.pth fails: ModuleNotFoundError" in str(answer.results)
    finally:
        file.unlink()


@pytest.mark.parametrize("made", HYBRIDS, ids=str, indirect=True)
def test_a_damaged_record_of_conda(made: Lab) -> None:
    (record,) = (made.prefix / "conda-meta").glob("pip-*.json")
    for data in (b"{", b"[]", b"{}"):
        with instead(record, data), untouched(made):
            answer = made("check.doctor")
        assert "doctor.conda-meta" in answer.ids("fail"), answer
        # conda's own checks crash on it, or take it for a package without files
        assert answer.ids("error") <= doctor_tool(made), answer
        assert answer.code == (4 if answer.ids("error") else 1), answer


@pytest.mark.parametrize("made", HYBRIDS, ids=str, indirect=True)
def test_a_need_of_condas_that_is_not_met(made: Lab) -> None:
    (record,) = (made.prefix / "conda-meta").glob("pip-*.json")
    found = json.loads(record.read_text("utf-8"))
    found["depends"].append("six >=99")  # as after `conda remove --force`
    with instead(record, json.dumps(found).encode()):
        answer = fails(made, "check.doctor", "doctor.consistent")
    assert "six" in next(
        one["detail"] for one in answer.results if one["id"] == "doctor.consistent"
    )


@pytest.mark.parametrize("made", LAYERS, ids=str, indirect=True)
def test_a_dependency_that_was_uninstalled(made: Lab) -> None:
    packages = site_packages(made)
    (record,) = packages.glob("click-[0-9]*.dist-info")
    with away(packages / "click"), away(record):
        answer = fails(made, "check.compat", "compat.requirements")
        assert "click" in answer.results[0]["detail"]
        fails(made, "check.all", "compat.requirements")


@pytest.mark.parametrize("made", LAYERS, ids=str, indirect=True)
def test_a_distribution_that_is_recorded_twice(made: Lab) -> None:
    packages = site_packages(made)
    (record,) = packages.glob("iniconfig-*.dist-info")
    second = packages / "iniconfig-0.0.1.dist-info"
    shutil.copytree(record, second)
    try:
        answer = fails(made, "check.doctor", "doctor.duplicates")
        assert second.name in str(answer.results)
    finally:
        shutil.rmtree(second)


@pytest.mark.parametrize("made", LAYERS, ids=str, indirect=True)
def test_a_damaged_record(made: Lab) -> None:
    (record,) = site_packages(made).glob("iniconfig-*.dist-info")
    for name in ("METADATA", "RECORD"):
        with away(record / name):
            fails(made, "check.doctor", "doctor.records")


@pytest.mark.parametrize("made", LAYERS[:1], ids=str, indirect=True)
def test_a_virtual_environment_that_was_moved(made: Lab) -> None:
    copy = made.home / "copie"
    shutil.copytree(made.project, copy, symlinks=True)
    try:
        fails(made, "check.doctor", "doctor.moved", cwd=copy)
    finally:
        shutil.rmtree(copy)


@pytest.mark.parametrize("made", LAYERS[:1], ids=str, indirect=True)
def test_a_link_to_a_python_that_is_gone(made: Lab) -> None:
    with away(made.python):
        made.python.symlink_to("/nowhere/python")
        answer = fails(made, "check.doctor", "doctor.interpreter")
        assert "/nowhere/python" in str(answer.results)
        fails(made, "check.all", "doctor.interpreter")


@pytest.mark.parametrize("made", SAMPLE, ids=str, indirect=True)
def test_no_environment(made: Lab) -> None:
    with away(made.prefix):
        fails(made, "check.doctor", "env.exists")
        fails(made, "check.all", "env.exists")
        skipped = made("check.compat")
        assert (skipped.code, skipped.ids("skip")) == (0, {"compat.requirements"})


@pytest.mark.parametrize("made", MANAGERS[:1], ids=str, indirect=True)
def test_strict_counts_a_warning(made: Lab) -> None:
    pyproject = made.project / "pyproject.toml"
    text = pyproject.read_bytes().replace(
        b"package-mode = false", b'package-mode = false\nname = "tiny-lab"'
    )
    with instead(pyproject, text):
        lenient, strict = made("check.config"), made("check.config", "--strict")
        assert "warn" in {result["status"] for result in lenient.results}, lenient
        assert (lenient.code, strict.code) == (0, 1)


@pytest.mark.parametrize("made", LAYERS, ids=str, indirect=True)
def test_the_project_is_as_it_was(made: Lab) -> None:
    before = tree(made.project)
    made.ok("check.all")
    assert made.ok("setup").data["changed"] == []
    assert tree(made.project) == before
