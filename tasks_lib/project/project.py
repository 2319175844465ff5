"""One project: its folder, its manifests, its settings, and the options of the run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.project import included
from tasks_lib.project.conda_file import CondaFile
from tasks_lib.project.included import Included
from tasks_lib.project.manifests import PYPROJECT, PyProject, read_text
from tasks_lib.project.options import Options, is_version
from tasks_lib.project.settings import Settings
from tasks_lib.project.workspace import root_above

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


#: the file by which pyenv and uv choose a Python in a folder
PIN = ".python-version"


@dataclass(frozen=True)
class Project:
    """A folder with a `pyproject.toml`, and what a run was asked for."""

    root: Path
    pyproject: PyProject
    options: Options = field(default_factory=Options)
    #: the conda file, where it is known before it is in the folder
    planned_conda_file: CondaFile | None = None
    #: the optional parts that this run asks for; else those that were chosen before
    chosen: Included | None = None

    @classmethod
    def load(  # noqa: PLR0913 - each flag is one option
        cls,
        start: Path,
        variables: Mapping[str, str],
        *,
        combo: str = "",
        engine: str = "",
        python: str = "",
        offline: bool = False,
        new: bool = False,
    ) -> Project:
        """Find the project that `start` lies in, read its manifest and resolve the run's options.

        A `new` project is `start` itself, and may have no manifest yet.

        Raises:
            LabError: The manifest does not exist or is not valid, or a setting of
            `[tool.mlops-lab]` is wrong.

        """
        root = start.absolute() if new else root_of(start)
        path = root / PYPROJECT
        is_missing = new and not path.exists()
        pyproject = PyProject(path, {}, "") if is_missing else PyProject.read(path)
        options = Options.resolve(
            Settings.read(pyproject),
            variables,
            combo=combo,
            engine=engine,
            python=python,
            offline=offline,
        )
        return cls(root, pyproject, options)

    @cached_property
    def settings(self) -> Settings:
        """Return the settings of `[tool.mlops-lab]`."""
        return Settings.read(self.pyproject)

    @cached_property
    def included(self) -> Included:
        """Return the optional parts that this checkout has, or is going to have."""
        return self.chosen or included.remembered(self.root, self._unasked)

    @property
    def _unasked(self) -> Included:
        """Return what the project's settings include where nothing was chosen."""
        return Included(tuple(map(canonicalize_name, self.settings.extras)))

    def remember_included(self) -> None:
        """Keep for later runs in this checkout which optional parts it has."""
        included.remember(self.root, self.included, self._unasked)

    @property
    def pinned_python(self) -> str:
        """Return the version in `.python-version`, empty for none; a name there is pyenv's own."""
        path = self.root / PIN
        rows = read_text(path).splitlines() if path.is_file() else []
        return next(filter(is_version, map(str.strip, rows)), "")

    @cached_property
    def conda_path(self) -> Path | None:
        """Return the path of the conda environment file, if there is one."""
        if self.planned_conda_file is not None:
            return self.planned_conda_file.path
        return CondaFile.find(self.root)

    @cached_property
    def conda_file(self) -> CondaFile:
        """Return the conda environment file; a project without one is an error."""
        if self.planned_conda_file is not None:
            return self.planned_conda_file
        if self.conda_path is None:
            text = f"There is no conda.yml in {self.root}, and the conda layer is created from it."
            remedy = Remedy("Write one, or use a combo without conda, such as --combo pip_uv")
            raise LabError(text, ErrorCode.NO_CONDA_FILE, file="conda.yml", remedy=remedy)
        return CondaFile.read(self.conda_path)

    def moved(self, root: Path) -> Project:
        """Return the project as if its manifests, which are read now, were in the folder `root`."""
        file = self.planned_conda_file
        if self.conda_path:
            file = replace(self.conda_file, path=root / self.conda_path.name)
        pyproject = replace(self.pyproject, path=root / PYPROJECT)
        return replace(
            self,
            root=root,
            pyproject=pyproject,
            planned_conda_file=file,
            chosen=self.included,
        )


def root_of(start: Path) -> Path:
    """Return the nearest folder with a `pyproject.toml`, or `start` itself where there is none.

    Within a member of a workspace it is the workspace's folder: the lock and the environment are
    there.
    """
    start = start.absolute()
    for folder in (start, *start.parents):
        if (folder / PYPROJECT).is_file():
            return root_above(folder)
    return root_above(start)
