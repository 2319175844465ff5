"""Declare, lock and install dependencies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib.tasks.adapter import SELECTION, behind_dashes, lab_task

if TYPE_CHECKING:
    from tasks_lib.report.progress import Progress
    from tasks_lib.session.session import Answer, Session

_GROUP = "a dependency group of pyproject.toml"
_PACKAGES = {
    "packages": "'httpx[http2]>=0.27', 'x; sys_platform==\"linux\"', 'x @ git+https://…@v1', "
    "./folder; more: behind --",
    "layer": "python (the manager), or conda (edits conda.yml)",
    "package": "edit this member: of uv's workspace, or a folder that the project depends on with "
    "Poetry",
    "group": _GROUP,
}


@lab_task("deps.list")
def listing(session: Session, _: Progress) -> Answer:
    """List every package with its owner: conda, the lock, the pip: section, or nobody (a stray)."""
    from tasks_lib.workflows import dependency_info

    return dependency_info.everything(session)


@lab_task("deps.tree")
def tree(session: Session, _: Progress) -> Answer:
    """Show the packages of both layers under what asks for them."""
    from tasks_lib.workflows import dependency_info

    return dependency_info.tree(session)


@lab_task("deps.why", help={"package": "a name of either layer"})
def why(session: Session, _: Progress, package: str) -> Answer:
    """Explain why a package is there: each chain from pyproject.toml or conda.yml down to it."""
    from tasks_lib.workflows import dependency_info

    return dependency_info.why(session, package)


@lab_task("deps.outdated")
def outdated(session: Session, _: Progress) -> Answer:
    """List what has a newer version, as the manager and conda's channels say."""
    from tasks_lib.workflows import dependency_info

    return dependency_info.outdated(session)


@lab_task(
    "deps.audit",
    also=("strict", "offline"),
    help={
        "ignore": "leave out these advisories: ids, separated by commas",
        "service": "ask another advisory service, which speaks the protocol of OSV",
    },
)
def audit(session: Session, progress: Progress, service: str = "", ignore: str = "") -> Answer:
    """Ask for the known vulnerabilities of what is locked, as uv audit does."""
    from tasks_lib.workflows import auditing

    return auditing.audit(session, progress, service=service, ignore=ignore)


@lab_task("deps.lock", changes=True, help={"layer": "python (the manager) or conda; else both"})
def lock(session: Session, progress: Progress, layer: str = "", dry_run: bool = False) -> Answer:
    """Resolve the dependencies and write the lock, and with conda `conda-lock.yml` too."""
    from tasks_lib.workflows import locking

    return locking.lock(session, progress, layer=layer, dry_run=dry_run)


@lab_task("deps.install", changes=True, also=SELECTION, help={"group": _GROUP})
def install(session: Session, progress: Progress, group: str = "", dry_run: bool = False) -> Answer:
    """Install what the lock names into the environment, and remove nothing."""
    from tasks_lib.workflows import installation

    return installation.install(
        session, progress, groups=(group,) if group else (), dry_run=dry_run
    )


@lab_task("deps.sync", changes=True, also=SELECTION)
def sync(session: Session, progress: Progress, dry_run: bool = False) -> Answer:
    """Make the environment exactly what the lock says, and leave conda's packages alone."""
    from tasks_lib.workflows import synchronizing

    return synchronizing.sync(session, progress, dry_run=dry_run)


@lab_task("deps.align", changes=True)
def align(session: Session, progress: Progress, dry_run: bool = False) -> Answer:
    """Pin the versions that conda owns, where the lock would replace them, and lock."""
    from tasks_lib.workflows import synchronizing

    return synchronizing.align(session, progress, dry_run=dry_run)


@lab_task(
    "deps.export",
    without=("output",),
    help={
        "to": "requirements, pylock or environment",
        "output": "write the export to this file, and to stdout only that it was written",
    },
)
def export(session: Session, _: Progress, to: str = "requirements", output: str = "") -> Answer:
    """Write requirements.txt with hashes or pylock.toml, or both layers as environment.yml."""
    from tasks_lib.workflows import exports

    return exports.export(session, to, output)


@lab_task(
    "deps.update",
    changes=True,
    help={
        "package": "renew this one; may be given again",
        "group": _GROUP,
        "layer": "python (the manager's lock), or conda (conda-lock.yml)",
    },
    iterable=["package"],
)
def update(
    session: Session,
    progress: Progress,
    package: list[str],
    group: str = "",
    layer: str = "python",
    dry_run: bool = False,
) -> Answer:
    """Renew the locked versions of some packages, of a group, or of all, and install them."""
    from tasks_lib.workflows import updating

    return updating.update_dependencies(
        session, progress, package, group=group, layer=layer, dry_run=dry_run
    )


@lab_task(
    "deps.add",
    changes=True,
    behind="PACKAGE…",
    help={
        **_PACKAGES,
        "editable": "install folders so that they can be edited in place",
        "optional": "declare them in this extra of the project, and install that from now on",
        "extra": "with this extra of theirs; may be given again, or several with commas",
    },
    iterable=["extra"],
)
def add(
    session: Session,
    progress: Progress,
    packages: str,
    extra: list[str],
    optional: str = "",
    group: str = "",
    layer: str = "python",
    editable: bool = False,
    package: str = "",
    dry_run: bool = False,
) -> Answer:
    """Declare packages, lock and install them; `--layer conda` writes them to conda.yml instead."""
    from tasks_lib.project import included, requirements
    from tasks_lib.workflows import editing

    names = requirements.words(packages, behind_dashes(), session.project.root)
    how = editing.Edit(
        layer,
        group or None,
        editable=editable,
        package=package,
        optional=optional,
        extras=tuple(included.names(extra)),
    )
    return editing.edit(session, progress, names, how, dry_run=dry_run)


@lab_task("deps.remove", changes=True, behind="PACKAGE…", help=_PACKAGES)
def remove(
    session: Session,
    progress: Progress,
    packages: str,
    group: str = "",
    layer: str = "python",
    package: str = "",
    dry_run: bool = False,
) -> Answer:
    """Remove packages from the manifest and the lock, and uninstall what nothing needs any more."""
    from tasks_lib.project import requirements
    from tasks_lib.workflows import editing

    names = requirements.words(packages, behind_dashes(), session.project.root)
    how = editing.Edit(layer, group or None, drop=True, package=package)
    return editing.edit(session, progress, requirements.names(names), how, dry_run=dry_run)
