"""Turn a function of a session into an Invoke task: the options that all tasks share, and the way out, stand here."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any

from invoke.context import Context
from invoke.exceptions import Exit
from invoke.tasks import Task, task

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks_lib.session.session import Answer

_HELP = {
    "combo": "pip_poetry, pip_uv, conda_poetry or conda_uv",
    "engine": "what makes a conda environment: auto, conda, mamba, micromamba or rattler",
    "json": "answer with one JSON document on stdout: short for --format json",
    "format": "text, json, junit, sarif, github, markdown or html",
    "output": "write that format to this file, and the text (or the JSON of --json) to stdout",
    "python": "the Python to use, e.g. 3.12",
    "dry_run": "print the commands of exactly this plan, and change nothing",
    "offline": "take what is needed from the caches alone",
    "strict": "count a warning as a failure",
    "group": "a dependency group of pyproject.toml",
    "shell": "bash, zsh, fish, powershell or cmd; found out if left out",
}
#: what the boundary takes, in the order by which Invoke gives out short names; all else is the task's own
_SHARED: dict[str, str | bool] = {
    **dict.fromkeys(("combo", "engine", "python"), ""),
    **dict.fromkeys(("strict", "offline", "json"), False),
    **dict.fromkeys(("format", "output"), ""),
}


def lab_task(
    command: str,
    *also: str,
    json: bool = True,
    changes: bool = False,
    project: bool = True,
    new: bool = False,
    help: dict[str, str] | None = None,
    **options: Any,
) -> Callable[[Callable[..., Answer]], Task[Any]]:
    """Make a task of a function that takes a session, a progress, and then the task's own options.

    `also` names further shared options (`python`, `strict`); `help` explains the task's own ones. One that `changes`
    the project has it for itself, but for a dry run. Without a `project` it works in any folder, and gets no session;
    a `new` one may have no manifest yet.
    """
    shared = {*also, *(("offline",) if changes else ())}
    shared |= {
        *(("combo", "engine") if project else ()),
        *(("json", "format", "output") if json else ()),
    }

    def make(work: Callable[..., Answer]) -> Task[Any]:
        own = list(inspect.signature(work).parameters.values())[2:]
        names = {one.name for one in own}

        def body(_: Context, **given: Any) -> None:
            from tasks_lib.cli import runner

            mine = {name: given[name] for name in names}
            asked = {name: given[name] for name in shared if name == "json" or name not in names}
            asked |= {"source": given["from_"]} if "from_" in given else {}
            asked |= {"changes": changes and not given["dry_run"], "project": project, "new": new}
            if "json" in names:  # the task has to know whether its answer is a document
                mine["json"] = given["json"] or given["format"] not in {"", "text"}
            finish(
                runner.answer(
                    command, lambda session, progress: work(session, progress, **mine), **asked
                )
            )

        keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD
        common = {name: default for name, default in _SHARED.items() if name in shared - names}
        parameters = [inspect.Parameter("context", keyword), *own]
        parameters += [
            inspect.Parameter(name, keyword, default=default) for name, default in common.items()
        ]
        body.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what Invoke reads
        body.__doc__, body.__name__, body.__module__ = work.__doc__, work.__name__, work.__module__
        known = {**_HELP, **(help or {})}
        texts = {one.name: known[one.name] for one in parameters if one.name in known}
        name = command.rpartition(".")[2]
        made: Task[Any] = task(name=name, help=texts, **options)(body)
        return made

    return make


def finish(code: int) -> None:
    """Leave Invoke with `code`, or go on to the next task where it is 0."""
    if code:
        raise Exit(code=code)


def behind_dashes() -> list[str]:
    """Give what stands behind `--` on the command line, word by word: Invoke joins it into one string."""
    return sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
