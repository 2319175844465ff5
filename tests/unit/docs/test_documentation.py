"""The pages of the documentation: their form, and how one is found."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tasks_lib.cli.completion import values
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.workflows import documentation
from tasks_lib.workflows.documentation import FOLDER, KINDS, Page

if TYPE_CHECKING:
    from pathlib import Path

PAGES = documentation.pages()
ROOT = FOLDER.parents[1]
LINKED = [*FOLDER.glob("*/*.md"), ROOT / "README.md", *ROOT.glob(".github/*.md")]


def _topic(page: Page) -> str:
    return page.topic


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_there_are_pages_of_each_kind_and_no_topic_twice() -> None:
    assert {page.kind for page in PAGES} == set(KINDS)
    assert len({page.topic for page in PAGES}) == len(PAGES)


@pytest.mark.parametrize("page", PAGES, ids=_topic)
def test_page_begins_with_a_title_and_one_line_about_it(page: Page) -> None:
    assert page.text.startswith("# ")
    assert page.about.endswith(".")
    assert "<!--" not in page.text
    assert len(page.about) <= 120


@pytest.mark.parametrize("path", LINKED, ids=_name)
def test_links_lead_to_files_and_headings(path: Path) -> None:
    text = re.sub(r"(?ms)^ *```.*?^ *```", "", path.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, heading = target.partition("#")
        if "://" in target:
            continue
        linked = (path.parent / file).resolve() if file else path
        assert linked.exists(), target
        if heading:
            titles = re.findall(r"(?m)^#+ (.*)$", linked.read_text(encoding="utf-8"))
            anchors = {re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-") for one in titles}
            assert heading in anchors, target


def test_index_lists_every_page() -> None:
    rows = documentation.show("index").data["pages"]
    assert [row["topic"] for row in rows] == [page.topic for page in PAGES]
    assert all(row["title"] and row["about"] for row in rows)


def test_topics_are_completed() -> None:
    assert {"guard", "json"} <= set(values.of("docs", "topic"))


def test_topic_is_the_whole_page() -> None:
    assert documentation.show("guard").data["markdown"].startswith("# The guard\n")


def test_unknown_topic_lists_the_topics() -> None:
    with pytest.raises(LabError, match=r"no topic 'gaurd'.* guard") as caught:
        documentation.show("gaurd")
    assert caught.value.code is ErrorCode.UNKNOWN_TOPIC
    assert caught.value.exit_code == 2
