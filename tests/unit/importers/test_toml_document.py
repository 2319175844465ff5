"""What editing a TOML document does to its comments, and to tables that are written in parts."""

from __future__ import annotations

import tomllib

import pytest

from tasks_lib.importers.toml_document import comments, with_value, without, words
from tests.cases import cases


@cases(
    "text, path, expected",
    {
        "key": ("a = 1\n# b\nb = 2 # beside\nc = 3\n", ("b",), "a = 1\nc = 3\n"),
        "the table is then empty": ("[x]\na = 1\n", ("x", "a"), ""),
        "the table has more": ("[x]\na = 1\nb = 2\n", ("x", "a"), "[x]\nb = 2\n"),
        "no such key": ("[x]\na = 1\n", ("x", "b"), "[x]\na = 1\n"),
        "comment above the next header": (
            "# x\n[x]\na = 1\n# y\n[y]\nb = 2\n",
            ("x",),
            "# y\n[y]\nb = 2\n",
        ),
        "table in two parts": (
            "[t.a.x]\na = 1\n[y]\nb = 2\n[t.a.z]\nc = 3\n",
            ("t", "a"),
            "[y]\nb = 2\n",
        ),
    },
)
def test_key_is_removed(text: str, path: tuple[str, ...], expected: str) -> None:
    assert without(text, [path]) == expected


def test_comments_have_the_path_of_their_key() -> None:
    text = "# one\na = '#no' # two\n[b] # three\nc = [\n  # four\n  1, # five\n]\n# six\n#\n"
    assert list(comments(text)) == [
        (("a",), "one"),
        (("a",), "two"),
        (("b",), "three"),
        (("b", "c"), "four"),
        (("b", "c"), "five"),
        (("b",), "six"),
    ]


@cases(
    "text, expected",
    {
        "old": ("[a]\nb = 1 # one\n", "[a]\nb = 2 # one\n"),
        "new": ("[x]\ny = 1\n", "[x]\ny = 1\n\n[a]\nb = 2\n"),
    },
)
def test_value_is_set(text: str, expected: str) -> None:
    assert with_value(text, ("a", "b"), 2) == expected


@pytest.mark.parametrize(
    "text",
    [
        "# one\na = '#no' # two\n[b] # three\nc = [\n  # four\n  1, # five\n]\n# six\n#\n",
        'a = """\n# no\n\\""" # no""""" # yes\n',
        "a = '''\n# no\n''''' # yes\nb = '\\' # too\n",
        'a = "\\\\" # yes\nb = "\\"# no"\n"c # no" = 1\n',
    ],
)
def test_words_of_comments_are_found_without_tomlkit(text: str) -> None:
    tomllib.loads(text)
    assert list(words(text)) == [said for _, said in comments(text)]
