"""Make, look at, enter and remove the environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib.tasks.adapter import ANSWER, behind_dashes, lab_task

if TYPE_CHECKING:
    from tasks_lib.report.progress import Progress
    from tasks_lib.session.session import Answer, Session

_SHELL = "bash, zsh, fish, powershell or cmd; found out if left out"


@lab_task(
    "env.create",
    changes=True,
    also=("python",),
    source="from_",
    help={
        "from_": "make exactly what this file of env.export describes",
        "share": "use an environment that was made for another project, together with it",
    },
)
def create(
    session: Session,
    progress: Progress,
    from_: str = "",
    share: bool = False,
    dry_run: bool = False,
) -> Answer:
    """Make the environment; one that exists and fits is left as it is."""
    from tasks_lib.workflows import installation, snapshot

    if from_:
        return snapshot.rebuild(session, progress, from_, dry_run=dry_run)
    return installation.create(session, progress, share=share, dry_run=dry_run)


@lab_task("env.update", changes=True, help={"prune": "uninstall too what you put there by hand"})
def update(
    session: Session, progress: Progress, prune: bool = False, dry_run: bool = False
) -> Answer:
    """Bring the environment to what conda.yml and pyproject.toml say now, in both layers."""
    from tasks_lib.workflows import updating

    return updating.update_environment(session, progress, prune=prune, dry_run=dry_run)


@lab_task("env.list", help={"name": "only those of this name; exit code 2 if there is none"})
def listing(session: Session, _: Progress, name: str = "") -> Answer:
    """List the environments of this project and of conda, whichever engine made them."""
    from tasks_lib.workflows import environment_info

    return environment_info.listing(session, name)


@lab_task("env.info")
def info(session: Session, _: Progress) -> Answer:
    """Describe the environment: combo, engine, folder, Python, packages of each layer, tools."""
    from tasks_lib.workflows import environment_info

    return environment_info.info(session)


@lab_task("env.layers", help={"mermaid": "print a Mermaid diagram for a README"})
def layers(session: Session, _: Progress, mermaid: bool = False) -> Answer:
    """Show who owns what: conda, the lock, nobody; with sizes, and what is in both layers."""
    from tasks_lib.ownership import layers

    return layers.show(session, mermaid=mermaid)


@lab_task(
    "env.export",
    without=("output",),
    help={"output": "write the description to this file"},
)
def export(session: Session, _: Progress, output: str = "mlops-lab.export.json") -> Answer:
    """Write a description of both layers, from which env.create --from makes them again."""
    from tasks_lib.workflows import snapshot

    return snapshot.export(session, output)


@lab_task(
    "env.activate",
    is_for_eval=True,
    help={"undo": "print the script that undoes it", "shell": _SHELL},
)
def activate(session: Session, _: Progress, shell: str = "", undo: bool = False) -> Answer:
    """Print a script that activates the environment: eval "$(invoke env.activate)"."""
    from tasks_lib.workflows import environment_info

    return environment_info.activation(session, shell, undo=undo)


@lab_task("env.shell", without=ANSWER, help={"shell": _SHELL})
def shell(session: Session, progress: Progress, shell: str = "") -> Answer:
    """Open an interactive shell in the environment."""
    from tasks_lib.workflows import environment_info

    return environment_info.shell(session, progress, shell)


@lab_task(
    "env.run",
    behind="COMMAND…",
    help={"command": "the command as one quoted word; better give it behind --"},
)
def run(
    session: Session, progress: Progress, command: str = "", json: bool = False, format: str = ""
) -> Answer:
    """Run a command in the environment: invoke env.run -- python -V."""
    from tasks_lib.workflows import environment_info

    is_document = json or format not in {"", "text"}
    return environment_info.run(session, progress, command, behind_dashes(), captured=is_document)


@lab_task(
    "env.kernel",
    changes=True,
    help={
        "name": "the name by which Jupyter knows it; the project's if left out",
        "display_name": "what Jupyter shows; project and combo if left out",
        "inside": "only for a Jupyter in the environment itself",
        "remove": "delete the kernels of this project, or the one named",
    },
)
def kernel(
    session: Session,
    progress: Progress,
    name: str = "",
    display_name: str = "",
    inside: bool = False,
    remove: bool = False,
    dry_run: bool = False,
) -> Answer:
    """Make the environment a kernel for Jupyter, with the variables that activation sets."""
    from tasks_lib.workflows import kernel

    if remove:
        return kernel.remove(session, progress, name=name, dry_run=dry_run)
    shown = {"name": name, "display_name": display_name}
    return kernel.make(session, progress, **shown, inside=inside, dry_run=dry_run)


@lab_task(
    "env.editor",
    changes=True,
    trusts=False,
    help={
        "workspace": "put it into a workspace file too, which is made where there is none",
        "remove": "take back what this task wrote",
    },
)
def editor(
    session: Session,
    progress: Progress,
    workspace: bool = False,
    remove: bool = False,
    dry_run: bool = False,
) -> Answer:
    """Point VS Code at the environment, in .vscode/settings.json."""
    from tasks_lib.workflows import editor

    if remove:
        return editor.remove(session, progress, dry_run=dry_run)
    return editor.make(session, progress, workspace=workspace, dry_run=dry_run)


@lab_task(
    "env.direnv",
    changes=True,
    trusts=False,
    help={"remove": "take back what this task wrote"},
)
def direnv(
    session: Session, progress: Progress, remove: bool = False, dry_run: bool = False
) -> Answer:
    """Let direnv activate the environment, in .envrc."""
    from tasks_lib.workflows import direnv

    work = direnv.remove if remove else direnv.make
    return work(session, progress, dry_run=dry_run)


@lab_task(
    "env.container",
    changes=True,
    trusts=False,
    help={"remove": "delete the files that this task wrote, where nobody changed them"},
)
def container(
    session: Session, progress: Progress, remove: bool = False, dry_run: bool = False
) -> Answer:
    """Write a Dockerfile and .devcontainer/devcontainer.json for this combo."""
    from tasks_lib.workflows import container

    work = container.remove if remove else container.make
    return work(session, progress, dry_run=dry_run)


@lab_task(
    "env.remove",
    changes=True,
    trusts=False,
    help={"shared": "also one that another project shares, which loses it too"},
)
def remove(
    session: Session, progress: Progress, shared: bool = False, dry_run: bool = False
) -> Answer:
    """Delete the environment; the manifests and the lock stay."""
    from tasks_lib.workflows import installation

    return installation.remove(session, progress, shared=shared, dry_run=dry_run)
