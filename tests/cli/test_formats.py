"""The formats and the file, as a user and CI ask for them."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import xmlschema

from tests.lab import ROOT, Lab, expect_no_traceback, untouched

pytestmark = pytest.mark.processes

COMBO = ("--combo", "pip_uv")


def test_check_all_in_every_format(lab: Lab) -> None:
    # a fault whose message quotes the manifest
    lab.write(
        "pyproject.toml", '[project]\nname = "x"\nversion = "1"\ndependencies = ["<i>b|`2`</i>"]\n'
    )
    with untouched(lab):
        said = {
            name: lab("check.all", *COMBO, "--format", name, json=False)
            for name in ("text", "json", "junit", "sarif", "github", "markdown", "html")
        }
    codes = {answer.code for answer in said.values()}
    assert len(codes) == 1
    assert codes < {1, 4}
    found = json.loads(said["json"].stdout)["results"]
    wrong = [one for one in found if one["status"] in {"fail", "error"}]
    assert wrong
    xml = ET.fromstring(said["junit"].stdout.encode())  # noqa: S314 - our own
    xmlschema.XMLSchema(ROOT / "tests/resources/junit.xsd").validate(xml)
    assert [case.get("classname") for case in xml.iter("testcase")] == [one["id"] for one in found]
    sarif = json.loads(said["sarif"].stdout)
    schema = json.loads((ROOT / "tests/resources/sarif-2.1.0.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(sarif)
    assert [one["ruleId"] for one in sarif["runs"][0]["results"]] == [one["id"] for one in wrong]
    assert said["github"].stdout.count("::error ") == len(wrong)
    assert "<i>" in said["json"].stdout
    assert "&lt;i&gt;" in said["html"].stdout
    assert "<i>" not in said["markdown"].stdout + said["html"].stdout
    for name, start in (("text", ("✓", "✗")), ("markdown", "## "), ("html", "<!doctype html>")):
        assert said[name].stdout.startswith(start)
        assert all(one["title"][:5] in said[name].stdout for one in wrong)


def test_a_file_gets_the_format_and_stdout_the_text(lab: Lab) -> None:
    file = lab.home / "un rapport.sarif"
    answer = lab("check.all", *COMBO, "--format", "sarif", "--output", str(file), json=False)
    assert answer.code == 1
    assert "next: " in answer.stdout
    assert json.loads(file.read_text("utf-8"))["version"] == "2.1.0"
    answer = lab("check.all", *COMBO, "--format", "html", "--output", "page.html")  # and --json
    assert answer.code == 1
    assert (lab.project / "page.html").read_text("utf-8").startswith("<!doctype html>")
    assert sorted(path.name for path in lab.project.iterdir()) == ["page.html", "pyproject.toml"]


def test_a_listing_a_plan_and_a_script(lab: Lab) -> None:
    lab.ok("env.create", *COMBO)
    plan = lab("deps.lock", *COMBO, "--dry-run", "--format", "markdown", json=False)
    assert "| why | command |" in plan.stdout
    page = lab("env.list", *COMBO, "--format", "html", json=False)
    assert ".venv</td>" in page.stdout
    script = lab("env.activate", *COMBO, "--shell", "bash", json=False).stdout
    lab("env.activate", *COMBO, "--shell", "bash", "--output", "go.sh", json=False)
    assert (lab.project / "go.sh").read_text("utf-8") == script
    ran = lab(
        "env.run", *COMBO, "--format", "junit", "--", "python", "-c", "print('<x>')", json=False
    )
    case = ET.fromstring(ran.stdout).find(".//testcase")  # noqa: S314 - our own
    assert case is not None
    assert "print" in f"{case.get('name')}"


@pytest.mark.parametrize("wrong", ["yaml", "HTML", "../text", "model"])
def test_an_unknown_format_lists_the_valid_ones(lab: Lab, wrong: str) -> None:
    with untouched(lab):
        answer = lab("check.all", "--format", wrong, "--output", "f")
        assert answer.code == 2
        for name in (wrong, "text", "json", "junit", "sarif", "github", "markdown", "html"):
            assert name in answer.error()["detail"]
        assert wrong in lab("check.all", "--format", wrong, json=False).stdout


def test_two_formats_for_stdout(lab: Lab) -> None:
    answer = lab("check.all", "--format", "html")
    assert answer.code == 2
    assert "--output" in answer.error()["remedy"]


@pytest.mark.parametrize("file", ["no/folder/f", "/", "pyproject.toml/f"])
def test_a_file_that_cannot_be_written(lab: Lab, file: str) -> None:
    with untouched(lab):
        answer = lab("check.config", *COMBO, "--format", "junit", "--output", file)
        assert answer.code == 4
        last = answer.results[-1]
        assert (last["title"], last["file"]) == ("cannot write", str(Path(file)))
        assert answer.results[0]["status"] == "pass"  # what was found is told all the same


def test_a_request_that_nothing_was_run_for(lab: Lab) -> None:
    for words in (("--format", "json"), ("--format=json",)):
        answer = lab.run(lab.argv("check.all", *words, "--no-such-option", json=False))
        expect_no_traceback(answer)
        assert (answer.code, answer.document["exit_code"]) == (2, 2)
