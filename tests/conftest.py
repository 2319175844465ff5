"""What unit and contract tests share: no stray process, no settings, a project of their own."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from tasks_lib.execution import process, shell_words
from tasks_lib.project.project import Project

if TYPE_CHECKING:
    from tasks_lib.execution.process import Command

# so in a shell's background, and each process that is started here inherits it
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

TESTS = Path(__file__).parent
#: What a machine or an activated environment may set for conda, uv, pip, Poetry or mlops-lab.
_SETTINGS = (
    "CONDA",
    "MAMBA",
    "MLOPS_LAB_",
    "UV_",
    "PIP_",
    "POETRY_",
    "VIRTUAL_ENV",
    "XDG_",
    "PYTHONPATH",
    "PYTHONHOME",
)
_MINIMAL = (
    '[project]\nname = "demo"\nversion = "0.1.0"\nrequires-python = ">=3.11"\ndependencies = []\n'
)


class MakeProject(Protocol):
    """Write manifests in the test's own folder and load them as a project."""

    def __call__(  # noqa: PLR0913 - each is one thing that a test may set
        self,
        pyproject: str = _MINIMAL,
        conda: str | None = None,
        *,
        python: str = "",
        engine: str = "rattler",
        combo: str = "",
        offline: bool = False,
        files: dict[str, str] | None = None,
        variables: dict[str, str] | None = None,
    ) -> Project:
        """Return the project; `files` are further ones, `variables` replace those of the test."""


def _is_hermetic(path: Path) -> bool:
    """Return whether a test is in a folder whose tests start no process."""
    return not {"unit", "contract"}.isdisjoint(path.relative_to(TESTS).parts)


@pytest.fixture(autouse=True)
def _no_process(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse to start a process from a unit or contract test that is not marked `processes`."""
    if not _is_hermetic(request.path) or request.node.get_closest_marker("processes"):
        return

    def refuse(command: Command, *, piped: bool, kept: tuple[int, ...] = ()) -> None:
        del kept
        text = f"an unmarked test would start {command.argv} ({piped=})"
        raise AssertionError(text)

    monkeypatch.setattr(process, "_start", refuse)


@pytest.fixture(autouse=True)
def _no_settings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide this machine's home, settings and conda from a unit or contract test."""
    if not _is_hermetic(request.path):
        return
    folder: Path = request.getfixturevalue("tmp_path") / "my projét"
    home = folder.parent / "home"
    for name in os.environ:
        if name.startswith(_SETTINGS):
            monkeypatch.delenv(name)
    for made in (folder, home):
        made.mkdir()
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / ".config"))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(home / "etc"))
    monkeypatch.setenv("PATH", os.pathsep.join(("/usr/bin", "/bin")))
    monkeypatch.setenv("SHELL", "/bin/bash")
    monkeypatch.setattr(shell_words, "_parent", lambda: "")
    monkeypatch.chdir(folder)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return the test's own home folder."""
    return tmp_path / "home"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the folder that a test starts in; its name has a space and an accent."""
    return tmp_path / "my projét"


@pytest.fixture
def project(root: Path) -> MakeProject:
    """Return the function that creates projects."""

    def make(  # noqa: PLR0913 - as above
        pyproject: str = _MINIMAL,
        conda: str | None = None,
        *,
        python: str = "",
        engine: str = "rattler",
        combo: str = "",
        offline: bool = False,
        files: dict[str, str] | None = None,
        variables: dict[str, str] | None = None,
    ) -> Project:
        texts = {
            "pyproject.toml": pyproject,
            **({} if conda is None else {"conda.yml": conda}),
            **(files or {}),
        }
        for name, text in texts.items():
            (root / name).write_text(text, encoding="utf-8")
        return Project.load(
            root,
            os.environ if variables is None else variables,
            combo=combo,
            python=python,
            engine=engine,
            offline=offline,
        )

    return make
