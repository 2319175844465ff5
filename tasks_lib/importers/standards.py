"""Leave out what an old file says of a project and the standard of `[project]` does not allow."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks_lib.importers.merging import Merged

#: where poetry-core's validator found the fault
_FAULT = re.compile(r"data\.(?P<key>[\w-]+)")
_REQUIRED = {"name": "project", "version": "0.1.0"}


def left_out(merged: Merged) -> Iterator[str]:
    """Take out each value of a file that neither manager could read, and yield what it was.

    What `pyproject.toml` has itself stays: `check.config` reports it.
    """
    from poetry.core.json import validate_object  # noqa: PLC0415 - 0.1 s

    values = {target: item for target, item in merged.values.items() if target[0] == "project"}
    while values:
        table = merged.result().get("project", {})
        faults = validate_object({**_REQUIRED, **table}, "project-schema")
        found = _FAULT.match(faults[0]) if faults else None
        if not found:
            return
        wrong = [target for target in values if target[1] == found["key"]]
        if len(wrong) > 1:
            wrong = [target for target in wrong if f".{target[-1]} " in faults[0]] or wrong
        if not wrong:
            return
        for target in wrong:
            item = values.pop(target)
            del merged.values[target]
            text = f"{'.'.join(target[1:])} {item.value!r:.80} is not taken over"
            if target[1] in _REQUIRED:
                merged.values[target] = replace(item, value=_REQUIRED[target[1]])
                text += f" ({_REQUIRED[target[1]]} is in its place)"
            yield f"{text}: the standard of [project] does not allow it"
