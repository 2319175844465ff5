"""A description is held against itself before anything is made from it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from tasks_lib.errors import LabError
from tasks_lib.project.included import Included
from tasks_lib.workflows.snapshot_file import Description
from tests.cases import cases

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TEXT = '[project]\nname = "demo"\n'


def document() -> dict[str, Any]:
    """Return a sound description of one conda package and one stray."""
    record = {"name": "six", "version": "1.17.0", "build": "py_0", "sha256": "a" * 64}
    return {
        "schema": "mlops-lab-environment/1",
        "combo": "conda_uv",
        "platform": "linux-x86_64",
        "python": "3.11.7",
        "groups": ["dev"],
        "packages": [["conda", "six", "1.17.0", "py_0"], ["stray", "toolz", "1.0", ""]],
        "conda": [{**record, "url": "file:///c/noarch/six-1.17.0-py_0.conda"}],
        "files": {
            "pyproject.toml": {"sha256": hashlib.sha256(TEXT.encode()).hexdigest(), "text": TEXT}
        },
    }


def read(root: Path, data: object) -> Description:
    """Write a description and read it."""
    path = root / "d.json"
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return Description.read(path)


def test_sound(root: Path) -> None:
    found = read(root, document())
    assert found.strays == ["toolz==1.0"]
    assert found.files == {"pyproject.toml": TEXT}
    assert found.included == Included()  # of a file that an older version wrote
    chosen = read(root, document() | {"extras": ["web"], "dev": False}).included
    assert chosen == Included(("web",), dev=False)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '"x"', '{"schema": "other/1"}', "[" * 100_000]
)
def test_no_description(root: Path, text: str) -> None:
    with pytest.raises(LabError, match="not a description"):
        read(root, text)


ALTERED: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "manifest": (
        lambda d: d["files"]["pyproject.toml"].update(text="x = 1"),
        "not the one that its sha256 names",
    ),
    "file elsewhere": (
        lambda d: d["files"].update({"../x": d["files"]["pyproject.toml"]}),
        "files must be named by propertyName definition",
    ),
    "no manifest": (lambda d: d["files"].clear(), r"files must contain \['pyproject.toml'\]"),
    "another address": (
        lambda d: d["conda"][0].update(url="file:///c/noarch/six-1.16.0-py_0.conda"),
        "of another",
    ),
    "address of two lines": (
        lambda d: d["conda"][0].update(url="x\nfile:///six-1.17.0-py_0.conda"),
        "url must match pattern",
    ),
    "no hash": (lambda d: d["conda"][0].pop("sha256"), "no sha256 or md5"),
    "no such hash": (lambda d: d["conda"][0].update(sha256="b"), "sha256 must match pattern"),
    "version of the list": (
        lambda d: d["packages"][0].__setitem__(2, "1.16.0"),
        "differs from their records",
    ),
    "an option for a name": (
        lambda d: d["packages"][1].__setitem__(1, "--index-url=x"),
        "must match pattern",
    ),
    "an option for a group": (lambda d: d["groups"].append("--all"), "must match pattern"),
    "an option for an extra": (lambda d: d.update(extras=["--all"]), "must match pattern"),
    "an option for a Python": (lambda d: d.update(python="-x"), "must match pattern"),
}


@cases("alter, why", ALTERED)
def test_altered(root: Path, alter: Callable[[dict[str, Any]], object], why: str) -> None:
    data = document()
    alter(data)
    with pytest.raises(LabError, match=why) as caught:
        read(root, data)
    assert "env.export" in str(caught.value.remedy)
