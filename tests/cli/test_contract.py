"""What scripts rely on: one JSON document a task, the combo's precedence, every way to start."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tasks_lib.errors import Remedy
from tasks_lib.report import FORMATS, renderer
from tasks_lib.results import Report, Result, Status
from tasks_lib.tasks import namespace, project
from tests.lab import (
    ANYWHERE,
    CONDA_YML,
    ENTRY,
    PYTHON,
    ROOT,
    Answer,
    Lab,
    expect_contract,
    expect_no_traceback,
    tools,
    untouched,
)

pytestmark = pytest.mark.processes

#: every task that answers with a document, with what it needs said
TASKS = (
    ("setup", "--dry-run"),
    ("env.create", "--dry-run"),
    ("env.update", "--dry-run"),
    ("env.list",),
    ("env.info",),
    ("env.activate",),
    ("env.run", "--", "python", "-V"),
    ("env.remove", "--dry-run"),
    ("env.kernel", "--remove", "--dry-run"),
    ("env.editor", "--dry-run"),
    ("env.direnv", "--dry-run"),
    ("env.container", "--dry-run"),
    ("deps.lock", "--dry-run"),
    ("deps.install", "--dry-run"),
    ("deps.add", "toolz", "--dry-run"),
    ("deps.remove", "click-default-group", "--dry-run"),
    ("deps.update", "--dry-run"),
    ("deps.sync", "--dry-run"),
    ("deps.align",),
    ("deps.export",),
    ("deps.list",),
    ("deps.tree",),
    ("deps.why", "click"),
    ("deps.outdated",),
    ("env.layers",),
    ("check.config",),
    ("check.lock",),
    ("check.doctor",),
    ("check.compat",),
    ("check.kernel",),
    ("check.imports",),
    ("check.all",),
    ("check.explain", "lock.fresh"),
    ("check.fix", "--dry-run"),
    ("explain", "setup"),
    ("init", "--dry-run"),
    ("migrate", "--to", "pip_poetry", "--dry-run"),
)


#: these have tests of their own that hold each answer to the schema: what they write stays, or
#: takes a minute, or they ask a service
ELSEWHERE = {"deps.audit", "env.export", "pkg.build", "pkg.publish", "proof.run", "proof.matrix"}
ELSEWHERE |= ANYWHERE
#: the same, in `test_cohort.py`
COHORT = {
    f"cohort.{name}"
    for name in ("check", "status", "show", "report", "export", "feedback", "grade")
}


def test_no_task_is_forgotten() -> None:
    collection = project.extend(namespace())
    answers = {
        name: "json" in collection[name].argspec(collection[name].body).parameters
        for name in collection.task_names
    }
    assert {name for name, json in answers.items() if json} == {
        task[0] for task in TASKS
    } | ELSEWHERE | COHORT
    assert {name for name, json in answers.items() if not json} == {
        "bench",
        "faults",
        "env.shell",
        "test",
        "write-docs",
    }


def with_combo(task: tuple[str, ...], combo: str) -> tuple[str, ...]:
    """Put the combo after the task's name: what follows -- belongs to another program."""
    return (task[0], "--combo", combo, *task[1:])


def expect_no_trailing_blanks(document: dict[str, Any]) -> None:
    """Check that no format pads the lines of what a task has answered, as a table may."""
    results = []
    for row in document["results"]:
        one = Result(row["id"], Status(row["status"]), row["title"], row["detail"])
        results.append(replace(one, remedy=Remedy(row["remedy"]), seconds=row["seconds"]))
    data = {name: value for name, value in document.get("data", {}).items() if name != "script"}
    report = Report(document["command"], document["project"], results, data=data)
    for name in FORMATS:
        for line in renderer(name)(report).splitlines():
            assert line == line.rstrip(), (document["command"], name, line)


def test_every_task_answers_with_one_document(lab: Lab) -> None:
    with untouched(lab):
        for task in TASKS:  # there is no environment yet
            answer = lab(*with_combo(task, "pip_uv"))
            assert answer.document["command"] == task[0]
            assert Path(answer.document["project"]) == lab.project
            assert answer.document["combo"]["id"] == "pip_uv"
    lab.ok("setup", "--combo", "pip_uv")
    with untouched(lab):
        for task in TASKS:
            answer = lab.ok(*with_combo(task, "pip_uv"))
            assert answer.document["command"] == task[0]
            expect_no_trailing_blanks(answer.document)
    (lab.project / "pyproject.toml").write_text("[", encoding="utf-8")
    for task in TASKS:
        answer = lab(*with_combo(task, "pip_uv"))
        assert (answer.code, answer.document["command"], answer.document["combo"]) == (
            2,
            task[0],
            None,
        )


def test_talk_goes_to_stderr(lab: Lab) -> None:
    answer = lab("env.activate", "--combo", "pip_uv", "--shell", "bash", json=False)
    assert answer.code == 2
    lab.ok("env.create", "--combo", "pip_uv")
    answer = lab("env.activate", "--combo", "pip_uv", "--shell", "bash", json=False)
    assert answer.code == 0
    assert (
        subprocess.run(
            [shutil.which("bash") or "", "-n", "-c", answer.stdout], check=False
        ).returncode
        == 0
    )
    assert "mlops-lab" not in answer.stdout.splitlines()[0]


@pytest.mark.parametrize(("task", "code"), [("env.list", 0), ("env.activate", 2)])
def test_reader_that_has_gone_leaves_the_exit_code(lab: Lab, task: str, code: int) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    argv = lab.argv(task, "--combo", "pip_uv", json=True)
    with os.fdopen(writing, "wb") as closed:
        done = subprocess.run(
            argv, cwd=lab.project, env=lab.env, stdout=closed, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == code
    assert b"BrokenPipe" not in done.stderr


def test_a_plan_says_what_and_why(lab: Lab) -> None:
    plan = lab.ok("setup", "--combo", "pip_uv", "--dry-run").data["plan"]
    for step in plan:
        assert set(step) >= {"id", "command", "why", "argv", "needs"}
        assert step["command"] or not step["argv"]
        assert step["why"]
    ids = [step["id"] for step in plan]
    assert ids.index("env.create") < ids.index("deps.install")
    text = lab("setup", "--combo", "pip_uv", "--dry-run", json=False)
    for step in plan:
        assert step["command"] in text.stdout
        assert f"# {step['why']}" in text.stdout


def source(lab: Lab, *args: str, **env: str) -> tuple[str, str]:
    """Return the combo that a run takes, and where that came from."""
    combo = lab("env.list", *args, env=env).document["combo"]
    assert combo["reason"]
    return combo["id"], combo["source"]


def test_precedence(lab: Lab) -> None:
    bin_folder = lab.home / "bin"
    bin_folder.mkdir()
    # to be seen on PATH, and never started
    (bin_folder / "conda").write_text("#!/bin/sh\nexit 1\n")
    (bin_folder / "conda").chmod(0o755)
    with_conda = {"PATH": f"{bin_folder}:{lab.env['PATH']}"}
    assert source(lab, **with_conda) == ("pip_uv", "default")
    lab.write("conda.yml", CONDA_YML)
    assert source(lab) == ("pip_uv", "default")
    lab.env |= with_conda
    assert source(lab) == ("conda_poetry", "path")
    lab.ok("deps.lock", "--combo", "pip_uv")
    assert source(lab) == ("conda_uv", "files")
    lab.ok("setup", "--combo", "pip_uv")
    assert source(lab) == ("pip_uv", "remembered")
    (lab.home / ".local/state").rename(lab.home / ".local/another checkout")
    assert source(lab) == ("pip_uv", "existing")
    lab.ok("deps.lock", "--combo", "pip_poetry")
    (lab.project / "uv.lock").unlink()
    assert source(lab) == ("pip_poetry", "existing")
    text = (lab.project / "pyproject.toml").read_text("utf-8")
    lab.write("pyproject.toml", f'{text}\n[tool.mlops-lab]\ncombo = "pip_uv"\n')
    assert source(lab) == ("pip_uv", "pyproject")
    assert source(lab, MLOPS_LAB_COMBO="pip_poetry") == ("pip_poetry", "variable")
    assert source(lab, "--combo", "pip_uv", MLOPS_LAB_COMBO="pip_poetry") == ("pip_uv", "flag")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of what a checkout holds to be run, in a folder with a space."""
    copy = tmp_path / "check out"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ENTRY.parent, copy / "tasks_lib", ignore=ignored)
    for name in ("tasks.py", "pyproject.toml", "conda.yml", "LICENSE", "README.md"):
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, copy)
        else:
            (copy / name).touch()
    return copy


def started(lab: Lab, argv: list[str], cwd: Path) -> Answer:
    """Start mlops-lab by other words, and hold its JSON answer to the contract."""
    answer = lab.run(argv, cwd=cwd)
    expect_no_traceback(answer)
    expect_contract(answer)
    return answer


def test_as_a_module_in_a_checkout(lab: Lab, checkout: Path) -> None:
    answer = started(
        lab, [PYTHON, "-m", "tasks_lib", "env.list", "--json", "--combo", "pip_uv"], checkout
    )
    assert answer.code == 0
    assert Path(answer.document["project"]) == checkout
    listed = lab.run([PYTHON, "-m", "tasks_lib", "--list"], cwd=checkout)
    assert listed.code == 0
    for name in ("setup", "check.all", "test", "bench"):
        assert name in listed.stdout
    assert lab.run([PYTHON, "-m", "tasks_lib"], cwd=checkout).stdout == listed.stdout


def test_the_library_is_compiled_once(lab: Lab, checkout: Path) -> None:
    argv = [PYTHON, "-m", "tasks_lib", "env.list", "--json", "--combo", "pip_uv"]
    assert started(lab, argv, checkout).code == 0
    library = checkout / "tasks_lib"
    compiled = {path.parents[1] for path in library.rglob("*.pyc")}
    assert {library / "environments", library / "managers", library / "workflows"} <= compiled
    assert not (checkout / "__pycache__").exists()  # nothing of the project's own tasks.py


def virtual_environment(lab: Lab, *requirements: str) -> Path:
    """Make a virtual environment with packages, as pipx would; return its folder of programs."""
    folder, uv = lab.home / "un venv", str(tools() / "uv")
    index = (
        ["--index-url", lab.env["MLOPS_LAB_INDEX_URL"]] if "MLOPS_LAB_INDEX_URL" in lab.env else []
    )
    for argv in (
        [uv, "venv", "--quiet", "--python", PYTHON, str(folder)],
        [
            uv,
            "pip",
            "install",
            "--quiet",
            "--python",
            str(folder / "bin" / "python"),
            *index,
            *requirements,
        ],
    ):
        made = lab.run(argv)
        assert made.code == 0, made
    return folder / "bin"


def test_whatever_invoke_a_person_has(lab: Lab, checkout: Path) -> None:
    invoke = str(virtual_environment(lab, "invoke") / "invoke")
    listed = lab.run([invoke, "--list"], cwd=checkout)
    assert listed.code == 0, listed
    assert "env.list" in listed.stdout
    answer = started(lab, [invoke, "env.list", "--json", "--combo", "pip_uv"], checkout)
    assert answer.code == 0
    wrong = lab.run([invoke, "env.list", "--no-such-option"], cwd=checkout)
    assert wrong.code != 0
    expect_no_traceback(wrong)


def test_installed_as_a_package(lab: Lab, checkout: Path) -> None:
    program = str(virtual_environment(lab, str(checkout)) / "mlops-lab")
    answer = started(lab, [program, "env.list", "--json", "--combo", "pip_uv"], lab.project)
    assert answer.code == 0
    assert Path(answer.document["project"]) == lab.project
    done = started(lab, [program, "setup", "--json", "--combo", "pip_uv"], lab.project)
    assert done.code == 0, done
    listed = lab.run([program, "--list"], cwd=lab.project)
    assert "check.all" in listed.stdout
    assert " bench" not in listed.stdout  # these are mlops-lab's own checkout's
