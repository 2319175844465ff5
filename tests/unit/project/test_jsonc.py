"""One member of a JSON with comments is written or taken out, and nothing else changes."""

from __future__ import annotations

import pytest

from tasks_lib.project import jsonc
from tests.cases import cases

#: a text, and the same with `"k": 1` in its object
PUT = {
    "nothing": ("", '{\n    "k": 1\n}\n'),
    "an empty object": ("{}", '{\n    "k": 1\n}'),
    "a comment alone": ("{ // mine\n}\n", '{ // mine\n    "k": 1\n}\n'),
    "one line": ('{"a": 2}', '{"a": 2, "k": 1}'),
    "one line, trailing comma": ('{"a": 2,}\n', '{"a": 2, "k": 1,}\n'),
    "lines": ('{\n  "a": 2\n}\n', '{\n  "a": 2,\n  "k": 1\n}\n'),
    "tabs and a trailing comma": ('{\n\t"a": 2,\n}\n', '{\n\t"a": 2,\n\t"k": 1,\n}\n'),
    "a comment beside": ('{\n  "a": 2 // x, y\n}', '{\n  "a": 2, // x, y\n  "k": 1\n}'),
    "a comment below": ('{\n  "a": 2\n  // end\n}', '{\n  "a": 2,\n  "k": 1\n  // end\n}'),
    "a comment before the comma": ('{"a": 2 /*,*/ ,\n}', '{"a": 2 /*,*/ , "k": 1,\n}'),
    "CRLF": ('{\r\n  "a": 2\r\n}\r\n', '{\r\n  "a": 2,\r\n  "k": 1\r\n}\r\n'),
    "a mark at the start": ('\ufeff{"a": 2}', '\ufeff{"a": 2, "k": 1}'),
    "braces in strings": ('{"a": "} // \\" {"}', '{"a": "} // \\" {", "k": 1}'),
    "objects in lists": ('{"a": [{"k": 2}, [],],}', '{"a": [{"k": 2}, [],], "k": 1,}'),
    "a comment with what is commented out": (
        '{\n  // "k": 2,\n  "a": 2\n}',
        '{\n  // "k": 2,\n  "a": 2,\n  "k": 1\n}',
    ),
}
#: these are told apart from what they were no longer
_NOT_BACK = {"nothing", "an empty object", "a comment alone"}


@cases("before, after", PUT)
def test_a_member_is_added(before: str, after: str) -> None:
    assert jsonc.put(before, ("k",), 1) == after
    assert jsonc.put(after, ("k",), 1) == after


@cases("before, after", {name: row for name, row in PUT.items() if name not in _NOT_BACK})
def test_and_taken_out_again(before: str, after: str) -> None:
    assert jsonc.drop(after, ("k",)) == before


@cases(
    "before, after",
    {
        "alone": ('{\n    "k": 1\n}\n', "{\n}\n"),
        "the first": ('{\n  "k": 1,\n  "a": 2\n}', '{\n  "a": 2\n}'),
        "the first of a line": ('{"k": 1, "a": 2}', '{ "a": 2}'),
        "with a comment of the user's": (
            '{\n  "k": 1, // mine\n  "a": 2\n}',
            '{\n   // mine\n  "a": 2\n}',
        ),
        "above a comment": ('{\n  "a": 2,\n  "k": 1\n  // x\n}', '{\n  "a": 2\n  // x\n}'),
    },
)
def test_a_member_is_taken_out(before: str, after: str) -> None:
    assert jsonc.drop(before, ("k",)) == after
    assert jsonc.parse(after) == {key: 2 for key in jsonc.parse(before) if key != "k"}


@cases(
    "before, after",
    {
        "a value": ('{\n  "k": "old", // x\n}', '{\n  "k": 1, // x\n}'),
        "an object": ('{"k": {"b": [1]}, "a": 2}', '{"k": 1, "a": 2}'),
        "an escape in the key": ('{"\\u006b": 2}', '{"\\u006b": 1}'),
    },
)
def test_a_value_is_replaced(before: str, after: str) -> None:
    assert jsonc.put(before, ("k",), 1) == after


def test_a_member_of_a_member() -> None:
    text = '{\n  "settings": { // s\n    "a": 2\n  },\n}'
    after = '{\n  "settings": { // s\n    "a": 2,\n    "k": 1\n  },\n}'
    assert jsonc.put(text, ("settings", "k"), 1) == after
    assert jsonc.drop(after, ("settings", "k")) == text


@cases(
    "text",
    {
        "a list": "[]",
        "no end": "{",
        "no colon": '{"a" 1}',
        "a comma alone": "{,}",
        "twice": '{"k": 1, "k": 2}',
        "an open comment": '{"a": 1 /* }',
        "text behind": "{} x",
        "deep": '{"a":' + "[" * 100_000,
        "many open comments": "{" + "/*" * 100_000,
    },
)
def test_what_cannot_be_edited(text: str) -> None:
    with pytest.raises((ValueError, RecursionError)):
        jsonc.drop(text, ("k",)) if "k" in text else jsonc.put(text, ("k",), 1)
