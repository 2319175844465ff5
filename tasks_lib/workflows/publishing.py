"""Build the distributions of a project or a member, and publish them to an index."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import tempfile
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.metadata import parse_email
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    canonicalize_version,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import Version

from tasks_lib import bootstrap
from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.execution import files, redaction, shell_words
from tasks_lib.execution.plan import Step, execute
from tasks_lib.managers import MANAGERS
from tasks_lib.project.manifests import PYPROJECT
from tasks_lib.results import Result, Status
from tasks_lib.session import journal
from tasks_lib.session.session import Answer, planned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks_lib.execution.plan import Watcher
    from tasks_lib.project.manifests import PyProject
    from tasks_lib.project.workspace import Member
    from tasks_lib.session.session import Session

_VARIABLE = "MLOPS_LAB_PUBLISH_"
#: the name of the index to which the managers publish by default
PUBLIC = "pypi"


def build(
    session: Session, watcher: Watcher, *, package: str = "", dist: str = "", dry_run: bool = False
) -> Answer:
    """Build the source distribution and the wheel elsewhere, check them, and put them in `dist`.

    `package` names a member; `dist` is seen from the current folder, and is the project's `dist`
    where it is empty. The answer's `files` has the size in bytes and the SHA-256 of each.

    Raises:
        LabError: The project is not a package, is being changed, or its metadata is not valid.
    """
    root = session.project.root
    member = session.manager.member(package)
    folder = _folder(root, dist)
    pyproject = _require_package(session, member)
    if journal.exists(root):  # a build backend may pack whatever is in the folder
        text = f"Another run is changing this project, or was cut short: {journal.place(root)}."
        remedy = Remedy("Wait for it; if none is running, recover", ("invoke", "setup"))
        raise LabError(text, ErrorCode.PROJECT_CHANGING, remedy=remedy)
    aside = Path(tempfile.gettempdir(), f"mlops-lab build {secrets.token_hex(4)}")
    environment = session.environment
    activation = environment.activation() if environment.exists() else None
    placed: list[dict[str, Any]] = []

    def check() -> Iterator[Result]:
        for path in sorted(aside.glob("*.whl")):
            expect_metadata(path, pyproject)
            title = f"{path.name} has the name and version of {PYPROJECT}"
            yield Result("pkg.check", Status.PASS, title)

    def place() -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise files.unwritable(folder, error) from None
        for path in _distributions(aside):
            placed.append(_row(path))
            files.put_back(files.inside(root, folder / path.name, typed=True), path)

    steps = [
        Step(
            "pkg.build",
            f"build {pyproject.name} with {session.manager.name}",
            session.manager.build(activation, aside, member),
            reads=session.manager.ended,
            safe="writes in a folder of its own",
        ),
        Step(
            "pkg.check",
            "compare the metadata with the manifest",
            work=check,
            needs=("pkg.build",),
            check=True,
        ),
        Step(
            "pkg.place",
            f"put the files in {folder}",
            work=place,
            shown=f"mv {shell_words.joined([str(aside)])}/* {shell_words.joined([str(folder)])}",
            needs=("pkg.check",),
            safe="replaces each file whole, and leaves the others",
        ),
    ]
    if dry_run:
        return planned(steps)
    try:
        results = execute(steps, watcher)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return Answer(results, {"folder": str(folder), "files": placed})


def publish(  # noqa: PLR0913 - the options of the task
    session: Session,
    watcher: Watcher,
    *,
    to: str,
    package: str = "",
    dist: str = "",
    dry_run: bool = False,
) -> Answer:
    """Upload what was built of the manifest's version to the index `to`, a name or an address.

    Raises:
        LabError: The index is unknown, its address has a login, the login is incomplete, nothing
            was built, or the run is offline.
    """
    address = _address(to)
    if session.project.options.offline:
        text = f"Nothing can be published without the network, and {bootstrap.OFFLINE} is set."
        raise LabError(text, ErrorCode.NOT_OFFLINE, remedy=Remedy(f"Unset {bootstrap.OFFLINE}"))
    member = session.manager.member(package)
    pyproject = _require_package(session, member)
    build = ["invoke", "pkg.build"]
    for option, value in (("--package", package), ("--dist", dist)):
        build += [option, value] if value else []
    found = _built(
        _folder(session.project.root, dist), pyproject, Remedy("Build it first", tuple(build))
    )
    index = address or PUBLIC
    step = Step(
        "pkg.publish",
        f"publish {pyproject.name} to {index}",
        session.manager.publish(found, address, _login(), member),
        safe="uploads only to a named index, where no file is replaced",
    )
    if dry_run:
        return planned([step])
    results = execute([step], watcher)
    return Answer(results, {"index": index, "files": [_row(path) for path in found]})


def _folder(root: Path, dist: str) -> Path:
    """Return the folder of the files; `dist` is what the user typed."""
    return files.inside(root, Path.cwd() / dist if dist else root / "dist", typed=bool(dist))


def _distributions(folder: Path) -> list[Path]:
    return sorted([*folder.glob("*.tar.gz"), *folder.glob("*.whl")])


def _row(path: Path) -> dict[str, Any]:
    """Return what the answer says of a file; `size` is in bytes."""
    with files.opened(path) as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"file": path.name, "size": path.stat().st_size, "sha256": digest}


def _require_package(session: Session, member: Member | None) -> PyProject:
    """Return the manifest of what is to be built; one that is not a package is an error."""
    pyproject = session.project.pyproject
    file = PYPROJECT
    other = ""
    if member:
        pyproject = member.pyproject
        file = member.manifest
    elif members := session.manager.members().values():
        names = ", ".join(one.name for one in members)
        other = f", or build a member with --package ({names})"
    why = "" if pyproject.table("build-system") else "it has no [build-system]"
    line = None
    for manager in MANAGERS.values():
        if not manager.tables.package_key:
            continue
        *table, key = manager.tables.package_key
        if pyproject.table(*table).get(key) is False:
            why = f"[{'.'.join(table)}] says {key} = false"
            line = pyproject.line_of(*table, key)
    if not why:
        return pyproject
    text = f"{pyproject.name} is not a package: {why}."
    remedy = Remedy(f"Give it a [build-system], e.g. of uv_build, and no such setting{other}")
    raise LabError(text, ErrorCode.NO_PACKAGE_NAMED, file=file, line=line, remedy=remedy)


def expect_metadata(wheel: Path, pyproject: PyProject) -> None:
    """Refuse a wheel that differs from the manifest, or that only this machine could install.

    Raises:
        LabError: The name or version is another, or a requirement names a folder.
    """
    try:
        stem = "-".join(wheel.name.split("-")[:2])
        with zipfile.ZipFile(wheel) as archive:
            metadata, _ = parse_email(archive.read(f"{stem}.dist-info/METADATA"))
        name = metadata["name"]
        version = str(Version(metadata["version"]))
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        raise _invalid(wheel, "has no metadata that can be read") from None
    if not _fits(pyproject, name, version):
        wanted = pyproject.version or version
        text = f"calls itself {name} {version}, and {PYPROJECT} says {pyproject.name} {wanted}"
        raise _invalid(wheel, text)
    for requirement in metadata.get("requires_dist", ()):
        if "file:" in requirement.partition(";")[0]:
            required = requirement.partition(" @ ")[0]
            raise _invalid(wheel, f"requires a folder of this machine: {required}")


def _invalid(wheel: Path, why: str) -> LabError:
    text = f"{wheel.name} {why}."
    remedy = Remedy(f"Correct {PYPROJECT}; no file was put in the folder")
    return LabError(text, ErrorCode.INVALID_METADATA, file=PYPROJECT, remedy=remedy)


def _fits(pyproject: PyProject, name: str, version: str) -> bool:
    """Return whether the manifest has this name, and this version where it has one."""
    wanted = pyproject.version or version
    same_version = canonicalize_version(version) == canonicalize_version(wanted)
    return same_version and canonicalize_name(name) == canonicalize_name(pyproject.name)


def _built(folder: Path, pyproject: PyProject, remedy: Remedy) -> list[Path]:
    """Return the built files of the manifest's name and version; the remedy builds them."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in _distributions(folder):
        with contextlib.suppress(InvalidSdistFilename, InvalidWheelFilename):
            name, version = _name_and_version(path)
            if _fits(pyproject, name, version):
                found[version].append(path)
    if len(found) == 1:
        return next(iter(found.values()))
    what = f"{pyproject.name} {pyproject.version}".strip()
    text = f"{folder} has no file of {what}."
    if found:
        text = f"{folder} has files of several versions of {what}."
        remedy = Remedy("Move the others away")
    raise LabError(text, ErrorCode.NOTHING_TO_PUBLISH, remedy=remedy)


def _name_and_version(path: Path) -> tuple[str, str]:
    """Return what the name of a distribution file says."""
    if path.suffix == ".whl":
        name, version, _, _ = parse_wheel_filename(path.name)
    else:
        name, version = parse_sdist_filename(path.name)
    return name, str(version)


def _address(to: str) -> str:
    """Return the address to upload to, empty for the managers' default.

    A name is one of the user's own settings: what the project calls so could take the login.
    """
    if to == PUBLIC:
        return ""
    named: dict[str, str] = {}
    for manager in MANAGERS.values():
        named |= manager.publish_addresses()
    address = named.get(to, to)
    if redaction.without_logins(address, tokens=True) != address:
        text = f"The index's address contains a login: {redaction.without_secrets(address)}."
        remedy = Remedy(f"Set {_VARIABLE}TOKEN, or {_VARIABLE}USERNAME and {_VARIABLE}PASSWORD")
        raise LabError(text, ErrorCode.CONTAINS_LOGIN, remedy=remedy)
    if "://" in address:
        return address
    text = "No index was named to publish to."
    if to:
        text = f"Your own settings have no index {to!r} to publish to; a project's do not count."
    text += f" Give an address, or one of {', '.join([PUBLIC, *named])}."
    remedy = meant(to, (PUBLIC, *named), Remedy("Name an index by --index and its address"))
    raise LabError(text, ErrorCode.NO_INDEX, remedy=remedy)


def _login() -> dict[str, str]:
    """Return the login from the variables: a TOKEN alone, or USERNAME and PASSWORD, or nothing."""
    for names in (("TOKEN",), ("USERNAME", "PASSWORD")):
        found = {name: os.environ.get(_VARIABLE + name, "") for name in names}
        missing = [name for name in names if not found[name]]
        if not missing:
            return found
        if len(missing) < len(names):
            text = f"A login needs both: {_VARIABLE}{missing[0]} is not set."
            raise LabError(text, ErrorCode.INCOMPLETE_LOGIN, remedy=Remedy("Set both, or neither"))
    return {}
