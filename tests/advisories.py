"""An advisory service on loopback that speaks the protocol of OSV, and an index without projects.

Source: https://google.github.io/osv.dev/post-v1-querybatch/ and …/get-v1-vulns/
"""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

#: the one advisory
ID, ALIAS, LINK = "GHSA-aaaa-bbbb-cccc", "CVE-2024-0001", "https://example.org/advisory"
NAME, VERSION, FIX = "iniconfig", "2.0.0", "2.1.0"
MODIFIED = "2024-01-01T00:00:00Z"
_PACKAGE = {"ecosystem": "PyPI", "name": NAME}
_ADVISORY = {
    "id": ID,
    "modified": MODIFIED,
    "published": MODIFIED,
    "aliases": [ALIAS],
    "summary": "a <b>hole</b>",
    "details": "It leaks.",
    "affected": [
        {
            "package": _PACKAGE,
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": FIX}]}],
        }
    ],
    "references": [{"type": "ADVISORY", "url": LINK}],
}


class _Handler(BaseHTTPRequestHandler):
    """Know the one advisory, and note every query."""

    queries: list[dict[str, Any]]

    def do_POST(self) -> None:
        """Answer a batch of queries."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.queries += body["queries"]
        known = {"vulns": [{"id": ID, "modified": MODIFIED}]}
        rows = []
        for query in body["queries"]:
            is_known = query == {"package": _PACKAGE, "version": VERSION}
            rows.append(known if is_known else {})
        self._send({"results": rows})

    def do_GET(self) -> None:
        """Answer with the advisory."""
        if self.path == f"/v1/vulns/{ID}":
            self._send(_ADVISORY)
        else:
            self.send_error(404)

    def _send(self, document: dict[str, Any]) -> None:
        data = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def serving() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the address of the service, and the queries that reach it."""
    queries: list[dict[str, Any]] = []
    handler = type("Handler", (_Handler,), {"queries": queries})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", queries
        server.shutdown()
