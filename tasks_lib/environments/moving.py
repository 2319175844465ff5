"""The folder of an environment, which can be moved away, copied, brought back and deleted."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from tasks_lib.environments import setting_aside

if TYPE_CHECKING:
    from pathlib import Path

    from tasks_lib.project.project import Project


class Movable(ABC):
    """The folder of one project's environment."""

    project: Project

    @property
    @abstractmethod
    def prefix(self) -> Path:
        """Return the environment's folder."""

    @property
    def aside(self) -> Path:
        """Return the place of an environment that was set aside, until the run ends well."""
        return setting_aside.place_for(self.prefix)

    def is_aside(self) -> bool:
        """Return whether it was set aside by a run of this project."""
        return setting_aside.is_ours(self.aside, self.project.root)

    def set_aside(self) -> None:
        """Move the environment away in one operation, so that it can be brought back whole."""
        self.refuse_base()
        setting_aside.move(self.prefix, self.aside, self.project.root)
        self._deregister()

    def work_on_copy(self) -> None:
        """Set the environment aside, and go on with a copy: it is back unless the run ends well."""
        self.set_aside()
        setting_aside.copy(self.aside, self.prefix)
        self._register()

    def bring_back(self) -> None:
        """Move what was set aside to its place again."""
        setting_aside.bring(self.aside, self.prefix)
        setting_aside.forget(self.project.root)
        self._register()

    def discard_aside(self) -> None:
        """Delete what was set aside, wherever that is."""
        if left := setting_aside.left(self.project.root):
            setting_aside.delete(left)
        setting_aside.forget(self.project.root)

    def discard(self) -> None:
        """Delete the environment, whole or not; of a link, what it points to stays."""
        self.refuse_base()
        setting_aside.delete(self.prefix)
        self._deregister()

    def _register(self) -> None:  # noqa: B027 - not every kind has a list
        """Add the environment to its kind's list of environments."""

    def _deregister(self) -> None:  # noqa: B027 - not every kind has a list
        """Take the environment off its kind's list of environments."""

    def refuse_base(self) -> None:  # noqa: B027 - not every kind has one
        """Raise an error where it is an environment that is never changed."""
