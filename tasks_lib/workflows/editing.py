"""Declare packages or take them away: in either layer, in the project's manifest or in a member's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tasks_lib.environments import conda_platforms
from tasks_lib.environments.site_packages import spelt
from tasks_lib.errors import ErrorCode, ExitCode, LabError
from tasks_lib.execution.files import write_texts
from tasks_lib.execution.plan import Step, Writes
from tasks_lib.managers.base import Place
from tasks_lib.ownership import guard
from tasks_lib.project import conda_edit, requirements
from tasks_lib.project.conda_file import spec_name
from tasks_lib.project.manifests import read_text
from tasks_lib.workflows import installation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks_lib.environments.conda import Conda
    from tasks_lib.execution.plan import Watcher
    from tasks_lib.project.workspace import Member
    from tasks_lib.session.session import Answer, Session


@dataclass(frozen=True)
class Edit:
    """How packages are declared or taken away (`drop`): in which layer, group and member, and to be edited in place."""

    layer: str = "python"
    group: str | None = None
    drop: bool = False
    editable: bool = False
    package: str = ""


def edit(
    session: Session, watcher: Watcher, packages: Sequence[str], how: Edit, *, dry_run: bool
) -> Answer:
    """Declare packages or take them away, in the layer that was named."""
    member = session.manager.member(how.package)
    if member and how.layer == "conda":
        text = "conda.yml has no members: --package names the manifest of the manager's layer that is edited."
        raise LabError(text, ErrorCode.NOT_SUPPORTED, remedy="leave out --layer or --package")
    if how.layer == "conda" and (how.group or how.editable):
        text = f"conda.yml has no {'groups' if how.group else 'editable packages'}."
        raise LabError(
            text, ErrorCode.NOT_SUPPORTED, remedy="leave out --layer, or --group and --editable"
        )
    if how.layer == "conda":
        return change_conda(session, watcher, packages, drop=how.drop, dry_run=dry_run)
    if how.layer != "python":
        text = f"there is no layer {how.layer!r}; the layers are python and conda."
        raise LabError(text, ErrorCode.UNKNOWN_LAYER, remedy="choose one, e.g. --layer conda")
    activation = session.environment.require()
    _expect_packages(packages)
    if how.editable:
        requirements.expect_editable(packages, session.project.root)
    place, manager = Place(how.group, member, how.editable), session.manager
    change = (manager.remove if how.drop else manager.add)(activation, packages, place)
    added = () if how.drop else packages
    title = f"{'drop' if how.drop else 'declare'} {', '.join(packages)}{f' ({member.manifest})' if member else ''}"
    steps = [
        Step(
            "deps.edit",
            title,
            change,
            reads=manager.ended,
            writes=Writes.PROJECT,
            safe=installation.EDIT_IS_SAFE,
        ),
        *_after_edit(session, member, added),
    ]
    if how.drop or member:
        steps.append(
            installation.uninstall_step(session, activation, packages if how.drop else (), member)
        )
    groups = (how.group,) if how.group and not how.drop else ()
    steps += installation.install_steps(session, activation, groups)
    return installation.change(session, watcher, steps, member=member, dry_run=dry_run)


def _after_edit(session: Session, member: Member | None, added: Sequence[str]) -> list[Step]:
    """Give what follows an edit where the manager misspells what was added, or knows nothing of a member's project."""
    manager, before = session.manager, list[Step]()
    path = (member.pyproject if member else session.project.pyproject).path
    if manager.misspells and any("git+file:" in package for package in added):
        title = f"mend the address in {path.name}: {manager.name} gives the repository a host, None"

        def mend() -> None:
            write_texts({path: spelt(read_text(path))})

        before.append(
            Step(
                "deps.address",
                title,
                work=mend,
                shown=f"write {path.name}",
                needs=("deps.edit",),
                writes=Writes.PROJECT,
                safe="the manifest is put back if the run fails",
            )
        )
    if member and manager.edits_apart:
        lock, place = member.folder / manager.lock_name, member.place
        title, shown = (
            f"delete {place}/{lock.name}: the project's own is the lock",
            f"rm {place}/{lock.name}",
        )
        tidy = Step(
            "deps.tidy",
            title,
            work=lambda: lock.unlink(missing_ok=True),
            shown=shown,
            needs=("deps.edit",),
            writes=Writes.PROJECT,
            safe="a lock of the member's own that was there before stays",
        )
        before += [] if lock.exists() else [tidy]
    elif not before:
        return []
    needs = tuple(step.id for step in before) or ("deps.edit",)
    return [*before, replace(installation.lock_step(session, after_environment=False), needs=needs)]


def change_conda(
    session: Session,
    watcher: Watcher,
    specs: Sequence[str],
    *,
    drop: bool = False,
    dry_run: bool = False,
) -> Answer:
    """Add packages to conda.yml and to the conda environment, or take them out of both."""
    environment = session.environment
    if environment.kind != "conda":
        text = f"--layer conda needs a conda combo, and this run's is {session.combo.id}."
        raise LabError(text, ErrorCode.NO_CONDA_LAYER, remedy="take one: --combo conda_uv")
    layer: Conda = environment  # type: ignore[assignment]  # the one kind named conda
    activation = layer.require()
    _expect_packages(specs)
    file = layer.file
    change = conda_edit.remove if drop else conda_edit.add
    text = change(file.path, conda_edit.read(file.path), specs)

    names = [spec_name(spec) for spec in specs]
    if drop:
        rest = replace(
            file,
            dependencies=tuple(one for one in file.dependencies if spec_name(one) not in names),
        )
        command = layer.maker.uninstall(activation.prefix, rest, names)
    else:
        command = layer.maker.install(activation.prefix, file, specs)
    what = ", ".join(specs)
    title = f"{'remove' if drop else 'install'} {what} with {layer.engine}"
    install = Step("conda.install", title, command, needs=("conda.edit",))
    steps = [install] if drop else guard.before_conda(session, install)
    said = f"{'take' if drop else 'write'} {what} {'out of' if drop else 'to'} {file.path.name}"
    # the file first: it is put back when the engine fails, and an engine changes all or nothing
    steps.insert(
        -1,
        Step(
            "conda.edit",
            said,
            work=lambda: write_texts({file.path: text}),
            needs=("guard.conda",),
            writes=Writes.PROJECT,
            safe="the conda file is put back if the run fails",
        ),
    )
    try:
        return installation.change(session, watcher, steps, dry_run=dry_run)
    except LabError as error:
        if error.exit_code is ExitCode.BAD_REQUEST and not drop:
            error.message += conda_platforms.elsewhere(session.project, specs)
        raise


def _expect_packages(packages: Sequence[str]) -> None:
    if not packages:
        text = "no package was named."
        raise LabError(text, ErrorCode.NO_PACKAGE_NAMED, remedy="name one: invoke deps.add PACKAGE")
    for package in packages:
        if package.startswith("-"):
            text = f"{package!r} is no package."
            raise LabError(text, ErrorCode.NO_PACKAGE_NAMED, remedy="see invoke --help deps.add")
