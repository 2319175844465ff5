"""Solve and install with py-rattler, in a process of its own.

rattler's background threads can abort the interpreter as it exits, and importing it costs time that no other task
should pay; so this runs alone, flushes, and ends with `os._exit`. It prints one line a package on stderr.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import time
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import rattler
from rattler.exceptions import GatewayError, InvalidChannelError, InvalidMatchSpecError, SolverError
from rattler.install import InstallerReporter
from rattler.networking import AddHeadersMiddleware, Client

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_DAY = 24 * 60 * 60
_LISTS = 5  # times as long may a channel's list take as a package may be silent


class Reporter(InstallerReporter):
    """Say on stderr what is being done, and know how long nothing came."""

    def __init__(self) -> None:
        """Start with no download, and something heard just now."""
        self._downloads, self._heard = 0, time.monotonic()

    @property
    def silence(self) -> float:
        """Give the seconds since anything came, where something is awaited."""
        return time.monotonic() - self._heard if self._downloads > 0 else 0

    def _hear(self, downloads: int = 0) -> None:
        self._downloads, self._heard = self._downloads + downloads, time.monotonic()

    def on_download_start(self, cache_entry: int) -> int:
        """Say that a package comes over the network."""
        say("downloading")
        self._hear(1)
        return cache_entry

    def on_download_progress(self, download_idx: int, progress: int, total: int | None) -> None:  # noqa: ARG002 - theirs
        """Note that something came."""
        self._hear()

    def on_download_completed(self, download_idx: int) -> None:  # noqa: ARG002 - rattler's own
        """Note that one download less is awaited."""
        self._hear(-1)

    def on_link_start(self, operation: int, package_name: str) -> int:
        """Name the package that is being linked."""
        say(f"linking {package_name}")
        return operation


def say(text: str) -> None:
    """Write a line for the person who waits."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("action", choices=_ACTIONS)
    made.add_argument("--prefix", type=Path)
    made.add_argument(
        "--description", type=Path, help="the file whose conda packages `explicit` links"
    )
    made.add_argument("--channel", action="append", default=[])
    made.add_argument(
        "--meaning", action="append", default=[], metavar="NAME=ADDRESS", help="of a channel"
    )
    made.add_argument("--mirror", action="append", default=[], metavar="ADDRESS=MIRROR")
    made.add_argument(
        "--subdir",
        action="append",
        default=[],
        help="where `search` looks; this platform and noarch",
    )
    made.add_argument(
        "--drop", action="append", default=[], metavar="NAME", help="no longer ask for this package"
    )
    made.add_argument(
        "--any-channel", action="store_true", help="let a lower channel win with a newer version"
    )
    made.add_argument("--no-tls-verify", action="store_true")
    made.add_argument("--offline", action="store_true")
    made.add_argument(
        "--dry-run", action="store_true", help="print what would be linked, as conda's --json does"
    )
    made.add_argument("--timeout", type=float, default=60, help="seconds without an answer")
    made.add_argument("--retries", type=int, default=2)
    made.add_argument(
        "--spec", action="append", default=[], help="a package to have, as conda writes it"
    )
    return made


async def link(
    options: argparse.Namespace,
    records: Sequence[rattler.RepoDataRecord],
    specs: Iterable[rattler.MatchSpec],
    anew: set[str] | None = None,
) -> None:
    """Download and link records, those named in `anew` though they are there, and leave what conda looks for.

    A download that brings nothing for too long ends it: the client's own limit is one of a whole request, and a large
    package on a slow line takes as long as it takes.
    """
    reporter = Reporter()  # type: ignore[abstract]  # all that it leaves out does nothing
    work = rattler.install(
        list(records),
        options.prefix,
        reinstall_packages=anew,
        client=client(options, _DAY),
        requested_specs=[spec._match_spec for spec in specs],  # noqa: SLF001 - 0.28 hands them on as they are
        reporter=reporter,
    )
    task = asyncio.ensure_future(work)
    while not task.done():
        await asyncio.wait({task}, timeout=0.5)
        if reporter.silence > options.timeout:
            text = f"Read timed out: nothing came for {options.timeout:.0f} s from {' or '.join(options.channel)}"
            raise OSError(text)
    task.result()
    finish(options.prefix / "conda-meta")


def client(options: argparse.Namespace, seconds: float = 0) -> Client:
    """Make the client with the user's mirrors and TLS setting; a request may take `seconds`. Offline it makes none."""
    if options.offline:
        return Client([AddHeadersMiddleware(_refuse)])
    lines = ["tls-no-verify = true"] if options.no_tls_verify else ['tls-root-certs = "system"']
    mirrors: dict[str, list[str]] = {}
    for pair in options.mirror:
        address, _, mirror = pair.partition("=")
        mirrors.setdefault(rattler.Channel(address).base_url, []).append(
            mirror
        )  # a bare name has an address too
    if mirrors:
        lines += [
            "[mirrors]",
            *(f"{json.dumps(address)} = {json.dumps(urls)}" for address, urls in mirrors.items()),
        ]
    config = rattler.Config.from_toml("\n".join(lines))
    return Client.from_config(
        config, max_retries=options.retries, timeout=round(seconds or _LISTS * options.timeout)
    )


def _refuse(host: str, path: str) -> dict[str, str]:
    """Stop a request before it is made: `install` has no setting for that."""
    text = f"offline, and not in the cache: {host}{path}"
    raise OSError(text)


def gateway(options: argparse.Namespace) -> rattler.Gateway:
    """Make what reads the channels' lists; offline, from the cache alone."""
    source = rattler.SourceConfig(
        cache_action="force-cache-only" if options.offline else "cache-or-fetch"
    )
    return rattler.Gateway(client=client(options), default_config=source)


async def install(options: argparse.Namespace) -> int:
    """Solve for the specs together with what is installed, and link the difference."""
    installed = _installed(options.prefix)
    specs = [rattler.MatchSpec(text) for text in options.spec]
    kept = [rattler.MatchSpec(text) for record in installed for text in record.requested_specs]
    asked = {spec.name.normalized for spec in specs}
    specs += [spec for spec in kept if spec.name.normalized not in {*asked, *options.drop}]
    locked = [record for record in installed if record.name.normalized not in options.drop]
    priority = (
        rattler.ChannelPriority.Disabled if options.any_channel else rattler.ChannelPriority.Strict
    )
    reader = gateway(options)
    records = await rattler.solve(
        [rattler.Channel(url) for url in options.channel],
        [await meant(spec, options, reader) for spec in specs],
        gateway=reader,
        locked_packages=locked,
        virtual_packages=rattler.VirtualPackage.detect(rattler.VirtualPackageOverrides.from_env()),
        channel_priority=priority,
    )
    say(f"solved: {len(records)} packages")
    if options.dry_run:
        there = set(map(_identity, installed))
        new = [one for one in records if _identity(one) not in there]
        linked = [{"name": one.name.normalized, "version": str(one.version)} for one in new]
        sys.stdout.write(json.dumps({"actions": {"LINK": linked}}))
        return 0
    await link(options, records, specs)
    return 0


async def meant(
    spec: rattler.MatchSpec, options: argparse.Namespace, reader: rattler.Gateway
) -> rattler.MatchSpec:
    """Give a spec the address that its channel's name stands for; of several, the first that has the package.

    rattler knows no alias but its own, and takes one channel a spec. What is recorded is the name, as conda does.
    """
    if spec.channel is None:
        return spec
    pairs = [pair.partition("=") for pair in options.meaning]
    urls = [
        url for name, _, url in pairs if rattler.Channel(name).base_url == spec.channel.base_url
    ]
    for url in urls:
        here = [rattler.Subdir.current(), rattler.Subdir("noarch")]
        if len(urls) == 1 or any(
            await reader.query([rattler.Channel(url)], here, [spec], recursive=False)
        ):
            text = spec.to_canonical_string()
            return rattler.MatchSpec(
                text.replace(f'channel="{spec.channel.name}"', f'channel="{url}"')
            )
    return spec


async def explicit(options: argparse.Namespace) -> int:
    """Bring a prefix to exactly the packages of a description, each verified by its hash; nothing is solved."""
    records = _described(options.description)
    asked = options.spec or [text for record in records for text in record.requested_specs]
    await link(
        options,
        records,
        map(rattler.MatchSpec, asked),
        {record.name.normalized for record in records},
    )
    return 0


def _installed(prefix: Path) -> list[rattler.PrefixRecord]:
    return [
        rattler.PrefixRecord.from_path(path)
        for path in sorted((prefix / "conda-meta").glob("*.json"))
    ]


def _identity(record: rattler.RepoDataRecord) -> tuple[object, ...]:
    return record.name.normalized, str(record.version), record.build


def _described(file: Path) -> list[rattler.PrefixRecord]:
    """Read the records of a description; PrefixRecord alone takes a record whole, and from a file."""
    records = []
    with tempfile.TemporaryDirectory() as folder:
        for number, record in enumerate(json.loads(file.read_text("utf-8"))["conda"]):
            path = Path(folder, f"{number}.json")
            whole = {**record, "files": [], "paths_data": {"paths": [], "paths_version": 1}}
            path.write_text(json.dumps(whole), encoding="utf-8")
            records.append(rattler.PrefixRecord.from_path(path))
    return records


async def probe(options: argparse.Namespace) -> int:
    """End well if any of the channels answers."""
    reader = gateway(options)
    for url in options.channel:
        try:
            await reader.names(
                [rattler.Channel(url)], [rattler.Subdir.current(), rattler.Subdir("noarch")]
            )
        except GatewayError as error:
            say(f"{url}: {str(error).splitlines()[0]}")
        else:
            say(f"{url}: answers")
            return 0
    return 1


async def search(options: argparse.Namespace) -> int:
    """Print for each name the newest version that each platform has of it, from the first channel that has the name."""
    reader = gateway(options)
    subdirs = [rattler.Subdir(name) for name in options.subdir] or [
        rattler.Subdir.current(),
        rattler.Subdir("noarch"),
    ]
    found: dict[str, dict[str, str]] = {}
    for url in options.channel:
        names = [name for name in options.spec if name not in found]
        answers = await reader.query([rattler.Channel(url)], subdirs, names, recursive=False)
        for one in sorted(chain.from_iterable(answers), key=lambda record: record.version):
            found.setdefault(one.name.normalized, {})[one.subdir] = str(one.version)
    sys.stdout.write(json.dumps(found))
    return 0


def finish(meta: Path) -> None:
    """Leave what conda looks for: the history file, and links without hashes.

    rattler hashes where a link points, and conda what it points to; conda would call it altered.
    """
    meta.mkdir(parents=True, exist_ok=True)
    (meta / "history").touch()
    for path in meta.glob("*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        links = [
            item for item in record["paths_data"]["paths"] if item.get("path_type") == "softlink"
        ]
        if [item for item in links if item.pop("sha256_in_prefix", None)]:
            path.write_text(json.dumps(record, indent=2), encoding="utf-8")


_ACTIONS = {"install": install, "explicit": explicit, "probe": probe, "search": search}
_MEANINGS: dict[type[Exception], str] = {
    InvalidMatchSpecError: "invalid request",
    InvalidChannelError: "invalid request",
    SolverError: "cannot be solved",
    GatewayError: "channel does not answer",
    OSError: "",
}


def main() -> int:
    """Run one action; what went wrong is one line that `diagnosis` reads."""
    options = parser().parse_args()
    try:
        return asyncio.run(_ACTIONS[options.action](options))
    except Exception as error:  # noqa: BLE001 - rattler raises many kinds; each is one line for the person, none is lost
        meaning = next(
            (text for kind, text in _MEANINGS.items() if isinstance(error, kind)),
            type(error).__name__,
        )
        say(f"rattler: {meaning}{': ' if meaning else ''}{error}")
    return 1


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
