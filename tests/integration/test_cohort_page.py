"""The page of a class in a real Chromium: in time, by keyboard, on paper, in both schemes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks_lib.cohort import feedback, reports
from tasks_lib.cohort.base import Examined, Finding, Graded, HandIn, Mark
from tasks_lib.results import Status
from tests.browser import ESCAPE, SPACE, TAB

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browser import Browser

pytestmark = pytest.mark.processes

HOSTILE = (
    "</script></title><script>window.evil = 1</script>"
    "<img src=x onerror='window.evil = 1'> ${y} ]]>"
)
MOST, LIMIT = 10_000, 2_000  # hand-ins, and milliseconds
_IDS = "[...document.querySelectorAll('#rows th')].map((one) => one.textContent)"
_SAID = "document.querySelector('output').textContent"


def graded(
    number: int, *failed: int, text: str = "", error: bool = False, checks: int = 10
) -> Graded:
    """Return a grade with some checks, of which some failed."""
    id_ = f"s{number:05}"
    findings = []
    for check in range(checks):
        status = Status.FAIL if check in failed else Status.PASS
        if error and not check:
            status = Status.ERROR
        detail = "" if status is Status.PASS else text or f"{id_} lacks what check {check} reads."
        title, remedy = text or f"check {check} passes", text or "Lock again: uv lock"
        found = Finding(f"lock.c{check}", status, title, detail, remedy, text or "uv.lock", 3)
        findings.append(found)
    score = None if error else 10.0 - len(failed)
    marks = (Mark(text or "locks", score, 10, text, tuple(f"lock.c{one}" for one in failed)),)
    examined = Examined(id_, tuple(findings), "", text or "pip_uv")
    name = text or f"Name {number % 97}"
    return Graded(HandIn(id_, "x", name=name), examined, marks, score, 10)


def opened(browser: Browser, class_: list[Graded], folder: Path) -> None:
    """Open the page of a class."""
    file = folder / "clàss.html"
    file.write_text(reports.render("html", class_, "Lab 1"), encoding="utf-8")
    browser("/url", {"url": file.as_uri()})


def timed(browser: Browser, action: str) -> float:
    """Return the milliseconds of an action, the new rows laid out."""
    script = f"(() => {{ const from = performance.now(); {action}; document.body.offsetHeight;"
    found: float = browser.run(f"{script} return performance.now() - from; }})()")
    return found


def test_ten_thousand_hand_ins_open_and_are_filtered_in_time(
    browser: Browser, tmp_path: Path
) -> None:
    class_ = [graded(number, *range(number % 4), checks=3) for number in range(MOST)]
    opened(browser, class_, tmp_path)
    took = browser.run("performance.getEntriesByType('navigation')[0].loadEventEnd")
    assert 0 < took < LIMIT
    assert browser.run(_SAID) == f"{MOST} of {MOST} shown"
    typed = "words.value = '{}'; words.dispatchEvent(new Event('input'))"
    assert timed(browser, typed.format("s00042 lacks")) < LIMIT
    assert browser.run(_IDS) == ["s00042"]
    assert timed(browser, typed.format("")) < LIMIT
    sort = "document.querySelector('button[data-sort=\"3\"]').click()"
    assert timed(browser, sort) < LIMIT
    assert browser.run(_IDS)[:2] == ["s00003", "s00007"]
    assert browser.run("document.querySelectorAll('#rows tr').length") == 100
    browser.run("document.getElementById('on').click()")
    assert browser.run("document.getElementById('place').textContent") == f"101 to 200 of {MOST}"
    assert browser.console() == []


def test_the_page_is_for_keyboard_paper_and_both_schemes(browser: Browser, tmp_path: Path) -> None:
    class_ = [graded(1), graded(2, 1), graded(3, 1, 2), graded(4, error=True)]
    opened(browser, class_, tmp_path)
    assert browser.run("document.title") == "Lab 1: 1 error, 2 fail, 1 pass"
    assert browser.run(_IDS) == ["s00001", "s00002", "s00003", "s00004"]
    browser.type("/", *"c2")
    assert browser.run("document.activeElement.id") == "words"
    assert browser.run(_IDS) == ["s00003"]
    browser.type(ESCAPE, TAB, SPACE)  # the worst verdict
    assert browser.run(_IDS) == ["s00004"]
    browser.type(ESCAPE)
    browser.run("document.querySelector('button.check').focus()")
    browser.type(SPACE)
    assert browser.run(_IDS) == ["s00002", "s00003"], "those in which that check failed"
    browser.run("document.querySelector('button[data-sort=\"3\"]').focus()")
    browser.type(SPACE)
    assert browser.run(_IDS) == ["s00003", "s00002"]
    assert browser.run("document.querySelector('th[aria-sort]').ariaSort") == "ascending"
    browser.run("document.querySelector('#rows button').focus()")
    assert browser.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    browser.type(SPACE)
    assert browser.run("document.activeElement.getAttribute('aria-expanded')") == "true"
    shown = browser.run("document.querySelector('.more').innerText")
    for said in (
        "8 of 10",
        "s00003 lacks what check 1 reads.",
        "next: Lock again: uv lock",
        "uv.lock:3",
    ):
        assert said in shown
    browser.type(SPACE)
    assert browser.run("document.querySelectorAll('.more').length") == 0
    assert "70 to 80 %: 0, 80 to 90 %: 1" in browser.run("document.querySelector('svg').ariaLabel")
    browser.run("document.querySelector('#rows button').click()")
    for scheme in ("light", "dark"):
        browser.media(scheme=scheme)
        for place in ("h1", "#rows .mark", "#rows td", "th", "th button", "output", ".more .id"):
            assert browser.contrast(place) >= 4.5, (scheme, place)
    browser.media(scheme="dark", media="print")
    assert browser.run("document.querySelector('form').offsetParent") is None
    assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    browser.media(media="")
    assert browser.run("performance.getEntriesByType('resource').length") == 0
    assert browser.console() == []


def test_hostile_text_runs_nothing_and_the_policy_is_in_force(
    browser: Browser, tmp_path: Path
) -> None:
    one = graded(1, 1, text=HOSTILE)
    opened(browser, [replace(one, late=HOSTILE)], tmp_path)
    for button in ("#rows button", "button.check"):
        browser.run(f"document.querySelector('{button}').click()")
    assert HOSTILE in browser.run("document.getElementById('rows').textContent")
    assert browser.run("document.querySelectorAll('script').length") == 2
    page = tmp_path / "s.html"
    page.write_text(feedback.document(one, HOSTILE), encoding="utf-8")
    assert browser.run("window.evil") is None
    browser.run("document.body.insertAdjacentHTML('beforeend', '<img src=\"x.png\">')")
    assert [line for line in browser.console() if "Content Security Policy" in line["message"]]
    browser("/url", {"url": page.as_uri()})
    assert browser.run("document.querySelectorAll('script, img, a').length") == 0
    assert HOSTILE in browser.run("document.querySelector('h1').textContent")
    assert browser.console() == []
