"""What each engine is told, and how one is chosen."""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

import pytest

from tasks_lib.environments import conda_engines, conda_limits, conda_previews
from tasks_lib.environments.conda_variables import VARIABLES
from tasks_lib.errors import ExitCode, LabError
from tasks_lib.execution import process
from tasks_lib.execution.process import Command, Outcome
from tasks_lib.project.conda_file import CondaFile
from tasks_lib.project.options import Options
from tasks_lib.project.release_age import Limit
from tasks_lib.tools.pip_variables import PIP
from tasks_lib.tools.variables import Use
from tests import tiny_channel
from tests.cases import cases
from tests.steps import outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


_PACKAGES = (
    "--yes",
    "--prefix",
    "{prefix}",
    "--channel",
    "a",
    "--channel",
    "b",
    "six",
    "x y",
)
CONDA: dict[str, tuple[str, ...]] = {
    "create": ("env", "create", "--yes", "--file", "{file}", "--prefix", "{prefix}"),
    "new": ("create", *_PACKAGES),
    "install": ("install", *_PACKAGES),
    "uninstall": ("remove", "--yes", "--prefix", "{prefix}", "six"),
    "explicit": ("create", "--yes", "--prefix", "{prefix}", "--file", "{listed}"),
    "doctor": ("doctor", "--prefix", "{prefix}"),
}
ARGUMENTS: dict[str, dict[str, tuple[str, ...]]] = {
    "conda": CONDA,
    "mamba": {**CONDA, "doctor": ()},
    "micromamba": {
        **CONDA,
        "create": ("create", "--yes", "--file", "{file}", "--prefix", "{prefix}"),
        "doctor": (),
    },
    "rattler": {
        "create": (
            "{worker}", "install", "--prefix", "{prefix}", "--channel", "a", "--channel", "b",
            "--spec=python", "--spec=six",
        ),
        **dict.fromkeys(("new", "install"), (
            "{worker}", "install", "--prefix", "{prefix}", "--channel", "a", "--channel", "b",
            "--spec=six", "--spec=x y",
        )),
        "uninstall": (
            "{worker}", "install", "--prefix", "{prefix}", "--channel", "a", "--channel", "b",
            "--drop=six", "--spec=python", "--spec=six",
        ),
        "explicit": (
            "{worker}", "explicit", "--prefix", "{prefix}", "--channel", "a", "--channel", "b",
            "--description={listed}", "--spec=python", "--spec=six",
        ),
        "doctor": (),
    },
}  # fmt: skip
TABLE = {
    f"{name} {action}": (name, action, argv)
    for name, actions in ARGUMENTS.items()
    for action, argv in actions.items()
}


@pytest.fixture
def file(root: Path) -> CondaFile:
    """Return a conda file with all that an engine reads."""
    path = root / "conda.yml"
    text = "name: demo\nchannels: [a, b]\ndependencies: [python, six]\nvariables: {K: v w}\n"
    path.write_text(text)
    return CondaFile.read(path)


def _engine(name: str) -> conda_engines.Engine:
    return conda_engines.ENGINES[name](
        sys.executable if name == "rattler" else f"/opt/c/bin/{name}"
    )


@pytest.mark.parametrize("name", ["conda", "mamba", "micromamba"])
def test_nodefaults_is_no_channel(name: str, file: CondaFile, root: Path) -> None:
    engine = _engine(name)
    file = replace(file, channels=("a", "nodefaults"))
    for command, verb, specs in (
        (engine.create(root, file), "create", ("python", "six")),
        (engine.install(root, file, ("six",)), "install", ("six",)),
    ):
        words = (verb, "--yes", "--prefix", str(root), "--channel", "a", "--override-channels")
        assert command.argv == (engine.program, *words, *specs)


@cases("name, action, expected", TABLE)
def test_exact_arguments(
    name: str, action: str, expected: tuple[str, ...], file: CondaFile, root: Path
) -> None:
    engine, prefix = _engine(name), root / "env"
    actions: dict[str, Callable[[], Command | None]] = {
        "create": lambda: engine.create(prefix, file),
        "new": lambda: engine.install(prefix, file, ("six", "x y"), new=True),
        "install": lambda: engine.install(prefix, file, ("six", "x y")),
        "uninstall": lambda: engine.uninstall(prefix, file, ("six",)),
        "explicit": lambda: engine.explicit(prefix, file, root / "a list"),
        "doctor": lambda: engine.doctor(prefix),
    }
    command = actions[action]()
    if not expected:
        assert command is None
        return
    assert command is not None
    values = {
        "file": file.path,
        "prefix": prefix,
        "worker": conda_engines.WORKER,
        "listed": root / "a list",
    }
    assert command.argv == (engine.program, *(word.format(**values) for word in expected))
    assert command.why


def test_conda_is_strict_with_its_cache_and_patient_for_a_minute_unless_the_user_says_otherwise(
    file: CondaFile, home: Path, root: Path
) -> None:
    defaults = {
        "CONDA_SAFETY_CHECKS": "enabled",
        "CONDA_EXTRA_SAFETY_CHECKS": "true",
        "CONDA_REMOTE_READ_TIMEOUT_SECS": "30",
        "CONDA_REMOTE_MAX_RETRIES": "1",
    }
    command = _engine("conda").create(root / "env", file)
    assert command.defaults == defaults
    assert (
        not command.env.keys() & defaults.keys()
    )  # they are not shown, and a variable replaces them
    (home / ".condarc").write_text("remote_read_timeout_secs: 90\nsafety_checks: disabled\n")
    chosen = _engine("conda").create(root / "env", file).defaults
    assert defaults.keys() - chosen.keys() == {
        "CONDA_SAFETY_CHECKS",
        "CONDA_REMOTE_READ_TIMEOUT_SECS",
    }


def test_rattler_gets_what_the_users_condarc_says(file: CondaFile, home: Path, root: Path) -> None:
    (home / ".condarc").write_text(
        "channel_alias: file:///mirror\nchannels: [mine]\nmirrored_channels: {a: [http://m1, http://m2]}\n"
        "channel_priority: disabled\nssl_verify: false\noffline: true\n"
    )
    file = replace(file, channels=("a", "b", "nodefaults"))
    argv = _engine("rattler").install(root, file, ("c::six",)).argv
    assert argv[2:] == (
        "install", "--prefix", str(root), "--channel", "file:///mirror/a", "--channel", "file:///mirror/b",
        "--meaning", "a=file:///mirror/a", "--meaning", "b=file:///mirror/b", "--meaning", "c=file:///mirror/c",
        "--mirror", "file:///mirror/a=http://m1", "--mirror", "file:///mirror/a=http://m2",
        "--any-channel", "--no-tls-verify", "--offline", "--spec=c::six",
    )  # fmt: skip


@pytest.mark.processes
@pytest.mark.parametrize(
    "spec", ["conda-forge::tiny-c", "both::tiny-c >=1", "conda-forge/noarch::tiny-c=1"]
)
def test_a_channels_name_in_a_spec_is_what_condarc_says(
    file: CondaFile, home: Path, root: Path, spec: str
) -> None:
    for folder, name in (("empty", "tiny-b"), ("conda-forge", "tiny-c"), ("conda-forge", "tiny-d")):
        tiny_channel.add(root / folder, name, "1.0")
    alias = root.as_uri()
    (home / ".condarc").write_text(
        f"channel_alias: {alias}\ncustom_multichannels: {{both: [empty, conda-forge]}}\n"
    )
    file = replace(file, channels=("empty", "conda-forge", "nodefaults"), dependencies=(spec,))
    engine, prefix = conda_engines.Rattler(sys.executable), root / "env"
    for specs in ((spec,), ("tiny-d",)):  # the second solves for the first's record, too
        command = replace(
            engine.install(prefix, file, specs), env={"RATTLER_CACHE_DIR": str(home / "cache")}
        )
        assert process.run(command).ok
    record = json.loads((prefix / "conda-meta/tiny-c-1.0-0.json").read_text("utf-8"))
    assert record["requested_specs"][0].startswith(spec.partition("::")[0])  # and no address


@pytest.mark.processes
@cases("written, version", {"an age": ("7 days", "1.0"), "a date": ("2020-06-01", "0.9")})
def test_rattler_takes_no_younger_package(
    file: CondaFile, home: Path, root: Path, written: str, version: str
) -> None:
    now = datetime.now(UTC)
    times = {
        "0.9": datetime(2020, 6, 1, 23, tzinfo=UTC),
        "1.0": now - timedelta(days=8),
        "2.0": now,
    }
    for one, built in times.items():
        url = tiny_channel.add(root / "aged", "tiny-aged", one, built=built)
    file = replace(file, channels=(url,), dependencies=("tiny-aged",))
    options = Options(exclude_newer=Limit.parse(written))
    engine, env = conda_engines.Rattler(sys.executable, options), {"RATTLER_CACHE_DIR": str(home)}
    solved = process.run(replace(engine.solve(None, file, ["--subdir=linux-64"]), env=env))
    assert [one["version"] for one in json.loads(solved.stdout)["linux-64"]] == [version]
    assert process.run(replace(engine.install(root / "env", file, ("tiny-aged",)), env=env)).ok
    assert (root / "env/share/tiny-aged.txt").read_text("utf-8") == version


@cases(
    "name, said, older",
    {
        "conda that ignores it": ("conda", "conda 24.7.1\n", "24.7.1"),
        "the first conda that follows it": ("conda", "conda 26.9.0\n", ""),
        "a later one": ("conda", "conda 26.11.2\n", ""),
        "mamba that ignores it": ("mamba", "2.8.1\n", "2.8.1"),
        "nothing": ("micromamba", "", ""),
    },
)
def test_which_engines_would_ignore_the_age(name: str, said: str, older: str) -> None:
    since = conda_engines.ENGINES[name].limits_since
    assert conda_limits.older(said, since) == older


@pytest.mark.parametrize("key", ["ssl_verify", "channel_priority", "offline"])
def test_odd_setting_is_no_crash(file: CondaFile, home: Path, root: Path, key: str) -> None:
    (home / ".condarc").write_text(f"{key}: {{a: b}}\n")
    said = key
    try:
        _engine("rattler").install(root, file, ("six",))
    except LabError as error:
        said = str(error)
    assert key in said


class Counting(BaseHTTPRequestHandler):
    """Count the requests, and answer each with 404."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        """Note the path."""
        self.asked.append(self.path)
        self.send_error(404)

    do_HEAD = do_GET  # noqa: N815 - the standard library looks for these names

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.mark.processes
@pytest.mark.parametrize("action", ["probe", "search", "install"])
def test_offline_no_channel_is_asked(file: CondaFile, home: Path, root: Path, action: str) -> None:
    actions: dict[str, Callable[[conda_engines.Rattler], Command]] = {
        "probe": lambda engine: engine.probe(file),
        "search": lambda engine: engine.search(file, ("six",)),
        "install": lambda engine: engine.install(root / "env", file, ("six",)),
    }
    Counting.asked.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Counting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for offline, asked in (("false", True), ("true", False)):
            # a late request of the first is not the second's
            alias = f"http://127.0.0.1:{server.server_port}/{offline}"
            (home / ".condarc").write_text(
                f"channel_alias: {alias}\nremote_max_retries: 0\noffline: {offline}\n"
            )
            engine = conda_engines.Rattler(sys.executable)
            command = replace(
                actions[action](engine), env={"RATTLER_CACHE_DIR": str(home / "cache")}
            )
            assert not process.run(command).ok or action == "search"
            assert any(path.startswith(f"/{offline}/") for path in Counting.asked) is asked, (
                Counting.asked
            )
        server.shutdown()


def test_worker_stands_where_the_engine_looks() -> None:
    assert conda_engines.WORKER.is_file()


@pytest.mark.parametrize("name", conda_engines.ENGINES)
def test_variables_of_the_user_steer_no_engine(
    name: str, file: CondaFile, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for table in (*VARIABLES, PIP):
        for one in table.named(Use.UNSET, Use.DECIDED):
            monkeypatch.setenv(one, "/theirs")
    monkeypatch.setenv("CONDA_PKGS_DIRS", "/kept")
    engine = _engine(name)
    commands = [
        engine.create(root / "env", file),
        engine.install(root / "env", file, ("six",)),
        engine.uninstall(root / "env", file, ("six",)),
        engine.explicit(root / "env", file, root / "listed"),
        engine.ask("ask", "--version"),
    ]
    for command in commands:
        env = process.environment(command.env)
        assert "/theirs" not in env.values()
        assert env["CONDA_PKGS_DIRS"] == "/kept"


@pytest.fixture
def on_path(root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder that is all of PATH."""
    folder = root / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@cases(
    "programs, asked, chosen",
    {
        "no conda": ((), "auto", "rattler"),
        "micromamba": (("micromamba",), "auto", "micromamba"),
        "mamba before micromamba": (("micromamba", "mamba"), "auto", "mamba"),
        "conda before all": (("micromamba", "mamba", "conda"), "auto", "conda"),
        "rattler asked for": (("conda",), "rattler", "rattler"),
        "mamba asked for": (("conda", "mamba"), "mamba", "mamba"),
    },
)
def test_choice(on_path: Path, programs: tuple[str, ...], asked: str, chosen: str) -> None:
    for name in programs:
        (on_path / name).touch(mode=0o755)
    engine = conda_engines.choose(asked)
    assert engine.name == chosen
    assert engine.program == (sys.executable if chosen == "rattler" else str(on_path / chosen))
    assert conda_engines.on_path() == [
        name for name in ("conda", "mamba", "micromamba") if name in programs
    ]


def test_engine_that_is_not_on_this_machine(on_path: Path) -> None:
    assert os.listdir(on_path) == []  # noqa: PTH208 - its names are all that matters
    with pytest.raises(LabError, match="The engine mamba is not on PATH") as caught:
        conda_engines.choose("mamba")
    assert caught.value.exit_code == ExitCode.TOOL_MISSING
    assert "--engine rattler" in str(caught.value.remedy)


@pytest.mark.parametrize("name", ["", "Conda", "pixi", "../conda"])
def test_unknown_engine_lists_the_valid_ones(name: str) -> None:
    with pytest.raises(LabError) as caught:
        conda_engines.choose(name)
    assert "auto, conda, mamba, micromamba, rattler" in caught.value.message


def test_root_of_a_conda_is_above_its_program(
    on_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "condabin").mkdir()
    (root / "condabin/conda").touch(mode=0o755)
    (on_path / "conda").symlink_to(root / "condabin/conda")
    assert conda_engines.choose("conda").root == root
    assert conda_engines.choose("rattler").root is None
    monkeypatch.setenv("MAMBA_ROOT_PREFIX", "/mm")
    assert str(conda_engines.Micromamba("/x/micromamba").root) == "/mm"


def test_a_preview_that_cannot_be_read_is_never_taken_for_nothing_to_do() -> None:
    said = '{"success": true, "actions": {"LINK": [{"name": "six", "version": "1.17.0"}]}}'
    assert conda_previews.linked(outcome(0, said)) == [("six", "1.17.0")]
    said = '{"message": "All requested packages already installed."}'
    assert conda_previews.linked(outcome(0, said)) == []
    for code, text in (
        (0, "Proceed?"),
        (1, '{"error": "PackagesNotFoundError: x\\n  - nope"}'),
        (1, "{}"),
    ):
        with pytest.raises(LabError):
            conda_previews.linked(outcome(code, text))


def test_a_preview_of_mamba_says_in_its_log_why_it_failed() -> None:
    said = "└─ no-such-zz =* * does not exist (perhaps a typo or a missing channel)."
    with pytest.raises(LabError) as caught:
        conda_previews.linked(outcome(1, json.dumps({"log_history": [{"message": said}]})))
    assert caught.value.message.endswith(f": {said}")


def test_a_preview_of_mamba_without_a_name_is_asked_for_again_in_words() -> None:
    command = conda_previews.preview(Command(("/x/micromamba", "install", "zz")))
    said = '{"solver_problems": ["unsupported request"], "success": false}'  # micromamba 2.8.1
    again = conda_previews.in_words(Outcome(command, 1, said, "", 0.1))
    assert again is not None
    assert again.argv == ("/x/micromamba", "install", "zz", "--dry-run")
    for code, text in ((0, said), (1, '{"error": "PackagesNotFoundError: x"}')):
        assert conda_previews.in_words(Outcome(command, code, text, "", 0.1)) is None


def test_offline_is_said_to_mamba_too() -> None:
    command = conda_engines.Mamba("/x/mamba", Options(offline=True)).ask("look", "info")
    assert (command.env["CONDA_OFFLINE"], command.env["MAMBA_OFFLINE"]) == ("true", "true")
