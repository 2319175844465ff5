"""Declare packages or take them away: in either layer, in the project's manifest or in a member's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tasks_lib import guard, platforms, requirements, workflows
from tasks_lib.conda_edit import with_specs
from tasks_lib.errors import ExitCode, LabError
from tasks_lib.files import write
from tasks_lib.manifests import CondaFile, spec_name
from tasks_lib.plan import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks_lib.environments.conda import Conda
    from tasks_lib.members import Member
    from tasks_lib.plan import Watcher
    from tasks_lib.report.model import Result
    from tasks_lib.session import Answer, Session


@dataclass(frozen=True)
class Edit:
    """How packages are declared or taken away (`drop`): in which layer, group and member, and to be edited in place."""

    layer: str = "python"
    group: str | None = None
    drop: bool = False
    editable: bool = False
    package: str = ""


def edit(session: Session, watcher: Watcher, packages: Sequence[str], how: Edit, *, dry_run: bool) -> Answer:
    """Declare packages or take them away, in the layer that was named."""
    member = session.manager.member(how.package)
    if member and how.layer == "conda":
        text = "conda.yml has no members: --package names the manifest of the manager's layer that is edited."
        raise LabError(text, remedy="leave out --layer or --package", title="no members")
    if how.layer == "conda" and (how.group or how.editable):
        text = f"conda.yml has no {'groups' if how.group else 'editable packages'}."
        raise LabError(text, remedy="leave out --layer, or --group and --editable", title="not in conda.yml")
    if how.layer == "conda":
        return change_conda(session, watcher, packages, drop=how.drop, dry_run=dry_run)
    if how.layer != "python":
        text = f"there is no layer {how.layer!r}; the layers are python and conda."
        raise LabError(text, remedy="choose one, e.g. --layer conda", title="unknown layer")
    if how.drop:
        return withdraw(session, watcher, packages, group=how.group, member=member, dry_run=dry_run)
    return add(session, watcher, packages, group=how.group, editable=how.editable, member=member, dry_run=dry_run)


def add(  # noqa: PLR0913 - what a person may say of the change
    session: Session,
    watcher: Watcher,
    packages: Sequence[str],
    *,
    group: str | None,
    editable: bool = False,
    member: Member | None = None,
    dry_run: bool = False,
) -> Answer:
    """Declare packages, lock and install them."""
    activation = session.environment.require()
    _expect_packages(packages)
    if editable:
        requirements.expect_editable(packages, session.project.root)
    edit = session.manager.add(activation, packages, group, editable=editable, member=member)
    steps = [
        Step("deps.edit", f"declare {', '.join(packages)}{_where(member)}", edit, reads=session.manager.ended),
        *_member_steps(session, member),
        *([workflows.uninstall_step(session, activation, (), member)] if member else []),
        *workflows.install_steps(session, activation, (group,) if group else ()),
    ]
    return workflows.change(session, watcher, steps, member=member, dry_run=dry_run)


def withdraw(  # noqa: PLR0913 - as above
    session: Session,
    watcher: Watcher,
    packages: Sequence[str],
    *,
    group: str | None,
    member: Member | None = None,
    dry_run: bool = False,
) -> Answer:
    """Take packages out of the manifest and the lock, and uninstall what the lock no longer names."""
    activation = session.environment.require()
    _expect_packages(packages)
    edit = session.manager.remove(activation, packages, group, member=member)
    steps = [
        Step("deps.edit", f"drop {', '.join(packages)}{_where(member)}", edit),
        *_member_steps(session, member),
        workflows.uninstall_step(session, activation, packages, member),
        *workflows.install_steps(session, activation),
    ]
    return workflows.change(session, watcher, steps, member=member, dry_run=dry_run)


def _where(member: Member | None) -> str:
    return f" ({member.manifest})" if member else ""


def _member_steps(session: Session, member: Member | None) -> list[Step]:
    """Give what follows the edit of a member's manifest where its manager knows nothing of the project around it."""
    if member is None or not session.manager.edits_apart:
        return []
    lock = member.folder / session.manager.lock_name
    there = lock.exists()

    def tidy() -> tuple[Result, ...]:
        lock.unlink(missing_ok=True)
        return ()

    title, shown = f"delete {member.place}/{lock.name}: the project's own is the lock", f"rm {member.place}/{lock.name}"
    needs = "deps.edit" if there else "deps.tidy"
    return [
        *([] if there else [Step("deps.tidy", title, work=tidy, shown=shown, needs=("deps.edit",))]),
        replace(workflows.lock_step(session, after_environment=False), needs=(needs,)),
    ]


def change_conda(
    session: Session, watcher: Watcher, specs: Sequence[str], *, drop: bool = False, dry_run: bool = False
) -> Answer:
    """Add packages to conda.yml and to the conda environment, or take them out of both."""
    environment = session.environment
    if environment.kind != "conda":
        text = f"--layer conda needs a conda combo, and this run's is {session.combo.id}."
        raise LabError(text, remedy="take one: --combo conda_uv", title="no conda layer")
    layer: Conda = environment  # type: ignore[assignment]  # the one kind named conda
    activation = layer.require()
    _expect_packages(specs)
    file = layer.file
    text = with_specs(file, specs, drop=drop)

    def edit() -> tuple[Result, ...]:
        write(file.path, text.encode())
        return ()

    names = [spec_name(spec) for spec in specs]
    if drop:
        rest = CondaFile(
            **{**vars(file), "dependencies": tuple(d for d in file.dependencies if spec_name(d) not in names)}
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
    steps.insert(-1, Step("conda.edit", said, work=edit, needs=("guard.conda",)))
    try:
        return workflows.change(session, watcher, steps, dry_run=dry_run)
    except LabError as error:
        if error.code is ExitCode.BAD_REQUEST and not drop:
            error.message += platforms.elsewhere(file, specs)
        raise


def _expect_packages(packages: Sequence[str]) -> None:
    if not packages:
        text = "no package was named."
        raise LabError(text, remedy="name one: invoke deps.add PACKAGE", title="no package")
    for package in packages:
        if package.startswith("-"):
            text = f"{package!r} is no package."
            raise LabError(text, remedy="see invoke --help deps.add", title="no package")
