"""What conda installed and a manager replaced, what exists twice, and what is hidden."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from tasks_lib.checks.base import FactCheck, Finding, has_environment
from tasks_lib.environments import claims, health_checks, site_packages
from tasks_lib.errors import LabError, Remedy
from tasks_lib.execution import files
from tasks_lib.results import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from tasks_lib.ownership.facts import Facts

#: names that many projects give to a folder, and that nobody imports from site-packages
_COMMON = {"tests", "test", "conftest", "setup", "docs", "examples", "noxfile", "tasks"}


def _clobbered(facts: Facts) -> Iterable[Finding]:
    """Compare the records that conda installed with those that exist now."""
    there = {found.folder.name: found.folder for found in facts.distributions}
    for name, owned in facts.owned.items():
        what = f"{name} {owned.version}, which conda owns (package {owned.package}),"
        if owned.folder in there:
            installer = _installer(facts.conda[owned.package], there[owned.folder])
            if installer:
                yield Finding(f"{what} was installed over by {installer}.")
        elif owned.folder.endswith(".dist-info"):
            now = facts.installed.get(name)
            end = f"was replaced by {now}" if now else "was removed"
            yield Finding(f"{what} {end}.")


def _installer(record: Mapping[str, Any], folder: Path) -> str:
    """Name who wrote a record's INSTALLER, where conda did not bring that file."""
    try:
        data = files.regular(folder / "INSTALLER")
    except OSError:
        return ""
    hashes = None
    for item in (record.get("paths_data") or {}).get("paths") or ():
        if item["_path"].endswith(f"{folder.name}/INSTALLER"):
            hashes = {item.get("sha256"), item.get("sha256_in_prefix")} - {None}
    said = data.decode("utf-8", "replace").strip()
    unknown = hashes is not None and not hashes  # an old record has no hashes
    if said == "conda" or unknown or hashlib.sha256(data).hexdigest() in (hashes or ()):
        return ""
    return said or "another installer"


def _duplicated(facts: Facts) -> Iterable[Finding]:
    for name, owned in facts.owned.items():
        mine, others = "", []
        for one in facts.distributions:
            if one.folder.name == owned.folder:
                mine = one.version
            elif one.name == name:
                others.append(one.version)
        if mine and others:
            beside = f"{', '.join(others)} from another installer"
            yield Finding(f"{name} exists twice: {mine} from conda and {beside}.")


def _shadowed(facts: Facts) -> Iterable[Finding]:
    """Look for modules in the project's folder that hide an installed one.

    A folder without `__init__.py` hides none. The project's own modules are not meant, though they
    may be installed.
    """
    root, site = facts.project.root, facts.site
    if site is None:
        return
    ignored = _own_modules(facts) | _COMMON
    for path in sorted([*root.glob("*.py"), *root.glob("*/__init__.py")]):
        module = path.stem if path.parent == root else path.parent.name
        installed = (site / module / "__init__.py").is_file() or any(site.glob(f"{module}.*py*"))
        if installed and module not in ignored:
            shown = path.relative_to(root).as_posix()
            text = f"`import {module}` finds {shown} of this project before the installed {module}."
            yield Finding(text, shown)


def _own_modules(facts: Facts) -> set[str]:
    """Return the top-level modules that the project's own distribution recorded."""
    for one in facts.distributions:
        if one.name == facts.own_name:
            rows = site_packages.record_rows(one) or ()
            return {row[0].partition("/")[0].removesuffix(".py") for row in rows}
    return set()


def _project(facts: Facts) -> Iterable[Finding]:
    try:
        claims.refuse_others(facts.session.environment)
    except LabError as error:
        yield Finding(error.message)


def _base(facts: Facts) -> Iterable[Finding]:
    try:
        facts.session.environment.refuse_base()
    except LabError as error:
        yield Finding(error.message)


CHECKS = (
    FactCheck(
        "ownership.clobbered",
        "conda's packages are as conda installed them",
        "pip, uv and Poetry replace or remove what conda installed without a word: to them it is a "
        "distribution like "
        "any other. conda's records then list files that do not exist, `conda doctor` reports them "
        "and exits 0, and "
        "the next conda command may break what works now.",
        health_checks.ALIGN_AGAIN,
        look=_clobbered,
        applies=lambda facts: facts.owns,
    ),
    FactCheck(
        "ownership.duplicated",
        "no distribution has two owners",
        "A distribution that both conda and another installer put into one site-packages is "
        "recorded twice. Python "
        "imports a mixture of both, and either tool may delete files that the other one needs.",
        health_checks.ALIGN_AGAIN,
        look=_duplicated,
        applies=lambda facts: facts.owns,
    ),
    FactCheck(
        "ownership.shadowed",
        "no module of the project hides an installed one",
        "Python looks first in the folder in which it is started. A file there with the name of an "
        "installed package "
        "is imported in its place, and the error that follows names the package.",
        Remedy("Give the project's file or folder another name"),
        Status.WARN,
        look=_shadowed,
        applies=has_environment,
    ),
    FactCheck(
        "ownership.project",
        "the environment was made for this project",
        "Two projects whose conda files have one name would use one environment: what one installs "
        "or removes changes the other.",
        Remedy(
            "Give it another name in the conda file, or share it on purpose",
            ("invoke", "env.create", "--share"),
        ),
        look=_project,
        applies=has_environment,
    ),
    FactCheck(
        "base",
        "the environment is not conda's base",
        "conda runs from its base environment: a package that changes there can leave you without "
        "a conda to repair it "
        "with. Base is recognised from the folder itself, since variables and names can say "
        "anything.",
        Remedy("Give the environment another name in the conda file, or use another folder"),
        look=_base,
        applies=has_environment,
    ),
)
