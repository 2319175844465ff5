"""`conda-lock.yml`: read as conda-lock writes it, written as conda-lock reads it, never trusted."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import jsonschema
import pytest
import yaml

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.project.conda_lock import CondaLock, Inputs, Package
from tests.cases import cases
from tests.lab import ROOT

if TYPE_CHECKING:
    from pathlib import Path

_RESOURCES = ROOT / "tests" / "resources"
#: written by conda-lock 4.0.3 with micromamba 2.8.1 for a channel of tiny packages:
#: `conda-lock lock --micromamba -f conda.yml -p linux-64 -p osx-arm64`
REAL = (_RESOURCES / "conda-lock-4.0.3.yml").read_text("utf-8")
#: of conda-lock 4.0.3, `conda_lock/lockfile/v1/conda-lock-v1.schema.json`
_SCHEMA = json.loads((_RESOURCES / "conda-lock-v1.schema.json").read_text("utf-8"))
_INPUTS = Inputs(
    ("python=3.12", "tiny-tool"), ("file:///tmp/tiny",), {"linux-64": ("__glibc=2.28=0",)}
)


def _packages(text: str) -> str:
    return text.partition("\npackage:\n")[2]


def test_lock_of_conda_lock_is_read_and_written_as_conda_lock_does() -> None:
    lock = CondaLock.parse(REAL)
    assert lock.inputs is None
    assert lock.platforms == ("linux-64", "osx-arm64")
    assert [one.dist for one in lock.of("linux-64").values()] == [
        "python=3.12.1=0",
        "tiny-lib=1.9=0",
        "tiny-tool=1.0=0",
    ]
    assert _packages(lock.text("conda.yml")) == _packages(REAL)


def test_lock_of_conda_with_its_plugin_for_locks_is_read_too() -> None:
    """Written by conda 26.7.1 with conda-lockfiles 0.2.2 of the environment of the other lock."""
    text = (_RESOURCES / "conda-lockfiles-0.2.2.yml").read_text("utf-8")
    lock = CondaLock.parse(text)
    assert (lock.platforms, lock.inputs) == (("linux-64",), None)
    assert lock.of("linux-64") == CondaLock.parse(REAL).of("linux-64")


def test_record_is_what_an_installer_needs() -> None:
    assert CondaLock.parse(REAL).of("linux-64")["tiny-tool"].record() == {
        "name": "tiny-tool",
        "version": "1.0",
        "build": "0",
        "build_number": 0,
        "subdir": "noarch",
        "channel": "file:///tmp/tiny/",
        "fn": "tiny-tool-1.0-0.tar.bz2",
        "url": "file:///tmp/tiny/noarch/tiny-tool-1.0-0.tar.bz2",
        "depends": ["python >=3.11,<4", "tiny-lib <1.10"],
        "md5": "9828d202a36b18b275df4749cbcbd905",
        "sha256": "4b9ed82645ca99aca8e02b2780f64bb9eb50b119fcc268f31daf3a05d08aaf45",
    }


def test_lock_of_ours_is_valid_and_says_what_it_was_solved_from() -> None:
    here = tuple(CondaLock.parse(REAL).of("linux-64").values())
    lock = CondaLock(("linux-64",), here, _INPUTS)
    text = lock.text("conda.yml")
    jsonschema.validate(yaml.safe_load(text), _SCHEMA)
    # conda-lockfiles 0.2.2: "missing required field 'metadata.custom_metadata.created_by'"
    assert yaml.safe_load(text)["metadata"]["custom_metadata"]["created_by"] == "mlops-lab"
    assert CondaLock.parse(text) == lock
    # another program may renew it and keep what is recorded there
    renewed = text.replace(_INPUTS.digest("linux-64"), "0" * 64)
    assert CondaLock.parse(renewed) == replace(lock, inputs=None)


@cases(
    "now, said",
    {
        "the same": (_INPUTS, []),
        "a version": (
            replace(_INPUTS, specs=("python=3.13", "tiny-tool")),
            ["python=3.12 became python=3.13"],
        ),
        "other packages": (
            replace(_INPUTS, specs=("python=3.12", "six")),
            ["six is new", "tiny-tool is gone"],
        ),
        "a channel": (
            replace(_INPUTS, channels=("bioconda",)),
            ["the channels file:///tmp/tiny became bioconda"],
        ),
        "a machine": (
            replace(_INPUTS, system={"linux-64": ("__glibc=2.17=0",)}),
            ["of linux-64, __glibc=2.28=0 became __glibc=2.17=0"],
        ),
    },
)
def test_what_a_lock_was_solved_from_is_compared(now: Inputs, said: list[str]) -> None:
    assert list(_INPUTS.changes(now)) == said
    assert (now.digest("linux-64") == _INPUTS.digest("linux-64")) == (not said)


def test_login_in_an_address_is_not_written() -> None:
    url = "https://ada:secret@conda.example/t/TOKEN/main/noarch/six-1.0-0.conda"
    record = {
        "name": "six",
        "version": "1.0",
        "url": url,
        "md5": "0" * 32,
        "depends": ["a >=1", "a <2"],
    }
    package = Package.of(record, "linux-64")
    assert package.url == "https://conda.example/main/noarch/six-1.0-0.conda"
    assert package.depends == {"a": "<2,>=1"}


@cases(
    "text, said",
    {
        "a merge": ("<<<<<<< ours\nversion: 1\n=======\n", "not valid YAML"),
        "half a file": (REAL[: len(REAL) // 2] + "\n  - [", "not valid YAML"),
        "an object": ("!!python/object/apply:os.system [id]\n", "nothing knows the tag"),
        "a bomb": ("a: &a [1, 1]\nb: &b [*a, *a]\nc: {x: *c}\n", "not valid YAML"),
        "a list": ("- 1\n", "not a lock"),
        "nothing": ("", "not a lock"),
        "too much": ("a: 1\n" * (2 << 20), "larger than"),
        "a number": (REAL.replace("'1.9'", "1.9"), "1.9 is not a word"),
        "no hash": (
            REAL.replace("    md5: 5a4a8a1e11355ef19339faa4928f9545\n", "").replace(
                "    sha256: 3d2c91893c793c549acfdc06d3594b931c81218c703716871310e05ef159bca4\n",
                "    md5: x\n",
            ),
            "no hash",
        ),
        "another file": (REAL.replace("/python-3.12.1-0", "/evil-3.12.1-0"), "another package"),
        "a folder": (REAL.replace("tiny-lib", "../../x"), "another package"),
        "an option": (REAL.replace("file:///tmp/tiny/", "--file="), "another package"),
        "a line": (
            REAL.replace("url: file:///tmp/tiny/linux-64/python", 'url: "file:///x\\n@" # python'),
            "not a word",
        ),
        "no platforms": (REAL.replace("  platforms:", "  plattforms:"), "platforms"),
    },
)
def test_damaged_lock_is_one_error_with_a_remedy(text: str, said: str, root: Path) -> None:
    path = root / "conda-lock.yml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LabError, match=said) as caught:
        CondaLock.read(path)
    assert caught.value.code is ErrorCode.DAMAGED_LOCK
    assert caught.value.file == "conda-lock.yml"
    assert caught.value.remedy.argv[1:] == ("deps.lock", "--layer", "conda")


def test_lock_of_a_later_version_is_not_called_damaged() -> None:
    with pytest.raises(LabError, match="version 2 of its format") as caught:
        CondaLock.parse(REAL.replace("version: 1\n", "version: 2\n", 1))
    assert caught.value.code is ErrorCode.NOT_SUPPORTED


def test_link_out_of_the_project_is_not_followed(root: Path) -> None:
    (root / "outside.yml").write_text(REAL, encoding="utf-8")
    (root / "project").mkdir()
    path = root / "project" / "conda-lock.yml"
    path.symlink_to(root / "outside.yml")
    with pytest.raises(LabError) as caught:
        CondaLock.read(path)
    assert caught.value.code is ErrorCode.OUTSIDE_PROJECT
