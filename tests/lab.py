"""Run mlops-lab for real, in its own home and project, and check each answer by the contract."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema

from tasks_lib import bootstrap
from tasks_lib.execution import process
from tasks_lib.project.options import Options
from tasks_lib.project.settings import Settings
from tasks_lib.tools import package_index
from tasks_lib.tools.uv_variables import UV
from tasks_lib.tools.variables import Use
from tests import forks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[1]
ENTRY = ROOT / "tasks_lib" / "__main__.py"
#: not a virtual environment's: the interpreter of a user who types `python3`
PYTHON = str(getattr(sys, "_base_executable", sys.executable))
VERSION = "{}.{}".format(*sys.version_info)
#: A proof's channel is built only on Linux, and not from a system's own Python. Elsewhere the
#: declared one must answer.
LOCAL_CHANNEL = "local" if sys.platform == "linux" and sys.base_prefix != "/usr" else "auto"
#: the tasks that need no project, and take no combo
ANYWHERE = {"completion", "docs", "proof.verify", "proof.compare", "proof.page"}
#: nothing listens there
DEAD = "http://127.0.0.1:9"
_DROPPED = (
    "MLOPS_LAB_",
    "CONDA",
    "MAMBA",
    "POETRY_",
    "PYTEST_",
    "COVERAGE",
    "XDG_",
    "PYTHON",
    "INVOKE_",
    "_CE_",
)
_READ = 1 << 16
_SCHEMA = jsonschema.Draft202012Validator(
    json.loads((ROOT / "tasks_lib/report/schema.json").read_text("utf-8"))
)

PYPROJECT = """\
# a small project
[project]
name = "tiny-lab"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["click-default-group>=1.2"]  # brings click

[dependency-groups]
dev = ["iniconfig>=2"]

[tool.poetry]
package-mode = false

[tool.uv]
package = false
"""
#: what that installs, and what it is imported as
INSTALLED = {
    "click-default-group": "click_default_group",
    "click": "click",
    "iniconfig": "iniconfig",
}
CONDA_YML = f"""\
# the environment layer
name: tiny_env
channels:
  - conda-forge
dependencies:
  - python={VERSION}  # the interpreter
  # conda itself wants it
  - pip
"""


@dataclass(frozen=True)
class Answer:
    """What one run left."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """Return the one JSON document that is all of stdout."""
        found: dict[str, Any] = json.loads(self.stdout)
        return found

    @property
    def data(self) -> dict[str, Any]:
        """Return the data of a listing or a plan."""
        found: dict[str, Any] = self.document.get("data", {})
        return found

    @property
    def results(self) -> list[dict[str, Any]]:
        """Return the results."""
        found: list[dict[str, Any]] = self.document["results"]
        return found

    def ids(self, status: str) -> set[str]:
        """Return the ids of the results with this status."""
        return {result["id"] for result in self.results if result["status"] == status}

    def error(self) -> dict[str, Any]:
        """Return the only result of a run that stopped with an error; it must have a sentence."""
        assert self.code not in {0, 1}, self
        (result,) = self.results
        assert result["status"] == "error", result
        assert result["detail"].strip(), result
        return result


def expect_contract(answer: Answer) -> None:
    """Check a JSON answer by the published schema and by the exit code of the process."""
    faults = [
        f"{error.json_path}: {error.message}" for error in _SCHEMA.iter_errors(answer.document)
    ]
    assert not faults, faults
    assert answer.document["exit_code"] == answer.code


@dataclass(frozen=True)
class Case:
    """A combo, and for the conda layer the engine that makes its environment."""

    combo: str
    engine: str = ""

    def __str__(self) -> str:
        """Return the test's id."""
        return f"{self.combo}-{self.engine}" if self.engine else self.combo

    @property
    def layer(self) -> str:
        """Name the environment layer."""
        return self.combo.partition("_")[0]

    @property
    def manager(self) -> str:
        """Name the dependency manager."""
        return self.combo.partition("_")[2]

    @property
    def lock(self) -> str:
        """Name the lock."""
        return f"{self.manager}.lock"


#: A folder with a conda, mamba or micromamba, which the tests use instead of the conda that they
#: make (real_conda.py) and of what is on PATH.
GIVEN = os.environ.get("MLOPS_LAB_TEST_CONDA", "")
if GIVEN:
    _CLIS = tuple(name for name in ("conda", "mamba", "micromamba") if Path(GIVEN, name).exists())
    assert _CLIS, f"MLOPS_LAB_TEST_CONDA: {GIVEN} has no conda, mamba or micromamba"
else:
    _CLIS = ("conda", *(name for name in ("mamba", "micromamba") if shutil.which(name)))
ENGINES = ("rattler", *_CLIS)
#: the one command line, for tests where any does
CLI = _CLIS[0]
CASES = tuple(
    Case(f"{layer}_{manager}", engine)
    for layer, engines in (("pip", ("",)), ("conda", ENGINES))
    for manager in ("poetry", "uv")
    for engine in engines
)
#: for tests where only the manager matters, where the environment layer and its engine do, and
#: where all of these do: each once
MANAGERS = tuple(case for case in CASES if case.layer == "pip")
LAYERS = (
    MANAGERS[-1],
    Case("conda_poetry", "rattler"),
    *(Case("conda_uv", engine) for engine in _CLIS),
)
SAMPLE = (MANAGERS[0], *LAYERS)
#: where a conda layer and a manager do: each manager and each engine once
HYBRIDS = LAYERS[1:]


@dataclass
class Lab:
    """A home with a project in it; calling it runs mlops-lab there."""

    home: Path
    env: dict[str, str]
    case: Case | None = None
    condabin: Path | None = None
    project: Path = field(init=False)

    def __post_init__(self) -> None:
        """Make the project's folder, with a space and an accent in its path."""
        self.project = self.home / "mon projet é"
        self.project.mkdir(parents=True, exist_ok=True)

    @property
    def prefix(self) -> Path:
        """Return the environment's folder, as the documentation names it."""
        pip = self.case is None or self.case.layer == "pip"
        return self.project / ".venv" if pip else self.home / ".conda" / "envs" / "tiny_env"

    @property
    def python(self) -> Path:
        """Return the environment's own interpreter."""
        return self.prefix / "bin" / "python"

    def records(self) -> list[Path]:
        """List what an unfinished run leaves in the user's state folder."""
        known = ("journal.json", "before", "lock", "explicit.txt")
        checkouts = self.home / ".local" / "state" / "mlops-lab" / "checkouts"
        return [path for path in checkouts.glob("*/*") if path.name in known]

    @property
    def lock(self) -> Path:
        """Return the path of the lock."""
        assert self.case is not None
        return self.project / self.case.lock

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project."""
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def argv(self, *args: str, json: bool) -> list[str]:
        """Return the command line; the options of the case follow the task's name."""
        task, *rest = args
        options = ["--json"] if json else []
        if self.case and "--combo" not in rest and task not in ANYWHERE:
            options += ["--combo", self.case.combo]
            options += ["--engine", self.case.engine] if self.case.engine else []
        return [PYTHON, str(ENTRY), task, *options, *rest]

    def __call__(
        self,
        *args: str,
        json: bool = True,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Answer:
        """Run a task and check its output by the contract; a variable set to nothing is unset."""
        answer = self._task(self.argv(*args, json=json), cwd=cwd or self.project, env=env or {})
        expect_no_traceback(answer)
        if json:
            expect_contract(answer)
        return answer

    def _task(self, argv: list[str], *, cwd: Path, env: Mapping[str, str]) -> Answer:
        """Run a task as a fork where that is the same as a start."""
        variables = {name: value for name, value in {**self.env, **env}.items() if value}
        if forks.suits(variables):
            return Answer(*forks.run(argv[2:], folder=cwd, variables=variables))
        return self.run(argv, cwd=cwd, env=env)

    def ok(self, *args: str) -> Answer:
        """Run a task that must end well."""
        answer = self(*args)
        assert answer.code == 0, (args, answer.stdout, answer.stderr)
        return answer

    def run(
        self, argv: list[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> Answer:
        """Run any program with this home."""
        child = self.start(argv, cwd=cwd, env=env)
        stdout, stderr = child.communicate(timeout=300)
        return Answer(child.returncode, stdout, stderr)

    def start(
        self, argv: list[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start any program with this home, in a session of its own, as a terminal would."""
        return subprocess.Popen(
            argv,
            cwd=cwd or self.project,
            env={name: value for name, value in {**self.env, **(env or {})}.items() if value},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            start_new_session=True,
        )

    def conda(self, *args: str) -> Answer:
        """Run the real conda."""
        assert self.condabin is not None
        return self.run([str(self.condabin / "conda"), *args])

    def installed(self) -> dict[str, str]:
        """Return names and versions of what is installed, conda's own packages too."""
        (site,) = self.prefix.glob("lib/python*/site-packages")
        found = {}
        for one in importlib.metadata.distributions(path=[str(site)]):
            found[str(one.name).lower().replace("_", "-")] = one.version
        return found

    def imports(self, *modules: str) -> Path:
        """Import modules with the environment's own Python, and return its `sys.prefix`."""
        answer = self.run(
            [
                str(self.python),
                "-I",
                "-B",
                "-c",
                f"import sys, {', '.join(modules)}; print(sys.prefix)",
            ]
        )
        assert answer.code == 0, (answer, self.installed())
        return Path(answer.stdout.strip())

    def manifests(self) -> dict[str, bytes]:
        """Return the content of the project's own files, without those of its environment."""
        return {
            path.name: path.read_bytes()
            for path in sorted(self.project.iterdir())
            if path.is_file()
        }

    def declared(self) -> dict[str, bytes]:
        """Return the manifests without the locks: a whole lock may stay when another step fails."""
        return {name: data for name, data in self.manifests().items() if not name.endswith(".lock")}

    @property
    def channel(self) -> Path:
        """Return the folder of a channel of its own, without a space for mamba and micromamba.

        Their 2.8.1 refuse a `file:` address whose path has one, however it is written.
        """
        if self.case and "mamba" in self.case.engine:
            return self.home.parents[1] / f"tiny-{os.path.basename(self.home.parent)[-1]}"  # noqa: PTH119
        return self.home / "tiny"

    def tree(self) -> dict[str, tuple[object, ...]]:
        """Describe every file of the home and the project, but caches and what runs record."""
        state = Path(".local", "state", "mlops-lab")
        own = {*map(str, (state, *state.parents))}
        found = tree(self.home)
        return {
            name: facts
            for name, facts in found.items()
            if name not in own and not name.startswith(f"{state}/")
        }


def expect_no_traceback(answer: Answer) -> None:
    """Check that a user does not see a traceback."""
    for text in (answer.stdout, answer.stderr):
        assert "Traceback (most recent call last)" not in text, answer
        assert "error.internal" not in text, answer
        assert "a fault of mlops-lab itself" not in text, answer


def tree(root: Path) -> dict[str, tuple[object, ...]]:
    """Describe every file under `root` but the home's cache and bytecode outside of projects."""
    found: dict[str, tuple[object, ...]] = {}
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in {".cache", "__pycache__"}]
        for name in (*folders, *files):
            path = Path(folder, name)
            facts = path.lstat()
            shown = str(path.relative_to(root))
            if path.is_symlink():
                found[shown] = ("link", str(path.readlink()))
            elif path.is_dir():
                found[shown] = ("folder", oct(facts.st_mode))
            else:
                # a large file is known well enough by its size and time
                read = path.is_file() and facts.st_size < _READ
                digest = hashlib.sha256(path.read_bytes()).hexdigest() if read else ""
                found[shown] = (
                    "file",
                    oct(facts.st_mode),
                    facts.st_size,
                    facts.st_mtime_ns,
                    digest,
                )
    return found


@contextlib.contextmanager
def untouched(*labs: Lab) -> Iterator[None]:
    """Check that the block changes nothing on the disk."""
    before = [lab.tree() for lab in labs]
    yield
    for lab, expected in zip(labs, before, strict=True):
        assert differences(expected, lab.tree()) == {}


def differences(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, list[str]]:
    """Name what is new, gone or changed between two trees."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            found[
                "new" if name not in before else "gone" if name not in after else "changed"
            ].append(name)
    return dict(found)


def variables(home: Path) -> dict[str, str]:
    """Return a process's variables: its own home, and the caches that this user's runs share."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(_DROPPED)}
    for name in process.FOREIGN:
        own.pop(name, None)
    for name in UV.set_in(own, Use.UNSET, Use.DECIDED, Use.ENVIRONMENT):
        del own[name]
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    own |= {
        "HOME": str(home),
        "MLOPS_LAB_CACHE_DIR": bootstrap.cache_folder(),
        "UV_CACHE_DIR": os.environ.get("UV_CACHE_DIR") or str(caches / "uv"),
        "POETRY_CACHE_DIR": os.environ.get("POETRY_CACHE_DIR") or str(caches / "pypoetry"),
        "MLOPS_LAB_INDEX_URL": _index(),
    }
    return {name: value for name, value in own.items() if value}


def _index() -> str:
    """Return the index that this user has set, since the other home has no files of the user."""
    found = package_index.resolve(Options.resolve(Settings(), os.environ))
    return found.url if found.source else ""


def wheel(folder: Path, name: str, files: Mapping[str, str]) -> str:
    """Write a wheel of version 1 with these files into a folder, and return its file's name."""
    meta = f"{name}-1.dist-info"
    whole = {
        **files,
        f"{meta}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n",
        f"{meta}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(folder / f"{name}-1-py3-none-any.whl", "w") as made:
        for path, text in whole.items():
            made.writestr(path, text)
        made.writestr(
            f"{meta}/RECORD", "".join(f"{path},,\n" for path in (*whole, f"{meta}/RECORD"))
        )
    return f"{name}-1-py3-none-any.whl"


def tools() -> Path:
    """Return the folder of the tool environment's programs."""
    return Path(bootstrap.ensure(bootstrap.REQUIREMENTS)).parent
