"""The cache from which the engines link packages: what is damaged in it, and its removal.

rattler links what is in its cache unseen. A file that is edited in an environment is often that of
the cache too, by a hard link, so an environment that is created again would have the same damage.
"""

from __future__ import annotations

import contextlib
import json
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib.environments import conda_health, distribution_health, setting_aside
from tasks_lib.errors import LabError
from tasks_lib.execution import files, shell_words
from tasks_lib.execution.plan import Step, Writes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ARCHIVES = (".conda", ".tar.bz2")


def before(step: Step, prefix: Path) -> tuple[Step, ...]:
    """Put before a step the one that deletes from the cache what is damaged of its packages."""
    found: list[Path] = []
    with contextlib.suppress(LabError), ThreadPoolExecutor() as pool:  # damaged records name none
        for places in pool.map(_damaged, conda_health.packages(prefix).values()):
            found += places
    if not found:
        return (step,)
    delete = Step(
        "env.cache",
        "delete damaged packages from the package cache",
        work=partial(_delete, found),
        shown=shell_words.joined(["rm", "-r", *map(str, found)]),
        why="the new environment would have the same damage",
        writes=Writes.PROJECT,
        safe="the engine fetches or unpacks them again",
    )
    return (delete, step.after(delete.id))


def _delete(places: Sequence[Path]) -> None:
    for place in places:
        setting_aside.delete(place)


def is_sound(record: Mapping[str, Any]) -> bool:
    """Return whether the package from which this was linked is there, and as it says."""
    return _is_known(record) and _is_sound(_folder(record))


def _is_known(record: Mapping[str, Any]) -> bool:
    """Return whether it is there; a record that names another folder is not believed."""
    folder = _folder(record)
    return folder.name == _name(record) and (folder / "info").is_dir()


def _folder(record: Mapping[str, Any]) -> Path:
    return Path(str(record.get("extracted_package_dir") or ""))


def _name(record: Mapping[str, Any]) -> str:
    return f"{record.get('name')}-{record.get('version')}-{record.get('build')}"


def _damaged(record: Mapping[str, Any]) -> list[Path]:
    """Return the folder and the archive of a package that are not as it says."""
    folder, name = _folder(record), _name(record)
    if not _is_known(record) or _is_sound(folder):
        return []
    if not os.access(folder.parent, os.W_OK):  # of others, as a cache for a class is
        return []
    found = [folder]
    for suffix in _ARCHIVES:
        archive, expected = folder.with_name(f"{name}{suffix}"), record.get("sha256")
        if expected and archive.is_file() and _digest(archive) != expected:
            found.append(archive)
    return found


def _is_sound(folder: Path) -> bool:
    """Return whether each file in it is as its own list says; an old package has no hashes."""
    try:
        paths = json.loads(files.regular(folder / "info/paths.json"))["paths"]
        named = {item["_path"]: item.get("sha256") for item in paths if _is_file(item)}
    except FileNotFoundError:
        return True
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return False
    return all(
        _digest(folder / path) == expected or _is_closed(folder / path)
        for path, expected in named.items()
        if expected
    )


def _is_closed(path: Path) -> bool:
    """Return whether a file is there and this user may not read it, so that nothing can be told."""
    return os.path.exists(path) and not os.access(path, os.R_OK)  # noqa: PTH110 - pathlib raises


def _is_file(item: Mapping[str, Any]) -> bool:
    return bool(item.get("path_type", "hardlink") == "hardlink")


def _digest(path: Path) -> str:
    found = distribution_health.digest(str(path))
    return found.hex() if found else ""
