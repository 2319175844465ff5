"""What the `.condarc` files mean, by conda's documentation and search path.

The search path is the one of `conda.base.constants`, conda 24.7.1.
"""

from __future__ import annotations

import os
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks_lib.environments.conda_config import Condarc
from tasks_lib.errors import LabError
from tests.cases import cases

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: conda's search path below `/etc`, from the weakest to the strongest
ORDER = (
    "root/.condarc",
    "root/condarc",
    "root/condarc.d/a.yml",
    "config/conda/.condarc",
    "config/conda/condarc",
    "config/conda/condarc.d/a.yaml",
    ".conda/.condarc",
    ".conda/condarc",
    ".conda/condarc.d/a.yml",
    ".condarc",
    "named",
)


def _load(home: Path) -> Condarc:
    variables = {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "CONDARC": str(home / "named"),
    }
    return Condarc.load(variables, home / "root")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40)
)
BOMB = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))


@cases(
    "text, said",
    {
        "merges": (MERGES, "longer than 20000 values"),
        "names": (BOMB, "longer than 20000 values"),
        "itself": ("a: &a [*a]\n", "'a' contains itself"),
        "deep": ("a: " + "[" * 900, "nested too deeply"),
        "many": ("a: 1\n" * 200_000, "longer than 20000 values"),
        "large": ("#" * (2 << 20), "larger than 1 MiB"),
    },
)
def test_settings_without_end_are_refused_before_they_are_built(
    home: Path, text: str, said: str
) -> None:
    _write(home / ".condarc", text)
    with pytest.raises(LabError, match=said):
        _load(home)


@pytest.mark.parametrize("place", ORDER)
def test_each_file_of_condas_search_path_is_read(home: Path, place: str) -> None:
    _write(home / place, "channel_alias: http://here\n")
    assert _load(home).values["channel_alias"] == "http://here"


@pytest.mark.parametrize(("weak", "strong"), list(pairwise(ORDER)))
def test_later_file_wins_and_its_lists_come_first(home: Path, weak: str, strong: str) -> None:
    _write(
        home / weak,
        "channel_alias: http://weak\nchannels: [a, b]\ncustom_channels: {x: http://1, y: http://1}\n",
    )
    _write(
        home / strong,
        "channel_alias: http://strong\nchannels: [b, c]\ncustom_channels: {y: http://2}\n",
    )
    values = _load(home).values
    assert values["channel_alias"] == "http://strong"
    assert values["channels"] == ["b", "c", "a"]
    assert values["custom_channels"] == {"x": "http://1", "y": "http://2"}


def test_variables_win_over_files(home: Path) -> None:
    _write(home / ".condarc", "channels: [a]\nchannel_alias: http://file\nenvs_dirs: [/file]\n")
    variables = {
        "HOME": str(home),
        "CONDA_CHANNELS": "b,c",
        "CONDA_CHANNEL_ALIAS": "http://variable",
        "CONDA_ENVS_PATH": os.pathsep.join(("/one", "/two")),
    }
    values = Condarc.load(variables).values
    assert values["channels"] == ["b", "c", "a"]
    assert values["channel_alias"] == "http://variable"
    assert values["envs_dirs"] == ["/one", "/two", "/file"]


def test_variables_and_home_stand_in_files(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """See 'Expansion of environment variables' in conda's documentation."""
    monkeypatch.setenv("MINE", "mirror")
    _write(
        home / ".condarc",
        "channel_alias: http://$MINE/conda\nchannels: ['${MINE}', b$UNSET]\ncustom_channels: {b: http://$MINE/b}\n"
        "envs_dirs: [~/$MINE/envs, /plain]\npkgs_dirs: ~/pkgs\n",
    )
    made = Condarc.load(os.environ)
    assert made.channels(("x", "b")) == (
        "http://mirror/conda/x", "http://mirror/b/b", "http://mirror/conda/mirror", "http://mirror/conda/b$UNSET",
    )  # fmt: skip
    assert (made.values["envs_dirs"], made.values["pkgs_dirs"]) == (
        [f"{home}/mirror/envs", "/plain"],
        [f"{home}/pkgs"],
    )


VALUES = {
    "channel_alias": "http://alias/",
    "custom_channels": {"inner": "http://inside", "deep/er": "file:///d"},
    "custom_multichannels": {"both": ["inner", "http://x/y"]},
    "default_channels": ["http://d/main", "r"],
}


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        ("conda-forge", ("http://alias/conda-forge",)),
        ("conda-forge/label/dev", ("http://alias/conda-forge/label/dev",)),
        ("http://a/b", ("http://a/b",)),
        ("file:///a/b", ("file:///a/b",)),
        ("/a b/c", ("file:///a%20b/c",)),
        ("inner", ("http://inside/inner",)),
        ("inner/label/x", ("http://inside/inner/label/x",)),
        ("deep/er", ("file:///d/deep/er",)),
        ("both", ("http://inside/inner", "http://x/y")),
        ("defaults", ("http://d/main", "http://alias/r")),
    ],
)
def test_address_of_a_channel(channel: str, expected: tuple[str, ...]) -> None:
    assert Condarc(VALUES).urls(channel) == expected


def test_channel_without_an_alias_is_left_to_the_engine() -> None:
    assert Condarc().urls("conda-forge") == ("conda-forge",)


@cases(
    "own, declared, expected",
    {
        "nothing said": ([], (), ("conda-forge",)),
        "the user's": (["mine"], (), ("mine",)),
        "the file's": ([], ("file",), ("file",)),
        "the file's first": (["mine"], ("file",), ("file", "mine")),
        "nodefaults": (["mine"], ("file", "nodefaults"), ("file",)),
        "each once": (["a", "b"], ("b", "c"), ("b", "c", "a")),
    },
)
def test_channels_of_a_run(
    own: list[str], declared: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    assert Condarc({"channels": own}).channels(declared) == expected


def test_mirrors_stand_for_the_channels_address() -> None:
    made = Condarc(
        {
            **VALUES,
            "mirrored_channels": {"inner": ["http://m1", "http://m2"], "other": ["http://m3"]},
        }
    )
    assert made.mirrors(("inner", "conda-forge")) == {
        "http://inside/inner": ["http://m1", "http://m2"]
    }


@cases(
    "text",
    {
        "empty": "",
        "comment": "# only a comment\n",
        "byte order mark and CRLF": "\ufeffchannels: [a]\r\n",
        "keys of nothing and unknown ones": "channels:\nunknown: {x: [1]}\n",
        "list as a word": "channels: one\n",
        "number as a key": "custom_channels: {1: http://x}\nssl_verify: false\n",
    },
)
def test_sound_files_are_read(home: Path, text: str) -> None:
    _write(home / ".condarc", text)
    assert Condarc.load({"HOME": str(home)}).channels(("x",))


@cases(
    "data, line",
    {
        "not closed": (b"a: [\n", 2),
        "tab": (b"a: b\n\tc: d\n", 2),
        "Latin-1": (b"a: b\n# caf\xe9\n", 2),
        "NUL byte": (b"a: b\nc: \x00\n", 2),
        "list at the top": (b"- a\n", None),
        "text at the top": (b"just text\n", None),
        "channels as a mapping": (b"channels: {a: b}\n", None),
        "channels as a number": (b"channels: 3\n", None),
        "channel that is a mapping": (b"channels: [{a: b}]\n", None),
        "channel of nothing": (b"channels: [null]\n", None),
        "folders as a mapping": (b"envs_dirs: {a: b}\n", None),
        "custom channels as a list": (b"custom_channels: [a]\n", None),
        "custom channel as a number": (b"custom_channels: {x: 3}\n", None),
        "multichannel as a number": (b"custom_multichannels: {x: 3}\n", None),
        "mirrors as a number": (b"mirrored_channels: {x: 3}\n", None),
        "alias as a list": (b"channel_alias: [a]\n", None),
        "priority as a mapping": (b"channel_priority: {a: b}\n", None),
        "ssl_verify as a mapping": (b"ssl_verify: {a: b}\n", None),
        "impossible date": (b"x: 2001-99-99\nchannels: [a]\n", None),
        "object": (b"x: !!python/object:os.system {}\n", 1),
        "key that is a list": (b"? [a]\n: b\n", 1),
        "deep nesting": (b"a: " + b"[" * 20_000, None),
    },
)
def test_broken_file_is_named(home: Path, data: bytes, line: int | None) -> None:
    path = home / ".condarc"
    path.write_bytes(data)
    with pytest.raises(LabError) as caught:  # noqa: PT012 - some faults are found as the settings are used
        made = Condarc.load({"HOME": str(home)})
        made.channels(("x", "defaults"))
        made.mirrors(("x",))
        _ = {made.values.get("ssl_verify"), made.values.get("channel_priority")}
    assert caught.value.file == str(path)
    assert str(caught.value.remedy)
    assert caught.value.line in {line, 1} if line is None else caught.value.line == line


@pytest.mark.parametrize(
    "text", ["custom_multichannels: {x: [x, a]}", "default_channels: [defaults, a]"]
)
def test_channels_that_hold_themselves_come_to_an_end(home: Path, text: str) -> None:
    _write(home / ".condarc", text)
    error = _fault(lambda: Condarc.load({"HOME": str(home)}).channels(("x", "defaults")))
    assert error is None or error.file == str(home / ".condarc")


def _fault(action: Callable[[], object]) -> LabError | None:
    """Return the error that an action ends in, if any; any other exception fails the test."""
    try:
        action()
    except LabError as error:
        return error
    return None


def test_home_of_nobody_in_the_variable_is_no_crash(home: Path) -> None:
    error = _fault(
        lambda: Condarc.load({"HOME": str(home), "CONDARC": "~nobody-of-that-name/.condarc"})
    )
    assert error is None or "CONDARC" in str(error)


@given(
    text=st.lists(
        st.one_of(
            st.text(st.sampled_from("ab:-#[]{}&*!|>'\"%@\t \n\0é1"), max_size=40),
            st.sampled_from(
                [
                    "channels:",
                    "  - a",
                    "channel_alias: x",
                    "custom_channels: {a: b}",
                    "ssl_verify: no",
                ]
            ),
        )
    ).map("\n".join)
)
@settings(max_examples=150, deadline=None)
def test_no_text_gives_another_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "some.condarc"
    path.write_bytes(text.encode())
    error = _fault(
        lambda: Condarc.load({"HOME": "/nowhere", "CONDARC": str(path)}).channels(("defaults",))
    )
    assert error is None or error.file == str(path)
