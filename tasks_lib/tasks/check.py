"""Check the manifests, the lock and the environment; nothing here changes anything."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from tasks_lib.tasks.adapter import CHECK_HELP, finish


@task(help=CHECK_HELP)
def config(_: Context, combo: str = "", engine: str = "", strict: bool = False, json: bool = False) -> None:
    """Are pyproject.toml and conda.yml valid? (poetry check)."""
    from tasks_lib import boundary

    finish(boundary.check("check.config", ("config",), combo=combo, engine=engine, strict=strict, json=json))


@task(help=CHECK_HELP)
def lock(_: Context, combo: str = "", engine: str = "", strict: bool = False, json: bool = False) -> None:
    """Does the lock fit pyproject.toml? (uv lock --check)."""
    from tasks_lib import boundary

    finish(boundary.check("check.lock", ("lock",), combo=combo, engine=engine, strict=strict, json=json))


@task(help=CHECK_HELP)
def doctor(_: Context, combo: str = "", engine: str = "", strict: bool = False, json: bool = False) -> None:
    """Is the environment sound? (conda doctor)."""
    from tasks_lib import boundary

    finish(boundary.check("check.doctor", ("doctor",), combo=combo, engine=engine, strict=strict, json=json))


@task(help=CHECK_HELP)
def compat(_: Context, combo: str = "", engine: str = "", strict: bool = False, json: bool = False) -> None:
    """Do the installed packages fit each other? (pip check)."""
    from tasks_lib import boundary

    finish(boundary.check("check.compat", ("compat",), combo=combo, engine=engine, strict=strict, json=json))


@task(name="all", help=CHECK_HELP)
def everything(_: Context, combo: str = "", engine: str = "", strict: bool = False, json: bool = False) -> None:
    """Run every check at the same time."""
    from tasks_lib import boundary

    finish(boundary.check("check.all", combo=combo, engine=engine, strict=strict, json=json))
