"""What an importer is: it reads one kind of foreign file, and changes nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tasks_lib.importers.declarations import Declarations
    from tasks_lib.project.project import Project


class Importer(ABC):
    """Read one kind of foreign file of a project."""

    def __init__(self, project: Project) -> None:
        """Keep the project."""
        self.project = project
        self.root = project.root
        self.pyproject = project.pyproject

    @abstractmethod
    def read(self) -> Iterable[Declarations]:
        """Return what each file of this kind declares, nothing if there is no such file.

        Raises:
            LabError: A file is written wrongly.

        """
