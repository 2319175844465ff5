"""The lock of conda's packages: whether it fits the conda file, and the steps that use it."""

from __future__ import annotations

import json
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from tasks_lib.environments import conda_explicit, conda_health
from tasks_lib.environments.conda_engines import Rattler
from tasks_lib.environments.conda_platforms import here
from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import failures, files, shell_words
from tasks_lib.execution.plan import Installs, Step, Writes
from tasks_lib.project import conda_lock
from tasks_lib.project.conda_lock import NAME, CondaLock, Inputs, Package
from tasks_lib.project.manifests import PYPROJECT
from tasks_lib.project.version_ranges import allowed, is_python
from tasks_lib.results import Check, Fix, Result, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tasks_lib.environments.conda import Conda
    from tasks_lib.execution.process import Command, Outcome

STEP = "conda.lock"
FRESH = Check(
    "lock.conda",
    "the lock of conda's packages matches the conda file",
    "The environment is made from conda-lock.yml where there is one. A lock of another conda file "
    "installs what that said.",
    conda_lock.WRITE_AGAIN,
    fix=Fix.LOCK,
)
#: a lock that is written from scratch where it cannot be read
_UNREAD = {ErrorCode.DAMAGED_LOCK, ErrorCode.NOT_SUPPORTED}


class CondaLayerLock:
    """The `conda-lock.yml` beside a conda file, which need not exist."""

    def __init__(self, environment: Conda) -> None:
        """Keep the environment; nothing is read yet."""
        self.environment = environment
        self.project = environment.project

    @property
    def path(self) -> Path:
        """Return where the lock is."""
        return self.project.root / NAME

    @property
    def serves(self) -> bool:
        """Return whether the environment is made from it, or will be: not for another Python."""
        if not self.path.exists():
            return False
        wanted = self.project.options.python
        if not wanted:
            return True
        try:
            python = CondaLock.read(self.path).of(here()).get("python")
        except LabError:
            return False
        return python is not None and is_python(wanted, python.version)

    @property
    def outdated(self) -> bool:
        """Return whether it has to be written again before the environment is made from it."""
        return self.serves and bool(self.faults())

    def _platforms(self, lock: CondaLock | None) -> list[str]:
        """Return the platforms to solve for: those that are set, else this one and the lock's."""
        names = self.project.settings.platforms.names
        return sorted(names or {here(), *(lock.platforms if lock else ())})

    def _inputs(self, platforms: Iterable[str]) -> Inputs:
        virtual = self.project.settings.platforms.virtual
        return Inputs.of(self.environment.file, {name: virtual(name) for name in platforms})

    def _read(self) -> CondaLock | None:
        """Return the lock, None where none can be read and it is written from scratch."""
        try:
            return CondaLock.read(self.path) if self.path.exists() else None
        except LabError as error:
            if error.code not in _UNREAD:
                raise
            return None

    def faults(self) -> list[str]:
        """Return a phrase for each reason why it does not fit the conda file."""
        try:
            lock = CondaLock.read(self.path)
        except LabError as error:
            if error.code is not ErrorCode.DAMAGED_LOCK:
                raise
            return [error.message]
        return list(self._faults(lock))

    def _faults(self, lock: CondaLock, *, elsewhere: bool = False) -> Iterator[str]:
        """Yield them; `elsewhere` is for a lock that need not be for this machine."""
        wanted = self._platforms(lock)
        if elsewhere:
            wanted = sorted(self.project.settings.platforms.names or lock.platforms)
        missing = [name for name in wanted if name not in lock.platforms]
        if not missing and not elsewhere and here() not in lock.platforms:
            missing = [here()]
        if missing or not wanted:
            yield f"it has nothing for {', '.join(missing) or 'any platform'}"
            return
        extra = [name for name in lock.platforms if name not in wanted]
        if extra:
            yield f"it has {', '.join(extra)}, which is not wanted"
        changes = list(lock.inputs.changes(self._inputs(wanted))) if lock.inputs else []
        yield from changes
        for platform in wanted if elsewhere else [here()]:
            packages = lock.of(platform)
            yield from () if changes else self._unmet(packages)
            yield from self._wrong_python(packages)

    def _wrong_python(self, packages: Mapping[str, Package]) -> Iterator[str]:
        """Yield that the project, and so the manager's lock, is not for the Python in it."""
        python = packages.get("python")
        if python and not allowed(python.version, self.project.pyproject.pythons()):
            needs = self.project.pyproject.python_range
            yield f"it has Python {python.version}, and {PYPROJECT} needs {needs}"

    def _unmet(self, packages: Mapping[str, Package]) -> Iterator[str]:
        """Yield what the conda file asks for and no package is."""
        file = self.environment.file
        records = [one.record() for one in packages.values()]
        for spec in conda_health.unmatched(records, file.dependencies, file.path.name):
            yield f"nothing in it is {spec}"

    def locked(self) -> dict[str, str]:
        """Return the versions of what it lists for this machine, by name."""
        lock = self._read()
        return {one.name: one.version for one in lock.of(here()).values()} if lock else {}

    def pending(self) -> list[Package]:
        """Return the packages of the lock that the environment does not have."""
        there = {path.stem for path in self.environment.marker.glob("*.json")}
        lock = self._read()
        packages = lock.of(here()).values() if lock else ()
        return [one for one in packages if one.dist.replace("=", "-") not in there]

    def lacking(self) -> tuple[str, ...]:
        """Return what of it the environment lacks, where the environment is made from it."""
        pending = self.pending() if self.serves else ()
        return tuple(f"{one.dist} ({NAME})" for one in pending)

    def step(self, upgrade: Sequence[str] | None = None) -> Step:
        """Return the step that writes the lock; what fits stays, but for what is to `upgrade`.

        An empty `upgrade` renews everything. The first lock is of what is installed.
        """
        lock = self._read()
        platforms = self._platforms(lock)
        inputs = self._inputs(platforms)
        words = [f"--drop={name}" for name in upgrade or ()]
        is_kept = upgrade != []
        prefix = None
        if is_kept and lock:
            words.append(f"--description={self.path}")
        elif is_kept and self.environment.exists():
            prefix = self.environment.prefix
        return Step(
            STEP,
            f"lock conda's packages for {', '.join(platforms)}",
            self._solution(inputs, prefix, words),
            reads=partial(self._solved, inputs, is_damaged=lock is None and self.path.exists()),
            shown=f"# write {NAME}",
            needs=("conda.edit", "conda.install"),
            writes=Writes.PROJECT,
            safe="writes only the lock, which is put back if the run fails",
        )

    def renewed(self) -> Command:
        """Return the command that prints what a renewed lock would have for this machine."""
        return self._solution(self._inputs([here()]))

    def _solution(
        self, inputs: Inputs, prefix: Path | None = None, words: Sequence[str] = ()
    ) -> Command:
        """Return the command that solves for the platforms of `inputs`."""
        asked = [f"--subdir={name}" for name in inputs.system]
        for name, virtual in inputs.system.items():
            asked += [f"--virtual={name}:{text}" for text in virtual]
        pythons = "|".join(filter(None, map(str, self.project.pyproject.pythons())))
        if pythons:
            asked.append(f"--limit=python {pythons}")
        if (self.environment.marker / "pinned").is_file():
            asked.append(f"--pinned={self.environment.prefix}")
        engine = Rattler(sys.executable, self.project.options)
        return engine.solve(prefix, self.environment.file, [*asked, *words])

    def _solved(self, inputs: Inputs, outcome: Outcome, *, is_damaged: bool) -> Iterable[Result]:
        """Write what was solved."""
        failures.demand(outcome, title="lock conda's packages")
        packages = []
        for platform, records in json.loads(outcome.stdout).items():
            packages += [Package.of(record, platform) for record in records]
        lock = CondaLock(tuple(inputs.system), tuple(packages), inputs)
        files.write(self.path, lock.text(self.environment.file.path.name).encode())
        if is_damaged:
            title = f"{NAME} could not be read, and was written from scratch"
            detail = "All versions were chosen again: look at what changed."
            yield Result(STEP, Status.WARN, title, detail, file=NAME)

    def creation(self, make: Callable[[Command], Step]) -> tuple[Step, ...]:
        """Return the steps that create the environment from it; `make` returns the engine's."""
        return (*self._renewal(), *self._linking(self._records, make, new=True))

    def updates(self) -> tuple[Step, ...]:
        """Return the steps that bring an existing environment to it, none where it is there."""
        renewal = self._renewal()
        if not renewal and not self.pending():
            return ()
        return (*renewal, *self.installation())

    def installation(self) -> tuple[Step, ...]:
        """Return the steps that install what the environment lacks of it by then."""

        def make(command: Command) -> Step:
            return Step(
                "env.update",
                f"bring {self.environment.where} to what {NAME} says",
                command,
                known=lambda _: None if self.pending() else (),
                needs=(STEP, "guard.conda", "env.explicit"),
                installs=Installs.LOCKED_PACKAGES,
                safe="conda's packages are put back if the run fails",
            )

        return self._linking(lambda: [one.record() for one in self.pending()], make, new=False)

    def _renewal(self) -> tuple[Step, ...]:
        if here() not in self._platforms(None):
            text = f"platforms in [tool.mlops-lab] leaves out {here()}, which this machine is."
            remedy = Remedy(f"Add {here()} to platforms in {PYPROJECT}")
            raise LabError(text, ErrorCode.OTHER_PLATFORM, file=PYPROJECT, remedy=remedy)
        return (self.step(),) if self.outdated else ()

    def _records(self) -> list[dict[str, Any]]:
        return [one.record() for one in CondaLock.read(self.path).of(here()).values()]

    def _linking(
        self,
        packages: Callable[[], list[dict[str, Any]]],
        make: Callable[[Command], Step],
        *,
        new: bool,
    ) -> tuple[Step, ...]:
        found = conda_explicit.steps(
            self.environment, self.path, packages, make, _rendering, new=new
        )
        return tuple(step.after(STEP) for step in found)

    def check(self) -> Iterator[Step]:
        """Yield the step that compares it with the conda file, where it exists."""
        if self.path.exists():
            look = self.compare
            yield Step("check.lock.conda", FRESH.title, work=look, needs=(STEP,), check=True)

    def by_reading(self) -> Iterable[Result]:
        """Return whether it fits the conda file on any machine, nothing where there is none."""
        return self.compare(elsewhere=True) if self.path.exists() else ()

    def compare(self, *, elsewhere: bool = False) -> Iterable[Result]:
        """Return whether it fits the conda file."""
        try:
            lock = CondaLock.read(self.path)
        except LabError as error:
            status = Status.SKIP if error.code is ErrorCode.NOT_SUPPORTED else Status.FAIL
            return [FRESH.of_unread(error, status)]
        try:
            faults = list(dict.fromkeys(self._faults(lock, elsewhere=elsewhere)))
        except LabError as error:  # of the conda file, which `config` reports
            return [FRESH.of_error(Status.SKIP, error)]
        if faults:
            text = f"{NAME} is stale: {'; '.join(faults)}."
            return [FRESH.result(Status.FAIL, text, file=NAME)]
        counts = [f"{len(lock.of(name))} packages for {name}" for name in lock.platforms]
        text = ", ".join(counts)
        return [FRESH.result(Status.PASS, text, file=NAME)]


def _rendering(listed: Path, lock: Path) -> str:
    """Return what a user types for the list of a lock."""
    words = ["conda-lock", "render", "--kind", "explicit", "--platform", here()]
    words += ["--filename-template", str(listed), str(lock)]
    return shell_words.joined(words)
