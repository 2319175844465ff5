"""Which optional parts of the project this checkout has: extras, and the default groups."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.execution import state_folder
from tasks_lib.project.manifests import PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tasks_lib.project.manifests import PyProject

#: the file outside of the project that has what was chosen last
_MEMORY = "included.json"


@dataclass(frozen=True)
class Included:
    """The normalised names of extras, and whether the default groups are installed (`dev`)."""

    extras: tuple[str, ...] = ()
    dev: bool = True


_NOTHING = Included()


def remembered(root: Path, default: Included = _NOTHING) -> Included:
    """Return what was last chosen for the checkout in `root`, else what the project says."""
    try:
        data = json.loads(state_folder.kept(root, _MEMORY) or "")
        extras = default.extras if data["extras"] is None else tuple(map(str, data["extras"]))
        return Included(extras, dev=data["dev"] is not False)
    except (ValueError, KeyError, TypeError):
        return default


def remember(root: Path, chosen: Included, default: Included = _NOTHING) -> None:
    """Keep for later runs in this checkout what was chosen, where that can be written.

    Extras that are the project's default follow it when it changes.
    """
    if chosen == remembered(root, default):
        return
    data = asdict(chosen)
    if chosen.extras == default.extras:
        data["extras"] = None
    state_folder.keep(root, _MEMORY, json.dumps(data))


def expect(pyproject: PyProject, key: str, wanted: Sequence[str], known: Mapping[str, str]) -> None:
    """Raise an error unless the names that a setting lists are among the `known` of the project."""
    for name in wanted:
        if canonicalize_name(name) not in known:
            there = ", ".join(known.values()) or "none"
            text = f"[tool.mlops-lab] {key} lists {name!r}; the project has {there}."
            line = pyproject.line_of("mlops-lab", key)
            remedy = meant(name, known.values(), Remedy("Correct the setting in pyproject.toml"))
            code = ErrorCode.WRONG_SETTING
            raise LabError(text, code, file=PYPROJECT, line=line, remedy=remedy)


def names(typed: Sequence[str]) -> list[str]:
    """Split what was typed at commas."""
    return [name.strip() for words in typed for name in words.split(",") if name.strip()]


def choose(
    before: Included,
    known: Mapping[str, str],
    typed: Sequence[str],
    *,
    dev: bool = False,
    no_dev: bool = False,
) -> Included:
    """Return what the options ask for; what they do not speak of stays as it was `before`.

    `known` has the spelling of the project's extras by normalised name.

    Raises:
        LabError: The project has no such extra, or two options contradict each other.

    """
    if dev and no_dev:
        text = "--dev and --no-dev exclude each other."
        raise LabError(text, ErrorCode.INVALID_OPTION, remedy=Remedy("Leave out one of them"))
    extras = tuple(name for name in before.extras if name in known)
    if typed:
        wanted = names(typed)
        for name in wanted:
            if canonicalize_name(name) not in known:
                raise _unknown(name, known)
        extras = tuple(dict.fromkeys(map(canonicalize_name, wanted)))
    return Included(extras, dev=dev or (before.dev and not no_dev))


def _unknown(name: str, known: Mapping[str, str]) -> LabError:
    there = f"there are {', '.join(known.values())}"
    remedy = meant(name, known.values(), Remedy("Choose one of them"))
    if not known:
        there = "it has none"
        remedy = Remedy("Leave out --extra, or add one with deps.add PACKAGE --optional NAME")
    text = f"The project has no extra {name!r}; {there}."
    return LabError(text, ErrorCode.UNKNOWN_EXTRA, file=PYPROJECT, remedy=remedy)
