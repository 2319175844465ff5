"""What the tools answer for: manifests, lock, environment, and whether what is installed goes together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib.checks.base import Told
from tasks_lib.environments.base import MADE, State
from tasks_lib.errors import LabError
from tasks_lib.execution.plan import Step
from tasks_lib.execution.process import Command
from tasks_lib.results import Result, Status
from tasks_lib.tools import executables, messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tasks_lib.environments.base import Activation, Environment
    from tasks_lib.execution.process import Outcome
    from tasks_lib.project.project import Project
    from tasks_lib.session.session import Session

_ANEW = "make the environment anew: invoke env.remove setup"
_MEND = "mend the file at the line that the result names"
_AGAIN = "install it anew: invoke deps.install, or " + _ANEW
#: The results of the tools, and of reading files and records.
TOOLS: dict[str, Told] = {
    "config.conda": Told(
        "the conda file is valid", "conda reads a broken file in its own way, or stops late.", _MEND
    ),
    "config.poetry": Told(
        "poetry check", "Poetry refuses to work on a manifest that it finds invalid.", _MEND
    ),
    "config.pyproject": Told(
        "pyproject.toml is valid", "uv looks at what it declares only as it locks.", _MEND
    ),
    "config.uv": Told(
        "uv can read pyproject.toml", "What uv cannot read, it can neither lock nor install.", _MEND
    ),
    "lock.fresh": Told(
        "the lock fits pyproject.toml",
        "A lock that is older than the manifest installs what nobody asks for any more, and CI refuses it.",
        "lock anew: invoke deps.lock",
    ),
    "env.exists": Told(
        "the environment is there", "Without it there is nothing to check.", "make it: invoke setup"
    ),
    "doctor.conda-meta": Told(
        "conda's records are whole", "conda knows by its records what is installed.", _ANEW
    ),
    "doctor.missing-files": Told(
        "every file that conda installed is there",
        "`conda doctor` reports them too, and exits 0.",
        _ANEW,
    ),
    "doctor.altered-files": Told(
        "no file that conda installed was altered",
        "A changed file behaves otherwise than its version says.",
        _ANEW,
    ),
    "doctor.consistent": Told(
        "conda's packages agree with each other",
        "An update that was forced can leave needs unmet.",
        _ANEW,
    ),
    "doctor.conda": Told(
        "conda doctor", "conda's own look at the environment, read whatever its exit code.", _ANEW
    ),
    "doctor.interpreter": Told(
        "the interpreter is there", "A venv links to a Python that may be gone.", _ANEW
    ),
    "doctor.moved": Told(
        "the folder stands where it was made", "Scripts name the interpreter by its place.", _ANEW
    ),
    "doctor.records": Told(
        "every record is whole", "pip cannot remove what has no whole record.", _AGAIN
    ),
    "doctor.duplicates": Told(
        "no distribution is recorded twice", "Python imports a mixture of both.", _AGAIN
    ),
    "doctor.installed-files": Told(
        "every installed file is there", "An import fails where a file is gone.", _AGAIN
    ),
    "doctor.installed-altered": Told(
        "every installed file is as it was installed",
        "A damaged cache, or a hand, changes what is imported, and the version still says otherwise.",
        _AGAIN,
    ),
    "compat.requirements": Told(
        "the installed packages are compatible",
        "Each distribution says what it needs, and a later installation may have changed that, as `pip check` tells.",
        "lock and install anew: invoke deps.update",
    ),
}


def manifest(session: Session) -> Iterable[Step]:
    """Check conda's file where there is one, then what the manager has to say of `pyproject.toml` and the lock."""
    project = session.project
    if path := project.conda_path:
        title = f"{path.name} is valid"
        yield Step(
            "check.config.conda",
            f"check {path.name}",
            work=lambda: _conda_file(project, title),
            check=True,
        )
    elif not session.environment.applies(project):
        session.environment.require()  # says what this layer is made from
    yield from session.manager.checks(_activation(session))


def _activation(session: Session) -> Activation | None:
    """Give the environment's activation, nothing where there is none or where conda's file cannot be read."""
    try:
        return session.environment.activation() if session.environment.exists() else None
    except LabError:
        return None  # `config.conda` reports it


def _conda_file(project: Project, title: str) -> Iterable[Result]:
    try:
        yield Result("config.conda", Status.PASS, title, file=project.conda_file.path.name)
    except LabError as error:
        yield Result(
            "config.conda", Status.FAIL, title, error.message, error.remedy, error.file, error.line
        )


def doctor(session: Session) -> Iterable[Step]:
    """Ask the engine's doctor where it has one, and verify what the records say."""
    environment = session.environment
    if tool := environment.doctor():
        yield tool
    title = f"verify every file that the records of {environment.where} name"
    yield Step("check.doctor", title, work=lambda: _health(environment), needs=MADE, check=True)


def _health(environment: Environment) -> Iterable[Result]:
    state, title = environment.state(), f"{environment.where} is there"
    if state in {State.PRESENT, State.BROKEN}:
        yield Result("env.exists", Status.PASS, title, str(environment.prefix))
        yield from environment.health()
        return
    detail = f"{environment.prefix} {'is no environment' if state is State.FOREIGN else 'does not exist'}."
    yield Result("env.exists", Status.FAIL, title, detail, TOOLS["env.exists"].remedy)


def compat(session: Session) -> Iterable[Step]:
    """Run `uv pip check`, which answers as `pip check` does, and sooner."""
    argv = (executables.uv(), "pip", "check", "--python", str(session.environment.python))
    command = Command(argv, "look for requirements that are not met", cwd=session.project.root)
    yield Step(
        "check.compat", "check compatibility", command, reads=_compatible, needs=MADE, check=True
    )


def _compatible(outcome: Outcome) -> Iterable[Result]:
    check = "compat.requirements"
    title, remedy = TOOLS[check].title, TOOLS[check].remedy
    wrong = [line.strip() for line in outcome.said.splitlines() if line.startswith("The package ")]
    if wrong:
        yield from (Result(check, Status.FAIL, title, line, remedy) for line in wrong)
    elif outcome.ok:
        yield Result(check, Status.PASS, title)
    elif (
        "No virtual environment or system Python" in outcome.said
        or "Python interpreter not found" in outcome.said
    ):
        yield Result(
            check, Status.SKIP, title, "there is no environment to look at", "invoke setup"
        )
    else:
        error = messages.explain(outcome, title="pip check")
        yield Result(check, Status.ERROR, title, error.message, error.remedy)


#: Each family's name is the first part of its results' ids. These ask the tools, and `setup` ends with them.
FAMILIES: dict[str, Callable[[Session], Iterable[Step]]] = {
    "config": manifest,
    "lock": manifest,
    "doctor": doctor,
    "compat": compat,
}
