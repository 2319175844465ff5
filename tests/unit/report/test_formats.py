"""Every format, fed with text that a hostile repository would write.

And each check of a format seen failing.
"""

from __future__ import annotations

import io
import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import xmlschema

from tasks_lib.cli.startup_error import refuse
from tasks_lib.errors import ExitCode, LabError, Remedy
from tasks_lib.execution.streams import printable
from tasks_lib.report import FORMATS, choose, renderer, save, show
from tasks_lib.report.progress import Progress
from tasks_lib.report.tables import tables
from tasks_lib.results import Report, Result, Status

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
RESOURCES = ROOT / "tests" / "resources"
HOSTILE = (
    "]]><x/>",
    '"quo\'tes"',
    "nul\0 bell\a esc\x1b[31m del\x7f csi\x9b",
    "two\nlines\r\n::error::three\r::stop-commands::x",
    "::set-output name=a::b",
    "##[add-path]/x",
    "a|b `c` *d* _e_ [f](javascript:g) ~~h~~ \\",
    "<script>alert(1)</script><img src=x onerror=alert(1)>&amp;",
    "emoji 🐍 é",
    "bidi \u202e evil \u2028",
    "no code \udc80 \ud800 \uffff",
    "$command ${style} {0} %0A %s",
    "[red]markup[/red] @someone",
)


def _report(text: str, **values: Any) -> Report:  # noqa: ANN401 - any part of a report
    results = [Result("a.pass", Status.PASS, "fine", text)]
    results += [
        Result(f"a.{one}", one, text, text, Remedy(text), text.replace("\0", ""), 3, 0.1)
        for one in Status
    ]
    data = {"rows": [{"name": text, text: True}], "by": {text: text}, "all": [text], "note": text}
    combo = {"id": "pip_uv", "source": "flag", "reason": text}
    return Report(
        "check.all",
        "/p é",
        results,
        combo,
        1.5,
        values.pop("code", ExitCode.CHECK_FAILED),
        data,
        **values,
    )


def _published(text: str) -> None:
    schema = json.loads((ROOT / "tasks_lib/report/schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(json.loads(text))


def _junit(text: str) -> None:
    xmlschema.XMLSchema(RESOURCES / "junit.xsd").validate(ET.fromstring(text.encode()))  # noqa: S314 - our own


def _sarif(text: str) -> None:
    schema = json.loads((RESOURCES / "sarif-2.1.0.json").read_text("utf-8"))
    jsonschema.Draft202012Validator(schema).validate(json.loads(text))


_GITHUB = re.compile(
    r"::(debug|notice|warning|error)( "
    r"(file|line|title)=[^:,\n]+(,(line|title)=[^:,\n]+)*)?::[^\r\n]+"
)


def _github(text: str) -> None:
    for line in text.removesuffix("\n").split("\n"):
        assert _GITHUB.fullmatch(line), line


def _markdown(text: str) -> None:
    columns = None
    for line in text.splitlines():
        assert re.findall(r"<(?!br>)|(?<!\\)`", line) == [], line
        cells = len(re.findall(r"(?<!\\)\|", line))
        columns = cells and (columns or cells)
        assert cells == columns, line


class _Tags(HTMLParser):
    """Collect what a page consists of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))
        if tag not in {"meta", "input"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag


def _html(text: str) -> None:
    page = _Tags(text)
    assert page.open == []
    names = [name for name, _ in page.seen]
    assert names.count("script") == names.count("style") == 1
    assert not {*names} & {"img", "link", "iframe", "a", "base", "object"}
    for _, attributes in page.seen:
        assert not [
            name for name in attributes if name.startswith("on") or name in {"src", "href", "style"}
        ]
    assert not re.search(r"https?://", text)
    assert "$" not in re.sub(r"(?s)<li.*?</li>|<section>.*|<dl>.*?</dl>", "", text)


VALID: dict[str, Callable[[str], None]] = {
    "json": _published,
    "junit": _junit,
    "sarif": _sarif,
    "github": _github,
    "markdown": _markdown,
    "html": _html,
}


#: what GitHub's runner takes for a command: a line that begins so, or has this anywhere (see its
#: source, ActionCommand.cs)
_RUNNER = re.compile(r"(?m)^\s*::|##\[")


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "github"])
@pytest.mark.parametrize(
    "text", [*HOSTILE, " \u00a0::x::", "\n\n\t::add-mask::x", "x\n \n::x", "##[[x", "a##[x"]
)
def test_no_format_has_a_line_that_the_runner_would_obey(name: str, text: str) -> None:
    made = renderer(name)(_report(text))
    assert not _RUNNER.search(made)
    if name == "json":
        assert json.loads(made)["results"][1]["detail"] == text


@pytest.mark.parametrize("text", HOSTILE)
def test_talk_has_no_line_that_the_runner_would_obey(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Progress().say(text)
    refuse(["setup"], text, code="x", exit_code=2, remedy=(text, (text,), None))
    said = capsys.readouterr().err
    assert not _RUNNER.search(said)
    assert {char for char in said if printable(f".{char}") != f".{char}"} == set()


@pytest.mark.parametrize("name", FORMATS)
def test_hostile_text_stays_text(name: str) -> None:
    for text in (*HOSTILE, "".join(HOSTILE)):
        made = renderer(name)(_report(text)).encode("utf-8", "backslashreplace").decode()
        if name in VALID:
            VALID[name](made)
        found = {char for char in made if printable(char) != char}
        assert not found - (
            {"\u202e", "\u2028", "\uffff", "\x7f", "\x9b"} if name == "json" else set()
        ), found


@pytest.mark.parametrize("name", FORMATS)
def test_an_answer_with_nothing_in_it(name: str) -> None:
    made = renderer(name)(Report("", "/p"))
    if name in VALID:
        VALID[name](made)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("json", '"status": "fail"', '"status": "pass"'),
        ("json", '"remedy"', '"remedies"'),
        ("json", '"line": 3', '"line": 0'),
        ("junit", "<skipped", "<ignored/><skipped"),
        ("junit", 'testsuite name="check.all"', "testsuite"),
        ("sarif", '"level": "error"', '"level": "fatal"'),
        ("sarif", '"driver"', '"chauffeur"'),
        ("github", "%0A", "\n"),
        ("markdown", "\\|", "|"),
        ("markdown", "&lt;", "<"),
        ("html", "&lt;", "<"),
        ("html", "</li>", ""),
    ],
)
def test_a_broken_document_is_found_out(name: str, old: str, new: str) -> None:
    made = renderer(name)(_report("<img>|\n"))
    VALID[name](made)
    assert old in made
    with pytest.raises(
        (
            AssertionError,
            jsonschema.ValidationError,
            xmlschema.XMLSchemaValidationError,
            ET.ParseError,
        )
    ):
        VALID[name](made.replace(old, new, 1))


def test_junit_counts_and_fails_on_warnings_where_they_failed_the_run() -> None:
    suite = ET.fromstring(renderer("junit")(_report("x")).encode())[0]  # noqa: S314 - our own
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == [
        "6",
        "1",
        "1",
        "1",
    ]
    warning = [Result("a.b", Status.WARN, "w", "why")]
    for code, failures in ((ExitCode.DONE, "0"), (ExitCode.CHECK_FAILED, "1")):
        root = ET.fromstring(renderer("junit")(Report("x", "/p", warning, code=code)))  # noqa: S314 - our own
        assert root.get("failures") == failures
        assert "why" in "".join(root.itertext())


def test_sarif_and_github_name_places_from_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    results = [
        Result("a.b", Status.FAIL, "t", "d", Remedy("r"), file, 7)
        for file in ("a é.toml", "/else where", None)
    ]
    report = Report("x", "/repo/sub dir", results, code=ExitCode.CHECK_FAILED)
    for root, expected in (
        ("/repo", "sub%20dir/a%20%C3%A9.toml"),
        ("/other", "a%20%C3%A9.toml"),
        ("", "a%20%C3%A9.toml"),
    ):
        monkeypatch.setenv("GITHUB_WORKSPACE", root)
        made = renderer("sarif")(report)
        _sarif(made)
        found = json.loads(made)["runs"][0]["results"]
        places = [one["locations"][0]["physicalLocation"]["artifactLocation"] for one in found]
        assert places[0] == {"uri": expected, "uriBaseId": "ROOT"}
        assert places[1] == {"uri": "file:///else%20where"}
        assert places[2]["uri"].endswith("pyproject.toml")
    monkeypatch.setenv("GITHUB_WORKSPACE", "/repo")
    assert renderer("github")(report).splitlines()[:2] == [
        "::error file=sub dir/a é.toml,line=7,title=t::d%0Anext: r",
        "::error file=/else where,line=7,title=t::d%0Anext: r",
    ]


def test_github_escapes_as_documented() -> None:
    report = Report(
        "x", "/p", [Result("a", Status.WARN, "a%b:c,d", "e%f:g,h\n::error::i", file="j,k:l")]
    )
    assert renderer("github")(report).startswith(
        "::warning file=j%2Ck%3Al,title=a%25b%3Ac%2Cd::e%25f:g,h%0A::error::i\n"
    )


def test_a_terminal_never_gets_a_repositorys_escapes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    made = renderer("text")(_report("evil\x1b]0;title\a\x9b"), plain=True)
    assert "\x1b" not in made
    assert "evil\\x1b]0;title\\x07\\x9b" in made


@pytest.mark.parametrize(
    ("json_flag", "asked", "output", "expected"),
    [
        (False, "", "", ("text", "")),
        (True, "", "", ("json", "")),
        (True, "json", "", ("json", "")),
        (False, "sarif", "", ("sarif", "")),
        (False, "sarif", "f", ("text", "sarif")),
        (True, "sarif", "f", ("json", "sarif")),
        (True, "", "f", ("json", "json")),
        (False, "", "f", ("text", "text")),
    ],
)
def test_what_goes_where(
    json_flag: bool, asked: str, output: str, expected: tuple[str, str]
) -> None:
    assert choose(json=json_flag, asked=asked, output=output) == expected


def test_wrong_formats() -> None:
    with pytest.raises(
        LabError, match="text, json, junit, sarif, github, markdown, html"
    ) as unknown:
        choose(json=False, asked="yaml", output="")
    assert unknown.value.exit_code == ExitCode.BAD_REQUEST
    with pytest.raises(LabError, match="both write to stdout"):
        choose(json=True, asked="html", output="")


def test_documents_are_utf_8_wherever_they_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    show(_report("é \udc80"), "json")
    printed = raw.getvalue()
    monkeypatch.undo()
    assert json.loads(printed)["data"]["note"] == "é \udc80"


def test_a_file_is_replaced_whole_and_a_device_is_written_to(tmp_path: Path) -> None:
    file = tmp_path / "out é.txt"
    file.write_text("old" * 1000)
    save(_report("x"), "text", file)
    assert file.read_text("utf-8").startswith("✓ fine\n")
    assert [path.name for path in tmp_path.glob("*out*")] == [file.name]
    save(_report("x"), "text", Path("/dev/null"))
    assert Path("/dev/null").is_char_device()


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    for wrong in (
        tmp_path,
        Path("/"),
        tmp_path / "no" / "folder",
        tmp_path / "loop",
        tmp_path / "file" / "x",
    ):
        with pytest.raises(LabError, match="cannot be written") as error:
            save(_report("x"), "json", wrong)
        assert error.value.exit_code == ExitCode.TOOL_FAILED


def test_a_page_has_the_worst_first_and_commands_in_a_fixed_font() -> None:
    remedy = Remedy("Lock again", ("invoke", "deps.lock", "<b>"))
    results = [Result(f"a.{one}", one, f"title {one}", "d", remedy) for one in Status]
    plan = [{"why": "to <see>", "command": "uv 'a<b'"}, {"why": "by hand", "command": ""}]
    page = renderer("html")(Report("x", "/p", results, data={"plan": plan}))
    assert re.findall("<h3>title (.*?)</h3>", page) == ["error", "fail", "warn", "skip", "pass"]
    command = "<code>invoke deps.lock &#x27;&lt;b&gt;&#x27;</code>"
    assert page.count(f'<p class="next">next: Lock again: {command}</p>') == len(results)
    assert "<td>to &lt;see&gt;</td><td><code>uv &#x27;a&lt;b&#x27;</code></td>" in page
    assert "<td>by hand</td><td></td>" in page


def test_rows_within_a_row_are_a_table_of_their_own() -> None:
    packages = [{"name": "click", "version": "8.1"}, {"name": "six", "version": "1.17"}]
    found = list(tables({"layers": [{"layer": "conda", "size": 5, "packages": packages}]}))
    assert [(one.title, one.columns) for one in found] == [
        ("layers", ("layer", "size")),
        ("conda packages", ("name", "version")),
    ]
    assert found[1].rows == [["click", "8.1"], ["six", "1.17"]]
