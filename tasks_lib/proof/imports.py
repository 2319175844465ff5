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
#: the library as one file, which need not exist
_ZIPPED = "python{}{}.zip".format(*sys.version_info)
#: folders that some wheels put beside their packages by mistake
_STRAY = re.compile("tests?|docs?|examples?|benchmarks|scripts|tools|setup|conftest", re.IGNORECASE)


class Imports:
    """What came of the imports: modules by distribution, and reasons by module."""

    def __init__(self) -> None:
        """Start with none."""
        self.imported: dict[str, list[str]] = {}
        self.failed: dict[str, str] = {}
        self.optional: dict[str, str] = {}

    def add(self, name: str, modules: list[str]) -> None:
        """Import the modules of one distribution.

        A module that lacks another package is optional if one of its neighbours works.
        """
        good = self.imported.setdefault(name, [])
        lacking = {}
        for module in modules:
            sys.stderr.write(f"importing {module} of {name}\n")
            sys.stderr.flush()
            try:
                importlib.import_module(module)
            except ModuleNotFoundError as error:
                lacking[module] = f"{name}: {error}"
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a module may raise anything
                self.failed[module] = f"{name}: {type(error).__name__}: {error}"
            else:
                good.append(module)
        if good:
            self.optional.update(lacking)
        else:
            self.failed.update(lacking)


def main(prefix: str, project: str, *wanted: str) -> None:
    """Print what came of importing the `wanted` distributions, and what this Python is."""
    found = Imports()
    for distribution in importlib.metadata.distributions():
        name = normalized(distribution.metadata["Name"] or "")
        if name in wanted:
            names = modules(distribution)
            found.add(name, sorted(filter(is_public, names)))
    seen = {"interpreter": interpreter(Path(prefix).resolve(), Path(project).resolve())}
    sys.stdout.write("\n" + json.dumps({**seen, **vars(found)}) + "\n")
    sys.stdout.flush()


def normalized(name: str) -> str:
    """Return the name as PEP 503 writes it; packaging may not be installed here."""
    return re.sub(r"[-_.]+", "-", name).lower()


def modules(distribution: importlib.metadata.Distribution) -> set[str]:
    """Return the top-level modules of a distribution, from its record of files."""
    names = set()
    for file in distribution.files or ():
        if not file.name.endswith(_CODE):
            continue
        if len(file.parts) > 1:
            names.add(file.parts[0])
        else:
            names.add(str(inspect.getmodulename(file.name)))
    if not names:  # installed as a link to its sources
        guess = re.sub(r"[-.]+", "_", distribution.metadata["Name"] or "")
        names.update((distribution.read_text("top_level.txt") or "").split())
        if importlib.util.find_spec(guess):
            names.add(guess)
    return names


def is_public(name: str) -> bool:
    """Return whether a name is one that a user would import."""
    return name.isidentifier() and name[0] != "_" and not _STRAY.fullmatch(name)


def interpreter(environment: Path, project: Path) -> dict[str, object]:
    """Describe this Python, and the `foreign` folders that it imports from.

    These belong neither to Python's own library nor to the environment or the project.
    """
    folders = [Path(folder).resolve() for folder in sys.path if not folder.endswith(_ZIPPED)]
    user = Path(site.getusersitepackages())
    if sys.prefix == sys.base_prefix and user.is_dir():  # a user's shell does not keep it out
        folders.append(user)
    foreign = []
    for folder in dict.fromkeys(folders):
        ours = folder.is_relative_to(environment) or folder.is_relative_to(project)
        if not ours and not is_python(folder):
            foreign.append(str(folder))
    return {
        "version": platform.python_version(),
        "prefix": str(Path(sys.prefix).resolve()),
        "environment": str(environment),
        "foreign": foreign,
    }


def is_python(folder: Path) -> bool:
    """Return whether a folder is part of Python's own library, and not one of packages in it."""
    if "site-packages" in folder.parts or "dist-packages" in folder.parts:
        return False
    for name in ("stdlib", "platstdlib"):
        if folder.is_relative_to(Path(sysconfig.get_path(name)).resolve()):
            return True
    return False


if __name__ == "__main__":
    own_folder = sys.path[0]
    sys.path[:] = [folder for folder in sys.path if folder not in {"", own_folder}]
    main(*sys.argv[1:])
    os._exit(0)  # what modules do at the end, or in threads, is not part of the answer
