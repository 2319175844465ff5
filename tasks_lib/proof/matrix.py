"""Prove every combo with every engine and Python of this machine, several at once, and write one page of it."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib import bootstrap
from tasks_lib.environments import ENVIRONMENTS, conda_engines
from tasks_lib.errors import ErrorCode, ExitCode, LabError
from tasks_lib.execution import plan, usage
from tasks_lib.execution.plan import Step
from tasks_lib.execution.process import Command
from tasks_lib.proof import channel, page
from tasks_lib.proof import comparison as shown
from tasks_lib.proof.comparison import Cell
from tasks_lib.results import Result, Status, from_error
from tasks_lib.session import combos
from tasks_lib.session.session import Answer, planned
from tasks_lib.tools import executables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks_lib.execution.process import Outcome
    from tasks_lib.project.project import Project
    from tasks_lib.report.progress import Progress
    from tasks_lib.session.session import Session

#: what one proof may need at its peak: a solver, and the tool that started it
_MEMORY = 1_000_000_000


@dataclass(frozen=True)
class Choice:
    """What a person wants of the whole matrix; all of it where nothing is said."""

    combos: Sequence[str] = ()
    engines: Sequence[str] = ()
    pythons: Sequence[str] = ()
    jobs: str = ""
    channel: str = "auto"
    folder: str = ""


def run(session: Session, progress: Progress, choice: Choice, *, dry_run: bool = False) -> Answer:
    """Carry out the proofs, each in a process of its own; one that fails leaves the others alone."""
    channel.expect_mode(choice.channel)
    project = session.project
    folder = Path(choice.folder).absolute() if choice.folder else project.root / ".nox" / "proofs"
    wanted, left_out = chosen(project, choice)
    jobs = room(choice.jobs, len(wanted))
    files = {cell: folder / f"{cell.combo}-{cell.engine}-{cell.python}.json" for cell in wanted}
    made: dict[Cell, Cell] = {}

    def reads(cell: Cell, outcome: Outcome) -> list[Result]:
        made[cell], result = judged(cell, files[cell], outcome)
        progress.say(f"{result.status}: {cell.label}, {outcome.seconds:.1f} s")
        return [result]

    commands = {cell: _command(project, cell, choice.channel, file) for cell, file in files.items()}
    steps = [
        Step(_id(cell), command.why, command, reads=functools.partial(reads, cell), check=True)
        for cell, command in commands.items()
    ]
    if dry_run:
        return planned(steps)
    for file in files.values():
        file.unlink(missing_ok=True)
    progress.say(f"{len(steps)} proofs, {jobs} at once")
    results = [*plan.execute(steps, progress, at_once=jobs), *left_out]
    cells = shown.ordered(made[cell] for cell in wanted)
    data: dict[str, Any] = {"proofs": str(folder)}
    try:
        data |= page.write(cells, folder)
    except LabError as error:  # the proofs themselves are there
        results.append(from_error(error, title="draw the page"))
    table = shown.numbers(cells)
    return Answer(
        results,
        {"matrix": [dict(zip(table.columns, row, strict=True)) for row in table.rows], **data},
    )


def draw(places: Sequence[str], folder: str) -> Answer:
    """Write the page of proofs that were made before; a folder stands for all that lie in it."""
    given = [
        sorted(place.rglob("*.json")) if place.is_dir() else [place] for place in map(Path, places)
    ]
    paths = [path for found in given for path in found]
    if not paths:
        text = f"no proof lies in {', '.join(places)}."
        raise LabError(text, ErrorCode.INVALID_PROOF, remedy="make one: invoke proof.run")
    cells = shown.ordered(shown.read(paths))
    results = [
        Result(_id(cell), Status.PASS, f"draw {cell.label}: {cell.status}") for cell in cells
    ]
    return Answer(results, dict(page.write(cells, Path(folder))))


def chosen(project: Project, choice: Choice) -> tuple[list[Cell], list[Result]]:
    """Give the cells to prove, and why some combos have none; neighbours differ, so that few wait for one cache."""
    kinds = {
        name: combos.parse(name, "flag", "").environment for name in choice.combos or combos.names()
    }
    asked = [conda_engines.choose(name).name for name in choice.engines]
    pythons = _pythons(project, choice.pythons)
    cells, left_out = [], []
    for name, kind in kinds.items():
        layer = ENVIRONMENTS[kind]
        if not choice.combos and not layer.applies(project):
            why = f"the project has nothing to make the layer {kind} from"
            left_out.append(Result(f"proof.{name}", Status.SKIP, f"prove {name}", why))
            continue
        offered = layer.choices()
        taken = (
            [one for one in offered if not asked or one in asked]
            if offered
            else [layer(project).engine]
        )
        cells += [Cell(name, engine, python) for engine in taken for python in pythons]
    if not cells:
        text = "nothing of the matrix is left to prove."
        raise LabError(
            text, ErrorCode.NOTHING_TO_PROVE, remedy="leave out --engine, or choose another --only"
        )
    return sorted(cells, key=lambda cell: cell.python), left_out


def _pythons(project: Project, asked: Sequence[str]) -> list[str]:
    """Give the Pythons asked for, else one of each minor version that is here and that the project allows."""
    missing = next((one for one in asked if executables.find_python(one) is None), None)
    if missing:
        text = f"there is no Python {missing} on this machine."
        raise LabError(text, ErrorCode.PYTHON_NOT_FOUND, remedy=f"uv python install {missing}")
    allowed = [one for one in executables.pythons() if project.pyproject.allows(one)]
    found = list(dict.fromkeys(asked)) or list(
        dict.fromkeys(".".join(one.split(".")[:2]) for one in allowed)
    )
    if not found:
        text = (
            f"no Python of this machine fits requires-python {project.pyproject.requires_python!r}."
        )
        remedy = "install one, e.g. uv python install 3.12"
        raise LabError(text, ErrorCode.PYTHON_NOT_FOUND, remedy=remedy)
    return found


def room(asked: str, cells: int) -> int:
    """Give how many proofs run at once: as many as there are cores, and memory that is free."""
    if asked and not (asked.isdecimal() and int(asked)):
        text = f"--jobs is no number above 0: {asked!r}."
        raise LabError(text, ErrorCode.INVALID_OPTION, remedy="say e.g. --jobs 2")
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    free = usage.said("/proc/meminfo", r"MemAvailable:\s*(\d+) kB")
    fitting = cores if free is None else free * 1024 // _MEMORY
    return min(int(asked) if asked else max(1, min(cores, fitting)), cells)


def _id(cell: Cell) -> str:
    parts = (cell.combo, cell.engine or "none", cell.python or "none")
    return ".".join(("proof", *(re.sub(r"[^A-Za-z0-9_-]+", "-", part) for part in parts)))


def _command(project: Project, cell: Cell, mode: str, file: Path) -> Command:
    """Give the command that proves a cell."""
    options = [
        "--combo",
        cell.combo,
        "--python",
        cell.python,
        "--channel",
        mode,
        "--proof",
        str(file),
    ]
    options += (
        ["--engine", cell.engine] if ENVIRONMENTS[cell.combo.partition("_")[0]].choices() else []
    )
    env = {**project.options.variables, bootstrap.OWN_TASKS: "1"}
    return Command(
        executables.itself("proof.run", *options), f"prove {cell.label}", env=env, cwd=project.root
    )


def judged(cell: Cell, file: Path, outcome: Outcome) -> tuple[Cell, Result]:
    """Judge a proof by its file and by how its process ended; where there is no file, the process says why."""
    result = Result(_id(cell), Status.ERROR, f"prove {cell.label}")
    with contextlib.suppress(LabError):  # there is none, or half of one
        (proved,) = shown.read([file])
        proved = replace(proved, python=cell.python)
        why = "; ".join(f"{what}: {reason}" for _, what, reason in proved.reasons())
        bad = Status.FAIL if outcome.code == ExitCode.CHECK_FAILED else Status.ERROR
        status = Status.PASS if outcome.ok and proved.status is Status.PASS else bad
        return proved, replace(result, status=status, detail=why)
    try:
        row = next(
            one
            for one in json.loads(outcome.stdout)["results"]
            if one["status"] in {"fail", "error"}
        )
        said, remedy = f"{row['title']}: {row['detail']}", row["remedy"]
    except (ValueError, KeyError, StopIteration):
        said, remedy = (
            f"it ended with exit code {outcome.code} and no answer: {outcome.said[-300:]}",
            "",
        )
    return replace(cell, problem=said), replace(result, detail=said, remedy=remedy)
