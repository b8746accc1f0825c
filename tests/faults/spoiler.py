"""Stands between a worker and the local endpoint, and spoils chosen answers on their way back.

The endpoint has done its work by then and logged it as billed. What the worker gets is what a broken network, proxy or model
would have sent. Which answer is spoilt is told by the seed of the request:

    with running_spoiler(endpoint) as spoiler:
        spoiler.spoil(7, half_then_reset)          # the next answer to a request with seed 7
        with crewed(stack, **spoiler.environment()) as worker: ...
"""

from __future__ import annotations

import http.client
import json
import socket
import struct
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

from tests.integration.local_bedrock.endpoints import Running

__all__ = [
    "NO_ANSWER",
    "Spoiler",
    "Wire",
    "body",
    "chunks_without_end",
    "edited_json",
    "half",
    "half_then_close",
    "half_then_reset",
    "head_then_reset",
    "hold",
    "long_length",
    "nothing_then_reset",
    "running_spoiler",
    "short_length",
]

HOLD_S = 30.0


@dataclass(frozen=True)
class Wire:
    """What goes to the worker, byte for byte, and what becomes of the connection then."""

    data: bytes
    then: Literal["keep", "close", "reset", "hold"]


Spoil = Callable[[bytes], Wire]
"""Makes of a good answer's body what is sent in its place."""


def _head(length: int, media_type: str = "application/json", *, chunked: bool = False) -> bytes:
    size = "transfer-encoding: chunked" if chunked else f"content-length: {length}"
    return f"HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\nx-amzn-requestid: spoilt\r\n{size}\r\n\r\n".encode()


def nothing_then_reset(answer: bytes) -> Wire:
    """The connection is reset before the first byte."""
    return Wire(b"", "reset")


def head_then_reset(answer: bytes) -> Wire:
    """Status 200 and headers, then a reset."""
    return Wire(_head(len(answer)), "reset")


def half_then_reset(answer: bytes) -> Wire:
    """Half a body, then a reset."""
    return Wire(_head(len(answer)) + answer[: len(answer) // 2], "reset")


def half_then_close(answer: bytes) -> Wire:
    """Half a body, then an orderly end."""
    return Wire(_head(len(answer)) + answer[: len(answer) // 2], "close")


def long_length(answer: bytes) -> Wire:
    """The whole body under a content-length that promises more."""
    return Wire(_head(len(answer) + 100) + answer, "close")


def chunks_without_end(answer: bytes) -> Wire:
    """Chunks, of which the last one is missing."""
    return Wire(_head(0, chunked=True) + b"%x\r\n" % len(answer) + answer + b"\r\n", "close")


def hold(answer: bytes) -> Wire:
    """No answer, and no end of the connection either."""
    return Wire(b"", "hold")


def short_length(answer: bytes) -> Wire:
    """The whole body under a content-length that promises half of it: what follows it on the wire is no answer to anything."""
    return Wire(_head(len(answer) // 2) + answer, "keep")


NO_ANSWER = (
    nothing_then_reset,
    head_then_reset,
    half_then_reset,
    half_then_close,
    long_length,
    short_length,
    chunks_without_end,
    hold,
)
"""All the ways in which an answer does not arrive as a whole."""


def half(answer: bytes) -> Wire:
    """Half a body, complete and correct as HTTP."""
    return body(answer[: len(answer) // 2])(answer)


def body(data: bytes, media_type: str = "application/json") -> Spoil:
    """Another body, complete and correct as HTTP."""
    return lambda _: Wire(_head(len(data), media_type) + data, "keep")


def edited_json(edit: Callable[[dict[str, Any]], dict[str, Any]]) -> Spoil:
    """The answer's own JSON after an edit."""

    def spoil(answer: bytes) -> Wire:
        data = json.dumps(edit(json.loads(answer))).encode()
        return Wire(_head(len(data)) + data, "keep")

    return spoil


@dataclass
class Spoiler:
    """Which answers are spoilt, and how many requests came, by seed."""

    server: ThreadingHTTPServer
    plans: dict[int, deque[Spoil]] = field(default_factory=lambda: defaultdict(deque))
    requests: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    sent: dict[int, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    """The bytes that went out in place of an answer."""
    stopping: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def spoil(self, seed: int, *ways: Spoil) -> None:
        """Spoils the next answers to requests with this seed, one way each."""
        self.plans[seed].extend(ways)

    def environment(self) -> dict[str, str]:
        """What a worker is told to call through here."""
        url = f"http://127.0.0.1:{self.server.server_port}"
        return {"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": url}

    def next_way(self, seed: int) -> Spoil | None:
        """Counts a request; how to spoil its answer."""
        with self.lock:
            self.requests[seed] += 1
            return self.plans[seed].popleft() if self.plans[seed] else None


@contextmanager
def running_spoiler(endpoint: Running) -> Generator[Spoiler]:
    """Listens on a loopback port until the end of the block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    server.daemon_threads = True
    spoiler = Spoiler(server)
    server.RequestHandlerClass = _handler_of(spoiler, endpoint)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="spoiler", daemon=True)
    thread.start()
    try:
        yield spoiler
    finally:
        spoiler.stopping.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _handler_of(spoiler: Spoiler, endpoint: Running) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = self.rfile.read(int(self.headers["content-length"]))
            seed = int(json.loads(request)["imageGenerationConfig"]["seed"])
            way = spoiler.next_way(seed)
            upstream = http.client.HTTPConnection(*endpoint.address, timeout=60)
            try:
                upstream.request("POST", self.path, request, dict(self.headers))
                response = upstream.getresponse()
                answer = response.read()
            finally:
                upstream.close()
            if way is None or response.status != 200:
                lines = "".join(f"{name}: {value}\r\n" for name, value in response.getheaders())
                self._send(Wire(f"HTTP/1.1 {response.status} -\r\n{lines}\r\n".encode() + answer, "keep"))
            else:
                wire = way(answer)
                spoiler.sent[seed].append(wire.data.partition(b"\r\n\r\n")[2])
                self._send(wire)

        def _send(self, wire: Wire) -> None:
            self.close_connection = wire.then != "keep"
            self.wfile.write(wire.data)
            self.wfile.flush()
            if wire.then == "hold":
                spoiler.stopping.wait(HOLD_S)
            if wire.then == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.rfile.close()
                self.connection.close()  # here, for the server would say an orderly goodbye first

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    return Handler
