"""What a repository names, or links to, outside of itself is neither read nor written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution import files
from tasks_lib.report.progress import Progress
from tasks_lib.workflows import adoption

CANARY = "machine canary login me password hunter2"
_CONDA = "name: demo\nchannels: [conda-forge]\ndependencies: [python=3.11, pip, {pip: ['%s']}]\n"
_SETUP = "[metadata]\nname = demo\n[options]\ninstall_requires = file: %s\n"
_DYNAMIC = (
    '[project]\nname = "demo"\nversion = "1"\ndynamic = ["dependencies"]\n'
    '[tool.setuptools.dynamic]\ndependencies = { file = ["%s"] }\n'
)
#: the file of the repository that names another
NAMING = {
    "-r": ("requirements.txt", "-r %s\n"),
    "-c": ("requirements.txt", "six\n-c %s\n"),
    "-e": ("requirements.txt", "-e %s\n"),
    "conda -r": ("environment.yml", _CONDA.replace("%s", "-r %s")),
    "setup.cfg": ("setup.cfg", _SETUP),
    "dynamic": ("pyproject.toml", _DYNAMIC),
}
#: the files that can be links
LINKS = (
    "pyproject.toml",
    "requirements.txt",
    "requirements/test.in",
    "setup.cfg",
    "setup.py",
    "Pipfile",
    "conda.yml",
    ".python-version",
)


@pytest.fixture
def outside(home: Path) -> Path:
    """Return the place of a folder outside of the project, whose files hold secrets."""
    folder = home / "private"
    folder.mkdir()
    (folder / "token").write_text(CANARY)
    (folder / "pyproject.toml").write_text(CANARY)
    return folder


def _init(combo: str, *, dry_run: bool = False) -> None:
    with Progress() as progress:
        session = adoption.opened(combo=combo, engine="rattler", python="")
        adoption.init(session, progress, dry_run=dry_run)


def _refused(root: Path, combo: str) -> None:
    for dry_run in (True, False):
        with pytest.raises(LabError) as caught:
            _init(combo, dry_run=dry_run)
        assert caught.value.code is ErrorCode.OUTSIDE_PROJECT
        assert "canary" not in str(caught.value)
        assert not (root / ".mlops-lab").exists()


@pytest.mark.parametrize("way", ["absolute", "above", "linked"])
@pytest.mark.parametrize("kind", NAMING)
def test_a_file_outside_that_is_named_is_not_read(
    root: Path, outside: Path, kind: str, way: str
) -> None:
    name, text = NAMING[kind]
    target = outside if kind == "-e" else outside / "token"
    place = f"../{target.relative_to(root.parent)}"
    if way == "absolute":
        place = str(target)
    elif way == "linked":
        (root / "link").symlink_to(target)
        place = "./link"
    (root / name).write_text(text % place)
    _refused(root, "pip_uv")


@pytest.mark.parametrize("name", LINKS)
@pytest.mark.parametrize("combo", ["pip_uv", "conda_poetry"])
def test_a_link_that_leads_outside_is_not_read(
    root: Path, outside: Path, name: str, combo: str
) -> None:
    if name == ".python-version":
        (root / "requirements.txt").write_text("six\n")
    (root / name).parent.mkdir(exist_ok=True)
    (root / name).symlink_to(outside / "token")
    _refused(root, combo)


@pytest.mark.parametrize("name", ["pyproject.toml", "conda.yml"])
def test_nothing_is_made_through_a_link(root: Path, outside: Path, name: str) -> None:
    (root / "requirements.txt").write_text("six\n")
    (root / name).symlink_to(outside / "new")
    _refused(root, "conda_uv")
    assert not (outside / "new").exists()


def test_links_within_the_project_are_followed(root: Path) -> None:
    (root / "needs").mkdir()
    (root / "needs/all.txt").write_text("six\n")
    (root / "requirements.txt").symlink_to("needs/all.txt")
    _init("pip_uv")
    assert '"six"' in (root / "pyproject.toml").read_text()


@pytest.mark.parametrize(
    ("place", "is_refused"),
    [("{root}/a", False), ("{out}/token", False), ("{root}/../x", False), ("{root}/link/x", True)],
)
def test_a_place_that_the_user_typed_may_be_elsewhere(
    root: Path, outside: Path, place: str, *, is_refused: bool
) -> None:
    (root / "link").symlink_to(outside)
    path = Path(place.format(root=root, out=outside))
    if not is_refused:
        assert files.inside(root, path, typed=True) == path
        return
    with pytest.raises(LabError) as caught:
        files.inside(root, path, typed=True)
    assert caught.value.code is ErrorCode.OUTSIDE_PROJECT
