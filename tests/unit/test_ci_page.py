"""What the page on CI shows can be pasted: it parses, fits the combo, and names commits."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tasks_lib import checks
from tasks_lib.checks.registry import FACT_CHECKS
from tasks_lib.checks.selection import Selection
from tasks_lib.ownership.facts import Facts
from tasks_lib.project.update_bots import Dependabot
from tasks_lib.results import Status
from tasks_lib.session.session import Session
from tests import ci_page
from tests.lab import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tasks_lib.results import Result
    from tests.ci_page import Block
    from tests.conftest import MakeProject

CONDA = "name: demo\nchannels: [conda-forge]\ndependencies:\n- python=3.12\n- gcc\n- numpy==2.1.3\n"
#: what a bot is told for each manager
WORDS = {"uv": ("uv", "pep621"), "poetry": ("pip", "poetry")}


def test_each_block_parses_and_a_bot_has_one_for_each_manager() -> None:
    assert all(block.data for block in ci_page.blocks())
    assert [(one.combo, one.kind) for one in ci_page.of_bots()] == [
        ("conda_uv", "yaml"),
        ("conda_poetry", "yaml"),
        ("conda_uv", "json"),
    ]


def without_conda(data: dict[str, Any]) -> dict[str, Any]:
    """Return a configuration for pip, by what the page says of it."""
    if "updates" in data:
        left = [one for one in data["updates"] if one["package-ecosystem"] != "conda"]
        return {**data, "updates": left}
    left = [name for name in data["enabledManagers"] if name != "custom.regex"]
    kept = {key: value for key, value in data.items() if key != "customManagers"}
    return {**kept, "enabledManagers": left}


def looked(combo: str, root: Path) -> list[Result]:
    """Return what the check says of the test's project."""
    session = Session.open(combo=combo, engine="rattler", start=root)
    return checks.look_at(FACT_CHECKS["ci.bots"], Facts(session), Selection())


@pytest.mark.parametrize("block", ci_page.of_bots(), ids=lambda one: f"{one.combo} {one.kind}")
def test_a_configuration_fits_its_combo_and_no_other(
    block: Block, project: MakeProject, root: Path
) -> None:
    project(files={"environment.yml": CONDA})
    (root / block.place).parent.mkdir(exist_ok=True)
    (root / block.place).write_text(block.text)
    assert [one.status for one in looked(block.combo, root)] == [Status.PASS]
    layer, _, manager = block.combo.partition("_")
    assert layer == "conda"
    other = "poetry" if manager == "uv" else "uv"
    (found,) = looked(f"conda_{other}", root)
    assert (found.status, found.file) == (Status.WARN, block.place)
    kind = block.place == Dependabot.places[0]
    mine, theirs = WORDS[manager][not kind], WORDS[other][not kind]
    assert theirs in str(found.remedy)
    bare = json.dumps(without_conda(block.data))
    (root / block.place).write_text(bare)
    assert [one.status for one in looked(f"pip_{manager}", root)] == [Status.PASS]
    assert [one.status for one in looked(f"conda_{manager}", root)] == [Status.WARN]
    (root / block.place).write_text(bare.replace(f'"{mine}"', f'"{theirs}"'))
    assert [one.status for one in looked(f"pip_{other}", root)] == [Status.PASS]


def test_renovate_is_told_where_the_conda_file_has_versions() -> None:
    (manager,) = ci_page.of_bots()[-1].data["customManagers"]
    # Renovate's regular expressions are RE2, which spells names as JavaScript does
    (pattern,) = [one.replace("(?<", "(?P<") for one in manager["matchStrings"]]
    found = re.findall(pattern, CONDA)
    assert found == [("python", "3.12"), ("numpy", "2.1.3")]
    (place,) = [one.strip("/") for one in manager["managerFilePatterns"]]
    for name in ("conda.yml", "below/environment.yaml"):
        assert re.search(place, name)
    assert not re.search(place, "conda-lock.yml")


def test_each_action_is_named_by_its_commit() -> None:
    pages = [ci_page.PAGE, *sorted((ROOT / ".github" / "workflows").glob("*.yml"))]
    named = []
    for page in pages:
        for line in page.read_text(encoding="utf-8").splitlines():
            found = re.match(r" *(?:- )?uses: (.*)", line)
            if found and not found[1].startswith("OWNER/"):
                named.append(found[1])
    assert len(named) > 20
    wrong = [
        one for one in named if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one)
    ]
    assert wrong == []
    commits: dict[str, set[str]] = {}
    for one in named:
        commits.setdefault(one.partition("@")[0], set()).add(one)
    assert all(len(found) == 1 for found in commits.values()), commits
