"""A command is what a user types into their own shell, which reads each word as it was meant."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tasks_lib.errors import Remedy
from tasks_lib.execution import shell_words
from tasks_lib.execution.process import Command
from tasks_lib.report import remedies
from tests.cases import cases

ROOT = Path(__file__).parents[3]
SHELLS = ("bash", "zsh", "fish", "powershell", "cmd")
#: a word, and how each of these shells is told it
WORDS = (
    ("plain-1.0", "plain-1.0", "plain-1.0", "plain-1.0", "plain-1.0", "plain-1.0"),
    ("a b", "'a b'", "'a b'", "'a b'", "'a b'", '^"a b^"'),
    ("", "''", "''", "''", "''", '^"^"'),
    ("it's", """'it'"'"'s'""", """'it'"'"'s'""", r"'it\'s'", "'it''s'", """^"it's^\""""),
    ("=ls", "=ls", "'=ls'", "=ls", "=ls", '^"=ls^"'),
    ("~", "'~'", "'~'", "'~'", "'~'", '^"~^"'),
    ("$(id)", "'$(id)'", "'$(id)'", "'$(id)'", "'$(id)'", '^"$^(id^)^"'),
    (r"\'", r"""'\'"'"''""", r"""'\'"'"''""", r"'\\\''", r"'\'''", '^"\\\'^"'),
    ("%PATH%", "%PATH%", "%PATH%", "'%PATH%'", "'%PATH%'", '^"^%PATH^%^"'),
    ("@x,y", "@x,y", "@x,y", "@x,y", "'@x,y'", '^"@x,y^"'),
    ("-a.b", "-a.b", "-a.b", "-a.b", "'-a.b'", "-a.b"),
    ('"&\\', "'\"&\\'", "'\"&\\'", "'\"&\\\\'", "'\"&\\'", r'^"\^"^&\\^"'),
    ("\u2019;", "'\u2019;'", "'\u2019;'", "'\u2019;'", "'\u2019\u2019;'", '^"\u2019;^"'),
)


@pytest.mark.parametrize("row", WORDS, ids=[repr(row[0]) for row in WORDS])
def test_a_word_is_quoted_by_the_rules_of_its_shell(row: tuple[str, ...]) -> None:
    word, *expected = row
    for shell, quoted in zip(SHELLS, expected, strict=True):
        assert shell_words.joined(["x", word], shell) == f"x {quoted}"


@pytest.mark.processes
@pytest.mark.parametrize("shell", ["bash", "dash", "zsh", "fish"])
def test_a_real_shell_reads_the_word_that_was_meant(shell: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"there is no {shell} on this machine")
    name = {"dash": "bash"}.get(shell, shell)
    for word in (
        *(row[0] for row in WORDS),
        "a\nb",
        "*",
        "#",
        "!1",
        "{a,b}",
        "[a]",
        "^a^b",
        "%self",
    ):
        line = shell_words.joined(["printf", "%s|", word], name)
        done = subprocess.run([program, "-c", line], capture_output=True, check=True)
        assert done.stdout.decode() == f"{word}|"


def test_a_program_in_a_folder_with_a_space_is_called_and_not_shown() -> None:
    assert shell_words.joined(["/a b/python", "-m", "x"], "powershell") == "& '/a b/python' -m x"


def test_a_line_break_that_cmd_cannot_hold_leaves_the_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shell_words, "_parent", lambda: "cmd")
    assert str(remedies.typable(Remedy("Do it", ("x", "a b")))) == 'Do it: x ^"a b^"'
    assert shell_words.joined(["x", "a\nb & calc"]) == ""
    assert str(remedies.typable(Remedy("Do it", ("x", "a\nb & calc")))) == "Do it"


@cases(
    "command, expected",
    {
        "quoted": (
            Command(("uv", "add", "a b")),
            {"bash": "uv add 'a b'", "cmd": 'uv add ^"a b^"'},
        ),
        "sorted": (
            Command(("uv",), env={"UV_B": "x y", "UV_A": "1", "UV_C": None}),
            {
                "bash": "UV_A=1 UV_B='x y' uv",
                "powershell": "$Env:UV_A = '1'; $Env:UV_B = 'x y'; uv",
                "cmd": "set UV_A=1& set UV_B=x y& uv",
            },
        ),
        "a setting of mamba's": (
            Command(("mamba",), env={"MAMBA_OFFLINE": "true"}),
            {
                "bash": "MAMBA_OFFLINE=true mamba",
                "powershell": "$Env:MAMBA_OFFLINE = 'true'; mamba",
                "cmd": "set MAMBA_OFFLINE=true& mamba",
            },
        ),
        "a variable of a user's": (
            Command(("uv",), env={"KEY": "hunter2"}),
            {
                "bash": "KEY=*** uv",
                "powershell": "$Env:KEY = '***'; uv",
                "cmd": "set KEY=***& uv",
            },
        ),
        "the PATH of the machine": (
            Command(("uv",), env={"PATH": f"/a b/bin{os.pathsep}/usr/bin"}),
            {
                "bash": "PATH='/a b/bin':$PATH uv",
                "fish": "PATH='/a b/bin':\"$PATH\" uv",
                "powershell": "$Env:PATH = '/a b/bin' + ':' + $Env:PATH; uv",
                "cmd": "set PATH=/a b/bin;%PATH%& uv",
            },
        ),
    },
)
@pytest.mark.parametrize("shell", SHELLS)
def test_a_command_is_shown_as_a_user_types_it(
    command: Command, expected: dict[str, str], shell: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    assert shell_words.shown(command, shell) == expected.get(shell, expected["bash"])


@cases(
    "shell, path, written",
    {
        "bash": ("bash", "PATH=$PATH:'/a b'", "printf '%s\\n' 'x y' >> '/a b'"),
        "zsh": ("zsh", "PATH=$PATH:'/a b'", "printf '%s\\n' 'x y' >> '/a b'"),
        "fish": ("fish", "set PATH $PATH '/a b'", "printf '%s\\\\n' 'x y' >> '/a b'"),
        "powershell": ("powershell", f"$Env:PATH += '{os.pathsep}/a b'", ""),
        "cmd": ("cmd", "set PATH=%PATH%;/a b", ""),
    },
)
def test_a_folder_of_programs_and_a_written_file(shell: str, path: str, written: str) -> None:
    assert shell_words.with_path("/a b", shell) == path
    words = ["printf", "%s\\n", "x y"]
    assert shell_words.written(words, Path("/a b"), behind=True, shell=shell) == written


@cases(
    "variables, expected",
    {
        "nothing": ({}, "bash"),
        "bash": ({"SHELL": "/bin/bash"}, "bash"),
        "zsh": ({"SHELL": "/usr/local/bin/zsh"}, "zsh"),
        "fish": ({"SHELL": "/usr/bin/fish"}, "fish"),
        "pwsh": ({"SHELL": "/usr/bin/pwsh"}, "powershell"),
        "unknown": ({"SHELL": "/bin/tcsh"}, "bash"),
        "Git bash": (
            {"SHELL": r"C:\Program Files\Git\usr\bin\bash.exe", "COMSPEC": "cmd.exe"},
            "bash",
        ),
        "cmd": ({"ComSpec": r"C:\Windows\system32\cmd.exe"}, "cmd"),
        "cmd's own": (
            {"COMSPEC": "cmd.exe", "PSModulePath": r"C:\Program Files\x;C:\Windows\y"},
            "cmd",
        ),
        "PowerShell on Windows": (
            {"COMSPEC": "cmd.exe", "PSMODULEPATH": r"C:\Users\me;C:\Program Files\x;C:\Windows\y"},
            "powershell",
        ),
    },
)
def test_the_shell_is_detected(variables: dict[str, str], expected: str) -> None:
    assert shell_words.named(variables) == expected


@pytest.mark.processes
@pytest.mark.skipif(os.name != "posix", reason="Windows says it in variables")
@pytest.mark.parametrize(
    ("parent", "expected"),
    [("fish", "fish"), ("zsh", "zsh"), ("dash", "bash"), ("tcsh", "tcsh"), ("script", "zsh")],
)
def test_the_shell_is_the_one_that_started_this_run(
    tmp_path: Path, parent: str, expected: str
) -> None:
    """The programs are bash under another name: what counts is the process' own name."""
    for name in {parent, "zsh"}:
        (tmp_path / name).symlink_to(shutil.which("bash") or "")
    look = "from tasks_lib.execution import shell_words; print(shell_words.of_user())"
    inner = f'{tmp_path / parent} -c \'"$@"; true\' x "$@"; true'
    argv = [str(tmp_path / "zsh"), "-c", inner, "x", sys.executable, "-c", look]
    env = {**os.environ, "SHELL": "/bin/bash", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected
