"""Each kind of damage to the distributions of an environment."""

from __future__ import annotations

import base64
import hashlib
import shutil
from typing import TYPE_CHECKING

import pytest

from tasks_lib.environments import distribution_health
from tasks_lib.results import Result, Status
from tests.cases import cases

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.conftest import Install


def found(prefix: Path) -> dict[str, Result]:
    """Return the results of the health check by their ids."""
    return {result.id: result for result in distribution_health.health(prefix)}


@pytest.fixture
def sound(venv: Path, install: Install) -> Path:
    """Return an environment with two whole distributions."""
    install(venv, "six", "1.17.0", files=("six.py",))
    install(venv, "Typing_Extensions", "4.0", files=("typing_extensions.py", "x/é.py"))
    return venv


def test_sound_environment_passes_every_check(sound: Path) -> None:
    results = found(sound)
    assert set(results) == {
        f"doctor.{name}"
        for name in (
            "records",
            "duplicates",
            "installed-files",
            "installed-altered",
            "shared-files",
            "bytecode",
        )
    }
    assert {result.status for result in results.values()} == {Status.PASS}


def _site(prefix: Path) -> Path:
    return prefix / "lib/python3.11/site-packages"


def _six(prefix: Path) -> Path:
    return _site(prefix) / "six-1.17.0.dist-info"


DAMAGE: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "no METADATA": (
        lambda p: (_six(p) / "METADATA").unlink(),
        "doctor.records",
        "six-1.17.0.dist-info",
    ),
    "empty METADATA": (
        lambda p: (_six(p) / "METADATA").write_text(""),
        "doctor.records",
        "six-1.17.0",
    ),
    "METADATA of zeros": (
        lambda p: (_six(p) / "METADATA").write_bytes(b"\0" * 99),
        "doctor.records",
        "six-1.17.0",
    ),
    "no RECORD": (
        lambda p: (_six(p) / "RECORD").unlink(),
        "doctor.records",
        "six-1.17.0.dist-info",
    ),
    "empty RECORD": (lambda p: (_six(p) / "RECORD").write_text(""), "doctor.records", "six-1.17.0"),
    "RECORD that ends between two rows": (
        lambda p: (_six(p) / "RECORD").write_text("six.py,,\nsix-1.17.0.dist-info/METADATA,,\n"),
        "doctor.records",
        "six-1.17.0",
    ),
    "RECORD that ends behind its own row": (
        lambda p: (_six(p) / "WHEEL").write_text("Tag: py3-none-any\n"),
        "doctor.records",
        "six-1.17.0",
    ),
    "RECORD that ends in a number": (
        lambda p: (_six(p) / "RECORD").write_text("six-1.17.0.dist-info/RECORD,,\nsix.py,,3"),
        "doctor.records",
        "six-1.17.0",
    ),
    "RECORD that is not UTF-8": (
        lambda p: (_six(p) / "RECORD").write_bytes(b"\xff\n"),
        "doctor.records",
        "six-1.17.0",
    ),
    "RECORD that is no table": (
        lambda p: (_six(p) / "RECORD").write_text('"' + "x" * 200_000),
        "doctor.records",
        "six-1.17.0",
    ),
    "empty record": (
        lambda p: (
            _six(p)
            .rename(p / "x")
            .with_name("lib")
            .joinpath(_six(p).relative_to(p / "lib"))
            .mkdir()
        ),
        "doctor.records",
        "six-1.17.0.dist-info",
    ),
    "second version": (
        lambda p: shutil.copytree(_six(p), _site(p) / "six-1.16.0.dist-info"),
        "doctor.duplicates",
        "six-1.16.0.dist-info and six-1.17.0.dist-info",
    ),
    "second spelling": (
        lambda p: shutil.copytree(
            _site(p) / "Typing_Extensions-4.0.dist-info",
            _site(p) / "typing_extensions-3.0.dist-info",
        ),
        "doctor.duplicates",
        "Typing_Extensions-4.0.dist-info",
    ),
    "missing module": (
        lambda p: (_site(p) / "six.py").unlink(),
        "doctor.installed-files",
        "(six.py)",
    ),
    "missing file with an accent": (
        lambda p: (_site(p) / "x/é.py").unlink(),
        "doctor.installed-files",
        "(x/é.py)",
    ),
    "missing script": (
        lambda p: (_six(p) / "RECORD").write_text(
            "../../../bin/six,,\nsix-1.17.0.dist-info/RECORD,,\n"
        ),
        "doctor.installed-files",
        "(../../../bin/six)",
    ),
    "name that no file can have": (
        lambda p: (_six(p) / "RECORD").write_text(
            f"{'x' * 5000},,\nsix-1.17.0.dist-info/RECORD,,\n"
        ),
        "doctor.installed-files",
        "six",
    ),
}


@cases("damage, check, words", DAMAGE)
def test_each_damage_fails_its_own_check(
    sound: Path, damage: Callable[[Path], object], check: str, words: str
) -> None:
    damage(sound)
    results = found(sound)
    assert results[check].status is Status.FAIL
    assert words in results[check].detail
    assert results[check].remedy


def test_bytecode_that_is_gone_is_no_damage(sound: Path) -> None:
    with (_six(sound) / "RECORD").open("a") as record:
        record.write("__pycache__/six.cpython-311.pyc,,\n")
    assert {result.status for result in found(sound).values()} == {Status.PASS}


@cases(
    "name, row, left",
    {
        "of its source": ("six.cpython-311", "", False),
        "of its source, optimised": ("six.cpython-311.opt-2", "", False),
        "without its source": ("old.cpython-311", "", True),
        "for another Python": ("six.cpython-310", "", True),
        # as wheels do that were built without care
        "for another Python, brought by a wheel": ("six.cpython-310", "sha256=x", False),
        "that nobody recorded": ("old.cpython-311", "none", False),
    },
)
def test_bytecode_that_is_left_over(sound: Path, *, name: str, row: str, left: bool) -> None:
    path = f"__pycache__/{name}.pyc"
    (_site(sound) / "__pycache__").mkdir()
    (_site(sound) / path).write_text("code")
    if row != "none":
        with (_six(sound) / "RECORD").open("a") as record:
            record.write(f"{path},{row},\n")
    result = found(sound)["doctor.bytecode"]
    assert result.status is (Status.WARN if left else Status.PASS)
    assert (path in result.detail) == left


def test_long_lists_are_cut(venv: Path, install: Install) -> None:
    for number in range(9):
        (install(venv, f"p{number}", "1") / "RECORD").unlink()
    assert found(venv)["doctor.records"].detail.endswith("and 4 more.")


@cases(
    "text, status",
    {
        "own interpreter": ("#!{prefix}/bin/python\n", Status.PASS),
        "own, long or spaced": (
            "#!/bin/sh\n'''exec' '{prefix}/bin/python' \"$0\" \"$@\"\n",
            Status.PASS,
        ),
        "shell script": ("#!/bin/sh\necho\n", Status.PASS),
        "env": ("#!/usr/bin/env python3\n", Status.PASS),
        "the system's Python, on purpose": ("#!/usr/bin/python3\n", Status.PASS),
        "binary": ("\x7fELF\0\0", Status.PASS),
        "other place": ("#!/old/.venv/bin/python3.11\n", Status.FAIL),
        "other, spaced": (
            "#!/bin/sh\n'''exec' '/old place/.venv/bin/python' \"$0\"\n",
            Status.FAIL,
        ),
    },
)
def test_moved_folder_shows_in_its_scripts(venv: Path, text: str, status: Status) -> None:
    (venv / "bin/tool").write_text(text.format(prefix=venv))
    assert distribution_health.moved(venv).status is status


def test_moved_folder_is_found_by_moving_it(venv: Path, root: Path) -> None:
    (venv / "bin/tool").write_text(f"#!{venv}/bin/python\n")
    assert distribution_health.moved(venv).status is Status.PASS
    venv.rename(root / "elsewhere")
    result = distribution_health.moved(root / "elsewhere")
    assert result.status is Status.FAIL
    assert f"tool names the interpreter {venv}/bin/python" in result.detail


def test_environment_reached_through_a_link_is_not_moved(venv: Path, root: Path) -> None:
    (venv / "bin/tool").write_text(f"#!{venv}/bin/python\n")
    (root / "link").symlink_to(venv)
    assert distribution_health.moved(root / "link").status is Status.PASS


def test_damaged_ones_are_told_from_whole_ones(venv: Path, install: Install) -> None:
    install(venv, "whole", "1.0", files=("whole.py",))
    install(venv, "gone", "1.0", files=("gone.py",))
    (venv / "lib/python3.11/site-packages/gone.py").unlink()
    (install(venv, "half", "1.0") / "RECORD").unlink()
    assert set(distribution_health.damaged(venv)) == {"gone", "half"}


def test_what_is_installed_again(venv: Path, install: Install) -> None:
    site = venv / "lib/python3.11/site-packages"
    for name in ("whole", "gone", "half", "twice", "conda"):
        install(venv, name, "1.0", files=(f"{name}.py",))
    (site / "gone.py").unlink()
    (site / "conda.py").unlink()
    (site / "half-1.0.dist-info/RECORD").unlink()
    install(venv, "twice", "0.9")
    script = venv / "bin/tool"
    script.write_text("#!/gone/.venv/bin/python\n")
    record = install(venv, "scripted", "1.0") / "RECORD"
    record.write_text(f"{record.read_text()}../../../bin/tool,,\n")
    found = distribution_health.to_install_again(venv, {"conda"})
    assert set(found.values()) == {"gone", "half", "twice", "scripted"}
    assert {path.parent for path in found} == {site}


def test_recorded_path_may_be_absolute(venv: Path, install: Install) -> None:
    file = venv / "lib/python3.11/site-packages/demo.pth"
    file.write_text("")
    record = install(venv, "demo", "1.0") / "RECORD"
    record.write_text(f"{record.read_text()}{file},,\n")
    assert found(venv)["doctor.installed-files"].status is Status.PASS


def _row(path: str, text: str) -> str:
    """Return the row of a RECORD for a file with this text."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
    return f"{path},sha256={digest},{len(text)}\n"


@cases(
    "other, now, altered, shared",
    {
        "the first one's file": ("b", "a", Status.PASS, Status.WARN),
        "the last one's file": ("b", "b", Status.PASS, Status.WARN),
        "neither's file": ("b", "c", Status.FAIL, Status.WARN),
        "the same file": ("a", "a", Status.PASS, Status.PASS),
        "the same file, altered": ("a", "c", Status.FAIL, Status.PASS),
    },
)
@pytest.mark.parametrize("path", ["jupyter.py", "../../../bin/jupyter"])
def test_one_file_of_two_distributions(  # noqa: PLR0913 - the parts of a case
    *,
    venv: Path,
    install: Install,
    path: str,
    other: str,
    now: str,
    altered: Status,
    shared: Status,
) -> None:
    for name, text in (("jupyter", "a"), ("jupyter_core", other)):
        with (install(venv, name, "1.0") / "RECORD").open("a") as record:
            record.write(_row(path, text))
    (_site(venv) / path).write_text(now)
    results = found(venv)
    assert results["doctor.installed-altered"].status is altered
    assert results["doctor.shared-files"].status is shared
    if shared is Status.WARN:
        assert "(jupyter and jupyter-core)" in results["doctor.shared-files"].detail


def test_altered_file_is_found_by_its_hash(venv: Path, install: Install) -> None:
    record = install(venv, "demo", "1.0", files=("demo.py",))
    site = venv / "lib/python3.11/site-packages"
    (site / "demo.py").write_text("x = 1\n")
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"x = 1\n").digest()).decode().rstrip("=")
    (record / "RECORD").write_text(
        f"demo.py,sha256={digest},6\n{record.name}/METADATA,,\n{record.name}/RECORD,,\n"
    )
    title = "every installed file is as it was installed"

    def look(*verified: str) -> Result:
        return next(one for one in distribution_health.health(venv, verified) if one.title == title)

    assert look().status is Status.PASS
    (site / "demo.py").write_text("x = 2\n")
    assert (look().status, look("demo").status) == (Status.FAIL, Status.PASS)
    assert "demo (demo.py)" in look().detail
