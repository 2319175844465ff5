"""Build the distributions of a project or of a member, and publish them to an index that was named."""

from __future__ import annotations

import hashlib
import os
import secrets
import shlex
import shutil
import tempfile
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from tasks_lib import bootstrap
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution import files, redaction
from tasks_lib.execution.plan import Step, execute
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

#: what says that a project is no package, to either manager
_NO_PACKAGE = (("tool", "uv", "package"), ("tool", "poetry", "package-mode"))
_VARIABLE = "MLOPS_LAB_PUBLISH_"
_LOGIN = ("TOKEN", "USERNAME", "PASSWORD")
#: what the managers publish to of themselves
PUBLIC = "pypi"


def build(
    session: Session, watcher: Watcher, *, package: str = "", dist: str = "", dry_run: bool = False
) -> Answer:
    """Build the source distribution and the wheel aside, look at them, and only then put them in their folder."""
    root, environment = session.project.root, session.environment
    member, folder = session.manager.member(package), _folder(root, dist)
    pyproject = _expect_package(session, member)
    if journal.exists(root):  # a backend may pack whatever lies in the folder
        text = f"a run is changing this project, or was cut short: {root / journal.FOLDER}."
        raise LabError(
            text, ErrorCode.PROJECT_CHANGING, remedy="wait for it, or put it right: invoke setup"
        )
    aside = Path(tempfile.gettempdir(), f"mlops-lab build {secrets.token_hex(4)}")
    activation = environment.activation() if environment.exists() else None
    command = session.manager.build(activation, aside, member)

    def look() -> Iterator[Result]:
        for path in sorted(aside.glob("*.whl")):
            expect_metadata(path, pyproject)
            yield Result(
                "pkg.check", Status.PASS, f"{path.name} has the name and version of {PYPROJECT}"
            )

    def place() -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise files.unwritable(folder, error) from None
        for path in sorted([*aside.glob("*.tar.gz"), *aside.glob("*.whl")]):
            rows.append(_row(path))
            files.put_back(folder / path.name, path)

    title = f"build {pyproject.name} with {session.manager.name}"
    shown, rows = (
        f"mv {shlex.quote(str(aside))}/* {shlex.quote(str(folder))}",
        list[dict[str, str | int]](),
    )
    steps = [
        Step(
            "pkg.build",
            title,
            command,
            reads=session.manager.ended,
            safe="writes in a folder of its own",
        ),
        Step(
            "pkg.check",
            "hold the metadata to the manifest",
            work=look,
            needs=("pkg.build",),
            check=True,
        ),
        Step(
            "pkg.place",
            f"put the files in {folder}",
            work=place,
            shown=shown,
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
    return Answer(results, {"folder": str(folder), "files": rows})


def publish(  # noqa: PLR0913 - what a person may say of it
    session: Session,
    watcher: Watcher,
    *,
    to: str,
    package: str = "",
    dist: str = "",
    dry_run: bool = False,
) -> Answer:
    """Upload what was built of the version that the manifest has, to the index `to`."""
    address = _address(session, to)
    if os.environ.get(bootstrap.OFFLINE):
        text = f"nothing can be published without the network, and {bootstrap.OFFLINE} is set."
        raise LabError(text, ErrorCode.NOT_OFFLINE, remedy=f"unset {bootstrap.OFFLINE}")
    member, folder = session.manager.member(package), _folder(session.project.root, dist)
    pyproject = _expect_package(session, member)
    found = _built(folder, pyproject)
    command = session.manager.publish(found, address, _login(), member)
    step = Step(
        "pkg.publish",
        f"publish {pyproject.name} to {address or PUBLIC}",
        command,
        safe="uploads to a named index alone, where no file is replaced",
    )
    if dry_run:
        return planned([step])
    return Answer(
        execute([step], watcher),
        {"index": address or PUBLIC, "files": [_row(path) for path in found]},
    )


def _folder(root: Path, dist: str) -> Path:
    return Path.cwd() / dist if dist else root / "dist"


def _row(path: Path) -> dict[str, str | int]:
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"file": path.name, "size": path.stat().st_size, "sha256": digest}


def _expect_package(session: Session, member: Member | None) -> PyProject:
    """Give the manifest of what is to be built, and refuse one that says that it is no package."""
    pyproject, file = (
        (member or session.project).pyproject,
        member.manifest if member else PYPROJECT,
    )
    known = ", ".join(one.name for one in session.manager.members().values() if one is not member)
    other = f", or build a member of it: --package ({known})" if known and not member else ""
    for *table, key in _NO_PACKAGE:
        if pyproject.table(*table).get(key) is False:
            text = f"{pyproject.name} is no package: [{'.'.join(table)}] says {key} = false."
            remedy = f"take that out, and give it a [build-system]{other}"
            line = pyproject.line_of(*table, key)
            raise LabError(text, ErrorCode.NO_PACKAGE_NAMED, file=file, line=line, remedy=remedy)
    if not pyproject.table("build-system"):
        text = f"{pyproject.name} is no package: it has no [build-system]."
        raise LabError(
            text,
            ErrorCode.NO_PACKAGE_NAMED,
            file=file,
            remedy=f"name one, e.g. uv_build or poetry-core{other}",
        )
    return pyproject


def expect_metadata(wheel: Path, pyproject: PyProject) -> None:
    """Refuse a wheel that has another name or version than its manifest, or that nobody else could install."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = [
                name for name in archive.namelist() if name.count("/") == 1
            ]  # deeper lies what it vendors
            name = next(name for name in names if name.endswith(".dist-info/METADATA"))
            said = HeaderParser().parsestr(archive.read(name).decode())
        version = Version(_version(pyproject) or said["Version"])
        same = (
            canonicalize_name(said["Name"]) == canonicalize_name(pyproject.name)
            and Version(said["Version"]) == version
        )
    except (OSError, StopIteration, ValueError, TypeError, InvalidVersion, zipfile.BadZipFile):
        raise _wrong(wheel, "has no metadata that can be read") from None
    if not same:
        text = f"calls itself {said['Name']} {said['Version']}, and {PYPROJECT} says {pyproject.name} {version}"
        raise _wrong(wheel, text)
    if near := [
        wanted
        for wanted in said.get_all("Requires-Dist") or ()
        if "file:" in wanted.partition(";")[0]
    ]:
        raise _wrong(wheel, f"asks for a folder of this machine: {near[0].partition(' @ ')[0]}")


def _wrong(wheel: Path, why: str) -> LabError:
    text = f"{wheel.name} {why}."
    remedy = f"see to {PYPROJECT}; nothing was put in its folder"
    return LabError(text, ErrorCode.INVALID_METADATA, file=PYPROJECT, remedy=remedy)


def _version(pyproject: PyProject) -> str:
    """Give the version that the manifest has, nothing where a tool finds it as it builds."""
    return str(
        pyproject.table("project").get("version")
        or pyproject.table("tool", "poetry").get("version", "")
    )


def _built(folder: Path, pyproject: PyProject) -> list[Path]:
    """Find what was built of the manifest's name and version."""
    found = []
    for path in sorted([*folder.glob("*.tar.gz"), *folder.glob("*.whl")]):
        try:
            parsed = (
                parse_wheel_filename(path.name)
                if path.suffix == ".whl"
                else parse_sdist_filename(path.name)
            )
            version = _version(pyproject)
            if parsed[0] == canonicalize_name(pyproject.name) and parsed[1] == Version(
                version or str(parsed[1])
            ):
                found.append((path, parsed[1]))
        except (InvalidSdistFilename, InvalidWheelFilename, InvalidVersion):
            continue
    versions = sorted({version for _, version in found})
    if len(versions) != 1:
        what = f"{pyproject.name} {_version(pyproject)}".strip()
        text = f"{folder} has {'files of several versions' if found else 'no file'} of {what}."
        remedy = "move the others away" if found else "build it first: invoke pkg.build"
        raise LabError(text, ErrorCode.NOTHING_TO_PUBLISH, remedy=remedy)
    return [path for path, _ in found]


def _address(session: Session, to: str) -> str:
    """Give the address to upload to, nothing for the managers' own; what has a login in it is refused."""
    entries = session.project.pyproject.table("tool", "uv").get("index")
    named = {
        str(one.get("name")): str(one["publish-url"])
        for one in (entries if isinstance(entries, list) else ())
        if isinstance(one, dict) and one.get("publish-url")
    }
    address = named.get(to, to)
    if redaction.without_logins(address, tokens=True) != address:
        text = f"the address of the index has a login in it: {redaction.without_secrets(address)}."
        raise LabError(
            text,
            ErrorCode.CONTAINS_LOGIN,
            remedy=f"give it by {_VARIABLE}TOKEN, or _USERNAME and _PASSWORD",
        )
    if "://" not in address and address != PUBLIC:
        known = ", ".join([PUBLIC, *named])
        said = (
            f"there is no index {to!r} to publish to" if to else "no index to publish to was named"
        )
        text = f"{said}: an address is one, and so is {known}."
        raise LabError(
            text, ErrorCode.NO_INDEX, remedy="name one: invoke pkg.publish --index ADDRESS"
        )
    return "" if address == PUBLIC else address


def _login() -> dict[str, str]:
    """Read the login from the variables: a token alone, or user and password."""
    found = {
        name: os.environ[_VARIABLE + name] for name in _LOGIN if os.environ.get(_VARIABLE + name)
    }
    if "TOKEN" in found:
        return {"TOKEN": found["TOKEN"]}
    if len(found) == 1:
        lacking = next(name for name in _LOGIN[1:] if name not in found)
        text = f"a login needs both: {_VARIABLE}{lacking} is not set."
        raise LabError(text, ErrorCode.INCOMPLETE_LOGIN, remedy="set both, or neither")
    return found
