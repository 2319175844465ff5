"""The page of proofs in a real Chromium, and the matrix that writes it, with real tools."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.proof import cell, figures, page
from tests.browser import TAB
from tests.lab import VERSION, Lab, variables
from tests.proofs import claim, failed, package, proof, write

if TYPE_CHECKING:
    from tests.browser import Browser

pytestmark = pytest.mark.processes

HOSTILE = (
    "</script></title><script>window.evil = 1</script>"
    "<img src=x onerror='window.evil = 1'> ${y} ]]>"
)
_MARKS = "document.querySelectorAll('[data-chart={}] .mark-rect path').length"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a page: four proofs, of which one failed, and a cell without one."""
    folder = tmp_path_factory.mktemp("pag é")
    conda = [
        package("python", "3.11.7", "conda", 60_000_000),
        package("click", "8.2", "lock", 2_000_000),
    ]
    skipped = {"status": "pass", "claims": [claim("conda.untouched", "skip", "no conda")]}
    proofs = [
        proof(verdict=skipped),
        proof(python="3.12.1"),
        proof("conda_uv", "rattler", installed=conda),
        proof("conda_uv", "rattler", "3.12.1", verdict=failed("the lock was edited")),
    ]
    found = [
        *cell.read(write(folder, *proofs)),
        cell.Cell("conda_poetry", "rattler", "3.12", problem="killed"),
    ]
    page.write(cell.ordered(found), folder)
    return folder


def opened(browser: Browser, file: Path, charts: int) -> None:
    """Open a page, and wait until its charts are drawn."""
    browser("/url", {"url": file.as_uri()})
    until = time.monotonic() + 60
    while browser.run("document.documentElement.dataset.drawn") != str(charts):
        assert time.monotonic() < until, browser.console()
        time.sleep(0.1)


def test_charts_are_drawn_from_the_numbers_and_told_in_words(browser: Browser, drawn: Path) -> None:
    opened(browser, drawn / "page.html", 2 + 4)
    assert browser.run("document.title") == "Proofs: error"
    assert (
        browser.run("document.querySelector('header').innerText").split("\n")[-1] == "3 of 5 pass"
    )
    verdicts = (
        "[...document.querySelectorAll('.matrix td')].map((one) => one.innerText.toLowerCase())"
    )
    assert browser.run(verdicts) == [
        "—",
        "error 0.0 s",
        "pass 5.0 s",
        "fail 5.0 s",
        "pass 5.0 s",
        "pass 5.0 s",
    ]
    assert browser.run(_MARKS.format("time")) == 4 * 2
    assert browser.run(_MARKS.format("disk")) == 4 * 2
    assert browser.run(_MARKS.format("cell4")) == 4
    bars = "document.querySelectorAll('[data-chart=cell4] .mark-rect path')"
    labels = f"[...{bars}].map((one) => one.ariaLabel)"
    part = next(label for label in browser.run(labels) if "step: 1.2 do deps.lock" in label)
    assert "began): 0.5" in part.replace("seconds since the session began: ", "began): ")
    assert "ended: 2.5" in part
    said = browser.run(
        "[...document.querySelectorAll('[data-chart], svg[role], img')].map((one) => one.ariaLabel)"
    )
    assert len(said) == 6
    assert all(said)
    assert "conda_uv rattler 3.11 62" in said[1]
    assert "1.2 do deps.lock from 0.5 to 2.5" in said[-1]
    text = browser.run("document.body.innerText")
    for expected in (
        "the lock was edited",
        "killed",
        "8.2 (lock)",
        "dependency manager: uv",
    ):
        assert expected in text
    assert browser.run("performance.getEntriesByType('resource').length") == 0
    assert browser.console() == []


def test_the_page_is_for_keyboard_paper_and_both_schemes(browser: Browser, drawn: Path) -> None:
    opened(browser, drawn / "page.html", 6)
    browser.type(TAB, TAB, TAB)  # past both tables, which can be scrolled
    assert browser.run("document.activeElement.getAttribute('href')") == "#cell0"
    assert browser.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    browser.type("\ue007")
    assert browser.run("location.hash") == "#cell0"
    browser.run("document.querySelector('article summary').focus()")
    browser.type(" ")
    assert browser.run("document.querySelector('article details').open") is True
    tones = {}
    for scheme in ("light", "dark"):
        browser.media(scheme=scheme)
        for place in (
            "h1",
            "dd",
            ".matrix a .mark",
            ".fail .mark",
            ".error .mark",
            "td",
            "th",
            ".layers p",
            "footer",
        ):
            assert browser.contrast(place) >= 4.5, (scheme, place)
        tones[scheme] = browser.run(
            "getComputedStyle(document.querySelector('[data-chart=time] svg text')).fill"
        )
    assert tones["light"] != tones["dark"], "a chart follows the page's scheme"
    browser.media(scheme="dark", media="print")
    assert (
        browser.run("getComputedStyle(document.querySelector('[data-chart=time] svg text')).fill")
        == "rgb(0, 0, 0)"
    )
    assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    browser.media(media="")
    assert browser.console() == []


def test_at_400_pixels_charts_are_not_made_smaller(browser: Browser, drawn: Path) -> None:
    metrics = {"width": 400, "height": 900, "deviceScaleFactor": 1, "mobile": True}
    command = "Emulation.setDeviceMetricsOverride"
    browser("/goog/cdp/execute", {"cmd": command, "params": metrics})
    opened(browser, drawn / "page.html", 6)
    assert browser.run("document.documentElement.scrollWidth") == 400
    heights = "[...document.querySelectorAll('svg text')].map((one) => one.getBBox().height)"
    shown = "[...document.querySelectorAll('svg')].map((one) => one.getScreenCTM().a)"
    assert min(browser.run(heights)) >= 10
    assert min(browser.run(shown)) > 0.85
    titles = "[...document.querySelectorAll('h2')].map((one) => one.innerText)"
    found = browser.run(titles)
    assert found[:2] == ["What did not come out well", "Verdicts"]
    assert found[4:6] == ["conda_poetry rattler 3.12", "conda_uv rattler 3.12"], "the worst first"
    metrics = {"width": 0, "height": 0, "deviceScaleFactor": 0, "mobile": False}
    browser("/goog/cdp/execute", {"cmd": command, "params": metrics})


def test_hostile_proofs_run_nothing_and_the_policy_is_in_force(
    browser: Browser, tmp_path: Path
) -> None:
    steps = [
        {**one, "title": HOSTILE, "command": HOSTILE, "detail": HOSTILE} for one in proof()["steps"]
    ]
    evil = proof(
        engine=HOSTILE,
        python=HOSTILE,
        steps=steps,
        tools={HOSTILE: HOSTILE},
        project={"name": HOSTILE, "commit": HOSTILE},
        installed=[package(HOSTILE, HOSTILE, "lock", 5)],
        verdict=failed(HOSTILE),
    )
    page.write(cell.read(write(tmp_path, evil)), tmp_path)
    opened(browser, tmp_path / "page.html", 3)
    assert browser.run("window.evil") is None
    assert browser.run("document.querySelectorAll('script').length") == 3
    assert browser.run("document.querySelectorAll('img, iframe').length") == 0
    assert browser.run("document.querySelector('h1').textContent") == f"Proofs of {HOSTILE}"
    assert "<script" not in (tmp_path / "summary.md").read_text()
    assert browser.console() == []
    browser.run("document.body.insertAdjacentHTML('beforeend', '<img src=\"x.png\">')")
    assert [line for line in browser.console() if "Content Security Policy" in line["message"]]


def test_charts_that_take_too_long_are_one_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "_LIMIT", 0.05)  # less than any interpreter needs to start
    with pytest.raises(LabError, match="did not end within 0 s") as raised:
        page.write(cell.read(write(tmp_path, proof())), tmp_path / "out")
    assert raised.value.code is ErrorCode.TOOL_TIMEOUT
    assert not (tmp_path / "out" / "page.html").exists()


def test_a_real_matrix_where_one_manager_fails_proves_the_other(
    browser: Browser, tmp_path: Path
) -> None:
    lab = Lab(tmp_path, variables(tmp_path))
    lab.write(
        "pyproject.toml",
        '[project]\nname = "two"\nversion = "1"\n'
        'requires-python = ">=3.11"\ndependencies = ["six"]\n'
        "[tool.uv]\npackage = false\n[tool.poetry]\npackage-mode = false\n"
        '[tool.poetry.dependencies]\nsix = "==99999"\n',
    )
    words = (
        "proof.matrix",
        "--python",
        VERSION,
        "--only",
        "pip_uv",
        "--only",
        "pip_poetry",
        "--jobs",
        "2",
    )
    planned = lab.ok(*words, "--dry-run").data["plan"]
    assert len(planned) == 2
    assert not (lab.project / ".nox").exists()
    answer = lab(*words)
    assert answer.code == 4
    ends = {row["id"].split(".")[1]: row["status"] for row in answer.results}
    assert ends == {"pip_uv": "pass", "pip_poetry": "error"}
    assert "six" in next(row["detail"] for row in answer.results if row["status"] == "error")
    assert {row["combo"]: row["verdict"] for row in answer.data["matrix"]} == {
        "pip_uv": "pass",
        "pip_poetry": "fail",
    }
    opened(browser, Path(answer.data["page"]), 2 + 2)
    assert browser.run("document.querySelectorAll('[data-chart=cell1] .mark-rect path').length") > 6
    assert browser.console() == []
    assert {path.name for path in Path(answer.data["badges"]).iterdir()} == {
        "all.svg",
        "pip_uv.svg",
        "pip_poetry.svg",
    }
    again = lab.ok("proof.page", ".nox/proofs", "--output", "out")
    assert (lab.project / "out/page.html").read_text() == Path(answer.data["page"]).read_text()
    assert again.data["summary"] == "out/summary.md"
    assert lab("proof.page", "pyproject.toml").error()["file"] == "pyproject.toml"


@pytest.mark.skipif(os.name == "nt", reason="a signal of POSIX")
def test_ctrl_c_ends_the_whole_matrix(tmp_path: Path) -> None:
    lab = Lab(tmp_path, variables(tmp_path) | {"TMPDIR": str(tmp_path / "t")})
    (tmp_path / "t").mkdir()
    shutil.copy(Path(__file__).parents[2] / "pyproject.toml", lab.project)
    argv = lab.argv(
        "proof.matrix", "--python", VERSION, "--only", "pip_uv", "--only", "pip_poetry", json=True
    )
    with lab.start(argv) as running:
        until = time.monotonic() + 120
        while len(list((tmp_path / "t").glob("mlops-lab proof */project"))) < 2:
            assert time.monotonic() < until
            time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        stdout, _ = running.communicate(timeout=60)
    assert running.returncode == 130
    assert json.loads(stdout)["results"][0]["id"] == "error.interrupted"
    assert list((tmp_path / "t").glob("mlops-lab*")) == []
    shown = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not [
        one for one in shown if re.search(rb"proof\.run", one) and str(tmp_path).encode() in one
    ]
