"""What reads runs nothing of a repository that nobody trusts, and connects to no address of it."""

from __future__ import annotations

import shlex
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tasks_lib.project import trust
from tests import advisories
from tests.faults.conftest import FULL
from tests.faults.hostile import Hostile, fire_all, repository
from tests.lab import CASES, PYTHON, ROOT, Case, Lab, tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.faults.conftest import Tried

pytestmark = pytest.mark.processes

_EARLY = (Case("pip_poetry"), Case("conda_uv", "rattler"))
#: What only looks, or shows a plan.
READING = (
    "check.all",
    "check.config",
    "check.lock",
    "check.doctor",
    "check.compat",
    "check.explain lock.fresh",
    "check.fix --dry-run",
    "deps.list",
    "deps.tree",
    "deps.why six",
    "deps.outdated",
    "deps.export",
    "deps.export --to pylock",
    "deps.add toolz --dry-run",
    "deps.remove six --dry-run",
    "deps.lock --dry-run",
    "deps.install --dry-run",
    "deps.sync --dry-run",
    "deps.align --dry-run",
    "deps.update --dry-run",
    "env.list",
    "env.info",
    "env.layers",
    "env.create --dry-run",
    "env.update --dry-run",
    "env.remove --dry-run",
    "env.kernel --remove --dry-run",
    "env.editor --dry-run",
    "env.direnv --dry-run",
    "env.container --dry-run",
    "check.kernel",
    "setup --dry-run",
    "explain setup",
    "explain deps.sync",
    "init --dry-run",
    "migrate --to pip_uv --dry-run",
    "migrate --to pip_poetry --dry-run",
    "proof.matrix --dry-run",
    "pkg.build --dry-run",
    "docs trust",
    "completion --shell bash --show",
)
#: What `fire_all` must set off; what reads must not.
CANARIES = {
    "interpreter",
    "pth",
    "sitecustomize",
    "usercustomize",
    "backend",
    "plugin",
    "poetry-plugin",
    "setup.py",
    "tasks.py",
    "noxfile.py",
    "sitecustomize.py",
    "conftest.py",
    "hashlib.py",
    "demo",
    "git",
    "net",
    "net with a login",
}


@pytest.fixture(params=CASES if FULL else _EARLY, ids=str)
def hostile(
    request: pytest.FixtureRequest, new_lab: Callable[[Case], Lab], tmp_path: Path
) -> Iterator[Hostile]:
    """Yield a repository that was just cloned, in a home where nothing was trusted."""
    lab = new_lab(request.param)
    for name in ("UV_CACHE_DIR", "POETRY_CACHE_DIR"):
        lab.env.pop(name, None)
    marks = tmp_path / "marks"
    marks.mkdir()
    with repository(lab, marks) as found:
        yield found


def test_nothing_of_a_repository_runs_before_its_user_says_so(
    hostile: Hostile, tried: Tried, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = hostile.lab
    if lab.prefix.is_relative_to(lab.project):  # the checkout was trusted before this came
        monkeypatch.setenv("MLOPS_LAB_STATE_DIR", str(lab.home / ".local/state/mlops-lab"))
        trust.give(lab.project)
    before = tree(lab.project)

    def look(task: str) -> tuple[str, int, str]:
        answer = lab(*shlex.split(task))
        return task, answer.code, answer.stdout

    with ThreadPoolExecutor(max_workers=2) as pool:
        seen = list(pool.map(look, READING))
    store = str(lab.home.parent / "class.db")
    seen.append(look(f"cohort.check {shlex.quote(str(lab.project.parent))} --store {store}"))
    with advisories.serving() as (service, _):
        seen.append(look(f"deps.audit --service {service}"))
    lab.run([PYTHON, "-m", "tasks_lib", "--list"], env={"PYTHONPATH": str(ROOT)})
    lab.run(
        [PYTHON, "-m", "tasks_lib", "--complete", "--", "deps.why "], env={"PYTHONPATH": str(ROOT)}
    )
    assert hostile.fired == set(), seen
    assert tree(lab.project) == before
    tried("reading a hostile repository", len(seen))
    faults = [one for one in seen if one[1] == 4 or "internal_error" in one[2]]
    assert not faults, faults
    fire_all(hostile)
    assert hostile.fired >= CANARIES
