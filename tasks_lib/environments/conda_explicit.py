"""Link exactly the packages of a list: a description's, or a lock's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tasks_lib.execution import failures, shell_words
from tasks_lib.execution.files import write
from tasks_lib.execution.plan import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from tasks_lib.environments.conda import Conda
    from tasks_lib.execution.process import Command, Outcome
    from tasks_lib.results import Result

_LIST = "env.explicit"


def write_list(path: Path, packages: Sequence[Mapping[str, Any]]) -> None:
    """Write a list of packages that conda links without solving: addresses, with their MD5."""
    rows = ["@EXPLICIT"]
    for record in packages:
        md5 = record.get("md5")
        rows.append(f"{record['url']}#{md5}" if md5 else record["url"])
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, "\n".join(rows).encode())


def from_description(listed: Path, description: Path) -> str:
    """Return what a user types for `write_list` with the packages of a description."""
    rows = '"@EXPLICIT", (.conda[] | .url + if .md5 then "#" + .md5 else "" end)'
    words = ["jq", "-r", rows, str(description)]
    return f"{shell_words.joined(words)} > {shell_words.joined([str(listed)])}"


def steps(  # noqa: PLR0913 - what is linked, and how that is shown
    environment: Conda,
    source: Path,
    packages: Callable[[], Sequence[Mapping[str, Any]]],
    make: Callable[[Command], Step],
    shown: Callable[[Path, Path], str] = from_description,
    *,
    new: bool = True,
) -> tuple[Step, ...]:
    """Return the steps in which the engine links `packages`, which the file `source` lists.

    `make` returns the step of the engine's command. A command line reads a list of its own kind,
    which is written first, and for which a user would type what is `shown`.
    """
    prefix, maker = environment.prefix, environment.maker
    if not maker.is_cli:
        return (make(maker.explicit(prefix, environment.file, source, new=new)),)
    listed = prefix.with_name(f".{environment.name}.explicit.txt")
    link = make(maker.explicit(prefix, environment.file, listed, new=new))

    def undo() -> None:
        listed.unlink(missing_ok=True)
        if link.undo:
            link.undo()

    def read(outcome: Outcome) -> Iterable[Result]:
        listed.unlink(missing_ok=True)
        if link.reads:
            return link.reads(outcome)
        failures.demand(outcome, title=link.title)
        return ()

    written = Step(
        _LIST,
        "write conda's explicit list",
        work=lambda: write_list(listed, packages()),
        shown=shown(listed, source),
        needs=tuple(name for name in link.needs if name != _LIST),
    )
    return (written, replace(link, reads=read, undo=undo))
