"""Describe both layers of an environment in one file, and create it again from that file."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from tasks_lib.checks.base import listed
from tasks_lib.environments import conda_health, site_packages
from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import files
from tasks_lib.execution.files import write_texts
from tasks_lib.execution.plan import Step, Writes, execute
from tasks_lib.ownership import layers
from tasks_lib.project import requirements
from tasks_lib.project.manifests import read_text
from tasks_lib.project.project import Project, root_of
from tasks_lib.results import Result, Status
from tasks_lib.session import combos
from tasks_lib.session.session import Answer, Session, passed, planned
from tasks_lib.workflows.changes import carry_out
from tasks_lib.workflows.exports import refuse_secrets
from tasks_lib.workflows.installation import install_steps
from tasks_lib.workflows.snapshot_file import HASHES, SCHEMA, Description, digest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tasks_lib.execution.plan import Watcher


def this_platform() -> str:
    """Return the operating system and the processor, as a description names them."""
    return f"{platform.system()}-{platform.machine()}".lower()


def export(session: Session, output: str) -> Answer:
    """Write the description of the session's environment to the file `output`.

    Raises:
        LabError: The environment or the lock does not exist, the project has members, or a manifest
            holds a secret.
    """
    path = files.inside(session.project.root, Path(output), typed=True)
    packages = layers.of(session).packages
    session.manager.require_lock()
    if members := session.manager.members():
        text = f"One file cannot hold the members of this project: {', '.join(members)}."
        remedy = Remedy("Copy the project, and set it up there")
        raise LabError(text, ErrorCode.WORKSPACE, remedy=remedy)
    texts = _manifests(session)
    refuse_secrets(session, texts)
    records = session.environment.packages().values()
    document = {
        "schema": SCHEMA,
        "project": session.project.pyproject.table("project").get("name", ""),
        "combo": session.combo.id,
        "platform": this_platform(),
        "python": session.environment.python_version(),
        "groups": installed_groups(session),
        "extras": list(session.project.included.extras),
        "dev": session.project.included.dev,
        "packages": [one.identity for one in packages],
        "conda": [conda_health.public(record) for record in records],
        "files": {name: {"sha256": digest(text), "text": text} for name, text in texts.items()},
    }
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    Description.parse(path, text)  # what cannot be read again is not written
    files.write(path, text.encode())
    count = f"{len(packages)} packages"
    return passed("env.export", f"write {output}", count)


def _manifests(session: Session) -> dict[str, str]:
    """Return the texts of the manifests from which the environment was created, and of the lock."""
    paths = [session.project.pyproject.path, session.manager.lock_path]
    if session.environment.manifest:
        paths.append(session.environment.manifest)
    lock = session.environment.layer_lock
    if lock and lock.path.is_file():
        paths.append(lock.path)
    root = session.project.root
    return {path.name: read_text(files.inside(root, path), bom=True) for path in paths}


def installed_groups(session: Session) -> list[str]:
    """Return the dependency groups whose packages are all installed.

    No tool records which groups it was asked for.
    """
    have = site_packages.installed(session.environment.prefix)
    found = []
    for group, entries in session.project.pyproject.table("dependency-groups").items():
        names = requirements.names([entry for entry in entries if isinstance(entry, str)])
        if names and have.keys() >= set(map(canonicalize_name, names)):
            found.append(group)
    return found


def opened(source: str, *, combo: str, engine: str, python: str, offline: bool = False) -> Session:
    """Open the session that the description in the file `source` names.

    Its manifests are those of the description: the current folder may lack them.

    Raises:
        LabError: The file cannot be used, or another combo or Python was requested.
    """
    described = Description.read(Path(source))
    if combo not in {"", described.combo} or python:
        text = f"{source} describes {described.combo} with Python {described.python}."
        remedy = Remedy("Leave out --combo and --python")
        raise LabError(text, ErrorCode.OTHER_ENVIRONMENT, remedy=remedy)
    chosen = combos.parse(described.combo, "description", f"{source} describes it")
    with tempfile.TemporaryDirectory(prefix="mlops-lab-") as name:
        folder = Path(name)
        for file, text in described.files.items():
            (folder / file).write_bytes(text.encode())
        read = Project.load(folder, os.environ, engine=engine, offline=offline)
        project = replace(read, options=replace(read.options, python=described.python))
        moved = Session.of(project.moved(root_of(Path.cwd())), chosen)
        return moved.choosing(described.included)


def rebuild(session: Session, watcher: Watcher, source: str, *, dry_run: bool = False) -> Answer:
    """Create the environment that the file `source` describes, and compare each package with it.

    Where the environment exists already, it is compared alone. A result `env.equal` tells how both
    differ.

    Raises:
        LabError: The description is for another platform, or the project has other manifests.
    """
    described = Description.read(Path(source))
    missing = _missing_files(session, described)
    compare = Step(
        "env.compare",
        "compare with the description",
        work=lambda: _compare(session, described),
        needs=("deps.install", "env.strays"),
        check=True,
    )
    if session.environment.exists():
        return planned([compare]) if dry_run else Answer(execute([compare], watcher))
    steps = [*_steps(session, described, missing), compare]
    return carry_out(session, watcher, steps, dry_run=dry_run)


def _missing_files(session: Session, described: Description) -> list[str]:
    """Return the names of the files that the project lacks; the others must be as described."""
    missing = []
    for name, text in described.files.items():
        path = session.project.root / name
        if not path.exists():
            missing.append(name)
        elif read_text(path, bom=True) != text:
            said = f"{name} is not the one that {described.path.name} describes."
            remedy = Remedy(f"Bring back the described {name}, or move yours away")
            raise LabError(said, ErrorCode.SNAPSHOT_DIFFERS, file=name, remedy=remedy)
    here = this_platform()
    if described.platform != here:
        said = (
            f"{described.path.name} describes an environment for {described.platform}, "
            f"and this machine is {here}."
        )
        remedy = Remedy("Set the project up here, and export that for this platform")
        raise LabError(said, ErrorCode.OTHER_PLATFORM, remedy=remedy)
    return missing


def _steps(session: Session, described: Description, missing: Sequence[str]) -> list[Step]:
    """Return the steps that write the manifests, create the environment and install."""
    texts = {session.project.root / name: described.files[name] for name in missing}
    verify = Step(
        "env.verify", "verify local packages", work=described.verify_local_packages, check=True
    )
    steps = [verify]
    if missing:
        title = f"write {', '.join(missing)} from the description"
        write_manifests = Step(
            "env.files",
            title,
            work=lambda: write_texts(texts),
            shown=f"# {title}",
            writes=Writes.PROJECT,
            safe="the manifests are deleted again if the run fails",
        )
        steps.append(write_manifests)
    creation = session.environment.recreation(described.path, described.conda)
    steps += [step.after("env.verify", "env.files") for step in creation]
    steps += install_steps(session, described.groups)
    if described.strays:
        steps.append(_install_strays(session, described.strays))
    return steps


def _install_strays(session: Session, strays: Sequence[str]) -> Step:
    title = "install what neither layer names"
    command = session.environment.pip("install", "--no-deps", *strays, why=title)
    return Step("env.strays", title, command, needs=("deps.install",))


def _compare(session: Session, described: Description) -> tuple[Result, ...]:
    """Return the result of comparing the environment with the description."""
    found: set[tuple[str, ...]] = {one.identity for one in layers.of(session).packages}
    python = session.environment.python_version()
    wrong = []
    if python != described.python:
        wrong.append(f"python {python} instead of {described.python}")
    missing = described.packages - found
    extra = found - described.packages
    for what, packages in (("missing", missing), ("not described", extra)):
        if packages:
            wrong.append(f"{what}: {_listed(packages)}")
    wrong += _other_hashes(described, session.environment.packages())
    title = "the environment is the one that was described"
    if not wrong:
        detail = f"{len(found)} packages, name by name and version by version"
        return (Result("env.equal", Status.PASS, title, detail),)
    remedy = Remedy("Remove it, then use env.create --from again", ("invoke", "env.remove"))
    return (Result("env.equal", Status.FAIL, title, "; ".join(wrong), remedy),)


def _other_hashes(described: Description, installed: Mapping[str, Any]) -> Iterator[str]:
    """Yield which conda packages have another hash; a record without one cannot be compared."""
    for record in described.conda:
        mine = installed.get(record["name"], {})
        for kind in HASHES:
            if record.get(kind) and mine.get(kind) not in {None, "", record[kind]}:
                yield f"{record['name']} has another {kind}"


def _listed(packages: Iterable[tuple[str, ...]]) -> str:
    rows = (" ".join([*filter(None, words), f"({owner})"]) for owner, *words in sorted(packages))
    return listed(rows)
