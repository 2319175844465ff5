"""A real Chromium, driven through chromedriver: a user's actions and what the window then shows."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TAB, ESCAPE, SPACE = "\ue004", "\ue00c", " "
_QUIET = ("background-networking", "component-update", "sync", "gpu")


class Browser:
    """One window: a user's actions, and what it then shows."""

    def __init__(self, address: str, profile: Path) -> None:
        """Open a window that reports every line of its console."""
        args = [
            "--headless",
            "--no-sandbox",
            f"--user-data-dir={profile}",
            *(f"--disable-{part}" for part in _QUIET),
        ]
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

    def run(self, script: str) -> Any:  # noqa: ANN401 - what the script returns
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
        """Return the statuses of the visible results."""
        visible = "[...document.querySelectorAll('li')].filter((row) => row.offsetParent)"
        found: list[str] = self.run(f"{visible}.map((row) => row.dataset.status)")
        return found

    def console(self) -> list[dict[str, Any]]:
        """Return the lines of the console since the last look."""
        found: list[dict[str, Any]] = self("/se/log", {"type": "browser"})
        return found

    def contrast(self, place: str) -> float:
        """Measure the contrast of an element's ink with what lies behind it, as WCAG defines it."""
        script = """((one) => {
          const ink = getComputedStyle(one).color;
          const clear = "rgba(0, 0, 0, 0)";
          while (getComputedStyle(one).backgroundColor === clear) one = one.parentElement;
          return [ink, getComputedStyle(one).backgroundColor];
        })(document.querySelector("PLACE"))""".replace("PLACE", place)
        light, dark = sorted((luminance(color) for color in self.run(script)), reverse=True)
        return (light + 0.05) / (dark + 0.05)


def luminance(color: str) -> float:
    """Return the relative luminance of `rgb(…)`."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@contextmanager
def window(profile: Path) -> Iterator[Browser]:
    """Open a window of a Chromium with a new profile; without one, the test is skipped."""
    driver = shutil.which("chromedriver")
    if driver is None or shutil.which("chromium") is None:
        pytest.skip(
            "there is no chromium with chromedriver: "
            "install Debian's packages chromium and chromium-driver"
        )
    process = subprocess.Popen(
        [driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with process:
        assert process.stdout is not None
        lines = (re.search(r"started successfully on port (\d+)", line) for line in process.stdout)
        port = next(found[1] for found in lines if found)
        try:
            opened = Browser(f"http://127.0.0.1:{port}", profile)
            yield opened
            opened("", method="DELETE")
        finally:
            process.terminate()
