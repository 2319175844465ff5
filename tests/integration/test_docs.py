"""The console blocks of the documentation, run with real tools in a home of their own.

With `write-docs --examples` the real output is written into the pages instead.
"""

from __future__ import annotations

import os
import shlex
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.docs import examples
from tests.lab import ROOT, Lab, variables

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.processes

WITH_EXAMPLES = [page for page in examples.PAGES if examples.has_examples(page)]


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture
def lab(tmp_path: Path, channel: Path, cache: Path) -> Lab:
    """Return a lab without a project; a page writes its own."""
    home = tmp_path / "student"
    made = Lab(home, variables(home))
    made.project = home / "my-project"
    made.project.mkdir()
    made.env["RATTLER_CACHE_DIR"] = str(cache / f"rattler-{channel.name}")
    settings = f"channels: [conda-forge]\nchannel_alias: {channel.as_uri()}\n"
    (home / ".condarc").write_text(settings, encoding="utf-8")
    return made


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=_name)
def test_console_blocks_show_what_is_printed(page: Path, lab: Lab) -> None:
    text = page.read_text(encoding="utf-8")
    real = examples.rerun(text, lab)
    if os.environ.get("MLOPS_LAB_WRITE_DOCS"):
        page.write_text(real, encoding="utf-8")
    else:
        assert examples.normalised(real) == examples.normalised(text)


@pytest.mark.parametrize("place", examples.not_run())
def test_block_that_cannot_be_run_has_a_reason(place: str) -> None:
    pytest.skip(examples.not_run()[place])


def test_docs_lists_the_pages_and_shows_one(lab: Lab) -> None:
    topics = [row["topic"] for row in lab.ok("docs").data["pages"]]
    assert {"guard", "first-project", "tasks"} <= set(topics)
    assert lab("docs", json=False).stdout.count("\n- `") == len(topics)
    page = ROOT / "tasks_lib" / "docs" / "explanation" / "transactions.md"
    assert lab("docs", "transactions", json=False).stdout == page.read_text(encoding="utf-8")
    error = lab("docs", "gaurd").error()
    assert (error["code"], error["remedy_argv"][-1]) == ("unknown_topic", "guard")


@pytest.mark.skipif(shutil.which("script") is None, reason="no program `script` for a terminal")
def test_docs_is_rendered_through_the_pager_on_a_terminal(lab: Lab) -> None:
    pager = lab.home / "pager"
    pager.write_text("#!/bin/sh\nsed 's/^/paged: /'\n", encoding="utf-8")
    pager.chmod(0o755)
    command = shlex.join(lab.argv("docs", "guard", json=False))
    answer = lab.run(["script", "-qec", command, "/dev/null"], env={"PAGER": str(pager)})
    assert answer.code == 0, answer
    assert "paged: " in answer.stdout
    assert "The guard" in answer.stdout
    assert "# The guard" not in answer.stdout
