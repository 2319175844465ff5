"""Which conda channel a proof uses: those of `conda.yml`, or one built here where none answers."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib import bootstrap
from tasks_lib.environments import site_packages
from tasks_lib.environments.conda import Conda
from tasks_lib.environments.conda_engines import Rattler
from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.execution import process, redaction
from tasks_lib.proof import local_channel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tasks_lib.session.session import Session

MODES = ("auto", "local", "strict")


@dataclass(frozen=True)
class Channel:
    """Where conda packages come from, and the `.condarc` that leads there.

    `caches` are the variables that name the packages' caches. `instead` maps channels that no
    `.condarc` can send elsewhere to the addresses that replace them in the conda file.
    """

    kind: str
    urls: tuple[str, ...]
    condarc: Mapping[str, Any]
    caches: Mapping[str, str]
    instead: Mapping[str, str]


#: for an environment layer that has no channels
NONE = Channel("none", (), {}, {}, {})


def expect_mode(mode: str) -> None:
    """Refuse an unknown mode."""
    if mode not in MODES:
        text = f"There is no channel mode {mode!r}; the modes are {', '.join(MODES)}."
        remedy = meant(mode, MODES, Remedy("Choose one, such as --channel auto"))
        raise LabError(text, ErrorCode.UNKNOWN_CHANNEL_MODE, remedy=remedy)


def choose(session: Session, mode: str, say: Callable[[str], None]) -> Channel:
    """Return the declared channels if one of them answers, else one built here.

    Raises:
        LabError: `no_channel` where none answers and `mode` is strict, or none could be built.
    """
    layer = session.environment
    if not isinstance(layer, Conda):  # only conda has channels, and all of this is about them
        return NONE
    if mode != "local":
        asked = process.run(Rattler(sys.executable, session.project.options).probe(layer.file))
        if asked.ok:
            return _declared(layer)
        tried = redaction.without_secrets("; ".join(asked.stderr.split("\n")).strip(" ;"))
        text = f"No channel of {layer.file.path.name} answers ({tried})"
        if mode == "strict":
            remedy = Remedy("Check network and channels, or allow a local one with --channel auto")
            text = f"{text}."
            raise LabError(text, ErrorCode.NO_CHANNEL, remedy=remedy)
        say(f"{text}: this proof uses a local channel, built from an interpreter of this machine")
    return _local(layer, local_channel.folder(session.project, layer))


def _declared(layer: Conda) -> Channel:
    condarc = layer.maker.condarc
    settings = {**condarc.values, **_solver(layer)}
    settings.pop("pkgs_dirs", None)
    caches = {"CONDA_PKGS_DIRS": str(Path(bootstrap.own_cache(), "conda-pkgs"))}
    return Channel("declared", condarc.channels(layer.file.channels), settings, caches, {})


def _local(layer: Conda, folder: Path) -> Channel:
    own = local_channel.NAME
    url = (folder / own).as_uri()
    settings = {
        "channel_alias": folder.as_uri(),
        "channels": [own],
        "default_channels": [url],
        **_solver(layer),
    }
    others = set(layer.file.channels) - {own, "nodefaults"}
    # another local channel has other packages of the same names, so each has its own caches
    caches = {"CONDA_PKGS_DIRS": f"{folder}-pkgs", "RATTLER_CACHE_DIR": f"{folder}-rattler"}
    return Channel("local", (url,), settings, caches, dict.fromkeys(others, url))


def _solver(layer: Conda) -> dict[str, str]:
    """Return the setting for conda's own old solver, for a conda that lacks the newer one.

    Conda takes the newer one for granted and ends with an error without it:
    https://github.com/conda/conda/pull/11187
    """
    plugin, root = layer.maker.solver_plugin, layer.maker.root
    if not plugin or root is None:
        return {}
    site = site_packages.site_packages(root)
    if site is not None and (site / plugin).is_dir():
        return {}
    return {"solver": "classic"}
