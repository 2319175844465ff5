"""Hide secrets in a text: logins and tokens in addresses, and the secrets of variables."""

from __future__ import annotations

import functools
import os
import re
from urllib.parse import unquote

#: Each keeps its first group and hides the rest: in an address, before a bare host, conda's tokens,
#: in a query.
_SECRETS = (
    re.compile(r"(://)[^/\s]+(?=@)"),
    re.compile(r"((?:^|[\s\"'`(<=,]))[^\s/:@\"'`(<=,]+:[^\s/]{1,16384}(?=@\S)"),
    re.compile(r"(https?://[^/\s]+/t/)[^/\s]+"),
    re.compile(
        r"([?&][^\s=&]*(?:token|key|sig|secret|pass|auth|cred)[^\s=&]*=)[^\s&\"'`)>]+",
        re.IGNORECASE,
    ),
)
#: variables that hold a secret whole, and the password in one that holds an address
_SECRET_NAME = re.compile(
    "TOKEN|PASSW|SECRET|CREDENTIAL|(?:API|ACCESS|PRIVATE)_?KEY", re.IGNORECASE
)
_PASSWORD = re.compile(r"://[^/\s]*?:([^/\s]+)@|https?://[^/\s]+/t/([^/\s]+)")
#: what an address can do without, and who uses it has in a file of their own; `git@` of ssh is no
#: login
_LOGIN = re.compile(r"(?<=tp://)[^/@\s]+@|(?<=tps://)[^/@\s]+@|(?<=://)[^/@\s:]*:[^/@\s]+@")
_ADDRESS = re.compile(r"(?:https?|file)://[^\s`'\")<>#]+")
_TOKEN = re.compile(r"(https?://[^/\s]+/)t/[^/\s]+/")
_SHORTEST = 6  # what is shorter stands in too many words


def without_secrets(text: str, secrets: tuple[str, ...] | None = None) -> str:
    """Return `text` without the credentials in its addresses and the secrets of variables.

    For many texts, `secrets` are those of `held()`: to read the variables takes the most time.
    """
    if "@" in text or "/t/" in text or "=" in text:  # what the patterns need
        for pattern in _SECRETS:
            text = pattern.sub(r"\1***", text)
    for secret in held() if secrets is None else secrets:
        text = text.replace(secret, "***")
    return text


def held() -> tuple[str, ...]:
    """Return the secrets of this process's variables."""
    return _held(tuple(os.environ.items()))


def addresses(text: str) -> list[str]:
    """Return the addresses in a text, without their credentials, each once."""
    return list(dict.fromkeys(_ADDRESS.findall(without_secrets(text))))


def without_logins(text: str, *, tokens: bool = False) -> str:
    """Return text for others: its addresses work, without logins and without conda's `tokens`."""
    text = _LOGIN.sub("", text)
    return _TOKEN.sub(r"\1", text) if tokens else text


def is_secret(name: str) -> bool:
    """Return whether a variable of this name holds a secret."""
    return _SECRET_NAME.search(name) is not None


@functools.lru_cache(maxsize=1)
def _held(variables: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
    """Return the secrets of variables, also decoded, the longest first.

    Tools print the password of an address without the address too.
    """
    found: set[str] = set()
    for name, value in variables:
        if is_secret(name) and not value.startswith("/"):
            found.add(value)
        for passwords in _PASSWORD.findall(value):
            found.update(passwords)
    found.update([unquote(one) for one in found])
    long_enough = [one for one in found if len(one) >= _SHORTEST]
    return tuple(sorted(long_enough, key=len, reverse=True))
