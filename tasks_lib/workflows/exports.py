"""Hand the dependencies on in the formats that other tools read, through the managers' own exporters."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from packaging.utils import canonicalize_name

from tasks_lib.environments import conda_health
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution import failures, process, redaction
from tasks_lib.execution.files import write
from tasks_lib.project.conda_file import CONDA_FILES, spec_name
from tasks_lib.project.manifests import read_text
from tasks_lib.results import Result, Status
from tasks_lib.session.session import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks_lib.session.session import Session

_FILES = {"requirements": "requirements.txt", "pylock": "pylock.toml"}
FORMS = (*_FILES, "environment")
_NAME = re.compile(r"[\w.-]+")


def export(session: Session, to: str, output: str) -> Answer:
    """Print one of the formats as it is, or write it to a file."""
    if to not in FORMS:
        text = f"nothing can be exported to {to!r}; the formats are {', '.join(FORMS)}."
        raise LabError(text, ErrorCode.UNKNOWN_FORMAT, remedy="choose one, e.g. --to requirements")
    session.manager.require_lock()
    text = _environment(session) if to == "environment" else _exported(session, _FILES[to])
    if not output:
        return Answer(data={"format": to, "script": text})
    write(Path(output), text.encode())
    return Answer([Result("deps.export", Status.PASS, f"write {output}", to)])


def _exported(session: Session, form: str, *, hashes: bool = True) -> str:
    environment = session.environment
    usable = environment.activation() if environment.exists() else None
    outcome = process.run(session.manager.export(usable, form, hashes=hashes))
    return redaction.without_logins(failures.demand(outcome, title=f"export {form}").stdout)


def refuse_secrets(session: Session, texts: Mapping[str, str]) -> None:
    """Stop before a manifest that holds a secret is handed on as it is: what comes of an export is for others."""
    for name, text in texts.items():
        if (public := redaction.without_logins(text, tokens=name in CONDA_FILES)) != text:
            pairs = enumerate(zip(text.split("\n"), public.split("\n"), strict=True), 1)
            line = next(number for number, (one, other) in pairs if one != other)
            raise _refused(name, line, "an address in it has a login or a token")
    file = session.project.conda_file if session.environment.owns_packages else None
    if file and (secret := [name for name in file.variables if redaction.is_secret(name)]):
        raise _refused(file.path.name, None, f"it sets {secret[0]}")


def _refused(name: str, line: int | None, why: str) -> LabError:
    text = f"{name} cannot be handed on: {why}."
    remedy = (
        f"keep the secret in your own settings (.netrc, .condarc, a variable), and out of {name}"
    )
    return LabError(text, ErrorCode.CONTAINS_SECRET, file=name, line=line, remedy=remedy)


def _environment(session: Session) -> str:
    """Write what was asked of conda, and what it owns of the lock, at the installed version; the rest goes to pip."""
    if not session.environment.owns_packages:
        text = (
            f"environment.yml describes a conda layer, and this run's combo is {session.combo.id}."
        )
        raise LabError(
            text, ErrorCode.NO_CONDA_LAYER, remedy="take --to requirements, or a conda combo"
        )
    prefix = session.environment.require().prefix
    installed, owned = conda_health.packages(prefix), conda_health.owned(prefix)
    kept = {owned[name].package for name in session.manager.locked() if name in owned} | {
        "python",
        "pip",
    }
    for name, record in installed.items():
        asked = record.get("requested_specs") or [record.get("requested_spec") or ""]
        kept |= {name} if any(spec_name(spec) == name for spec in asked) else set()
    lines = _exported(session, "requirements.txt", hashes=False).splitlines()
    pins = [
        line
        for line in lines
        if (found := _NAME.match(line)) and canonicalize_name(found[0]) not in owned
    ]
    specs: list[object] = [
        f"{name}={installed[name]['version']}" for name in sorted(kept & set(installed))
    ]
    file = session.project.conda_file
    refuse_secrets(session, {file.path.name: read_text(file.path)})
    document = {
        "name": file.name,
        "channels": list(file.channels),
        "dependencies": [*specs, *([{"pip": pins}] if pins else [])],
        **({"variables": dict(file.variables)} if file.variables else {}),
    }
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
