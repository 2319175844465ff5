"""Turn a function into an Invoke task: its own options, the shared ones, and the exit code."""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from invoke.exceptions import Exit
from invoke.tasks import Task

from tasks_lib.cli.request import Request, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from invoke.context import Context

    from tasks_lib.session.session import Answer


@dataclass(frozen=True)
class Option:
    """An option that many tasks have; one whose default is `False` takes no value."""

    help: str
    default: str | bool | None = False


#: the options that may be given again
_LISTS = {"extra"}
#: The shared options.
SHARED = {
    "dry_run": Option(help="print the commands of exactly this plan, and change nothing"),
    "combo": Option("pip_poetry, pip_uv, conda_poetry or conda_uv", ""),
    "engine": Option(
        "what makes a conda environment: auto, conda, mamba, micromamba or rattler", ""
    ),
    "python": Option("the Python to use, e.g. 3.12", ""),
    "strict": Option(help="count a warning as a failure"),
    "offline": Option(help="take what is needed from the caches alone"),
    "json": Option(help="answer with one JSON document on stdout: short for --format json"),
    "format": Option("text, json, junit, sarif, github, markdown or html", ""),
    "output": Option(
        "write that format to this file, and the text (or the JSON of --json) to stdout", ""
    ),
    "trust": Option(help="run this repository's code where that is needed, from now on"),
    "extra": Option(
        "install this extra of the project too, from now on; may be given again, or several with "
        "commas ('' for none)",
        None,
    ),
    "no_dev": Option(help="leave out the groups that are installed unasked, from now on"),
    "dev": Option(help="install these groups again"),
    "project": Option("work in this folder, as if that were typed there", ""),
    "quiet": Option(help="print what went wrong, and what was asked for, and no more"),
}
#: The short options: each letter means the same for every task, and Invoke's own are -h, -l, -D, -F
#: and -V. What removes something or trusts someone has none.
SHORT = {
    "combo": "c",
    "dry_run": "d",
    "engine": "e",
    "format": "f",
    "group": "g",
    "json": "j",
    "output": "o",
    "python": "p",
    "quiet": "q",
    "strict": "s",
}
EVERYWHERE = ("project", "quiet")
PROJECT = ("combo", "engine", "trust")
ANSWER = ("json", "format", "output")
CHANGES = ("dry_run", "offline")
SELECTION = ("extra", "no_dev", "dev")


class LabTask(Task[Any]):
    """A task that is carried out by the runner.

    Its function takes a session, a progress, the task's own options, and those of the `shared` ones
    that it wants to see.
    """

    def __init__(
        self,
        work: Callable[..., Answer],
        request: Request,
        shared: Sequence[str],
        *,
        source: str = "",
        behind: str = "",
        former: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        """Keep what every run of the task has in common.

        `source` names the own option that is the request's `source`, `behind` what the task takes
        behind `--`, and `former` its options by names that they had; `settings` are Invoke's.
        """
        self.request = request
        self.source = source
        self.behind = behind
        self.former = former or {}
        self.shared = [name for name in SHARED if name in shared]
        _session, _progress, *self.seen = inspect.signature(work).parameters.values()
        self.texts = dict(settings.get("help") or {})  # Invoke forgets them as it reads them
        words = [one.name for one in self.seen if one.default is one.empty]
        words = [name for name in words if name not in settings.get("iterable", ())]
        super().__init__(work, positional=words, auto_shortflags=False, **settings)

    def argspec(self, body: Callable[..., Any]) -> inspect.Signature:
        """Return the parameters of which Invoke makes options: own ones, then shared ones."""
        del body
        own = [one for one in self.seen if one.name not in self.shared]
        keyword = inspect.Parameter.POSITIONAL_OR_KEYWORD
        shared = [
            inspect.Parameter(name, keyword, default=SHARED[name].default) for name in self.shared
        ]
        return inspect.Signature([*own, *shared])

    def arg_opts(self, name: str, default: str, taken_names: set[str]) -> dict[str, Any]:
        """Return what Invoke makes an option of, with its short name."""
        found = super().arg_opts(name, default, taken_names)
        found["help"] = self.texts.get(name)
        if found.get("kind") is list:
            found["default"] = []
        found["names"] = [*found["names"], *SHORT.get(name, "")]
        return found

    def __call__(self, context: Context, **options: Any) -> None:
        """Answer for the task with these options; what Invoke itself calls a dry run is one too."""
        from tasks_lib.cli import runner

        if "dry_run" in options and context.config.run.dry:
            options["dry_run"] = True
        shared = {name: options[name] for name in self.shared}
        seen = {one.name: options[one.name] for one in self.seen}
        is_dry_run = shared.pop("dry_run", False)
        request = replace(
            self.request,
            changes=self.request.changes and not is_dry_run,
            trusts=self.request.trusts and not is_dry_run,
            source=options.get(self.source, ""),
            **shared,
        )
        finish(
            runner.answer(request, lambda session, progress: self.body(session, progress, **seen))
        )


def lab_task(
    command: str,
    *,
    scope: Scope = Scope.PROJECT,
    changes: bool = False,
    is_for_eval: bool = False,
    trusts: bool | None = None,
    also: Sequence[str] = (),
    without: Sequence[str] = (),
    help: dict[str, str] | None = None,
    **settings: Any,
) -> Callable[[Callable[..., Answer]], LabTask]:
    """Return a decorator that makes a task of a function.

    The shared options are those for the task's `scope` and its answer, and those for what it
    `changes`; `also` adds further ones, `without` leaves some out. `help` explains the own ones.
    `is_for_eval` is that of the request.
    A task that changes something runs code of the repository, unless `trusts` is false.
    """
    names = {*also, *ANSWER, *EVERYWHERE}
    if scope is not Scope.ANYWHERE:
        names.update(PROJECT)
    if changes:
        names.update(CHANGES)
    names -= {*without}
    runs_code = changes if trusts is None else trusts
    request = Request(command, scope, changes=changes, is_for_eval=is_for_eval, trusts=runs_code)
    texts = {name: SHARED[name].help for name in names} | (help or {})
    name = command.rpartition(".")[2]
    settings["iterable"] = [*settings.get("iterable", ()), *sorted(names & _LISTS)]

    def make(work: Callable[..., Answer]) -> LabTask:
        return LabTask(work, request, tuple(names), name=name, help=texts, **settings)

    return make


def finish(code: int) -> None:
    """Leave Invoke with `code`, or go on to the next task where it is 0."""
    if code:
        raise Exit(code=code)


def behind_dashes() -> list[str]:
    """Return the words behind `--` on the command line: Invoke joins them into one string."""
    return sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
