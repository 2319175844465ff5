"""Import what some distributions brought: run by the environment's own Python.

The arguments are the environment's folder, the project's, and the distributions' names. Only the
standard library is used, since nothing else is sure to be installed there. The last line on stdout
is one JSON object: `imported` (modules by distribution), `failed` and `optional` (why, by module),
and `interpreter`. The module that is being imported is named on stderr, for a crash.
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
#: folders that some wheels put beside their packages by mistake
_STRAY = re.compile("tests?|docs?|examples?|benchmarks|scripts|tools|setup|conftest", re.IGNORECASE)


def main(wanted: set[str]) -> dict[str, object]:
    """Import every module of the `wanted` distributions that are installed.

    A module that lacks another package is optional if its distribution has one that works.
    """
    imported: dict[str, list[str]] = {}
    failed: dict[str, str] = {}
    optional: dict[str, str] = {}
    for distribution in importlib.metadata.distributions():
        name = normalized(distribution.metadata["Name"] or "")
        if name not in wanted:
            continue
        good: list[str] = imported.setdefault(name, [])
        lacking: dict[str, str] = {}
        for module in sorted(filter(is_package, modules(distribution))):
            sys.stderr.write(f"importing {module} of {name}\n")
            sys.stderr.flush()
            try:
                importlib.import_module(module)
            except ModuleNotFoundError as error:
                lacking[module] = f"{name}: {error}"
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a module may raise anything
                failed[module] = f"{name}: {type(error).__name__}: {error}"
            else:
                good.append(module)
        (optional if good else failed).update(lacking)
    return {"imported": imported, "failed": failed, "optional": optional}


def normalized(name: str) -> str:
    """Return the name as PEP 503 writes it; packaging may not be installed here."""
    return re.sub(r"[-_.]+", "-", name).lower()


def modules(distribution: importlib.metadata.Distribution) -> set[str]:
    """Return the top-level modules of a distribution, from its record of files."""
    names = set()
    for file in distribution.files or ():
        if file.name.endswith(_CODE):
            is_module = len(file.parts) == 1
            names.add(str(inspect.getmodulename(file.name)) if is_module else file.parts[0])
    if not names:  # installed as a link to its sources
        guess = re.sub(r"[-.]+", "_", distribution.metadata["Name"] or "")
        names.update((distribution.read_text("top_level.txt") or "").split())
        if importlib.util.find_spec(guess):
            names.add(guess)
    return names


def is_package(name: str) -> bool:
    """Return whether a name is one that a user would import."""
    return name.isidentifier() and name[0] != "_" and not _STRAY.fullmatch(name)


def interpreter(prefix: str, project: str) -> dict[str, object]:
    """Describe this Python, and the folders outside that it imports from."""
    own, copied = Path(prefix).resolve(), Path(project).resolve()
    library = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib")}
    zipped = "python{}{}.zip".format(*sys.version_info)
    folders = [Path(folder).resolve() for folder in sys.path if not folder.endswith(zipped)]
    user = Path(site.getusersitepackages())
    if sys.prefix == sys.base_prefix and user.is_dir():  # a user's shell does not keep it out
        folders.append(user)
    foreign = []
    for folder in dict.fromkeys(folders):
        ours = folder.is_relative_to(own) or folder.is_relative_to(copied)
        if not ours and not is_python(folder, library):
            foreign.append(str(folder))
    return {
        "version": platform.python_version(),
        "prefix": str(Path(sys.prefix).resolve()),
        "environment": str(own),
        "foreign": foreign,
    }


def is_python(folder: Path, library: set[Path]) -> bool:
    """Return whether a folder is part of Python's own library, and not one of packages in it."""
    packages = "site-packages" in folder.parts or "dist-packages" in folder.parts
    return not packages and not library.isdisjoint([folder, *folder.parents])


if __name__ == "__main__":
    own_folder = sys.path[0]
    sys.path[:] = [folder for folder in sys.path if folder not in {"", own_folder}]
    seen = {"interpreter": interpreter(*sys.argv[1:3]), **main(set(sys.argv[3:]))}
    sys.stdout.write("\n" + json.dumps(seen) + "\n")
    sys.stdout.flush()
    os._exit(0)  # what modules do at the end, or in threads, is no part of the answer
