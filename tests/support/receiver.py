"""A receiver of webhooks: real HTTP on loopback, which keeps what came and may be told to answer otherwise."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """What it says."""
        return dict(json.loads(self.body))

    @property
    def message(self) -> str:
        """Its id."""
        return self.headers["webhook-id"]


Answer = tuple[int, dict[str, str]]


@dataclass
class Receiver:
    """What came, in order, and how it is answered.

    Attributes:
        answer: status and headers of the answer to a message.
    """

    url: str = ""
    came: list[Received] = field(default_factory=list[Received])
    answer: Callable[[Received], Answer] = lambda _: (204, {})
    changed: threading.Condition = field(default_factory=threading.Condition)

    def until(self, count: int, timeout_s: float = 30) -> list[Received]:
        """Waits until so many messages have come."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.came) >= count, timeout_s), f"{len(self.came)} of {count} came"
            return list(self.came)

    def of(self, kind: str) -> list[Received]:
        """The messages of a type."""
        return [one for one in self.came if one.json["type"] == kind]


@contextmanager
def receiving(port: int = 0) -> Generator[Receiver]:
    """A receiver until the end of the block."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            received = Received(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            with receiver.changed:
                receiver.came.append(received)
                receiver.changed.notify_all()
            status, headers = receiver.answer(received)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/hooks"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
