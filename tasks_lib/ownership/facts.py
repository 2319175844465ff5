"""The facts of a run, each read once: what is installed, owned and locked."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from tasks_lib.environments import site_packages
from tasks_lib.environments.base import State
from tasks_lib.errors import LabError
from tasks_lib.ownership.owners import Owner, owner_of
from tasks_lib.project import pip_section
from tasks_lib.project.conda_file import spec_name

if TYPE_CHECKING:
    from collections.abc import Container
    from pathlib import Path

    from packaging.requirements import Requirement

    from tasks_lib.environments.base import Owned
    from tasks_lib.environments.site_packages import Distribution
    from tasks_lib.project.conda_file import CondaFile
    from tasks_lib.project.pip_section import PipSection
    from tasks_lib.project.workspace import Member
    from tasks_lib.session.session import Session


class Facts:
    """What is installed, owned and locked. Not for use by two threads at once."""

    def __init__(
        self, session: Session, prefix: Path | None = None, *, by_reading: bool = False
    ) -> None:
        """Keep the session, and the environment's `prefix` where it is not the session's own.

        Nothing is read before it is needed, and of what is not the project's nothing where the
        facts are told `by_reading` its files alone.
        """
        self._given_prefix = prefix
        self.by_reading = by_reading
        self.session = session
        self.project = session.project

    @cached_property
    def prefix(self) -> Path | None:
        """Return the environment's folder where it can be used.

        `doctor` reports where it cannot.
        """
        if self._given_prefix is not None or self.by_reading:
            return self._given_prefix
        environment = self.session.environment
        try:
            return environment.prefix if environment.state() is State.PRESENT else None
        except LabError:
            return None

    @property
    def owns(self) -> bool:
        """Return whether the environment exists and its layer has packages of its own."""
        return self.prefix is not None and self.session.environment.owns_packages

    @property
    def conda_layer(self) -> bool:
        """Return whether this run's environment is conda's."""
        return self.session.environment.owns_packages

    @cached_property
    def distributions(self) -> tuple[Distribution, ...]:
        """Return every distribution of the environment.

        The rest of a record that was removed is not one.
        """
        if self.prefix is None:
            return ()
        return tuple(one for one in site_packages.distributions(self.prefix) if one.version)

    @cached_property
    def installed(self) -> dict[str, str]:
        """Return the normalised name and the version of each distribution."""
        return {found.name: found.version for found in self.distributions}

    @property
    def site(self) -> Path | None:
        """Return the folder in which the environment's distributions are."""
        return self.prefix and site_packages.site_packages(self.prefix)

    @cached_property
    def conda(self) -> dict[str, dict[str, Any]]:
        """Return conda's records by name; a damaged one is an error, which `doctor` reports too."""
        if self.prefix is None:
            return {}
        return self.session.environment.packages(self.prefix)

    @cached_property
    def owned(self) -> dict[str, Owned]:
        """Return the distributions that conda owns by file."""
        if self.prefix is None:
            return {}
        return self.session.environment.owned(self.prefix, self.conda)

    def owner(self, one: Distribution, section: Container[str] = ()) -> Owner:
        """Return who owns a distribution; the `pip:` section brings those in `section`."""
        return owner_of(
            one, owned=self.owned, locked=self.locked, project=self.own_name, section=section
        )

    @cached_property
    def locked(self) -> dict[str, set[str]]:
        """Return the versions that the manager's lock pins, by name."""
        return self.session.manager.locked()

    @cached_property
    def conda_file(self) -> CondaFile | None:
        """Return the conda file, `None` where it cannot be read, which `config` reports."""
        try:
            return self.project.conda_file if self.project.conda_path else None
        except LabError:
            return None

    @property
    def own_name(self) -> str:
        """Return the project's own normalised name."""
        return canonicalize_name(self.project.pyproject.name)

    @cached_property
    def python(self) -> str:
        """Return the version of the environment's Python, empty where no folder shows it."""
        version = self.session.environment.python_version(self.prefix) if self.prefix else ""
        if version or self.site is None:
            return version
        return self.site.parent.name.removeprefix("python")

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """Return the members of the project; where one cannot be read, the manager reports it."""
        try:
            return tuple(self.session.manager.members().values())
        except LabError:
            return ()

    @cached_property
    def conda_specs(self) -> dict[str, str]:
        """Return what the conda file lists, by name, where it can be read."""
        if self.conda_file is None:
            return {}
        return {spec_name(spec): spec for spec in self.conda_file.dependencies}

    @property
    def pip_entries(self) -> tuple[str, ...]:
        """Return the entries of the conda file's `pip:` section."""
        return self.conda_file.pip if self.conda_file else ()

    @cached_property
    def pip_names(self) -> set[str]:
        """Return the normalised names in the conda file's `pip:` section."""
        return {canonicalize_name(wanted.name) for wanted in self.pip_requirements}

    @cached_property
    def pip_section(self) -> PipSection:
        """Return what the conda file's `pip:` section names."""
        return pip_section.read(self.conda_file)

    @cached_property
    def pip_requirements(self) -> tuple[Requirement, ...]:
        """Return the requirements of the section; what has an address alone, as it is installed."""
        from packaging.requirements import Requirement  # noqa: PLC0415 - 0.03 s, and seldom needed

        names = site_packages.addresses(self.prefix) if self.prefix else {}
        found = []
        for one in self.pip_section.wanted:
            if one.requirement:
                found.append(one.requirement)
            elif one.address in names:
                found.append(Requirement(names[one.address]))
        return tuple(found)
