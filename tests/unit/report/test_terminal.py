"""What a terminal shows: words are whole, commands can be pasted, colours are as wanted."""

from __future__ import annotations

import io
import os
import re
import sys
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from tasks_lib.cli.startup_error import refuse
from tasks_lib.errors import ExitCode, Remedy
from tasks_lib.execution.streams import cells, folded
from tasks_lib.report import pager, renderer
from tasks_lib.report import show as show_report
from tasks_lib.results import Report, Result, Status
from tasks_lib.workflows import documentation
from tests.cases import cases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

termios = pytest.importorskip("termios", reason="this system has no pseudo-terminals")

TEXT = "The environment .venv was made for the project in /home/student/another project, not this."
REMEDY = Remedy(
    "Make one of this project's own", ("invoke", "setup", "--name", "a name", "--recreate")
)
SHOWN = "invoke setup --name 'a name' --recreate"
REPORT = Report(
    "check.all",
    "/p",
    (
        Result("a.b", Status.PASS, "every package that the lock lists is installed", seconds=1.26),
        Result("a.c", Status.FAIL, "the environment is its own", TEXT, REMEDY, "pyproject.toml", 3),
    ),
    code=ExitCode.CHECK_FAILED,
    data={
        "plan": [
            {"why": "create the virtual environment that the project names", "command": SHOWN}
        ],
        "rows": [
            {
                "name": "click-default-group",
                "version": "1.2.4",
                "path": "/home/student/lib/python3.11",
            },
            {"name": "six", "version": "", "path": "/home/student/lib"},
        ],
        "remedy": REMEDY,
    },
)
AT_40 = f"""\
✓ every package that the lock
  lists is installed  1.3 s
✗ the environment is its own
    pyproject.toml:3: The environment
    .venv was made for the project in
    /home/student/another project, not
    this.
    next: Make one of this project's
    own:
    {SHOWN}
# create the virtual environment that
# the project names
{SHOWN}
click-default-group
    version: 1.2.4
    path: /home/student/lib/python3.11
six
    path: /home/student/lib
remedy: Make one of this project's own:
    {SHOWN}
1 of 2 failed (exit code 1)
"""


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., int]]:
    """Return what makes stdout and stderr a terminal of a width, and returns its other end."""
    opened: list[int] = []
    streams: list[TextIO] = []
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr(sys, "argv", ["invoke"])

    def opens(columns: int = 80, **variables: str) -> int:
        ours, theirs = os.openpty()
        opened.append(ours)
        termios.tcsetwinsize(theirs, (24, columns))
        stream = os.fdopen(theirs, "w", encoding="utf-8")
        streams.append(stream)
        monkeypatch.setattr(sys, "stdout", stream)
        monkeypatch.setattr(sys, "stderr", stream)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        return ours

    yield opens
    monkeypatch.undo()
    for stream in streams:
        stream.close()
    for one in opened:
        os.close(one)


def shown(report: Report, ours: int) -> str:
    """Return what is printed of a report on a terminal, with lines as a file has them."""
    show_report(report, "text")
    return os.read(ours, 1 << 16).decode().replace("\r\n", "\n")


def test_at_40_columns_words_and_commands_are_whole(terminal: Callable[..., int]) -> None:
    ours = terminal(80, COLUMNS="40", NO_COLOR="1", TERM="dumb")
    assert shown(REPORT, ours) == AT_40


def test_a_table_that_fits_stays_one(terminal: Callable[..., int]) -> None:
    ours = terminal(80, COLUMNS="80", NO_COLOR="1")
    said = re.sub("\x1b\\[[0-9;]*m", "", shown(REPORT, ours))
    assert "\nname                 version  path\nclick-default-group  1.2.4    /home" in said
    assert "    next: Make one of this project's own:\n    invoke setup" in said


@pytest.mark.parametrize("columns", [0, 1, 20, 40, 80])
def test_no_word_is_broken_at_any_width(columns: int) -> None:
    text = f"{TEXT} Type `python3 -m pip cache purge`, or wait.\n    indented {TEXT}"
    lines = folded(text, columns, "    ").split("\n")
    words = [word for line in lines for word in line.split()]
    assert words == text.split()
    assert any("`python3 -m pip cache purge`," in line for line in lines)
    for line in lines:
        assert len(line) <= columns or len(line.split(maxsplit=1)) == 1 or "`" in line


@cases(
    "text, columns",
    {
        "letters": ("naïve", 5),
        "CJK": ("環境", 4),
        "half width": ("ｱｲ", 2),
        "an emoji": ("🐍 py", 5),
        "a mark on a letter": ("e\u0301", 1),
        "joined": ("a\u200db", 2),
        "a check mark and a dash": ("✓ —", 3),
    },
)
def test_columns_of_a_terminal(text: str, columns: int) -> None:
    """By UAX #11, and as `wcswidth` of glibc 2.36 counts."""
    assert cells(text) == columns


def test_wide_letters_are_folded_where_the_terminal_ends() -> None:
    folder = "課題の環境"  # ten columns
    assert folded(f"{folder} {folder} {folder} {folder}", 30).split("\n") == [
        f"{folder} {folder}",
        f" {folder} {folder}".lstrip(),
    ]


_CODE = re.compile("(?<!`)`([^`\n]+)`(?!`)")
_TABLE = """\
| to | type |
| --- | --- |
| run a command in it | `invoke env.run -- python train.py` ([more](x.md)) |

- Where the item is long, `invoke deps.add NAME --layer conda` is whole.
"""
_TABLE_AT_40 = """\
run a command in it
    type:
    invoke env.run -- python train.py
    (more)

 • Where the item is long,
   invoke deps.add NAME --layer conda is
   whole.
"""


def _page(text: str, width: int) -> str:
    out = Console(file=io.StringIO(), width=width, color_system=None)
    pager.print_page(out, text)
    return str(out.file.getvalue())  # type: ignore[attr-defined]  # it is the StringIO above


def test_a_page_at_40_columns() -> None:
    lines = _page(_TABLE, 40).strip("\n").splitlines()
    assert [line.rstrip() for line in lines] == _TABLE_AT_40.splitlines()
    assert "run a command in it  invoke env.run -- python train.py (more)" in _page(_TABLE, 80)


def test_no_command_of_a_page_is_broken() -> None:
    for page in documentation.pages():
        shown = _page(page.text, 40).splitlines()
        prose = re.sub("(?s)```.*?```", "", page.text)
        for code in _CODE.findall(prose):
            text = code.replace("\\|", "|")
            assert any(text in line for line in shown), (page.topic, code)


def test_a_refusal_leaves_its_command_whole(terminal: Callable[..., int]) -> None:
    ours = terminal(40, COLUMNS="40")
    code = refuse(
        ["x"],
        "There is no task or option named 'x'.",
        code="c",
        exit_code=2,
        remedy=(*REMEDY[:2], SHOWN),
    )
    assert code == 2
    assert os.read(ours, 1 << 16).decode().replace("\r\n", "\n") == (
        "mlops-lab: There is no task or option\nnamed 'x'. Next: Make one of this\nproject's own:\n"
        f"{SHOWN}\n"
    )


#: Select Graphic Rendition with a colour: 30 to 49 and 90 to 107 (ECMA-48)
COLOUR = re.compile("\x1b\\[[0-9;]*(?<![0-9])(3|4|9|10)[0-9]")


@cases(
    "variables, is_coloured",
    {
        "a terminal": ({}, True),
        "NO_COLOR": ({"NO_COLOR": "1"}, False),
        "an empty NO_COLOR counts as none": ({"NO_COLOR": ""}, True),
        "NO_COLOR before FORCE_COLOR": ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        "a dumb terminal": ({"TERM": "dumb"}, False),
        "CLICOLOR_FORCE": ({"CLICOLOR_FORCE": "1", "TERM": "dumb"}, False),
    },
)
def test_colours_are_for_who_wants_them(
    variables: dict[str, str], is_coloured: bool, terminal: Callable[..., int]
) -> None:
    said = shown(REPORT, terminal(80, **variables))
    assert bool(COLOUR.search(said)) is is_coloured


def test_a_forced_colour_in_a_pipe_folds_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = renderer("text")(REPORT)
    for term in ("xterm", "dumb"):
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("TERM", term)
        made = renderer("text")(REPORT)
        assert bool(COLOUR.search(made)) is (term == "xterm")
        assert re.sub("\x1b\\[[0-9;]*m", "", made) == plain
    assert capsys.readouterr().out == ""
