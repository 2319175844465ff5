"""`conda-lock.yml`: two users get the same conda packages, until somebody renews the lock."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import jsonschema
import pytest
import yaml

from tests import tiny_channel
from tests.lab import CONDA_YML, ENTRY, HYBRIDS, PYTHON, ROOT, Case, Lab, untouched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.processes

#: of conda-lock 4.0.3, `conda_lock/lockfile/v1/conda-lock-v1.schema.json`
_SCHEMA = json.loads((ROOT / "tests/resources/conda-lock-v1.schema.json").read_text("utf-8"))


def lock_what_is_installed(lab: Lab) -> None:
    """Set a lab up with the newest tiny-lib of its own channel, then lock."""
    url = tiny_channel.add(lab.channel, "tiny-lib", "1.9")
    lab.write("conda.yml", CONDA_YML.replace("- conda-forge\n", f"- conda-forge\n  - {url}\n"))
    lab.write("conda.yml", f"{(lab.project / 'conda.yml').read_text('utf-8')}  - tiny-lib\n")
    lab.ok("setup")
    assert not (lab.project / "conda-lock.yml").exists()
    tiny_channel.add(lab.channel, "tiny-lib", "1.10")
    lab.ok("deps.lock")


@pytest.fixture(params=HYBRIDS, ids=str)
def locked(
    request: pytest.FixtureRequest, copied: Callable[[Case, Callable[[Lab], object]], Lab]
) -> Iterator[Lab]:
    """Yield a lab with a lock, whose channel has a newer package by now."""
    lab = copied(request.param, lock_what_is_installed)
    yield lab
    shutil.rmtree(lab.home)


def versions(lab: Lab) -> dict[str, str]:
    """Return the versions in the lock."""
    data = yaml.safe_load((lab.project / "conda-lock.yml").read_text("utf-8"))
    jsonschema.validate(data, _SCHEMA)
    return {one["name"]: one["version"] for one in data["package"]}


def records(lab: Lab) -> dict[str, str]:
    """Return the hashes of conda's packages."""
    found = {}
    for path in lab.prefix.glob("conda-meta/*.json"):
        record = json.loads(path.read_text("utf-8"))
        found[record["name"]] = record["md5"]
    return found


def test_locked_packages_are_installed_until_the_lock_is_renewed(locked: Lab) -> None:
    lab, file = locked, locked.project / "conda-lock.yml"
    assert versions(lab)["tiny-lib"] == "1.9"  # what is installed, and not the newest
    assert lab.ok("setup").data["changed"] == []
    before = records(lab)
    lab.ok("env.remove")
    with untouched(lab):
        lab.ok("setup", "--dry-run")
    lab.ok("setup")
    assert records(lab) == before
    assert lab.ok("setup").data["changed"] == []
    assert "lock.conda" in lab.ok("check.all").ids("pass")

    text = (lab.project / "conda.yml").read_text("utf-8")
    lab.write("conda.yml", text.replace("tiny-lib", "tiny-lib >=1.10,<2"))
    (stale,) = [one for one in lab("check.lock").results if one["id"] == "lock.conda"]
    assert stale["status"] == "fail"
    assert "tiny-lib became tiny-lib >=1.10,<2" in stale["detail"]
    lab.ok("setup")
    assert (lab.prefix / "share" / "tiny-lib.txt").read_text("utf-8") == "1.10"
    assert versions(lab)["tiny-lib"] == "1.10"
    assert lab.ok("setup").data["changed"] == []

    tiny_channel.add(lab.channel, "tiny-lib", "1.11")
    content = file.read_bytes()
    lab.ok("deps.lock", "--layer", "conda")
    assert file.read_bytes() == content
    tiny_channel.add(lab.channel, "tiny-lib", "2.0")
    with untouched(lab):
        rows = {row["name"]: row for row in lab.ok("deps.outdated").data["outdated"]}
    row = {"name": "tiny-lib", "version": "1.10", "owner": "conda"}
    assert rows["tiny-lib"] == {**row, "wanted": "1.11", "latest": "2.0"}
    changed = lab.ok("deps.update", "--layer", "conda").data["conda"]
    assert [(one["package"], one["before"], one["after"]) for one in changed] == [
        ("tiny-lib", "1.10", "1.11")
    ]
    assert versions(lab)["tiny-lib"] == "1.11"
    assert "lock.conda" in lab.ok("check.all").ids("pass")


def test_lock_follows_an_edit_of_the_conda_file_or_stays_with_it(locked: Lab) -> None:
    lab = locked
    lab.ok("deps.add", "six", "--layer", "conda")
    assert {"six", "tiny-lib", "python", "pip"} <= versions(lab).keys()
    assert "six" in lab.installed()
    assert lab.ok("setup").data["changed"] == []
    manifests, installed = lab.manifests(), records(lab)
    assert lab("deps.add", "no-such-package-anywhere", "--layer", "conda").code == 2
    assert (lab.manifests(), records(lab)) == (manifests, installed)
    lab.ok("deps.remove", "six", "--layer", "conda")
    assert "six" not in versions(lab)
    assert "six" not in lab.installed()
    assert lab.ok("setup").data["changed"] == []

    lab.write("conda-lock.yml", "<<<<<<< ours\nversion: 1\n=======\n")
    (damaged,) = [one for one in lab("check.lock").results if one["id"] == "lock.conda"]
    assert (damaged["status"], damaged["file"]) == ("fail", "conda-lock.yml")
    assert {"deps.lock", "--layer"} < {*damaged["remedy_argv"]}
    task = damaged["remedy_argv"].index("deps.lock")
    answer = lab.run([PYTHON, str(ENTRY), *damaged["remedy_argv"][task:]])
    assert answer.code == 0, answer
    assert "conda-lock.yml could not be read, and was written from scratch" in answer.stdout
    assert versions(lab)["tiny-lib"] == "1.9"
    assert "lock.conda" in lab.ok("check.all").ids("pass")
