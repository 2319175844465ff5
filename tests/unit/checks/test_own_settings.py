"""What `[tool.mlops-lab]` says in the manager's own words: what is missing, how it is written."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING

from tasks_lib.checks import own_settings
from tasks_lib.managers.poetry import Poetry
from tasks_lib.managers.uv import Uv
from tasks_lib.session.session import Session
from tasks_lib.workflows import own_settings as writing
from tests.cases import cases

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.conftest import MakeProject

MANIFEST = """\
[project]
name = "demo"
version = "1"
dependencies = ["torch>=2", "six"]  # of use

[project.optional-dependencies]
See = ["TorchVision"]

[dependency-groups]
ear = ["torchaudio"]

[tool.mlops-lab]
exclude-newer = "7 days"
torch = "{build}"
mirror = {{ pytorch = "https://torch.example/whl/" }}
"""
#: uv's documentation, 'Using uv with PyTorch'
UV = {
    "exclude-newer": "7 days",
    "index": [{"name": "pytorch", "url": "https://torch.example/whl/cpu", "explicit": True}],
    "sources": {name: {"index": "pytorch"} for name in ("torch", "torchvision", "torchaudio")},
}
#: Poetry's documentation, 'Repositories', 'Explicit Package Sources'
POETRY = {
    "source": [{"name": "pytorch", "url": "https://torch.example/whl/cpu", "priority": "explicit"}],
    "dependencies": {name: {"source": "pytorch"} for name in ("torch", "torchvision")},
    "group": {"ear": {"dependencies": {"torchaudio": {"source": "pytorch"}}}},
}


@cases("combo, wanted", {"uv": ("pip_uv", UV), "poetry": ("pip_poetry", POETRY)})
def test_all_is_written_once_and_the_build_is_changed_in_its_place(
    project: MakeProject, root: Path, combo: str, wanted: dict[str, object]
) -> None:
    path = root / "pyproject.toml"
    for build in ("cpu", "cu126"):
        text = path.read_text("utf-8") if build == "cu126" else MANIFEST.format(build="cpu")
        project(text.replace('torch = "cpu"', f'torch = "{build}"'))
        session = Session.open(combo=combo, start=root)
        assert own_settings.differences(session.manager)
        path.write_text(writing.text(session), "utf-8")
        session = Session.open(combo=combo, start=root)
        assert own_settings.differences(session.manager) == []
        assert writing.text(session) == path.read_text("utf-8")
        if build == "cpu":
            assert tomllib.loads(path.read_text("utf-8"))["tool"][session.manager.name] == wanted
    text = path.read_text("utf-8")
    assert text.startswith(MANIFEST.format(build="cu126").rstrip())
    assert text.count("https://torch.example/whl/c") == text.count("/whl/cu126") == 1


@cases(
    "tables, missing",
    {
        "an index of another name": (
            (
                "[[tool.uv.index]]\nname = 'mine'\nurl = 'https://torch.example/whl/cpu'\n"
                "[tool.uv.sources]\ntorch = {index = 'mine'}\n"
            ),
            [],
        ),
        "a list by platform": (
            (
                "[[tool.uv.index]]\nname = 'mine'\nurl = 'https://torch.example/whl/cpu/'\n"
                "[tool.uv.sources]\ntorch = [{index = 'mine', marker = \"os_name == 'posix'\"}]\n"
            ),
            [],
        ),
        "another place": ("[tool.uv.sources]\ntorch = {path = 'torch'}\n", ["index"]),
        "another build": (
            (
                "[[tool.uv.index]]\nname = 'pytorch'\nurl = 'https://torch.example/whl/cu126'\n"
                "[tool.uv.sources]\ntorch = {index = 'pytorch'}\n"
            ),
            ["index"],
        ),
        "what is no list": ("[tool.uv]\nindex = 3\n", ["index", "torch"]),
    },
)
def test_what_the_user_wrote_counts(project: MakeProject, tables: str, missing: list[str]) -> None:
    made = project(
        "[project]\nname = 'demo'\nversion = '1'\ndependencies = ['torch']\n[tool.mlops-lab]\n"
        f"torch = 'cpu'\nmirror = {{pytorch = 'https://torch.example/whl'}}\n{tables}"
    )
    assert [one.key[-1] for one in own_settings.differences(Uv(made))] == missing


@cases(
    "driver, build",
    {
        "none": ("", "cpu"),
        "as new as a build": ("12.6", "cu126"),
        "newer than a build": ("12.7", "cu126"),
        "newer than all": ("99.0", "cu130"),
        "older than all": ("9.0", "cpu"),
    },
)
def test_auto_takes_what_the_driver_runs_and_leaves_what_is_there(
    project: MakeProject, monkeypatch: pytest.MonkeyPatch, driver: str, build: str
) -> None:
    monkeypatch.setenv("CONDA_OVERRIDE_CUDA", driver)
    made = project(MANIFEST.format(build="auto"))
    for kind in (Uv, Poetry):
        manager = kind(made)
        found = {one.key: one.value for one in own_settings.differences(manager)}
        assert found[manager.tables.index_key]["url"] == f"https://torch.example/whl/{build}"
    text = "[[tool.uv.index]]\nname = 'pytorch'\nurl = 'https://torch.example/whl/cu118'\n"
    keys = [one.key for one in own_settings.differences(Uv(project(made.pyproject.text + text)))]
    assert Uv.tables.index_key not in keys
