"""The HTML page in a real Chromium: filters, keyboard, policy, console, colours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import Remedy
from tasks_lib.report import save
from tasks_lib.results import Report, Result, Status
from tests.browser import ESCAPE, SPACE, TAB
from tests.lab import Case

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.browser import Browser
    from tests.lab import Lab

pytestmark = pytest.mark.processes


def _badness(result: dict[str, str]) -> int:
    """Return where a page shows a result: the worst first."""
    return ["error", "fail", "warn", "skip", "pass"].index(result["status"])


def test_a_real_answer_is_filtered_by_keyboard(
    browser: Browser, new_lab: Callable[[Case], Lab]
) -> None:
    lab = new_lab(Case("pip_uv"))
    document = lab("check.all", "--format", "html", "--output", "page é.html").document
    results = sorted(document["results"], key=_badness)
    expected = [result["status"] for result in results]
    assert {"pass", "fail"} <= {*expected}
    browser("/url", {"url": (lab.project / "page é.html").as_uri()})
    assert browser.run("document.title") == "check.all: fail"
    assert browser.shown() == expected
    browser.type("/", *"venv")
    assert browser.run("document.activeElement.id") == "words"
    titles = [
        result["title"] for result in results if "venv" in " ".join(map(str, result.values()))
    ]
    assert browser.run(
        "[...document.querySelectorAll('li')].filter((row) => !row.hidden).length"
    ) == len(titles)
    browser.type(ESCAPE)
    assert browser.shown() == expected
    browser.type(TAB)
    assert browser.run("document.activeElement.value") == "fail"
    assert browser.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    browser.type(SPACE)
    assert browser.run("document.activeElement.getAttribute('aria-pressed')") == "true"
    assert browser.shown() == ["fail"] * expected.count("fail")
    said = f"{expected.count('fail')} of {len(expected)} shown"
    assert browser.run("document.querySelector('output').textContent") == said
    browser.media(media="print")
    assert browser.run("document.querySelector('form').offsetParent") is None
    assert browser.console() == []


def test_hostile_text_runs_nothing_and_both_schemes_are_readable(
    browser: Browser, tmp_path: Path
) -> None:
    text = (
        "</li><script>window.evil = 1</script><img src=x onerror='window.evil = 1'>"
        "<a href='javascript:evil'>x ${y}"
    )
    results = [Result("a.b", status, text, text, Remedy(text), text, 3) for status in Status]
    save(
        Report("check.all", text, results, {"id": "pip_uv", "source": text}, data={text: text}),
        "html",
        tmp_path / "p.html",
    )
    browser("/url", {"url": (tmp_path / "p.html").as_uri()})
    assert browser.run("window.evil") is None
    assert browser.run("document.querySelectorAll('script, img, a').length") == 1
    assert browser.shown() == ["error", "fail", "warn", "skip", "pass"]
    assert browser.run("document.querySelector('h3').textContent") == text
    assert browser.run("performance.getEntriesByType('resource').length") == 0
    assert browser.run(
        "[...document.querySelectorAll('input, button')]"
        ".every((one) => one.ariaLabel || one.textContent)"
    )
    assert browser.console() == []
    for scheme in ("light", "dark"):
        browser.media(scheme=scheme)
        for place in (
            "h3",
            ".detail",
            ".id",
            ".next",
            "button",
            "dt",
            "input",
            *(f"li.{status} .mark" for status in Status),
        ):
            assert browser.contrast(place) >= 4.5, (scheme, place)
    browser.run("document.body.insertAdjacentHTML('beforeend', '<img src=\"x.png\">')")
    # the policy is in force
    assert [line for line in browser.console() if "Content Security Policy" in line["message"]]
