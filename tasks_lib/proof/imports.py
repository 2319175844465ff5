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

_CODE = (".py", *importlib.machinery.EXTENSION_SUFFIXES)
#: Folders that some wheels put beside their packages by mistake.
_STRAY = {"test", "tests", "doc", "docs", "example", "examples", "benchmarks", "scripts", "tools", "setup", "conftest"}


def modules(distribution: importlib.metadata.Distribution) -> set[str]:
    """Give the top-level modules of a distribution, from its record of files."""
    code = [file for file in distribution.files or () if file.name.endswith(_CODE)]
    names = {file.parts[0] if len(file.parts) > 1 else str(inspect.getmodulename(file.name)) for file in code}
    if not code:  # installed as a link to its sources
        guess = re.sub(r"[-.]+", "_", distribution.metadata["Name"] or "")
        names |= set((distribution.read_text("top_level.txt") or "").split())
        names |= {guess} if importlib.util.find_spec(guess) else set()
    return {name for name in names if name.isidentifier() and name[0] != "_" and name.lower() not in _STRAY}


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
    library = os.path.realpath(sysconfig.get_path("stdlib"))
    places = [path for path in sys.path if path and os.path.basename(path) != f"python{sys.version_info[0]}{sys.version_info[1]}.zip"]
    user = site.getusersitepackages()
    if sys.prefix == sys.base_prefix and os.path.isdir(user):  # a person's shell does not keep it out
        places.append(user)
    foreign = [path for path in map(os.path.realpath, dict.fromkeys(places)) if not _lies_in(path, prefix, project)]
    packages = ("site-packages", "dist-packages")
    return {
        "version": platform.python_version(),
        "prefix": os.path.realpath(sys.prefix),
        "environment": os.path.realpath(prefix),
        "foreign": [path for path in foreign if os.path.basename(path) in packages or not _lies_in(path, library)],
    }


def _lies_in(path: str, *folders: str) -> bool:
    return any(f"{path}{os.sep}".startswith(f"{os.path.realpath(folder)}{os.sep}") for folder in folders)


if __name__ == "__main__":
    sys.path[:] = [folder for folder in sys.path if folder != sys.path[0]]  # this file's own folder
    seen = {"interpreter": interpreter(*sys.argv[1:3]), **main(set(sys.argv[3:]))}
    sys.stdout.write("\n" + json.dumps(seen) + "\n")
    sys.stdout.flush()
