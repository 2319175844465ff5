"""Build the project's distributions, and publish them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib.tasks.adapter import lab_task

if TYPE_CHECKING:
    from tasks_lib.report.progress import Progress
    from tasks_lib.session.session import Answer, Session

_OPTIONS = {
    "package": "this member: of uv's workspace, or a folder that the project depends on with "
    "Poetry",
    "dist": "the folder of the files; dist in the project if left out",
}


@lab_task("pkg.build", trusts=True, also=("dry_run",), help=_OPTIONS)
def build(
    session: Session, progress: Progress, package: str = "", dist: str = "", dry_run: bool = False
) -> Answer:
    """Build the source distribution and the wheel; a failure leaves the old files."""
    from tasks_lib.workflows import publishing

    return publishing.build(session, progress, package=package, dist=dist, dry_run=dry_run)


_INDEX = {
    "index": "needed: an address to upload to, pypi, or a name from your own settings of uv (an "
    "index with a publish-url) or Poetry (repositories); the login is taken from "
    "MLOPS_LAB_PUBLISH_TOKEN, or MLOPS_LAB_PUBLISH_USERNAME and MLOPS_LAB_PUBLISH_PASSWORD",
}


@lab_task("pkg.publish", trusts=True, also=("dry_run",), help={**_OPTIONS, **_INDEX})
def publish(
    session: Session,
    progress: Progress,
    index: str = "",
    package: str = "",
    dist: str = "",
    dry_run: bool = False,
) -> Answer:
    """Publish what pkg.build made of the present version, to the index that you name."""
    from tasks_lib.workflows import publishing

    return publishing.publish(
        session, progress, to=index, package=package, dist=dist, dry_run=dry_run
    )
