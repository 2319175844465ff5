"""What is refused before anything is built or published, and a wheel unlike its manifest."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tasks_lib.errors import ExitCode, LabError
from tasks_lib.report.progress import Progress
from tasks_lib.session.session import Session
from tasks_lib.workflows import publishing
from tests.cases import cases

if TYPE_CHECKING:
    from tests.conftest import MakeProject

BUILD = '[build-system]\nrequires = ["poetry-core"]\n'
HEAD = '[project]\nname = "Demo_x"\nversion = "1.0"\nrequires-python = ">=3.11"\n'
WHEEL, SDIST = "demo_x-1.0-py3-none-any.whl", "demo_x-1.0.tar.gz"


def _session(project: MakeProject, text: str = HEAD + BUILD, manager: str = "uv") -> Session:
    return Session.open(combo=f"pip_{manager}", start=project(text).root)


def _plan(session: Session, to: str, dist: str = ".") -> dict[str, Any]:
    """Return the one step with which files would be published."""
    answer = publishing.publish(session, Progress(), to=to, dist=dist, dry_run=True)
    (step,) = answer.data["plan"]
    return dict(step)


def _wheel(root: Path, *lines: str) -> Path:
    with zipfile.ZipFile(root / WHEEL, "w") as archive:
        archive.writestr(
            "demo_x/_vendor/six-1.17.0.dist-info/METADATA", "Name: six\nVersion: 1.17.0\n"
        )
        archive.writestr("demo_x-1.0.dist-info/METADATA", "\n".join(lines))
    return root / WHEEL


@pytest.mark.parametrize("manager", ["uv", "poetry"])
@cases(
    "text, line",
    {
        "no build system": (HEAD, None),
        "uv": (f"{HEAD}{BUILD}[tool.uv]\npackage = false\n", 8),
        "poetry": (f"{HEAD}{BUILD}[tool.poetry]\npackage-mode = false\n", 8),
    },
)
def test_what_is_no_package_is_refused(
    project: MakeProject, text: str, line: int | None, manager: str
) -> None:
    session = _session(project, text, manager)
    for work in (publishing.build, lambda *args: publishing.publish(*args, to="pypi")):
        with pytest.raises(LabError, match="Demo_x is not a package") as caught:
            work(session, Progress())
        assert (caught.value.exit_code, caught.value.line) == (ExitCode.BAD_REQUEST, line)


_HERE = ("Name: demo-x", "Version: 1.0", "Requires-Dist: lib @ file:///x/lib")


@cases(
    "lines, why",
    {
        "as it should be": (
            ("Name: demo-x", "Version: 1", "Requires-Dist: six ; x=='file:'"),
            "",
        ),
        "another name": (("Name: other", "Version: 1.0"), "calls itself other 1.0"),
        "another version": (("Name: demo-x", "Version: 1.1"), "calls itself demo-x 1.1"),
        "a folder": (_HERE, "folder of this machine: lib"),
        "no name": (("Version: 1.0",), "no metadata"),
        "no version": (("Name: demo-x", "Version: one"), "no metadata"),
    },
)
def test_a_wheels_metadata_is_held_to_the_manifest(
    project: MakeProject, root: Path, lines: tuple[str, ...], why: str
) -> None:
    pyproject = _session(project).project.pyproject
    wheel = _wheel(root, *lines)
    if not why:
        publishing.expect_metadata(wheel, pyproject)
        return
    with pytest.raises(LabError, match=why) as caught:
        publishing.expect_metadata(wheel, pyproject)
    assert caught.value.exit_code is ExitCode.CHECK_FAILED


def test_a_file_that_is_no_wheel(project: MakeProject, root: Path) -> None:
    (root / WHEEL).write_text("no")
    with pytest.raises(LabError, match="no metadata"):
        publishing.expect_metadata(root / WHEEL, _session(project).project.pyproject)


def _own_index(home: Path, name: str, address: str) -> None:
    """Name an index in uv's settings of the user."""
    folder = home / ".config/uv"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "uv.toml").open("a", encoding="utf-8") as stream:
        stream.write(f'[[index]]\nname = "{name}"\nurl = "https://h"\npublish-url = "{address}"\n')


@cases(
    "to, why",
    {
        "none": (
            "",
            "No index was named to publish to. Give an address, or one of pypi, lab",
        ),
        "unknown": ("there", "no index 'there' to publish to"),
        "a login": ("https://me:hunter2@host/x", r"contains a login: https://\*\*\*@host/x"),
        "a login behind a name": ("secret", "contains a login"),
    },
)
def test_an_index_is_named_without_a_login(
    project: MakeProject, home: Path, to: str, why: str
) -> None:
    _own_index(home, "lab", "https://h/up")
    _own_index(home, "secret", "https://me:hunter2@h/up")
    session = _session(project)
    with pytest.raises(LabError, match=why) as caught:
        publishing.publish(session, Progress(), to=to)
    assert "hunter2" not in str(caught.value)


_NAMED = '[[tool.uv.index]]\nname = "{}"\nurl = "https://h"\npublish-url = "https://evil/up"\n'
_OF_REPOSITORY = {
    "uv": _NAMED,
    "default": '[tool.uv]\npublish-url = "https://evil/up"\n',
    "poetry": '[[tool.poetry.source]]\nname = "{}"\nurl = "https://evil/up"\n',
}


@pytest.mark.parametrize("place", [*_OF_REPOSITORY, "uv.toml", "poetry.toml"])
@pytest.mark.parametrize("manager", ["uv", "poetry"])
def test_a_login_never_goes_where_a_repository_says(
    project: MakeProject, root: Path, monkeypatch: pytest.MonkeyPatch, manager: str, place: str
) -> None:
    monkeypatch.setenv("MLOPS_LAB_PUBLISH_TOKEN", "canary")
    (root / "uv.toml").write_text(_NAMED.replace("tool.uv.", "").format("lab"))
    (root / "poetry.toml").write_text('[repositories.lab]\nurl = "https://evil/up"\n')
    for name in {"uv.toml", "poetry.toml"} - {place}:
        (root / name).unlink()
    (root / WHEEL).touch()
    for name in ("pypi", "lab"):
        text = _OF_REPOSITORY.get(place, "").format(name)
        session = _session(project, HEAD + BUILD + text, manager)
        if name == "lab":
            with pytest.raises(LabError, match="a project's do not count"):
                publishing.publish(session, Progress(), to=name, dist=".")
            continue
        assert "evil" not in str(_plan(session, name))


def test_poetry_publishes_where_nothing_of_the_project_is(project: MakeProject, root: Path) -> None:
    (root / "poetry.toml").write_text("[certificates.lab]\ncert = false\n")
    for name in (WHEEL, "demo_x-2.0-py3-none-any.whl"):  # Poetry would take the newest
        (root / name).touch()
    plugin = '[tool.poetry.requires-plugins]\nhostile = { path = "plugin" }\n'
    session = _session(project, HEAD + BUILD + plugin, "poetry")
    argv = _plan(session, "https://h/up")["argv"]
    folder = Path(argv[argv.index("--directory") + 1])
    assert argv[argv.index("--dist-dir") + 1] == str(folder)
    assert sorted(path.name for path in folder.iterdir()) == [WHEEL, "pyproject.toml"]
    assert (folder / "pyproject.toml").read_text() == (
        '[project]\nname = "demo-x"\nversion = "0"\n'
    )


def test_a_repository_of_poetrys_own_settings(
    project: MakeProject, root: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POETRY_CONFIG_DIR", str(home))
    (home / "config.toml").write_text('[repositories.lab]\nurl = "https://h/up"\n')
    (root / WHEEL).touch()
    assert "--publish-url https://h/up" in _plan(_session(project), "lab")["command"]


#: whole commands, since a word too many could publish elsewhere
_UV = (
    "UV_PUBLISH_PASSWORD=*** UV_PUBLISH_USERNAME=*** "
    "uv publish --directory / --trusted-publishing never"
)
COMMANDS = {
    ("uv", "lab"): f"{_UV} --publish-url https://h/up {{}}",
    ("uv", "pypi"): f"{_UV} {{}}",
    ("poetry", "lab"): "POETRY_HTTP_BASIC_LAB_PASSWORD=*** POETRY_HTTP_BASIC_LAB_USERNAME=*** "
    "POETRY_REPOSITORIES_LAB_URL=https://h/up poetry publish --directory {folder} "
    "--dist-dir {folder} --repository lab",
    (
        "poetry",
        "pypi",
    ): "POETRY_HTTP_BASIC_PYPI_PASSWORD=*** POETRY_HTTP_BASIC_PYPI_USERNAME=*** poetry publish "
    "--directory {folder} --dist-dir {folder}",
}


@pytest.mark.parametrize(("manager", "to"), COMMANDS)
def test_publishing_is_shown_without_the_login(
    project: MakeProject,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    manager: str,
    to: str,
) -> None:
    monkeypatch.setattr("tasks_lib.tools.executables.tool", lambda name: name)
    monkeypatch.setenv("MLOPS_LAB_PUBLISH_USERNAME", "me")
    _own_index(home, "lab", "https://h/up")
    session = _session(project, HEAD + BUILD, manager)
    folder = session.project.root / "built"
    folder.mkdir()
    with pytest.raises(LabError, match=r"has no file of Demo_x 1\.0"):
        publishing.publish(session, Progress(), to=to, dist="built")
    for name in (WHEEL, SDIST, "demo_x-0.9.tar.gz", "other-1.0.tar.gz", "odd.whl"):
        (folder / name).touch()
    with pytest.raises(LabError, match="PUBLISH_PASSWORD is not set"):
        publishing.publish(session, Progress(), to=to, dist="built")
    monkeypatch.setenv("MLOPS_LAB_PUBLISH_PASSWORD", "pw")
    step = _plan(session, to, "built")
    unset = ("POETRY_VIRTUALENVS_PATH=", "VIRTUAL_ENV=")
    words = step["command"].split(" ")
    shown = " ".join(word for word in words if not word.startswith(unset))
    (apart,) = home.rglob("poetry/publish-*") if manager == "poetry" else [folder]
    expected = COMMANDS[manager, to].format(f"'{folder / WHEEL}' '{folder / SDIST}'", folder=apart)
    assert shown.startswith(expected), shown
    assert "pw" not in step["argv"]
    monkeypatch.setenv("MLOPS_LAB_PUBLISH_TOKEN", "a-token")
    step = _plan(session, to, "built")
    assert "TOKEN" in step["command"]
    assert "PASSWORD" not in step["command"]
    assert "a-token" not in str(step)


#: what a user has set for another index, and must not reach the one that is named here
PERSONAL = {
    "uv": (
        "UV_PUBLISH_TOKEN",
        "UV_PUBLISH_USERNAME",
        "UV_PUBLISH_PASSWORD",
        "UV_PUBLISH_URL",
        "UV_PUBLISH_INDEX",
    ),
    "poetry": (
        "POETRY_PYPI_TOKEN_PYPI",
        "POETRY_HTTP_BASIC_PYPI_USERNAME",
        "POETRY_HTTP_BASIC_PYPI_PASSWORD",
    ),
}


@pytest.mark.parametrize("manager", PERSONAL)
def test_a_login_for_another_index_goes_nowhere(
    project: MakeProject, root: Path, manager: str
) -> None:
    (root / WHEEL).touch()
    session = _session(project, manager=manager)
    command = session.manager.publish([root / WHEEL], "", {"TOKEN": "mine"}, None)
    given = {name: value for name, value in command.env.items() if name in PERSONAL[manager]}
    token = PERSONAL[manager][0]
    assert given == {**dict.fromkeys(PERSONAL[manager]), token: "mine"}


def test_without_a_fixed_version_one_alone_must_be_there(project: MakeProject, root: Path) -> None:
    text = HEAD.replace('version = "1.0"', 'dynamic = ["version"]') + BUILD
    for name in (SDIST, "demo_x-0.9.tar.gz"):
        (root / name).touch()
    with pytest.raises(LabError, match="files of several versions"):
        publishing.publish(_session(project, text), Progress(), to="pypi", dist=".")
