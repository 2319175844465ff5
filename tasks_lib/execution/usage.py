"""What a run took: when each of its steps ran, and the memory and the disk of its processes."""

from __future__ import annotations

import contextlib
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
    """Give the steps in the order in which they began, and what this process and those it waited for took."""
    return {
        "timeline": sorted(timeline, key=lambda row: row["started"]),
        "peak_memory_bytes": peak_memory(),
        "written_bytes": said("/proc/self/io", r"(?m)^write_bytes: (\d+)"),
    }


def peak_memory() -> int | None:
    """Give the memory of the largest process at its peak, in bytes; nothing where the system does not say."""
    with contextlib.suppress(ImportError):  # Windows has none
        import resource  # noqa: PLC0415 - see above

        # what else a process has had was its parent's, before it began
        own = said("/proc/self/status", r"VmHWM:\s*(\d+) kB")
        largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        return max(
            largest * _UNIT,
            own * 1024 if own else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT,
        )
    return None


def said(file: str, pattern: str) -> int | None:
    """Give the number that a file of the system has there; nothing where the system does not say."""
    try:
        found = re.search(pattern, Path(file).read_text(encoding="utf-8"))
    except OSError:
        return None
    return int(found[1]) if found else None
