"""Edit `conda.yml` line by line, so that comments survive."""

from __future__ import annotations

import codecs
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.project.manifests import BREAK, CondaFile, read_text, spec_name

if TYPE_CHECKING:
    from collections.abc import Sequence


def with_specs(file: CondaFile, specs: Sequence[str], *, drop: bool = False) -> str:
    """Give the file's text with `specs` added to its dependencies, or dropped; every other line stays as it is.

    Lines are edited without regard to YAML; what comes of it is then read, and refused unless it says what it should.
    """
    have = {spec_name(spec): spec for spec in file.dependencies}
    wanted = {spec_name(spec): spec for spec in specs}
    for name in wanted if drop else ():
        if name not in have:
            message = f"{name!r} is not among the dependencies of {file.path.name}."
            raise LabError(message, ErrorCode.NOT_DECLARED, file=file.path.name)
    parts = [*BREAK.split(read_text(file.path)), ""]  # each line, and behind it its line break
    heads = [at for at, row in enumerate(parts[::2], 1) if row.startswith("dependencies:")]
    last = max((file.lines[name] for name in have), default=heads[0] if heads else 1)
    for name, spec in wanted.items():
        at = 2 * file.lines.get(name, last) - 2
        row = parts[at]
        if drop:
            last_of_all = at > 0 and not parts[at + 1]  # no break behind it: the one before it goes
            parts[at - last_of_all : at + 2] = [""] * (2 + last_of_all)
        elif name in have:
            parts[at] = row.replace(have[name], spec, 1)
        else:
            indent = row[: len(row) - len(row.lstrip())]
            quoted = f'"{spec}"' if re.search(r"[:#{}\[\],&*?|>!%@`]", spec) else spec
            parts[at] = f"{row}{parts[at + 1] or parts[1]}{indent}- {quoted}"
    text = "".join(parts)
    rest = [spec for spec in file.dependencies if spec_name(spec) not in wanted]
    if not says(file, text, rest if drop else [*rest, *wanted.values()]):
        message = f"{file.path.name} is written in a way that cannot be edited safely."
        remedy = f"edit it by hand: {'take out' if drop else 'write'} {', '.join(wanted if drop else specs)}"
        line = file.lines.get(next(iter(wanted)), last)
        raise LabError(
            message,
            ErrorCode.CANNOT_EDIT,
            file=file.path.name,
            line=line,
            remedy=f"{remedy} under 'dependencies:'",
        )
    return ("\ufeff" if file.path.read_bytes().startswith(codecs.BOM_UTF8) else "") + text


def says(file: CondaFile, text: str, dependencies: Sequence[str]) -> bool:
    """Tell whether `text` reads as `file` does, but for its dependencies, which are to be these."""
    try:
        found = CondaFile.parse(file.path, text)
    except LabError:
        return False
    found = replace(found, dependencies=tuple(sorted(found.dependencies)), lines=file.lines)
    return found == replace(file, dependencies=tuple(sorted(dependencies)))
