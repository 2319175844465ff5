"""Run Poetry, and let no file that it writes into an environment keep other names.

conda, rattler and uv link files of their caches into environments, and Poetry opens a file that
exists to write its own text into it (`WheelDestination.write_to_fs`, Poetry 2.5.1): that would
alter the cache, and every environment that is linked to it. pip and uv put another file there.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import threading
from pathlib import Path

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


if __name__ == "__main__":
    from poetry.console.application import main

    sys.argv[0] = "poetry"
    watch(Path(os.environ.get("VIRTUAL_ENV") or os.environ["CONDA_PREFIX"]))
    raise SystemExit(main())
