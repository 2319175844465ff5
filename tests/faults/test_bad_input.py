"""Whatever a manifest, a lock or a settings file holds: an answer in time, nothing written."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import tomlkit
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tasks_lib.environments import conda_config
from tasks_lib.errors import LabError
from tasks_lib.project import conda_edit, manifests
from tasks_lib.project.conda_file import CondaFile
from tasks_lib.project.manifests import PyProject
from tasks_lib.workflows import snapshot_file
from tests.cases import cases
from tests.faults import fuzz_manifests, sandbox, targets
from tests.faults.mutations import ODD, TOKENS
from tests.faults.sandbox import Sandbox
from tests.faults.targets import CONDA, EXPORT, TARGETS
from tests.lab import CONDA_YML, PYPROJECT, Lab, untouched, variables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.faults.conftest import Tried

pytestmark = pytest.mark.processes

_SEED = 4
_COUNT = int(os.environ.get("MLOPS_LAB_FUZZ", "350"))  # `nox -s faults` sets it
CONDA_UV = ("--combo", "conda_uv", "--engine", "rattler")


def test_the_fuzzer_finds_nothing(tmp_path: Path, tried: Tried) -> None:
    found = fuzz_manifests.main(_COUNT, _SEED, store=tmp_path)
    for name, number in found["tried"].items():
        tried(f"fuzzed: {name}", number)
    assert found["failed"] == [], found
    assert sum(found["tried"].values()) == _COUNT


# the fuzzer finds what is there to be found


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """Make a sandbox: its audit hook stays for as long as the interpreter."""
    return Sandbox(tmp_path_factory.mktemp("sand box é"))


@pytest.fixture
def box(made: Sandbox) -> Iterator[Sandbox]:
    """Yield the sandbox, entered."""
    with made.entered():
        yield made


def _tried(box: Sandbox, name: str, count: int = 12) -> set[str]:
    """Try inputs of one target, and return the first words of all that was found."""
    found: set[str] = set()
    for number in range(count):
        data, look, combo, form = fuzz_manifests.case(name, _SEED, number)
        found |= {fault[:14] for fault in box.attempt(TARGETS[name].path, data, look, combo, form)}
    return found


@pytest.fixture(params=TARGETS)
def target(request: pytest.FixtureRequest) -> str:
    """Return each target's name."""
    return str(request.param)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, target: str) -> Callable[[Callable[[], object]], None]:
    """Return what breaks the reader of a target: it does something first."""

    def put(deed: Callable[[], object]) -> None:
        read, wanted = manifests.read_text, Path(TARGETS[target].path).name

        def reader(path: Path, *words: Any, **options: Any) -> str:  # noqa: ANN401 - handed on
            if path.name == wanted:
                deed()
            return read(path, *words, **options)

        for name, module in list(sys.modules.items()):
            if name.startswith("tasks_lib.") and hasattr(module, "read_text"):
                monkeypatch.setattr(module, "read_text", reader)

    return put


def test_it_reports_a_reader_that_raises(
    box: Sandbox, target: str, broken: Callable[[Callable[[], object]], None]
) -> None:
    assert _tried(box, target) == set()
    broken(lambda: dict[str, str]()["x"])
    assert "error.internal" in _tried(box, target)


def test_it_reports_a_reader_that_hangs(
    box: Sandbox,
    target: str,
    broken: Callable[[Callable[[], object]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sandbox, "DEADLINE", 0.5)
    # in the thread of a check it cannot be interrupted: there the worker of the fuzzer ends, so
    # this one ends too
    broken(lambda: time.sleep(1.5))
    assert "no end within " in _tried(box, target, 4)


def test_it_reports_a_reader_that_writes(
    box: Sandbox, target: str, broken: Callable[[Callable[[], object]], None], tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    broken(lambda: outside.write_text("x"))
    assert any(fault.startswith("wrote /") for fault in _tried(box, target))


def test_it_reports_a_reader_that_takes_all_memory(
    box: Sandbox,
    target: str,
    broken: Callable[[Callable[[], object]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sandbox, "_peak", iter(range(0, 10**9, sandbox.MEMORY + 1)).__next__)
    broken(lambda: None)
    assert any(fault.startswith("took ") for fault in _tried(box, target, 2))


def test_an_input_that_ends_the_interpreter_is_a_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that dies is replaced, and the input that killed it is stored."""
    monkeypatch.setitem(TARGETS, "conda.yml", TARGETS["conda.yml"])
    monkeypatch.setattr(fuzz_manifests, "MODULE", "tests.faults.dying_worker")
    found = fuzz_manifests.main(4, _SEED, only="conda.yml", store=tmp_path)
    assert [failure["number"] for failure in found["failed"]] == [0, 1, 2, 3]
    stored = Path(found["failed"][0]["stored"])
    assert stored.read_bytes() == fuzz_manifests.case("conda.yml", _SEED, 0)[0]


def test_the_same_seed_gives_the_same_inputs() -> None:
    for name in TARGETS:
        first = [fuzz_manifests.case(name, 7, number)[0] for number in range(20)]
        assert first == [fuzz_manifests.case(name, 7, number)[0] for number in range(20)]
        assert len(set(first)) > 10


_LOCK = 'version = 1\n[[package]]\nname = "six"\nversion = "1"\n'
#: what the fuzzer has found: target, text, task, combo
FOUND: dict[str, tuple[str, str, targets.Look, str]] = {
    "groups that are a number": (
        "pyproject.toml",
        f"{PYPROJECT}default-groups = 5\n",
        targets.HYBRIDS,
        "pip_uv",
    ),
    "groups that are lists": (
        "pyproject.toml",
        f"{PYPROJECT}default-groups = [[]]\n",
        targets.HYBRIDS,
        "pip_uv",
    ),
    "a group that includes a list": (
        "pyproject.toml",
        PYPROJECT.replace('["iniconfig>=2"]', "[{ include-group = [] }]"),
        targets.CONFIG,
        "pip_uv",
    ),
    "a dependency of no name": (
        "pyproject.toml",
        f'{PYPROJECT}[tool.poetry.dependencies]\n"" = "*"\n',
        targets.HYBRIDS,
        "pip_poetry",
    ),
    "dependencies that are a number": (
        "uv.lock",
        f"{_LOCK}dependencies = 5\n",
        targets.HYBRIDS,
        "pip_uv",
    ),
    "a dependency of a list for a name": (
        "uv.lock",
        f"{_LOCK}dependencies = [{{ name = [] }}]\n",
        targets.HYBRIDS,
        "pip_uv",
    ),
    "a dependency without a name": (
        "uv.lock",
        f"{_LOCK}dependencies = [{{}}]\n",
        targets.HYBRIDS,
        "pip_uv",
    ),
    "groups of a lock that are a word": (
        "uv.lock",
        f'{_LOCK}dev-dependencies = "x"\n',
        targets.HYBRIDS,
        "pip_uv",
    ),
    "dependencies that are true": (
        "poetry.lock",
        f"{_LOCK}dependencies = true\n",
        targets.HYBRIDS,
        "pip_poetry",
    ),
    "half a surrogate pair": (
        "description",
        targets._described("pip_uv").decode().replace("a small project", "\\ud800"),  # noqa: SLF001 - as it is written
        targets.REBUILD,
        "",
    ),
    "an endless name": ("conda.yml", f"name: {'x' * 5_000}\n", targets.CREATE, "conda_uv"),
    "an endless folder": (".condarc", f"envs_dirs: [{'x' * 5_000}]\n", targets.CREATE, "conda_uv"),
}


@pytest.mark.parametrize("case", FOUND)
def test_what_the_fuzzer_found_stays_mended(box: Sandbox, case: str) -> None:
    name, text, look, combo = FOUND[case]
    assert box.attempt(TARGETS[name].path, text.encode(), look, combo, "json") == []


# any bytes, and any structure


def _read_all(folder: Path, name: str, data: bytes) -> None:
    """Read a file as everything here does that reads such a file."""
    path = folder / name
    path.write_bytes(data)
    try:
        if name == "conda.yml":
            conda_edit.add(path, conda_edit.read(path), ["attrs"])
        elif name == "condarc":
            found = conda_config.Condarc.load({"CONDARC": str(path), "HOME": str(folder)})
            found.channels(("conda-forge", "defaults"))
            found.mirrors(("conda-forge",))
        elif name == EXPORT:
            snapshot_file.Description.read(path)
        else:
            PyProject.read(path).allows("3.11")
    except LabError as error:
        assert error.message  # noqa: PT017 - one clear error is one of the two good ends
    finally:
        path.unlink()


_WORDS = st.one_of(
    st.text(max_size=20), st.sampled_from([one for one in ODD if isinstance(one, str)])
)
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _WORDS, st.dates()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_WORDS, inner, max_size=4),
    max_leaves=12,
)
_CONDA_KEYS = st.sampled_from(["name", "channels", "dependencies", "variables", "prefix"])
_READ_KEYS = [key for _, keys, _ in conda_config._KINDS for key in keys]  # noqa: SLF001 - what is read
_CONDARC_KEYS = st.sampled_from([*_READ_KEYS, "proxy_servers"])


@pytest.mark.parametrize("name", ["conda.yml", "condarc", "pyproject.toml", EXPORT])
@settings(max_examples=60, deadline=10_000)
@given(
    data=st.one_of(
        st.binary(max_size=200), st.text(max_size=200).map(str.encode), st.sampled_from(TOKENS)
    )
)
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, name: str, data: bytes) -> None:
    _read_all(tmp_path_factory.getbasetemp(), name, data)


@pytest.mark.parametrize(("name", "keys"), [("conda.yml", _CONDA_KEYS), ("condarc", _CONDARC_KEYS)])
@settings(max_examples=80, deadline=10_000)
@given(data=st.data())
def test_any_yaml(
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    keys: st.SearchStrategy[str],
    data: st.DataObject,
) -> None:
    value = data.draw(st.dictionaries(keys, _VALUES, max_size=4))
    text = yaml.safe_dump({"name": "demo", **value}, allow_unicode=data.draw(st.booleans()))
    _read_all(tmp_path_factory.getbasetemp(), name, text.encode("utf-8", "surrogatepass"))


@settings(max_examples=80, deadline=10_000)
@given(
    value=st.dictionaries(
        st.sampled_from(["project", "tool", "dependency-groups", "build-system"]), _VALUES
    )
)
def test_any_toml(tmp_path_factory: pytest.TempPathFactory, value: dict[str, object]) -> None:
    try:
        text = tomlkit.dumps(value)
    except (TypeError, ValueError):  # TOML has no null
        return
    _read_all(
        tmp_path_factory.getbasetemp(), "pyproject.toml", text.encode("utf-8", "surrogatepass")
    )


# an edit changes its own lines, and no other

_COMMENTS = st.text("abc #é\t", max_size=12)
_NAMES = st.lists(
    st.sampled_from(["numpy", "pandas", "scipy", "r-base", "zlib"]), unique=True, max_size=4
)


@st.composite
def conda_files(draw: st.DrawFn) -> str:
    """Write a conda file as users do: comments and blank lines anywhere, keys in any order."""
    indent = " " * draw(st.integers(0, 4))
    specs = [
        f"{name}{draw(st.sampled_from(['', '=1', ' >=1,<3', '=1.*=py_0']))}"
        for name in draw(_NAMES)
    ]
    rows = [
        f"{indent}- {spec}{draw(st.sampled_from(['', '  # why', ' # [linux]']))}"
        for spec in ("python=3.11", *specs)
    ]
    blocks = [["name: demo  # ours"], ["channels:", "  - conda-forge"], ["dependencies:", *rows]]
    blocks += [["variables:", "  A: b"]] if draw(st.booleans()) else []
    lines: list[str] = []
    for row in (row for block in draw(st.permutations(blocks)) for row in block):
        lines += [f"# {draw(_COMMENTS)}".rstrip() for _ in range(draw(st.integers(0, 1)))]
        lines += [""] * draw(st.integers(0, 1))
        lines.append(row)
    lines += draw(st.sampled_from([[], ["# the end"], [""]]))
    return "\n".join(lines) + draw(st.sampled_from(["\n", ""]))


@settings(max_examples=150, deadline=10_000)
@given(text=conda_files(), ending=st.sampled_from(["\n", "\r\n"]), bom=st.booleans())
@example(text=CONDA, ending="\r\n", bom=True)
@example(text="name: demo\ndependencies:\n- python=3.11", ending="\n", bom=False)
def test_an_edit_keeps_every_other_line(
    tmp_path_factory: pytest.TempPathFactory,
    text: str,
    ending: str,
    bom: bool,
) -> None:
    before = (b"\xef\xbb\xbf" if bom else b"") + text.replace("\n", ending).encode()
    path = tmp_path_factory.getbasetemp() / "conda.yml"
    path.write_bytes(before)
    added = conda_edit.add(path, conda_edit.read(path), ["attrs>=2"]).encode()
    old, new = before.splitlines(keepends=True), added.splitlines(keepends=True)
    at = next(number for number, line in enumerate(new) if b"attrs" in line)
    assert [line.rstrip(b"\r\n") for line in (*new[:at], *new[at + 1 :])] == [
        line.rstrip(b"\r\n") for line in old
    ]
    assert added.count(ending.encode()) == before.count(ending.encode()) + 1
    assert added.count(b"\n") == before.count(b"\n") + 1
    path.write_bytes(added)
    assert conda_edit.remove(path, conda_edit.read(path), ["attrs"]).encode() == before


@settings(max_examples=60, deadline=10_000)
@given(text=conda_files())
def test_line_ends_and_a_byte_order_mark_mean_nothing(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "conda.yml"
    forms = (text, text.replace("\n", "\r\n"), f"\ufeff{text}")
    found = []
    for form in forms:
        path.write_bytes(form.encode())
        found.append(CondaFile.read(path))
    assert found[0] == found[1] == found[2]


# what is known to be nasty, through whole processes


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """Return a home and a project with sound manifests, where no network is wanted."""
    home = tmp_path / "maison é"
    home.mkdir()
    lab = Lab(home, variables(home))
    lab.env |= {"PATH": "/usr/bin:/bin", "UV_OFFLINE": "1"}
    lab.write("pyproject.toml", PYPROJECT)
    lab.write("conda.yml", CONDA_YML)
    return lab


def _fifo(path: Path) -> None:
    os.mkfifo(path)


def _sparse(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(200 << 20)


#: what may be where a file is expected; a folder is what root cannot read either
THINGS: dict[str, Callable[[Path], None]] = {
    "a folder": Path.mkdir,
    "a pipe": _fifo,
    "a loop of links": lambda path: path.symlink_to(path.name),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "200 MB": _sparse,
    "nothing": Path.touch,
}
#: the tasks that read each of them
READERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "pyproject.toml": (("setup", "--dry-run"), ("check.config",)),
    "conda.yml": (("setup", "--dry-run"), ("check.config",)),
    "uv.lock": (("setup", "--dry-run"), ("env.info",), ("check.all",)),
    EXPORT: (("env.create", "--from", EXPORT, "--dry-run"),),
    ".condarc": (("env.list",), ("setup", "--dry-run")),
}


@pytest.mark.parametrize("thing", THINGS)
@pytest.mark.parametrize("name", READERS)
def test_something_else_in_the_place_of_a_file(lab: Lab, name: str, thing: str) -> None:
    place = lab.home / name if name == ".condarc" else lab.project / name
    place.unlink(missing_ok=True)
    THINGS[thing](place)
    for words in READERS[name]:
        options = () if "--from" in words else CONDA_UV
        with untouched(lab):
            started = time.perf_counter()
            answer = lab(*words, *options)
            assert time.perf_counter() - started < 10
        assert answer.code in sandbox.CODES, answer
        sound = {"env.info", "env.list"} | (
            {"setup"} if name in {"uv.lock", ".condarc"} or thing == "nothing" else set()
        )
        assert answer.code or words[0] in sound, answer


_BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 9)}]\n" for number in range(1, 30)
)
#: name of the file: what it says; each ends in one error or a finished run
NASTY: dict[str, tuple[str, str | bytes]] = {
    "laughs in conda.yml": ("conda.yml", f"{_BOMB}name: x\nchannels: *a29\n"),
    "laughs in .condarc": (".condarc", f"{_BOMB}channels: *a29\n"),
    "merged laughs": (".condarc", f"{_BOMB}channels: [x]\ncustom_channels: {{<<: *a29}}\n"),
    "deep YAML": ("conda.yml", "name: x\ndependencies: " + "[" * 100_000),
    "deep YAML by lines": (".condarc", "".join(f"{' ' * depth}a:\n" for depth in range(2_000))),
    "deep TOML": ("pyproject.toml", f"{PYPROJECT}\nx = {'[' * 100_000}"),
    "long TOML key": ("pyproject.toml", f"{PYPROJECT}\n[{'.'.join(['a'] * 20_000)}]\n"),
    "a line of blanks": (
        "pyproject.toml",
        f"{PYPROJECT}\n{' ' * 900_000}x = 3\n[tool.mlops-lab]\ncombo = 3\n",
    ),
    "deep lock": ("uv.lock", f"version = 1\nx = {'[' * 100_000}"),
    "deep description": (EXPORT, "[" * 100_000),
    "NUL": ("conda.yml", b"name: \0x\n"),
    "UTF-16": ("pyproject.toml", PYPROJECT.encode("utf-16")),
    "Latin-1": (".condarc", "# café\n".encode("latin-1")),
    "a table twice": ("pyproject.toml", f"{PYPROJECT}\n[project]\n"),
    "a key twice": ("conda.yml", f"{CONDA_YML}name: x\n"),
    "a tag": (".condarc", "channels: !!python/object/apply:os.system ['touch pwned']\n"),
    "a tag in conda.yml": ("conda.yml", "name: !!python/object/apply:os.system ['touch pwned']\n"),
    "a path for a name": ("conda.yml", CONDA_YML.replace("tiny_env", "../../x")),
    "an absolute path for a name": ("conda.yml", CONDA_YML.replace("tiny_env", "/etc")),
    "an endless name": ("conda.yml", CONDA_YML.replace("tiny_env", "x" * 5_000)),
    "a prefix": ("conda.yml", f"{CONDA_YML}prefix: ../../../../etc\n"),
    "a requirement file from elsewhere": (
        "conda.yml",
        f"{CONDA_YML}  - pip: [-r ../../etc/passwd]\n",
    ),
    "pip of nothing": ("conda.yml", f"{CONDA_YML}  - pip:\n"),
    "pip in pip": ("conda.yml", f"{CONDA_YML}  - pip: [[x]]\n"),
    "two pips": ("conda.yml", f"{CONDA_YML}  - pip: [six]\n  - pip: [click]\n"),
    "a readme from elsewhere": (
        "pyproject.toml",
        PYPROJECT.replace("[dep", 'readme = "../../x"\n[dep', 1),
    ),
    "escapes in a setting": (
        "pyproject.toml",
        f'{PYPROJECT}\n[tool.mlops-lab]\ncombo = "\\u001b[31mred\\u0007"\n',
    ),
    "escapes in a name": ("conda.yml", 'name: "\\e[31mred\\a"\n'),
    "escapes in a key": ("pyproject.toml", f'{PYPROJECT}\n[tool.mlops-lab]\n"\\u001b[2J" = 1\n'),
    "escapes in a lock": (
        "uv.lock",
        'version = 1\n[[package]]\nname = "\\u001b[31mx"\nversion = "1"\n',
    ),
    "a date for a version": (
        "uv.lock",
        'version = 1\n[[package]]\nname = "x"\nversion = 2026-01-01\n',
    ),
    "endless folders": (".condarc", f"envs_dirs: [{'x' * 5_000}]\n"),
    "a description that leaves the folder": (
        EXPORT,
        targets._described("pip_uv").replace(b'"conda.yml"', b'"../x"'),  # noqa: SLF001
    ),
}


@pytest.mark.parametrize("case", NASTY)
def test_what_is_known_to_be_nasty(lab: Lab, case: str) -> None:
    name, text = NASTY[case]
    place = lab.home / name if name == ".condarc" else lab.project / name
    place.write_bytes(text if isinstance(text, bytes) else text.encode())
    words = ("env.create", "--from", EXPORT) if name == EXPORT else ("setup", *CONDA_UV)
    with untouched(lab):
        for json in (True, False):
            started = time.perf_counter()
            answer = lab(*words, "--dry-run", json=json)
            assert time.perf_counter() - started < 10
            assert answer.code in sandbox.CODES, answer
            assert not sandbox._RAW.search(answer.stdout + answer.stderr), answer  # noqa: SLF001
    assert not list(lab.home.rglob("pwned"))


# the managers edit pyproject.toml: what they keep of it

EDITED = """\
# a comment at the top

[tool.mlops-lab]  # before everything
combo = "pip_uv"

[project]
version = "0.1.0"   # the order is ours
name = "tiny-lab"
requires-python = ">=3.11"
# above the list
dependencies = [
    "click-default-group>=1.2",  # brings click
    # between
]

[dependency-groups]
dev = ["iniconfig>=2"]  # Poetry would take an empty one away

[tool.poetry]
package-mode = false

[tool.uv]
package = false
# the end
"""


@cases("ending", {"LF": "\n", "CRLF": "\r\n"})
@pytest.mark.parametrize("manager", ["uv", "poetry"])
def test_the_managers_keep_comments_and_order(lab: Lab, manager: str, ending: str) -> None:
    del lab.env["UV_OFFLINE"]
    path = lab.project / "pyproject.toml"
    before = EDITED.replace("\n", ending).encode()
    path.write_bytes(before)
    combo = ("--combo", f"pip_{manager}")
    lab.ok("setup", *combo)
    assert path.read_bytes() == before
    lab.ok("deps.add", "six", *combo)
    added = path.read_bytes()
    assert b"six" in added
    at = 0
    for line in EDITED.splitlines():  # each behind the one before it
        at = added.index(line.strip().encode(), at)
    lab.ok("deps.remove", "six", *combo)
    assert path.read_bytes() == before  # uv by itself writes LF, whatever there was
