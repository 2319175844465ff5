"""Where Jupyter looks for kernels, which are ours, and which variables one has."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib.environments import jupyter
from tasks_lib.environments.base import Activation
from tests.cases import cases

if TYPE_CHECKING:
    import pytest


@cases(
    "variables, system, folder",
    {
        "Linux": ({}, "linux", "HOME/.local/share/jupyter"),
        "XDG": ({"XDG_DATA_HOME": "/data"}, "linux", "/data/jupyter"),
        "an empty XDG": ({"XDG_DATA_HOME": ""}, "linux", "HOME/.local/share/jupyter"),
        "named": ({"JUPYTER_DATA_DIR": "/j", "XDG_DATA_HOME": "/data"}, "linux", "/j"),
        "an empty name": ({"JUPYTER_DATA_DIR": ""}, "linux", "HOME/.local/share/jupyter"),
        "macOS": ({"XDG_DATA_HOME": "/data"}, "darwin", "HOME/Library/Jupyter"),
        "Windows": ({"APPDATA": "/roaming"}, "win32", "/roaming/jupyter"),
        "Windows without": ({"APPDATA": ""}, "win32", "HOME/.jupyter/data"),
        "no platform's": ({"JUPYTER_PLATFORM_DIRS": "off"}, "darwin", "HOME/Library/Jupyter"),
    },
)
def test_the_folder_of_the_users_data(
    variables: dict[str, str], system: str, folder: str, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    """By `jupyter_data_dir` of jupyter_core 5.9.1."""
    monkeypatch.setattr(sys, "platform", system)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert str(jupyter.data_folder()) == folder.replace("HOME", str(home))


def test_the_platforms_own_folder(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("XDG_DATA_HOME", str(home))
    assert jupyter.data_folder() == home / "jupyter"


def _described(project: str, **more: object) -> dict[str, Any]:
    return {
        "argv": ["/p/bin/python", "-m", "ipykernel_launcher"],
        "display_name": "Mine",
        "metadata": {"mlops-lab": {"project": project}},
        **more,
    }


@cases(
    "text",
    {
        "another program's": json.dumps(_described("/p", metadata={"debugger": True})),
        "no metadata": '{"argv": ["python"], "display_name": "x"}',
        "no command": json.dumps(_described("/p", argv=[])),
        "numbers": json.dumps(_described("/p", argv=[3])),
        "a list": "[1]",
        "no JSON": "{",
        "deep": "[" * 100_000,
    },
)
def test_what_is_not_ours_is_left_alone(tmp_path: Path, text: str) -> None:
    for name, content in (("ours", json.dumps(_described("/p"))), ("theirs", text)):
        (tmp_path / "kernels" / name).mkdir(parents=True)
        (tmp_path / "kernels" / name / "kernel.json").write_text(content)
    (tmp_path / "kernels" / "none").mkdir()
    (tmp_path / "kernels" / "file").write_text("")
    (found,) = jupyter.listed(tmp_path / "kernels")
    assert (found.name, found.python, found.project) == ("ours", Path("/p/bin/python"), Path("/p"))


def test_what_a_link_in_the_environment_leads_to_is_left_alone(tmp_path: Path, venv: Path) -> None:
    root, outside = venv.parent, tmp_path / "outside"
    (outside / "kernels" / "x").mkdir(parents=True)
    (outside / "kernels" / "x" / "kernel.json").write_text(json.dumps(_described(str(root))))
    (venv / "share").mkdir()
    (venv / "share" / "jupyter").symlink_to(outside)
    assert jupyter.of_project(root, venv) == []
    (venv / "share" / "jupyter").unlink()
    (venv / "share" / "jupyter" / "kernels").mkdir(parents=True)
    (venv / "share" / "jupyter" / "kernels" / "x").symlink_to(outside / "kernels" / "x")
    assert jupyter.of_project(root, venv) == []


@cases(
    "sourced, path",
    {
        "no script": ({}, "/e$$/bin:${PATH}"),
        "a script": ({"PATH": "/own:/e$/bin:/usr/bin:/bin"}, "/own:/e$$/bin:${PATH}"),
        "at the end": ({"PATH": "/e$/bin:/usr/bin:/bin:/own"}, "/e$$/bin:${PATH}:/own"),
        "all its own": ({"PATH": "/e$/bin"}, "/e$$/bin"),
    },
)
def test_variables_of_a_kernel(sourced: dict[str, str], path: str) -> None:
    """For jupyter_client, `$$` is a dollar and `${PATH}` the variable as a kernel starts."""
    given = {"CONDA_PREFIX": "/e$", "GONE": None, "PRICE": "5"}
    activation = Activation(Path("/e$"), Path("/e$/bin/python"), (Path("/e$/bin"),), given)
    assert os.environ["PATH"] == "/usr/bin:/bin"
    found = jupyter.variables(activation, {"PRICE": "$6", **sourced})
    assert found == {
        "PYTHONPATH": "",
        "PYTHONHOME": "",
        "VIRTUAL_ENV": "/e$$",
        "CONDA_PREFIX": "/e$$",
        "PRICE": "$$6",
        "PATH": path,
    }


def test_gone(tmp_path: Path) -> None:
    assert jupyter.is_gone(tmp_path / "none")
    (tmp_path / "file").touch()
    assert jupyter.is_gone(tmp_path / "file" / "inside")
    assert not jupyter.is_gone(tmp_path / ("x" * 300))
    assert not jupyter.is_gone(tmp_path)
