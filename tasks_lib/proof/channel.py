"""Which conda channel a proof uses: those that conda.yml declares, or one built here where none of them answers."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.specifiers import SpecifierSet

from tasks_lib import bootstrap
from tasks_lib.environments import site_packages
from tasks_lib.environments.conda import Conda
from tasks_lib.environments.conda_engines import Rattler
from tasks_lib.environments.conda_health import solver_spec
from tasks_lib.errors import ErrorCode, ExitCode, LabError
from tasks_lib.execution import process, redaction
from tasks_lib.execution.process import Command
from tasks_lib.project.conda_file import spec_name
from tasks_lib.project.version_ranges import conda_specifiers
from tasks_lib.tools import executables, package_index

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tasks_lib.session.session import Session

MODES = ("auto", "local", "strict")
BUILDER = Path(__file__).with_name("build_channel.py")
_OWN = "conda-forge"  # the one channel that the builder makes
_BUILD_SECONDS = 900


@dataclass(frozen=True)
class Channel:
    """Where conda packages come from, the `.condarc` that leads there, and the variables that name packages' caches.

    `instead` names what stands in the conda file in place of channels that no `.condarc` can send elsewhere.
    """

    kind: str
    urls: tuple[str, ...]
    condarc: Mapping[str, Any]
    caches: Mapping[str, str]
    instead: Mapping[str, str]


#: What the pip layer has: conda is told nothing.
NONE = Channel("none", (), {}, {}, {})


def expect_mode(mode: str) -> None:
    """Refuse a mode that there is not."""
    if mode not in MODES:
        text = f"there is no channel mode {mode!r}; the modes are {', '.join(MODES)}."
        raise LabError(
            text, ErrorCode.UNKNOWN_CHANNEL_MODE, remedy="choose one, e.g. --channel auto"
        )


def choose(session: Session, mode: str, say: Callable[[str], None]) -> Channel:
    """Take the declared channels if one of them answers; else build one, unless `mode` is strict."""
    layer = session.environment
    if not isinstance(layer, Conda):
        return NONE
    solver = _solver(layer)
    if mode != "local":
        asked = process.run(Rattler(sys.executable, session.project.options).probe(layer.file))
        if asked.ok:
            condarc = layer.maker.condarc
            settings = {
                key: value
                for key, value in condarc.values.items()
                if key not in {"envs_dirs", "pkgs_dirs"}
            }
            caches = {"CONDA_PKGS_DIRS": str(Path(bootstrap.cache_folder(), "conda-pkgs"))}
            return Channel(
                "declared",
                condarc.channels(layer.file.channels),
                {**settings, **solver},
                caches,
                {},
            )
        tried = redaction.without_secrets("; ".join(asked.stderr.split("\n")).strip(" ;"))
        text = f"no channel of {layer.file.path.name} answers ({tried})"
        if mode == "strict":
            remedy = "check the network and the channels, or allow one that is built here: --channel auto"
            text = f"{text}."
            raise LabError(text, ErrorCode.NO_CHANNEL, remedy=remedy)
        say(f"{text}: this proof uses a local channel, built from an interpreter of this machine")
    folder = _built(session, layer)
    url = (folder / _OWN).as_uri()
    settings = {
        "channel_alias": folder.as_uri(),
        "channels": [_OWN],
        "default_channels": [url],
        **solver,
    }
    instead = {name: url for name in layer.file.channels if name not in {_OWN, "nodefaults"}}
    # another local channel has other packages of the same names, so the caches are its own
    caches = {"CONDA_PKGS_DIRS": f"{folder}-pkgs", "RATTLER_CACHE_DIR": f"{folder}-rattler"}
    return Channel("local", (url,), settings, caches, instead)


def _built(session: Session, layer: Conda) -> Path:
    """Give the folder of the local channel for this interpreter and these packages, built unless it is there."""
    python = _interpreter(session, layer)
    wanted = requirements(layer.file.dependencies)
    asked = process.run(Command((str(python), "-I", "-VV"), "ask the interpreter for its version"))
    parts = (
        os.fsencode(python.resolve()),
        asked.said.encode(),
        "\n".join(wanted).encode(),
        BUILDER.read_bytes(),
    )
    key = hashlib.sha256(b"\0".join(parts)).hexdigest()[:16]
    folder = Path(bootstrap.cache_folder()) / "channels" / key
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        argv = (
            executables.uv(),
            "run",
            "--quiet",
            "--no-project",
            "--python",
            executables.base_python(),
            "--script",
        )
        words = ("--interpreter", str(python), "--out", str(folder), *wanted)
        command = Command(
            (*argv, str(BUILDER), *words),
            "build the channel",
            env={
                **package_index.for_uv(session.project),
                **package_index.for_programs(session.project.options),
            },
        )
        outcome = process.run(command, timeout=_BUILD_SECONDS)
        if not outcome.ok:
            codes = set(ExitCode)
            code = ExitCode(outcome.code) if outcome.code in codes else ExitCode.TOOL_FAILED
            text = f"The local channel could not be built: {redaction.without_secrets(outcome.stderr.strip())[-600:]}"
            remedy = "see to a channel that answers, then run it again"
            raise LabError(text, ErrorCode.NO_CHANNEL, remedy=remedy, exit_code=code)
    return folder


def _interpreter(session: Session, layer: Conda) -> Path:
    """Give the interpreter to repackage: this run's own where it fits and can be moved, else one that uv finds."""
    asked = (
        f"python={session.project.options.python}"
        if session.project.options.python
        else layer.file.python or "python"
    )
    choices = _versions(asked)
    fits = any(choice.contains(platform.python_version(), prereleases=True) for choice in choices)
    base = Path(executables.base_python())
    if (
        fits and sys.base_prefix != "/usr"
    ):  # what a system has in /usr is no folder that could be repackaged
        return base
    found = executables.find_python(
        str(choices[0]) or f"{sys.version_info[0]}.{sys.version_info[1]}"
    )
    if found is None and not fits:
        text = asked.rpartition("::")[2].strip()[len("python") :].strip(" =")
        said = (
            f"no channel answers, and there is no Python {text} on this machine to build one from."
        )
        remedy = f"uv python install {text.strip('<>!~= ')}"
        raise LabError(said, ErrorCode.PYTHON_NOT_FOUND, remedy=remedy)
    return found or base


def requirements(specs: Iterable[str]) -> list[str]:
    """Give what conda specs ask for as pip writes it, less what the channel has anyway; the names are the same."""
    wanted = {spec_name(spec): f"{spec_name(spec)}{_versions(spec)[0]}" for spec in specs}
    return sorted(text for name, text in wanted.items() if name not in {"python", "pip"})


def _versions(spec: str) -> list[SpecifierSet]:
    """Give the versions that a conda spec leaves to choose from; any, where its words have no equal in Python's."""
    return conda_specifiers(solver_spec(spec)) or [SpecifierSet()]


def _solver(layer: Conda) -> dict[str, str]:
    """Ask conda for its own old solver where it has no other: it takes libmamba for granted, and then fails."""
    root = layer.maker.root
    if layer.engine != "conda" or root is None:
        return {}
    site = site_packages.site_packages(root)
    found = site is not None and (site / "conda_libmamba_solver").is_dir()
    return {} if found else {"solver": "classic"}
