"""What py-rattler's worker does with the secrets in addresses, which rattler would store."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tasks_lib.environments import rattler_secrets
from tasks_lib.errors import ErrorCode, ExitCode, LabError
from tests.cases import cases

if TYPE_CHECKING:
    from pathlib import Path

_ADA = {"BasicHTTP": {"username": "ada", "password": "p@ss=/"}}


@cases(
    "address, shown, logins, mirrors",
    {
        "none": ("https://h.example/c", "https://h.example/c", {}, []),
        "a path": ("file:///srv/t/x/c", "file:///srv/t/x/c", {}, []),
        "a login": (
            "https://ada:p%40ss=%2F@h.example:8443/c",
            "https://h.example:8443/c",
            {"h.example": _ADA},
            [],
        ),
        "IPv6": ("http://ada:p%40ss=%2F@[::1]:80/c", "http://[::1]:80/c", {"::1": _ADA}, []),
        "a user alone": (
            "https://key@h.example/c",
            "https://h.example/c",
            {"h.example": {"BasicHTTP": {"username": "key", "password": ""}}},
            [],
        ),
        "a token": (
            "https://h.example/t/TOKEN/c/d",
            "https://h.example/c/d",
            {},
            ["https://h.example/c/d=https://h.example/t/TOKEN/c/d"],
        ),
    },
)
def test_secrets_leave_the_addresses(
    address: str, shown: str, logins: dict[str, object], mirrors: list[str]
) -> None:
    channels, meaning, found = [address], [f"mine={address}"], list[str]()
    assert rattler_secrets.hide(channels, meaning, found, []) == logins
    assert (channels, meaning) == ([shown], [f"mine={shown}"])
    assert list(dict.fromkeys(found)) == mirrors


def test_what_the_user_has_in_files_counts_beside_a_login_in_an_address(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rattler reads these files only where it is given no logins (py-rattler 0.28)."""
    (home / ".netrc").write_text("machine n.example login eve password x\n")
    (home / ".netrc").chmod(0o600)
    store = home / "logins.json"
    store.write_text('{"r.example": {"BearerToken": "t"}}')
    monkeypatch.setenv("RATTLER_AUTH_FILE", str(store))
    assert rattler_secrets.hide(["https://h.example/c"], [], [], []) == {}
    assert rattler_secrets.hide(["https://ada:p%40ss=%2F@h.example/c"], [], [], []) == {
        "n.example": {"BasicHTTP": {"username": "eve", "password": "x"}},
        "r.example": {"BearerToken": "t"},
        "h.example": _ADA,
    }


def test_a_mirror_is_for_the_address_without_its_token() -> None:
    mirrors = ["https://h.example/t/TOKEN/c=https://m.example/c"]
    rattler_secrets.hide(["https://h.example/t/TOKEN/c"], [], mirrors, [])
    assert mirrors == [
        "https://h.example/c=https://m.example/c",
        "https://h.example/c=https://h.example/t/TOKEN/c",
    ]


@cases(
    "spec, shown, mirrors",
    {
        "a login": ("https://ada:p%40ss=%2F@h.example/c::x>=1", "https://h.example/c::x>=1", []),
        "a token": (
            "https://h.example/t/TOKEN/c::x=1=0",
            "https://h.example/c::x=1=0",
            ["https://h.example/c=https://h.example/t/TOKEN/c"],
        ),
        "a name": ("conda-forge::x=1", "conda-forge::x=1", []),
        "none": ("x[version='>=1']", "x[version='>=1']", []),
    },
)
def test_secrets_leave_the_channel_of_a_spec(spec: str, shown: str, mirrors: list[str]) -> None:
    specs, found = [spec], list[str]()
    rattler_secrets.hide([], [], found, specs)
    assert (specs, found) == ([shown], mirrors)


@cases(
    "words, refused",
    {
        "one login": (["https://ada:one@h.example/a", "n=https://ada:one@h.example/b"], False),
        "two hosts": (["https://ada:one@h.example/a", "https://bob:two@i.example/b"], False),
        "none beside one": (["https://ada:one@h.example/a", "https://h.example/b"], False),
        "two logins": (["https://ada:one@h.example/a", "https://bob:two@h.example/b"], True),
        "two passwords": (["n=https://ada:one@h.example/a", "https://ada:two@h.example/b"], True),
        "two ports": (["https://ada:one@h.example:1/a", "https://bob:two@h.example:2/b"], True),
        "a mirror's": (["https://ada:one@h.example/a", "a=https://bob:two@h.example/b"], True),
        "a spec's": (["https://ada:one@h.example/a", "--spec=https://two@h.example/b::x"], True),
    },
)
def test_two_logins_of_a_host_are_refused(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, refused: bool
) -> None:
    """Rattler's store of logins goes by the host (py-rattler 0.28); conda has one for a channel."""
    if not refused:
        rattler_secrets.expect_one_login(words)
        return
    with pytest.raises(LabError) as caught:
        rattler_secrets.expect_one_login(words)
    error = caught.value
    assert (error.code, error.exit_code) == (ErrorCode.CONTAINS_LOGIN, ExitCode.BAD_REQUEST)
    assert "h.example" in error.message
    assert error.remedy.text.endswith("in the conda file")
    (tmp_path / "conda").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match="add --engine conda"):
        rattler_secrets.expect_one_login(words)
    assert not re.search("ada|bob|one@|two@", str(error))
