"""The variables of the tools: each that a tool has is in its table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tasks_lib.execution.process import FOREIGN, Command, run
from tasks_lib.managers.poetry_variables import POETRY
from tasks_lib.tools import executables
from tasks_lib.tools.pip_variables import PIP
from tasks_lib.tools.uv_variables import UV
from tasks_lib.tools.variables import Row, Use, Variables
from tests.docs import reference

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLES = reference.tables()
#: every command of uv that a task runs, and some beside them
UV_COMMANDS = (
    "", "lock", "sync", "add", "remove", "export", "build", "publish", "venv", "pip install",
    "pip uninstall", "pip list", "pip check", "python find", "python list", "cache dir", "run",
)  # fmt: skip


@pytest.mark.processes
def test_every_variable_that_uv_documents_is_in_its_table() -> None:
    found = set()
    for command in UV_COMMANDS:
        said = run(Command((executables.uv(), "help", *command.split()), env={"PAGER": "cat"}))
        found |= set(re.findall(r"\[env: (UV_\w+)", said.stdout))
    assert len(found) > 50
    assert {name for name in found if not UV.classifies(name)} == set()


def test_every_variable_in_uvs_own_file_is_in_its_table() -> None:
    """In the program the names stand without a separator, so their beginnings are compared."""
    content = Path(executables.uv()).read_bytes()
    known = tuple(name.rstrip("*") for name in UV.named(*Use))
    names = [word.decode() for word in set(re.findall(rb"UV_[A-Z][A-Z_]{3,}[A-Z]", content))]
    strange = {name for name in names if not name.startswith(known)}
    # cut off by the compiler, or the beginning of several
    assert {one for one in strange if not any(name.startswith(one[:-1]) for name in known)} == set()
    assert len(names) > 50


def test_every_setting_of_poetry_is_in_its_table() -> None:
    from poetry.config.config import Config  # noqa: PLC0415 - slow to import
    from poetry.console.commands.config import ConfigCommand  # noqa: PLC0415 - see above

    def keys(table: dict[str, Any], above: str = "") -> Iterator[str]:
        for key, value in table.items():
            if isinstance(value, dict) and value:
                yield from keys(value, f"{above}{key}.")
            else:
                yield f"{above}{key}"

    names = {*keys(Config.default_config), *ConfigCommand().unique_config_values}
    assert len(names) > 20
    variables = {f"POETRY_{re.sub('[.-]', '_', name).upper()}" for name in names}
    assert {name for name in variables if not POETRY.classifies(name)} == set()


def test_every_option_of_pip_is_in_its_table() -> None:
    from pip._internal.commands import commands_dict, create_command  # noqa: PLC0415 - slow to import

    names = set()
    for command in commands_dict:
        for option in create_command(command).parser.option_list_all:
            names |= {f"PIP_{re.sub('-', '_', one[2:]).upper()}" for one in option._long_opts}  # noqa: SLF001 - optparse has no other way
    assert len(names) > 80
    assert {name for name in names if not PIP.classifies(name)} == set()


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.prefix or table.tool)
def test_each_variable_has_one_use(table: Variables) -> None:
    names = list(table.named(*Use))
    assert len(names) == len(set(names))
    assert not {name for name in FOREIGN if table.classifies(name)}


ROWS = (
    Row(Use.UNSET, "", "PROJECT GROUP_*"),
    Row(Use.DECIDED, "", "CLEAR"),
    Row(Use.ENVIRONMENT, "", "PYTHON"),
    Row(Use.KEPT, "", "INDEX GROUPS"),
    Row(Use.PERSONAL, "", "FILE"),
)


def test_what_is_kept_stays_and_what_is_not_set_is_not_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = Variables("tool", "TOOL_", ROWS)
    assert table.unset() == {}
    for name in ("PROJECT", "GROUP_A", "CLEAR", "PYTHON", "INDEX", "GROUPS", "FILE", "OTHER"):
        monkeypatch.setenv(f"TOOL_{name}", "1")
    unset = {"TOOL_PROJECT": None, "TOOL_GROUP_A": None, "TOOL_CLEAR": None, "TOOL_PYTHON": None}
    assert table.unset() == unset
    assert sorted(table.ignored()) == ["TOOL_GROUP_A", "TOOL_PROJECT"]
    monkeypatch.setenv("TOOL_PROJECT", "False")
    assert table.ignored() == ["TOOL_GROUP_A"]
