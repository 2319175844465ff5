"""Which packages of conda's are linked again, and which are left alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tasks_lib.environments import conda_repair
from tasks_lib.environments.conda import Conda
from tests.cases import cases
from tests.steps import argv, done

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import MakeProject
    from tests.unit.conftest import Install, Link

SITE = "lib/python3.11/site-packages"
CONDA_YML = "name: demo\nchannels: [conda-forge]\ndependencies: [python, six, tool]\n"


@pytest.fixture
def environment(conda_env: Path, link: Link, project: MakeProject) -> Conda:
    """Return an environment with a Python, a program and six, which has a distribution."""
    link(conda_env, "python", "3.11.7", files={"bin/python3.11": "elf"})
    link(conda_env, "tool", "1.0", files={"bin/tool": "sh", "share/both": "x"})
    link(conda_env, "other", "1.0", files={"share/other": "y", "share/both": "x"})
    files = {
        f"site-packages/{name}": "Name: six\nVersion: 1.17.0\n"
        for name in ("six.py", "six-1.17.0.dist-info/METADATA")
    }
    link(conda_env, "six", "1.17.0", files=files, noarch=True)
    return Conda(project(conda=CONDA_YML), conda_env)


def _again(environment: Conda) -> set[str]:
    """Take out what is damaged, and return the packages that are linked or installed again."""
    found = conda_repair.damage(environment)
    if not found.steps:
        return set()
    take_out, *rest = found.steps
    done(take_out)
    names = set()
    listed = environment.prefix.with_name(".demo.repair.txt")
    for step in rest:
        assert step.needs[0] == "env.explicit"
        specs = [word for word in argv(step) if word.startswith("--spec=") and word.count("=") > 1]
        names |= {spec.split("=")[1] for spec in specs}
    names |= {one["name"] for one in json.loads(listed.read_text())["conda"]}
    return names


def _record(environment: Conda, name: str) -> Path:
    return next((environment.prefix / "conda-meta").glob(f"{name}-*.json"))


DAMAGES: dict[str, tuple[Callable[[Conda], object], set[str]]] = {
    "none": (lambda _: None, set()),
    "a file is gone": (lambda e: (e.prefix / "bin/tool").unlink(), {"tool"}),
    "a file was changed": (lambda e: (e.prefix / SITE / "six.py").write_text("z"), {"six"}),
    "a record is empty": (lambda e: _record(e, "tool").write_text(""), {"tool"}),
    "a record and a file": (
        lambda e: (
            _record(e, "tool").write_text("{"),
            (e.prefix / SITE / "six.py").write_text("z"),
        ),
        {"six", "tool"},
    ),
}


@cases("damage, again", DAMAGES)
def test_damaged_packages_are_linked_again(
    environment: Conda, damage: Callable[[Conda], object], again: set[str]
) -> None:
    damage(environment)
    assert _again(environment) == again
    left = {path.name.partition("-")[0] for path in environment.marker.glob("*.json")}
    assert left == {"python", "tool", "other", "six"} - again
    assert (environment.prefix / "share/both").exists()  # it is of another package too


def test_what_took_the_place_of_a_package_stays(environment: Conda, install: Install) -> None:
    (environment.prefix / SITE / "six-1.17.0.dist-info/METADATA").unlink()
    (environment.prefix / SITE / "six.py").write_text("of another version")
    install(environment.prefix, "six", "1.16.0")
    assert not conda_repair.damage(environment)


def test_a_record_cannot_name_what_is_elsewhere(environment: Conda, home: Path) -> None:
    outside = home / "mine.txt"
    outside.write_text("mine")
    record = _record(environment, "tool")
    text = record.read_text().replace('"share/both"', '"../../../mine.txt"')
    record.write_text(text)
    (environment.prefix / "bin/tool").unlink()
    assert _again(environment) == {"tool"}
    assert outside.read_text() == "mine"
