"""Check the manifests, the lock and the environment; nothing here changes anything."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from tasks_lib.tasks.adapter import CHECK_HELP, finish


@task(help=CHECK_HELP)
def config(_: Context, combo: str = "", engine: str = "", strict: bool = False, json: bool = False) -> None:
    """Check pyproject.toml and conda.yml, as poetry check does."""
    from tasks_lib import boundary

    finish(boundary.check("check.config", ("config",), combo=combo, engine=engine, strict=strict, json=json))


@task(help=CHECK_HELP)
def lock(_: Context, combo: str = "", engine: str = "", strict: bool = False, json: bool = False) -> None:
    """Check that the lock fits pyproject.toml, as uv lock --check does."""
    from tasks_lib import boundary

    finish(boundary.check("check.lock", ("lock",), combo=combo, engine=engine, strict=strict, json=json))


@task(help=CHECK_HELP)
def doctor(_: Context, combo: str = "", engine: str = "", strict: bool = False, json: bool = False) -> None:
    """Check that the environment is sound, as conda doctor does."""
    from tasks_lib import boundary

    finish(boundary.check("check.doctor", ("doctor",), combo=combo, engine=engine, strict=strict, json=json))


@task(help=CHECK_HELP)
def compat(_: Context, combo: str = "", engine: str = "", strict: bool = False, json: bool = False) -> None:
    """Check that the installed packages fit each other, as pip check does."""
    from tasks_lib import boundary

    finish(boundary.check("check.compat", ("compat",), combo=combo, engine=engine, strict=strict, json=json))


@task(name="all", help=CHECK_HELP)
def everything(_: Context, combo: str = "", engine: str = "", strict: bool = False, json: bool = False) -> None:
    """Run every check at the same time."""
    from tasks_lib import boundary

    finish(boundary.check("check.all", combo=combo, engine=engine, strict=strict, json=json))
