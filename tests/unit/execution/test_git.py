"""What git is asked starts nothing that the repository's own settings name."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tasks_lib.execution import git
from tests.repository import Git

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.processes


@pytest.fixture
def repository(tmp_path: Path) -> Git:
    """Return a repository with one commit, whose settings name programs that leave a file."""
    made = Git(tmp_path / "repository")
    made.path.mkdir()
    made.run("init", "--quiet")
    made.commit(".gitattributes", "*.txt filter=theirs\n")
    made.commit("a.txt", "a\n")
    (tmp_path / "marks").mkdir()
    mark = f"touch '{tmp_path / 'marks'}'/"
    made.run("config", "filter.theirs.clean", f"{mark}clean; cat")
    made.run("config", "filter.theirs.required", "true")
    made.run("config", "core.fsmonitor", f"{mark}fsmonitor; false")
    return made


def test_no_program_of_the_repository_is_started(repository: Git) -> None:
    os.utime(repository.path / "a.txt", (1, 1))  # git has to compare the contents
    commit = git.commit(repository.path)
    assert git.tracked(repository.path, [repository.path / "a.txt"]).endswith("\ta.txt\0")
    marks = repository.path.with_name("marks")
    assert not list(marks.iterdir())
    assert commit == repository.run("rev-parse", "HEAD")
    os.utime(repository.path / "a.txt", (2, 2))
    repository.run("describe", "--always", "--dirty")
    assert {path.name for path in marks.iterdir()} == {"clean", "fsmonitor"}


def test_a_commit_is_marked_where_something_is_not_committed(repository: Git) -> None:
    (repository.path / "a.txt").write_text("other\n")
    assert git.commit(repository.path) == f"{repository.run('rev-parse', 'HEAD')}-dirty"


def test_a_filter_that_cannot_be_turned_off_leaves_the_commit_unknown(repository: Git) -> None:
    repository.run("config", "filter.a=b.clean", "touch x; cat")
    assert git.commit(repository.path) == ""


def test_there_may_be_no_repository(tmp_path: Path) -> None:
    assert git.commit(tmp_path) == ""
    assert git.tracked(tmp_path, [tmp_path]) == ""
