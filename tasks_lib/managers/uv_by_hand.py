"""What `uv sync` would do to an environment where a user types it, and no task runs it."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib.environments import site_packages
from tasks_lib.errors import Remedy
from tasks_lib.execution import files
from tasks_lib.results import Check, Status
from tasks_lib.tools import executables

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks_lib.managers.base import Manager

_ENVIRONMENT, _PYTHON = "UV_PROJECT_ENVIRONMENT", "UV_PYTHON"
_PIN = ".python-version"
#: what `uv sync` leaves in an environment that it did not make (uv 0.13.9)
_LEFT = {"pip", "setuptools", "wheel", "uv"}
_MOST = 8
_VERSION = re.compile(r"\d+(\.\d+)*")
LEAK_UV = Check(
    "leak.uv",
    "`uv sync`, typed by hand, damages no environment",
    "uv works on .venv, or on what UV_PROJECT_ENVIRONMENT names, and not on the environment that "
    "is active. There it uninstalls all that the lock does not list, conda's packages too, and it "
    "replaces a virtual environment of another Python than UV_PYTHON or .python-version names. "
    "The tasks do neither; a command that you type does.",
    Remedy("Unset the variable"),
    Status.WARN,
)


def diversions(manager: Manager, prefix: Path) -> Iterator[tuple[str, str, Remedy]]:
    """Yield what would be damaged, the file that leads uv there, and what ends that."""
    root, named = manager.project.root, os.environ.get(_ENVIRONMENT)
    place = root / (named or ".venv")
    file = "" if named else place.name
    remedy = _unset(_ENVIRONMENT) if named else Remedy("Delete the link", ("rm", place.name))
    is_ours = place.exists() and prefix.exists() and place.samefile(prefix)
    if is_ours and prefix == root / ".venv":
        yield from _replaced(root, prefix)
    elif is_ours:
        lost = _uninstalled(place, manager)
        if lost:
            yield f"`uv sync` works on {prefix}, and would uninstall {lost}.", file, remedy
    elif named or (place.is_dir() and not (place / "pyvenv.cfg").is_file()):
        # another virtual environment at .venv is the business of `leak.virtual-env`
        text = f"`uv sync` works on {place}"
        if (place / "condabin").is_dir():
            text += ", conda's base environment"
        lost = _uninstalled(place, manager)
        if lost:
            text += f", and would uninstall {lost}"
        yield f"{text}. The environment of this project is {prefix}.", file, remedy


def _unset(name: str) -> Remedy:
    return Remedy("Unset the variable", ("unset", name))


def _uninstalled(place: Path, manager: Manager) -> str:
    """Name what is installed there and not in the lock; without a lock, that is not known."""
    if not manager.lock_path.is_file():
        return ""
    found = {one.name for one in site_packages.distributions(place) if one.version}
    lost = sorted(found - _LEFT - {one.name for one in manager.locked_packages()})
    text = ", ".join(lost[:_MOST])
    return f"{text} and {len(lost) - _MOST} more" if len(lost) > _MOST else text


def _replaced(root: Path, prefix: Path) -> Iterator[tuple[str, str, Remedy]]:
    """Look for a request for another Python than that of the virtual environment."""
    wanted, source, file, remedy = os.environ.get(_PYTHON), _PYTHON, "", _unset(_PYTHON)
    version = site_packages.python_version(prefix) or ""
    if not wanted:
        with contextlib.suppress(OSError, IndexError):
            wanted = files.regular_text(root / _PIN).split()[0]
        source, file = _PIN, _PIN
        minor = version.rpartition(".")[0]
        pin = (executables.typed("uv"), "python", "pin", minor)
        remedy = Remedy("Pin the Python of the environment", pin)
    if wanted and version and _is_other(wanted, prefix, version):
        text = f"{source} is {wanted:.80}, so that `uv sync` would replace {prefix.name}, which has"
        yield f"{text} Python {version}.", file, remedy


def _is_other(wanted: str, prefix: Path, version: str) -> bool:
    """Return whether a request is surely for another Python; many of uv's forms are not read."""
    if _VERSION.fullmatch(wanted):
        return not f"{version}.".startswith(f"{wanted}.")
    named = Path(wanted)
    own = prefix / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    return named.is_absolute() and named.is_file() and named.resolve() != own.resolve()
