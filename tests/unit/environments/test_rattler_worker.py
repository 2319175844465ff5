"""What py-rattler's worker does with the secrets in addresses, which rattler would store."""

from __future__ import annotations

from tasks_lib.environments import rattler_worker
from tests.cases import cases

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
    argv = ["probe", "--channel", address, "--meaning", f"mine={address}"]
    options = rattler_worker.parser().parse_args(argv)
    rattler_worker.hide_secrets(options)
    assert (options.channel, options.meaning) == ([shown], [f"mine={shown}"])
    assert options.logins == logins
    assert list(dict.fromkeys(options.mirror)) == mirrors


def test_second_login_of_a_host_stays_where_it_is() -> None:
    """The logins go by their hosts."""
    urls = ["https://ada:one@h.example/a", "https://bob:two@h.example/b"]
    argv = ["probe", *(f"--channel={url}" for url in urls)]
    options = rattler_worker.parser().parse_args(argv)
    rattler_worker.hide_secrets(options)
    assert options.channel == ["https://h.example/a", urls[1]]
