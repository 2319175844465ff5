"""The steps of a proof. Each runs tasks of mlops-lab itself and reads their JSON."""

from __future__ import annotations

import json
import shlex
import shutil
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from tasks_lib.checks.base import listed
from tasks_lib.environments import site_packages
from tasks_lib.errors import NO_REMEDY, LabError, Remedy
from tasks_lib.execution import process
from tasks_lib.execution.plan import Step
from tasks_lib.execution.process import Command
from tasks_lib.project.project import Project
from tasks_lib.proof import claims, evidence, task_answer
from tasks_lib.proof.task_answer import BAD
from tasks_lib.results import Result, Status
from tasks_lib.session.session import Session
from tasks_lib.tools import executables

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks_lib.proof.sandbox import Sandbox
    from tasks_lib.report.progress import Progress

    Row = dict[str, Any]

_IMPORTS = Path(__file__).with_name("imports.py")
#: small, without dependencies: the first that the project lacks is added and removed
CANDIDATES = ("iniconfig", "toolz", "itsdangerous", "tabulate", "colorama")


@dataclass
class Unproven(Exception):  # noqa: N818 - not an error of the program: what a step found
    """A step that did not come out as it must."""

    detail: str
    remedy: Remedy = NO_REMEDY
    status: Status = Status.FAIL


@dataclass
class Proof:
    """One proof under way: its sandboxes, and what the steps hand on to each other."""

    session: Session
    progress: Progress
    first: Sandbox
    second: Sandbox
    began: float
    step: Step = field(default_factory=lambda: Step("proof", "prove"))
    #: parts of the proof's document, as the steps see them
    seen: Row = field(default_factory=dict)
    #: the hashes of conda's files before the manager installed, in the second environment
    conda_before: dict[str, str] | None = None
    #: what each step was, for the document
    log: list[Row] = field(default_factory=list)
    #: the commands of the step under way, each with what it answered
    ran: dict[str, Row] = field(default_factory=dict)

    def read_copy(self) -> Session:
        """Read the copied project again; the steps change its manifests and its lock."""
        loaded = Project.load(self.first.project, {})
        project = replace(loaded, options=self.session.project.options)
        return Session.of(project, self.session.combo)

    def installed(self, sandbox: Sandbox) -> list[Row]:
        """Return what is installed in a sandbox, with its owners."""
        return evidence.installed(self.session, self.seen["lock"], sandbox.prefix)

    def lab(self, sandbox: Sandbox, task: str, *words: str) -> Row:
        """Run one task in a sandbox and return its document.

        Raises:
            Unproven: the task failed, with its first bad result as the reason.
        """
        command = Command(executables.itself(task, *words), env=sandbox.env, cwd=sandbox.project)
        outcome = process.run(command, on_line=lambda text: self.progress.line(self.step, text))
        document = task_answer.read(outcome)
        self.ran[f"invoke {shlex.join([task, *words])}"] = document
        if not outcome.ok:
            found = task_answer.failure(task, outcome)
            text = f"{task}: {found.detail}"
            raise Unproven(text, found.remedy, found.status)
        return document

    def look(self, sandbox: Sandbox) -> None:
        """Find the environment of a sandbox; it must lie where the proof can do no harm."""
        data = self.lab(sandbox, "env.info")["data"]
        prefix, own = Path(data["path"]), sandbox.project.parent
        if not prefix.is_relative_to(own):
            text = f"the environment {prefix} lies outside the proof's own folder {own}"
            raise Unproven(text, status=Status.ERROR)
        if prefix == self.first.prefix:
            text = f"the second environment is the first one: {prefix}"
            raise Unproven(text)
        sandbox.prefix, sandbox.python = prefix, str(data["python"])

    def carry_out(self) -> list[Result]:
        """Take the steps one after the other; a fault does not end them, an error does."""
        results: list[Result] = []
        stopped = ""
        for name, title in claims.STEPS.items():
            started = time.time()
            self.ran, self.step = {}, Step(f"proof.{name}", title)
            if stopped:
                detail = f"not tried, since {stopped} was an error"
                result = Result(self.step.id, Status.SKIP, title, detail)
            else:
                result = self._take(WORK[name])
            if result.status is Status.ERROR:
                stopped = result.id
            results.append(result)
            self.log.append(evidence.step(result, self.ran, self.began, started))
        return results

    def _take(self, work: Callable[[Proof], str]) -> Result:
        step, started = self.step, time.perf_counter()
        self.progress.begin(step)
        result = Result(step.id, Status.ERROR, step.title)
        try:
            result = replace(result, status=Status.PASS, detail=work(self))
        except Unproven as found:
            detail, remedy = found.detail, found.remedy
            result = replace(result, status=found.status, detail=detail, remedy=remedy)
        except LabError as error:
            detail, remedy = error.message, error.remedy
            result = replace(result, detail=detail, remedy=remedy, file=error.file)
        except OSError as error:  # something took away what was there a moment ago
            result = replace(result, detail=f"{error.filename}: {error.strerror}")
        seconds = time.perf_counter() - started
        self.progress.end(step, seconds, ok=result.status not in BAD)
        return replace(result, seconds=seconds)


def setup(proof: Proof) -> str:
    """Set the project up; where only a check fails, there is an environment to go on with."""
    failed = None
    try:
        proof.lab(proof.first, "setup")
    except Unproven as found:
        if found.status is not Status.FAIL:
            raise
        failed = found
    told = f"{len(proof.ran['invoke setup']['results'])} steps and checks"
    proof.look(proof.first)
    proof.seen |= evidence.basis(proof.read_copy(), proof.first.prefix)
    if failed:
        raise failed
    return told


def imports(proof: Proof) -> str:
    """Import, inside the environment, the project and what the lock pins and is installed."""
    found = _imports(proof)
    imported, failed, optional = found["imported"], found["failed"], found["optional"]
    modules = sum(map(len, imported.values()))
    proof.seen["interpreter"] = found["interpreter"]
    proof.seen["imports"] = {"modules": modules, "failed": failed}
    if failed:
        reasons = listed(f"{module} ({why})" for module, why in failed.items())
        text = f"{len(failed)} modules cannot be imported: {reasons}"
        remedy = Remedy("Import them in the environment (env.run) to see why")
        raise Unproven(text, remedy)
    if not imported:
        text = f"{proof.session.manager.lock_name} pins nothing that is installed"
        raise Unproven(text, status=Status.SKIP)
    told = f"{modules} modules of {len(imported)} distributions"
    if optional:
        told += f"; left out: {'; '.join(optional.values())}"
    return told


def _imports(proof: Proof) -> Row:
    """Run `imports.py` with the environment's Python and return what it found."""
    first, copied = proof.first, proof.read_copy()
    expected = {*copied.manager.locked(), canonicalize_name(copied.project.pyproject.name)}
    wanted = expected & site_packages.installed(first.prefix).keys()
    words = (str(_IMPORTS), str(first.prefix), str(first.project), *sorted(wanted))
    data = proof.lab(first, "env.run", "--", "python", *words)["data"]
    try:
        found: Row = json.loads(data["stdout"].splitlines()[-1])
    except (ValueError, IndexError):
        text = f"the interpreter ended before it had answered: {data['stderr'].strip()[-300:]}"
        raise Unproven(text) from None
    return found


def edits(proof: Proof) -> str:
    """Add a package and remove it: environment, manifests and lock are then what they were."""
    before = _state(proof)
    unknown = [name for name in CANDIDATES if _marks(proof, name).isdisjoint(before)]
    if not unknown:
        text = f"the project has all of {', '.join(CANDIDATES)} already"
        raise Unproven(text, status=Status.SKIP)
    name = unknown[0]
    proof.lab(proof.first, "deps.add", name)
    if not _marks(proof, name) <= _state(proof).keys():
        text = f"deps.add ended well, and {name} is not both installed and locked"
        raise Unproven(text)
    proof.lab(proof.first, "deps.remove", name)
    wrong = listed(claims.differences(before, _state(proof), "before", "after deps.remove"))
    if wrong:
        text = f"deps.add and deps.remove of {name} left a change behind: {wrong}"
        raise Unproven(text)
    return f"{name} came and went; everything else is as before"


def _marks(proof: Proof, name: str) -> set[str]:
    """Return the keys of `_state` for a package that is installed and locked."""
    return {name, f"{proof.session.manager.lock_name}: {name}"}


def _state(proof: Proof) -> dict[str, str]:
    """Return what is installed and locked, and what the manifests say."""
    copied = proof.read_copy()
    found = site_packages.installed(proof.first.prefix) | evidence.contents(copied.project)
    for name, versions in claims.pins(evidence.pins(copied.manager)).items():
        found[f"{copied.manager.lock_name}: {name}"] = versions
    return found


def checks(proof: Proof) -> str:
    """Run all checks."""
    try:
        results = proof.lab(proof.first, "check.all")["results"]
    finally:
        for document in proof.ran.values():
            proof.seen["checks"] = evidence.statuses(document["results"])
    told = f"{len(results)} checks"
    for row in results:
        if row["status"] != Status.PASS:
            told += f"; {row['title']}: {row['detail']}"
    return told


def again(proof: Proof) -> str:
    """Create a second environment, in another home, from the manifests and the lock alone."""
    first, second, session = proof.first, proof.second, proof.session
    environment = shutil.ignore_patterns(first.prefix.name)
    shutil.copytree(first.project, second.project, symlinks=True, ignore=environment)
    proof.lab(second, "env.create")
    proof.look(second)
    if session.environment.owns_packages:
        proof.conda_before = session.environment.hashes(second.prefix)
    proof.lab(second, "deps.install")
    return f"made from {session.manager.lock_name} alone"


def same(proof: Proof) -> str:
    """Compare the two installed sets: each name and version, and conda's builds too."""
    first, second = proof.first, proof.second
    if not second.python:
        text = "there is no second environment to compare"
        raise Unproven(text)
    installed = proof.installed(second)
    one = claims.contents(first.python, proof.installed(first))
    other = claims.contents(second.python, installed)
    proof.seen["second"] = {
        "python": second.python,
        "installed": installed,
        "differences": claims.rows(one, other),
    }
    wrong = listed(claims.differences(one, other))
    if wrong:
        text = f"the environment made from the lock alone differs: {wrong}"
        raise Unproven(text)
    return f"{len(one)} names and versions, the same in both"


#: what each of `claims.STEPS` does; it returns a detail, or raises `Unproven`
WORK = {
    "setup": setup,
    "imports": imports,
    "edits": edits,
    "checks": checks,
    "again": again,
    "same": same,
}
