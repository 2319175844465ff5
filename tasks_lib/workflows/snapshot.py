"""One file that describes both layers of an environment, and the environment made again from it and compared."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.utils import canonicalize_name

from tasks_lib.checks.base import listed
from tasks_lib.environments import ENVIRONMENTS, conda_health, site_packages
from tasks_lib.environments.base import State
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution.files import write, write_texts
from tasks_lib.execution.plan import Step, Writes, execute
from tasks_lib.managers import MANAGERS
from tasks_lib.ownership import layers
from tasks_lib.ownership.owners import Owner
from tasks_lib.project.conda_file import CONDA_FILES
from tasks_lib.project.manifests import PYPROJECT, read_text
from tasks_lib.project.project import Project
from tasks_lib.results import Result, Status
from tasks_lib.session import combos, transaction
from tasks_lib.session.session import Answer, Session, planned
from tasks_lib.tools import uv
from tasks_lib.workflows import changes, installation
from tasks_lib.workflows.exports import refuse_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tasks_lib.execution.plan import Watcher

SCHEMA = "mlops-lab-environment/1"
_FILES = (PYPROJECT, *CONDA_FILES, *(manager.lock_name for manager in MANAGERS.values()))
_HASHES = {"sha256": re.compile(r"[0-9a-f]{64}"), "md5": re.compile(r"[0-9a-f]{32}")}
_WORD = re.compile(
    r"\w[\w.+!-]*", re.ASCII
)  # what stands on a command line or in conda's explicit list


@dataclass(frozen=True)
class Description:
    """What such a file says, read and held against itself."""

    path: Path
    combo: str
    platform: str
    python: str
    groups: tuple[str, ...]
    files: dict[str, str]
    conda: tuple[dict[str, Any], ...]
    packages: frozenset[tuple[str, str, str, str]]

    @classmethod
    def read(cls, path: Path) -> Description:
        """Read a description; one that is no description, or that was altered, is an error."""
        return cls.parse(path, read_text(path, str(path)))

    @classmethod
    def parse(cls, path: Path, document: str) -> Description:
        """Read the text of a description."""
        try:
            data = json.loads(document)
            json.dumps(
                data, ensure_ascii=False
            ).encode()  # half a surrogate pair can be written to no file
            if data["schema"] != SCHEMA:
                raise ValueError  # noqa: TRY301 - one way out for every damage
            texts = {name: str(entry["text"]) for name, entry in data["files"].items()}
            hashes = {name: entry["sha256"] for name, entry in data["files"].items()}
            conda = tuple(dict(entry) for entry in data["conda"])
            combo, system, python = (str(data[key]) for key in ("combo", "platform", "python"))
            packages = frozenset(
                (str(a), str(b), str(c), str(d)) for a, b, c, d in data["packages"]
            )
            self = cls(
                path.absolute(),
                combo,
                system,
                python,
                tuple(map(str, data["groups"])),
                texts,
                conda,
                packages,
            )
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            text = f"{path} is no description of an environment that this version reads."
            raise _wrong(path, text) from None
        for fault in self._faults(hashes):
            raise _wrong(path, fault)
        return self

    def _faults(self, hashes: dict[str, object]) -> Iterator[str]:
        """Tell of texts that are not what their hashes say, addresses of another package, and words no tool may get."""
        words = [*self.groups, self.python, *(word for one in self.packages for word in one[:3])]
        words += [word for *_, word in self.packages if word]
        yield from (
            f"{word!r:.60} is no name and no version."
            for word in words
            if not _WORD.fullmatch(word)
        )
        for name, text in self.files.items():
            if name not in _FILES:
                yield f"it holds a file {name!r}, and only manifests and locks belong there."
            if _digest(text) != hashes[name]:
                yield f"the text of {name} is not the one that its sha256 names."
        if PYPROJECT not in self.files:
            yield f"it holds no {PYPROJECT}."
        for record in self.conda:
            name, url = (
                "-".join(str(record.get(key)) for key in ("name", "version", "build")),
                str(record.get("url")),
            )
            if url.rpartition("/")[2] not in {f"{name}.conda", f"{name}.tar.bz2"} or url != "".join(
                url.split()
            ):
                yield f"conda's package {name} has the address of another: {url}."
            given = {kind: str(record[kind]) for kind in _HASHES if record.get(kind)}
            if not given or not all(_HASHES[kind].fullmatch(text) for kind, text in given.items()):
                yield f"conda's package {name} has no sha256 or md5 to verify it by."
        conda = {
            ("conda", str(one["name"]), str(one["version"]), str(one["build"]))
            for one in self.conda
        }
        if conda != {one for one in self.packages if one[0] == "conda"}:
            yield "its list of conda's packages and their records differ."

    @property
    def strays(self) -> tuple[str, ...]:
        """Give what neither conda nor the lock brings, pinned."""
        return tuple(
            sorted(
                f"{name}=={version}"
                for owner, name, version, _ in self.packages
                if owner == Owner.STRAY
            )
        )


def _wrong(path: Path, text: str) -> LabError:
    """Give the error for a description that cannot be used."""
    return LabError(
        text,
        ErrorCode.INVALID_SNAPSHOT,
        file=path,
        remedy="write it anew where the environment is: invoke env.export",
    )


def _verify(described: Description) -> tuple[Result, ...]:
    """Hold the packages of a local channel to their hashes: engines verify only what comes over the network."""
    for record in described.conda:
        address = urlsplit(record["url"])
        for kind in _HASHES if address.scheme == "file" else ():
            try:
                with Path(url2pathname(address.path)).open("rb") as stream:
                    found = hashlib.file_digest(stream, kind).hexdigest()
            except OSError as error:
                text = f"{record['url']} cannot be read: {error.strerror}."
                raise LabError(text, ErrorCode.PACKAGE_MISSING) from None
            if record.get(kind, found) != found:
                text = f"hash mismatch: {record['url']} is not the package that was described (by {kind})."
                raise LabError(text, ErrorCode.HASH_MISMATCH, file=described.path)
    return ()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _platform() -> str:
    return f"{platform.system()}-{platform.machine()}".lower()


def export(session: Session, output: str) -> Answer:
    """Write the description of the session's environment."""
    found = layers.of(session)
    session.manager.require_lock()
    environment, project = session.environment, session.project
    paths = (
        changes.manifests_of(session)
        if environment.owns_packages
        else changes.manifests_of(session)[:2]
    )
    texts = {path.name: path.read_bytes().decode() for path in paths}
    refuse_secrets(session, texts)
    if members := session.manager.members():
        said = f"one file cannot hold the members of this project: {', '.join(members)}."
        raise LabError(
            said, ErrorCode.WORKSPACE, remedy="copy the project, and make it there: invoke setup"
        )
    described = [
        conda_health.public(one) for one in conda_health.packages(environment.prefix).values()
    ]
    document = {
        "schema": SCHEMA,
        "project": project.pyproject.table("project").get("name", ""),
        "combo": session.combo.id,
        "platform": _platform(),
        "python": conda_health.python_version(environment.prefix),
        "groups": installed_groups(session),
        "packages": [list(one.identity) for one in found.packages],
        "conda": described,
        "files": {name: {"sha256": _digest(text), "text": text} for name, text in texts.items()},
    }
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    Description.parse(Path(output), text)  # what cannot be read again is not written
    write(Path(output), text.encode())
    return Answer(
        [Result("env.export", Status.PASS, f"write {output}", f"{len(found.packages)} packages")]
    )


def installed_groups(session: Session) -> list[str]:
    """Name the dependency groups whose packages are all installed: no tool records which were asked for."""
    have = site_packages.installed(session.environment.prefix)
    found = []
    for group, entries in session.project.pyproject.table("dependency-groups").items():
        named = [
            re.split(r"[^\w.-]", entry, maxsplit=1)[0]
            for entry in entries
            if isinstance(entry, str)
        ]
        names = [canonicalize_name(name) for name in named]
        found += [group] if names and all(name in have for name in names) else []
    return found


def opened(source: str, *, combo: str, engine: str, python: str, offline: bool = False) -> Session:
    """Open the session that a description asks for: its manifests, whether or not they stand in the folder yet."""
    described = Description.read(Path(source))
    if combo not in {"", described.combo} or python:
        text = f"{source} describes {described.combo} with Python {described.python}, and nothing else can come of it."
        raise LabError(text, ErrorCode.OTHER_ENVIRONMENT, remedy="leave out --combo and --python")
    chosen = combos.parse(described.combo, "description", f"{source} describes it")
    here = Path.cwd()
    root = next(
        (folder for folder in (here, *here.parents) if (folder / PYPROJECT).is_file()), here
    )
    with tempfile.TemporaryDirectory(prefix="mlops-lab-") as folder:
        for name, text in described.files.items():
            (Path(folder) / name).write_bytes(text.encode())
        read = Project.load(Path(folder), os.environ, engine=engine, offline=offline)
        layer = ENVIRONMENTS[chosen.environment]
        pinned = "" if layer.owns_packages else described.python
        project = replace(
            read,
            root=root,
            options=replace(read.options, python=pinned),
            pyproject=replace(read.pyproject, path=root / PYPROJECT),
        )
        if layer.owns_packages:
            file = read.conda_file
            moved = replace(file, path=root / file.path.name)
            vars(project).update(
                conda_path=moved.path, conda_file=moved
            )  # as if they had been read from there
    return Session(project, chosen, layer(project), MANAGERS[chosen.manager](project))


def rebuild(session: Session, watcher: Watcher, source: str, *, dry_run: bool = False) -> Answer:
    """Make what a description describes, and prove it: both sets of packages, name by name and version by version."""
    described = Description.read(Path(source))
    absent = _absent(session, described)
    environment = session.environment
    compare = Step(
        "env.compare",
        "compare with the description",
        work=lambda: _compare(session, described),
        check=True,
    )
    if environment.state() is State.PRESENT:
        return planned([compare]) if dry_run else Answer(execute([compare], watcher))
    steps = [
        *_steps(session, described, absent),
        replace(compare, needs=("deps.install", "env.strays")),
    ]
    if dry_run:
        return planned(steps)
    environment.refuse_foreign()
    manifests = [session.project.root / name for name in absent]
    return Answer(transaction.carry_out(session, steps, watcher, manifests=manifests))


def _absent(session: Session, described: Description) -> list[str]:
    """Name the files that the project lacks; one that it has must be what was described."""
    root = session.project.root
    absent = [name for name in described.files if not (root / name).exists()]
    for name, text in described.files.items():
        if name not in absent and (root / name).read_bytes() != text.encode():
            said = f"{name} is not the one that {described.path.name} describes."
            raise LabError(
                said,
                ErrorCode.SNAPSHOT_DIFFERS,
                file=name,
                remedy=f"bring back the described {name}, or move yours away",
            )
    if described.platform != _platform():
        said = f"{described.path.name} describes an environment for {described.platform}, and this is {_platform()}."
        raise LabError(
            said, ErrorCode.OTHER_PLATFORM, remedy="make one for this platform: invoke setup"
        )
    return absent


def _steps(session: Session, described: Description, absent: Sequence[str]) -> list[Step]:
    root, environment = session.project.root, session.environment

    texts = {root / name: described.files[name] for name in absent}
    title = f"write {', '.join(absent)} from the description"
    steps = [
        Step("env.verify", "verify local packages", work=lambda: _verify(described), check=True)
    ]
    steps += (
        [
            Step(
                "env.files",
                title,
                work=lambda: write_texts(texts),
                shown=title,
                writes=Writes.PROJECT,
            )
        ]
        if absent
        else []
    )
    made = environment.recreation(described.path, described.conda)
    steps += [replace(step, needs=(*step.needs, "env.verify", "env.files")) for step in made]
    activation = environment.activation()
    steps += installation.install_steps(session, described.groups)
    if described.strays:
        install = ("pip", "install", "--python", str(activation.python), "--no-deps")
        why = "install what neither layer names"
        command = uv.command(session.project, *install, *described.strays, why=why)
        steps.append(
            Step("env.strays", "install what neither layer names", command, needs=("deps.install",))
        )
    return steps


def _compare(session: Session, described: Description) -> tuple[Result, ...]:
    found = {one.identity for one in layers.of(session).packages}
    python = conda_health.python_version(session.environment.prefix)
    installed = conda_health.packages(session.environment.prefix)
    lacking, more = sorted(described.packages - found), sorted(found - described.packages)
    parts = [f"python {python} instead of {described.python}"] if python != described.python else []
    parts += [
        f"{what}: {_named(some)}"
        for what, some in (("missing", lacking), ("not described", more))
        if some
    ]
    for record in described.conda:
        mine = installed.get(record["name"], {})
        wrong = [
            kind
            for kind in _HASHES
            if mine.get(kind) and record.get(kind) and mine[kind] != record[kind]
        ]
        parts += [f"{record['name']} has another {kind}" for kind in wrong]
    title = "the environment is the one that was described"
    detail = "; ".join(parts) or f"{len(found)} packages, name by name and version by version"
    remedy = "make it anew: invoke env.remove, then env.create --from" if parts else ""
    return (Result("env.equal", Status.FAIL if parts else Status.PASS, title, detail, remedy),)


def _named(packages: Sequence[tuple[str, str, str, str]]) -> str:
    return listed(" ".join(filter(None, (*words, f"({owner})"))) for owner, *words in packages)
