"""Who owns what, and how it is shown: nothing that a record says is syntax anywhere."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from tasks_lib.ownership import layers
from tasks_lib.report import layers as shown
from tasks_lib.session.session import Session
from tasks_lib.workflows import environment_info
from tests.cases import cases

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeProject
    from tests.unit.conftest import Install, Link

RECORD = "lib/python3.11/site-packages/click-8.1.7.dist-info/METADATA"
METADATA = "Metadata-Version: 2.1\nName: click\nVersion: 8.1.7\n"


@pytest.fixture
def clicked(conda_env: Path, link: Link) -> Path:
    """Return a conda environment whose click 8.1.7 conda installed."""
    link(
        conda_env,
        "click",
        "8.1.7",
        files={RECORD: METADATA, "lib/python3.11/site-packages/click.py": "x = 1\n"},
    )
    return conda_env


def test_owner_version_and_size(clicked: Path, link: Link, install: Install) -> None:
    link(clicked, "libfoo", "1.0", files={"lib/libfoo.so": "12345"})
    record = install(clicked, "Locked_One", "2.0")
    name = record.name
    (record / "RECORD").write_text(
        f"locked.py,sha256=x,40\nlocked.pyc,,\n{name}/METADATA,,2\n{name}/RECORD,,\n"
    )
    install(clicked, "stray", "3.0")
    install(clicked, "my-own", "0.1")
    found = layers.read(clicked, {"locked-one": {"2.0"}}, own="my-own")
    assert [(one.owner, one.name, one.version, one.size) for one in found.packages] == [
        ("conda", "click", "8.1.7", len(METADATA) + 6),
        ("conda", "libfoo", "1.0", 5),
        ("lock", "locked-one", "2.0", 42),
        ("lock", "my-own", "0.1", 0),
        ("stray", "stray", "3.0", 0),
    ]
    assert found.overlaps == ()


def test_a_project_that_only_poetrys_own_table_names_is_no_stray(
    project: MakeProject, venv: Path, install: Install
) -> None:
    install(venv, "My_Own", "0.1")
    made = project(
        '[tool.poetry]\nname = "my-own"\nversion = "0.1"\n', files={"poetry.lock": "package = []\n"}
    )
    found = layers.of(Session.open(combo="pip_poetry", start=made.root))
    assert [(one.owner, one.name) for one in found.packages] == [("lock", "my-own")]


@cases(
    "locked, other, keep, why, installed",
    {
        "agrees": ({"8.1.7"}, "", True, "", "8.1.7"),
        "pinned-elsewhere": ({"8.5.1"}, "", True, "the lock pins another version", "8.1.7"),
        "twice": ({"8.5.1"}, "8.5.1", True, "installed twice", "8.1.7, 8.5.1"),
        "replaced": ({"8.5.1"}, "8.5.1", False, "conda's files were replaced", "8.5.1"),
        "removed": (set(), "", False, "conda's files were removed", ""),
    },
)
def test_what_is_in_both(  # noqa: PLR0913, PLR0917 - one case a row
    clicked: Path,
    install: Install,
    locked: set[str],
    other: str,
    keep: bool,
    why: str,
    installed: str,
) -> None:
    if other:
        install(clicked, "click", other)
    if not keep:
        (clicked / RECORD).unlink()
        (clicked / RECORD).parent.rmdir()
    (found,) = layers.read(clicked, {"click": locked} if locked else {}).overlaps
    assert (found.why, found.conda, found.installed) == (why, "8.1.7", installed)
    assert found.locked == ", ".join(locked)


def test_twice_without_conda(venv: Path, install: Install) -> None:
    install(venv, "six", "1.16.0")
    install(venv, "six", "1.17.0")
    (found,) = layers.read(venv, {"six": {"1.17.0"}}).overlaps
    assert (found.name, found.why, found.conda) == ("six", "installed twice", "")


def test_all_answers_agree_on_the_owners(
    project: MakeProject, venv: Path, install: Install
) -> None:
    lock = '[[package]]\nname = "six"\nversion = "1"\n'
    root = project('[project]\nname = "Demo_X"\nversion = "0.1.0"\n', files={"uv.lock": lock}).root
    for name in ("demo_x", "six", "by_hand"):
        install(venv, name, "1")
    session = Session.open(combo="pip_uv", start=root)
    assert {one.name: one.owner for one in layers.of(session).packages} == {
        "demo-x": "lock",
        "six": "lock",
        "by-hand": "stray",
    }
    assert environment_info.info(session).data["packages_by_owner"] == {
        "conda": 0,
        "lock": 2,
        "stray": 1,
    }


def test_list_of_conda_need_not_be_utf8(project: MakeProject, home: Path) -> None:
    session = Session.open(combo="pip_uv", start=project().root)
    prefix = home / os.fsdecode(b"caf\xe9")
    (prefix / "conda-meta").mkdir(parents=True)
    (home / ".conda").mkdir(exist_ok=True)
    (home / ".conda/environments.txt").write_bytes(os.fsencode(f"{prefix}\n"))
    assert str(prefix) in {
        row["path"] for row in environment_info.listing(session).data["environments"]
    }


HOSTILE = 'a"]\n```\n<script>;#quot;`[click](x)\x1b[31m'


def hostile() -> dict[str, Any]:
    """Return layers whose every word is hostile."""
    package = {"name": HOSTILE, "version": HOSTILE, "build": HOSTILE, "size": 1500}
    one = {
        "name": HOSTILE.lower(),
        "conda": "1",
        "locked": HOSTILE,
        "installed": "1",
        "why": HOSTILE,
    }
    layer = {"owner": "conda", "size": 1500, "packages": [package]}
    return {
        "environment": HOSTILE,
        "lock": HOSTILE,
        "size": 1500,
        "layers": [layer],
        "in_both": [one],
    }


def test_mermaid_is_escaped() -> None:
    rows = shown.mermaid(hostile()).splitlines()
    assert len(rows) == 8
    labels = [row[row.index('["') + 2 : row.rindex('"]')] for row in rows if '["' in row]
    assert len(labels) == 3
    for label in labels:
        assert label == "conda: 1.5 kB" or "#34;" in label
        assert not set('"`[]\x1b') & set(label)
        assert not set("<>") & set(label.replace("<br/>", ""))


def test_tree_is_escaped() -> None:
    out = io.StringIO()
    Console(file=out, width=400, force_terminal=False).print(shown.tree(hostile()))
    text = out.getvalue()
    assert "\x1b" not in text
    assert len(text.splitlines()) == 3
    assert '"]' in text  # no markup was read


def test_tree_marks_conflicts() -> None:
    one = {
        "name": "click",
        "conda": "8.1.7",
        "locked": "8.5.1",
        "installed": "8.1.7",
        "why": "the lock pins another",
    }
    packages = [{"name": name, "version": "1", "size": 1} for name in ("click", "six")]
    data = {
        "environment": "e",
        "lock": "uv.lock",
        "size": 2,
        "in_both": [one, {**one, "name": "six", "why": ""}],
    }
    data["layers"] = [{"owner": "conda", "size": 2, "packages": packages}]
    out = io.StringIO()
    Console(file=out, width=200).print(shown.tree(data))
    click, six = out.getvalue().splitlines()[2:]
    assert "! the lock pins another (conda 8.1.7, lock 8.5.1, installed 8.1.7)" in click
    assert "six 1, in uv.lock too" in six
    assert "class conda0 conflict" in shown.mermaid(data)
