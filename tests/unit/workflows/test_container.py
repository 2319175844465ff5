"""The files for a container: one combo in full, what is the user's, and what is taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.project import jsonc
from tasks_lib.report.progress import Progress
from tasks_lib.session.session import Answer, Session
from tasks_lib.workflows import container, container_parts
from tests.cases import cases

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeProject

PYPROJECT = """\
[project]
name = "demo"
version = "0.1.0"
requires-python = ">=3.11,<3.13"
dependencies = ["iniconfig>=2"]

[project.optional-dependencies]
two = ["six"]
"""
CONDA = "name: demo\nchannels: [conda-forge]\ndependencies:\n  - python=3.11\n"
LOCKS = {
    "uv.lock": 'version = 1\n[[package]]\nname = "iniconfig"\nversion = "2.1.0"\n',
    "poetry.lock": '[[package]]\nname = "iniconfig"\nversion = "2.1.0"\n',
}
#: linted by hadolint 2.15.1 without a complaint; its steps were carried out in a clean root
CONDA_UV = """\
# syntax=docker/dockerfile:1
# the environment of conda_uv
FROM mambaorg/micromamba:2.8.1 AS layer
FROM python:3.12-slim
COPY --from=layer /bin/micromamba /usr/local/bin/
RUN useradd --create-home --uid 1000 --shell /bin/bash lab \\
    && install --directory --owner=lab --group=lab /home/lab/project /home/lab/.cache
RUN --mount=type=cache,target=/root/.cache/pip \\
    python -m venv /opt/uv \\
    && /opt/uv/bin/pip install {uv} \\
    && ln -s /opt/uv/bin/uv /usr/local/bin/
USER 1000:1000
WORKDIR /home/lab/project
ENV PATH="/home/lab/env/bin:$PATH" \\
    CONDA_DEFAULT_ENV=env \\
    CONDA_PREFIX=/home/lab/env \\
    MAMBA_ROOT_PREFIX=/home/lab/.mamba
# what seldom changes comes first: its layers are used again until a lock changes
COPY --chown=lab:lab conda.yml ./
RUN --mount=type=cache,target=/home/lab/.mamba,uid=1000,gid=1000 \\
    micromamba create --yes --prefix /home/lab/env --file conda.yml
COPY --chown=lab:lab pyproject.toml uv.lock ./
RUN --mount=type=cache,target=/home/lab/.cache/uv,uid=1000,gid=1000 \\
    UV_LINK_MODE=copy \\
    UV_PROJECT_ENVIRONMENT=/home/lab/env \\
    UV_PYTHON_DOWNLOADS=never \\
    uv sync --inexact --frozen --python /home/lab/env/bin/python --no-install-project \
--no-install-workspace --no-install-local
COPY --chown=lab:lab . ./
RUN --mount=type=cache,target=/home/lab/.cache/uv,uid=1000,gid=1000 \\
    UV_LINK_MODE=copy \\
    UV_PROJECT_ENVIRONMENT=/home/lab/env \\
    UV_PYTHON_DOWNLOADS=never \\
    uv sync --inexact --locked --python /home/lab/env/bin/python
CMD ["bash"]
"""


@pytest.fixture(autouse=True)
def root_of_project(project: MakeProject, root: Path) -> Path:
    """Return a project with a lock of each manager."""
    project(PYPROJECT, CONDA, files=LOCKS)
    return root


def _session(root: Path, combo: str = "conda_uv") -> Session:
    engine = "rattler" if combo.startswith("conda") else ""
    return Session.open(combo=combo, engine=engine, start=root)


def _make(root: Path, combo: str = "conda_uv", *, dry_run: bool = False) -> Answer:
    return container.make(_session(root, combo), Progress(), dry_run=dry_run)


def _remove(root: Path) -> Answer:
    return container.remove(_session(root), Progress())


def _read(root: Path, name: str = container.DOCKERFILE) -> str:
    return (root / name).read_text("utf-8")


def test_the_dockerfile_of_a_combo(root: Path) -> None:
    session = _session(root)
    expected = CONDA_UV.format(uv=container_parts.requirement(session.manager))
    _make(root, dry_run=True)
    assert not (root / "Dockerfile").exists()
    for _ in range(2):
        _make(root)
        first, mark, rest = _read(root).split("\n", 2)
        assert f"{first}\n{rest}" == expected
        assert mark.startswith("# mlops-lab env.container ")
    found = jsonc.parse(_read(root, container.DEVCONTAINER))
    assert (found["name"], found["remoteUser"]) == ("demo (conda_uv)", "lab")
    assert found["build"] == {"dockerfile": "../Dockerfile", "context": ".."}
    assert ".venv" in _read(root, container.IGNORED).splitlines()


#: the lines of other combos that differ
OTHERS = {
    "pip_uv": ["RUN python -m venv /home/lab/env", "    VIRTUAL_ENV=/home/lab/env"],
    "pip_poetry": [
        "    poetry install --no-interaction --no-ansi --no-root --no-directory",
        "    poetry install --no-interaction --no-ansi",
        "RUN --mount=type=cache,target=/home/lab/.cache/pypoetry,uid=1000,gid=1000 \\",
    ],
    "conda_poetry": ["COPY --chown=lab:lab pyproject.toml poetry.lock ./"],
}


@cases("combo, lines", {combo: (combo, lines) for combo, lines in OTHERS.items()})
def test_other_combos(root: Path, combo: str, lines: list[str]) -> None:
    _make(root, combo)
    text = _read(root)
    assert set(lines) <= set(text.splitlines())
    assert ("micromamba" in text) is combo.startswith("conda")
    assert text.index("COPY --chown=lab:lab pyproject.toml") < text.index("COPY --chown=lab:lab .")


def test_all_of_it_is_taken_back(root: Path) -> None:
    before = sorted(path.name for path in root.iterdir())
    _make(root)
    _remove(root)
    assert sorted(path.name for path in root.iterdir()) == before
    assert _remove(root).results[0].title == "nothing to remove"


@pytest.mark.parametrize("name", [container.DOCKERFILE, container.DEVCONTAINER])
def test_what_is_the_users_stays(root: Path, name: str) -> None:
    _make(root)
    changed = _read(root, name) + "\n"
    (root / name).write_text(changed)
    for text in (changed, "# mine\n"):
        (root / name).write_text(text)
        with pytest.raises(LabError) as caught:
            _make(root)
        assert (caught.value.code, caught.value.file) == (ErrorCode.PATH_OCCUPIED, name)
        assert caught.value.remedy.argv == ("mv", name, f"{name}.old")
        assert _read(root, name) == text
    (root / name).write_text(changed)
    assert _remove(root).data["left"] == [f"{name} was changed since this task wrote it"]
    assert _read(root, name) == changed
    assert not (root / container.IGNORED).exists()


def test_an_own_dockerignore_stays_and_line_endings_do_not_count(root: Path) -> None:
    (root / container.IGNORED).write_text("data\n")
    _make(root)
    (root / "Dockerfile").write_bytes(_read(root).replace("\n", "\r\n").encode())
    _make(root)
    assert "\r" not in _read(root)
    _remove(root)
    assert _read(root, container.IGNORED) == "data\n"
    assert not (root / "Dockerfile").exists()


def test_without_a_lock(root: Path) -> None:
    (root / "uv.lock").unlink()
    with pytest.raises(LabError) as caught:
        _make(root)
    assert caught.value.code is ErrorCode.NO_LOCK


def test_a_link_out_of_the_project(root: Path, tmp_path: Path) -> None:
    (root / "Dockerfile").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LabError) as caught:
        _make(root)
    assert caught.value.code is ErrorCode.OUTSIDE_PROJECT
