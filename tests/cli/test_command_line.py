"""The command line itself: what a shell evaluates, options of Invoke, streams that are closed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cases import cases
from tests.lab import ENTRY, PYTHON, Answer, expect_contract, expect_no_traceback, untouched

if TYPE_CHECKING:
    from tests.lab import Lab

pytestmark = pytest.mark.processes

HOSTILE = "'$(touch taken)`touch taken`;touch taken"
#: how a `tasks.py` goes on, once the user's Invoke has loaded it
INVOKED = "import sys; from tasks_lib.__main__ import rerun; rerun(sys.argv[1:])"


def test_nothing_is_evaluated_of_an_activation_that_failed(lab: Lab) -> None:
    wrong = (
        ("--combo", HOSTILE),
        ("--combo", "pip_uv"),  # there is no environment
        ("--no-such-option",),
        ("--format", HOSTILE),
    )
    for words in wrong:
        answer = lab("env.activate", *words, json=False)
        assert (answer.code, answer.stdout) == (2, "")
        assert answer.stderr


@pytest.mark.parametrize("name", ["pyproject.toml", "conda.yml"])
def test_nothing_is_evaluated_of_a_manifest(lab: Lab, name: str) -> None:
    text = {
        "pyproject.toml": f'[project]\nname = "x"\n[tool.mlops-lab]\ncombo = "{HOSTILE}"\n',
        "conda.yml": f'name: "{HOSTILE}"\ndependencies: [python]\n',
    }[name]
    lab.write(name, text)
    script = 'eval "$("$@")"; echo evaluated'
    argv = lab.argv("env.activate", "--combo", "conda_uv", "--engine", "rattler", json=False)
    answer = lab.run(["bash", "-c", script, "bash", *argv])
    assert answer.stdout == "evaluated\n"
    assert answer.stderr
    assert not (lab.project / "taken").exists()


def started(lab: Lab, *words: str) -> Answer:
    """Run the program with exactly these words, and hold its JSON answer to the contract."""
    answer = lab.run([PYTHON, str(ENTRY), *words])
    expect_no_traceback(answer)
    if "--json" in words:
        expect_contract(answer)
    return answer


def test_a_dry_run_of_invoke_changes_nothing(lab: Lab) -> None:
    with untouched(lab):
        answer = started(lab, "--dry", "setup", "--combo", "pip_uv", "--json")
        assert (answer.code, answer.error()["code"]) == (2, "bad_command_line")


@cases("broken", {"broken": True, "hostile": False})
def test_settings_of_invoke_change_nothing(lab: Lab, *, broken: bool) -> None:
    yaml = "a: [" if broken else "tasks: {executor_class: taken.Executor}\nrun: {dry: true}\n"
    lab.write("invoke.yaml", yaml)
    lab.write("invoke.py", "open('taken', 'w')\n")
    lab.write("taken.py", "open('taken', 'w')\n")
    lab.write("tasks.py", "from tasks_lib.tasks import namespace\nns = namespace()\nprint('x')\n")
    (lab.home / ".invoke.yaml").write_text(yaml)
    (lab.home / ".invoke.py").write_text("open('taken', 'w')\n")
    env = {"PYTHONPATH": str(ENTRY.parents[1])}
    for argv in ([PYTHON, str(ENTRY)], [PYTHON, "-c", INVOKED]):
        answer = lab.run([*argv, "env.list", "--json", "--combo", "pip_uv"], env=env)
        expect_contract(answer)
        assert answer.code == 0
    assert not (lab.project / "taken").exists()


def test_the_next_command_is_for_the_program_that_was_typed(lab: Lab) -> None:
    lab.write("tasks.py", "from tasks_lib.tasks import namespace\nns = namespace()\n")
    env = {"PYTHONPATH": str(ENTRY.parents[1])}
    inv = INVOKED.replace("rerun(", "sys.argv[0] = '/opt/bin/inv'; rerun(")
    for argv, typed in (
        (["-c", inv], "inv"),
        (["-m", "tasks_lib"], f"{PYTHON} -m tasks_lib"),
    ):
        answer = lab.run([PYTHON, *argv, "nonsense"], env={**env, "PATH": "/nonexistent"})
        assert answer.stderr.endswith(f" Next: List the tasks: {typed} --list\n")


@pytest.mark.parametrize(("text", "line"), [("\nraise ValueError('x')\n", 2), ("\n\nx = (\n", 3)])
def test_a_broken_tasks_py(lab: Lab, text: str, line: int) -> None:
    lab.write("tasks.py", text)
    env = {"PYTHONPATH": str(ENTRY.parents[1])}
    answer = lab.run([PYTHON, "-c", INVOKED, "env.list", "--json"], env=env)
    expect_no_traceback(answer)
    expect_contract(answer)
    error = answer.error()
    assert (answer.code, error["file"], error["line"]) == (2, "tasks.py", line)
    script = lab.run([PYTHON, "-c", INVOKED, "env.activate"], env=env)
    assert (script.code, script.stdout) == (2, "")
    # a user who typed neither `invoke` nor is in mlops-lab's checkout did not mean that file
    assert lab("env.list", "--combo", "pip_uv").code == 0


def test_a_task_works_in_another_folder(lab: Lab) -> None:
    folder = lab.project.name  # with a space, as seen from the home
    broken = lab.write("tasks.py", "raise SystemExit('it was run')\n")
    (lab.home / "other.py").write_text("")
    words = ("--combo", "pip_uv", "--project", folder)
    planned = lab("setup", "--dry-run", *words, cwd=lab.home)
    assert planned.data["plan"][0]["command"] == f"cd '{folder}'"
    no_environment = lab("env.activate", *words, cwd=lab.home)
    assert no_environment.document["project"] == str(lab.project)
    remedy = no_environment.error()["remedy_argv"]
    assert remedy == ["python3", "-m", "tasks_lib", "setup", *words[2:]]
    done = lab(*remedy[3:], json=False, cwd=lab.home)
    assert done.code == 0
    hint = f"env.activate --project '{folder}'"
    assert hint in done.stdout
    env = {"PYTHONPATH": str(ENTRY.parents[1])}
    argv = [PYTHON, "-c", INVOKED, "env.run", "--project", folder, "--", "pwd"]
    assert lab.run(argv, cwd=lab.home, env=env).stdout == f"{lab.project}\n"
    quiet = lab("setup", "--quiet", "--project", folder, json=False, cwd=lab.home)
    assert (quiet.code, quiet.stdout, quiet.stderr) == (0, "", "")
    for wrong in ("nowhere", f"{folder}/{broken.name}"):
        answer = lab("check.all", "--project", wrong, cwd=lab.home)
        assert (answer.code, answer.error()["code"]) == (2, "no_such_path")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@cases("stream", {"full": ">/dev/full", "closed": ">&-"})
@pytest.mark.parametrize("words", [["env.list", "--json"], ["--list"]], ids=" ".join)
def test_an_answer_that_cannot_be_written(lab: Lab, stream: str, words: list[str]) -> None:
    script = f'exec "$@" {stream}'
    answer = lab.run(["bash", "-c", script, "bash", PYTHON, str(ENTRY), *words])
    expect_no_traceback(answer)
    assert answer.code == 4
    (line,) = [one for one in answer.stderr.splitlines() if "cannot be written" in one]
    assert line.startswith("mlops-lab: ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("stream", ["2>/dev/full", "<&- 2>&-"])
def test_talk_that_cannot_be_written_changes_no_answer(lab: Lab, stream: str) -> None:
    for words, code in ((["env.list"], 0), (["env.list", "--nope"], 2)):
        script = f'exec "$@" {stream}'
        answer = lab.run(["bash", "-c", script, "bash", PYTHON, str(ENTRY), *words, "--json"])
        expect_contract(answer)
        assert answer.code == code


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such signals")
@cases(
    "number, module",
    {
        "Ctrl-C": (signal.SIGINT, "tasks_lib.execution.streams"),
        "SIGTERM": (signal.SIGTERM, "hashlib"),
    },
)
def test_stopped_as_it_starts(lab: Lab, number: int, module: str) -> None:
    """The signal comes as that module is looked for."""
    code = (
        "import os, sys, runpy\n"
        "class Finder:\n"
        "    def find_spec(name, *_):\n"
        f"        if name == {module!r}:\n"
        f"            os.kill(os.getpid(), {int(number)})\n"
        "sys.meta_path.insert(0, Finder)\n"
        f"sys.path.insert(0, {str(ENTRY.parents[1])!r})\n"
        "sys.argv = ['x', 'env.list', '--json']\n"
        "runpy.run_module('tasks_lib', run_name='__main__')\n"
    )
    done = subprocess.run(
        [PYTHON, "-c", code], cwd=lab.project, env=lab.env, capture_output=True, check=False
    )
    answer = Answer(done.returncode, done.stdout.decode(), done.stderr.decode())
    expect_no_traceback(answer)
    expect_contract(answer)
    assert (answer.code, answer.error()["code"]) == (130, "interrupted")


#: the streams' kinds are left out: a fork writes to files, a start to pipes
SHOW = (
    "import json, os, signal; print(json.dumps([dict(os.environ), os.getcwd(), os.umask(0), "
    "os.getsid(0) == os.getppid(), sorted(map(int, signal.pthread_sigmask(0, []))), "
    "[str(signal.getsignal(one)) for one in signal.valid_signals()], os.listdir('/proc/self/fd')], "
    "sort_keys=True))"
)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the tests start every task")
def test_a_fork_is_as_good_as_a_start(lab: Lab) -> None:
    lab.ok("env.create", "--combo", "pip_uv")
    for words in (
        ("env.run", "--combo", "pip_uv", "--", "python", "-c", SHOW),
        ("check.all", "--combo", "pip_uv"),
        ("deps.lock", "--combo", "wrong"),
        ("no.such.task",),
    ):
        started, forked = lab.run(lab.argv(*words, json=True)), lab(*words)
        assert (started.code, started.stderr) == (forked.code, forked.stderr)
        assert _without_times(started.document) == _without_times(forked.document)


def _without_times(document: dict[str, Any]) -> dict[str, Any]:
    results = [{**one, "seconds": 0} for one in document["results"]]
    return {**document, "seconds": 0, "results": results}
