"""What a project says in `[tool.mlops-lab]`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.execution.redaction import without_logins
from tasks_lib.project import platforms
from tasks_lib.project.manifests import PYPROJECT
from tasks_lib.project.platforms import Platforms

if TYPE_CHECKING:
    from tasks_lib.project.manifests import PyProject

_WORDS = ("combo", "engine", "python")
_TABLES = ("checks", "mirror", "platforms", "system-requirements")
_MIRRORS = ("index", "channel")
_CORRECT = Remedy("Correct the setting in pyproject.toml")


@dataclass(frozen=True)
class Settings:
    """The settings of a project, empty where it says nothing.

    `index` and `channel` are addresses of mirrors.
    """

    combo: str = ""
    engine: str = ""
    python: str = ""
    index: str = ""
    channel: str = ""
    platforms: Platforms = field(default_factory=Platforms)

    @classmethod
    def read(cls, pyproject: PyProject) -> Settings:
        """Return the settings of a manifest.

        Raises:
            LabError: A setting does not exist or has a wrong value; the error has its line.

        """
        table = pyproject.table("tool", "mlops-lab")
        known = (*_WORDS, *_TABLES)
        for key in table:
            if key not in known:
                why = f"has no setting {key!r}; it has {', '.join(known)}"
                raise _wrong(pyproject, key, why, meant(key, known, _CORRECT))
        for key in _WORDS:
            if not isinstance(table.get(key, ""), str):
                why = f"{key} must be a string, and it is {table[key]!r:.60}"
                raise _wrong(pyproject, key, why)
        mirror = table.get("mirror", {})
        if not isinstance(mirror, dict):
            raise _wrong(pyproject, "mirror", "mirror must be a table")
        for key, value in mirror.items():
            _expect_address(pyproject, key, value)
        names, needs = table.get("platforms", []), table.get("system-requirements", {})
        if fault := platforms.fault(names, needs):
            raise _wrong(pyproject, *fault)
        words = {key: table[key] for key in _WORDS if key in table}
        return cls(**words, **mirror, platforms=Platforms(tuple(names), needs))


def _expect_address(pyproject: PyProject, key: str, value: object) -> None:
    """Raise an error unless a mirror's key and address are valid.

    A login may not stand in a tracked file.
    """
    if key not in _MIRRORS:
        why = f"mirror has no setting {key!r}; it has {', '.join(_MIRRORS)}"
        raise _wrong(pyproject, "mirror", why, meant(key, _MIRRORS, _CORRECT))
    if not isinstance(value, str) or "://" not in value:
        why = f"mirror {key} must be an address, and it is {value!r:.60}"
        raise _wrong(pyproject, key, why)
    if without_logins(value, tokens=True) != value:
        why = f"mirror {key} has a login in its address: keep that in .netrc or a variable"
        raise _wrong(pyproject, key, why)


def _wrong(pyproject: PyProject, key: str, why: str, remedy: Remedy = _CORRECT) -> LabError:
    return LabError(
        f"[tool.mlops-lab] {why}.",
        ErrorCode.WRONG_SETTING,
        file=PYPROJECT,
        line=pyproject.line_of("mlops-lab", key),
        remedy=remedy,
    )
