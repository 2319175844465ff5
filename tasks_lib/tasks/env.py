"""Make, look at, enter and remove the environment."""

from __future__ import annotations

from invoke.context import Context
from invoke.tasks import task

from tasks_lib.tasks.adapter import HELP, behind_dashes, finish

_HELP = {key: HELP[key] for key in ("combo", "engine", "json")}
_SHELL = {"shell": "bash, zsh, fish, powershell or cmd; found out if left out"}


@task(help=HELP)
def create(
    _: Context, combo: str = "", engine: str = "", python: str = "", dry_run: bool = False, json: bool = False
) -> None:
    """Make the environment; one that exists and fits is left as it is."""
    from tasks_lib import boundary, workflows

    finish(
        boundary.answer(
            "env.create",
            lambda session, progress: workflows.create(session, progress, dry_run=dry_run),
            combo=combo,
            engine=engine,
            python=python,
            json=json,
        )
    )


@task(name="list", help=_HELP)
def listing(_: Context, combo: str = "", engine: str = "", json: bool = False) -> None:
    """List the environments of this project and of conda, whichever engine made them."""
    from tasks_lib import boundary, inspection

    finish(
        boundary.answer(
            "env.list", lambda session, _: inspection.listing(session), combo=combo, engine=engine, json=json
        )
    )


@task(help=_HELP)
def info(_: Context, combo: str = "", engine: str = "", json: bool = False) -> None:
    """Say what the environment is: combo, engine, folder, Python, packages of each layer, tools."""
    from tasks_lib import boundary, inspection

    finish(
        boundary.answer("env.info", lambda session, _: inspection.info(session), combo=combo, engine=engine, json=json)
    )


@task(help={**_HELP, **_SHELL, "undo": "print the script that undoes it"})
def activate(
    _: Context, shell: str = "", undo: bool = False, combo: str = "", engine: str = "", json: bool = False
) -> None:
    """Print a script that activates the environment: eval "$(invoke env.activate)"."""
    from tasks_lib import boundary, inspection

    finish(
        boundary.answer(
            "env.activate",
            lambda session, _: inspection.activation(session, shell, undo=undo),
            combo=combo,
            engine=engine,
            json=json,
        )
    )


@task(help={"combo": HELP["combo"], "engine": HELP["engine"], **_SHELL})
def shell(_: Context, shell: str = "", combo: str = "", engine: str = "") -> None:
    """Open an interactive shell in the environment."""
    from tasks_lib import boundary, inspection

    finish(
        boundary.answer("env.shell", lambda session, _: inspection.shell(session, shell), combo=combo, engine=engine)
    )


@task(help={**_HELP, "command": "the command as one quoted word; better give it behind --"})
def run(_: Context, command: str = "", combo: str = "", engine: str = "", json: bool = False) -> None:
    """Run a command in the environment: invoke env.run -- python -V."""
    from tasks_lib import boundary, inspection

    words = behind_dashes()
    finish(
        boundary.answer(
            "env.run",
            lambda session, _: inspection.run(session, command, words, captured=json),
            combo=combo,
            engine=engine,
            json=json,
        )
    )


@task(help={key: HELP[key] for key in ("combo", "engine", "dry_run", "json")})
def remove(_: Context, combo: str = "", engine: str = "", dry_run: bool = False, json: bool = False) -> None:
    """Delete the environment; the manifests and the lock stay."""
    from tasks_lib import boundary, workflows

    finish(
        boundary.answer(
            "env.remove",
            lambda session, progress: workflows.remove(session, progress, dry_run=dry_run),
            combo=combo,
            engine=engine,
            json=json,
        )
    )
