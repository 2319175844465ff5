"""Export the dependencies in the formats that other tools read."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from packaging.utils import canonicalize_name

from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.execution import failures, files, process, redaction
from tasks_lib.execution.plan import look, unknown
from tasks_lib.project import trust
from tasks_lib.project.conda_file import CONDA_FILES, spec_name
from tasks_lib.project.manifests import read_text
from tasks_lib.results import Status
from tasks_lib.session.session import Answer, passed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks_lib.session.session import Session

_ENVIRONMENT = "environment"
_FILES = {"requirements": "requirements.txt", "pylock": "pylock.toml"}
FORMS = (*_FILES, _ENVIRONMENT)
_NAME = re.compile(r"[\w.-]+")


def export(session: Session, to: str, output: str) -> Answer:
    """Return the dependencies in the format `to` as a script, or write them to the file `output`.

    Raises:
        LabError: The format is unknown, there is no lock, or a manifest holds a secret.
    """
    if to not in FORMS:
        text = f"There is no export format {to!r}; the formats are {', '.join(FORMS)}."
        command = ("invoke", "deps.export", "--to")
        remedy = meant(to, FORMS, Remedy("Choose one", (*command, "requirements")), *command)
        raise LabError(text, ErrorCode.UNKNOWN_FORMAT, remedy=remedy)
    session.manager.require_lock()
    text = _environment(session) if to == _ENVIRONMENT else _exported(session, _FILES[to])
    if not output:
        return Answer(data={"format": to, "script": text})
    path = files.inside(session.project.root, Path(output), typed=True)
    files.write(path, text.encode())
    return passed("deps.export", f"write {output}", to)


def _exported(session: Session, form: str, *, hashes: bool = True) -> str:
    outcome = _outcome(session, form, hashes=hashes)
    return redaction.without_logins(failures.demand(outcome, title=f"export {form}").stdout)


def _outcome(session: Session, form: str, *, hashes: bool) -> process.Outcome:
    """Run the manager's export: on copies alone, where the repository is not trusted."""
    manager = session.manager
    activation = None
    if session.trusted and session.environment.exists():
        activation = session.environment.activation()
    fresh = manager.fresh(activation)
    for result in look(fresh) if fresh.known is not unknown else ():
        if result.status is Status.FAIL:
            raise LabError(result.detail, ErrorCode.STALE_LOCK, remedy=result.remedy)
    command = manager.export(activation, form, hashes=hashes)
    if session.trusted:
        return process.run(command)
    trust.demand("What this exports", given=manager.reads_apart)
    with tempfile.TemporaryDirectory(prefix="mlops-lab-") as name:
        return process.run(manager.apart(command, Path(name, "project")))


def refuse_secrets(session: Session, texts: Mapping[str, str]) -> None:
    """Stop before a manifest that holds a secret is exported as it is.

    Raises:
        LabError: An address has a login or a token, or the conda file sets a secret variable.
    """
    for name, text in texts.items():
        is_conda_file = name in CONDA_FILES
        public = redaction.without_logins(text, tokens=is_conda_file)
        lines = zip(text.split("\n"), public.split("\n"), strict=True)
        for number, (line, public_line) in enumerate(lines, 1):
            if line != public_line:
                raise _refused(name, number, "an address in it has a login or a token")
        if is_conda_file:
            for variable in session.project.conda_file.variables:
                if redaction.is_secret(variable):
                    raise _refused(name, None, f"it sets {variable}")


def _refused(name: str, line: int | None, why: str) -> LabError:
    text = f"{name} cannot be exported: {why}."
    remedy = Remedy(
        f"Move the secret from {name} to your own settings (.netrc, .condarc, a variable)"
    )
    return LabError(text, ErrorCode.CONTAINS_SECRET, file=name, line=line, remedy=remedy)


def _environment(session: Session) -> str:
    """Return an environment.yml: conda's packages at their versions, and the rest for pip."""
    environment = session.environment
    if environment.manifest is None:
        text = (
            f"environment.yml needs a conda combo, and the combo of this run is {session.combo.id}."
        )
        remedy = Remedy("Use --to requirements, or choose a conda combo")
        raise LabError(text, ErrorCode.NO_CONDA_LAYER, remedy=remedy)
    environment.require()
    file = session.project.conda_file
    refuse_secrets(session, {file.path.name: read_text(file.path)})
    owned = environment.owned()
    pins = []
    for line in _exported(session, "requirements.txt", hashes=False).splitlines():
        name = _NAME.match(line)
        if name and canonicalize_name(name[0]) not in owned:
            pins.append(line)
    dependencies: list[object] = [*_conda_specs(session)]
    if pins:
        dependencies.append({"pip": pins})
    document: dict[str, object] = {
        "name": file.name,
        "channels": list(file.channels),
        "dependencies": dependencies,
    }
    if file.variables:
        document["variables"] = dict(file.variables)
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def _conda_specs(session: Session) -> list[str]:
    """Return conda's packages that a user or the lock names, at their installed versions."""
    installed = session.environment.packages()
    owned = session.environment.owned(packages=installed)
    named = {"python", "pip"}
    named |= {owned[name].package for name in owned.keys() & session.manager.locked().keys()}
    for name, record in installed.items():
        requested = record.get("requested_specs") or [record.get("requested_spec") or ""]
        if name in map(spec_name, requested):
            named.add(name)
    return [f"{name}={installed[name]['version']}" for name in sorted(named & installed.keys())]
