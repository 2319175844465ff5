"""Solve and install with py-rattler, in a process of its own.

rattler's background threads can abort the interpreter as it exits (seen with py-rattler 0.28; the
cause is described in https://github.com/PyO3/pyo3/pull/4874), and importing it costs time that no
other task should pay. So this runs alone, flushes, and ends with `os._exit`. It prints one line a
package on stderr.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import rattler
from rattler.exceptions import GatewayError, InvalidChannelError, InvalidMatchSpecError, SolverError
from rattler.install import InstallerReporter
from rattler.networking import AddHeadersMiddleware, Client

sys.path.append(str(Path(__file__).resolve().parents[2]))  # a script has none of its own here

from tasks_lib.environments import rattler_locks, rattler_secrets

if TYPE_CHECKING:
    from collections.abc import Sequence

_DAY = 24 * 60 * 60
#: a channel's list may take so many times as long as a package may be silent
_LISTS = 5


class Reporter(InstallerReporter):
    """Say on stderr what is done, and know for how long nothing arrived."""

    def __init__(self) -> None:
        """Start with no download."""
        self._downloads = 0
        self._heard = time.monotonic()

    @property
    def silence(self) -> float:
        """Return the seconds since anything arrived, 0 where nothing is awaited."""
        return time.monotonic() - self._heard if self._downloads > 0 else 0

    def _hear(self, downloads: int = 0) -> None:
        self._downloads += downloads
        self._heard = time.monotonic()

    def on_download_start(self, cache_entry: int) -> int:
        """Say that a package comes over the network."""
        say("downloading")
        self._hear(1)
        return cache_entry

    def on_download_progress(self, download_idx: int, progress: int, total: int | None) -> None:  # noqa: ARG002 - theirs
        """Note that something arrived."""
        self._hear()

    def on_download_completed(self, download_idx: int) -> None:  # noqa: ARG002 - rattler's own
        """Note that one download less is awaited."""
        self._hear(-1)

    def on_link_start(self, operation: int, package_name: str) -> int:
        """Name the package that is being linked."""
        say(f"linking {package_name}")
        return operation


def say(text: str) -> None:
    """Write a line for the user who waits."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("action", choices=_ACTIONS)
    made.add_argument("--prefix", type=Path)
    text = "whose packages `explicit` links; a lock, which `solve` leaves as it is where it can"
    made.add_argument("--description", type=Path, help=text)
    text = "the environment by whose pins `solve` goes, for its platform"
    made.add_argument("--pinned", type=Path, help=text)
    lists = {
        "--channel": "an address",
        "--meaning": "NAME=ADDRESS of a channel's name",
        "--mirror": "ADDRESS=MIRROR of a channel",
        "--subdir": "where `search` looks, and not here and in noarch; what `solve` is for",
        "--virtual": "PLATFORM:NAME=VERSION of what `solve` takes a machine to have",
        "--limit": "what a package must be, should it be needed",
        "--drop": "the name of a package that is no longer requested, or to be renewed",
        "--spec": "a package to have, as conda writes it",
    }
    for option, text in lists.items():
        made.add_argument(option, action="append", default=[], help=text)
    switches = {
        "--any-channel": "let a lower channel win with a newer version",
        "--no-tls-verify": "accept any certificate",
        "--offline": "use the cache alone",
        "--keep": "leave what `explicit` finds besides",
        "--dry-run": "print what would be linked, as conda's --json does",
    }
    for option, text in switches.items():
        made.add_argument(option, action="store_true", help=text)
    text = "an age or a time: no younger package is taken"
    made.add_argument("--exclude-newer", type=rattler_locks.limit, help=text)
    made.add_argument("--timeout", type=float, default=30, help="seconds without an answer")
    made.add_argument("--retries", type=int, default=2)
    return made


async def link(
    options: argparse.Namespace,
    records: Sequence[rattler.RepoDataRecord],
    specs: Sequence[rattler.MatchSpec],
    again: set[str] | None = None,
) -> None:
    """Download and link records, and leave what conda looks for.

    Those named in `again` are linked even if they are there. A download that is silent for too long
    ends it: the client's own limit is for a whole request, and a large package may take long.
    """
    reporter = Reporter()  # type: ignore[abstract]  # all that it leaves out does nothing
    work = rattler.install(
        list(records),
        options.prefix,
        reinstall_packages=again,
        client=client(options, _DAY),
        requested_specs=[spec._match_spec for spec in specs],  # noqa: SLF001 - 0.28 hands them on as they are
        reporter=reporter,
    )
    task = asyncio.ensure_future(work)
    while not task.done():
        await asyncio.wait({task}, timeout=0.5)
        if reporter.silence > options.timeout:
            where = " or ".join(options.channel)
            text = f"Read timed out: nothing came for {options.timeout:.0f} s from {where}"
            raise OSError(text)
    task.result()
    finish(options.prefix / "conda-meta")


def client(options: argparse.Namespace, seconds: float = 0) -> Client:
    """Return a client with the user's mirrors and TLS setting; a request may take `seconds`.

    Offline it refuses every request.
    """
    if options.offline:
        return Client([AddHeadersMiddleware(_refuse)])
    lines = ["tls-no-verify = true" if options.no_tls_verify else 'tls-root-certs = "system"']
    mirrors: dict[str, list[str]] = {}
    for pair in options.mirror:
        name, _, mirror = pair.partition("=")
        address = rattler.Channel(name).base_url  # a bare name has an address too
        mirrors.setdefault(address, []).append(mirror)
    if mirrors:
        lines.append("[mirrors]")
    for address, urls in mirrors.items():
        lines.append(f"{json.dumps(address)} = {json.dumps(urls)}")
    timeout = round(seconds or _LISTS * options.timeout)
    with tempfile.NamedTemporaryFile(suffix=".json") as logins:
        if options.logins:  # such a file takes the place of all that the user has
            Path(logins.name).write_text(json.dumps(options.logins), encoding="utf-8")
            lines.insert(0, f"authentication-override-file = {json.dumps(logins.name)}")
        config = rattler.Config.from_toml("\n".join(lines))
        return Client.from_config(config, max_retries=options.retries, timeout=timeout)


def _refuse(host: str, path: str) -> dict[str, str]:
    """Stop a request before it is made: `install` has no setting for that."""
    text = f"offline, and not in the cache: {host}{path}"
    raise OSError(text)


def gateway(options: argparse.Namespace) -> rattler.Gateway:
    """Return what reads the channels' lists; offline, from the cache alone."""
    source = rattler.SourceConfig(
        cache_action="force-cache-only" if options.offline else "cache-or-fetch"
    )
    return rattler.Gateway(client=client(options), default_config=source)


async def install(options: argparse.Namespace) -> int:
    """Solve for the specs together with what is installed, and link the difference."""
    installed = rattler_locks.installed(options.prefix)
    specs = [rattler.MatchSpec(text) for text in options.spec]
    replaced = {spec.name.normalized for spec in specs} | set(options.drop)
    for record in installed:
        for text in record.requested_specs:
            spec = rattler.MatchSpec(text)
            if spec.name.normalized not in replaced:
                specs.append(spec)
    reader = gateway(options)
    records = await rattler.solve(
        [rattler.Channel(url) for url in options.channel],
        [await meant(spec, options, reader) for spec in specs],
        gateway=reader,
        locked_packages=[one for one in installed if one.name.normalized not in options.drop],
        virtual_packages=rattler.VirtualPackage.detect(rattler.VirtualPackageOverrides.from_env()),
        channel_priority=rattler_locks.priority(options),
        exclude_newer=options.exclude_newer,
        constraints=[
            await meant(pin, options, reader) for pin in rattler_locks.pins(options.prefix)
        ],
    )
    say(f"solved: {len(records)} packages")
    if options.dry_run:
        _print_difference(installed, records)
    else:
        await link(options, records, specs)
    return 0


def _print_difference(
    installed: Sequence[rattler.RepoDataRecord], records: Sequence[rattler.RepoDataRecord]
) -> None:
    """Print what would be linked, in conda's form."""
    there = set(map(_identity, installed))
    new = [record for record in records if _identity(record) not in there]
    linked = [{"name": one.name.normalized, "version": str(one.version)} for one in new]
    sys.stdout.write(json.dumps({"actions": {"LINK": linked}}))


def _identity(record: rattler.RepoDataRecord) -> tuple[object, ...]:
    return record.name.normalized, str(record.version), record.build


async def meant(
    spec: rattler.MatchSpec, options: argparse.Namespace, reader: rattler.Gateway
) -> rattler.MatchSpec:
    """Return a spec with the address that its channel's name stands for.

    Of several addresses it is the first that has the package: rattler knows no alias but its own,
    and takes one channel a spec. What is recorded is the name, as conda does.
    """
    if spec.channel is None:
        return spec
    urls = []
    for pair in options.meaning:
        name, _, url = pair.partition("=")
        if rattler.Channel(name).base_url == spec.channel.base_url:
            urls.append(url)
    for url in urls:
        if len(urls) > 1:
            found = await reader.query([rattler.Channel(url)], _here(), [spec], recursive=False)
            if not any(found):
                continue
        text = spec.to_canonical_string()
        return rattler.MatchSpec(text.replace(f'channel="{spec.channel.name}"', f'channel="{url}"'))
    return spec


def _here() -> list[rattler.Subdir]:
    """Return the folders of a channel that are for this platform."""
    return [rattler.Subdir.current(), rattler.Subdir("noarch")]


async def explicit(options: argparse.Namespace) -> int:
    """Bring a prefix to exactly the packages of a description, each verified by its hash."""
    records = rattler_locks.described(options.description)
    texts = list(options.spec)
    if not texts:
        for record in records:
            texts += record.requested_specs
    specs = [rattler.MatchSpec(text) for text in texts]
    again = {record.name.normalized for record in records}
    if options.keep:
        besides = [
            one
            for one in rattler_locks.installed(options.prefix)
            if one.name.normalized not in again
        ]
        await link(options, [*records, *besides], specs)
    else:
        await link(options, records, specs, again)
    return 0


async def solve(options: argparse.Namespace) -> int:
    """Print the packages that satisfy the specs on each platform; nothing is installed."""
    reader = gateway(options)
    specs = [await meant(rattler.MatchSpec(text), options, reader) for text in options.spec]
    pins = rattler_locks.pins(options.pinned) if options.pinned else []
    pins = [await meant(pin, options, reader) for pin in pins]
    found = {}
    for platform in options.subdir:
        is_here = platform == str(rattler.Subdir.current())
        limits = pins if is_here else []
        try:
            found[platform] = await rattler_locks.solve(options, reader, specs, platform, limits)
        except SolverError as error:
            text = f"for {platform}: {error}"
            raise SolverError(text) from None
        say(f"solved for {platform}: {len(found[platform])} packages")
    sys.stdout.write(json.dumps(found))
    return 0


async def probe(options: argparse.Namespace) -> int:
    """Return 0 if any of the channels answers."""
    reader = gateway(options)
    for url in options.channel:
        try:
            await reader.names([rattler.Channel(url)], _here())
        except GatewayError as error:
            say(f"{url}: {str(error).splitlines()[0]}")
        else:
            say(f"{url}: answers")
            return 0
    return 1


async def search(options: argparse.Namespace) -> int:
    """Print the newest version of each name by platform, from the first channel that has it."""
    reader = gateway(options)
    subdirs = [rattler.Subdir(name) for name in options.subdir] or _here()
    found: dict[str, dict[str, str]] = {}
    for url in options.channel:
        names = [name for name in options.spec if name not in found]
        for answer in await reader.query([rattler.Channel(url)], subdirs, names, recursive=False):
            for name, versions in _newest(answer).items():
                found.setdefault(name, {}).update(versions)
    sys.stdout.write(json.dumps(found))
    return 0


def _newest(records: Sequence[rattler.RepoDataRecord]) -> dict[str, dict[str, str]]:
    """Return the newest version of each name on each platform."""
    found: dict[str, dict[str, str]] = {}
    for record in sorted(records, key=lambda record: record.version):
        found.setdefault(record.name.normalized, {})[record.subdir] = str(record.version)
    return found


def finish(meta: Path) -> None:
    """Leave what conda looks for: the history file, whole records, and links without hashes.

    rattler hashes the path to which a link points, and conda the content of that: conda would take
    the link for altered.
    """
    meta.mkdir(parents=True, exist_ok=True)
    (meta / "history").touch()
    for path in meta.glob("*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        changed = rattler_locks.complete(record)
        for item in record["paths_data"]["paths"]:
            if item.get("path_type") == "softlink" and item.pop("sha256_in_prefix", None):
                changed = True
        if changed:
            path.write_text(json.dumps(record, indent=2), encoding="utf-8")


_ACTIONS = {
    "install": install,
    "explicit": explicit,
    "probe": probe,
    "search": search,
    "solve": solve,
}
#: what an error of rattler's means, in the words that `conda_messages` knows
_MEANINGS: dict[type[Exception], str] = {
    rattler_secrets.TwoLoginsError: "two logins",
    InvalidMatchSpecError: "invalid request",
    InvalidChannelError: "invalid request",
    SolverError: "cannot be solved",
    GatewayError: "channel does not answer",
    OSError: "",
}


def main() -> int:
    """Run one action; an error is one line on stderr, which `conda_messages` reads."""
    options = parser().parse_args()
    addresses = options.channel, options.meaning, options.mirror, options.spec
    try:
        options.logins = rattler_secrets.hide(*addresses)
        return asyncio.run(_ACTIONS[options.action](options))
    except Exception as error:  # noqa: BLE001 - rattler raises many kinds; each becomes one line
        meaning = type(error).__name__
        for kind, words in _MEANINGS.items():
            if isinstance(error, kind):
                meaning = words
                break
        say(": ".join(["rattler", *filter(None, [meaning]), str(error)]))
    return 1


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
