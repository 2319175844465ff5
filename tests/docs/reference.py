"""Make the parts of the documentation that come from the code.

Such a part stands between two comments: `<!-- made from the code … -->` and `<!-- end -->`.
"""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib.checks import registry
from tasks_lib.cli import command_line
from tasks_lib.cli.request import Scope
from tasks_lib.cohort import grading, settings
from tasks_lib.environments import ENVIRONMENTS
from tasks_lib.errors import ErrorCode, ExitCode
from tasks_lib.managers import MANAGERS
from tasks_lib.tasks import namespace
from tasks_lib.tasks.adapter import LabTask
from tasks_lib.workflows import auditing
from tasks_lib.workflows.documentation import FOLDER, pages

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from invoke.parser.argument import Argument
    from invoke.parser.context import ParserContext

    from tasks_lib.results import Check
    from tasks_lib.tools.variables import Variables

_PART = re.compile(r"(?s)(<!-- made from the code[^>]*-->\n).*?(<!-- end -->\n)")
_SCHEMA = FOLDER.parent / "report" / "schema.json"
_SHARED = (
    "combo",
    "engine",
    "python",
    "dry-run",
    "offline",
    "strict",
    "trust",
    "project",
    "quiet",
    "json",
    "format",
    "output",
)
_EXIT_CODES = {
    ExitCode.DONE: "Done. Every check passed; warnings are allowed unless `--strict` is given.",
    ExitCode.CHECK_FAILED: "A check failed.",
    ExitCode.BAD_REQUEST: "The request or a manifest is wrong.",
    ExitCode.TOOL_MISSING: "A tool that is needed is missing.",
    ExitCode.TOOL_FAILED: "A tool failed that mlops-lab ran.",
    ExitCode.GUARD_REFUSED: "The guard refused. Nothing was changed.",
    ExitCode.INTERRUPTED: "The run was interrupted.",
}
SETTINGS: list[dict[str, str]] = tomllib.loads(
    Path(__file__).with_name("settings.toml").read_text(encoding="utf-8")
)["setting"]


def written() -> dict[Path, str]:
    """Return the text that each page with such a part should have."""
    parts = {
        "reference/tasks.md": _tasks(),
        "reference/checks.md": _checks((*registry.KNOWN.values(), *auditing.CHECKS)),
        "reference/cohort-checks.md": _checks(grading.CHECKS),
        "reference/exit-codes.md": _exit_codes(),
        "reference/errors.md": _errors(),
        "reference/json.md": _json(),
        "reference/configuration.md": _configuration(),
        "reference/cohort-toml.md": _cohort_toml(),
        "reference/roster.md": _roster(),
        "reference/variables.md": _variables(),
        "reference/tool-variables.md": _tool_variables(),
        "explanation/trust.md": _trust(),
        "README.md": _list_of_pages(),
    }
    return {FOLDER / name: _replaced(_read(name), part) for name, part in parts.items()}


def _replaced(page: str, part: str) -> str:
    before, begin, end, after = _PART.split(page)
    return f"{before}{begin}\n{part}\n\n{end}{after}"


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table; a pipe in a cell does not end it."""
    lines = [_row(head), _row(["---"] * len(head))]
    lines += map(_row, rows)
    return "\n".join(lines)


def _row(cells: Sequence[object]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def _code(word: object) -> str:
    return f"`{word}`" if word else ""


def _tasks() -> str:
    """Return the options that many tasks share once, then each task with its own."""
    tasks = namespace().to_contexts()
    shared = {}
    rows = []
    for name in _SHARED:
        example = next(task for task in tasks if name in task.args)
        shared[name] = str(example.args[name].help)
        rows.append((_flags(example.args[name]), shared[name]))
    blocks = ["## Options of many tasks", _table(("option", "meaning"), rows)]
    group = None
    for task in sorted(tasks, key=_group):
        if _group(task) != group:
            group = _group(task)
            blocks.append(f"## {group or 'Tasks without a group'}")
        blocks += _task(task, shared)
    return "\n\n".join(blocks)


def _group(task: ParserContext) -> str:
    return str(task.name).rpartition(".")[0]


def _task(task: ParserContext, shared: Mapping[str, str]) -> list[str]:
    """Return the blocks of one task: what it does, how it is typed, and its options."""
    behind = getattr(namespace()[str(task.name)], "behind", "")
    typed = f"invoke {task.name}{command_line.usage(task, behind)}"
    rows = []
    also = []
    for option in task.args.values():
        name = str(option.name)
        if shared.get(name) == option.help:
            also.append(_flags(option))
        elif option.positional:
            required = "" if task.name in command_line.DEFAULT_WORDS else "required"
            rows.append(
                (f"`{command_line.shown(option)}`, {_flags(option)}", option.help, required)
            )
        else:
            rows.append((_flags(option), option.help, _code(option.default or "")))
    blocks = [f"### {task.name}", str(namespace()[str(task.name)].__doc__), f"`{typed}`"]
    if rows:
        blocks.append(_table(("option", "meaning", "default"), rows))
    if also:
        blocks.append(f"Also: {', '.join(also)}.")
    return blocks


def _flags(option: Argument) -> str:
    """Return the long and the short flag of an option."""
    long, *short = sorted(option.names, key=len, reverse=True)
    return ", ".join([_code(f"--{long}"), *[_code(f"-{name}") for name in short]])


def _checks(checks: Iterable[Check]) -> str:
    blocks = []
    for row in checks:
        heading = f"## {row.family}"
        if heading not in blocks:
            blocks.append(heading)
        facts = (
            f"- Passes when: {row.title}.",
            f"- Severity: {row.severity}.",
            f"- Why: {row.why}",
            f"- Remedy: {row.remedy}.",
        )
        blocks += [f"### {row.id}", "\n".join(facts)]
    return "\n\n".join(blocks)


def _exit_codes() -> str:
    return _table(("code", "meaning"), [(int(code), _EXIT_CODES[code]) for code in ExitCode])


def _errors() -> str:
    rows = [(_code(code.value), int(code.exit_code), code.meaning) for code in ErrorCode]
    return _table(("code", "exit code", "meaning"), sorted(rows))


def _json() -> str:
    schema = json.loads(_SCHEMA.read_text(encoding="utf-8"))
    document = _keys(schema["properties"])
    result = _keys(schema["$defs"]["result"]["properties"])
    return f"## The document\n\n{document}\n\n## A result\n\n{result}"


def _keys(properties: Mapping[str, Any]) -> str:
    rows = []
    for name, value in properties.items():
        rows.append((_code(name), value["description"]))
    return _table(("key", "value"), rows)


def _configuration() -> str:
    rows = []
    for one in SETTINGS:
        if "key" in one:
            others = _code(one.get("flag", "")), _code(one.get("variable", ""))
            rows.append((_code(one["key"]), *others, one["meaning"]))
    return _table(("key", "option", "variable", "meaning"), rows)


def _cohort_toml() -> str:
    """Return a table of the file's own keys, and one for each table in it."""
    schema = settings.schema()["properties"]
    blocks = [_keys_of_toml(schema)]
    for name, value in schema.items():
        table = value.get("items", value)
        if "properties" in table:
            head = f"[[{name}]]" if "items" in value else f"[{name}]"
            blocks += [f"## {head}", value["description"], _keys_of_toml(table["properties"])]
    return "\n\n".join(blocks)


def _roster() -> str:
    """Return the table of the columns."""
    schema = settings.schema("roster")
    rows = []
    for name, value in schema["properties"].items():
        needed = "needed" if name in schema["required"] else ""
        rows.append((_code(name), value["title"], needed, value["description"]))
    return _table(("column", "value", "", "meaning"), rows)


def _keys_of_toml(properties: Mapping[str, Any]) -> str:
    rows = []
    for name, value in properties.items():
        if "properties" not in value.get("items", value):
            default = _code(json.dumps(value["default"])) if "default" in value else ""
            rows.append((_code(name), value["title"], default, value["description"]))
    return _table(("key", "value", "without it", "meaning"), rows)


def _variables() -> str:
    rows = [(_code(one["variable"]), one["meaning"]) for one in SETTINGS if "variable" in one]
    return _table(("variable", "meaning"), sorted(rows))


def tables() -> list[Variables]:
    """Return the table of variables of each tool."""
    found: list[Variables] = []
    for manager in MANAGERS.values():
        found += manager.variables
    for layer in ENVIRONMENTS.values():
        found += layer.variables
    return found


def _tool_variables() -> str:
    """Return a table for each tool, with a row for what happens to variables of one effect."""
    rows: dict[str, list[tuple[str, str, str]]] = {}
    for table in tables():
        for row in table.rows:
            names = [_code(f"{table.prefix}{name}") for name in row.names.split()]
            rows.setdefault(table.tool, []).append((row.effect, " ".join(names), row.use.value))
    head = ("effect", "variables", "what happens")
    return "\n\n".join(f"## {tool}\n\n{_table(head, found)}" for tool, found in rows.items())


def _trust() -> str:
    """Return which tasks say that the user trusts a checkout, and which only look at it."""
    kinds: dict[tuple[bool, bool], list[str]] = {}
    tasks = namespace()
    for name in tasks.task_names:
        task = tasks[name]
        if isinstance(task, LabTask) and task.request.scope is not Scope.ANYWHERE:
            kind = task.request.trusts, task.request.changes and task.request.trusts
            kinds.setdefault(kind, []).append(_code(task.request.command))
    rows = [
        ("say that you trust the checkout", ", ".join(sorted(kinds[True, True]))),
        ("run its code, and are not remembered", ", ".join(sorted(kinds[True, False]))),
        ("say nothing of trust", ", ".join(sorted(kinds[False, False]))),
    ]
    return _table(("without `--dry-run`, these", "tasks"), rows)


def _list_of_pages() -> str:
    lines = []
    kind = ""
    for page in pages():
        if page.kind != kind:
            kind = page.kind
            lines += ["", f"## {kind.capitalize()}", ""]
        lines.append(f"- [{page.title}]({kind}/{page.topic}.md): {page.about}")
    return "\n".join(lines[1:])
