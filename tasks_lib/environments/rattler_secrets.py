"""Keep logins and tokens out of the addresses that rattler stores beside its lists and packages."""

from __future__ import annotations

import contextlib
import json
import netrc
import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from tasks_lib.environments.conda_messages import ONE_LOGIN, TWO_LOGINS
from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import files

if TYPE_CHECKING:
    from collections.abc import Sequence

_LOGIN = re.compile(r"://([^/@]+)@([^/=]+)")
_TOKEN = re.compile(r"(\w+://[^/=]+/)t/[^/]+/([^=]*)")


class TwoLoginsError(ValueError):
    """Two addresses on one host have different logins; it is made with the host alone."""


def hide(
    channels: list[str], meaning: list[str], mirrors: list[str], specs: list[str]
) -> dict[str, Any]:
    """Take logins and conda's tokens out of these addresses; return the logins by their host.

    A login comes back by its host, as from a `.netrc`; a token as a mirror, when a request is made.
    What the user has in files counts too, since rattler reads either those or what it is given.

    Raises:
        TwoLoginsError: rattler can keep neither two logins for a host, nor take one out itself.
    """
    found: dict[str, Any] = {}

    def without_login(match: re.Match[str]) -> str:
        user, _, password = map(unquote, match[1].partition(":"))
        host = str(urlsplit(f"//{match[2]}").hostname)
        if found.setdefault(host, _entry(user, password)) != _entry(user, password):
            raise TwoLoginsError(host)
        return f"://{match[2]}"

    tokens: list[str] = []

    def without_token(match: re.Match[str]) -> str:
        tokens.append(f"{match[1]}{match[2]}={match[0]}")
        return match[1] + match[2]

    for texts in (mirrors, channels, meaning, specs):
        texts[:] = [_LOGIN.sub(without_login, text) for text in texts]
    parts = [spec.rpartition("::") for spec in specs]
    named = [channel for channel, _, _ in parts]
    for texts in (channels, meaning, named):
        texts[:] = [_TOKEN.sub(without_token, text) for text in texts]
    for number, (_, separator, rest) in enumerate(parts):
        specs[number] = named[number] + separator + rest
    for number, pair in enumerate(mirrors):  # a mirror of an address that had a token
        name, _, mirror = pair.partition("=")
        public = _TOKEN.sub(r"\1\2", name)
        mirrors[number] = f"{public}={mirror}"
    mirrors += tokens
    return {**_of_files(), **found} if found else {}


def expect_one_login(words: Sequence[str]) -> None:
    """Refuse a worker's command line with two logins for a host; conda 24.7.1 takes and hides them.

    Raises:
        LabError: `contains_login`.
    """
    try:
        hide([], [], [], list(words))
    except TwoLoginsError as error:
        other = ", or add --engine conda" if shutil.which("conda") else ""
        text, remedy = TWO_LOGINS.format(what=error), Remedy(f"{ONE_LOGIN}{other}")
        raise LabError(text, ErrorCode.CONTAINS_LOGIN, remedy=remedy) from None


def _entry(user: str, password: str) -> dict[str, dict[str, str]]:
    return {"BasicHTTP": {"username": user, "password": password}}


def _of_files() -> dict[str, Any]:
    """Return the logins that rattler reads by default: of `.netrc` and of its own file."""
    found: dict[str, Any] = {}
    with contextlib.suppress(OSError, netrc.NetrcParseError):
        for host, (user, _, password) in netrc.netrc(os.environ.get("NETRC")).hosts.items():
            found[host] = _entry(user, password or "")
    own = Path(os.environ.get("RATTLER_AUTH_FILE") or Path.home() / ".rattler/credentials.json")
    with contextlib.suppress(OSError, ValueError):
        found |= json.loads(files.regular_text(own))
    return found
