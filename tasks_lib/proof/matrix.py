"""Prove every combo with every engine and Python of this machine, and write one page of it."""

from __future__ import annotations

import functools
import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib import bootstrap
from tasks_lib.environments import ENVIRONMENTS, conda_engines
from tasks_lib.errors import ErrorCode, ExitCode, LabError, Remedy
from tasks_lib.execution import plan, usage
from tasks_lib.execution.plan import Step
from tasks_lib.execution.process import Command
from tasks_lib.project.version_ranges import minor
from tasks_lib.proof import channel, overview, page, task_answer
from tasks_lib.proof.cell import Cell, ordered
from tasks_lib.proof.cell import read as read_cells
from tasks_lib.results import Result, Status, from_error
from tasks_lib.session import combos
from tasks_lib.session.session import Answer, planned
from tasks_lib.tools import executables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks_lib.environments.base import Environment
    from tasks_lib.execution.process import Outcome
    from tasks_lib.project.project import Project
    from tasks_lib.report.progress import Progress
    from tasks_lib.session.session import Session

#: bytes that one proof may need at its peak: a solver, and the tool that started it
_MEMORY = 1_000_000_000
#: the proofs of one page: drawing one takes 0.03 s, and all of them have a minute
_MOST = 300


@dataclass(frozen=True)
class Choice:
    """What a user wants of the whole matrix; everything where nothing is named."""

    combos: Sequence[str] = ()
    engines: Sequence[str] = ()
    pythons: Sequence[str] = ()
    jobs: str = ""
    channel: str = "auto"
    folder: str = ""


def run(session: Session, progress: Progress, choice: Choice, *, dry_run: bool = False) -> Answer:
    """Run the proofs, each in a process of its own; one that fails leaves the others alone.

    The answer's `matrix` has a row of numbers for each cell; `proofs`, `page`, `summary` and
    `badges` are paths.
    """
    channel.expect_mode(choice.channel)
    project = session.project
    folder = Path(choice.folder or project.root / ".nox" / "proofs").absolute()
    wanted, left_out = chosen(project, choice)
    jobs = room(choice.jobs, len(wanted))
    proven: list[Cell] = []

    def read(cell: Cell, outcome: Outcome) -> list[Result]:
        found, result = judged(cell, _file(folder, cell), outcome)
        proven.append(found)
        progress.say(f"{result.status}: {cell.label}, {outcome.seconds:.1f} s")
        return [result]

    steps = []
    for cell in wanted:
        command = _command(project, cell, choice.channel, _file(folder, cell))
        reads = functools.partial(read, cell)
        steps.append(Step(_id(cell), command.why, command, reads=reads, check=True))
    if dry_run:
        return planned(steps)
    for cell in wanted:
        _file(folder, cell).unlink(missing_ok=True)
    progress.say(f"{len(steps)} proofs, {jobs} at once")
    results = plan.execute(steps, progress, at_once=jobs)
    return _answer(ordered(proven), [*results, *left_out], folder)


def _file(folder: Path, cell: Cell) -> Path:
    return folder / f"{cell.combo}-{cell.engine}-{cell.python}.json"


def _answer(cells: Sequence[Cell], results: list[Result], folder: Path) -> Answer:
    """Write the page and return the numbers of all cells; a page that fails is a result."""
    table = overview.numbers(cells)
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    data: dict[str, Any] = {"matrix": rows, "proofs": str(folder)}
    try:
        data |= page.write(cells, folder)
    except LabError as error:  # the proofs themselves exist
        results.append(from_error(error))
    return Answer(results, data)


def draw(places: Sequence[str], folder: str) -> Answer:
    """Write the page of proofs that were made before; a folder stands for all that lie in it."""
    files: list[Path] = []
    for place in map(Path, places):
        if place.is_dir():
            files += sorted(place.rglob("*.json"))
        else:
            files.append(place)
    if not files:
        text = f"No proof lies in {', '.join(places)}."
        file = str(Path(places[0]) / "proof.json")
        remedy = Remedy("Create one", ("invoke", "proof.run", "--proof", file))
        raise LabError(text, ErrorCode.INVALID_PROOF, remedy=remedy)
    if len(files) > _MOST:
        text = f"One page shows at most {_MOST} proofs, and these are {len(files)}."
        raise LabError(text, ErrorCode.INVALID_OPTION, remedy=Remedy("Name fewer of them"))
    cells = ordered(read_cells(files))
    results = []
    for cell in cells:
        title = f"draw {cell.label}: {cell.status}"
        results.append(Result(_id(cell), Status.PASS, title))
    paths = page.write(cells, Path(folder))
    return Answer(results, dict(paths))


def chosen(project: Project, choice: Choice) -> tuple[list[Cell], list[Result]]:
    """Return the cells to prove, and why some combos have none.

    Neighbours differ in their combo, so that few of those that run at once wait for one cache.
    """
    engines = [conda_engines.choose(name).name for name in choice.engines]
    pythons = _pythons(project, choice.pythons)
    cells: list[Cell] = []
    left_out: list[Result] = []
    for name in choice.combos or combos.names():
        layer = _layer(name)
        if not choice.combos and not layer.applies(project):
            why = f"the project has nothing to create the layer {layer.kind} from"
            left_out.append(Result(f"proof.{name}", Status.SKIP, f"prove {name}", why))
            continue
        offered = layer.choices()
        if not offered:
            offered = [layer(project).engine]
        elif engines:
            offered = [engine for engine in offered if engine in engines]
        for engine in offered:
            cells += [Cell(name, engine, python) for python in pythons]
    if not cells:
        text = "Nothing of the matrix is left to prove."
        remedy = Remedy("Leave out --engine, or choose another --only")
        raise LabError(text, ErrorCode.NOTHING_TO_PROVE, remedy=remedy)
    return sorted(cells, key=lambda cell: cell.python), left_out


def _layer(name: str) -> type[Environment]:
    """Return the environment layer of a combo."""
    return ENVIRONMENTS[combos.parse(name, "flag", "", option="--only").environment]


def _pythons(project: Project, asked: Sequence[str]) -> list[str]:
    """Return the Pythons asked for, else each minor version that is here and allowed."""
    for version in asked:
        if executables.find_python(version) is None:
            text = f"Python {version} is not on this machine."
            remedy = executables.installing("it", version)
            raise LabError(text, ErrorCode.PYTHON_NOT_FOUND, remedy=remedy)
    if asked:
        return list(dict.fromkeys(asked))
    found: dict[str, None] = {}
    for version in filter(project.pyproject.allows, dict(executables.pythons())):
        found[minor(version)] = None
    if not found:
        text = f"No Python of this machine fits {project.pyproject.python_range!r}."
        remedy = executables.installing("one", str(project.pyproject.pythons()[-1]))
        raise LabError(text, ErrorCode.PYTHON_NOT_FOUND, remedy=remedy)
    return list(found)


def room(asked: str, cells: int) -> int:
    """Return how many proofs run at once: as many as there are cores and free memory for."""
    if asked:
        if not asked.isdecimal() or int(asked) == 0:
            text = f"--jobs must be a number above 0, and it is {asked!r}."
            raise LabError(
                text, ErrorCode.INVALID_OPTION, remedy=Remedy("Use a number, such as --jobs 2")
            )
        return min(int(asked), cells)
    fitting = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        fitting = len(os.sched_getaffinity(0))
    free = usage.said("/proc/meminfo", r"MemAvailable:\s*(\d+) kB")
    if free is not None:
        fitting = min(fitting, free * 1024 // _MEMORY)
    return min(max(fitting, 1), cells)


def _id(cell: Cell) -> str:
    """Return the id of a cell's result: words and dots alone."""
    parts = (cell.combo, cell.engine or "none", cell.python or "none")
    words = [re.sub(r"[^A-Za-z0-9_-]+", "-", part) for part in parts]
    return ".".join(["proof", *words])


def _command(project: Project, cell: Cell, mode: str, file: Path) -> Command:
    """Return the command that proves a cell."""
    options = ["--combo", cell.combo, "--python", cell.python, "--channel", mode]
    if _layer(cell.combo).choices():
        options += ["--engine", cell.engine]
    argv = executables.itself("proof.run", *options, "--proof", str(file))
    env = {**project.options.variables, bootstrap.OWN_TASKS: "1"}
    return Command(argv, f"prove {cell.label}", env=env, cwd=project.root)


def judged(cell: Cell, file: Path, outcome: Outcome) -> tuple[Cell, Result]:
    """Judge a proof by its file and its process; without a file, the process says why."""
    result = Result(_id(cell), Status.ERROR, f"prove {cell.label}")
    try:
        proven = replace(read_cells([file])[0], python=cell.python)
    except LabError:  # the file does not exist, or only half of it
        found = task_answer.failure("proof.run", outcome)
        result = replace(result, detail=found.detail, remedy=found.remedy)
        return replace(cell, problem=found.detail), result
    status = Status.ERROR
    if outcome.ok and proven.status is Status.PASS:
        status = Status.PASS
    elif outcome.code == ExitCode.CHECK_FAILED:
        status = Status.FAIL
    reasons = [f"{what}: {reason}" for _, what, reason in proven.reasons()]
    return proven, replace(result, status=status, detail="; ".join(reasons))
