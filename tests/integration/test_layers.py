"""Who owns what, and environments created again elsewhere: every combo and engine."""

from __future__ import annotations

import json
import shutil
import tomllib
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tasks_lib.project.conda_file import CondaFile
from tests.lab import CONDA_YML, SAMPLE, Case, Lab, tools, untouched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.processes

FILE = "mlops-lab.export.json"
CONDA_OWNS = {"python", "pip", "click", "six"}
LOCK_OWNS = {"click-default-group", "iniconfig"}


def uv(lab: Lab, *words: str) -> str:
    """Run uv's own pip on the lab's environment."""
    answer = lab.run([str(tools() / "uv"), "pip", *words, "--python", str(lab.python)])
    assert answer.code == 0, answer
    return answer.stderr


@pytest.fixture(scope="module", params=SAMPLE, ids=str)
def mixed(request: pytest.FixtureRequest, new_lab: Callable[[Case], Lab]) -> Iterator[Lab]:
    """Return a lab where conda owns click and six, the lock others, and one is a stray."""
    lab = new_lab(request.param)
    if request.param.layer == "conda":
        lab.write("conda.yml", f"{CONDA_YML}  - click\n  - six\n")
    if lab("setup").code == 5:  # the index has a newer click than the channel
        lab.ok("deps.align")
        lab.ok("setup")
    uv(lab, "install", "toolz")
    lab.ok("env.export")
    yield lab
    shutil.rmtree(lab.home)


def owners(data: dict[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Sort the packages by owner and by name."""
    return {
        layer["owner"]: {one["name"]: one for one in layer["packages"]} for layer in data["layers"]
    }


def test_layers_as_they_are(mixed: Lab) -> None:
    with untouched(mixed):
        data = mixed.ok("env.layers").data
        text = mixed("env.layers", json=False)
        diagram = mixed("env.layers", "--mermaid", json=False)
    found = owners(data)
    assert mixed.case is not None
    conda = mixed.case.layer == "conda"
    assert set(found.get("conda", {})) == (CONDA_OWNS if conda else set())
    assert set(found["lock"]) == (LOCK_OWNS if conda else {*LOCK_OWNS, "click"})
    assert "toolz" in found["stray"]
    every = {name: one for layer in found.values() for name, one in layer.items()}
    have = mixed.installed()
    assert {name: one["version"] for name, one in every.items() if name != "python"} == have
    assert all(one["size"] > 1000 for name, one in every.items()), every
    assert data["size"] == sum(one["size"] for one in every.values())
    assert [one["name"] for one in data["in_both"]] == (["click"] if conda else [])
    assert not [one for one in data["in_both"] if one["why"]]
    for name, one in every.items():
        assert f"{name} {one['version']}" in text.stdout
        assert f'"{name} {one["version"]}' in diagram.stdout
    if conda:
        assert every["python"]["size"] > 50e6
        assert f"in {mixed.case.lock} too" in text.stdout
    assert diagram.stdout.startswith("flowchart LR\n")


@pytest.fixture(scope="module")
def elsewhere(mixed: Lab, new_lab: Callable[[Case], Lab]) -> Iterator[Lab]:
    """Return another home, where the environment was created from its description alone."""
    assert mixed.case is not None
    lab = new_lab(mixed.case)
    for path in lab.project.iterdir():
        path.unlink()
    shutil.copy(mixed.project / FILE, lab.project)
    with untouched(lab):
        plan = create(lab, "--dry-run")
        assert plan.data["plan"]
    made = create(lab)
    assert made.code == 0, made
    assert "env.equal" in made.ids("pass")
    yield lab
    shutil.rmtree(lab.home)


def create(lab: Lab, *more: str) -> Any:  # noqa: ANN401 - the lab's answer
    """Make the environment from the description, which names the combo itself."""
    argv = lab.argv("env.create", "--from", FILE, *more, json=True)
    if "--combo" in argv:
        del argv[argv.index("--combo") : argv.index("--combo") + 2]
    return lab.run(argv)


def records(lab: Lab) -> set[str]:
    """Return the names of conda's records, which have a package's version and build."""
    return {path.name for path in (lab.prefix / "conda-meta").glob("*.json")}


def test_made_again_elsewhere(mixed: Lab, elsewhere: Lab) -> None:
    assert elsewhere.installed() == mixed.installed()
    manifests = mixed.manifests()
    assert elsewhere.manifests() == manifests
    again = create(elsewhere)
    assert again.code == 0
    assert [one["id"] for one in again.results] == ["env.equal"]
    assert records(elsewhere) == records(mixed)
    # what conda creates is as sound as conda creates it
    if elsewhere.case and elsewhere.case.engine == "rattler":
        elsewhere.ok("check.doctor")


def test_difference_is_listed(elsewhere: Lab) -> None:
    uv(elsewhere, "uninstall", "iniconfig")
    uv(elsewhere, "install", "--no-deps", "click==8.1.6", "toolz==0.12.0")
    wrong = create(elsewhere)
    assert wrong.code == 1, wrong
    (result,) = wrong.results
    assert "missing: " in result["detail"]
    assert "iniconfig" in result["detail"]
    assert "not described: " in result["detail"]
    assert "toolz 0.12.0 (stray)" in result["detail"]
    marked = {
        one["name"]: one["why"] for one in elsewhere.ok("env.layers").data["in_both"] if one["why"]
    }
    conda = elsewhere.case is not None and elsewhere.case.layer == "conda"
    assert marked == {
        "click": "conda's files were replaced" if conda else "the lock pins another version"
    }
    assert f"! {marked['click']}" in elsewhere("env.layers", json=False).stdout
    assert "conflict" in elsewhere("env.layers", "--mermaid", json=False).stdout


def altered(lab: Lab, change: Callable[[dict[str, Any]], object]) -> Any:  # noqa: ANN401 - the lab's answer
    """Alter the description and try it; put it back."""
    path = lab.project / FILE
    before = path.read_text("utf-8")
    data = json.loads(before)
    change(data)
    path.write_text(json.dumps(data), "utf-8")
    try:
        return create(lab)
    finally:
        path.write_text(before, "utf-8")


def test_altered_version(mixed: Lab) -> None:
    def change(data: dict[str, Any]) -> None:
        next(one for one in data["packages"] if one[1] == "iniconfig")[2] = "2.0.0"

    wrong = altered(mixed, change)
    assert wrong.code == 1, wrong
    assert "missing: iniconfig 2.0.0 (lock)" in wrong.results[0]["detail"]


def test_altered_lock(mixed: Lab) -> None:
    assert mixed.case is not None
    lock = mixed.case.lock
    wrong = altered(
        mixed, lambda data: data["files"][lock].update(text=data["files"][lock]["text"] + "#\n")
    )
    assert wrong.code == 2, wrong
    assert f"{lock} is not the one that its sha256 names" in wrong.error()["detail"]
    mixed.write(lock, (mixed.project / lock).read_text("utf-8") + "#\n")
    differs = create(mixed)
    mixed.write(lock, (mixed.project / lock).read_text("utf-8").removesuffix("#\n"))
    assert differs.code == 2, differs
    assert f"{lock} is not the one that {FILE} describes" in differs.error()["detail"]


def test_altered_hash(mixed: Lab, new_lab: Callable[[Case], Lab]) -> None:
    assert mixed.case is not None
    if mixed.case.layer == "pip":
        pytest.skip("the packages' hashes are in the lock alone")
    lab = new_lab(mixed.case)
    (lab.project / "conda.yml").unlink()
    (lab.project / "pyproject.toml").unlink()
    shutil.copy(mixed.project / FILE, lab.project)

    for kind in ("sha256", "md5"):
        wrong = altered(lab, partial(spoil, kind=kind))
        assert wrong.code == 4, wrong
        assert wrong.error()["title"] == "hash mismatch"
        assert f"The {kind} of " in wrong.error()["detail"]
        assert [path.name for path in lab.project.iterdir()] == [FILE]
        assert not lab.prefix.exists()


def spoil(data: dict[str, Any], kind: str) -> None:
    """Replace the hash in the description's record of six."""
    record = next(one for one in data["conda"] if one["name"] == "six")
    record[kind] = "0" * len(record[kind])


def test_exports_are_installable(mixed: Lab) -> None:
    with untouched(mixed):
        listed = mixed("deps.export", "--to", "requirements", json=False)
        locked = mixed("deps.export", "--to", "pylock", json=False)
    assert (listed.code, locked.code) == (0, 0), (listed, locked)
    assert "--hash=sha256:" in listed.stdout
    packages = tomllib.loads(locked.stdout)["packages"]
    assert {one["name"] for one in packages} >= {*LOCK_OWNS, "click"}
    out = mixed.home / "out"
    out.mkdir()
    (out / "requirements.txt").write_text(listed.stdout, "utf-8")
    mixed.ok("deps.export", "--to", "pylock", "--output", str(out / "pylock.toml"))
    assert (out / "pylock.toml").read_text("utf-8") == locked.stdout
    for words in (["requirements.txt", "--require-hashes"], ["pylock.toml"]):
        said = uv(mixed, "install", "--dry-run", "-r", str(out / words[0]), *words[1:])
        assert "no changes" in said, said
    shutil.rmtree(out)


def test_environment_yml(mixed: Lab) -> None:
    with untouched(mixed):
        answer = mixed("deps.export", "--to", "environment", json=False)
    assert mixed.case is not None
    if mixed.case.layer == "pip":
        assert answer.code == 2
        assert "needs a conda combo" in answer.stdout
        return
    assert answer.code == 0, answer
    path = mixed.home / "environment.yml"
    path.write_text(answer.stdout, "utf-8")
    file, have = CondaFile.read(path), mixed.installed()
    path.unlink()
    assert {f"{name}={have[name]}" for name in ("pip", "click", "six")} < set(file.dependencies)
    assert {line.partition("==")[0] for line in file.pip} == LOCK_OWNS
    assert yaml.safe_load(answer.stdout)["channels"] == ["conda-forge"]


def test_nothing_to_export(mixed: Lab) -> None:
    assert (
        "requirements, pylock, environment"
        in mixed("deps.export", "--to", "docx").error()["detail"]
    )
