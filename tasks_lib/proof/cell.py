"""One cell of the matrix: its proof, or why there is none that can be believed."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from tasks_lib.errors import LabError
from tasks_lib.ownership.owners import Owner
from tasks_lib.project.version_ranges import minor
from tasks_lib.proof import claims, document
from tasks_lib.results import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    Proof = Mapping[str, Any]

#: who owns what is installed, from the ground up; a seed is what a virtual environment starts with
OWNERS = (Owner.CONDA, "seed", Owner.LOCK, "project", Owner.STRAY)
NONE = "—"
_NO_PROOF: Proof = {
    "seconds": 0,
    "seeds": [],
    "installed": [],
    "steps": [],
    "verdict": {"status": "error", "claims": []},
}


class Package(NamedTuple):
    """What an environment has of one name; `size` is bytes."""

    version: str
    owner: str
    size: int


@dataclass(frozen=True)
class Cell:
    """One combo, engine and Python (without its last number), and what was proven of them.

    `system` is empty where all cells are of one. `problem` says why no proof can be believed.
    """

    combo: str
    engine: str
    python: str
    system: str = ""
    proof: Proof = field(default_factory=lambda: _NO_PROOF, hash=False)
    problem: str = ""

    @property
    def label(self) -> str:
        """Return the cell's name for a reader."""
        return " ".join(filter(None, (self.combo, self.engine, self.python, self.system)))

    @property
    def has_proof(self) -> bool:
        """Return whether the session left a proof, be it believed or not."""
        return self.proof is not _NO_PROOF

    @property
    def status(self) -> Status:
        """Return the verdict, an error where it cannot be believed."""
        return Status.ERROR if self.problem else Status(self.proof["verdict"]["status"])

    @property
    def machine(self) -> str:
        """Return the system and the processor that the proof was made on."""
        return f"{self.proof['platform']['system']} {self.proof['platform']['machine']}"

    @property
    def seconds(self) -> float:
        """Return how long the session took."""
        return float(self.proof["seconds"])

    @property
    def installed(self) -> dict[str, Package]:
        """Return what is installed, by name."""
        seeds, found = self.proof.get("seeds", ()), {}
        for row in self.proof["installed"]:
            owner = claims.owner(row, seeds)
            found[row["name"]] = Package(row["version"], owner, row["bytes"] or 0)
        return found

    def size(self, *owners: str) -> int:
        """Return the bytes of what these owners have installed."""
        return sum(one.size for one in self.installed.values() if one.owner in owners)

    def reasons(self) -> Iterator[tuple[str, str, str]]:
        """Yield what did not come out well: the word for it, the claim, and why."""
        if self.problem:
            yield Status.ERROR, "the proof", self.problem
        for claim in self.proof["verdict"]["claims"]:
            if claim["status"] not in {Status.PASS, Status.SKIP}:
                yield claim["status"], claim["title"], claim["reason"]

    def steps(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield each step, and after it its parts, with its number."""
        for number, step in enumerate(self.proof["steps"], 1):
            yield str(number), step
            for inner, part in enumerate(step["parts"], 1):
                yield f"{number}.{inner}", part


def read(paths: Iterable[Path]) -> list[Cell]:
    """Read proofs. The system is named where there are several; a repeated cell is numbered."""
    cells = []
    for path in paths:
        try:
            cells.append(_of(document.load(path)))
        except LabError as error:
            error.file = error.file or str(path)
            raise
    several = len({cell.machine for cell in cells}) > 1
    seen: Counter[str] = Counter()
    for at, cell in enumerate(cells):
        named = replace(cell, system=cell.machine if several else "")
        seen[named.label] += 1
        if seen[named.label] > 1:
            named = replace(named, system=f"{named.system} #{seen[named.label]}".strip())
        cells[at] = named
    return cells


def _of(proof: Proof) -> Cell:
    claims.combo_of(proof["combo"])
    problem = ""
    if document.digest(proof) != proof["digest"]:
        problem = "it was changed after it was made"
    # what was requested, where none was made
    python = minor(proof["python"]["version"] or proof["python"]["asked"])
    return Cell(proof["combo"], proof["engine"], python, proof=proof, problem=problem)


def ordered(cells: Iterable[Cell]) -> list[Cell]:
    """Put neighbours together: a combo's engines, and an engine's Pythons in their order."""
    return sorted(cells, key=lambda one: (one.combo, one.engine, one.system, number(one.python)))


def number(python: str) -> list[int]:
    """Return a Python's version for sorting."""
    return [int(part) for part in re.findall(r"\d+", python)]
