"""`deps.audit` with the real uv, against an advisory service on loopback."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests import advisories
from tests.lab import DEAD, MANAGERS, PYPROJECT, Case, Lab, untouched

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.processes


@pytest.mark.parametrize("case", MANAGERS, ids=str)
def test_a_vulnerable_release_is_found_and_renewed(
    new_lab: Callable[[Case], Lab], case: Case
) -> None:
    lab = new_lab(case)
    lab.write("pyproject.toml", PYPROJECT.replace("iniconfig>=2", "iniconfig==2.0.0"))
    lab.ok("deps.lock")
    with advisories.serving() as (service, queries):
        words = ("deps.audit", "--service", service)
        with untouched(lab):
            found = lab(*words)
            (pinned,) = [one for one in found.results if one["status"] == "fail"]
            assert found.code == 1
            assert "Allow 2.1.0 in pyproject.toml (group dev)" in pinned["remedy"]
            assert {query["package"]["name"] for query in queries} == {
                "click",
                "click-default-group",
                "iniconfig",
            }
            assert lab.ok(*words, "--ignore", advisories.ID).ids("pass") >= {"audit.advisory"}
            for form in ("text", "junit", "sarif", "github", "html", "markdown"):
                shown = lab(*words, "--format", form, json=False)
                assert shown.code == 1
                assert advisories.ALIAS in shown.stdout, form
                assert ("<b>hole" in shown.stdout) is (form in {"text", "github", "sarif"}), form
            sarif = json.loads(lab(*words, "--format", "sarif", json=False).stdout)
            (row,) = [one for one in sarif["runs"][0]["results"] if one["level"] == "error"]
            place = row["locations"][0]["physicalLocation"]
            line = (
                (lab.project / place["artifactLocation"]["uri"])
                .read_text("utf-8")
                .splitlines()[place["region"]["startLine"] - 1]
            )
            assert line == 'name = "iniconfig"'
        lab.write("pyproject.toml", PYPROJECT)
        (failed,) = [one for one in lab(*words).results if one["status"] == "fail"]
        argv = failed["remedy_argv"]
        assert argv[-4:] == ["env.create", "deps.update", "--package", "iniconfig"]
        renewed = lab(*argv[argv.index("env.create") :], json=False)
        assert renewed.code == 0, renewed
        sound = lab.ok(*words)
        assert "audit.advisory" in sound.ids("pass")
        assert not sound.ids("fail")
        offline = lab(*words, "--offline")
        assert (offline.code, offline.error()["code"]) == (2, "not_offline")
    assert lab("deps.audit", "--service", DEAD).code == 4
