"""The four proofs for real, through `nox` as users type it, and proofs that must fail."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from tasks_lib import bootstrap
from tasks_lib.errors import LabError
from tasks_lib.proof import claims, project_copy
from tasks_lib.proof.channel import NONE
from tasks_lib.session.session import Session
from tests.lab import (
    ENTRY,
    LOCAL_CHANNEL,
    PYTHON,
    ROOT,
    Answer,
    expect_contract,
    tools,
    variables,
    wheel,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.processes

STEPS = [*claims.STEPS, "verdict"]
_SECONDS = 600
_SCHEMA = jsonschema.Draft202012Validator(
    json.loads((ROOT / "tasks_lib/proof/proof.schema.json").read_text("utf-8"))
)
_PYPROJECT = """\
[project]
name = "tiny"
version = "0"
requires-python = ">=3.11,<4"
dependencies = [{requirement}]

[tool.uv]
package = false

[tool.poetry]
package-mode = false
"""
_CONDA = "name: tiny_env\nchannels: [{channel}]\ndependencies: [python, pip]\n"


@dataclass(frozen=True)
class Ground:
    """A project, and a user's home whose download caches lie elsewhere."""

    project: Path
    home: Path
    env: dict[str, str]

    @property
    def left(self) -> list[str]:
        """Name the folders that proofs left behind."""
        return [path.name for path in Path(self.env["TMPDIR"]).glob("mlops-lab*")]

    def write(
        self, requirement: str = '"six"', channel: str = "conda-forge", more: str = ""
    ) -> None:
        """Write the manifests of a tiny project."""
        (self.project / "pyproject.toml").write_text(
            _PYPROJECT.format(requirement=requirement) + more
        )
        (self.project / "conda.yml").write_text(_CONDA.format(channel=channel))

    def prove(self, combo: str, *words: str, path: str = "") -> dict[str, Any]:
        """Run one proof of the tiny project, and return its document."""
        argv = [PYTHON, str(ENTRY), "proof.run", "--json", "--combo", combo, *words]
        env = {**self.env, "PATH": f"{path}{os.pathsep}{self.env['PATH']}"} if path else self.env
        return answer(argv, self.project, env)


def answer(argv: list[str], cwd: Path, env: Mapping[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        argv, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=_SECONDS
    )
    try:
        document: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        pytest.fail(f"no document: {done.stdout}\n{done.stderr}")
    expect_contract(Answer(done.returncode, done.stdout, done.stderr))
    document["said"] = done.stderr
    return document


def tree(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def states(document: dict[str, Any]) -> dict[str, str]:
    return {row["id"].removeprefix("proof."): row["status"] for row in document["results"]}


def passed(document: dict[str, Any]) -> None:
    assert document["exit_code"] == 0, document
    assert states(document) == dict.fromkeys(STEPS, "pass"), document["results"]
    assert "kept" not in document["data"]


def proof_of(document: dict[str, Any]) -> dict[str, Any]:
    """Return the proof that a session wrote, held to the published schema by another validator."""
    made: dict[str, Any] = json.loads(Path(document["data"]["proof"]).read_text(encoding="utf-8"))
    faults = [f"{error.json_path}: {error.message}" for error in _SCHEMA.iter_errors(made)]
    assert not faults, faults
    return made


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """Return a tiny project, and a home and a folder for what is temporary that are empty."""
    home, project, temporary = (tmp_path / name for name in ("a home", "my project", "t"))
    for folder in (home, project, temporary):
        folder.mkdir()
    made = Ground(project, home, {**variables(home), "TMPDIR": str(temporary)})
    made.write()
    return made


@pytest.fixture(scope="session")
def nox(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return a nox in an environment that holds nothing else, as `pipx run nox` makes it."""
    folder = tmp_path_factory.mktemp("pipx") / "nox"
    python = str(folder / ("Scripts" if os.name == "nt" else "bin") / "python")
    for words in (
        ("venv", "--no-project", "--python", PYTHON, str(folder)),
        ("pip", "install", "--python", python, "nox"),
    ):
        subprocess.run(
            [str(tools() / "uv"), *words, "--quiet"], env=variables(Path.home()), check=True
        )
    return str(Path(python).with_name("nox"))


@pytest.mark.parametrize("combo", ["pip_poetry", "pip_uv", "conda_poetry", "conda_uv"])
def test_nox_proves_each_combo_of_this_project(
    combo: str, nox: str, ground: Ground, tmp_path: Path
) -> None:
    flags = ["--engine", "rattler", "--channel", LOCAL_CHANNEL] if combo.startswith("conda") else []
    file = tmp_path / "proofs" / "a proof.json"
    argv = [
        nox,
        "-s",
        combo,
        "--envdir",
        str(tmp_path / "nox"),
        "--",
        "--json",
        "--proof",
        str(file),
        *flags,
    ]
    document = answer(argv, ROOT, ground.env)
    passed(document)
    made = proof_of(document)
    assert Path(document["data"]["proof"]) == file
    assert [path.name for path in file.parent.iterdir()] == [file.name], (
        "nothing else is written beside it"
    )
    assert {row["id"]: row["status"] for row in made["verdict"]["claims"]} == {
        claim.id: "skip" if claim.layer and not combo.startswith("conda") else "pass"
        for claim in claims.CLAIMS
    }
    for step in made["steps"][:5]:
        assert step["peak_memory_bytes"] > 1 << 24
        assert step["command"].startswith("invoke ")
    parts = {part["id"]: part for part in made["steps"][0]["parts"]}
    assert (
        parts["deps.install"]["started"]
        >= parts["env.create"]["started"] + parts["env.create"]["seconds"] - 0.01
    )
    for words in (("proof.verify", str(file), "--strict"), ("proof.compare", str(file), str(file))):
        again = answer([PYTHON, str(ENTRY), *words, "--json"], ROOT, ground.env)
        assert again["exit_code"] == 0, again
    data = document["data"]
    assert data["combo"] == document["combo"]["id"] == combo
    assert {"pandas", "uvicorn", "gunicorn"} <= data["installed"].keys()
    assert {"uv", "poetry", "py-rattler"} <= data["tools"].keys()
    assert len(data["lock"]) == 1
    if not combo.startswith("conda"):
        assert data["channel"] is None
    elif LOCAL_CHANNEL == "local":
        assert data["channel"]["kind"] == "local"
        assert data["channel"]["urls"][0].startswith(Path(bootstrap.cache_folder()).as_uri())
    # the channel's builder and rustup's shim keep these in the user's home
    others = (".cache/whl2conda", ".rustup/")
    assert [name for name in tree(ground.home) if not name.startswith(others)] == [], (
        "a proof has a home of its own"
    )
    assert ground.left == []


def test_nox_lists_its_sessions_and_hands_on_a_failure(
    nox: str, ground: Ground, tmp_path: Path
) -> None:
    run = [nox, "--envdir", str(tmp_path / "nox")]
    listed = subprocess.run(
        [*run, "-l"], cwd=ROOT, env=ground.env, capture_output=True, text=True, check=True
    )
    names = {line.split()[1] for line in listed.stdout.splitlines() if line[:2] in {"* ", "- "}}
    assert names == {
        "pip_poetry",
        "pip_uv",
        "conda_poetry",
        "conda_uv",
        "proofs",
        "tests",
        "bench",
        "faults",
    }
    argv = [*run, "-s", "pip_uv", "--", "--channel", "none"]
    done = subprocess.run(
        argv, cwd=ROOT, env=ground.env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "auto, local, strict" in done.stdout


@pytest.mark.skipif(
    LOCAL_CHANNEL != "local", reason="the tests' real conda is given a channel built here"
)
def test_the_real_conda_proves_it_and_leaves_the_users_own_environments_alone(
    ground: Ground, condabin: Path
) -> None:
    theirs = ground.home / "theirs" / "tiny_env" / "conda-meta" / "history"
    theirs.parent.mkdir(parents=True)
    theirs.touch()
    (ground.home / ".condarc").write_text(
        f"envs_dirs: ['{theirs.parents[2]}']\nchannels: [defaults]\n"
    )
    before = tree(ground.home)
    document = ground.prove(
        "conda_uv", "--engine", "conda", "--channel", "local", path=str(condabin)
    )
    passed(document)
    assert document["data"]["engine"] == "conda"
    assert document["data"]["tools"]["conda"]
    assert tree(ground.home) == before
    proof = ".nox/proofs/conda_uv-conda.json"
    assert sorted(tree(ground.project)) == [proof, "conda.yml", "pyproject.toml"]


@pytest.mark.skipif(LOCAL_CHANNEL != "local", reason="a channel is built here")
def test_where_no_channel_answers_one_is_built_and_named_unless_that_is_forbidden(
    ground: Ground,
) -> None:
    silent = (ground.home / "nowhere" / "conda-forge").as_uri()
    ground.write(channel=silent)
    strict = ground.prove("conda_uv", "--engine", "rattler", "--channel", "strict")
    assert strict["exit_code"] == 4
    assert "No channel of conda.yml answers" in strict["results"][0]["detail"]
    assert silent in strict["results"][0]["detail"]

    built = ground.prove("conda_uv", "--engine", "rattler")
    passed(built)
    assert "uses a local channel" in built["said"]
    assert built["data"]["channel"]["kind"] == "local"
    assert silent in (ground.project / "conda.yml").read_text(), "the project itself stays as it is"

    url = built["data"]["channel"]["urls"][0]
    ground.write()  # conda.yml says conda-forge, and the user's .condarc says where that is
    (ground.home / ".condarc").write_text(f"channel_alias: {url.rpartition('/')[0]}\n")
    declared = ground.prove("conda_uv", "--engine", "rattler", "--channel", "strict")
    passed(declared)
    assert declared["data"]["channel"] == {"kind": "declared", "urls": [url]}


@pytest.mark.parametrize("combo", ["pip_uv", "pip_poetry"])
def test_a_package_that_does_not_exist_fails_the_proof_and_its_folder_is_kept(
    combo: str, ground: Ground
) -> None:
    ground.write('"six==99999"')
    document = ground.prove(combo)
    assert document["exit_code"] == 4
    assert states(document) == {**dict.fromkeys(STEPS, "skip"), "setup": "error", "verdict": "fail"}
    stated = {row["id"]: row["status"] for row in proof_of(document)["verdict"]["claims"]}
    assert stated == {**dict.fromkeys(stated, "skip"), "steps": "fail"}
    assert "six" in document["results"][0]["detail"]
    kept = Path(document["data"]["kept"])
    assert " " in kept.name
    assert (kept / "project" / "pyproject.toml").is_file()
    shutil.rmtree(kept)
    assert tree(ground.home) == {}


def test_a_module_that_cannot_be_imported_fails_the_proof(ground: Ground) -> None:
    cracked = 'import atexit\natexit.register(print, "bye")\nraise RuntimeError("it is cracked")\n'
    name = wheel(ground.project, "cracked", {"cracked/__init__.py": cracked})
    source = f'[tool.uv.sources]\ncracked = {{ path = "{name}" }}\n'
    ground.write('"six", "cracked"', more=source)
    document = ground.prove("pip_uv")
    assert document["exit_code"] == 1
    assert states(document) == {
        **dict.fromkeys(STEPS, "pass"),
        "imports": "fail",
        "verdict": "fail",
    }
    broken = [
        row["id"] for row in proof_of(document)["verdict"]["claims"] if row["status"] == "fail"
    ]
    assert broken == ["steps", "imports"]
    assert "cracked (cracked: RuntimeError: it is cracked)" in document["results"][1]["detail"]
    shutil.rmtree(document["data"]["kept"])


def test_a_project_that_only_poetrys_own_table_names_is_proven_and_is_no_stray(
    ground: Ground,
) -> None:
    table = '[tool.poetry]\nname = "tiny"\nversion = "1"\ndescription = ""\nauthors = []\n'
    backend = (
        '[build-system]\nrequires = ["poetry-core"]\nbuild-backend = "poetry.core.masonry.api"\n'
    )
    text = f'{table}[tool.poetry.dependencies]\npython = ">=3.11,<4"\nsix = "*"\n{backend}'
    (ground.project / "pyproject.toml").write_text(text)
    (ground.project / "tiny.py").touch()
    (ground.project / "conda.yml").unlink()
    proofs = ground.project / "mes preuves"
    proofs.mkdir()
    page = [PYTHON, str(ENTRY), "proof.page", "--json", str(proofs)]
    (empty,) = answer(page, ground.project, ground.env)["results"]
    words = [PYTHON, str(ENTRY), *empty["remedy_argv"][3:], "--json"]
    document = answer(words, ground.project, ground.env)
    passed(document)
    assert document["combo"]["id"] == "pip_poetry"
    assert answer(page, ground.project, ground.env)["exit_code"] == 0
    made = proof_of(document)
    assert made["project"]["name"] == "tiny"
    assert {row["name"]: row["owner"] for row in made["installed"]}["tiny"] == "project"
    assert made["imports"]["modules"] == 2


@pytest.mark.skipif(os.name == "nt", reason="a signal of POSIX")
def test_an_interrupted_proof_leaves_nothing(ground: Ground) -> None:
    argv = [PYTHON, str(ENTRY), "proof.run", "--json", "--combo", "pip_uv"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        argv, cwd=ground.project, env=ground.env, stdout=pipe, stderr=pipe, text=True
    ) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "import what was installed" in line:
                break
        assert len(ground.left) == 1
        running.send_signal(signal.SIGINT)
        out, _ = running.communicate(timeout=60)
    assert running.returncode == 130
    assert json.loads(out)["exit_code"] == 130
    assert ground.left == []


def test_every_difference_between_two_environments_is_named() -> None:
    one, other = {"a": "1", "b": "1", "c": "1"}, {"a": "1", "b": "2", "d": "1"}
    told = list(claims.differences(one, other))
    assert told == ["b (first 1, second 2)", "c (first 1, second none)", "d (first none, second 1)"]
    assert list(claims.differences(one, dict(one))) == []


def test_a_package_of_any_name_is_copied_and_what_is_built_is_not(tmp_path: Path) -> None:
    root = tmp_path / "project"
    kept = {"src/lab/build/a.py", "src/lab/dist/b.py", "src/venv/c.py", "pyproject.toml"}
    left_out = {
        "build/d.py",
        "dist/e.whl",
        ".mlops-lab/lock",
        ".git/HEAD",
        "env/pyvenv.cfg",
        "tmp/mlops-lab proof x/f",
    }
    for name in kept | left_out:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    (root / "pyproject.toml").write_text(
        '[project]\nname = "a"\nversion = "1"\n[build-system]\nrequires = []\n'
    )
    session = Session.open(combo="pip_uv", start=root)
    project_copy.copy_project(session, tmp_path / "copy", "a", NONE)
    copied = tmp_path / "copy"
    assert {
        path.relative_to(copied).as_posix() for path in copied.rglob("*") if path.is_file()
    } == kept
    os.mkfifo(root / "pipe")
    with pytest.raises(LabError, match="pipe cannot be copied"):
        project_copy.copy_project(session, tmp_path / "again", "a", NONE)
