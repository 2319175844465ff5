"""A child on a real terminal: nothing of this program is written there while it runs."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from typing import TYPE_CHECKING

import pytest

from tests.lab import PYTHON

if TYPE_CHECKING:
    from tests.lab import Lab

termios = pytest.importorskip("termios", reason="this system has no terminals")
pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")
pytestmark = pytest.mark.processes

_TIME = 30


def on_terminal(lab: Lab, *words: str, typed: str = "", columns: int = 80) -> str:
    """Run a task on a terminal of its own, type there, and return all that was written to it."""
    argv = lab.argv(*words, json=False)
    child, terminal = pty.fork()
    if child == 0:
        termios.tcsetwinsize(1, (24, columns))
        os.chdir(lab.project)
        env = {**lab.env, "TERM": "xterm"}
        os.execve(argv[0], argv, env)  # noqa: S606 - the terminal is what pty.fork is for
    os.write(terminal, typed.encode())
    said, until = b"", time.monotonic() + _TIME
    while time.monotonic() < until:
        try:
            said += os.read(terminal, 1 << 16)
        except OSError:  # the last process has closed it
            break
    os.close(terminal)
    os.waitpid(child, 0)
    return said.decode("utf-8", "replace")


def test_a_child_has_the_terminal_to_itself(lab: Lab) -> None:
    combo = ("--combo", "pip_uv")
    lab.ok("env.create", *combo)
    script = "printf BEGIN; sleep 0.7; printf END; test -t 0 && printf TTY"
    said = on_terminal(lab, "env.run", *combo, "--", "sh", "-c", script)
    assert re.search("BEGINENDTTY", said), repr(said)
    (lab.home / ".bashrc").write_text("PS1='$ '\nbind 'set enable-bracketed-paste off'\n")
    typed = "printf BE; printf GIN; sleep 0.7; printf E; printf ND\nexit 3\n"
    said = on_terminal(lab, "env.shell", *combo, "--shell", "bash", typed=typed)
    assert "BEGINEND" in said, repr(said)
    _, _, after = said.partition("BEGINEND")
    assert not re.search("[\u2800-\u28ff]|\x1b\\[2K|\x1b\\[1A", after), repr(after)


def test_at_40_columns_no_word_is_broken(lab: Lab) -> None:
    lab.env.pop("COLUMNS", None)
    said = on_terminal(lab, "env.list", "--combo", "pip_uv", columns=40)
    said = re.sub("\x1b\\[[0-9;?]*[A-Za-z]", "", said).replace("\r\n", "\n")
    assert (
        f".venv\n    kind: pip\n    state: absent\n    project: yes\n    path: {lab.prefix}\n"
        in said
    )
    said = on_terminal(lab, "check.all", "--comb", "pip_uv", columns=40)
    lines = [line for line in said.splitlines() if " " in line]
    assert all(len(line) <= 40 or line.startswith(PYTHON) for line in lines), lines


@pytest.mark.parametrize("columns", [24, 40])
@pytest.mark.parametrize("words", [("--help", "setup"), ("--list",)], ids=" ".join)
def test_help_fits_a_narrow_terminal(lab: Lab, words: tuple[str, ...], columns: int) -> None:
    lab.env.pop("COLUMNS", None)
    said = on_terminal(lab, *words, columns=columns)
    assert "setup" in said
    for line in said.splitlines():
        assert len(line) <= columns or len(line.split()) == 1 or line.startswith("  -"), said


@pytest.mark.skipif(sys.platform == "win32", reason="Windows says it in variables")
def test_the_script_is_for_the_shell_that_asks(lab: Lab) -> None:
    lab.ok("env.create", "--combo", "pip_uv")
    (lab.home / "fish").symlink_to(shutil.which("bash") or "")  # fish by its name
    argv = lab.argv("env.activate", "--combo", "pip_uv", json=False)
    shell = [str(lab.home / "fish"), "-c", '"$@"; true', "fish", *argv]
    assert "set -gx VIRTUAL_ENV" in lab.run(shell, env={"SHELL": "/bin/bash"}).stdout
