"""The HTML page in a real Chromium, driven through chromedriver: filters, keyboard, policy, console, colours."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from tasks_lib.report import save
from tasks_lib.report.model import Report, Result, Status
from tests.lab import Case

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.lab import Lab

pytestmark = pytest.mark.processes

_TAB, _ESCAPE, _SPACE = "\ue004", "\ue00c", " "
_QUIET = ("background-networking", "component-update", "sync", "gpu")


class Browser:
    """One window: what a person does in it, and what it then shows."""

    def __init__(self, address: str, profile: Path) -> None:
        """Open a window that speaks of every line of its console."""
        args = ["--headless", "--no-sandbox", f"--user-data-dir={profile}", *(f"--disable-{part}" for part in _QUIET)]
        options = {"args": args, "binary": shutil.which("chromium")}
        wanted = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self._address = f"{address}/session"
        self._address += "/" + self("", {"capabilities": {"alwaysMatch": wanted}})["sessionId"]

    def __call__(self, path: str, body: dict[str, Any] | None = None, method: str = "POST") -> Any:  # noqa: ANN401 - JSON
        """Send one command."""
        data = None if method == "DELETE" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self._address + path, data, method=method)  # noqa: S310 - our own driver
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - the same
            return json.load(answer)["value"]

    def run(self, script: str) -> Any:  # noqa: ANN401 - what the script gives
        """Ask the page."""
        return self("/execute/sync", {"script": f"return {script}", "args": []})

    def type(self, *keys: str) -> None:
        """Press keys, one after the other, wherever the focus is."""
        pressed = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self("/actions", {"actions": [{"type": "key", "id": "keys", "actions": pressed}]})

    def media(self, **features: str) -> None:
        """Make the window dark or light, or a printer's."""
        wanted = [{"name": "prefers-color-scheme", "value": features.pop("scheme", "light")}]
        params = {"media": features.pop("media", ""), "features": wanted}
        self("/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": params})

    def shown(self) -> list[str]:
        """Give the statuses of the results that can be seen."""
        rows = "[...document.querySelectorAll('li')].filter((row) => row.offsetParent).map((row) => row.dataset.status)"
        found: list[str] = self.run(rows)
        return found

    def console(self) -> list[dict[str, Any]]:
        """Give the lines of the console since the last look."""
        found: list[dict[str, Any]] = self("/se/log", {"type": "browser"})
        return found


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Give a window of a Chromium with a new profile."""
    driver = shutil.which("chromedriver")
    if driver is None or shutil.which("chromium") is None:
        pytest.skip("there is no chromium with chromedriver: install Debian's packages chromium and chromium-driver")
    process = subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    with process:
        assert process.stdout is not None
        lines = (re.search(r"started successfully on port (\d+)", line) for line in process.stdout)
        port = next(found[1] for found in lines if found)
        window = Browser(f"http://127.0.0.1:{port}", tmp_path_factory.mktemp("profile"))
        yield window
        window("", method="DELETE")
        process.terminate()


def test_a_real_answer_is_filtered_by_keyboard(browser: Browser, new_lab: Callable[[Case], Lab]) -> None:
    lab = new_lab(Case("pip_uv"))
    document = lab("check.all", "--format", "html", "--output", "page é.html").document
    expected = [result["status"] for result in document["results"]]
    assert {"pass", "fail"} <= {*expected}
    browser("/url", {"url": (lab.project / "page é.html").as_uri()})
    assert browser.run("document.title") == "check.all: fail"
    assert browser.shown() == expected
    browser.type("/", *"venv")
    assert browser.run("document.activeElement.id") == "words"
    titles = [result["title"] for result in document["results"] if "venv" in " ".join(map(str, result.values()))]
    assert browser.run("[...document.querySelectorAll('li')].filter((row) => !row.hidden).length") == len(titles)
    browser.type(_ESCAPE)
    assert browser.shown() == expected
    browser.type(_TAB)
    assert browser.run("document.activeElement.value") == "fail"
    assert browser.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    browser.type(_SPACE)
    assert browser.run("document.activeElement.getAttribute('aria-pressed')") == "true"
    assert browser.shown() == ["fail"] * expected.count("fail")
    said = f"{expected.count('fail')} of {len(expected)} shown"
    assert browser.run("document.querySelector('output').textContent") == said
    browser.media(media="print")
    assert browser.run("document.querySelector('form').offsetParent") is None
    assert browser.console() == []


def test_hostile_text_runs_nothing_and_both_schemes_are_readable(browser: Browser, tmp_path: Path) -> None:
    text = "</li><script>window.evil = 1</script><img src=x onerror='window.evil = 1'><a href='javascript:evil'>x ${y}"
    results = [Result("a.b", status, text, text, text, text, 3) for status in Status]
    save(
        Report("check.all", text, results, {"id": "pip_uv", "source": text}, data={text: text}),
        "html",
        tmp_path / "p.html",
    )
    browser("/url", {"url": (tmp_path / "p.html").as_uri()})
    assert browser.run("window.evil") is None
    assert browser.run("document.querySelectorAll('script, img, a').length") == 1
    assert browser.shown() == [str(status) for status in Status]
    assert browser.run("document.querySelector('h3').textContent") == text
    assert browser.run("performance.getEntriesByType('resource').length") == 0
    assert browser.run(
        "[...document.querySelectorAll('input, button')].every((one) => one.ariaLabel || one.textContent)"
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
            assert contrast(browser, place) >= 4.5, (scheme, place)
    browser.run("document.body.insertAdjacentHTML('beforeend', '<img src=\"x.png\">')")
    assert [
        line for line in browser.console() if "Content Security Policy" in line["message"]
    ]  # the policy is in force


def contrast(browser: Browser, place: str) -> float:
    """Measure the contrast of an element's ink with what lies behind it, as WCAG defines it."""
    script = """((one) => {
      const ink = getComputedStyle(one).color;
      while (getComputedStyle(one).backgroundColor === "rgba(0, 0, 0, 0)") one = one.parentElement;
      return [ink, getComputedStyle(one).backgroundColor];
    })(document.querySelector("PLACE"))""".replace("PLACE", place)
    light, dark = sorted((luminance(color) for color in browser.run(script)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(color: str) -> float:
    """Give the relative luminance of `rgb(…)`."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
