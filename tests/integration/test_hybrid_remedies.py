"""The remedies of what only a hybrid has, typed in the state that printed them."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from tests.integration import test_hybrid_checks as hybrid
from tests.integration.test_remedies import CONDA_UV, followed, mended, typed, wrong
from tests.lab import CONDA_YML, Case, Lab

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = hybrid.pytestmark

#: what each check prints, in this order: the last two change the manifests for good
TYPED = {
    "ownership.project": ("env.create", "--engine", "rattler", "--share"),
    "drift.interrupted": ("setup", "--engine", "rattler"),
    "agreement.locks": ("rm", "poetry.lock"),
    "conda.pip": ("deps.add", "--engine", "rattler", "pip", "--layer", "conda"),
    "drift.conda": ("env.create", "--engine", "rattler"),
}


def test_each_command_of_a_check_leaves_what_the_check_found(
    new_lab: Callable[[Case], Lab],
) -> None:
    lab = new_lab(CONDA_UV)
    lab.write("conda.yml", f"{CONDA_YML}  - click\n  - six\n")
    lab.write("pyproject.toml", hybrid.MANIFEST)
    lab.ok("setup")
    lab.ok("deps.lock", "--combo", "conda_poetry")
    with hybrid.another(lab):
        mended(lab, "deps.install", "other_project", *TYPED["ownership.project"])
    (lab.project / ".venv").symlink_to(lab.prefix)
    mended(lab, "check.all --select leak.uv", "leak.uv", "rm", ".venv")
    for check, argv in TYPED.items():
        with hybrid.BROKEN[check][0](lab):
            mended(lab, f"check.all --select {check}", check, *argv)
    lab.case = Case("conda_poetry", "rattler")
    with hybrid.env_use(lab) as env:
        lab.env |= env
        mended(lab, "check.all --select leak.poetry", "leak.poetry", "env", "use", "system")
        assert list((lab.home / "des envs").glob("tiny-lab-*"))
    lab.case = CONDA_UV
    conda_yml = lab.write("conda.yml", f"{CONDA_YML}  - click\n")
    hybrid.uv(lab, "install", "six==1.16.0")  # in the place of conda's
    mended(lab, "env.update", "guard_refused", "setup", "--engine", "rattler", "--recreate")
    lab.write("conda.yml", f"{CONDA_YML}  - click\n  - pip:\n    - toolz\n")
    mended(lab, "check.all --select conda.pip-section", "conda.pip-section", "--engine", "rattler")
    assert '"toolz"' in (lab.project / "pyproject.toml").read_text("utf-8")
    with conda_yml.open("a", encoding="utf-8") as stream:
        stream.write("  - toolz\n")
    check = "agreement.both-layers"
    argv = ("--engine", "rattler", "toolz", "--layer", "conda")
    mended(lab, f"check.all --select {check}", check, *argv)
    assert followed(lab)[-1] == "drift.lock"
    with hybrid.another(lab):
        lab.ok("env.create", "--share")
        mended(lab, "env.remove", "other_project", "env.remove", "--engine", "rattler", "--shared")
    assert not lab.prefix.exists()
    shutil.rmtree(lab.home)


def test_poetry_finds_the_environment_again(new_lab: Callable[[Case], Lab]) -> None:
    lab = new_lab(Case("pip_poetry"))
    for place in (lab.home / ".config/pypoetry/config.toml", lab.project / "poetry.toml"):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("[virtualenvs]\nin-project = false\n")
    of_user, of_project = (
        ("--unset", "virtualenvs.in-project", *end) for end in ((), ("--local",))
    )
    (row,) = wrong(lab, "check.all", "--select", "leak.poetry")
    assert row["remedy_argv"][-2:] == [*of_user]
    typed(lab, row)
    mended(lab, "check.all --select leak.poetry", "leak.poetry", *of_project)
    shutil.rmtree(lab.home)
