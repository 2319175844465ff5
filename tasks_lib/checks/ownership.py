"""Who owns a distribution: what conda installed and the manager replaced, what is there twice, what is hidden."""

from __future__ import annotations

import csv
import hashlib
from typing import TYPE_CHECKING

from tasks_lib.checks.base import FactCheck, Finding, has_environment
from tasks_lib.environments import site_packages
from tasks_lib.environments.conda import Conda
from tasks_lib.environments.conda_folders import is_base
from tasks_lib.errors import Remedy
from tasks_lib.results import Status

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tasks_lib.ownership.facts import Facts

_ALIGN = Remedy(
    "Pin the versions that conda has, then create the environment again",
    ("invoke", "deps.align", "env.remove", "setup"),
)
#: names that many projects give to a folder, and that nobody imports from site-packages
_COMMON = {"tests", "test", "conftest", "setup", "docs", "examples", "noxfile", "tasks"}


def _clobbered(facts: Facts) -> Iterable[Finding]:
    """Compare the records that conda installed with those that lie there now."""
    there = {found.folder.name: found for found in facts.distributions}
    for name, owned in facts.owned.items():
        if owned.folder in there:
            installer = _installer(facts, owned.package, there[owned.folder].folder)
            if installer:
                yield Finding(
                    f"{name} {owned.version}, which conda owns, was installed over by {installer}."
                )
        elif owned.folder.endswith(".dist-info"):
            now = facts.installed.get(name)
            what = f"was replaced by {now}" if now else "was removed"
            yield Finding(
                f"{name} {owned.version}, which conda owns (package {owned.package}), {what}."
            )


def _installer(facts: Facts, package: str, folder: Path) -> str:
    """Name who wrote a record's INSTALLER where that is not the file that conda brought."""
    paths = (facts.conda[package].get("paths_data") or {}).get("paths") or ()
    ours = next(
        (item for item in paths if item["_path"].endswith(f"{folder.name}/INSTALLER")), None
    )
    try:
        data = (folder / "INSTALLER").read_bytes()
    except OSError:
        return ""
    if ours and hashlib.sha256(data).hexdigest() in {
        ours.get("sha256"),
        ours.get("sha256_in_prefix"),
    }:
        return ""
    said = data.decode("utf-8", "replace").strip()
    return (
        "" if said == "conda" or (ours and not ours.get("sha256")) else said or "another installer"
    )


def _duplicated(facts: Facts) -> Iterable[Finding]:
    for name, owned in facts.owned.items():
        found = {one.folder.name: one.version for one in facts.distributions if one.name == name}
        mine, others = found.pop(owned.folder, None), ", ".join(found.values())
        if mine and others:
            yield Finding(
                f"{name} is there twice: {mine} of conda's and {others} of another installer."
            )


def _shadowed(facts: Facts) -> Iterable[Finding]:
    """Look for modules of the project's folder that hide an installed one; a folder without `__init__.py` hides none.

    The project's own modules are not meant, though they may be installed too.
    """
    root, site = (
        facts.project.root,
        site_packages.site_packages(facts.prefix) if facts.prefix else None,
    )
    own = _own_modules(facts)
    for path in sorted([*root.glob("*.py"), *root.glob("*/__init__.py")]) if site else ():
        module = path.stem if path.parent == root else path.parent.name
        hidden = site and (
            (site / module / "__init__.py").is_file() or any(site.glob(f"{module}.*py*"))
        )
        if hidden and module not in own | _COMMON:
            shown = path.relative_to(root).as_posix()
            yield Finding(
                f"`import {module}` finds {shown} of this project before the installed {module}.",
                shown,
            )


def _own_modules(facts: Facts) -> set[str]:
    folder = next((one.folder for one in facts.distributions if one.name == facts.own_name), None)
    if folder is None or not (folder / "RECORD").is_file():
        return set()
    with (folder / "RECORD").open(encoding="utf-8", errors="replace", newline="") as stream:
        return {row[0].partition("/")[0].removesuffix(".py") for row in csv.reader(stream) if row}


def _base(facts: Facts) -> Iterable[Finding]:
    environment, prefix = facts.session.environment, facts.prefix
    root = environment.maker.root if isinstance(environment, Conda) else None
    if prefix is not None and is_base(prefix, root):
        yield Finding(f"{prefix} is conda's base environment: conda itself runs from there.")


CHECKS = (
    FactCheck(
        "ownership.clobbered",
        "conda's packages are as conda installed them",
        "pip, uv and Poetry replace or remove what conda installed without a word: to them it is a distribution like "
        "any other. conda's records then list files that do not exist, `conda doctor` reports them and exits 0, and "
        "the next conda command may break what works now.",
        _ALIGN,
        look=_clobbered,
        applies=lambda facts: facts.owns,
    ),
    FactCheck(
        "ownership.duplicated",
        "no distribution has two owners",
        "A distribution that both conda and another installer put into one site-packages is recorded twice. Python "
        "imports a mixture of both, and either tool may delete files that the other one needs.",
        _ALIGN,
        look=_duplicated,
        applies=lambda facts: facts.owns,
    ),
    FactCheck(
        "ownership.shadowed",
        "no module of the project hides an installed one",
        "Python looks first in the folder in which it is started. A file there with the name of an installed package "
        "is imported in its place, and the error that follows names the package.",
        Remedy("Give the project's file or folder another name"),
        Status.WARN,
        look=_shadowed,
        applies=has_environment,
    ),
    FactCheck(
        "base",
        "the environment is not conda's base",
        "conda runs from its base environment: a package that changes there can leave you without a conda to repair it "
        "with. Base is recognised from the folder itself, since variables and names can say anything.",
        Remedy(
            "Give the environment another name in the conda file, or use another folder",
            ("invoke", "setup"),
        ),
        look=_base,
        applies=has_environment,
    ),
)
