"""Link exactly the packages of a list: a description's, or a lock's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tasks_lib.execution import failures, process, shell_words
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


def in_the_way(
    environment: Conda, packages: Sequence[Mapping[str, Any]], *, others: bool = False
) -> list[str]:
    """Return the names of what has to be unlinked before packages are linked.

    That are other versions where the engine does not replace them, and all `others` if these go.
    """
    wanted = {one["name"]: f"{one['name']}-{one['version']}-{one['build']}" for one in packages}
    found = set()
    for path in environment.marker.glob("*.json"):
        name = path.stem.rsplit("-", 2)[0]
        is_other = name in wanted and path.stem != wanted[name]
        if (others and name not in wanted) or (is_other and not environment.maker.replaces):
            found.add(name)
    return sorted(found)


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

    def prepare() -> None:
        records = packages()
        write_list(listed, records)
        names = in_the_way(environment, records)
        if names:
            unlink = maker.unlink(prefix, environment.file, names)
            failures.demand(process.run(unlink), title=link.title)

    lines = [shown(listed, source)]
    if not new and (names := in_the_way(environment, packages())):
        lines.append(shell_words.shown(maker.unlink(prefix, environment.file, names)))
    written = Step(
        _LIST,
        "write conda's explicit list",
        work=prepare,
        shown="\n".join(lines),
        needs=tuple(name for name in link.needs if name != _LIST),
    )
    return (written, replace(link, reads=read, undo=undo))
