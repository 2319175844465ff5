"""Where the tool environment is, when it is sound, how it is made, and why it cannot be."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks_lib import __main__ as entry
from tasks_lib import bootstrap
from tasks_lib.errors import ErrorCode, ExitCode, LabError, Remedy
from tasks_lib.execution import process
from tests.cases import cases
from tests.steps import make_a_class_and_be_interrupted

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS = (bootstrap.CACHE, bootstrap.INDEX, bootstrap.TOOLS, "XDG_CACHE_HOME", "PIP_RETRIES")


class FakeRuns:
    """Replaces `process.run`: records its commands, and makes the files that they would make."""

    def __init__(
        self,
        *,
        config: str = "",
        failing: str = "",
        said: str = "",
        error: BaseException | None = None,
    ) -> None:
        """Let the step whose arguments hold `failing` fail with `said`, or raise `error`."""
        self.commands: list[process.Command] = []
        self.config, self.failing, self.said, self.error = config, failing, said, error

    def __call__(self, command: process.Command) -> process.Outcome:
        """Answer as the step would."""
        self.commands.append(command)
        if "venv" in command.argv:
            python = Path(bootstrap.interpreter(command.argv[-1]))
            python.parent.mkdir(parents=True)
            python.write_text("")
        if self.failing and self.failing in command.argv:
            if self.error is not None:
                raise self.error
            return process.Outcome(command, 1, "", self.said, 0.0)
        return process.Outcome(command, 0, self.config if "config" in command.argv else "", "", 0.0)


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Start without the settings of whoever runs the tests, and with a cache of the test's own."""
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(bootstrap.CACHE, str(tmp_path / "the cache é"))


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> FakeRuns:
    """Start no process."""
    fake = FakeRuns()
    monkeypatch.setattr(process, "run", fake)
    monkeypatch.setattr(sys, "argv", ["mlops-lab"])  # `pytest -q` would make the start silent
    return fake


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    """Return a list of requirements."""
    path = tmp_path / "tools.txt"
    path.write_text("one==1.0 --hash=sha256:00\n")
    return path


def left(requirements: Path) -> list[str]:
    """List what the cache holds but lock files."""
    cache = Path(bootstrap.place(str(requirements))).parent
    return [path.name for path in cache.iterdir() if path.suffix != ".lock"]


@pytest.mark.parametrize(
    ("variables", "platform", "expected"),
    [
        pytest.param(
            {bootstrap.CACHE: "/a/b", "XDG_CACHE_HOME": "/x"},
            "linux",
            "/a/b",
            id="own setting first",
        ),
        pytest.param({bootstrap.CACHE: "~/b"}, "linux", "/home/me/b", id="own setting in the home"),
        pytest.param({"XDG_CACHE_HOME": "/x"}, "linux", "/x/mlops-lab", id="XDG"),
        pytest.param(
            {"XDG_CACHE_HOME": "x"},
            "linux",
            "/home/me/.cache/mlops-lab",
            id="relative XDG is ignored",
        ),
        pytest.param({}, "linux", "/home/me/.cache/mlops-lab", id="Linux"),
        pytest.param({}, "darwin", "/home/me/Library/Caches/mlops-lab", id="macOS"),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="these are paths of POSIX systems")
def test_cache_folder(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], platform: str, expected: str
) -> None:
    monkeypatch.delenv(bootstrap.CACHE)
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setattr(sys, "platform", platform)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert bootstrap.cache_folder() == expected


def test_the_place_depends_on_the_list_and_on_the_interpreter(
    monkeypatch: pytest.MonkeyPatch, requirements: Path, tmp_path: Path
) -> None:
    first = bootstrap.place(str(requirements))
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert Path(first).name.startswith(f"tools-{version}-")
    assert len(Path(first).name) == len(f"tools-{version}-") + 16
    assert bootstrap.place(str(requirements)) == first
    requirements.write_text("two==1.0\n")
    second = bootstrap.place(str(requirements))
    monkeypatch.setattr(sys, "_base_executable", str(tmp_path / "python"))
    assert len({first, second, bootstrap.place(str(requirements))}) == 3


def test_it_is_made_once_from_hashed_files_without_dependencies(
    runs: FakeRuns, requirements: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    python = Path(bootstrap.ensure(requirements))
    assert bootstrap.ensure(requirements) == str(python)
    home = python.parent.parent
    venv, config, install = (command.argv for command in runs.commands)
    assert venv[1:] == ("-I", "-m", "venv", str(home))
    assert config[-2:] == ("config", "list")
    assert install[:4] == (str(python), "-I", "-m", "pip")
    assert {"--require-hashes", "--no-deps", "--compile"} < set(install)
    assert install[install.index("-r") + 1] == str(requirements)
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert said.err.startswith("mlops-lab: making the tool environment (once, about ")


@pytest.mark.parametrize(
    ("config", "index", "expected"),
    [
        pytest.param("", "", ("--retries", "2"), id="bounded retries"),
        pytest.param("global.retries='9'\n", "", (), id="the user's own retries"),
        pytest.param("", "address", ("--index-url", "address", "--retries", "2"), id="an index"),
    ],
)
def test_what_pip_is_told(  # noqa: PLR0913, PLR0917 - three columns of a table and three fixtures
    monkeypatch: pytest.MonkeyPatch,
    runs: FakeRuns,
    requirements: Path,
    config: str,
    index: str,
    expected: tuple[str, ...],
) -> None:
    runs.config = config
    monkeypatch.setenv(bootstrap.INDEX, index)
    monkeypatch.setenv("PIP_TARGET", "/elsewhere")
    monkeypatch.setenv("PIP_ONLY_DEPENDENCIES", "1")
    bootstrap.ensure(requirements)
    install = runs.commands[-1]
    assert install.argv[install.argv.index("-r") + 2 :] == expected
    assert install.env["PIP_USER"] == "0"
    for name in ("PIP_TARGET", "PIP_ONLY_DEPENDENCIES", "PIP_CONSTRAINT", "PIP_NO_COMPILE"):
        assert install.env[name] is None
    # so that it ends in time, however slowly the index answers
    assert [bool(command.source) for command in runs.commands] == [False, False, True]


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        pytest.param(
            "lib/a.py=longer than it was",
            "its files are not those that were installed",
            id="altered",
        ),
        pytest.param("lib/b.py=", "its files are not those that were installed", id="added"),
        pytest.param("lib/a.py", "its files are not those that were installed", id="removed"),
        pytest.param("python", "the Python it was made with is gone", id="no interpreter"),
        pytest.param(".complete", "an earlier run did not finish it", id="half made"),
        pytest.param(
            ".complete=", "its files are not those that were installed", id="half a marker"
        ),
        pytest.param("lib/__pycache__/a.pyc=other", None, id="bytecode does not count"),
    ],
)
def test_a_damaged_one_is_made_again(
    runs: FakeRuns,
    requirements: Path,
    capsys: pytest.CaptureFixture[str],
    damage: str,
    why: str | None,
) -> None:
    python = Path(bootstrap.ensure(requirements))
    home = python.parent.parent
    (home / "lib/__pycache__").mkdir(parents=True)
    (home / "lib/a.py").write_text("a")
    (home / ".complete").write_text(bootstrap.fingerprint(str(home)))
    assert bootstrap.fault(str(home)) is None
    name, _, text = damage.partition("=")
    target = python if name == "python" else home / name
    if "=" in damage:
        target.write_text(text)
    else:
        target.unlink()
    capsys.readouterr()
    made = len(runs.commands)
    assert bootstrap.fault(str(home)) == why
    bootstrap.ensure(requirements)
    assert bootstrap.fault(str(home)) is None
    assert (len(runs.commands) > made) == (why is not None)
    said = capsys.readouterr().err
    assert (
        said == ""
        if why is None
        else said.startswith(f"mlops-lab: making the tool environment again: {why} (")
    )
    assert (home / "lib/a.py").exists() == (why is None)


@cases(
    "damage, looks",
    {
        "nothing changed": ("", 0),
        "a file was deleted": ("lib/a.py", 1),
        "a file was added": ("lib/b.py=", 1),
        "half a marker": (".complete=", 1),
        "bytecode does not count": ("lib/__pycache__/a.pyc=other", 0),
        "a folder is gone": ("lib", 1),
        "the interpreter is gone": ("python", 1),
    },
)
def test_all_files_are_looked_at_where_a_folder_has_changed(
    runs: FakeRuns,
    requirements: Path,
    monkeypatch: pytest.MonkeyPatch,
    damage: str,
    looks: int,
) -> None:
    python = Path(bootstrap.ensure(requirements))
    home = python.parent.parent
    (home / "lib/__pycache__").mkdir(parents=True)
    (home / "lib/a.py").write_text("a")
    (home / ".complete").write_text(bootstrap.fingerprint(str(home)))
    assert bootstrap.is_sound(str(home))
    asked: list[str] = []
    true_fault = bootstrap.fault

    def fault(place: str) -> str | None:
        asked.append(place)
        return true_fault(place)

    monkeypatch.setattr(bootstrap, "fault", fault)
    target, _, text = damage.partition("=")
    place = python if target == "python" else home / target
    if "=" in damage:
        place.write_text(text)
    elif damage:
        place.rename(home.parent / "gone")
    assert bootstrap.is_sound(str(home)) == (not looks)
    assert len(asked) == looks
    del runs


def test_all_files_are_looked_at_once_a_day(runs: FakeRuns, requirements: Path) -> None:
    home = str(Path(bootstrap.ensure(requirements)).parents[1])
    assert bootstrap.is_sound(home)
    changed = Path(home, "lib")
    changed.mkdir()
    Path(home, "lib/a.py").write_text("a")
    Path(home, ".complete").write_text(bootstrap.fingerprint(home))
    assert bootstrap.is_sound(home)
    Path(home, "lib/a.py").write_text("longer than it was")  # in place: no folder changes
    assert bootstrap.is_sound(home)
    os.utime(f"{home}.look", (0, 0))
    assert not bootstrap.is_sound(home)
    del runs


@pytest.mark.parametrize(
    "error",
    [KeyboardInterrupt(), LabError("No.", ErrorCode.TOOL_FAILED), None],
    ids=["Ctrl-C", "LabError", "pip fails"],
)
def test_nothing_half_made_is_left(
    runs: FakeRuns, requirements: Path, error: BaseException | None
) -> None:
    runs.failing, runs.said, runs.error = "install", "ERROR: no", error
    with pytest.raises((KeyboardInterrupt, LabError)):
        bootstrap.ensure(requirements)
    assert left(requirements) == []


def test_a_cache_folder_that_is_a_file(runs: FakeRuns, requirements: Path) -> None:
    Path(bootstrap.cache_folder()).write_text("")
    with pytest.raises(LabError) as raised:
        bootstrap.ensure(requirements)
    assert raised.value.exit_code == ExitCode.BAD_REQUEST
    assert "cannot be written: File exists" in raised.value.message
    assert bootstrap.CACHE in str(raised.value.remedy)
    assert runs.commands == []


@pytest.mark.parametrize(
    ("said", "code", "message", "remedy"),
    [
        pytest.param(
            "ERROR: Could not install packages due to an OSError: "
            "[Errno 28] No space left on device\n",
            ExitCode.TOOL_FAILED,
            "The disk is full",
            bootstrap.CACHE,
            id="disk full",
        ),
        pytest.param(
            "[Errno 28] No space left on device: '/x'",
            ExitCode.TOOL_FAILED,
            "disk is full",
            "",
            id="here too",
        ),
        pytest.param(
            "[Errno 13] Permission denied: '/x'",
            ExitCode.BAD_REQUEST,
            "Permission denied.",
            "",
            id="denied",
        ),
        pytest.param(
            "The virtual environment was not created successfully "
            "because ensurepip is not\navailable.",
            ExitCode.TOOL_MISSING,
            "lacks the module venv or ensurepip",
            "",
            id="Debian without python3-venv",
        ),
        pytest.param(
            "/usr/bin/python3: No module named venv",
            ExitCode.TOOL_MISSING,
            "venv",
            "",
            id="no venv",
        ),
        pytest.param(
            "WARNING: Retrying (Retry(total=1)) after connection broken by 'NewConnectionError("
            "'<c>: Failed to establish a new connection: [Errno 111] Connection refused')'\n"
            "ERROR: No matching distribution found",
            ExitCode.TOOL_FAILED,
            "does not answer: Connection refused.",
            bootstrap.INDEX,
            id="connection refused",
        ),
        pytest.param(
            "ERROR: Could not find a version that satisfies it\n"
            "ERROR: No matching distribution found for uv==0\n",
            ExitCode.TOOL_FAILED,
            "No matching distribution found for uv==0.",
            bootstrap.INDEX,
            id="not on the index",
        ),
        pytest.param(
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
            ExitCode.TOOL_FAILED,
            "hash is not the pinned one",
            "pip cache purge",
            id="hash",
        ),
        pytest.param("", ExitCode.TOOL_FAILED, "it did not say why.", "", id="no word"),
    ],
)
def test_refusal(said: str, code: ExitCode, message: str, remedy: str) -> None:
    found = bootstrap.refusal(said, "/cache/tools")
    assert found.exit_code == code
    assert message in found.message
    assert remedy in str(found.remedy)
    assert "\n" not in str(found)


def test_a_refusal_is_one_json_document_and_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def failing(_: str) -> str:
        text = "It cannot be."
        raise LabError(text, ErrorCode.TOOL_FAILED, remedy=Remedy("Do that"))

    monkeypatch.setattr(bootstrap, "is_inside", lambda: False)
    monkeypatch.setattr(bootstrap, "ensure", failing)
    assert entry.main(["-e", "check.all", "--json"]) == ExitCode.TOOL_FAILED
    out, err = capsys.readouterr()
    document = json.loads(out)
    result = document.pop("results").pop()
    assert err == "mlops-lab: It cannot be. Next: Do that\n"
    assert document.pop("seconds") == result.pop("seconds") >= 0
    assert document == {
        "schema": "mlops-lab/1",
        "command": "check.all",
        "status": "error",
        "exit_code": 4,
        "project": str(Path.cwd()),
        "combo": None,
    }
    assert result == {
        "id": "error.tool_environment",
        "status": "error",
        "title": "tool environment",
        "detail": "It cannot be.",
        "remedy": "Do that",
        "file": None,
        "line": None,
        "code": "tool_failed",
        "remedy_argv": [],
    }


def _interrupted() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("raises", [_interrupted, make_a_class_and_be_interrupted])
def test_interrupted_gives_130(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    raises: Callable[[], None],
) -> None:
    monkeypatch.setattr(bootstrap, "is_inside", lambda: False)
    monkeypatch.setattr(bootstrap, "ensure", lambda _: raises())
    assert entry.main(["setup"]) == ExitCode.INTERRUPTED
    assert capsys.readouterr().out == ""


def test_an_environment_that_is_named_counts_as_the_tool_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert not bootstrap.is_inside()
    monkeypatch.setenv(bootstrap.TOOLS, str(tmp_path))
    assert not bootstrap.is_inside()
    monkeypatch.setenv(bootstrap.TOOLS, sys.prefix)
    assert bootstrap.is_inside()


def test_rerun_does_not_go_round_in_circles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(bootstrap.TOOLS, sys.prefix)
    with pytest.raises(LabError, match="lacks packages") as raised:
        entry.rerun(["setup"])
    assert raised.value.exit_code == ExitCode.TOOL_MISSING
    assert raised.value.remedy == Remedy("Delete that folder, then run python3 -m tasks_lib")


def test_the_list_names_no_address() -> None:
    text = Path(bootstrap.REQUIREMENTS).read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index" not in text


@cases(
    "words, expected",
    {
        "a name": (["python3.12", "-m", "tasks_lib", "setup"], "python3.12 -m tasks_lib"),
        "on PATH": (["{bin}/python3", "-m", "tasks_lib"], "python3 -m tasks_lib"),
        "elsewhere": (
            ["/opt/py/bin/python3", "-m", "tasks_lib"],
            "/opt/py/bin/python3 -m tasks_lib",
        ),
        "a blank": (["/opt/my py/python3", "-m", "tasks_lib"], "'/opt/my py/python3' -m tasks_lib"),
        "a file": (["python3", "tasks_lib/__main__.py"], ""),
        "another module": (["python3", "-m", "invoke"], ""),
    },
)
def test_a_module_is_named_as_it_was_typed(
    words: list[str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "python3").touch()
    monkeypatch.setenv("PATH", f"/nonexistent{os.pathsep}{tmp_path}")
    monkeypatch.setattr(sys, "orig_argv", [word.format(bin=tmp_path) for word in words])
    assert entry._typed_module("tasks_lib") == expected  # noqa: SLF001 - what main hands on


@cases(
    "argv, original, expected",
    {
        "invoke": ("/opt/bin/invoke", ["python3", "/opt/bin/invoke"], "invoke"),
        "inv": ("/opt/bin/inv", ["python3", "/opt/bin/inv"], "inv"),
        "Windows": ("inv.exe", ["python.exe", "inv.exe"], "inv"),
        "a module": ("/x/invoke/__main__.py", ["py3", "-m", "invoke"], "py3 -m invoke"),
        "another program": ("-c", ["python3", "-c", "x"], "invoke"),
    },
)
def test_invoke_is_named_as_it_was_typed(
    argv: str, original: list[str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [argv])
    monkeypatch.setattr(sys, "orig_argv", original)
    assert entry._typed_invoke() == expected  # noqa: SLF001 - what rerun hands on
