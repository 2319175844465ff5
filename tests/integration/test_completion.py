"""Completion in real shells: installed by one command, used with the tab key, removed again."""

from __future__ import annotations

import os
import pty
import select
import shlex
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from tests.lab import ENTRY, PYTHON, Case, tools

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.lab import Lab

pytestmark = pytest.mark.processes

_FILES = {"bash": ".bashrc", "zsh": ".zshrc", "fish": ".config/fish/config.fish"}
_MINE = "# mine\n"
_SECONDS = 30
#: what is typed before the tab key, and the line after it
TYPED = {
    "mlops-lab check.com": "mlops-lab check.compat",
    "mlops-lab setup --off": "mlops-lab setup --offline",
    "mlops-lab setup --combo conda_u": "mlops-lab setup --combo conda_uv",
    "mlops-lab deps.add --group de": "mlops-lab deps.add --group dev",
    "mlops-lab deps.why click-de": "mlops-lab deps.why click-default-group",
    "mlops-lab env.list --name my-": "mlops-lab env.list --name my-venv",
}


@pytest.fixture(params=_FILES)
def shell(request: pytest.FixtureRequest) -> str:
    """Name a shell that is on this machine."""
    name: str = request.param
    if shutil.which(name) is None:
        pytest.skip(f"there is no {name} on this machine")
    return name


@pytest.fixture
def lab(new_lab: Callable[[Case], Lab], tmp_path: Path) -> Iterator[Lab]:
    """Yield a lab with an active environment `my-venv`, and a program `mlops-lab` on PATH."""
    lab = new_lab(Case("pip_uv"))
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "mlops-lab"
    program.write_text(
        f'#!/bin/sh\nexec {shlex.quote(PYTHON)} {shlex.quote(str(ENTRY))} "$@"\n', encoding="utf-8"
    )
    program.chmod(0o755)
    lab.env["PATH"] = f"{folder}:{lab.env['PATH']}"
    own = lab.project / "my-venv"
    subprocess.run(
        [str(tools() / "uv"), "venv", "--quiet", str(own)], env=lab.env, cwd=lab.project, check=True
    )
    lab.env |= {"WORKON_HOME": str(lab.home / "none"), "VIRTUAL_ENV": str(own), "TERM": "dumb"}
    yield lab
    shutil.rmtree(lab.home)


def test_a_tab_key_completes_in_a_real_shell_until_it_is_undone(lab: Lab, shell: str) -> None:
    file = lab.home / _FILES[shell]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(_MINE, encoding="utf-8")
    install = ("completion", "--shell", shell)
    lab.ok(*install)
    installed = file.read_bytes()
    assert installed.startswith(_MINE.encode())
    lab.ok(*install)
    assert file.read_bytes() == installed
    show = completions if shell == "fish" else line
    for typed, wanted in TYPED.items():
        assert wanted in show(lab, shell, typed, wanted)
    lab.ok(*install, "--undo")
    assert file.read_text(encoding="utf-8") == _MINE


def completions(lab: Lab, shell: str, typed: str, _: str) -> str:
    """Ask fish, which has a command for that."""
    argv = [shell, "--interactive", "-c", f"complete --do-complete {shlex.quote(typed)}"]
    return f"{typed.rpartition(' ')[0]} {lab.run(argv).stdout}"


def line(lab: Lab, shell: str, typed: str, wanted: str) -> str:
    """Press the tab key in a terminal, and return the line after it."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(lab.project)
        os.execvpe(shell, [shell, "-i"], {**lab.env, "PS1": "> "})  # noqa: S606 - no shell in between
    try:
        os.write(terminal, f"PS1='ready '; {typed}\t".encode())
        return _read(terminal, wanted)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)


def _read(terminal: int, until: str) -> str:
    said, end = "", time.monotonic() + _SECONDS
    while until not in said and time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            said += os.read(terminal, 4096).decode(errors="replace")
    return said
