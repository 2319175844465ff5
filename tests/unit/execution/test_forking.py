"""A process that a server forked behaves as one that the system started."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution import file_lock, forking, process
from tasks_lib.execution.process import Command, run
from tests.runs import begun, soon

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is forked"),
]

PROGRAM = """
import json, os, signal, sys, time
imported = 0
def prepare():
    global imported
    imported = os.getpid()
def main():
    word = sys.argv[1]
    if word == "tell":
        facts = {"argv": sys.argv, "folder": os.getcwd(), "server": imported, "leads": os.getsid(0)}
        facts |= {"pid": os.getpid(), "NAME": os.environ.get("NAME"), "stdin": sys.stdin.read()}
        print(json.dumps(facts))
        print("wörds", file=sys.stderr)
    elif word == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif word == "sleep":
        print("up", flush=True)
        time.sleep(60)
    return int(sys.argv[2])
if __name__ == "__main__":
    sys.exit(main())
"""


@pytest.fixture
def program(root: Path) -> Iterator[Path]:
    path = root / "program.py"
    path.write_text(PROGRAM)
    yield path
    forking.end()


def _command(program: Path, *words: str, **env: str | None) -> Command:
    return Command(("any", *words), env=env, cwd=program.parent, through=program)


def _told(program: Path, **env: str | None) -> dict[str, object]:
    outcome = run(_command(program, "tell", "3", **env))
    assert (outcome.code, outcome.stderr) == (3, "wörds\n")
    told: dict[str, object] = json.loads(outcome.stdout)
    return told


def test_words_folder_variables_and_streams_are_those_of_the_command(program: Path) -> None:
    first = _told(program, NAME="é \udcff")
    assert first["argv"] == ["any", "tell", "3"]
    assert first["folder"] == str(program.parent)
    assert first["NAME"] == "é \udcff"
    assert first["stdin"] == ""
    assert first["pid"] == first["leads"] != first["server"]
    second = _told(program, NAME=None)
    assert second["NAME"] is None
    assert second["server"] == first["server"] != 0
    assert second["pid"] != first["pid"]


def test_a_variable_that_the_program_may_have_read_starts_another_server(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _told(program)
    monkeypatch.setenv("NAME", "another")
    second = _told(program)
    assert second["NAME"] == "another"
    assert second["server"] != first["server"]


def test_another_server_does_not_end_what_goes_on(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = process._start(_command(program, "sleep", "0"), piped=True)  # noqa: SLF001 - to look at it
    assert isinstance(child, forking.Forked)
    with child.stdout, child.stderr:
        assert child.stdout.readline() == "up\n"
        monkeypatch.setenv("NAME", "another")
        assert _told(program)["NAME"] == "another"
        os.killpg(child.pid, signal.SIGTERM)
        assert child.wait() == -signal.SIGTERM


@pytest.mark.parametrize("env", [{"VIRTUAL_ENV": "a"}, {"CONDA_PREFIX": "b", "PATH": os.defpath}])
def test_what_a_command_adds_needs_no_other_server(program: Path, env: dict[str, str]) -> None:
    assert _told(program)["server"] == _told(program, **env)["server"]


def test_one_that_a_signal_killed_has_its_number(program: Path) -> None:
    assert run(_command(program, "die", "0")).code == -signal.SIGKILL
    assert run(_command(program, "tell", "0")).ok


def test_it_is_ended_at_its_limit(program: Path) -> None:
    with pytest.raises(LabError, match="did not end within") as caught:
        run(_command(program, "sleep", "0"), timeout=0.2)
    assert caught.value.code is ErrorCode.TOOL_TIMEOUT


def test_many_at_once(program: Path) -> None:
    codes = list[int]()

    def go(number: int) -> None:
        codes.append(run(_command(program, "tell", str(number))).code)

    threads = [threading.Thread(target=go, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == list(range(20))


def test_each_of_many_waits_sees_the_end(program: Path) -> None:
    child = process._start(_command(program, "sleep", "0"), piped=True)  # noqa: SLF001 - to look at it
    codes = list[int]()
    threads = [threading.Thread(target=lambda: codes.append(child.wait())) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert child.stdout is not None
    assert child.stderr is not None
    with child.stdout, child.stderr:
        assert child.stdout.readline() == "up\n"
        os.killpg(child.pid, signal.SIGKILL)
        for thread in threads:
            thread.join(5)
    assert codes == [-signal.SIGKILL] * 8


def _open_in(pid: int) -> set[str]:
    return {str(path.resolve()) for path in Path(f"/proc/{pid}/fd").iterdir()}


def test_it_holds_the_locks_of_the_run_and_the_server_does_not(program: Path, root: Path) -> None:
    lock = str(root / "lock")
    with file_lock.held(lock, "setup", print):
        child = process._start(_command(program, "sleep", "0"), piped=True)  # noqa: SLF001 - to look at it
        assert isinstance(child, forking.Forked)
        with child.stdout, child.stderr:
            assert child.stdout.readline() == "up\n"
            assert lock in _open_in(child.pid)
            assert lock not in _open_in(int(str(_told(program)["server"])))
            os.killpg(child.pid, signal.SIGKILL)
            assert child.wait(5) == -signal.SIGKILL


@pytest.mark.parametrize("text", ["raise SystemExit(4)", PROGRAM.replace("global", "1/0;")])
def test_a_server_that_cannot_begin_is_done_without(root: Path, text: str) -> None:
    path = root / "program.py"
    path.write_text(text)
    assert run(_command(path, "tell", "4")).code == 4


def test_what_no_process_can_be_started_with_is_told_as_everywhere(program: Path) -> None:
    with pytest.raises(LabError, match="NUL byte"):
        run(_command(program, "a\0b"))
    command = Command(("any", "tell", "0"), cwd=program.parent / "gone", through=program)
    with pytest.raises(LabError, match="does not exist") as caught:
        run(command)
    assert caught.value.code is ErrorCode.NO_SUCH_PATH


def test_nothing_is_left_at_the_end(program: Path) -> None:
    child = process._start(_command(program, "die", "0"), piped=True)  # noqa: SLF001 - it is kept
    assert isinstance(child, forking.Forked)
    with child.stdout, child.stderr:
        assert child.wait() == -signal.SIGKILL
    watcher = int(Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[1])
    assert Path(f"/proc/{watcher}").exists()
    forking.end()
    assert not Path(f"/proc/{watcher}").exists()
    assert not Path(f"/proc/{child.pid}").exists()


LEADER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tasks_lib.execution import forking, process
program = Path(sys.argv[2])
words = ("any", "sleep", "0")
child = process._start(process.Command(words, cwd=program.parent, through=program), piped=True)
child.stdout.readline()
print(*(server.process.pid for server in forking._running), child.pid, flush=True)
child.wait()
"""


def test_a_server_ends_with_its_run(program: Path) -> None:
    with begun(LEADER, program) as (leader, [server, child]):
        leader.kill()
    assert soon(lambda: not Path(f"/proc/{server}").exists())
    os.killpg(child, signal.SIGKILL)
