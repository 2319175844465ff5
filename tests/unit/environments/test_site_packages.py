"""What is installed, read from its records."""

from __future__ import annotations

import importlib.metadata
import json
import os
import time
from typing import TYPE_CHECKING

import pytest

from tasks_lib.environments import site_packages
from tasks_lib.execution import files
from tasks_lib.project import pip_section
from tasks_lib.project.conda_file import CondaFile
from tests.cases import cases

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.conftest import Install


@pytest.fixture
def sound(venv: Path, install: Install) -> Path:
    """Return an environment with two whole distributions."""
    install(venv, "six", "1.17.0", files=("six.py",))
    install(venv, "Typing_Extensions", "4.0", files=("typing_extensions.py", "x/é.py"))
    return venv


def test_installed_names_are_normalised(sound: Path) -> None:
    assert site_packages.installed(sound) == {"six": "1.17.0", "typing-extensions": "4.0"}


def test_a_record_is_read_once_in_each_of_its_states(
    sound: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    true_text = files.regular_text

    def text(path: Path) -> str:
        read.append(path.parent.name)
        return true_text(path)

    monkeypatch.setattr(files, "regular_text", text)
    assert site_packages.installed(sound) == site_packages.installed(sound)
    assert len(read) == 2
    (metadata,) = sound.rglob("six-*/METADATA")
    known = metadata.stat()
    time.sleep(0.02)  # the system's clock for files goes on every 4 ms
    metadata.write_text(metadata.read_text().replace("1.17.0", "1.17.1"))  # of the same size
    os.utime(metadata, ns=(known.st_atime_ns, known.st_mtime_ns))
    assert site_packages.installed(sound)["six"] == "1.17.1"
    assert read[2:] == [metadata.parent.name]


def test_no_environment_has_nothing_installed(root: Path) -> None:
    assert site_packages.installed(root / "nothing") == {}
    assert site_packages.site_packages(root / "nothing") is None
    assert site_packages.python_version(root / "nothing") is None


@cases(
    "folders, expected",
    {
        "newest": (
            ("lib/python3.9/site-packages", "lib/python3.11/site-packages"),
            "lib/python3.11",
        ),
        "free-threaded": (("lib/python3.13t/site-packages",), "lib/python3.13t"),
        "Windows": (("Lib/site-packages",), "Lib"),
    },
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


@pytest.mark.parametrize(
    ("entry", "met"),
    [
        ("six", True),
        ("SIX>=1.16", True),
        ("six==1.17", True),
        ("six==1.17  # old", True),
        ("six==1.17 --hash=sha256:00", True),
        ("six<1.17", False),
        ("typing.extensions", True),
        ("absent", False),
        ("absent; python_version < '3'", True),
        ("absent; python_version < '3.10'", False),  # the environment's Python, not this one
        ("six @ https://example.invalid/six.zip", True),
        ("-e ./sub", True),
        ("--editable=sub[x]", True),
        ("./sub ; python_version > '3'", True),
        ("-e ./other", False),
        ("-r requirements.txt", False),
        ("-rmet.txt", True),
        ("-r ../outside.txt", True),
        ("--index-url https://example.invalid/simple", True),
        ("-c constraints.txt", True),
        ("git+https://user:word@host/x.git@main#subdirectory=a", True),
        ("git+ssh://git@host/x", False),
        ("git+https://host/y.git#egg=six", True),
        ("https://example.invalid/w/six-1.17.0-py3-none-any.whl", True),
        ("wheels/absent-1.0-py3-none-any.whl", False),
        ("https://[::1/x", False),
    ],
)
def test_entry_of_a_pip_section_is_met_or_not(
    root: Path, sound: Path, install: Install, entry: str, met: bool
) -> None:
    (root / "requirements.txt").write_text("# all\nsix \\\n  >=1\n-r more/more.txt\n")
    (root / "more").mkdir()
    (root / "more/more.txt").write_text("-r ../requirements.txt\nabsent ; python_version > '3'\n")
    (root / "met.txt").write_text("six\n")
    (root.parent / "outside.txt").write_text("absent\n")
    for name, source in (
        ("sub", {"url": (root / "sub").as_uri(), "dir_info": {"editable": True}}),
        ("x", {"url": "https://host/x", "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}}),
    ):
        (install(sound, name, "1.0") / "direct_url.json").write_text(json.dumps(source))
    text = f"name: demo\ndependencies: [python, {{pip: [{json.dumps(entry)}]}}]\n"
    section = pip_section.read(CondaFile.parse(root / "conda.yml", text))
    assert section.whole is ("outside" not in entry)
    found = site_packages.unsatisfied(sound, section, "3.9.1")
    assert bool(found) is not met, section


@cases(
    "source, expected",
    {
        "from an index": (None, "demo==1.0"),
        "file": (
            {"url": "https://example.org/demo-1.0.whl"},
            "demo @ https://example.org/demo-1.0.whl",
        ),
        "a folder for editing": (
            {"url": "file:///a%20b", "dir_info": {"editable": True}},
            "editable:/a b",
        ),
        "a commit": (
            {"url": "https://example.org/demo", "vcs_info": {"vcs": "git", "commit_id": "c0ffee"}},
            "demo @ git+https://example.org/demo@c0ffee",
        ),
        "a folder of a commit": (
            {
                "url": "https://example.org/demo",
                "vcs_info": {"vcs": "git", "commit_id": "c0ffee"},
                "subdirectory": "lib/a",
            },
            "demo @ git+https://example.org/demo@c0ffee#subdirectory=lib/a",
        ),
        "no record of its source": ([], "demo==1.0"),
    },
)
def test_requirement_asks_for_exactly_what_is_installed(
    venv: Path, install: Install, source: object, expected: str
) -> None:
    record = install(venv, "Demo", "1.0")
    if source is not None:
        (record / "direct_url.json").write_text(json.dumps(source))
    assert site_packages.requirements(venv) == {"demo": expected}


@cases(
    "headers, body, expected",
    {
        "nothing": ("", "", []),
        "one": ("Requires-Dist: a>=1 ; extra == 'x'", "", ["a>=1 ; extra == 'x'"]),
        "any case": ("Requires-Dist: a\nrequires-dist: b", "", ["a", "b"]),
        "line in the README": ("Requires-Dist: a", "Requires-Dist: evil>=9", ["a"]),
        "behind a folded README": (
            "Description: x\n        \n        Requires-Dist: evil\nRequires-Dist: a",
            "",
            ["a"],
        ),
        "only in the README": ("", "Name: evil\nRequires-Dist: evil", []),
    },
)
def test_requirements_are_those_of_the_headers(
    venv: Path, install: Install, headers: str, body: str, expected: list[str]
) -> None:
    with (install(venv, "demo", "1.0") / "METADATA").open("a") as stream:
        stream.write(f"{headers}\n\n# Demo\n\n{body}\n")
    (found,) = site_packages.distributions(venv)
    assert found.name == "demo"
    assert site_packages.requires(found) == expected
    oracle = importlib.metadata.PathDistribution(found.folder)
    assert (oracle.requires or []) == expected
