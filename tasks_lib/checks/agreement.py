"""Whether the manifests and the locks of the two layers agree with each other."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from tasks_lib.checks import own_settings
from tasks_lib.checks.base import (
    FactCheck,
    Finding,
    conda_line,
    has_conda_file,
    has_environment,
    listed,
)
from tasks_lib.environments.base import SEEDS
from tasks_lib.errors import LabError, Remedy
from tasks_lib.execution import files
from tasks_lib.execution.redaction import without_secrets
from tasks_lib.managers import MANAGERS
from tasks_lib.ownership import declarations, exclusions
from tasks_lib.project import conda_lock
from tasks_lib.project.conda_file import CONDA_FILES, OTHER_ON_PYPI, PYPI
from tasks_lib.project.manifests import PYPROJECT, read_text
from tasks_lib.project.version_ranges import allowed, any_overlap, conda_specifiers
from tasks_lib.results import Fix, Status
from tasks_lib.tools import package_index

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tasks_lib.ownership.facts import Facts

#: what either layer may have for itself
_BOTH_MAY = {"python", *SEEDS, *MANAGERS}
PIXI = "pixi.lock"
#: the locks of all managers, and the names of a manager's table, files or backend
_LOCKS = {
    **{manager.lock_name: (name,) for name, manager in MANAGERS.items()},
    "pdm.lock": ("pdm",),
    "Pipfile.lock": ("Pipfile",),
    PIXI: ("pixi", "pixi.toml"),
    conda_lock.NAME: ("conda-lock", *CONDA_FILES),
}
#: uv writes no login into its lock
_LOGIN = re.compile(r"^(\w+://)[^/@]*@")
#: in every version of its format, a lock of pixi's has the address of each package
_PIXI_PYTHON = re.compile(r"/[a-z]+-\w+/python-(\d[\w.]*)-[^/\s-]+\.(?:conda|tar\.bz2)\b")


def _python(facts: Facts) -> Iterable[Finding]:
    """Report where no version satisfies both.

    A spec that cannot be read for certain is not reported.
    """
    spec = facts.conda_specs.get("python", "")
    choices = conda_specifiers(spec)
    pyproject = facts.project.pyproject
    try:
        pythons = pyproject.pythons()
    except LabError:
        return  # `config` reports it
    if choices is None or any_overlap(choices, pythons):
        return
    needs = f"pyproject.toml needs Python {pyproject.python_range}"
    text = f"The conda file needs {spec} and {needs}: no version is both."
    yield Finding(text, *conda_line(facts, "python"))


def _names_python(facts: Facts) -> bool:
    return "python" in facts.conda_specs and bool(facts.project.pyproject.python_range)


def _pixi(facts: Facts) -> Iterable[Finding]:
    """Report where the project may run on no Python of a lock of pixi's."""
    project = facts.project
    text = read_text(files.inside(project.root, project.root / PIXI))
    pythons = sorted(set(_PIXI_PYTHON.findall(text)))
    needs = {
        f"{PYPROJECT} needs Python {project.pyproject.python_range}": project.pyproject.pythons()
    }
    choices = conda_specifiers(facts.conda_specs.get("python", ""))
    if choices is not None:
        needs[f"the conda file needs {facts.conda_specs['python']}"] = choices
    for said, ranges in needs.items():
        if pythons and not any(allowed(python, ranges) for python in pythons):
            yield Finding(f"{PIXI} has Python {listed(pythons)}, and {said}.", PIXI)


def _both_layers(facts: Facts) -> Iterable[Finding]:
    """Report what both name, and fail where their versions exclude each other."""
    file = facts.conda_file
    excluded = set()
    for text, line in exclusions.look(facts):
        excluded.add(line)
        yield Finding(text, file.path.name if file else None, line, Status.FAIL)
    declared: dict[str, set[str]] = defaultdict(set)
    for one in declarations.read(facts):
        if one.group is not None and not one.member:
            wanted = one.requirement
            declared[canonicalize_name(wanted.name)].add(str(wanted.specifier))
    for name in facts.conda_specs:
        python = PYPI.get(name, canonicalize_name(name))
        if python not in declared or python in _BOTH_MAY or name in OTHER_ON_PYPI:
            continue
        version = facts.conda.get(name, {}).get("version")
        place = conda_line(facts, name)
        # `deps.align` writes such a pin
        if declared[python] != {f"=={version}"} and place[1] not in excluded:
            text = f"The conda file names {name}, and pyproject.toml names it too."
            yield Finding(text, *place, remedy=_one_layer(facts, name))


def _one_layer(facts: Facts, name: str) -> Remedy | None:
    """Return the command that takes a package out of the conda layer, where this run has one."""
    if not facts.conda_layer:
        return None
    replaced = [one for one in facts.owned.values() if one.package == name and not one.whole]
    if replaced:
        return facts.session.environment.renewal()
    before = () if has_environment(facts) else ("env.create",)
    argv = ("invoke", *before, "deps.remove", name, "--layer", "conda")
    return Remedy("Leave it to the lock", argv)


def _locks(facts: Facts) -> Iterable[Finding]:
    ours, mine = facts.locked, facts.session.manager
    for manager in MANAGERS.values():
        other = manager(facts.project)
        differ = []
        for name, theirs in sorted(other.locked().items()):
            pins = ours.get(name, theirs)
            # of the versions that a lock keeps apart, another lock may have a part
            if not (pins <= theirs or theirs <= pins):
                here, there = " or ".join(sorted(ours[name])), " or ".join(sorted(theirs))
                differ.append(f"{name} ({mine.lock_name}: {here}, {other.lock_name}: {there})")
        if differ:
            text = f"The locks pin different versions: {listed(differ)}."
            argv = ("rm", files.typed(other.lock_path))
            remedy = Remedy("Keep one lock: delete the one that nobody installs from", argv)
            yield Finding(text, other.lock_name, count=len(differ), remedy=remedy)


def _has_two_locks(facts: Facts) -> bool:
    made = [manager(facts.project) for manager in MANAGERS.values()]
    return sum(manager.lock_path.is_file() for manager in made) > 1


def _stray_lock(facts: Facts) -> Iterable[Finding]:
    root, pyproject = facts.project.root, facts.project.pyproject
    backend = str(pyproject.table("build-system").get("build-backend", ""))
    for lock, users in _LOCKS.items():
        known = {facts.session.manager.name, *pyproject.table("tool")}
        is_used = any(name in known or (root / name).is_file() for name in users)
        if (root / lock).is_file() and not is_used and not backend.startswith(users):
            yield Finding(f"{lock} exists, and nothing in this project uses its manager.", lock)


def _has_settings(facts: Facts) -> bool:
    settings = facts.project.settings
    return bool(settings.torch or settings.exclude_newer)


def _settings(facts: Facts) -> Iterable[Finding]:
    """Report what the manager's tables do not say; for how old a release is, the tasks tell it."""
    for one in own_settings.differences(facts.session.manager):
        status = Status.WARN if one.key == facts.session.manager.tables.limit_key else None
        line = facts.project.pyproject.line_of(*one.key)
        yield Finding(one.text, PYPROJECT, line, status)


def _mirror(facts: Facts) -> Iterable[Finding]:
    """Report an index of the lock that no file of the project has; the user's own is mentioned."""
    manager, root = facts.session.manager, facts.project.root
    names = [name for name in (PYPROJECT, *manager.config_files) if (root / name).is_file()]
    texts = [read_text(files.inside(root, root / name), name) for name in names]
    own = package_index.resolve(facts.project.options)
    usual = {package_index.default().rstrip("/"), ""}
    for address in sorted({one.index.rstrip("/") for one in manager.foreign_packages()} - usual):
        if any(address in text for text in texts):
            continue
        shown = f"{manager.lock_name} names the index {without_secrets(address):.200}, which"
        if address == _LOGIN.sub(r"\1", own.url).rstrip("/"):
            yield Finding(f"{shown} only {own.source} names here.", count=0)
        else:
            yield Finding(f"{shown} no file of the project names.", manager.lock_name)


def _has_lock(facts: Facts) -> bool:
    return any((facts.project.root / name).is_file() for name in _LOCKS)


SETTINGS = "agreement.settings"
CHECKS = (
    FactCheck(
        SETTINGS,
        "the manager's tables say what [tool.mlops-lab] says",
        "PyTorch's index has to be named in the manager's own words. What `exclude-newer` says, "
        "the tasks tell the manager; one that is typed, here or in CI, knows its tables alone: uv "
        "would lock again without the limit, and refuse the lock with --locked.",
        Remedy("Write it there", ("invoke", "check.fix")),
        fix=Fix.SETTINGS,
        look=_settings,
        applies=_has_settings,
    ),
    FactCheck(
        "agreement.python",
        "both manifests allow the same Python",
        "conda installs the interpreter, and the manager resolves for `requires-python`. Where no "
        "version satisfies "
        "both, the environment is created first, and only then does the manager refuse it.",
        Remedy("Change requires-python in pyproject.toml, or the Python in the conda file"),
        look=_python,
        applies=_names_python,
    ),
    FactCheck(
        "agreement.pixi",
        "pixi.lock has a Python that the project may run on",
        "A user of pixi gets the Python of pixi.lock, all others that of the conda file or of this "
        "machine.",
        Remedy("Let pixi lock again, or delete pixi.lock if nobody uses pixi"),
        Status.WARN,
        look=_pixi,
        applies=lambda facts: (facts.project.root / PIXI).is_file(),
    ),
    FactCheck(
        "agreement.both-layers",
        "each package is declared in one layer",
        "A package that both manifests name is resolved twice, by two solvers that do not know "
        "each other, and the "
        "one that installs last wins. It is a failure where no version satisfies both. "
        "A pin to the version that conda has is fine: `deps.align` "
        "writes it.",
        Remedy("Take it out of the conda file, or out of pyproject.toml"),
        Status.WARN,
        look=_both_layers,
        applies=has_conda_file,
    ),
    FactCheck(
        "agreement.locks",
        "the locks of all managers pin the same versions",
        "A project with two locks is installed from either, depending on the manager that a user "
        "has. Where the locks "
        "differ, so do the results, and nobody sees why.",
        Remedy("Keep one lock: delete the one that nobody installs from"),
        Status.WARN,
        look=_locks,
        applies=_has_two_locks,
    ),
    FactCheck(
        "agreement.mirror",
        "the lock names the indexes that the project names",
        "uv writes the address of the index into its lock. Where that is a mirror of the one who "
        "locked, everybody else asks it too, and it may not answer them. A mirror of your own "
        "settings is only mentioned.",
        Remedy("Name the index in pyproject.toml, or lock again without the mirror"),
        Status.WARN,
        look=_mirror,
        applies=lambda facts: facts.session.manager.lock_path.is_file() and not facts.by_reading,
    ),
    FactCheck(
        "agreement.stray-lock",
        "every lock belongs to a manager in use",
        "A lock whose manager is not mentioned in pyproject.toml is never renewed. Scanners read "
        "it, and users install "
        "from it, years later.",
        Remedy("Delete the lock if nobody installs from it"),
        Status.WARN,
        look=_stray_lock,
        applies=_has_lock,
    ),
)
