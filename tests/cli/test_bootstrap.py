"""The first start in real processes: this package's entry, with a list of one tiny wheel."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).parents[2] / "tasks_lib"
FILES = (
    "__init__.py",
    "__main__.py",
    "bootstrap.py",
    "errors.py",
    "cli/__init__.py",
    "cli/startup_error.py",
    "execution/__init__.py",
    "execution/file_lock.py",
    "execution/folder_state.py",
    "execution/forking.py",
    "execution/keeping.py",
    "execution/process.py",
    "execution/redaction.py",
    "execution/streams.py",
    "execution/time_limit.py",
    "tools/__init__.py",
    "tools/pip_variables.py",
    "tools/variables.py",
)
PROGRAM = """
import json, os, sys

def main(argv, bundled, *, own_tasks):
    import tiny
    facts = {"argv": argv, "own_tasks": own_tasks, "prefix": sys.prefix, "path": sys.path}
    facts["tiny"] = tiny.__file__
    print(json.dumps({**facts, "env": dict(os.environ)}))
    return 7
"""
RAN = 7
MAKING = "mlops-lab: making the tool environment"


def wheel(folder: Path) -> str:
    """Write a wheel of one module, and return its hash."""
    texts = {
        "tiny.py": "NAME = 'tiny'\n",
        "tiny-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n",
        "tiny-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\n"
        "Root-Is-Purelib: true\nTag: py3-none-any\n",
    }
    digests = {
        name: base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest())
        for name, text in texts.items()
    }
    record = "".join(
        f"{name},sha256={digests[name].decode().rstrip('=')},{len(texts[name])}\n" for name in texts
    )
    path = folder / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {
            **texts,
            "tiny-1.0.dist-info/RECORD": f"{record}tiny-1.0.dist-info/RECORD,,\n",
        }.items():
            # without the time: the same hash each time
            archive.writestr(zipfile.ZipInfo(name), text)
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Checkout:
    """A checkout of the first start's files, a program that prints what it sees, and a cache."""

    def __init__(self, root: Path, cache: Path) -> None:
        """Copy what the first start consists of."""
        (root / "tasks_lib").mkdir(parents=True)
        for name in FILES:
            (root / "tasks_lib" / name).parent.mkdir(exist_ok=True)
            shutil.copy(PACKAGE / name, root / "tasks_lib" / name)
        (root / "tasks_lib/cli/program.py").write_text(PROGRAM)
        (root / "tasks_lib/cli/quick_invoke.py").write_text("def load():\n    pass\n")
        (root / "tasks_lib/tasks.py").write_text("namespace = None\n")
        (root / "tasks_lib/tools.txt").write_text(f"tiny==1.0 --hash=sha256:{wheel(root)}\n")
        self.root, self.cache = root, cache
        #: what is typed before Python
        self.before: tuple[str, ...] = ()
        dropped = ("PIP_", "MLOPS_LAB_", "PYTHON", "VIRTUAL_ENV", "XDG_")
        self.env = {
            name: value for name, value in os.environ.items() if not name.startswith(dropped)
        }
        self.env |= {
            "MLOPS_LAB_CACHE_DIR": str(cache),
            "PIP_CONFIG_FILE": os.devnull,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        # pip splits PIP_FIND_LINKS at spaces
        self.env |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": root.as_uri()}

    def start(
        self, *argv: str, how: tuple[str, ...] = ("-m", "tasks_lib"), **env: str
    ) -> subprocess.Popen[str]:
        """Start Python on this checkout."""
        return subprocess.Popen(
            [*self.before, sys.executable, *how, *argv],
            cwd=self.root,
            env=self.env | env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def run(
        self, *argv: str, how: tuple[str, ...] = ("-m", "tasks_lib"), **env: str
    ) -> tuple[int, str, str]:
        """Run Python on this checkout to its end."""
        child = self.start(*argv, how=how, **env)
        out, err = child.communicate(timeout=120)
        return child.returncode, out, err

    @property
    def home(self) -> Path:
        """Return the one environment that the cache holds."""
        (found,) = self.cache.glob("tools-*[!k]")
        return found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Checkout, list[str]]:
    """Make one tool environment by two starts at the same time, and keep what they said."""
    folder = tmp_path_factory.mktemp("bootstrap é x")
    checkout = Checkout(folder / "check out", folder / "cache")
    children = [checkout.start("setup") for _ in range(2)]
    ends = [(*child.communicate(timeout=120), child.returncode) for child in children]
    assert [end[-1] for end in ends] == [RAN, RAN], ends
    assert [json.loads(end[0])["prefix"] for end in ends] == [str(checkout.home)] * 2
    return checkout, [end[1] for end in ends]


@pytest.fixture
def fresh(tmp_path: Path) -> Checkout:
    """Return a checkout with an empty cache."""
    return Checkout(tmp_path / "checkout", tmp_path / "cache")


def test_two_at_once_make_it_once(made: tuple[Checkout, list[str]]) -> None:
    waiting, making = sorted(made[1], key=lambda said: MAKING in said)
    assert making.startswith(f"{MAKING} (once, about ")
    assert making.count("\n") == waiting.count("\n") == 1
    assert waiting.startswith(
        "mlops-lab: waiting for the run that makes the tool environment (process "
    )


def test_its_bytecode_is_compiled(made: tuple[Checkout, list[str]]) -> None:
    checkout, _ = made
    assert list(checkout.home.glob("[lL]ib/**/__pycache__/tiny.*.pyc"))
    # PYTHONDONTWRITEBYTECODE is set, and respected
    assert not list(checkout.root.glob("**/__pycache__"))


def facts(answer: tuple[int, str, str]) -> dict[str, Any]:
    """Return what the program saw."""
    code, out, err = answer
    assert (code, err) == (RAN, "")
    found: dict[str, Any] = json.loads(out)
    return found


@pytest.mark.parametrize(
    "how", [("-m", "tasks_lib"), ("tasks_lib/__main__.py",)], ids=["module", "file"]
)
def test_nothing_foreign_reaches_the_tools(
    made: tuple[Checkout, list[str]], tmp_path: Path, how: tuple[str, ...]
) -> None:
    checkout, _ = made
    for folder in (tmp_path, checkout.root, checkout.root / "tasks_lib"):
        (folder / "tiny.py").write_text("raise SystemExit('the wrong tiny')")
    (checkout.root / "tasks_lib/json.py").write_text("raise SystemExit('the wrong json')")
    argv = ["env.run", "a b", "é", "--json"]
    seen = facts(
        checkout.run(
            *argv, how=how, PYTHONPATH=str(tmp_path), VIRTUAL_ENV="/its/own", CONDA_PREFIX="/c"
        )
    )
    assert seen["argv"] == argv
    assert seen["own_tasks"] is False
    assert Path(seen["tiny"]).is_relative_to(checkout.home)
    assert seen["path"][-1] == str(checkout.root)
    assert str(tmp_path) not in seen["path"]
    assert seen["env"]["VIRTUAL_ENV"] == "/its/own"
    assert seen["env"]["CONDA_PREFIX"] == "/c"
    assert seen["env"]["MLOPS_LAB_TOOLS"] == str(checkout.home)
    assert "MLOPS_LAB_OWN_TASKS" not in seen["env"]


def test_the_console_script_has_its_own_tasks(made: tuple[Checkout, list[str]]) -> None:
    script = "import sys; from tasks_lib.__main__ import main; sys.exit(main())"
    seen = facts(made[0].run("setup", how=("-c", script)))
    assert (seen["argv"], seen["own_tasks"]) == (["setup"], True)


def test_rerun_goes_on_in_the_tool_environment(made: tuple[Checkout, list[str]]) -> None:
    seen = facts(
        made[0].run(how=("-c", "from tasks_lib.__main__ import rerun; rerun(['a', '--json'])"))
    )
    assert (seen["argv"], seen["own_tasks"]) == (["a", "--json"], False)


@pytest.mark.parametrize(
    ("file", "why"),
    [
        pytest.param("tiny.py", "its files are not those that were installed", id="damaged"),
        pytest.param(".complete", "an earlier run did not finish it", id="half made"),
    ],
)
def test_it_is_made_again(
    made: tuple[Checkout, list[str]], tmp_path: Path, file: str, why: str
) -> None:
    checkout = Checkout(tmp_path / "checkout", made[0].cache)
    next(checkout.home.rglob(file)).unlink()
    code, out, err = checkout.run("setup")
    assert code == RAN
    assert json.loads(out)["argv"] == ["setup"]
    assert err.startswith(f"{MAKING} again: {why} (about ")
    assert err.count("\n") == 1


def refused(checkout: Checkout, code: int, answer: tuple[int, str, str]) -> str:
    """Check the form of a refusal, and that it leaves nothing; return what it printed."""
    assert answer[0] == code, answer
    document = json.loads(answer[1])
    (result,) = document["results"]
    assert (document["status"], document["exit_code"], document["command"]) == (
        "error",
        code,
        "setup",
    )
    line = answer[2].splitlines()[-1]
    assert line == f"mlops-lab: {result['detail']}" + (
        f" Next: {result['remedy']}" if result["remedy"] else ""
    )
    assert "Traceback" not in answer[2]
    assert not list(checkout.cache.glob("tools-*[!k]"))
    return line


def test_a_cache_folder_that_cannot_be_written(fresh: Checkout) -> None:
    fresh.cache.write_text("")  # root may write into any folder, but into no file
    line = refused(fresh, 2, fresh.run("setup", "--json"))
    assert "cannot be written: File exists. Next: Set MLOPS_LAB_CACHE_DIR" in line


@pytest.fixture
def shared(made: tuple[Checkout, list[str]], tmp_path: Path) -> Iterator[Checkout]:
    """Return a checkout of a user who may only read the cache in which an owner made it all."""
    checkout = Checkout(tmp_path / "checkout", made[0].cache)
    checkout.env |= {"HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}
    if os.geteuid():
        folders = [checkout.cache, *(one for one in checkout.cache.rglob("*") if one.is_dir())]
        for folder in folders:
            folder.chmod(0o555)
        yield checkout
        for folder in folders:
            folder.chmod(0o755)
        return
    mount = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    checkout.before = ("unshare", "-m", "sh", "-c", mount, str(checkout.cache))
    if subprocess.run([*checkout.before, "true"], capture_output=True, check=False).returncode:
        pytest.skip("root may write everywhere, and a read-only mount is refused")
    yield checkout


@pytest.mark.skipif(os.name != "posix", reason="Windows has neither of these two ways")
def test_a_whole_one_in_a_cache_that_can_only_be_read(shared: Checkout) -> None:
    before = sorted(shared.cache.rglob("*"))
    seen = facts(shared.run("setup"))
    assert (seen["prefix"], seen["argv"]) == (str(shared.home), ["setup"])
    lock = "from tasks_lib import bootstrap; print(bootstrap.lock_place('an environment'))"
    code, out, err = shared.run(how=("-c", lock))
    assert (code, err) == (0, "")
    assert Path(out).is_relative_to(Path(shared.env["HOME"], ".cache", "mlops-lab"))
    assert sorted(shared.cache.rglob("*")) == before


@pytest.mark.skipif(os.name != "posix", reason="Windows has neither of these two ways")
def test_one_that_does_not_fit_in_a_cache_that_can_only_be_read(shared: Checkout) -> None:
    home = shared.home
    (shared.root / "tasks_lib/tools.txt").write_text("another==2.0\n")
    code, out, err = shared.run("setup", "--json")
    (result,) = json.loads(out)["results"]
    assert (code, result["code"]) == (2, "cache_not_writable")
    version = sys.version.split()[0]
    assert f"{shared.cache}, which is read-only and holds none for this version" in err
    assert f"with Python {version} (" in err
    assert f"with MLOPS_LAB_CACHE_DIR={shared.cache} and this Python, or set" in err
    assert err.count("\n") == 1
    assert list(shared.cache.glob("tools-*[!k]")) == [home]


def test_an_index_that_does_not_answer(fresh: Checkout) -> None:
    del fresh.env["PIP_NO_INDEX"]
    fresh.env["PIP_FIND_LINKS"] = ""
    # nothing listens there
    answer = fresh.run("setup", "--json", MLOPS_LAB_INDEX_URL="http://127.0.0.1:9/simple")
    line = refused(fresh, 4, answer)
    assert "does not answer: Connection refused. Next: " in line
    assert "MLOPS_LAB_INDEX_URL" in line


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_interrupted(fresh: Checkout, number: int) -> None:
    child = fresh.start("setup", "--json")
    assert child.stderr is not None
    assert child.stderr.readline().startswith(MAKING)
    until = time.monotonic() + 10
    while not list(fresh.cache.glob("tools-*/bin/python")) and time.monotonic() < until:
        time.sleep(0.02)
    child.send_signal(number)
    out, err = child.communicate(timeout=30)
    refused(fresh, 130, (child.returncode, out, err))


def old_pythons() -> list[str]:
    """Find Pythons older than the oldest that will do: on PATH, and pyenv's."""
    names = [f"python3.{minor}" for minor in range(6, 11)]
    found = [
        path
        for name in names
        if (path := shutil.which(name)) and not Path(path).read_bytes().startswith(b"#!")
    ]
    return found + [
        str(path) for name in names for path in Path.home().glob(f".pyenv/versions/*/bin/{name}")
    ]


@pytest.mark.parametrize(
    "how", [("-m", "tasks_lib"), ("tasks_lib/__main__.py",)], ids=["module", "file"]
)
@pytest.mark.parametrize(
    "python", old_pythons() or [pytest.param("", marks=pytest.mark.skip("no old Python here"))]
)
def test_a_python_that_is_too_old(fresh: Checkout, python: str, how: tuple[str, ...]) -> None:
    (fresh.root / "bin").mkdir()
    shutil.copy(sys.executable, fresh.root / "bin" / "python3.99")  # past what is looked for
    shutil.copy(sys.executable, fresh.root / "bin" / "python3.12")
    child = subprocess.run(
        [python, *how, "setup", "--json", "a b"],
        cwd=fresh.root,
        env=fresh.env | {"PATH": str(fresh.root / "bin")},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    line = refused(fresh, 3, (child.returncode, child.stdout, child.stderr))
    assert line.startswith("mlops-lab: mlops-lab needs Python 3.11 or newer, and this is 3.")
    assert line.endswith(" Next: python3.12 -m tasks_lib setup --json 'a b'")
