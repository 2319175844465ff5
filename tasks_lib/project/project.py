"""One project: its folder, its manifests, and its settings in `[tool.mlops-lab]`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution.redaction import without_logins
from tasks_lib.project.conda_file import CondaFile
from tasks_lib.project.manifests import PYPROJECT, PyProject
from tasks_lib.project.workspace import root_above

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_KEYS = ("combo", "engine", "python")
_TABLES = ("checks", "mirror")
#: what `[tool.mlops-lab.mirror]` may say, and the variables of which that is the default
_MIRROR = {"index": ("MLOPS_LAB_INDEX_URL", "PIP_INDEX_URL"), "channel": ("CONDA_CHANNEL_ALIAS",)}


@dataclass(frozen=True)
class Settings:
    """What `[tool.mlops-lab]` says; empty where it says nothing."""

    combo: str = ""
    engine: str = ""
    python: str = ""
    mirror: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def variables(self) -> dict[str, str]:
        """Give the variables by which pip, uv, Poetry and conda are led to the mirror."""
        return {name: address for key, address in self.mirror.items() for name in _MIRROR[key]}


@dataclass(frozen=True)
class Project:
    """A folder with a `pyproject.toml`, and what a run was asked to override."""

    root: Path
    pyproject: PyProject
    engine: str = ""
    python: str = ""

    @classmethod
    def load(
        cls,
        start: Path,
        variables: Mapping[str, str],
        *,
        engine: str = "",
        python: str = "",
        new: bool = False,
    ) -> Project:
        """Find the project that `start` lies in and read its manifest; flags win over variables over settings.

        A `new` one is `start` itself, and may have no manifest yet.
        """
        root = start.absolute() if new else root_of(start)
        path = root / PYPROJECT
        pyproject = PyProject(path, {}, "") if new and not path.exists() else PyProject.read(path)
        self = cls(root, pyproject)
        return replace(
            self,
            engine=engine
            or variables.get("MLOPS_LAB_ENGINE", "")
            or self.settings.engine
            or "auto",
            python=python or variables.get("MLOPS_LAB_PYTHON", "") or self.settings.python,
        )

    @cached_property
    def settings(self) -> Settings:
        """Read the settings of `[tool.mlops-lab]`; a wrong one is a clear error."""
        table = self.pyproject.table("tool", "mlops-lab")
        for key, value in table.items():
            if key not in (*_KEYS, *_TABLES):
                raise _wrong(
                    self.pyproject,
                    key,
                    f"has no setting {key!r}; it has {', '.join((*_KEYS, *_TABLES))}",
                )
            if key not in _TABLES and not isinstance(value, str):
                raise _wrong(
                    self.pyproject, key, f"{key} must be a string, and it is {value!r:.60}"
                )
        return Settings(
            **{key: table.get(key, "") for key in _KEYS}, mirror=_mirror(self.pyproject)
        )

    @cached_property
    def conda_path(self) -> Path | None:
        """Give the path of the conda environment file, if there is one."""
        return CondaFile.find(self.root)

    @cached_property
    def conda_file(self) -> CondaFile:
        """Read the conda environment file; without one there is a clear error."""
        if self.conda_path is None:
            text = f"there is no conda.yml in {self.root}, and the conda layer is made from it."
            remedy = "write one, or take a pip combo: --combo pip_uv"
            raise LabError(text, ErrorCode.NO_CONDA_FILE, file="conda.yml", remedy=remedy)
        return CondaFile.read(self.conda_path)


def root_of(start: Path) -> Path:
    """Give the nearest folder with a `pyproject.toml`, or `start` itself where there is none.

    From within a member of a workspace that is the workspace's: there stand the lock and the environment.
    """
    start = start.absolute()
    return root_above(
        next(
            (folder for folder in (start, *start.parents) if (folder / PYPROJECT).is_file()), start
        )
    )


def _mirror(pyproject: PyProject) -> dict[str, str]:
    table = pyproject.table("tool", "mlops-lab").get("mirror", {})
    if not isinstance(table, dict):
        raise _wrong(pyproject, "mirror", "mirror must be a table")
    for key, value in table.items():
        if key not in _MIRROR:
            raise _wrong(
                pyproject, "mirror", f"mirror has no setting {key!r}; it has {', '.join(_MIRROR)}"
            )
        if not isinstance(value, str) or "://" not in value:
            raise _wrong(
                pyproject, key, f"mirror {key} must be an address, and it is {value!r:.60}"
            )
        if without_logins(value, tokens=True) != value:
            raise _wrong(
                pyproject,
                key,
                f"mirror {key} has a login in its address: keep that in .netrc or a variable",
            )
    return table


def _wrong(pyproject: PyProject, key: str, why: str) -> LabError:
    text = f"[tool.mlops-lab] {why}."
    return LabError(
        text, ErrorCode.WRONG_SETTING, file=PYPROJECT, line=pyproject.line_of("mlops-lab", key)
    )
