"""What a run was asked for: by flags, by variables, and by `[tool.mlops-lab]`, in this order."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib import bootstrap
from tasks_lib.errors import ErrorCode, LabError, Remedy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks_lib.project.release_age import Limit
    from tasks_lib.project.settings import Settings

#: The variables that stand for options. Each wins over the project's settings.
COMBO = "MLOPS_LAB_COMBO"
ENGINE = "MLOPS_LAB_ENGINE"
PYTHON = "MLOPS_LAB_PYTHON"
INDEX = bootstrap.INDEX
OFFLINE = bootstrap.OFFLINE
CHANNEL_ALIAS = "CONDA_CHANNEL_ALIAS"
#: `3.12`, `>=3.11,<3.13`, `cpython@3.12`, `pypy3.10`
_VERSION = re.compile(r"(?:(?:cpython|pypy|graalpy)[@-]?)?[<>=!~]*\s*\d[\w.,<>=!~*+\s-]*")
#: The tools' own variables that name a package index, strongest first.
_INDEXES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")


class Source(StrEnum):
    """Who decided on an option."""

    FLAG = "flag"
    VARIABLE = "variable"
    SETTINGS = "pyproject"
    NOBODY = ""


@dataclass(frozen=True)
class Choice:
    """An option's value and who decided on it; `name` is the variable, where it was one."""

    value: str = ""
    source: Source = Source.NOBODY
    name: str = ""


@dataclass(frozen=True)
class Options:
    """The options of one run on one project.

    `engine` is "auto" and `python` is empty where nobody chose. `index` and `channel_alias` are
    what a flag, a variable or the project's settings say; the files of uv, pip and conda may say
    more (`package_index`, `conda_config`).
    """

    combo: Choice = Choice()
    engine: str = "auto"
    python: str = ""
    offline: bool = False
    #: whether code of the repository may run: a run asks `trust`
    trusted: bool = True
    index: Choice = Choice()
    channel_alias: Choice = Choice()
    #: how old a release has to be; a variable of a tool's own wins in that tool
    exclude_newer: Limit | None = None

    @classmethod
    def resolve(  # noqa: PLR0913 - each flag is one option
        cls,
        settings: Settings,
        variables: Mapping[str, str],
        *,
        combo: str = "",
        engine: str = "",
        python: str = "",
        offline: bool = False,
    ) -> Options:
        """Return the options: flags win over variables, and these over the project's settings."""
        asked = _chosen(python, (PYTHON,), settings.python, variables)
        _expect_python(asked)
        index = _chosen("", (INDEX,), settings.index, variables)
        if not index.value:
            index = _chosen("", _INDEXES, "", variables)
        return cls(
            combo=_chosen(combo, (COMBO,), settings.combo, variables),
            engine=_chosen(engine, (ENGINE,), settings.engine, variables).value or "auto",
            python=asked.value,
            offline=offline or bool(variables.get(OFFLINE)),
            index=index,
            channel_alias=_chosen("", (CHANNEL_ALIAS,), settings.channel, variables),
            exclude_newer=settings.exclude_newer,
        )

    def limiting(self, variable: str) -> dict[str, str]:
        """Return a tool's own variable with the age that a release must have.

        It is empty where none is set, or where the user has set that variable.
        """
        if self.exclude_newer is None or os.environ.get(variable):
            return {}
        return {variable: str(self.exclude_newer)}

    @property
    def untrusted(self) -> Options:
        """Return the options for a repository whose code may not run.

        It may not name a channel either. Its index stays, by which a lock is judged offline.
        """
        alias = self.channel_alias
        if alias.source is Source.SETTINGS:
            alias = Choice()
        return replace(self, trusted=False, channel_alias=alias)

    @property
    def variables(self) -> dict[str, str | None]:
        """Return the variables that give another run of this program the same network options.

        A variable that is set already is inherited, so only what a flag or the settings say is
        among them.
        """
        found: dict[str, str | None] = {}
        if self.offline:
            found[OFFLINE] = "1"
        if self.index.source is Source.SETTINGS:
            found[INDEX] = self.index.value
        if self.channel_alias.source is Source.SETTINGS:
            found[CHANNEL_ALIAS] = self.channel_alias.value
        return found


def is_version(python: str) -> bool:
    """Return whether a Python was named by a version or a range, not by a path or a program."""
    return _VERSION.fullmatch(python) is not None


def _expect_python(asked: Choice) -> None:
    """Raise an error unless this is a version, or a program or path that exists.

    A repository's own settings may name no program.
    """
    python = asked.value
    if not python or is_version(python):
        return
    exists = shutil.which(python) or Path(python).exists()
    if asked.source is Source.SETTINGS or not exists:
        text = f"There is no Python {python!r}: no version, and no program or path on this machine."
        remedy = Remedy("Name a version, such as 3.12, with --python")
        raise LabError(text, ErrorCode.PYTHON_NOT_FOUND, remedy=remedy)


def _chosen(
    flag: str, names: tuple[str, ...], setting: str, variables: Mapping[str, str]
) -> Choice:
    """Return the strongest choice; an empty value is no choice."""
    if flag:
        return Choice(flag, Source.FLAG)
    for name in names:
        if variables.get(name):
            return Choice(variables[name], Source.VARIABLE, name)
    if setting:
        return Choice(setting, Source.SETTINGS)
    return Choice()
