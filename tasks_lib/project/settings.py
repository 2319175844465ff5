"""What a project says in `[tool.mlops-lab]`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.execution.redaction import without_logins
from tasks_lib.project import platforms
from tasks_lib.project.manifests import PYPROJECT
from tasks_lib.project.platforms import Platforms
from tasks_lib.project.release_age import FORMS, Limit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks_lib.project.manifests import PyProject

_WORDS = ("combo", "engine", "python", "torch")
_LISTS = ("extras", "groups")
_OTHERS = ("checks", "exclude-newer", "mirror", "platforms", "system-requirements")
_MIRRORS = ("index", "channel", "pytorch")
_TORCH = re.compile(r"auto|cpu|xpu|cu\d{3}|rocm\d+(\.\d+)*")
_CORRECT = Remedy("Correct the setting in pyproject.toml")


@dataclass(frozen=True)
class Settings:
    """The settings of a project, empty where it says nothing.

    `index` and `channel` are addresses of mirrors, `pytorch` what is before the names of PyTorch's
    builds, of which `torch` is one.
    """

    combo: str = ""
    engine: str = ""
    python: str = ""
    index: str = ""
    channel: str = ""
    torch: str = ""
    pytorch: str = ""
    platforms: Platforms = field(default_factory=Platforms)
    exclude_newer: Limit | None = None
    #: what is installed unasked, beside what the manager installs by itself
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    @classmethod
    def read(cls, pyproject: PyProject) -> Settings:
        """Return the settings of a manifest.

        Raises:
            LabError: A setting does not exist or has a wrong value; the error has its line.

        """
        table = pyproject.table("tool", "mlops-lab")
        known = (*_WORDS, *_LISTS, *_OTHERS)
        for key in table:
            if key not in known:
                why = f"has no setting {key!r}; it has {', '.join(known)}"
                raise _wrong(pyproject, key, why, meant(key, known, _CORRECT))
        _expect_kinds(pyproject, table)
        mirror = table.get("mirror", {})
        if not isinstance(mirror, dict):
            raise _wrong(pyproject, "mirror", "mirror must be a table")
        for key, value in mirror.items():
            _expect_address(pyproject, key, value)
        if why := _torch_fault(table.get("torch", ""), mirror):
            raise _wrong(pyproject, "torch", why)
        names, needs = table.get("platforms", []), table.get("system-requirements", {})
        if fault := platforms.fault(names, needs):
            raise _wrong(pyproject, *fault)
        words = {key: table[key] for key in _WORDS if key in table}
        return cls(
            **words,
            **mirror,
            platforms=Platforms(tuple(names), needs),
            extras=tuple(table.get("extras", ())),
            groups=tuple(table.get("groups", ())),
            exclude_newer=_limit(pyproject, table.get("exclude-newer")),
        )


def _expect_kinds(pyproject: PyProject, table: Mapping[str, object]) -> None:
    """Raise an error unless words are words, and lists of names lists of names."""
    for key in _WORDS:
        if not isinstance(table.get(key, ""), str):
            why = f"{key} must be a string, and it is {table[key]!r:.60}"
            raise _wrong(pyproject, key, why)
    for key in _LISTS:
        names = table.get(key, [])
        if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
            why = f"{key} must be a list of names, and it is {names!r:.60}"
            raise _wrong(pyproject, key, why)


def _torch_fault(build: str, mirror: Mapping[str, object]) -> str:
    """Return what is wrong with the build of PyTorch, empty for nothing."""
    if build and not _TORCH.fullmatch(build):
        return f'torch must be "auto", "cpu" or a build such as "cu126", and it is {build!r:.60}'
    if build and "pytorch" not in mirror:
        return (
            "torch needs pytorch in [tool.mlops-lab.mirror]: the address before the names of "
            "PyTorch's builds, which its page of installation has behind --index-url"
        )
    return ""


def _limit(pyproject: PyProject, value: object) -> Limit | None:
    """Return how old a release has to be, None where nothing is said."""
    if value is None:
        return None
    try:
        return Limit.parse(value)
    except (ValueError, OverflowError):
        why = f"exclude-newer must be {FORMS}; it is {value!r:.60}"
        raise _wrong(pyproject, "exclude-newer", why) from None


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
