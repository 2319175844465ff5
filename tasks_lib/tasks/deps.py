"""Declare, lock and install dependencies."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from tasks_lib.tasks.adapter import HELP, behind_dashes, finish

_HELP = {key: HELP[key] for key in ("combo", "engine", "json", "dry_run")}
_GROUP = {"group": "a dependency group of pyproject.toml"}
_PACKAGES = {
    "packages": "a requirement such as 'httpx>=0.27'; several: quoted, or the others behind --",
    "layer": "python (the manager), or conda (edits conda.yml)",
}


@task(help=_HELP)
def lock(_: Context, combo: str = "", engine: str = "", dry_run: bool = False, json: bool = False) -> None:
    """Resolve the dependencies and write the lock."""
    from tasks_lib import boundary, workflows

    finish(
        boundary.answer(
            "deps.lock",
            lambda session, progress: workflows.lock(session, progress, dry_run=dry_run),
            combo=combo,
            engine=engine,
            json=json,
        )
    )


@task(help={**_HELP, **_GROUP})
def install(
    _: Context, group: str = "", combo: str = "", engine: str = "", dry_run: bool = False, json: bool = False
) -> None:
    """Install what the lock names into the environment, and take nothing away."""
    from tasks_lib import boundary, workflows

    groups = (group,) if group else ()
    finish(
        boundary.answer(
            "deps.install",
            lambda session, progress: workflows.install(session, progress, groups=groups, dry_run=dry_run),
            combo=combo,
            engine=engine,
            json=json,
        )
    )


@task(help=_HELP)
def sync(_: Context, combo: str = "", engine: str = "", dry_run: bool = False, json: bool = False) -> None:
    """Make the environment exactly what the lock says, and leave conda's packages alone."""
    from tasks_lib import boundary, workflows

    finish(
        boundary.answer(
            "deps.sync",
            lambda session, progress: workflows.sync(session, progress, dry_run=dry_run),
            combo=combo,
            engine=engine,
            json=json,
        )
    )


@task(help=_HELP)
def align(_: Context, combo: str = "", engine: str = "", dry_run: bool = False, json: bool = False) -> None:
    """Pin the versions that conda owns, where the lock would replace them, and lock."""
    from tasks_lib import boundary, workflows

    finish(
        boundary.answer(
            "deps.align",
            lambda session, progress: workflows.align(session, progress, dry_run=dry_run),
            combo=combo,
            engine=engine,
            json=json,
        )
    )


@task(help={**_HELP, **_GROUP, "package": "renew this one; may be given again"}, iterable=["package"])
def update(
    _: Context,
    package: list[str],
    group: str = "",
    combo: str = "",
    engine: str = "",
    dry_run: bool = False,
    json: bool = False,
) -> None:
    """Renew the locked versions of some packages, of a group, or of all, and install them."""
    from tasks_lib import boundary, workflows

    finish(
        boundary.answer(
            "deps.update",
            lambda session, progress: workflows.update(
                session, progress, package, group=group or None, dry_run=dry_run
            ),
            combo=combo,
            engine=engine,
            json=json,
        )
    )


@task(help={**_HELP, **_GROUP, **_PACKAGES}, positional=["packages"])
def add(
    _: Context,
    packages: str,
    group: str = "",
    layer: str = "python",
    combo: str = "",
    engine: str = "",
    dry_run: bool = False,
    json: bool = False,
) -> None:
    """Declare packages, lock and install them; `--layer conda` writes them to conda.yml instead."""
    _edit("deps.add", packages, group, layer, combo=combo, engine=engine, dry_run=dry_run, json=json, drop=False)


@task(help={**_HELP, **_GROUP, **_PACKAGES}, positional=["packages"])
def remove(
    _: Context,
    packages: str,
    group: str = "",
    layer: str = "python",
    combo: str = "",
    engine: str = "",
    dry_run: bool = False,
    json: bool = False,
) -> None:
    """Take packages out of the manifest and the lock, and uninstall what nothing needs any more."""
    _edit("deps.remove", packages, group, layer, combo=combo, engine=engine, dry_run=dry_run, json=json, drop=True)


def _edit(
    command: str,
    packages: str,
    group: str,
    layer: str,
    *,
    combo: str,
    engine: str,
    dry_run: bool,
    json: bool,
    drop: bool,
) -> None:
    from tasks_lib import boundary, workflows

    names = [*packages.split(), *behind_dashes()]
    finish(
        boundary.answer(
            command,
            lambda session, progress: workflows.edit(
                session, progress, names, layer=layer, group=group or None, drop=drop, dry_run=dry_run
            ),
            combo=combo,
            engine=engine,
            json=json,
        )
    )
