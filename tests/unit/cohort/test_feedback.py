"""What a student reads, in both forms, with what a hostile repository would write."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from tasks_lib.cohort import feedback
from tasks_lib.cohort.base import Examined, Finding, Graded, HandIn, Mark
from tasks_lib.results import Status

FAILED = Finding(
    "lock.fresh", Status.FAIL, "The lock fits", "It is old", "Lock again: uv lock", "uv.lock", 3
)
HOSTILE = (
    "</title><script>alert(1)</script><img src=x onerror=alert(1)>",
    "[f](javascript:g) `c` | *d* @someone ~~x~~\n# heading\n::error::x",
    "nul\0 esc\x1b[31m bidi \u202e no code \udc80",
    "$css ${style} {0}",
)


def graded(text: str = "") -> Graded:
    """Return a grade with a finding of each status; `text` is in all that a stranger wrote."""
    findings = [
        Finding(f"a.{status}", status, text or status, text, text, text) for status in Status
    ]
    marks = (
        Mark(text or "locks", 2, 4, text or "1 of 2 checks passed"),
        Mark("tools", None, 6, text or "not judged: doctor"),
        Mark("tips", 0, 0, "all passed", advice=True),
    )
    examined = Examined("ada", (FAILED, *findings), text or "0123abc", "pip_uv")
    hand_in = HandIn("ada", "x", name=text or "Ada")
    return Graded(hand_in, examined, marks, 1.5, 10, 0.5, text or "2026-03-01", "1 day late")


def test_what_where_and_what_next() -> None:
    page = feedback.files([graded()], "Lab 1")["ada.md"]
    assert page.startswith("# Lab 1: 1.5 of 10 points (1 day late: -0.5)\n\n- name: Ada\n")
    assert "- checks: 1 of 6 passed" in page
    rows = [line for line in page.splitlines() if line.startswith("| ")]
    assert rows[2:] == [
        "| locks | 2 | 4 | 1 of 2 checks passed |",
        "| tools | not judged | 6 | not judged: doctor |",
        "| tips | advice |  | all passed |",
        "| late | -0.5 |  | 1 day late |",
    ]
    todo = page.partition("## To do")[2].partition("\n## ")[0]
    assert todo.startswith("\n\nThese checks failed.")
    told = ["### The lock fits (lock.fresh)", "What: It is old", "Where: uv.lock:3"]
    assert "\n\n".join([*told, "Next: Lock again: uv lock"]) in todo
    headings = re.findall(r"(?m)^## (.*)", page)
    assert headings == [
        "Points",
        "To do",
        "Worth a look",
        "Not checked, through no fault of yours",
        "Could not be told here",
    ]


def test_where_there_is_no_score_and_no_rubric() -> None:
    none = replace(graded(), score=None)
    assert "no fault of yours" in feedback.page(none, "Lab 1").splitlines()[0]
    untold = replace(none, examined=Examined("ada", ()))
    assert "nothing could be judged" in feedback.page(untold, "Lab 1").splitlines()[0]
    plain = replace(graded(), marks=(), examined=Examined("ada", (FAILED,)), penalty=0)
    assert feedback.page(plain, "Lab 1").startswith("# Lab 1: fail\n")
    assert "## Points" not in feedback.page(plain, "Lab 1")


class Page(HTMLParser):
    """Collect what a page consists of."""

    def __init__(self) -> None:  # noqa: D107 - of the class
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.seen.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Expect the end of the innermost element."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Note a text."""
        self.text += data


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_only_text(text: str) -> None:
    one = graded(text)
    page, document = feedback.page(one, text), Page()
    document.feed(feedback.document(one, text))
    assert document.open == []
    assert not {name for name, _ in document.seen} & {"script", "img", "a", "link", "iframe"}
    for _, attributes in document.seen:
        assert not [name for name in attributes if name.startswith("on") or name in {"src", "href"}]
    assert re.split("[\n\0]", text)[0] in document.text
    assert re.findall(r"<(?!br>)|(?<!\\)[`\[]", page) == []
    assert re.findall(r"(?m)^(?:# |::)", page) == ["# "]
    for shown in (page, document.text):
        assert not re.search("[\0\x1b\u202e\udc80]", shown)
        shown.encode()


def test_each_id_has_its_files() -> None:
    class_ = [replace(graded(), hand_in=HandIn(id_, "x")) for id_ in ("a b", "a_b", "../x")]
    found = feedback.files(class_, "Lab")
    assert len(found) == 6
    assert all(re.fullmatch(r"[\w-][\w.-]*\.(md|html)", name) for name in found)
