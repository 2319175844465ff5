"""Check one repository by reading its files alone: nothing of it runs, and no tool is started."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tasks_lib.checks import look_at
from tasks_lib.checks.registry import FACT_CHECKS
from tasks_lib.checks.selection import Selection
from tasks_lib.checks.tools import conda_file_checked
from tasks_lib.cohort import own_checks, projects, requiring, tree_checks
from tasks_lib.cohort.base import MANIFEST, Examined, Finding
from tasks_lib.cohort.projects import COHORT_PROJECT
from tasks_lib.cohort.repository import Repository
from tasks_lib.cohort.settings import Require
from tasks_lib.errors import ErrorCode, ExitCode, LabError, Remedy
from tasks_lib.execution import files, streams
from tasks_lib.managers.base import LOCK_FRESH
from tasks_lib.ownership.facts import Facts
from tasks_lib.project.project import Project
from tasks_lib.results import Check, Result, Status
from tasks_lib.session import combos
from tasks_lib.session.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from tasks_lib.cohort.base import HandIn
    from tasks_lib.cohort.settings import Settings
    from tasks_lib.session.combos import Combo

#: how many results of one check are kept, and how long each text may be: a repository may make
#: thousands
_MOST = 20
_LONGEST = 1000
#: the families of the checks that need no more than files
_FAMILIES = frozenset({"agreement", "conda"})
#: what is nobody's fault but ours
COHORT_READ = Check(
    "cohort.read",
    "the hand-in could be checked",
    "What cannot be opened, or takes too long, says nothing about the student's work.",
    Remedy("Look at it by hand"),
    Status.ERROR,
)
COHORT_COMBO = Check(
    "cohort.combo",
    "the combo is one that the course asks for",
    "A course that teaches one combo can help with that one alone.",
    Remedy("Use another lock or conda file, or name the combo in [tool.mlops-lab]"),
)
COHORT_MANIFEST = Check(
    MANIFEST,
    "pyproject.toml can be read",
    "Without it there is no project: nothing that depends on it can be given points.",
    Remedy("Correct pyproject.toml"),
)
CHECKS = (COHORT_READ, COHORT_PROJECT, COHORT_COMBO, COHORT_MANIFEST)
#: errors that are ours: the file exists, but this user may not open it
_OURS = {ErrorCode.CANNOT_READ}
#: what hostile data may raise in a library
_FAULTS = (ArithmeticError, LookupError, RecursionError, TypeError, ValueError, OSError)


@dataclass(frozen=True)
class Wanted:
    """What an instructor asks of each repository; empty `combos` allow every combo."""

    combos: tuple[str, ...] = ()
    require: Require = field(default_factory=Require)
    #: the file with the instructor's own checks
    own: Path | None = None
    #: the folder of the project; where it is empty, the project is looked for
    project: str = ""

    @classmethod
    def of(cls, settings: Settings) -> Wanted:
        """Return what the settings of a class ask."""
        return cls(settings.combo, settings.require, settings.checks, settings.project)

    def of_one(self, hand_in: HandIn) -> Wanted:
        """Return what is asked of one hand-in, whose project the roster may name."""
        return replace(self, project=hand_in.project or self.project)


@files.read_once()
def examine(root: Path, name: str, content: str, wanted: Wanted) -> Examined:
    """Check the repository in the folder `root`; what ends the check is a finding too."""
    began = time.perf_counter()
    found: list[Result] = []
    folders = [""]
    session: Session | None = None
    with _told(found, lambda error: _ended(error, wanted)):
        folders = projects.choices(root, wanted.project)
        if len(folders) > 1:
            found += _of_several(root, folders, wanted)
        else:
            found += _of_files(root, folders[0], wanted)
            session = _opened(root, folders[0])
    if session:  # what its manifest may say wrongly has a check of its own
        with _told(found, lambda error: [COHORT_READ.of_error(Status.ERROR, error)]):
            for one in _looked_at(session, wanted):
                found.append(_from_top(one, folders[0]))
    combo = evidence = ""
    if session:
        combo, evidence = session.combo.id, session.combo.reason
        evidence += f", in the folder {folders[0]}" if folders[0] else ""
    seconds = time.perf_counter() - began
    return Examined(name, _bounded(found, root), content, combo, evidence, seconds)


@contextlib.contextmanager
def _told(found: list[Result], ended: Callable[[LabError], Iterable[Result]]) -> Iterator[None]:
    """Add to what was `found` what an error says, or hostile data that a library cannot take."""
    try:
        yield
    except LabError as error:
        found.extend(ended(error))
    except _FAULTS as error:
        text = f"{type(error).__name__}: {error}"
        found.append(COHORT_READ.result(Status.ERROR, text))


def unread(name: str, content: str, why: str) -> Examined:
    """Return what is known of a repository that could not be checked."""
    return Examined(name, (Finding.of(COHORT_READ.result(Status.ERROR, why)),), content)


def _of_several(root: Path, folders: list[str], wanted: Wanted) -> Iterator[Result]:
    """Yield that it is not known which folder is the project; nothing in them is judged."""
    text = projects.told(folders)
    yield COHORT_PROJECT.result(Status.WARN, text)
    yield from tree_checks.look(Repository(root))
    rows = [*_needing_a_manifest(wanted)]
    if wanted.require.files:
        rows.append(requiring.FILES)
    if wanted.require.manifests:
        rows.append(requiring.MANIFESTS)
    if wanted.own:
        rows += [own.row for own in own_checks.load(wanted.own)]
    for check in rows:
        yield check.result(Status.SKIP, text, remedy=COHORT_PROJECT.remedy)


def _of_files(root: Path, folder: str, wanted: Wanted) -> Iterator[Result]:
    """Yield what is told without a manifest."""
    repository = top = Repository(root)
    if folder:
        repository = Repository(files.inside(root, root / folder), top)
        if repository.root.is_dir():
            yield COHORT_PROJECT.result(Status.PASS, f"The project is in the folder {folder}.")
    yield from tree_checks.look(top, folder)
    yield from requiring.files(wanted.require, repository)
    for own in own_checks.load(wanted.own) if wanted.own else ():
        yield from own.results(repository)


def _opened(root: Path, folder: str) -> Session:
    """Open the project of a folder, whatever stands above it and whatever this machine has."""
    project = Project.load(root / folder, {}, new=True)
    if not project.pyproject.path.is_file():
        text = f"There is no {project.pyproject.path.relative_to(root.absolute())}."
        raise LabError(text, ErrorCode.NO_PYPROJECT)
    session = Session.of(project, combos.declared(project))
    return session.untrusting()


def _looked_at(session: Session, wanted: Wanted) -> Iterator[Result]:
    project = session.project
    yield from _combo(session.combo, wanted)
    if project.conda_path:
        yield from _conda_file(project)
    yield from session.manager.by_reading()
    if lock := session.environment.layer_lock:
        yield from lock.by_reading()
    facts, chosen = Facts(session, by_reading=True), Selection(_FAMILIES)
    yield from requiring.python(wanted.require, facts)
    yield from requiring.packages(wanted.require, facts)
    for check in FACT_CHECKS.values():
        if check.family in _FAMILIES:
            yield from look_at(check, facts, chosen)


def _conda_file(project: Project) -> Iterator[Result]:
    """Yield what is told of the conda file; one that this user may not open is our error."""
    try:
        project.conda_file  # noqa: B018 - read once, and kept
    except LabError as error:
        if error.code in _OURS:
            yield COHORT_READ.of_error(Status.ERROR, error)
            return
    yield from conda_file_checked(project)


def _combo(combo: Combo, wanted: Wanted) -> Iterator[Result]:
    if not wanted.combos:
        return
    if {combo.id}.intersection(wanted.combos):
        yield COHORT_COMBO.result(Status.PASS, f"It is {combo.id}.")
        return
    text = f"It is {combo.id}, since {combo.reason}; the course asks for"
    yield COHORT_COMBO.result(Status.FAIL, f"{text} {' or '.join(wanted.combos)}.")


def _ended(error: LabError, wanted: Wanted) -> Iterator[Result]:
    """Yield the results for what ended the check: failures only where the manifest is wrong.

    Each check that needs the manifest then fails as well.
    """
    if error.exit_code is not ExitCode.BAD_REQUEST or error.code in _OURS:
        yield COHORT_READ.of_error(Status.ERROR, error)
        return
    yield COHORT_MANIFEST.of_error(Status.FAIL, error)
    for check in _needing_a_manifest(wanted):
        text = "It cannot be told without a valid pyproject.toml."
        yield check.result(Status.FAIL, text, remedy=COHORT_MANIFEST.remedy)


def _needing_a_manifest(wanted: Wanted) -> Iterator[Check]:
    """Yield each check that was asked for and says nothing without a manifest."""
    require = wanted.require
    asked = {LOCK_FRESH: True, COHORT_COMBO: bool(wanted.combos)}
    asked |= {requiring.PYTHON: bool(require.python), requiring.PACKAGES: bool(require.packages)}
    for check, is_asked in asked.items():
        if is_asked:
            yield check


def _from_top(result: Result, folder: str) -> Result:
    """Return a result whose file is named from the top of the hand-in."""
    if not result.file or not folder or result.file.startswith("/"):
        return result
    return replace(result, file=f"{folder}/{result.file}")


def _bounded(found: list[Result], root: Path) -> tuple[Finding, ...]:
    """Return what is stored: printable texts, not too long and not too many.

    The folder in which the repository lay is nothing that its student has to know.
    """
    kept = []
    counts: Counter[str] = Counter()
    for result in sorted(found, key=lambda one: -[*Status].index(one.status)):
        one = Finding.of(result)
        counts[one.check] += 1
        if counts[one.check] > _MOST:
            continue
        detail, remedy, file = (_short(text, root) for text in (one.detail, one.remedy, one.file))
        kept.append(replace(one, detail=detail, remedy=remedy, file=file))
    return tuple(kept)


def _short(text: str, root: Path) -> str:
    shown = streams.printable(text.replace(f"{root}/", "").replace(str(root), "."))
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]} …"
