"""What a process gets, what is kept of it, and how it is ended."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tasks_lib.errors import ErrorCode, ExitCode, LabError, Remedy
from tasks_lib.execution import file_lock, keeping, process
from tasks_lib.execution.failure_rules import Rule
from tasks_lib.execution.process import FOREIGN, Children, Command, Interrupted, environment, run
from tasks_lib.tools import executables
from tests.cases import cases
from tests.runs import SOON, begun, soon


def python(
    code: str, *words: str, env: dict[str, str | None] | None = None, cwd: Path | None = None
) -> Command:
    """Return a command that runs `code` in a Python of its own."""
    return Command((sys.executable, "-c", code, *words), env=env or {}, cwd=cwd)


def _lives(pid: int) -> bool:
    """Return whether a process runs; a zombie that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_unmarked_test_cannot_start_a_process() -> None:
    with pytest.raises(AssertionError, match="would start"):
        run(Command(("true",)))
    with pytest.raises(AssertionError, match="would start"):
        process.run_attached(Command(("true",)))


def test_environment_loses_what_is_foreign_and_gets_the_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in FOREIGN:
        monkeypatch.setenv(name, "foreign")
    monkeypatch.setenv("KEPT", "1")
    monkeypatch.setenv("UNSET", "1")
    found = environment({"UNSET": None, "NEVER_THERE": None, "CONDA_PREFIX": "/mine"})
    assert {name for name in FOREIGN if name in found} == {"CONDA_PREFIX"}
    assert (found["CONDA_PREFIX"], found["KEPT"], "UNSET" in found) == ("/mine", "1", False)


@pytest.mark.processes
def test_outcome_keeps_code_output_and_time() -> None:
    found = run(python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"))
    assert (found.code, found.ok, found.stdout, found.stderr, found.said) == (
        3,
        False,
        "out\n",
        "err\n",
        "out\nerr",
    )
    assert found.seconds > 0


@pytest.mark.processes
def test_arguments_arrive_as_they_are(root: Path) -> None:
    words = ("a b", "$HOME", "`x`", "é", "", "*", "'\"")
    found = run(python("import sys, os; print(sys.argv[1:]); print(os.getcwd())", *words, cwd=root))
    assert found.stdout == f"{list(words)}\n{root}\n"


@pytest.mark.processes
def test_process_reads_nothing_from_this_terminal() -> None:
    assert run(python("import sys; print(repr(sys.stdin.read()))")).stdout == "''\n"


@pytest.mark.processes
def test_output_that_is_not_utf_8_is_no_error() -> None:
    assert (
        run(python("import sys; sys.stdout.buffer.write(b'caf\\xe9')")).stdout
        == "caf\N{REPLACEMENT CHARACTER}"
    )


@pytest.mark.processes
def test_much_output_on_both_streams_does_not_block() -> None:
    line = "[s.write('x' * 99 + '\\n') for s in (sys.stdout, sys.stderr)]"
    code = f"import sys; [{line} for _ in range(5000)]"
    found = run(python(code), timeout=30)
    assert (len(found.stdout), len(found.stderr)) == (500_000, 500_000)


@pytest.mark.processes
def test_lines_are_handed_on_as_they_come() -> None:
    heard: list[str] = []
    run(python("print('one  '); print(); print('two')"), on_line=heard.append)
    assert heard == ["one", "two"]


@pytest.mark.processes
@cases(
    "name",
    {
        "name": "no-such-program-anywhere",
        "path": "/no/such/program",
        "relative path": "./no such program",
    },
)
def test_missing_program_is_named(name: str) -> None:
    with pytest.raises(LabError) as caught:
        run(Command((name,)))
    assert name in caught.value.message
    assert caught.value.exit_code == ExitCode.TOOL_MISSING


@pytest.mark.processes
def test_file_that_is_no_program_is_named(root: Path) -> None:
    (root / "data").write_text("x")
    with pytest.raises(LabError, match=r"data.* cannot be started") as caught:
        run(Command((str(root / "data"),)))
    assert caught.value.exit_code == ExitCode.TOOL_MISSING


@pytest.mark.processes
def test_missing_folder_is_not_taken_for_a_missing_program(root: Path) -> None:
    with pytest.raises(LabError, match="no such folder") as caught:
        run(python("", cwd=root / "no such folder"))
    assert f"{sys.executable!r} is not on this machine" not in caught.value.message


@pytest.mark.processes
def test_word_that_no_process_can_take_is_a_clear_error() -> None:
    with pytest.raises(LabError):
        run(python("", "a\0b"))
    with pytest.raises(LabError):
        run(python("", env={"A": "b\0"}))


@pytest.mark.processes
def test_time_limit_ends_the_process_and_its_children(root: Path) -> None:
    child = "import time; time.sleep(60)"
    code = (
        "import subprocess, sys, time;"
        f"print(subprocess.Popen([sys.executable, '-c', {child!r}]).pid, flush=True);"
        "time.sleep(60)"
    )
    heard: list[str] = []
    with pytest.raises(LabError, match=r"did not end within 1 s\.") as caught:
        run(python(code, cwd=root), timeout=1, on_line=heard.append)
    assert caught.value.exit_code == ExitCode.TOOL_FAILED
    assert soon(lambda: not _lives(int(heard[0])))


@pytest.mark.processes
def test_who_watches_a_process_may_end_it() -> None:
    looks = []

    def watch() -> None:
        looks.append(time.monotonic())
        if len(looks) == 2:
            text = "it is too large"
            raise LabError(text, ErrorCode.FILE_TOO_LARGE)

    began = time.monotonic()
    with pytest.raises(LabError, match="too large"):
        run(python("import time; time.sleep(60)"), watch=watch)
    assert 0.9 < time.monotonic() - began < 30
    with pytest.raises(LabError, match="did not end within 1 s"):
        run(python("import time; time.sleep(60)"), timeout=1, watch=looks.clear)
    assert run(python("print(1)"), watch=looks.clear).stdout == "1\n"


@pytest.mark.processes
def test_what_is_read_is_as_wide_as_it_needs(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the width of a user's terminal, uv and Poetry break an address into two."""
    monkeypatch.setenv("COLUMNS", "40")
    command = python("import os; print(os.environ['COLUMNS'])", cwd=root)
    assert int(run(command).stdout) > 1000
    shown = python("import os; assert os.environ['COLUMNS'] == '40'", cwd=root)
    assert process.run_attached(shown) == 0


@pytest.mark.processes
def test_what_is_read_has_no_colours_though_they_are_forced(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With FORCE_COLOR, uv and Poetry put escapes between the words that say why they failed."""
    for name in ("FORCE_COLOR", "CLICOLOR_FORCE"):
        monkeypatch.setenv(name, "1")
    asked = "os.environ.get('NO_COLOR', ''), [name for name in os.environ if 'FORCE' in name]"
    assert run(python(f"import os; print({asked})", cwd=root)).stdout == "1 []\n"
    asked = "'NO_COLOR' in os.environ or os.environ['FORCE_COLOR'] != '1'"
    assert process.run_attached(python(f"import os, sys; sys.exit({asked})", cwd=root)) == 0
    uv = Command((executables.uv(), "pip", "install", "--offline", "--target", "x", "no-such-one"))
    told = run(replace(uv, cwd=root))
    assert "no-such-one" in told.stderr
    assert "\x1b" not in told.stderr


RULES = (Rule(ErrorCode.TOOL_FAILED, "no", Remedy("no"), ()),)


@pytest.mark.processes
def test_tool_that_may_download_has_a_limit_that_can_be_set(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Poetry does where an index says `Retry-After: 3600`; another program has no limit."""
    monkeypatch.setenv("MLOPS_LAB_TIMEOUT", "1")
    sleeping = python("import time; time.sleep(2)", cwd=root)
    assert run(sleeping).ok
    with pytest.raises(LabError, match=r"within 1 s, the limit of MLOPS_LAB_TIMEOUT\.") as caught:
        run(replace(sleeping, failures=RULES))
    assert caught.value.code is ErrorCode.TOOL_TIMEOUT
    assert "MLOPS_LAB_TIMEOUT" in str(caught.value.remedy)
    for wrong in ("soon", "0", "-1", "1e9", "²", "9" * 5000):
        monkeypatch.setenv("MLOPS_LAB_TIMEOUT", wrong)
        with pytest.raises(LabError, match="must be a number of seconds") as caught:
            run(replace(sleeping, failures=RULES))
        assert caught.value.code is ErrorCode.INVALID_OPTION


@pytest.mark.processes
def test_default_of_a_command_gives_way_to_the_users_variable(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = python("import os; print(os.environ['CONDA_X'])", cwd=root)
    command = replace(told, defaults={"CONDA_X": "ours"})
    assert run(command).stdout == "ours\n"
    monkeypatch.setenv("CONDA_X", "mine")
    assert run(command).stdout == "mine\n"


LEADER = """
import sys
sys.path.insert(0, sys.argv[1])
from tasks_lib.execution import file_lock, keeping, process
code = '''
import subprocess
child = subprocess.Popen(["sleep", "60"])
print(child.pid, flush=True)
child.wait()
'''
command = process.Command((sys.executable, "-c", code))
with file_lock.held(sys.argv[2], "deps.add", print), keeping.kept(sys.argv[2]):
    process.run(command, on_line=lambda text: print(text, flush=True))
"""


@pytest.mark.processes
def test_what_a_stopped_and_killed_run_started_ends_with_it(root: Path) -> None:
    """Until then the lock has the time of a living run: tools write while it is stopped."""
    lock = root / "lock"
    with begun(LEADER, lock) as (leader, [sleeps]):
        leader.send_signal(signal.SIGSTOP)
        os.utime(lock, (1, 1))
        assert soon(lambda: lock.stat().st_mtime > 1)  # the run itself cannot
        assert _lives(sleeps)
        leader.kill()
        leader.wait()
        assert soon(lambda: not _lives(sleeps))
    with file_lock.held(str(lock), "setup", print) as died:
        assert died is not None
        assert time.time() - died < SOON


UNTOLD = """
import sys, time
sys.path.insert(0, sys.argv[1])
from tasks_lib.execution import file_lock, keeping, process
class Slow(process.Children):
    def add(self, child):
        print(child.pid, flush=True)
        time.sleep(60)
command = process.Command((sys.executable, "-c", "import time; time.sleep(60)"))
with file_lock.held(sys.argv[2], "deps.add", print), keeping.kept(sys.argv[2]):
    process.run(command, children=Slow())
"""


@pytest.mark.processes
def test_a_tool_that_nobody_was_told_of_counts_as_the_run(root: Path) -> None:
    """A run can be killed between the start of a tool and the word of it to the keeper."""
    lock = root / "lock"
    with begun(UNTOLD, lock) as (leader, [tool]):
        leader.kill()
        leader.wait()
        os.utime(lock, (1, 1))
        assert soon(lambda: lock.stat().st_mtime > 1)
        assert _lives(tool)
        assert file_lock.is_held(str(lock))
        os.kill(tool, signal.SIGKILL)
    with file_lock.held(str(lock), "setup", print) as died:
        assert died is not None
        assert time.time() - died < SOON


@pytest.mark.processes
def test_keeper_ends_with_a_run_that_ends_well(root: Path) -> None:
    with keeping.kept(str(root / "lock")) as keeper:
        assert keeper.child is None  # nothing was started yet
        assert run(python("print(1)", cwd=root)).ok
        child = keeper.child
    assert child is not None
    assert child.returncode == 0
    assert not list(root.iterdir())


@pytest.mark.processes
def test_stop_ends_every_process_with_its_children(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_GRACE", 0.5)
    children = Children()
    child = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('up', flush=True); time.sleep(60)"
    )
    code = (
        f"import subprocess, sys, time; p = subprocess.Popen([sys.executable, '-c', {child!r}]);"
        "print(p.pid, flush=True); p.wait()"
    )
    heard: list[str] = []
    caught: list[BaseException] = []

    def go() -> None:
        try:
            run(python(code, cwd=root), children=children, on_line=heard.append)
        except Interrupted as error:
            caught.append(error)

    thread = threading.Thread(target=go)
    thread.start()
    assert soon(lambda: len(heard) == 2)
    children.stop()
    thread.join(2 * SOON)
    assert len(caught) == 1
    assert soon(lambda: not _lives(int(next(line for line in heard if line.isdigit()))))


@pytest.mark.processes
def test_stopped_run_starts_nothing_more() -> None:
    children = Children()
    children.stop()
    with pytest.raises(Interrupted):
        run(python("import time; time.sleep(60)"), children=children)


@pytest.mark.processes
def test_attached_process_gives_its_exit_code() -> None:
    assert process.run_attached(python("import sys; sys.exit(7)")) == 7


@pytest.mark.processes
@pytest.mark.skipif(os.name != "posix", reason="on POSIX paths are bytes")
@pytest.mark.parametrize(
    ("encoding", "env", "expected"),
    [
        ("UTF-8", {}, "0"),
        ("ANSI_X3.4-1968", {}, "1"),
        ("ISO-8859-1", {"PYTHONUTF8": "0"}, "0"),
    ],
)
def test_a_tool_can_name_every_path(
    monkeypatch: pytest.MonkeyPatch, encoding: str, env: dict[str, str | None], expected: str
) -> None:
    monkeypatch.setenv("PYTHONUTF8", "0")
    monkeypatch.setattr("locale.getencoding", lambda: encoding)
    look = "import os; print(os.environ['PYTHONUTF8'])"
    assert run(Command((sys.executable, "-c", look), env=env)).stdout.strip() == expected
