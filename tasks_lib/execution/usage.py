"""What a run took: when each of its steps ran, and the memory and the disk of its processes."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Set for a task whose document is to say in `data.measured` what it took.
VARIABLE = "MLOPS_LAB_MEASURE"
_UNIT = 1 if sys.platform == "darwin" else 1024  # of what the system calls the largest resident set


def measured(timeline: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the steps by their beginnings, and what this process and its children took."""
    return {
        "timeline": sorted(timeline, key=lambda row: row["started"]),
        "peak_memory_bytes": peak_memory(),
        "written_bytes": said("/proc/self/io", r"(?m)^write_bytes: (\d+)"),
    }


def peak_memory() -> int | None:
    """Return the peak memory of the largest process in bytes; `None` where that is unknown."""
    try:
        import resource  # noqa: PLC0415 - Windows has none
    except ImportError:
        return None
    # Linux counts as this process's what its parent had before it began, but not here
    own = said("/proc/self/status", r"VmHWM:\s*(\d+) kB")
    if own is None:
        own_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT
    else:
        own_bytes = own * 1024
    return max(own_bytes, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _UNIT)


def said(file: str, pattern: str) -> int | None:
    """Return the number that a file of the system has there; `None` where it has none."""
    try:
        found = re.search(pattern, Path(file).read_text(encoding="utf-8"))
    except OSError:
        return None
    return int(found[1]) if found else None
