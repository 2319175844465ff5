"""What is installed, and each kind of damage to its records."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
from typing import TYPE_CHECKING

import pytest

from tasks_lib.environments import site_packages
from tasks_lib.results import Result, Status

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.conftest import Install


def found(prefix: Path) -> dict[str, Result]:
    """Give the results of the health check by their ids."""
    return {result.id: result for result in site_packages.health(prefix)}


@pytest.fixture
def sound(venv: Path, install: Install) -> Path:
    """Give an environment with two whole distributions."""
    install(venv, "six", "1.17.0", files=("six.py",))
    install(venv, "Typing_Extensions", "4.0", files=("typing_extensions.py", "x/é.py"))
    return venv


def test_installed_names_are_normalised(sound: Path) -> None:
    assert site_packages.installed(sound) == {"six": "1.17.0", "typing-extensions": "4.0"}


def test_no_environment_has_nothing_installed(root: Path) -> None:
    assert site_packages.installed(root / "nothing") == {}
    assert site_packages.site_packages(root / "nothing") is None
    assert site_packages.python_version(root / "nothing") is None


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        pytest.param(
            ("lib/python3.9/site-packages", "lib/python3.11/site-packages"),
            "lib/python3.11",
            id="newest",
        ),
        pytest.param(("lib/python3.13t/site-packages",), "lib/python3.13t", id="free-threaded"),
        pytest.param(("Lib/site-packages",), "Lib", id="Windows"),
    ],
)
def test_folder_of_the_packages(root: Path, folders: tuple[str, ...], expected: str) -> None:
    for folder in folders:
        (root / folder).mkdir(parents=True)
    assert site_packages.site_packages(root) == root / expected / "site-packages"


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("home = /x\nversion_info = 3.11.7\n", "3.11.7"),
        ("version = 3.12.1\n", "3.12.1"),
        ("version_info = 3.13.0.final.0\n", "3.13.0"),
        ("home = /x\n", None),
        ("", None),
    ],
)
def test_python_version_of_a_virtual_environment(
    root: Path, text: str, version: str | None
) -> None:
    (root / "pyvenv.cfg").write_text(text)
    assert site_packages.python_version(root) == version


def test_sound_environment_passes_every_check(sound: Path) -> None:
    results = found(sound)
    assert set(results) == {
        f"doctor.{name}"
        for name in ("records", "duplicates", "installed-files", "installed-altered")
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


@pytest.mark.parametrize(("damage", "check", "words"), DAMAGE.values(), ids=DAMAGE)
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


def test_long_lists_are_cut(venv: Path, install: Install) -> None:
    for number in range(9):
        (install(venv, f"p{number}", "1") / "RECORD").unlink()
    assert found(venv)["doctor.records"].detail.endswith("and 4 more.")


@pytest.mark.parametrize(
    ("text", "status"),
    [
        pytest.param("#!{prefix}/bin/python\n", Status.PASS, id="own interpreter"),
        pytest.param(
            "#!/bin/sh\n'''exec' '{prefix}/bin/python' \"$0\" \"$@\"\n",
            Status.PASS,
            id="own, long or spaced",
        ),
        pytest.param("#!/bin/sh\necho\n", Status.PASS, id="shell script"),
        pytest.param("#!/usr/bin/env python3\n", Status.PASS, id="env"),
        pytest.param("#!/usr/bin/python3\n", Status.PASS, id="the system's Python, on purpose"),
        pytest.param("\x7fELF\0\0", Status.PASS, id="binary"),
        pytest.param("#!/old/.venv/bin/python3.11\n", Status.FAIL, id="other place"),
        pytest.param(
            "#!/bin/sh\n'''exec' '/old place/.venv/bin/python' \"$0\"\n",
            Status.FAIL,
            id="other, spaced",
        ),
    ],
)
def test_moved_folder_shows_in_its_scripts(venv: Path, text: str, status: Status) -> None:
    (venv / "bin/tool").write_text(text.format(prefix=venv))
    assert site_packages.moved(venv).status is status


def test_moved_folder_is_found_by_moving_it(venv: Path, root: Path) -> None:
    (venv / "bin/tool").write_text(f"#!{venv}/bin/python\n")
    assert site_packages.moved(venv).status is Status.PASS
    venv.rename(root / "elsewhere")
    result = site_packages.moved(root / "elsewhere")
    assert result.status is Status.FAIL
    assert f"tool names the interpreter {venv}/bin/python" in result.detail


def test_environment_reached_through_a_link_is_not_moved(venv: Path, root: Path) -> None:
    (venv / "bin/tool").write_text(f"#!{venv}/bin/python\n")
    (root / "link").symlink_to(venv)
    assert site_packages.moved(root / "link").status is Status.PASS


@pytest.mark.parametrize(
    ("requirement", "met"),
    [
        ("six", True),
        ("SIX>=1.16", True),
        ("six==1.17", True),
        ("six<1.17", False),
        ("typing.extensions", True),
        ("absent", False),
        ("absent; python_version < '3'", True),
        ("-e .", True),
        ("-r requirements.txt", True),
        ("git+https://host/x.git", True),
    ],
)
def test_requirement_is_met_or_not(sound: Path, requirement: str, met: bool) -> None:
    assert site_packages.unsatisfied(sound, (requirement,)) == (() if met else (requirement,))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param(None, "demo==1.0", id="from an index"),
        pytest.param(
            {"url": "https://example.org/demo-1.0.whl"},
            "demo @ https://example.org/demo-1.0.whl",
            id="file",
        ),
        pytest.param(
            {"url": "file:///a%20b", "dir_info": {"editable": True}},
            "editable:/a b",
            id="a folder for editing",
        ),
        pytest.param(
            {"url": "https://example.org/demo", "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}},
            "demo @ git+https://example.org/demo@c0ffee",
            id="a commit",
        ),
        pytest.param(
            {
                "url": "https://example.org/demo",
                "vcs_info": {"vcs": "git", "commit_id": "c0ffee"},
                "subdirectory": "lib/a",
            },
            "demo @ git+https://example.org/demo@c0ffee#subdirectory=lib/a",
            id="a folder of a commit",
        ),
        pytest.param([], "demo==1.0", id="no record of its source"),
    ],
)
def test_requirement_asks_for_exactly_what_is_installed(
    venv: Path, install: Install, source: object, expected: str
) -> None:
    record = install(venv, "Demo", "1.0")
    if source is not None:
        (record / "direct_url.json").write_text(json.dumps(source))
    assert site_packages.requirements(venv) == {"demo": expected}


def test_damaged_ones_are_told_from_whole_ones(venv: Path, install: Install) -> None:
    install(venv, "whole", "1.0", files=("whole.py",))
    install(venv, "gone", "1.0", files=("gone.py",))
    (venv / "lib/python3.11/site-packages/gone.py").unlink()
    (install(venv, "half", "1.0") / "RECORD").unlink()
    assert set(site_packages.damaged(venv)) == {"gone", "half"}


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
        return next(one for one in site_packages.health(venv, verified) if one.title == title)

    assert look().status is Status.PASS
    (site / "demo.py").write_text("x = 2\n")
    assert (look().status, look("demo").status) == (Status.FAIL, Status.PASS)
    assert "demo (demo.py)" in look().detail
