"""Each check that only a hybrid needs, on what is sound and on what is broken.

Selection, settings and explanation.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from tasks_lib import bootstrap, checks
from tasks_lib.checks.registry import FACT_CHECKS, KNOWN, families, fixes
from tasks_lib.checks.selection import Selection
from tasks_lib.checks.tools import FAMILIES
from tasks_lib.cohort import grading
from tasks_lib.errors import ExitCode, LabError
from tasks_lib.managers import poetry_settings
from tasks_lib.ownership.facts import Facts
from tasks_lib.project import included
from tasks_lib.project.included import Included
from tasks_lib.report import presentable
from tasks_lib.results import Fix, Result, Status
from tasks_lib.session import journal, transaction
from tasks_lib.session.session import Session
from tasks_lib.tools import package_index
from tasks_lib.workflows import auditing, fixing
from tests.cases import cases

if TYPE_CHECKING:
    from tests.conftest import MakeProject
    from tests.unit.conftest import Install, Link

CONDA = "name: demo\nchannels: [conda-forge]\ndependencies:\n  - python=3.11\n  - pip\n"
PYPROJECT = """\
[project]
name = "demo"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = ["rich>=13"]
"""
UV_LOCK = """\
version = 1
[[package]]
name = "demo"
version = "0.1.0"
source = { virtual = "." }
dependencies = [{ name = "rich" }]
[[package]]
name = "rich"
version = "13.0.0"
dependencies = [{ name = "colorama", marker = "sys_platform == 'win32'" }, { name = "pygments" }]
[[package]]
name = "colorama"
version = "0.4.6"
[[package]]
name = "pygments"
version = "2.17.0"
"""
POETRY_LOCK = '[[package]]\nname = "rich"\nversion = "{}"\n'


class Look(Protocol):
    """Run one check."""

    def __call__(self, check: str, combo: str = "conda_uv") -> list[Result]:
        """Return its results."""


@pytest.fixture
def sound(project: MakeProject, conda_env: Path, install: Install, link: Link) -> Path:
    """Make a project with an environment in which nothing is wrong.

    Give the environment's prefix.
    """
    project(PYPROJECT, CONDA, files={"uv.lock": UV_LOCK})
    site = "lib/python3.11/site-packages"
    metadata = "Metadata-Version: 2.1\nName: six\nVersion: 1.16.0\n"
    files = {f"{site}/six.py": "", f"{site}/six-1.16.0.dist-info/METADATA": metadata}
    link(
        conda_env,
        "six",
        "1.16.0",
        files={**files, f"{site}/six-1.16.0.dist-info/INSTALLER": "conda"},
    )
    link(conda_env, "python", "3.11.7", depends=("pip",))  # as conda writes where it adds pip
    link(conda_env, "pip", "24.0")
    record = install(conda_env, "rich", "13.0.0", files=("rich/__init__.py",))
    wants = "Requires-Dist: colorama ; sys_platform == 'win32'\nRequires-Dist: pygments\n"
    (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: rich\nVersion: 13.0.0\n{wants}")
    install(conda_env, "Pygments", "2.17.0")
    return conda_env


@pytest.fixture
def look(root: Path) -> Look:
    """Return the runner of one check on the test's project."""

    def run(check: str, combo: str = "conda_uv") -> list[Result]:
        session = Session.open(combo=combo, engine="rattler", start=root)
        return checks.look_at(FACT_CHECKS[check], Facts(session), Selection())

    return run


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("check", FACT_CHECKS)
def test_sound_environment_passes(sound: Path, look: Look, check: str) -> None:
    assert sound.is_dir()
    assert {result.status for result in look(check)} <= {Status.PASS}
    if check != "agreement.stray-lock":  # there the lock is uv's
        assert {result.status for result in look(check, "conda_poetry")} <= {Status.PASS}


#: the form of pixi.lock: `test-data/conda-lock/v4/python-lock.yml` of conda/rattler
PIXI_LOCK = """\
version: 4
environments:
  default:
    channels:
    - url: https://conda.anaconda.org/conda-forge/
    packages:
      linux-64:
      - conda: https://conda.anaconda.org/conda-forge/linux-64/python-3.9.10-hc74c709_2_cpython.tar.bz2
      - conda: https://conda.anaconda.org/conda-forge/linux-64/python_abi-3.12-2_cp312.tar.bz2
"""


#: check, then the files to write (under the project's root, or `@` the environment's prefix), and
#: what it says
#: `{}` is the manager's own
TORCH = """
[tool.mlops-lab]
torch = "cpu"
mirror = { pytorch = "https://torch.example/whl" }
"""
WITH_TORCH = PYPROJECT.replace('"rich>=13"', '"rich>=13", "torch"')
WRONG = [
    (
        "agreement.settings",
        {"pyproject.toml": f"{WITH_TORCH}{TORCH}"},
        "[tool.uv.sources] torch does not say what torch in",
    ),
    ("ownership.shadowed", {"rich.py": ""}, "finds rich.py of this project"),
    ("ownership.shadowed", {"six/__init__.py": ""}, "finds six/__init__.py"),
    ("ownership.clobbered", {"@six-1.16.0.dist-info/INSTALLER": "uv"}, "was installed over by uv"),
    (
        "ownership.duplicated",
        {"@six-1.15.0.dist-info/METADATA": "Name: six\nVersion: 1.15.0\n"},
        "1.16.0 from conda",
    ),
    (
        "drift.lock",
        {"@rich-13.0.0.dist-info/METADATA": "Name: rich\nVersion: 12.0\n"},
        "rich 12.0 (uv.lock: 13.0.0",
    ),
    (
        "drift.lock",
        {"@x-1.0.dist-info/METADATA": "Name: x\nVersion: 1.0\n"},
        "Neither the lock nor conda has x 1.0",
    ),
    ("drift.conda", {"conda.yml": f"{CONDA}  - numpy\n"}, "numpy"),
    ("drift.interrupted", {".mlops-lab/journal.json": "{}"}, "is of an older version"),
    ("agreement.python", {"conda.yml": CONDA.replace("3.11", "3.10")}, "no version is both"),
    (
        "agreement.python",
        {
            "conda.yml": CONDA.replace("3.11", "3.10"),
            "pyproject.toml": '[tool.poetry.dependencies]\npython = "~3.12"\n',
        },
        "pyproject.toml needs Python ~3.12",
    ),
    (
        "agreement.both-layers",
        {"conda.yml": f"{CONDA}  - Rich >=13\n"},
        "names rich, and pyproject.toml names it too",
    ),
    ("agreement.locks", {"poetry.lock": POETRY_LOCK.format("12.0")}, "poetry.lock: 12.0"),
    (
        "agreement.stray-lock",
        {"poetry.lock": POETRY_LOCK.format("13.0.0")},
        "poetry.lock exists, and nothing",
    ),
    (
        "agreement.stray-lock",
        {"pixi.lock": PIXI_LOCK},
        "pixi.lock exists, and nothing",
    ),
    ("agreement.pixi", {"pixi.lock": PIXI_LOCK}, "pixi.lock has Python 3.9.10, and"),
    ("leak.virtual-env", {".venv/pyvenv.cfg": ""}, ".venv exists beside"),
    (
        "conda.defaults",
        {"conda.yml": CONDA.replace("[conda-forge]", "\n  - conda-forge\n  - defaults")},
        "builds do not",
    ),
    (
        "ci.bots",
        {".github/dependabot.yml": "version: 2\nupdates: []\n"},
        "Nothing renews conda.yml",
    ),
    ("conda.cuda", {"conda.yml": f"{CONDA}  - pytorch-cuda=12.1\n"}, "no CUDA driver"),
    ("conda.cuda", {"conda.yml": f"{CONDA}  - jaxlib=*=*cuda*\n"}, "no CUDA driver"),
    ("conda.pip-section", {"conda.yml": f"{CONDA}  - pip:\n    - httpx\n"}, "httpx"),
    (
        "conda.pip",
        {
            "conda.yml": CONDA.replace("  - pip\n", ""),
            "@pip_tools-7.4.1.dist-info/METADATA": "Name: pip-tools\nVersion: 7.4.1\n"
            "Requires-Dist: click>=8\nRequires-Dist: pip>=22.2\n",
            "@pip-24.0.dist-info/METADATA": "Name: pip\nVersion: 24.0\n",
        },
        "pip-tools needs pip, which no manifest names: an engine that adds it unasked",
    ),
    (
        "conda.pip",
        {
            "conda.yml": CONDA.replace("  - pip\n", ""),
            "@ipykernel-7.1.0.dist-info/METADATA": "Name: ipykernel\nVersion: 7.1.0\n",
        },
        "ipykernel (%pip) needs pip, which no manifest names: it is not installed.",
    ),
    (
        "conda.torch",
        {
            "@torch-2.4.0+cu124.dist-info/METADATA": "Name: torch\nVersion: 2.4.0+cu124\n",
            "conda.yml": f"{CONDA}  - cpuonly\n",
        },
        "for the CPU: cpuonly",
    ),
]


@pytest.mark.parametrize(
    ("check", "files", "said"), WRONG, ids=[f"{row[0]} {row[2]}" for row in WRONG]
)
def test_broken_environment_is_found(
    sound: Path, look: Look, check: str, files: dict[str, str], said: str
) -> None:
    for name, text in files.items():
        site = sound / "lib/python3.11/site-packages"
        write(site / name[1:] if name.startswith("@") else Path(name), text)
    found = look(check)
    assert {result.status for result in found} <= {Status.WARN, Status.FAIL}
    assert any(said in result.detail for result in found), found
    assert all(str(result.remedy) for result in found)


@pytest.mark.parametrize(
    ("now", "said"),
    [("", "(package six), was removed"), ("1.17.0", "(package six), was replaced by 1.17.0")],
)
def test_clobbered(sound: Path, look: Look, install: Install, now: str, said: str) -> None:
    folder = sound / "lib/python3.11/site-packages/six-1.16.0.dist-info"
    (folder / "METADATA").unlink()  # uv leaves what no RECORD names
    if now:
        install(sound, "six", now)
    (result,) = look("ownership.clobbered")
    assert said in result.detail
    assert result.status is Status.FAIL


def test_missing_is_what_this_platform_needs(sound: Path, look: Look) -> None:
    record = sound / "lib/python3.11/site-packages/Pygments-2.17.0.dist-info"
    record.rename(record.with_name("gone"))
    (result,) = look("drift.lock")
    assert result.detail == "Not installed: pygments."  # and colorama is for Windows


def test_what_an_environment_comes_with_is_not_drift(sound: Path, look: Look) -> None:
    lock = Path("uv.lock")
    # of an extra that was not selected
    write(lock, f'{lock.read_text()}\n[[package]]\nname = "wheel"\nversion = "0.1"\n')
    write(
        sound / "lib/python3.11/site-packages/wheel-0.2.dist-info/METADATA",
        "Name: wheel\nVersion: 0.2\n",
    )
    assert [result.status for result in look("drift.lock")] == [Status.PASS]
    project = Path("pyproject.toml")
    write(project, project.read_text().replace("dependencies = [", 'dependencies = ["wheel", ', 1))
    (result,) = look("drift.lock")
    assert "wheel 0.2 (uv.lock: 0.1" in result.detail


@pytest.mark.usefixtures("sound")
def test_drift_is_judged_by_what_was_chosen_for_the_checkout(look: Look) -> None:
    lock, project = Path("uv.lock"), Path("pyproject.toml")
    for name in ("iniconfig", "toolz"):
        write(lock, f'{lock.read_text()}\n[[package]]\nname = "{name}"\nversion = "1.0"\n')
    tables = '[project.optional-dependencies]\nWeb_X = ["toolz"]\n'
    groups = '[dependency-groups]\ndev = ["iniconfig"]\n'
    write(project, f"{project.read_text()}\n{tables}{groups}")
    for chosen, said in (
        (Included(), ["Not installed: iniconfig."]),
        (Included(dev=False), [""]),
        (Included(("web-x",), dev=False), ["Not installed: toolz."]),
        (Included(("web-x", "gone")), ["Not installed: iniconfig, toolz."]),
    ):
        included.remember(Path.cwd(), chosen)
        assert [result.detail for result in look("drift.lock")] == said


def test_base_is_known_by_its_folders(sound: Path, look: Look) -> None:
    (sound / "condabin").mkdir()
    (result,) = look("base")
    assert result.status is Status.FAIL


@pytest.mark.parametrize(
    ("conda", "requires", "agree"),
    [
        ("python=3.12", ">=3.11", True),
        ("python=3.10", ">=3.11", False),
        ("python 3.11.*", ">=3.11.5,<3.12", True),
        ("python==3.11.4", ">=3.11.5", False),
        ("python=3.11.4", ">=3.11.5", False),
        ("python>=3.9", ">=3.11,<4", True),
        ("python >=3.9, <3.11", ">=3.11", False),
        ("python=3.9|3.12", ">=3.11", True),
        ("python=3.12.*=*_cpython", ">=3.13", False),
        ("python 3.12.1 h1_0_cpython", "==3.12.1", True),
        ("python!=3.12.*,>=3.12", "<3.14", True),
        ("python>3.11.4,<3.11.6", ">=3.11", True),
        ("python~=3.11.2", "<3.11", False),
        ("conda-forge::python=3.10", ">=3.11", False),
        ("python", ">=3.11", True),
        ("python[version='>=3.12']", "<3.11", True),  # not read for certain: no alarm
    ],
)
def test_pythons_agree(
    look: Look, project: MakeProject, conda: str, requires: str, agree: bool
) -> None:
    project(PYPROJECT.replace(">=3.11", requires), CONDA.replace("python=3.11", f'"{conda}"'))
    (result,) = look("agreement.python")
    assert result.status is (Status.PASS if agree else Status.FAIL)


TOOLZ_LOCK = """\
version = 1
[[package]]
name = "rich"
version = "13.0.0"
dependencies = [{ name = "toolz" }]
[[package]]
name = "toolz"
version = "1.2.0"
[[package]]
name = "spare"
version = "2"
"""


@pytest.mark.parametrize(
    ("conda", "declared", "excluded"),
    [
        ("rich=12.1", "rich>=13", "rich=12.1 and rich>=13 (pyproject.toml)"),
        ("conda-forge::rich <13", "Rich>=13", "Rich>=13"),
        ("rich=13.1", "rich>=13", ""),
        ("rich", "rich>=13", ""),
        ("rich[version='<13']", "rich>=13", ""),  # not read for certain: no alarm
        ("rich=12.1", "rich>=13; sys_platform == 'win32'", ""),
        ("rich=12.1", "rich>=13; python_version < '3.11'", ""),  # the conda file's is 3.11
        ("pytorch=2.1", "torch>=2.2", "pytorch=2.1 and torch>=2.2"),
        ("graphviz=9.0", "graphviz==0.20.1", ""),  # on PyPI another project
        ("pip: [rich==12.1]", "rich>=13", "rich==12.1 (pip:) and rich>=13"),
        ("pip: [rich==13.1]", "rich>=13", "rich==13.1 (pip:) and rich 13.0.0 (uv.lock)"),
        ("pip: ['rich==12.1; sys_platform == \"win32\"']", "rich>=13", ""),
        ("pip: [toolz==0.12.0]", "rich>=13", "toolz==0.12.0 (pip:) and toolz 1.2.0 (uv.lock)"),
        ("pip: [-r more.txt]", "rich>=13", "toolz<1 (pip:) and toolz 1.2.0 (uv.lock)"),
        ("pip: [toolz]", "rich>=13", ""),
        ("pip: [spare==1]", "rich>=13", ""),  # no installation takes it from the lock
    ],
)
def test_versions_that_exclude_each_other(
    project: MakeProject, look: Look, conda: str, declared: str, excluded: str
) -> None:
    entry = f"{{{conda}}}" if conda.startswith("pip:") else f'"{conda}"'
    manifest = PYPROJECT.replace("rich>=13", declared)
    files = {"uv.lock": TOOLZ_LOCK, "more.txt": "toolz<1\n"}
    project(manifest, f"{CONDA}  - {entry}\n", files=files)
    (result,) = look("agreement.both-layers")
    assert (result.status is Status.FAIL) is bool(excluded)
    assert excluded in result.detail
    assert not excluded or result.line == 6


@pytest.mark.parametrize(
    ("table", "status"),
    [
        ('[tool.poetry.dependencies]\nrich = "^13"\n', Status.FAIL),
        ('[tool.poetry.dependencies]\nrich = "12.1"\n', Status.PASS),
        ('[tool.poetry.dependencies]\nrich = "^11 || ^13"\n', Status.PASS),
        ('[tool.poetry.group.dev.dependencies]\nrich = "^13"\n', Status.FAIL),
        (
            "[tool.poetry.group.x]\noptional = true\ndependencies = {rich = '13'}\n",
            Status.PASS,
        ),
        ('[project.optional-dependencies]\nx = ["rich>=13"]\n', Status.PASS),
        ('[dependency-groups]\ndev = ["rich>=13"]\n', Status.FAIL),
    ],
)
def test_only_what_is_installed_without_options_excludes(
    project: MakeProject, look: Look, table: str, status: Status
) -> None:
    manifest = PYPROJECT.replace('"rich>=13"', "") + table
    project(manifest, f"{CONDA}  - rich=12.1\n")
    (result,) = look("agreement.both-layers", "conda_poetry")
    assert (result.status is Status.FAIL) is (status is Status.FAIL)


def test_aligned_pin_is_not_a_double(sound: Path, root: Path, look: Look) -> None:
    assert sound.is_dir()
    write(root / "pyproject.toml", PYPROJECT.replace("rich>=13", "six==1.16.0"))
    write(root / "conda.yml", f"{CONDA}  - six\n")
    (result,) = look("agreement.both-layers")
    assert result.status is Status.PASS
    write(root / "pyproject.toml", PYPROJECT.replace("rich>=13", "six==1.15.0"))
    assert [one.status for one in look("agreement.both-layers")] == [Status.WARN]
    assert look("agreement.both-layers")[0].line == 6


TORCH_LOCK = """\
[[package]]
name = "torch"
version = "2.9.1+cpu"
[[package]]
name = "torch"
version = "2.9.1+cu128"
[[package]]
name = "torchvision"
version = "0.24.1+{}"
"""


@pytest.mark.parametrize(
    ("other", "installed", "spec", "status"),
    [
        # extras, groups or members that are kept apart have the versions of one name
        ("cpu", "", "pip", Status.PASS),
        ("cu128", "", "pip", Status.PASS),
        ("cu128", "2.9.1+cu128", "pip", Status.PASS),
        ("cu128", "2.9.1+cpu", "pip", Status.FAIL),
        ("cu128", "", "cpuonly", Status.FAIL),
    ],
)
@pytest.mark.parametrize("manager", ["uv", "poetry"])
def test_versions_that_a_lock_keeps_apart_are_no_conflict(  # noqa: PLR0913 - the parts of a case
    *,
    sound: Path,
    look: Look,
    install: Install,
    manager: str,
    other: str,
    installed: str,
    spec: str,
    status: Status,
) -> None:
    write(Path(f"{manager}.lock"), TORCH_LOCK.format(other))
    write(Path("conda.yml"), f"{CONDA}  - {spec}\n")
    if installed:
        install(sound, "torch", installed)
    assert [one.status for one in look("conda.torch", f"conda_{manager}")] == [status]
    theirs = "poetry" if manager == "uv" else "uv"
    rows = TORCH_LOCK.format(other).split("[[package]]")
    write(Path(f"{theirs}.lock"), "[[package]]".join([rows[0], rows[1], rows[3]]))
    (result,) = look("agreement.locks", f"conda_{manager}")
    assert result.status is Status.PASS


def test_stray_lock_of_a_manager_in_use(sound: Path, root: Path, look: Look) -> None:
    assert sound.is_dir()
    write(root / "poetry.lock", POETRY_LOCK.format("13.0.0"))
    write(root / "pyproject.toml", f"{PYPROJECT}[tool.poetry]\npackage-mode = false\n")
    assert [one.status for one in look("agreement.stray-lock")] == [Status.PASS]
    write(root / "pixi.lock", PIXI_LOCK.replace("python-3.9.10", "python-3.11.4"))
    write(root / "pixi.toml", "")
    assert [one.status for one in look("agreement.stray-lock")] == [Status.PASS]
    assert [one.status for one in look("agreement.pixi")] == [Status.PASS]


@pytest.mark.parametrize(
    ("name", "value"),
    [("PYTHONPATH", "/elsewhere"), ("VIRTUAL_ENV", "/nowhere"), ("VIRTUAL_ENV", "/")],
)
def test_variables_leak(
    sound: Path, look: Look, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    check = "leak.pythonpath" if name == "PYTHONPATH" else "leak.virtual-env"
    monkeypatch.setenv(name, value)
    (result,) = look(check)
    assert (result.status, value in result.detail) == (Status.WARN, True)
    monkeypatch.setenv(name, "src" if name == "PYTHONPATH" else str(sound))
    assert [one.status for one in look(check)] == [Status.PASS]


def test_variables_that_no_task_follows(
    sound: Path, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sound.is_dir()
    for name in (
        "UV_CACHE_DIR",
        "UV_PROJECT_ENVIRONMENT",
        "UV_INDEX_LAB_USERNAME",
        "CONDA_PKGS_DIRS",
    ):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("UV_FROZEN", "0")
    assert [one.status for one in look("leak.variables")] == [Status.PASS]
    monkeypatch.setenv("UV_FROZEN", "1")
    monkeypatch.setenv("CONDA_SUBDIR", "linux-s390x")
    (result,) = look("leak.variables")
    assert (result.status, "CONDA_SUBDIR, UV_FROZEN" in result.detail) == (Status.WARN, True)


def test_user_site(
    sound: Path, home: Path, root: Path, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = home / ".local/lib/python3.11/site-packages/rich-12.0.dist-info/METADATA"
    write(record, "Name: rich\nVersion: 12.0\n")
    (result,) = look("leak.user-site")
    assert (result.status, "rich 12.0 hides 13.0.0" in result.detail) == (Status.FAIL, True)
    monkeypatch.setenv("PYTHONNOUSERSITE", "1")
    assert [one.status for one in look("leak.user-site")] == [Status.PASS]
    monkeypatch.setenv("PYTHONNOUSERSITE", bootstrap.NO_USER_SITE)  # mlops-lab's own
    assert [one.status for one in look("leak.user-site")] == [Status.FAIL]
    write(sound / "conda-meta/state", '{"env_vars": {"PYTHONNOUSERSITE": "1"}}')
    assert [one.status for one in look("leak.user-site")] == [Status.PASS]
    assert root.is_dir()


@pytest.mark.filterwarnings("ignore:open_text is deprecated:DeprecationWarning")  # Poetry's
def test_poetry_redirected(
    sound: Path, home: Path, root: Path, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sound.is_dir()
    session = Session.open(combo="conda_poetry", engine="rattler", start=root)
    name = poetry_settings.environment_name(session.project)
    entry = f'["{name}"]\nminor = "3.11"\npatch = "3.11.7"\n'
    write(home / ".cache/pypoetry/virtualenvs/envs.toml", entry)
    (result,) = look("leak.poetry", "conda_poetry")
    assert (result.status, "envs.toml" in result.detail) == (Status.WARN, True)
    monkeypatch.setenv("POETRY_VIRTUALENVS_PATH", str(home / "other"))
    assert [one.status for one in look("leak.poetry", "conda_poetry")] == [Status.PASS]
    assert look("leak.poetry") == []


def test_poetry_ignores_the_venv(look: Look, root: Path, project: MakeProject, venv: Path) -> None:
    assert venv.is_dir()
    project(PYPROJECT)
    assert [one.status for one in look("leak.poetry", "pip_poetry")] == [Status.PASS]
    for text, expected in (
        ("[virtualenvs]\nin-project = false\n", Status.WARN),
        ("virtualenvs = 5\n", Status.PASS),  # `poetry check` refuses it
    ):
        write(root / "poetry.toml", text)
        assert [one.status for one in look("leak.poetry", "pip_poetry")] == [expected]


#: where uv is led, and the check's sentence; what uv does, each said by `uv sync --dry-run` of
#: uv 0.13.9 on the same: it would uninstall what the lock lacks, but for pip, setuptools and wheel
UV_LED = {
    "this one": ("@", "`uv sync` works on @, and would uninstall six."),
    "base": ("$/miniforge3", "conda's base environment, and would uninstall conda. The"),
    "none yet": ("other", "/other. The environment of this project is @."),
}


@cases("named, said", UV_LED)
def test_uv_is_led_to_what_it_would_damage(  # noqa: PLR0913 - fixtures
    *,
    sound: Path,
    home: Path,
    look: Look,
    install: Install,
    monkeypatch: pytest.MonkeyPatch,
    named: str,
    said: str,
) -> None:
    base = home / "miniforge3"
    (base / "condabin").mkdir(parents=True)
    for prefix, name in ((base, "conda"), (base, "rich"), (sound, "setuptools")):
        install(prefix, name, "13.0.0")
    assert [one.status for one in look("leak.uv")] == [Status.PASS]
    place = named.replace("@", str(sound)).replace("$", str(home))
    monkeypatch.setenv("UV_PROJECT_ENVIRONMENT", place)
    (result,) = look("leak.uv")
    assert result.status is Status.WARN
    assert said.replace("@", str(sound)) in result.detail
    assert (result.remedy.argv, result.file) == (("unset", "UV_PROJECT_ENVIRONMENT"), None)
    assert look("leak.uv", "conda_poetry") == []


def test_a_link_leads_uv_to_conda(sound: Path, root: Path, look: Look, install: Install) -> None:
    (root / ".venv").symlink_to(sound)
    (result,) = look("leak.uv")
    assert result.detail.endswith("would uninstall six."), result
    assert (result.remedy.argv, result.file) == (("rm", ".venv"), ".venv")
    write(root / "uv.lock", f'{UV_LOCK}[[package]]\nname = "six"\nversion = "1.16.0"\n')
    assert [one.status for one in look("leak.uv")] == [Status.PASS]
    install(sound, "numpy", "2.0")
    (root / "uv.lock").unlink()  # what would be locked is not known
    assert [one.status for one in look("leak.uv")] == [Status.PASS]


#: UV_PYTHON, .python-version, and whether `uv sync` says "Would replace project environment"
PYTHONS = {
    "nothing": ("", "", False),
    "less exact": ("3.11", "", False),
    "exact": ("", "3.11.7\n", False),
    "another": ("", "3.12\n", True),
    "the variable wins": ("3.11", "3.12\n", False),
    "its own": ("/bin/sh", "", False),
    "another program": ("/bin/cat", "", True),
    "not here": ("/nowhere/python", "", False),
    "another form": ("cpython@3.12", "", False),
    "empty": ("", "\n", False),
}


@cases("variable, pin, replaces", PYTHONS)
@pytest.mark.usefixtures("venv")
def test_uv_replaces_the_environment(  # noqa: PLR0913 - fixtures
    *,
    project: MakeProject,
    look: Look,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    pin: str,
    replaces: bool,
) -> None:
    project(PYPROJECT, files={"uv.lock": UV_LOCK, **({".python-version": pin} if pin else {})})
    if variable:
        monkeypatch.setenv("UV_PYTHON", variable)
    (result,) = look("leak.uv", "pip_uv")
    assert result.status is (Status.WARN if replaces else Status.PASS)
    assert ("would replace .venv, which has Python 3.11.7" in result.detail) is replaces


#: the conda file, what the lock adds, what a record of conda's needs, and what a distribution does
HAS_PIP = {
    "named": (f"{CONDA}", "", (), "pip"),
    "locked": (CONDA.replace("  - pip\n", ""), "pip", (), "pip"),
    "conda's need": (CONDA.replace("  - pip\n", ""), "", ("pip >=23",), "pip"),
    "an extra's": (CONDA.replace("  - pip\n", ""), "", ("pipx",), 'pip; extra == "test"'),
    "nobody's": (CONDA.replace("  - pip\n", ""), "", (), "pipx"),
}


@cases("conda, locked, depends, needs", HAS_PIP)
def test_pip_that_somebody_brings_or_nobody_needs(  # noqa: PLR0913 - the columns of the table
    *,
    sound: Path,
    root: Path,
    look: Look,
    link: Link,
    conda: str,
    locked: str,
    depends: tuple[str, ...],
    needs: str,
) -> None:
    write(root / "conda.yml", conda)
    if locked:
        write(root / "uv.lock", f'{UV_LOCK}[[package]]\nname = "{locked}"\nversion = "24.0"\n')
    link(sound, "conda-tool", "1.0", depends=depends)
    record = sound / "lib/python3.11/site-packages/tool-1.0.dist-info/METADATA"
    write(record, f"Metadata-Version: 2.1\nName: tool\nVersion: 1.0\nRequires-Dist: {needs}\n")
    assert [one.status for one in look("conda.pip")] == [Status.PASS]


#: the index of a lock, a line of pyproject.toml, the user's own index, and what is said of it
MIRRORS = {
    "the default": (package_index.default(), "", "", Status.PASS, ""),
    "nobody's": ("https://m.example/simple", "", "", Status.WARN, "no file of the project names"),
    "the project's": (
        "https://m.example/simple",
        '[[tool.uv.index]]\nurl = "https://m.example/simple/"\n',
        "",
        Status.PASS,
        "",
    ),
    "the user's": (
        "https://m.example/simple",
        "",
        "https://me:secret@m.example/simple/",
        Status.PASS,
        "which only UV_DEFAULT_INDEX names here.",
    ),
}


@cases("locked, line, own, status, said", MIRRORS)
def test_the_mirror_of_a_lock(  # noqa: PLR0913 - the columns of the table
    *,
    sound: Path,
    root: Path,
    look: Look,
    monkeypatch: pytest.MonkeyPatch,
    locked: str,
    line: str,
    own: str,
    status: Status,
    said: str,
) -> None:
    assert sound.is_dir()
    source = f'version = "13.0.0"\nsource = {{ registry = "{locked}" }}'
    write(root / "uv.lock", UV_LOCK.replace('version = "13.0.0"', source))
    write(root / "pyproject.toml", PYPROJECT + line)
    if own:
        monkeypatch.setenv("UV_DEFAULT_INDEX", own)
    (result,) = look("agreement.mirror")
    assert (result.status, said in result.detail) == (status, True), result
    assert bool(result.detail) is bool(said)
    assert "secret" not in result.detail


def test_terms_are_named_in_ci(
    sound: Path, root: Path, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sound.is_dir()
    write(root / "conda.yml", CONDA.replace("conda-forge", "defaults"))
    monkeypatch.delenv("CI", raising=False)
    assert [one.status for one in look("conda.defaults")] == [Status.PASS]
    monkeypatch.setenv("CI", "true")
    (result,) = look("conda.defaults")
    assert ("terms of service" in result.detail, result.line) == (True, 2)


def test_cuda_that_a_variable_claims(
    sound: Path, root: Path, look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sound.is_dir()
    write(root / "conda.yml", f"{CONDA}  - cudatoolkit\n")
    monkeypatch.setenv("CONDA_OVERRIDE_CUDA", "12.4")
    assert [one.status for one in look("conda.cuda")] == [Status.PASS]


def test_damaged_record_is_a_skip(sound: Path, look: Look) -> None:
    write(sound / "conda-meta/broken-1-0.json", "{")
    (result,) = look("ownership.clobbered")
    assert (result.status, bool(result.detail and str(result.remedy))) == (Status.SKIP, True)


def _selection(
    project: MakeProject, table: str = "", select: str = "", ignore: str = ""
) -> Selection:
    return Selection.of(project(f"{PYPROJECT}{table}"), select, ignore)


@pytest.mark.parametrize(
    ("select", "ignore", "wanted", "left"),
    [
        ("", "", set(KNOWN) - {"imports.modules"}, {"imports.modules"}),
        ("imports", "", {"imports.modules"}, {"lock.fresh"}),
        ("leak", "", {"leak.poetry", "leak.user-site"}, {"base", "lock.fresh"}),
        ("lock.fresh, base", "", {"lock.fresh", "base"}, {"leak.poetry"}),
        ("", "leak,base", {"lock.fresh"}, {"leak.poetry", "base"}),
        ("leak", "leak.poetry", {"leak.user-site"}, {"leak.poetry"}),
    ],
)
def test_selection(
    project: MakeProject, select: str, ignore: str, wanted: set[str], left: set[str]
) -> None:
    chosen = _selection(project, select=select, ignore=ignore)
    assert all(map(chosen.wants, wanted))
    assert not any(map(chosen.wants, left))


def test_option_stands_in_place_of_the_setting(project: MakeProject) -> None:
    table = (
        '[tool.mlops-lab.checks]\nselect = ["leak"]\nignore = ["base"]\n'
        'severity = {"leak.poetry" = "fail"}\n'
    )
    chosen = _selection(project, table)
    assert (chosen.wants("leak.poetry"), chosen.wants("lock.fresh")) == (True, False)
    assert _selection(project, table, select="lock").wants("lock.fresh")
    assert chosen.judged("leak.poetry", Status.WARN) is Status.FAIL
    assert chosen.judged("leak.poetry", Status.PASS) is Status.PASS


def test_a_family_has_its_severity_and_threshold(project: MakeProject) -> None:
    table = (
        '[tool.mlops-lab.checks]\nseverity = {leak = "fail", "leak.poetry" = "warn"}\n'
        "threshold = {drift = 2}\n"
    )
    chosen = _selection(project, table)
    assert chosen.judged("leak.pythonpath", Status.WARN) is Status.FAIL
    assert chosen.judged("leak.poetry", Status.FAIL) is Status.WARN
    assert (chosen.allowed("drift.lock"), chosen.allowed("base")) == (2, 0)


@pytest.mark.parametrize(
    ("table", "line", "said"),
    [
        ('[tool.mlops-lab.checks]\nselect = "leak"\n', 7, "must be a list"),
        ('[tool.mlops-lab.checks]\nignore = ["lock", "nope"]\n', 7, "'nope'"),
        ("[tool.mlops-lab.checks]\nx = 1\n", 7, "no setting 'x'"),
        (
            '[tool.mlops-lab.checks]\n[tool.mlops-lab.checks.severity]\n"base" = "loud"\n',
            7,
            '"warn" or "fail"',
        ),
        (
            '[tool.mlops-lab.checks]\nthreshold = {"lock.fresh" = 1}\n',
            7,
            "lock.fresh passes or fails as a whole",
        ),
        (
            '[tool.mlops-lab.checks]\nthreshold = {"doctor" = 1}\n',
            7,
            "doctor passes or fails as a whole",
        ),
        ('[tool.mlops-lab.checks]\nthreshold = {"nope" = 1}\n', 7, "'nope'"),
        ('[tool.mlops-lab.checks]\nthreshold = {"base" = -1}\n', 7, "number of findings"),
        ("[tool.mlops-lab.checks]\nstrict = 1\n", 7, "true or false"),
        ("[tool.mlops-lab]\nchecks = 3\n", 7, "must be a table"),
    ],
)
def test_wrong_setting_has_its_line(project: MakeProject, table: str, line: int, said: str) -> None:
    with pytest.raises(LabError) as caught:
        _selection(project, table)
    assert (caught.value.exit_code, caught.value.file, caught.value.line) == (
        ExitCode.BAD_REQUEST,
        "pyproject.toml",
        line,
    )
    assert said in caught.value.message


def test_unknown_option_lists_the_valid_ones(project: MakeProject) -> None:
    with pytest.raises(LabError, match=r"ownership\.clobbered") as caught:
        _selection(project, select="lock,nope")
    assert "'nope'" in caught.value.message


def test_a_run_in_progress_is_not_an_interrupted_one(sound: Path, look: Look, root: Path) -> None:
    assert sound.is_dir()
    with transaction.alone(root, "setup", print):
        write(journal.place(root), "{}")
        (result,) = look("drift.interrupted")
        journal.forget(root)
    assert (result.status, result.detail) == (
        Status.WARN,
        "Another run is changing the project.",
    )
    session = Session.open(combo="pip_uv", start=root)
    journal.Journal.of(session, []).save(root)
    (result,) = look("drift.interrupted")
    assert (result.status, "a run that did not end" in result.detail) == (Status.FAIL, True)
    assert result.remedy.argv == ("invoke", "setup")
    write(journal.place(root), "{}")
    (result,) = look("drift.interrupted")
    assert (result.status, "is damaged" in result.detail) == (Status.FAIL, True)
    assert result.remedy.argv == ("rm", "-r", str(journal.place(root).parent))


def test_threshold_allows_findings(sound: Path, root: Path) -> None:
    assert sound.is_dir()
    write(root / "conda.yml", f"{CONDA}  - pip:\n    - a\n    - b\n")
    session = Session.open(combo="conda_uv", engine="rattler", start=root)
    for allowed, status in ((1, Status.WARN), (2, Status.PASS)):
        chosen = Selection(threshold={"conda.pip-section": allowed})
        (result,) = checks.look_at(FACT_CHECKS["conda.pip-section"], Facts(session), chosen)
        assert result.status is status


def test_a_check_selected_by_its_id_reports_that_it_does_not_apply(
    project: MakeProject, root: Path
) -> None:
    project(PYPROJECT)
    session = Session.open(combo="pip_uv", engine="rattler", start=root)
    (result,) = checks.look_at(
        FACT_CHECKS["drift.conda"], Facts(session), Selection(frozenset({"drift.conda"}))
    )
    assert (result.status, "pip_uv" in result.detail) == (Status.SKIP, True)


OTHERS = {check.id: check for check in (*grading.CHECKS, *auditing.CHECKS)}


@pytest.mark.parametrize("check", [*KNOWN, *OTHERS])
def test_explanation(check: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = fixing.explain(check, OTHERS.values()).data
    assert all(data[key] for key in ("title", "why", "remedy", "fix"))
    monkeypatch.setattr("sys.argv", ["python3 -m tasks_lib"])  # a remedy is what this user types
    shown = presentable(data)["remedy"]
    assert shown == str({**KNOWN, **OTHERS}[check].remedy).replace(
        "invoke ", "python3 -m tasks_lib "
    )
    with pytest.raises(LabError) as refused:
        fixing.explain(f"{check}x", OTHERS.values())
    assert refused.value.remedy.argv == ("invoke", "check.explain", check)


def test_explanation_of_no_check_lists_them() -> None:
    with pytest.raises(LabError, match=r"lock\.fresh"):
        fixing.explain("nothing")


def test_tables_agree() -> None:
    assert list(dict.fromkeys(fixes().values())) == list(Fix)
    tools = {check.family for check in KNOWN.values() if check.id not in FACT_CHECKS}
    assert tools - {"env"} == set(FAMILIES)
    assert set(families()) == tools | {check.family for check in FACT_CHECKS.values()}
