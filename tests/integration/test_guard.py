"""The guard on real tools: nothing of conda's is replaced or removed, by any manager or engine."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.test_remedies import typed
from tests.lab import CASES, CONDA_YML, HYBRIDS, Case, Lab, differences, tools, untouched, wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.processes

ALL_HYBRIDS = [case for case in CASES if case.layer == "conda"]
#: the manifest's own dependency brings click, and needs another than the channel's
OLDER = "click-default-group>=1.2"
PIN = 'dependencies = ["click<8.2", "click-default-group>=1.2"]'
#: it wants click 7 itself: nothing in the manifest names click
TRANSITIVE = 'dependencies = ["typer==0.3.2"]'
#: a click of the user's own, whose metadata can be read without building it
LOCAL = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "click"
version = "{}"
"""


def write_manifests(lab: Lab) -> None:
    """Give the conda layer click and six, and the manifest a need for an older click."""
    lab.write("conda.yml", f"{CONDA_YML}  - click\n  - six\n")
    text = (lab.project / "pyproject.toml").read_text("utf-8")
    lab.write("pyproject.toml", text.replace(f'dependencies = ["{OLDER}"]', PIN))


def set_up(lab: Lab) -> None:
    """Set a lab up whose manifest needs nothing that conda has."""
    write_manifests(lab)
    declare(lab, 'dependencies = ["iniconfig"]')
    lab.ok("setup")


@pytest.fixture(params=HYBRIDS, ids=str)
def lab(request: pytest.FixtureRequest, new_lab: Callable[[Case], Lab]) -> Iterator[Lab]:
    """Yield a lab whose conda layer has click and six, and whose manifest needs an older click."""
    made = new_lab(request.param)
    write_manifests(made)
    yield made
    shutil.rmtree(made.home)


@pytest.fixture(params=HYBRIDS, ids=str)
def sound(
    request: pytest.FixtureRequest, copied: Callable[[Case, Callable[[Lab], object]], Lab]
) -> Iterator[Lab]:
    """Yield a lab that is set up, whose conda layer has click and six."""
    made = copied(request.param, set_up)
    yield made
    shutil.rmtree(made.home)


def conda_files(lab: Lab) -> dict[str, object]:
    """Describe every file that conda's records of click and six name."""
    names = [
        name
        for path in (lab.prefix / "conda-meta").glob("*.json")
        if path.name.startswith(("click-", "six-"))
        for name in json.loads(path.read_text("utf-8"))["files"]
        if not name.endswith(".pyc")
    ]
    assert len(names) > 10, names
    tree = lab.tree()
    root = lab.prefix.relative_to(lab.home)
    return {name: tree.get(f"{root}/{name}") for name in names}


@pytest.mark.parametrize("lab", ALL_HYBRIDS, ids=str, indirect=True)
def test_refuses_then_align_solves_it(lab: Lab) -> None:
    refused = lab("setup")
    assert refused.code == 5, refused
    error = refused.error()
    version = lab.installed()["click"]
    assert (
        f"click {version}, which conda owns (package click), would become 8.1." in error["detail"]
    )
    assert "(required by pyproject.toml, click-default-group)" in error["detail"]
    assert "deps.align" in error["remedy"]
    assert "click-default-group" not in lab.installed()
    before = conda_files(lab)
    assert None not in before.values()

    pins = [{"name": "click", "before": "click<8.2", "after": f"click=={version}"}]
    assert lab.ok("deps.align", "--dry-run", "--trust").data["pins"] == pins
    assert lab.ok("deps.align").data["pins"] == pins
    assert f"click=={version}" in (lab.project / "pyproject.toml").read_text("utf-8").replace(
        " (", ""
    ).replace(")", "")
    assert "# brings click" in (lab.project / "pyproject.toml").read_text("utf-8")
    lab.ok("setup")
    assert lab.installed()["click"] == version
    assert "click-default-group" in lab.installed()
    assert differences(before, conda_files(lab)) == {}
    lab.ok("check.all")

    manifests, tree = lab.manifests(), lab.installed()
    again = lab("deps.add", "click<8.2")
    assert again.code in {2, 5}, again  # a second, contrary constraint cannot even be solved by uv
    assert (lab.manifests(), lab.installed()) == (manifests, tree)


def test_sync_takes_strays_and_leaves_conda_alone(sound: Lab) -> None:
    before = conda_files(sound)
    stray = sound.run(
        [str(tools() / "uv"), "pip", "install", "--python", str(sound.python), "toolz"]
    )
    assert stray.code == 0, stray
    assert "toolz" in sound.installed()
    sound.ok("deps.sync")
    assert "toolz" not in sound.installed()
    assert differences(before, conda_files(sound)) == {}
    assert {"six", "click", "pip", "iniconfig"} <= set(sound.installed())


def declare(lab: Lab, line: str) -> None:
    """Let the manifest declare something else."""
    lab.write(
        "pyproject.toml", (lab.project / "pyproject.toml").read_text("utf-8").replace(PIN, line)
    )


def refused(lab: Lab, *task: str) -> str:
    """Run a task that the guard must refuse before anything changes, and return what it said.

    A manifest that was edited before the manager was called is restored, byte by byte, with a new
    time.
    """
    tree, manifests = lab.tree(), lab.manifests()
    answer = lab(*task)
    assert lab.manifests() == manifests, task
    touched = differences(tree, lab.tree())
    assert touched.keys() <= {"changed"}, (task, touched)
    assert {Path(name).name for name in touched.get("changed", ())} <= {
        "pyproject.toml",
        lab.lock.name,
    }, (
        task,
        touched,
    )
    assert answer.code == 5, (task, answer)
    error = answer.error()
    assert error["remedy"]
    return f"{error['detail']} {error['remedy']}"


def test_six_tasks_refuse_before_anything_changes(sound: Lab) -> None:
    text = (sound.project / "pyproject.toml").read_text("utf-8")
    sound.write("pyproject.toml", text.replace('dependencies = ["iniconfig"]', TRANSITIVE))
    sound.ok("deps.lock")
    version = sound.installed()["click"]
    for task in (
        ("setup",),
        ("deps.install",),
        ("deps.sync",),
        ("deps.update",),
        ("deps.update", "--package", "iniconfig"),
        ("deps.add", "toolz"),
        ("deps.remove", "iniconfig", "--group", "dev"),
    ):
        said = refused(sound, *task)
        owned = f"click {version}, which conda owns (package click)"
        assert f"{owned}, would become 7.1.2 (required by typer)" in said
        assert "deps.align" in said
    manifests, installed = sound.manifests(), sound.installed()
    # typer and conda's click exclude each other, and the message says so
    unsolved = sound("deps.align")
    assert (unsolved.code, unsolved.error()["title"]) == (2, "unsolvable")
    assert (sound.manifests(), sound.installed()) == (manifests, installed)


def test_what_was_replaced_by_hand_is_not_pinned(lab: Lab) -> None:
    declare(lab, 'dependencies = ["click"]')
    lab.ok("setup")
    version = lab.installed()["click"]
    by_hand = [
        str(tools() / "uv"),
        "pip",
        "install",
        "--python",
        str(lab.python),
        "--no-deps",
        "click==8.1.7",
    ]
    assert lab.run(by_hand).code == 0
    said = refused(lab, "deps.install")
    owned = f"click {version}, which conda owns (package click)"
    assert f"{owned}, is replaced already, would become {version}" in said
    assert "deps.align" in said
    assert "--recreate" in said
    manifests = lab.manifests()
    lab.ok("deps.align")  # the lock has conda's version already
    assert lab.manifests() == manifests
    lab.ok("setup", "--recreate")
    assert lab.ok("check.all", "--select", "ownership").ids("pass") >= {"ownership.clobbered"}


def test_the_same_version_from_elsewhere_is_a_replacement_too(sound: Lab) -> None:
    version = sound.installed()["click"]
    sound.write("mein click/pyproject.toml", LOCAL.format(version))
    sound.write("mein click/backend.py", "raise SystemExit('never built')\n")
    text = (sound.project / "pyproject.toml").read_text("utf-8")
    address = (sound.project / "mein click").as_uri()
    sound.write(
        "pyproject.toml", text.replace('["iniconfig"]', f'["iniconfig", "click @ {address}"]')
    )
    sound.ok("deps.lock")
    for task in ("deps.install", "setup"):
        said = refused(sound, task)
        assert f"click {version}, which conda owns (package click), would become " in said
        assert "required by pyproject.toml" in said


def test_a_package_of_condas_that_names_its_source_is_left_alone(sound: Lab) -> None:
    """Both managers install over it at an equal version, as it is not from an index to them."""
    (info,) = sound.prefix.glob("lib/python*/site-packages/six-*.dist-info")
    record = '{"dir_info": {}, "url": "file:///home/conda/feedstock_root/six"}'
    (info / "direct_url.json").write_text(record)
    text = (sound.project / "pyproject.toml").read_text("utf-8")
    sound.write("pyproject.toml", text.replace('["iniconfig"]', '["iniconfig", "six"]'))
    sound.ok("deps.lock")
    said = refused(sound, "deps.add", "six")
    assert "would become one from elsewhere (required by pyproject.toml): its direct_url" in said
    assert sound.case is not None
    assert f"deps.remove --engine {sound.case.engine} six --layer conda" in said
    typed(sound, sound("deps.add", "six").error())
    sound.ok("deps.add", "six")
    assert sound.ok("check.all", "--select", "ownership").ids("fail") == set()


def test_marks_against_changes(sound: Lab) -> None:
    """An externally managed environment takes what the lock names, and a frozen one nothing."""
    before = conda_files(sound)
    (stdlib,) = sound.prefix.glob("lib/python*/site-packages/..")
    (stdlib / "EXTERNALLY-MANAGED").write_text("[externally-managed]\nError=managed by conda\n")
    sound.ok("deps.add", "toolz==0.12.0")
    sound.ok("deps.add", "toolz==0.12.1")
    assert sound.installed()["toolz"] == "0.12.1"
    sound.ok("deps.remove", "toolz")
    assert "toolz" not in sound.installed()
    frozen = sound.prefix / "conda-meta" / "frozen"
    frozen.write_text('{"message": "In production."}')
    for task in (("deps.add", "toolz"), ("deps.remove", "iniconfig"), ("env.remove",)):
        said = refused(sound, *task)
        assert "Its reason: In production. " in said, task
        assert str(frozen) in said
    argv = sound("env.remove").error()["remedy_argv"]
    assert argv == ["rm", str(frozen)]
    assert sound.run(argv).code == 0
    sound.ok("deps.remove", "iniconfig")
    assert differences(before, conda_files(sound)) == {}


def test_no_installation_writes_into_a_cache(sound: Lab) -> None:
    """Engines link the files of their caches into an environment, and a wheel may have such one."""
    files = {"six.py": "x = 1", "mine-1.data/data/share/mine": "new"}
    name = wheel(sound.project, "mine", files)
    (site,) = sound.prefix.glob("lib/python*/site-packages")
    cached, shared = sound.home / "cached.py", sound.home / "shared"
    cached.hardlink_to(site / "six.py")
    before = cached.read_bytes()
    shared.write_text("old")
    (sound.prefix / "share").mkdir(exist_ok=True)
    (sound.prefix / "share" / "mine").symlink_to(shared)
    sound.ok("deps.add", f"mine @ {(sound.project / name).as_uri()}")
    assert (site / "six.py").read_text() == "x = 1"
    assert (cached.read_bytes(), shared.read_text()) == (before, "old")


def test_conda_takes_over_nothing_that_the_lock_owns(lab: Lab) -> None:
    lab.write("conda.yml", CONDA_YML)
    declare(lab, 'dependencies = ["click<8.2"]')
    lab.ok("setup")
    version = lab.installed()["click"]
    assert version.startswith("8.1.")
    with untouched(lab):
        plan = lab.ok("deps.add", "six", "--layer", "conda", "--dry-run").data["plan"]
    assert [step["id"] for step in plan] == ["guard.conda", "conda.edit", "conda.install"]
    lab.ok("deps.add", "six", "--layer", "conda")  # it brings nothing of the lock's
    owner = (
        f"click {version}, which {lab.lock.name} owns (required by pyproject.toml), "
        "would be installed over by "
    )
    for name in ("click", "click-default-group"):  # itself, and with what it needs
        said = refused(lab, "deps.add", name, "--layer", "conda")
        assert f"{owner}conda's 8." in said
        assert f"install {name} with" in said
        assert lab.case is not None
        assert f"deps.remove --engine {lab.case.engine} click" in said
    lab.write("conda.yml", f"{CONDA_YML}  - six\n  - click-default-group\n")  # by hand
    for task in (("setup",), ("env.create",), ("check.fix",)):
        assert owner in refused(lab, *task)
    typed(lab, lab("setup").error())
    lab.ok("setup")
    assert lab.installed()["click"] != version
    lab.ok("check.doctor")
    missing = lab("deps.add", "no-such-package-anywhere", "--layer", "conda")
    assert (missing.code, missing.error()["title"]) == (2, "unknown package")


def test_a_pip_section_replaces_nothing_of_condas(sound: Lab) -> None:
    version = sound.installed()["click"]
    sound.write("conda.yml", f"{CONDA_YML}  - click\n  - six\n  - pip:\n    - click<8.2\n")
    for task in ("setup", "env.create"):
        said = refused(sound, task)
        assert f"click {version}, which conda owns (package click), would become 8.1." in said
        assert "required by conda.yml" in said
    sound.write("conda.yml", f"{CONDA_YML}  - click\n  - six\n  - pip:\n    - toolz\n")
    sound.ok("setup")
    assert "toolz" in sound.installed()
