"""A service of AWS on loopback: an HTTP server that asks a test's stub for each answer, and what leads an AWS program to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived.

    Attributes:
        region: out of its signature.
    """

    path: str
    region: str
    headers: Message
    body: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """What is answered: a document of JSON."""

    status: int
    document: Mapping[str, object]
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


@contextmanager
def serving(answer: Callable[[Asked], Told]) -> Generator[str]:
    """Serves for the length of a `with` block; gives the URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            # AWS4-HMAC-SHA256 Credential=key/date/region/service/aws4_request, ...
            told = answer(Asked(self.path, self.headers["Authorization"].split("/")[2], self.headers, body))
            written = json.dumps(told.document).encode()
            self.send_response(told.status)
            for name, value in {"Content-Type": "application/json", **told.headers, "Content-Length": str(len(written))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(written)

        do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join(timeout=10)


def leading_to(url: str, service: str) -> dict[str, str]:
    """What leads an AWS program to this service at the URL, and nowhere else."""
    return {
        f"AWS_ENDPOINT_URL_{service}": url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }
