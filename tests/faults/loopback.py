"""A package index and a conda channel on loopback, which misbehave when they are told to."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import threading
import time
from dataclasses import dataclass, field
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

USER, SECRET = "ada", "s3cr3t-w0rd"
#: how an answer goes wrong
FAULTS = ("gone", "stalled", "500", "404", "truncated", "altered", "loop")
#: how it makes a tool wait that has no limit of its own: a byte a second, or an hour (RFC 9110,
#: 10.2.3)
WAITS = ("byte a second", "in an hour")
#: which answers do: what lists packages (a page of the index, a channel's repodata), or the
#: packages themselves
PLACES = ("list", "package")
_PACKAGES = (".whl", ".conda", ".tar.bz2")
_LONG = b"<!DOCTYPE html>" * 10
_BIT = 0x40
_DRIP = 20


@dataclass
class Shop:
    """What is offered, and what is wrong at the moment."""

    wheels: Path
    channel: Path | None = None
    fault: str = ""
    place: str = ""
    slow: float = 0.0  # seconds that a package takes, little by little
    closed: bool = False  # nothing is served without a login
    #: when each wheel came, by its file's name; the pages are JSON then (PEP 700), else HTML
    uploaded: dict[str, str] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    # the programs that got a package, and the package's folder
    served: set[tuple[str, str]] = field(default_factory=set)
    struck: int = 0  # how many answers went wrong
    url: str = ""
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def bare(self) -> str:
        """Return host and port, which an error names."""
        return urlsplit(self.url).netloc

    def address(self, *, secret: bool) -> str:
        """Return the server's address, with credentials or without."""
        return self.url.replace("://", f"://{USER}:{SECRET}@") if secret else self.url

    @contextlib.contextmanager
    def broken(self, fault: str, place: str) -> Iterator[None]:
        """Answer with this fault at this place during the block."""
        self.fault, self.place, self.struck = fault, place, 0
        try:
            yield
        finally:
            self.fault = ""

    def body(self, path: str) -> bytes | None:
        """Return what is at a path, if anything is."""
        top, *rest = [unquote(part) for part in path.split("/") if part]
        if top == "simple" and len(rest) == 1:
            return self._page(rest[0])
        if top == "whl" and len(rest) == 2:  # an index of builds, as PyTorch has one for each
            return self._page(rest[1], f"+{rest[0]}")
        if top == "wheels" and len(rest) == 1 and (self.wheels / rest[0]).is_file():
            return (self.wheels / rest[0]).read_bytes()
        if top == "conda-forge" and self.channel and (self.channel / path.lstrip("/")).is_file():
            return (self.channel / path.lstrip("/")).read_bytes()
        return None

    def _page(self, name: str, build: str = "") -> bytes | None:
        """Write a project's page (PEP 503), of the wheels of one build."""
        found = [
            wheel
            for wheel in sorted(self.wheels.glob("*.whl"))
            if canonicalize_name(wheel.name.split("-")[0]) == name
            and wheel.name.split("-")[1].partition("+")[2] == build.lstrip("+")
        ]
        if self.uploaded:
            return self._data(name, found)
        links = [
            f'<a href="/wheels/{wheel.name}'
            f'#sha256={hashlib.sha256(wheel.read_bytes()).hexdigest()}"'
            f' data-requires-python="{escape(">=3.8")}">{wheel.name}</a>'
            for wheel in found
        ]
        return (
            f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode() if found else None
        )

    def _data(self, name: str, wheels: list[Path]) -> bytes:
        files = [
            {
                "filename": wheel.name,
                "url": f"/wheels/{wheel.name}",
                "hashes": {"sha256": hashlib.sha256(wheel.read_bytes()).hexdigest()},
                "size": wheel.stat().st_size,
                "upload-time": self.uploaded[wheel.name],
            }
            for wheel in wheels
        ]
        versions = [wheel.name.split("-")[1] for wheel in wheels]
        meta = {"api-version": "1.1"}
        return json.dumps(
            {"meta": meta, "name": name, "versions": versions, "files": files}
        ).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, shop: Shop) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.shop = shop

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing about a client that went away: these are the tests' own."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Stay silent."""

    def do_GET(self) -> None:
        self._answer(whole=True)

    def do_HEAD(self) -> None:
        self._answer(whole=False)

    def _answer(self, *, whole: bool) -> None:
        shop = self.server.shop
        path = urlsplit(self.path).path
        shop.requests.append(f"{self.command} {path}")
        sent = self.headers.get("Authorization", "").removeprefix("Basic ")
        if (sent or shop.closed) and base64.b64decode(sent).decode() != f"{USER}:{SECRET}":
            self._send(HTTPStatus.UNAUTHORIZED, b"no")
            return
        body = shop.body(path)
        place = "package" if path.endswith(_PACKAGES) else "list"
        if body is None and shop.fault in WAITS and place == shop.place:
            body = _LONG
        if body is not None and shop.fault and place == shop.place:
            shop.struck += 1
            self._misbehave(shop.fault, path, body)
        elif body is None:
            self._send(HTTPStatus.NOT_FOUND, b"not here")
        else:
            if place == "package":
                shop.served.add(
                    (
                        self.headers.get("User-Agent", "").partition("/")[0].lower(),
                        path.split("/")[1],
                    )
                )
            self._send(
                HTTPStatus.OK,
                body,
                path,
                whole=whole,
                seconds=shop.slow if place == "package" else 0,
            )

    def _misbehave(self, fault: str, path: str, body: bytes) -> None:
        half = len(body) // 2
        if fault in {"404", "500"}:
            self._send(HTTPStatus(int(fault)), b"no")
        elif fault == "in an hour":
            self.send_response(HTTPStatus.TOO_MANY_REQUESTS)
            self.send_header("Retry-After", "3600")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif fault == "byte a second":
            self._head(path, len(body))
            for byte in body:
                self.wfile.write(bytes([byte]))
                if self.server.shop.closing.wait(1):
                    break
        elif fault == "loop":
            self.send_response(HTTPStatus.FOUND)
            self.send_header("Location", self.path)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif fault == "truncated":
            self._send(HTTPStatus.OK, body[:half], path)
        elif fault == "altered":
            self._send(
                HTTPStatus.OK, body[:half] + bytes([body[half] ^ _BIT]) + body[half + 1 :], path
            )
        else:
            self._head(path, len(body))
            self.wfile.write(body[:half])
            self.wfile.flush()
            self.close_connection = True
            if fault == "stalled":
                self.server.shop.closing.wait()

    def _send(
        self,
        status: HTTPStatus,
        body: bytes,
        path: str = "",
        *,
        whole: bool = True,
        seconds: float = 0,
    ) -> None:
        self._head(path, len(body), status)
        if whole and self.command == "GET":
            step = max(1, len(body) // _DRIP) if seconds else len(body) or 1
            for start in range(0, len(body), step):
                self.wfile.write(body[start : start + step])
                self.wfile.flush()
                time.sleep(seconds / _DRIP)

    def _head(self, path: str, length: int, status: HTTPStatus = HTTPStatus.OK) -> None:
        kind = "application/json" if path.endswith(".json") else "text/html"
        if self.server.shop.uploaded and path.startswith(("/simple/", "/whl/")):
            kind = "application/vnd.pypi.simple.v1+json"
        self.send_response(status)
        if status is HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", 'Basic realm="lab"')
        self.send_header(
            "Content-Type", "application/octet-stream" if path.endswith(_PACKAGES) else kind
        )
        self.send_header("Content-Length", str(length))
        self.send_header("Cache-Control", "no-cache")
        self.end_headers()


@contextlib.contextmanager
def serving(wheels: Path, channel: Path | None = None) -> Iterator[Shop]:
    """Run the server meanwhile, on a port that the system chooses."""
    shop = Shop(wheels, channel)
    server = _Server(shop)
    shop.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
    )
    thread.start()
    try:
        yield shop
    finally:
        shop.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()
