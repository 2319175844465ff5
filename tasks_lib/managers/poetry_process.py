"""Run Poetry in this process, which a fork server may have prepared.

No file that it writes into an environment keeps other names: conda, rattler and uv link files of
their caches into environments, and Poetry opens a file that exists to write its own text into it
(`WheelDestination.write_to_fs`, Poetry 2.5.1). That would alter the cache, and every environment
that is linked to it. pip and uv put another file there.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import stat
import sys
import threading
from pathlib import Path

#: What nearly every command needs, and imports late (Poetry 2.5): the application imports commands
#: when they are run, and plugins and stores of logins by their entry points.
_IMPORTED = (
    "poetry.console.application",
    "poetry.console.commands.add",
    "poetry.console.commands.check",
    "poetry.console.commands.install",
    "poetry.console.commands.lock",
    "poetry.console.commands.self.self_command",
    "poetry.console.logging.io_formatter",
    "poetry.core.packages.directory_dependency",
    "lark",
    "poetry.core.masonry.utils.module",
    "poetry.core.spdx.helpers",
    "poetry.core.packages.url_dependency",
    "poetry.core.packages.vcs_dependency",
    "poetry.repositories.single_page_repository",
    "poetry.masonry.builders.editable",
    "poetry_plugin_export.plugins",
    "poetry_plugin_pypi_mirror.plugins",
    "keyring.backends.SecretService",
    "trove_classifiers",
)
_WRITING = os.O_WRONLY | os.O_RDWR


def part(path: Path) -> None:
    """Put a copy in the place of a file that has other names, or of a link to a file."""
    try:
        facts = path.lstat()
    except OSError:
        return
    is_linked = stat.S_ISREG(facts.st_mode) and facts.st_nlink > 1
    if is_linked or (stat.S_ISLNK(facts.st_mode) and path.is_file()):
        copy = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
        shutil.copy2(path, copy)
        copy.replace(path)


def watch(prefix: Path) -> None:
    """Part each file in `prefix` before this process opens it to write."""

    def look(event: str, values: tuple[object, ...]) -> None:
        """Look at an opening: https://docs.python.org/3/library/functions.html#open."""
        if event != "open":
            return
        path, _, flags = values
        if isinstance(flags, int) and flags & _WRITING and isinstance(path, str | bytes):
            place = Path(os.fsdecode(path)).absolute()
            if place.is_relative_to(prefix):
                part(place)

    sys.addaudithook(look)


def prepare() -> None:
    """Import what each command of Poetry needs, and let it compile its schemas once.

    That is most of the time of a command.
    """
    for name in _IMPORTED:
        with contextlib.suppress(ImportError):  # another version of Poetry
            importlib.import_module(name)
    from poetry.factory import Factory  # noqa: PLC0415 - a process of one command need not wait

    Factory.validate({"project": {"name": "any", "version": "1"}, "tool": {"poetry": {}}})


def main() -> int:
    """Run Poetry by `sys.argv`, and return its exit code."""
    from poetry.console import application  # noqa: PLC0415 - `prepare` may have done it

    sys.argv[0] = "poetry"
    prefix = os.environ.get("VIRTUAL_ENV") or os.environ.get("CONDA_PREFIX")
    if prefix:
        watch(Path(prefix))
    return application.main()


if __name__ == "__main__":
    raise SystemExit(main())
