"""The steps of a proof, in their order: every one is mlops-lab itself, in a process of its own, answering in JSON."""

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
from tasks_lib.environments import conda_health, site_packages
from tasks_lib.errors import LabError
from tasks_lib.execution import process
from tasks_lib.execution.plan import Step
from tasks_lib.execution.process import Command
from tasks_lib.managers import MANAGERS
from tasks_lib.project.project import Project
from tasks_lib.proof import claims, evidence
from tasks_lib.results import Result, Status
from tasks_lib.tools import executables

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks_lib.proof.sandbox import Sandbox
    from tasks_lib.report.progress import Progress
    from tasks_lib.session.session import Session

_IMPORTS = Path(__file__).with_name("imports.py")
#: Small, pure Python, and without dependencies: the first that the project does not have is added and removed.
CANDIDATES = ("iniconfig", "toolz", "itsdangerous", "tabulate", "colorama")
_SHOWN = 8
BAD = (Status.FAIL, Status.ERROR)


@dataclass
class Unproven(Exception):  # noqa: N818 - no error of the program: what a step found
    """A step that did not come out as it must."""

    detail: str
    remedy: str = ""
    status: Status = Status.FAIL


@dataclass
class Proof:
    """One proof under way: its places, and what the steps hand on to each other."""

    session: Session
    progress: Progress
    first: Sandbox
    second: Sandbox
    began: float
    step: Step = field(default_factory=lambda: Step("proof", "prove"))
    #: parts of the proof's document, as the steps see them, and what each step was
    seen: dict[str, Any] = field(default_factory=dict)
    log: list[dict[str, Any]] = field(default_factory=list)
    #: the commands of the step under way
    ran: list[evidence.Ran] = field(default_factory=list)

    @property
    def copied(self) -> Session:
        """Give the session of the copied project, as its manifests stand now."""
        loaded = Project.load(self.first.project, {})
        project = replace(loaded, options=self.session.project.options)
        return replace(
            self.session, project=project, manager=MANAGERS[self.session.combo.manager](project)
        )

    def held(self, place: Sandbox) -> dict[str, Any]:
        """Describe the environment that was made there."""
        installed = evidence.installed(self.session, self.seen["lock"], place.prefix)
        return {"python": place.python, "installed": installed}

    def lab(self, place: Sandbox, task: str, *words: str) -> dict[str, Any]:
        """Run one task there and give its document; one that failed is what its first bad result says."""
        command = Command(executables.itself(task, *words), env=place.env, cwd=place.project)
        outcome = process.run(command, on_line=lambda text: self.progress.line(self.step, text))
        ran = evidence.Ran(f"invoke {shlex.join([task, *words])}", outcome.code)
        self.ran.append(ran)
        try:
            document: dict[str, Any] = json.loads(outcome.stdout)
            ran.results, ran.measured = (
                document["results"],
                document.get("data", {}).pop("measured", {}),
            )
        except ValueError:
            text = f"{task} gave no answer (exit code {outcome.code}): {outcome.said[-300:]}"
            raise Unproven(text, status=Status.ERROR) from None
        if document["exit_code"] or not outcome.ok:
            status = Status.FAIL if document["exit_code"] == 1 else Status.ERROR
            results = (Result(**row) for row in document["results"])
            bad = next(
                (one for one in results if one.status in BAD), Result(task, status, "failed")
            )
            raise Unproven(
                ": ".join(filter(None, (task, bad.title, bad.place, bad.detail))),
                str(bad.remedy),
                status,
            )
        return document

    def setup(self) -> str:
        """Set the project up; where no more than a check fails, there is an environment to go on with."""
        failed: Unproven | None = None
        try:
            self.lab(self.first, "setup")
        except Unproven as found:
            if found.status is not Status.FAIL:
                raise
            failed = found
        told = f"{len(self.ran[-1].results)} steps and checks"
        self._look(self.first)
        self.seen |= evidence.basis(self.copied, self.first.prefix)
        if failed:
            raise failed
        return told

    def imports(self) -> str:
        """Import, inside the environment, what the lock pins and is installed, and the project itself."""
        copied, prefix = self.copied, self.first.prefix
        own = canonicalize_name(copied.project.pyproject.name)
        wanted = sorted(site_packages.installed(prefix).keys() & {*copied.manager.locked(), own})
        places = (str(_IMPORTS), str(prefix), str(self.first.project))
        document = self.lab(self.first, "env.run", "--", "python", *places, *wanted)
        try:
            found = json.loads(document["data"]["stdout"].splitlines()[-1])
        except (ValueError, IndexError):
            text = f"the interpreter ended before it had answered: {document['data']['stderr'].strip()[-300:]}"
            raise Unproven(text) from None
        modules = sum(map(len, found["imported"].values()))
        self.seen |= {
            "interpreter": found["interpreter"],
            "imports": {"modules": modules, "failed": found["failed"]},
        }
        if found["failed"]:
            told = "; ".join(
                f"{module} ({why})" for module, why in list(found["failed"].items())[:_SHOWN]
            )
            text = f"{len(found['failed'])} modules cannot be imported: {told}"
            raise Unproven(
                text, f"try it: invoke env.run -- python -c 'import {next(iter(found['failed']))}'"
            )
        if not found["imported"]:
            text = f"{copied.manager.lock_name} pins nothing that is installed, so there is nothing to import"
            raise Unproven(text, status=Status.SKIP)
        left = f"; left out: {'; '.join(found['optional'].values())}" if found["optional"] else ""
        return f"{modules} modules of {len(found['imported'])} distributions{left}"

    def edits(self) -> str:
        """Add a package and remove it: it comes and goes, and leaves manifest and lock as they were."""
        prefix, manager = self.first.prefix, self.copied.manager
        installed, locked = site_packages.installed(prefix), manager.locked()
        name = next(
            (name for name in CANDIDATES if name not in installed and name not in locked), None
        )
        if name is None:
            text = f"the project has all of {', '.join(CANDIDATES)} already"
            raise Unproven(text, status=Status.SKIP)
        paths = (manager.project.pyproject.path, manager.lock_path)
        before = [path.read_bytes() for path in paths]
        self.lab(self.first, "deps.add", name)
        if name not in site_packages.installed(prefix) or name not in manager.locked():
            text = f"deps.add ended well, and {name} is not both installed and locked"
            raise Unproven(text)
        self.lab(self.first, "deps.remove", name)
        if wrong := listed(
            claims.differences(
                installed, site_packages.installed(prefix), "before", "after deps.remove"
            )
        ):
            text = f"deps.add and deps.remove of {name} changed what is installed: {wrong}"
            raise Unproven(text)
        after = [path.read_bytes() for path in paths]
        changed = [
            path.name for path, old, new in zip(paths, before, after, strict=True) if old != new
        ]
        if manager.locked() != locked or evidence.content(before[0]) != evidence.content(after[0]):
            text = f"deps.add and deps.remove of {name} left another {' and '.join(changed)} behind"
            raise Unproven(text)
        if evidence.content(before[1]) != evidence.content(after[1]):
            text = f"after {name} came and went, {paths[1].name} pins the same versions, and is not the same"
            raise Unproven(text, status=Status.WARN)
        if changed:  # uv lists the markers of a lock in another order each time
            return f"{name} came and went; {' and '.join(changed)} say the same, in another order or form"
        return (
            f"{name} came and went; {paths[0].name} and {paths[1].name} are byte by byte as before"
        )

    def checks(self) -> str:
        """Run all checks."""
        try:
            results = self.lab(self.first, "check.all")["results"]
        finally:
            self.seen["checks"] = evidence.statuses(row for one in self.ran for row in one.results)
        told = [f"{row['title']}: {row['detail']}" for row in results if row["status"] != "pass"]
        return f"{len(results)} checks{'; but ' if told else ''}{'; '.join(told)}"

    def again(self) -> str:
        """Make a second environment, in another home, from the manifests and the lock alone."""
        left_out = shutil.ignore_patterns(".venv")
        shutil.copytree(self.first.project, self.second.project, symlinks=True, ignore=left_out)
        self.lab(self.second, "env.create")
        self._look(self.second)
        if self.session.environment.owns_packages:
            self.seen["conda_before"] = conda_health.hashes(self.second.prefix)
        self.lab(self.second, "deps.install")
        return f"made from {self.session.manager.lock_name} alone"

    def same(self) -> str:
        """Compare the two installed sets, name by name and version by version, and conda's by build too."""
        first, second = (claims.contents(self.held(place)) for place in (self.first, self.second))
        if wrong := listed(claims.differences(first, second)):
            text = f"the environment made from the lock alone differs: {wrong}"
            raise Unproven(text)
        return f"{len(first)} names and versions, the same in both"

    def _look(self, place: Sandbox) -> None:
        """Find the environment that was made there; it must lie where the proof can do no harm."""
        data = self.lab(place, "env.info")["data"]
        prefix = Path(data["path"])
        if not prefix.is_relative_to(place.project.parent):
            text = f"the environment {prefix} lies outside of the proof's own folder {place.project.parent}"
            raise Unproven(text, status=Status.ERROR)
        if prefix == self.first.prefix:
            text = f"the second environment is the first one: {prefix}"
            raise Unproven(text)
        place.prefix, place.python = prefix, str(data["python"])

    def carry_out(self) -> list[Result]:
        """Take the steps one after the other, also after one that found a fault; behind an error they are skipped."""
        results: list[Result] = []
        for name, title in claims.STEPS.items():
            self.ran, started = [], time.time()
            stopped = next((one.id for one in results if one.status is Status.ERROR), "")
            if stopped:
                results.append(
                    Result(
                        f"proof.{name}",
                        Status.SKIP,
                        title,
                        f"not tried, since {stopped} was an error",
                    )
                )
            else:
                results.append(self._take(Step(f"proof.{name}", title), getattr(self, name)))
            self.log.append(evidence.step(results[-1], self.ran, self.began, started))
        return results

    def _take(self, step: Step, work: Callable[[], str]) -> Result:
        self.step, started = step, time.perf_counter()
        self.progress.begin(step)
        result = Result(step.id, Status.PASS, step.title)
        try:
            result = replace(result, detail=work())
        except Unproven as found:
            result = replace(result, status=found.status, detail=found.detail, remedy=found.remedy)
        except LabError as error:
            result = replace(
                result,
                status=Status.ERROR,
                detail=error.message,
                remedy=error.remedy,
                file=error.file,
            )
        except OSError as error:  # something took away what was there a moment ago
            result = replace(
                result, status=Status.ERROR, detail=f"{error.filename}: {error.strerror}"
            )
        seconds = time.perf_counter() - started
        self.progress.end(step, seconds, ok=result.status not in BAD)
        return replace(result, seconds=seconds)
