"""Import what some distributions brought: run by the environment's own Python.

The arguments are the environment's folder, the project's, and the distributions' names. Standard library alone, and
nothing of mlops-lab. The last line on stdout is one JSON object: `imported` (modules by distribution), `failed` and
`optional` (why, by module), and `interpreter`. The module whose turn it is stands on stderr, for a crash.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.metadata
import importlib.util
import inspect
import json
import os
import platform
import re
import site
import sys
import sysconfig
from pathlib import Path

_CODE = (".py", *importlib.machinery.EXTENSION_SUFFIXES)
#: Folders of packages, which stand in a library beside what is Python's own.
_PACKAGES = {"site-packages", "dist-packages"}
#: Folders that some wheels put beside their packages by mistake.
_STRAY = {
    "test",
    "tests",
    "doc",
    "docs",
    "example",
    "examples",
    "benchmarks",
    "scripts",
    "tools",
    "setup",
    "conftest",
}


def modules(distribution: importlib.metadata.Distribution) -> set[str]:
    """Give the top-level modules of a distribution, from its record of files."""
    code = [file for file in distribution.files or () if file.name.endswith(_CODE)]
    names = {
        file.parts[0] if len(file.parts) > 1 else str(inspect.getmodulename(file.name))
        for file in code
    }
    if not code:  # installed as a link to its sources
        guess = re.sub(r"[-.]+", "_", distribution.metadata["Name"] or "")
        names |= set((distribution.read_text("top_level.txt") or "").split())
        names |= {guess} if importlib.util.find_spec(guess) else set()
    return {
        name
        for name in names
        if name.isidentifier() and name[0] != "_" and name.lower() not in _STRAY
    }


def main(wanted: set[str]) -> dict[str, object]:
    """Import every module of the `wanted` distributions that are installed.

    One that lacks another package is optional where its distribution has a module that works: a plugin, say.
    """
    imported: dict[str, list[str]] = {}
    failed: dict[str, str] = {}
    optional: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        name = re.sub(r"[-_.]+", "-", distribution.metadata["Name"] or "").lower()
        if name not in wanted:
            continue
        good: list[str] = imported.setdefault(name, [])
        lacking: dict[str, str] = {}
        for module in sorted(modules(distribution)):
            sys.stderr.write(f"importing {module} of {name}\n")
            sys.stderr.flush()
            try:
                importlib.import_module(module)
            except ModuleNotFoundError as error:
                lacking[module] = f"{name}: {error}"
            except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a module raises, it cannot be imported
                failed[module] = f"{name}: {type(error).__name__}: {error}"
            else:
                good.append(module)
        (optional if good else failed).update(lacking)
    return {"imported": imported, "failed": failed, "optional": optional}


def interpreter(prefix: str, project: str) -> dict[str, object]:
    """Describe this Python, and what it imports from that is neither its library nor in one of the two folders."""
    own, copied = Path(prefix).resolve(), Path(project).resolve()
    library = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")}
    zipped = "python{}{}.zip".format(*sys.version_info)
    places = [Path(place).resolve() for place in sys.path if place and not place.endswith(zipped)]
    user = Path(site.getusersitepackages())
    if sys.prefix == sys.base_prefix and user.is_dir():  # a person's shell does not keep it out
        places.append(user)
    foreign = [
        place
        for place in dict.fromkeys(places)
        if not any(place.is_relative_to(folder) for folder in (own, copied))
        and not (
            _PACKAGES.isdisjoint(place.parts)
            and any(place.is_relative_to(folder) for folder in library)
        )
    ]
    return {
        "version": platform.python_version(),
        "prefix": str(Path(sys.prefix).resolve()),
        "environment": str(own),
        "foreign": list(map(str, foreign)),
    }


if __name__ == "__main__":
    sys.path[:] = [folder for folder in sys.path if folder != sys.path[0]]  # this file's own folder
    seen = {"interpreter": interpreter(*sys.argv[1:3]), **main(set(sys.argv[3:]))}
    sys.stdout.write("\n" + json.dumps(seen) + "\n")
    sys.stdout.flush()
    os._exit(0)  # what modules do at the end, or in threads, is no part of the answer
