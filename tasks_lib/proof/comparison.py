"""What proofs say beside each other: one cell for each, and what a page and its charts show of them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich import filesize

from tasks_lib.proof import claims, document
from tasks_lib.report.tables import Table
from tasks_lib.results import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

#: who owns what is installed, from the ground up; a seed is what a virtual environment is made with
OWNERS = ("conda", "seed", "lock", "project", "stray")
_NONE = "—"


@dataclass(frozen=True)
class Cell:
    """One cell of the matrix: its proof, or what became of it where it left none that can be believed."""

    combo: str
    engine: str
    python: str  # without the last number
    platform: str = ""
    proof: Mapping[str, Any] = field(default_factory=dict, hash=False)
    problem: str = ""

    @property
    def label(self) -> str:
        """Name it for a person."""
        return " ".join(filter(None, (self.combo, self.engine, self.python, self.platform)))

    @property
    def status(self) -> Status:
        """Give its verdict."""
        return (
            Status(self.proof["verdict"]["status"])
            if self.proof and not self.problem
            else Status.ERROR
        )

    @property
    def seconds(self) -> float:
        """Give how long it took."""
        return float(self.proof.get("seconds", 0))

    @property
    def disk(self) -> int:
        """Give the bytes of what is installed."""
        return sum(self.sizes.values())

    @property
    def installed(self) -> dict[str, tuple[str, str, int]]:
        """Give version, owner and bytes of each name."""
        seeds = self.proof.get("seeds", ())
        return {
            one["name"]: (one["version"], claims.owner(one, seeds), one["bytes"] or 0)
            for one in self.proof.get("installed", ())
        }

    @property
    def sizes(self) -> dict[str, int]:
        """Give the bytes that each owner has there."""
        found = dict.fromkeys(OWNERS, 0)
        for _, owner, number in self.installed.values():
            found[owner] += number
        return {owner: number for owner, number in found.items() if number}

    def reasons(self) -> Iterator[tuple[str, str, str]]:
        """Give what did not come out well: the word for it, the claim, and why."""
        if self.problem:
            yield Status.ERROR, "the proof", self.problem
        for claim in self.proof.get("verdict", {}).get("claims", ()):
            if claim["status"] not in {Status.PASS, Status.SKIP}:
                yield claim["status"], claim["title"], claim["reason"]
        for one in (self.proof.get("second") or {}).get("differences", ()):
            yield (
                "differs",
                one["name"],
                f"first {one['first'] or _NONE}, second {one['second'] or _NONE}",
            )

    def steps(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Give each step, and below it its parts, with its number."""
        for number, step in enumerate(self.proof.get("steps", ()), 1):
            yield str(number), step
            for inner, part in enumerate(step["parts"], 1):
                yield f"{number}.{inner}", part


def read(paths: Iterable[Path]) -> list[Cell]:
    """Read proofs; the platform is named where there are several, as is the number of one that is there again."""
    proofs = [document.load(path) for path in paths]
    platforms = [
        f"{proof['platform']['system']} {proof['platform']['machine']}" for proof in proofs
    ]
    several, seen, cells = len(set(platforms)) > 1, Counter[tuple[str, ...]](), []
    for proof, platform in zip(proofs, platforms, strict=True):
        key = (proof["combo"], proof["engine"], minor(proof["python"]))
        seen[*key, platform] += 1
        again = f"#{seen[*key, platform]}" if seen[*key, platform] > 1 else ""
        problem = (
            "" if document.digest(proof) == proof["digest"] else "it was changed after it was made"
        )
        cells.append(
            Cell(*key, " ".join(filter(None, (platform if several else "", again))), proof, problem)
        )
    return cells


def ordered(cells: Iterable[Cell]) -> list[Cell]:
    """Put neighbours together: a combo's engines, and an engine's Pythons in their order."""
    return sorted(
        cells, key=lambda cell: (cell.combo, cell.engine, cell.platform, _number(cell.python))
    )


def minor(python: Mapping[str, str]) -> str:
    """Give the Python's version without its last number, or what was asked for where none was made."""
    return ".".join((python["version"] or python["asked"]).split(".")[:2])


def _number(python: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", python)]


def matrix(cells: Sequence[Cell]) -> tuple[list[str], list[tuple[list[str], list[Cell | None]]]]:
    """Give the heads of the matrix, and for each row its own heads and a cell for each Python, where there is one."""
    pythons = sorted({cell.python for cell in cells}, key=_number)
    rows: dict[tuple[str, str, str], dict[str, Cell]] = defaultdict(dict)
    for cell in cells:
        rows[cell.combo, cell.engine, cell.platform][cell.python] = cell
    named = 3 if any(cell.platform for cell in cells) else 2
    heads = [*("combo", "engine", "system")[:named], *(f"Python {one}" for one in pythons)]
    return heads, [
        ([*key[:named]], [row.get(python) for python in pythons]) for key, row in rows.items()
    ]


def facts(cells: Sequence[Cell]) -> dict[str, str]:
    """Give what the proofs say of themselves as a whole, each thing once."""
    proofs = [cell.proof for cell in cells if cell.proof]
    made = sorted(proof["made"] for proof in proofs)
    systems = [
        f"{one['system']} {one['machine']}, {one['libc']}, {one['cores']} cores, {size(one['memory_bytes'])}"
        for one in (proof["platform"] for proof in proofs)
    ]
    return {
        "project": ", ".join(dict.fromkeys(proof["project"]["name"] for proof in proofs)),
        "commit": ", ".join(dict.fromkeys(proof["project"]["commit"] or _NONE for proof in proofs)),
        "made": " to ".join(dict.fromkeys((*made[:1], *made[-1:]))),
        "system": "; ".join(dict.fromkeys(systems)),
        "tools": ", ".join(
            sorted({f"{name} {one}" for proof in proofs for name, one in proof["tools"].items()})
        ),
    }


def numbers(cells: Sequence[Cell]) -> Table:
    """Give the numbers of each cell."""
    columns = ("combo", "engine", "Python", "verdict", "seconds", "disk", "peak memory", "written")
    rows = [
        (
            *(
                cell.combo,
                " ".join(filter(None, (cell.engine, cell.platform))),
                cell.python,
                cell.status,
            ),
            *(f"{cell.seconds:.1f}", size(cell.disk)),
            size(
                max(
                    (step["peak_memory_bytes"] or 0 for step in cell.proof.get("steps", ())),
                    default=0,
                )
            ),
            size(sum(step["written_bytes"] or 0 for step in cell.proof.get("steps", ()))),
        )
        for cell in cells
    ]
    return Table("Numbers", columns, rows)


def size(number: int | None) -> str:
    """Write bytes for a person; none were measured where there are none."""
    return filesize.decimal(number) if number else _NONE


def reasons(cells: Sequence[Cell]) -> Table:
    """Give what did not come out well, and why."""
    rows = [(cell.label, *row) for cell in cells for row in cell.reasons()]
    return Table("What did not come out well", ("cell", "how", "what", "why"), rows)


def packages(cells: Sequence[Cell]) -> tuple[Table, Table]:
    """Give the packages that differ between cells, and those that are the same in all; equal sets share a column."""
    sets: dict[tuple[tuple[str, tuple[str, str]], ...], list[Cell]] = defaultdict(list)
    for cell in cells:
        if cell.proof:
            sets[tuple(sorted((name, one[:2]) for name, one in cell.installed.items()))].append(
                cell
            )
    found = [dict(one) for one in sets]
    differing, same = [], []
    for name in sorted({name for one in found for name in one}):
        shown = [one.get(name, (_NONE, "")) for one in found]
        words = [
            " ".join(filter(None, (version, owner and f"({owner})"))) for version, owner in shown
        ]
        versions = {version for version, _ in shown} - {_NONE}
        how = [
            *(["not in all"] if _NONE in words else []),
            *(["version differs"] if len(versions) > 1 else []),
            *(["owner differs"] if len({owner for _, owner in shown if owner}) > 1 else []),
        ]
        if how:
            differing.append((name, ", ".join(how), *words))
        else:
            same.append((name, words[0]))
    heads = ["\n".join(cell.label for cell in group) for group in sets.values()]
    return (
        Table("Packages that differ", ("package", "how", *heads), differing),
        Table("Packages that are the same in all", ("package", "version (owner)"), same),
    )
