"""What should not be in a hand-in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tasks_lib.cohort.repository import Repository
from tasks_lib.cohort.tree_checks import look
from tasks_lib.results import Status
from tests.cases import cases

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = "ghp_" + "a" * 36


@cases(
    "files, expected",
    {
        "a sound one": ({"pyproject.toml": "", "src/demo/__init__.py": ""}, {}),
        "a virtual environment": (
            {".venv/pyvenv.cfg": "", ".venv/lib/__pycache__/x.pyc": ""},
            {"files.environment": "It has an environment: .venv."},
        ),
        "a conda environment": (
            {"env/conda-meta/history": ""},
            {"files.environment": "It has an environment: env."},
        ),
        "caches": (
            {"src/__pycache__/x.pyc": "", "nb/.ipynb_checkpoints/a": ""},
            {"files.caches": "It has caches: nb/.ipynb_checkpoints, src/__pycache__."},
        ),
        "a password": (
            {"pyproject.toml": '\n[[tool.uv.index]]\nurl = "https://ada:pw@x.example/simple"\n'},
            {"files.logins": "pyproject.toml has a login in an address."},
        ),
        "a token": (
            {"requirements.txt": f"x @ git+https://{TOKEN}@github.com/a/x\n"},
            {"files.logins": "requirements.txt has a login in an address."},
        ),
        "a thousand tokens that are none": (
            {"requirements.txt": f"://ghp_{'A' * 100_000}/@"},
            {},
        ),
        "a name over SSH is no login": (
            {"requirements.txt": "x @ git+ssh://git@github.com/a/x\n"},
            {},
        ),
        "a variable is no login": (
            {"conda.yml": "channels: ['https://ada:${PASSWORD}@x.example/c']\n"},
            {},
        ),
        "an address in an email is no login": (
            {"pyproject.toml": 'authors = [{email = "a@b.example"}]\nurl = "https://b.example"\n'},
            {},
        ),
    },
)
def test_look(tmp_path: Path, files: dict[str, str], expected: dict[str, str]) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = [one for one in look(Repository(tmp_path)) if one.status is not Status.PASS]
    assert {one.id: one.detail for one in found} == expected


def test_a_large_file(tmp_path: Path) -> None:
    for name, size in (("small.bin", 50 << 20), ("large.bin", (50 << 20) + 1)):
        (tmp_path / name).touch()
        os.truncate(tmp_path / name, size)
    found = {one.id: one for one in look(Repository(tmp_path))}
    assert found["files.size"].detail == "Larger than 50 MiB: large.bin."
