"""The forms of a requirement that `deps.add` takes, in the same words on all four combos."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tasks_lib import bootstrap
from tests.lab import MANAGERS, SAMPLE, Lab

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.processes

PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "{name}"
version = "{version}"

[project.optional-dependencies]
more = ["toolz"]
"""
#: a build that needs nothing from an index
BACKEND = """
import os, tomllib, zipfile
def build(folder, file, text):
    project = tomllib.load(open("pyproject.toml", "rb"))["project"]
    name, version = project["name"].replace("-", "_"), project["version"]
    path = os.path.join(folder, f"{name}-{version}-py3-none-any.whl")
    about = f"Metadata-Version: 2.1\\nName: {project['name']}\\nVersion: {version}\\n"
    about += "Provides-Extra: more\\n"
    about += "Requires-Dist: toolz ; extra == 'more'\\n"
    kind = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    files = {file: text, "METADATA": about, "WHEEL": kind}
    with zipfile.ZipFile(path, "w") as wheel:
        record = ""
        for one, content in files.items():
            one = one if one == file else f"{name}-{version}.dist-info/{one}"
            wheel.writestr(one, content)
            record += f"{one},,\\n"
        own = f"{name}-{version}.dist-info/RECORD"
        wheel.writestr(own, f"{record}{own},,\\n")
    return os.path.basename(path)
def build_wheel(folder, *args, **kwargs):
    return build(folder, "tiny_module.py", open("tiny_module.py").read())
def build_editable(folder, *args, **kwargs):
    return build(folder, "tiny.pth", os.getcwd())
"""


def package(folder: Path, name: str, version: str) -> None:
    """Write a package that builds without an index."""
    folder.mkdir(exist_ok=True)
    texts = {
        "pyproject.toml": PROJECT.format(name=name, version=version),
        "backend.py": BACKEND,
        "tiny_module.py": "",
    }
    for file, text in texts.items():
        (folder / file).write_text(text, "utf-8")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for a git repository; Poetry cannot read one with a space in its path."""
    return tmp_path_factory.mktemp("repository")


def commit(lab: Lab, folder: Path) -> None:
    """Make the repository once: version 1.0 with a tag, then 2.0."""
    for version in ("1.0", "2.0") if not (folder / ".git").exists() else ():
        package(folder, "tiny-git", version)
        who = ("-c", "user.name=me", "-c", "user.email=me@localhost")
        for words in (
            ("init", "-q"),
            ("add", "-A"),
            (*who, "commit", "-qm", version),
            ("tag", f"v{version[0]}"),
        ):
            made = lab.run(["git", "-C", str(folder), *words])
            assert made.code == 0, made


@pytest.mark.parametrize("fresh", SAMPLE, ids=str, indirect=True)
def test_what_is_locked_from_git_leaves_the_tool_environment_as_it_is(
    fresh: Lab, repository: Path
) -> None:
    commit(fresh, repository)
    text = (fresh.project / "pyproject.toml").read_text("utf-8")
    wanted = f'"tiny-git @ git+{repository.as_uri()}@v1"'
    fresh.write("pyproject.toml", text.replace('"click-default-group>=1.2"', wanted))
    fresh.ok("setup")
    assert fresh.installed()["tiny-git"] == "1.0"
    assert bootstrap.fault(bootstrap.place(bootstrap.REQUIREMENTS)) is None


@pytest.mark.parametrize("made", SAMPLE, ids=str, indirect=True)
def test_git_extras_markers_and_several_at_once(made: Lab, repository: Path) -> None:
    commit(made, repository)
    before = made.installed()
    address = f"git+{repository.as_uri()}"
    made.ok(
        "deps.add",
        f"tiny-git[more] @ {address}@v1",
        "--group",
        "dev",
        "--",
        "six; sys_platform == 'nowhere'",
    )
    assert made.installed().items() - before.items() == {
        ("tiny-git", "1.0"),
        ("toolz", made.installed()["toolz"]),
    }
    text = (made.project / "pyproject.toml").read_text("utf-8")
    assert "nowhere" in text
    assert "# brings click" in text
    (chain,) = made.ok("deps.why", "toolz").data["chains"]
    assert (chain["manifest"], chain["chain"]) == (
        "pyproject.toml (group dev)",
        ["tiny-git", "toolz"],
    )
    assert "another platform" in made.ok("deps.why", "six").data["note"]
    skipped = [one["detail"] for one in made.ok("deps.outdated").results if one["status"] == "skip"]
    assert [text for text in skipped if text.startswith("tiny-git: ")]
    made.ok("check.lock")
    made.ok("deps.remove", "tiny-git[more]", "--group", "dev", "--", "six")
    assert made.installed() == before
    left = (made.project / "pyproject.toml").read_text("utf-8")
    assert not [name for name in ("tiny-git", "six", "nowhere", address) if name in left]
    made.ok("check.lock")


@pytest.mark.parametrize("made", SAMPLE, ids=str, indirect=True)
def test_a_folder_to_be_edited(made: Lab) -> None:
    package(made.project / "ma lib", "tiny-local", "1.0")
    before = made.installed()
    made.ok("deps.add", "./ma lib[more]", "--editable")
    assert made.installed().keys() - before.keys() == {"tiny-local", "toolz"}
    show = "import tiny_module; print(tiny_module.__file__)"
    found = made.run([str(made.python), "-B", "-c", show])
    assert found.stdout.strip() == str(made.project / "ma lib" / "tiny_module.py"), found
    text = (made.project / "pyproject.toml").read_text("utf-8")
    assert "workspace" not in text
    made.ok("deps.remove", "tiny-local")
    assert made.installed() == before
    assert "tiny-local" not in (made.project / "pyproject.toml").read_text("utf-8")


@pytest.mark.parametrize("made", MANAGERS, ids=str, indirect=True)
def test_forms_that_cannot_be_taken(made: Lab, repository: Path) -> None:
    commit(made, repository)
    manifests, installed = made.manifests(), made.installed()
    wrong = {
        ("toolz", "--editable"): "folders",
        ("./no-such-folder",): "no-such-folder",
        (f"tiny-git @ git+{repository.as_uri()}@no-such-tag",): "no-such-tag",
        (f"tiny-git @ git+{repository.as_uri()}-gone",): f"{os.fspath(repository)}-gone",
        ("toolz [;",): "[;",
        ("toolz", "--", "zz-nothing; os_name == 'nt'"): "zz-nothing",
    }
    if made.case and made.case.manager == "poetry":
        wrong[(f"git+{repository.as_uri()}",)] = "Poetry needs a name for a git+file address"
    for words, said in wrong.items():
        answer = made("deps.add", *words)
        assert answer.code == 2, (words, answer.results)
        assert said in answer.error()["detail"], words
        assert "zz-nothing{" not in answer.error()["detail"]
    assert made.manifests() == manifests
    assert made.installed() == installed
