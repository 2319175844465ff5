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
from tasks_lib.errors import ErrorCode, ExitCode
from tasks_lib.tasks import namespace
from tasks_lib.workflows.documentation import FOLDER, KINDS, pages

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from invoke.parser.argument import Argument
    from invoke.parser.context import ParserContext

_PART = re.compile(r"(?s)(<!-- made from the code[^>]*-->\n).*?(<!-- end -->\n)")
_SCHEMA = FOLDER.parent / "report" / "schema.json"
_SHARED = ("combo", "engine", "python", "dry-run", "offline", "strict", "json", "format", "output")
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
        "reference/checks.md": _checks(),
        "reference/exit-codes.md": _exit_codes(),
        "reference/errors.md": _errors(),
        "reference/json.md": _json(),
        "reference/configuration.md": _configuration(),
        "reference/variables.md": _variables(),
        "README.md": _list_of_pages(),
    }
    return {FOLDER / name: _replaced(_read(name), part) for name, part in parts.items()}


def _replaced(page: str, part: str) -> str:
    before, begin, end, after = _PART.split(page)
    return f"{before}{begin}\n{part}\n\n{end}{after}"


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table; a cell's line breaks and pipes are made harmless."""
    lines = [head, ["---"] * len(head), *rows]
    texts = []
    for line in lines:
        cells = [str(cell).replace("|", "\\|").replace("\n", " ") for cell in line]
        texts.append(f"| {' | '.join(cells)} |")
    return "\n".join(texts)


def _code(word: str) -> str:
    return f"`{word}`" if word else ""


def _tasks() -> str:
    """Return the options that many tasks share once, then each task with its own."""
    tasks = {str(task.name): task for task in namespace().to_contexts()}
    shared = {name: _help(tasks, name) for name in _SHARED}
    rows = [(f"`--{name}`", text) for name, text in shared.items()]
    blocks = ["## Options of many tasks", _table(("option", "meaning"), rows)]
    groups = dict.fromkeys(name.partition(".")[0] for name in tasks if "." in name)
    for group in ("", *groups):
        blocks.append(f"## {group or 'Tasks without a group'}")
        for name, task in tasks.items():
            if name.rpartition(".")[0] == group:
                blocks += _task(task, shared)
    return "\n\n".join(blocks)


def _help(tasks: Mapping[str, ParserContext], option: str) -> str:
    """Return what the first task that has an option says of it."""
    return str(next(task.args[option].help for task in tasks.values() if option in task.args))


def _task(task: ParserContext, shared: Mapping[str, str]) -> list[str]:
    """Return the blocks of one task: what it does, how it is typed, and its options."""
    name = str(task.name)
    own = [one for one in task.args.values() if shared.get(str(one.name)) != one.help]
    also = [_spelled(one) for one in task.args.values() if one not in own]
    words = [str(one.name).upper() for one in own if one.positional]
    typed = " ".join(("invoke", name, *words))
    blocks = [f"### {name}", str(namespace()[name].__doc__), f"`{typed}`"]
    if own:
        rows = [(_spelled(one), one.help or "", _default(one)) for one in own]
        blocks.append(_table(("option", "meaning", "default"), rows))
    if also:
        blocks.append(f"Also: {', '.join(also)}.")
    return blocks


def _spelled(option: Argument) -> str:
    """Return how an option is written: the word of an argument, then the long and short flag."""
    names = sorted(option.names, key=len, reverse=True)
    flags = [f"--{name}" if len(name) > 1 else f"-{name}" for name in names]
    words = [str(option.name).upper()] if option.positional else []
    return ", ".join(map(_code, (*words, *flags)))


def _default(option: Argument) -> str:
    if option.positional:
        return "required"
    return _code(option.default) if isinstance(option.default, str) else ""


def _checks() -> str:
    blocks = []
    for check, row in registry.KNOWN.items():
        heading = f"## {registry.family(check)}"
        if heading not in blocks:
            blocks.append(heading)
        facts = (
            f"- Passes when: {row.title}.",
            f"- Severity: {row.severity}.",
            f"- Why: {row.why}",
            f"- Remedy: {row.remedy}.",
        )
        blocks += [f"### {check}", "\n".join(facts)]
    return "\n\n".join(blocks)


def _exit_codes() -> str:
    return _table(("code", "meaning"), [(int(code), _EXIT_CODES[code]) for code in ExitCode])


def _errors() -> str:
    rows = [(_code(code.value), int(code.exit_code), code.meaning) for code in ErrorCode]
    return _table(("code", "exit code", "meaning"), sorted(rows))


def _json() -> str:
    schema = json.loads(_SCHEMA.read_text(encoding="utf-8"))
    tables = ("## The document", _keys(schema), "## A result", _keys(schema["$defs"]["result"]))
    return "\n\n".join(tables)


def _keys(schema: dict[str, Any]) -> str:
    """Return the table of an object's keys."""
    rows = []
    for name, value in schema["properties"].items():
        always = "always" if name in schema["required"] else "sometimes"
        rows.append((f"`{name}`", _kind(value), always, value.get("description", "")))
    return _table(("key", "value", "present", "meaning"), rows)


def _kind(value: dict[str, Any]) -> str:
    """Return what a value of the schema can be, in words."""
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return ", ".join(map(_code, value["enum"]))
    if "oneOf" in value:
        keys = value["oneOf"][-1]["properties"]
        return f"object with {', '.join(map(_code, keys))}; or null"
    if value["type"] == "array":
        return f"list of {value['items'].get('type', 'result')}s"
    kinds = value["type"] if isinstance(value["type"], list) else [value["type"]]
    return " or ".join(kinds)


def _configuration() -> str:
    """Return an example with every key of `[tool.mlops-lab]`, and what each means."""
    lines, rows, table = ["```toml"], [], ""
    for one in SETTINGS:
        if "key" not in one:
            continue
        parent, _, name = f"tool.mlops-lab.{one['key']}".rpartition(".")
        if parent != table:
            lines += ["", f"[{parent}]"] if table else [f"[{parent}]"]
            table = parent
        lines.append(f"{name} = {one['example']}")
        words = [_code(one.get(column, "")) for column in ("key", "flag", "variable")]
        rows.append((*words, one["meaning"]))
    head = ("key", "option", "variable", "meaning")
    return "\n".join((*lines, "```", "", _table(head, rows)))


def _variables() -> str:
    rows = [(_code(one["variable"]), one["meaning"]) for one in SETTINGS if "variable" in one]
    return _table(("variable", "meaning"), sorted(rows))


def _list_of_pages() -> str:
    blocks = []
    for kind in KINDS:
        lines = [
            f"- [{page.title}]({kind}/{page.topic}.md): {page.about}"
            for page in pages()
            if page.kind == kind
        ]
        blocks += [f"## {kind.capitalize()}", "\n".join(lines)]
    return "\n\n".join(blocks)
