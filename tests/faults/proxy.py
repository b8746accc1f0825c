"""A proxy on the loopback in front of a server, which makes the network between the two fail on purpose.

    with running_proxy(server.socket) as proxy:
        worker_environment["DARKROOM_REDIS_URL"] = proxy.redis_url()
        proxy.cut()

It runs on an asyncio loop in a thread of its own, so it goes on while a test waits. Everything asked of it has happened when the
method returns.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar

__all__ = ["Direction", "Proxy", "Target", "running_proxy"]

T = TypeVar("T")
Target = tuple[str, int] | str | Path
"""Host and port, or the path of a unix socket."""
Direction = Literal["up", "down", "both"]
"""`up`: from the client to the server; `down`: the answers."""

CHUNK_BYTES = 16_384
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with 0 s: closing sends RST at once, and what was not sent yet is lost."""


@dataclass(slots=True)
class _Mode:
    """What the network does to bytes that pass now."""

    refusing: bool = False
    dropping: frozenset[str] = frozenset()
    holding: frozenset[str] = frozenset()
    delay_s: float = 0.0
    bytes_per_s: float = 0.0


@dataclass(eq=False, slots=True)
class _Link:
    """One connection: the client's side and the server's, and the directions that have lost bytes."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    deaf: set[str] = field(default_factory=set)

    def reset(self) -> None:
        """Ends both sides at once, without a goodbye."""
        for writer in (self.client, self.server):
            raw = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):  # closed already, or a unix socket, which knows no RST
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()


class Proxy:
    """See the module; made by `running_proxy`."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="fault-proxy", daemon=True)
        self._mode = _Mode()
        self._changed = asyncio.Event()
        self._links: set[_Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._listener = _bound()
        self.port = int(self._listener.getsockname()[1])
        self.opened = 0
        """Connections that were passed on since the start."""

    def redis_url(self, db: int = 0) -> str:
        """How a Redis client reaches the server through the proxy."""
        return f"redis://127.0.0.1:{self.port}/{db}"

    @property
    def connections(self) -> int:
        """Connections that are open now."""
        return self._do(lambda: len(self._links))

    def forward(self) -> None:
        """Back to normal. A connection that has lost bytes stays deaf in that direction, as behind a router that forgot it."""
        self._do(lambda: self._set(_Mode()))

    def cut(self) -> int:
        """Resets every open connection; new ones are passed on. Returns how many there were."""
        return self._do(self._cut)

    def refuse(self) -> int:
        """Resets every open connection and refuses new ones. Returns how many there were."""

        def refuse() -> int:
            self._set(_Mode(refusing=True))
            return self._cut()

        return self._do(refuse)

    def drop(self, direction: Direction = "both") -> None:
        """Lets the bytes of a direction vanish; connections, new ones too, stay open and neither side is told."""
        self._do(lambda: self._set(_Mode(dropping=_ways(direction))))

    def hold(self, direction: Direction = "both") -> None:
        """Keeps the bytes of a direction back until `forward`, then delivers all of them, as TCP does after a short outage."""
        self._do(lambda: self._set(_Mode(holding=_ways(direction))))

    def delay(self, seconds: float) -> None:
        """Every piece of data takes so much longer, each way."""
        self._do(lambda: self._set(_Mode(delay_s=seconds)))

    def throttle(self, bytes_per_second: float) -> None:
        """No connection passes more than this each way."""
        self._do(lambda: self._set(_Mode(bytes_per_s=bytes_per_second)))

    def start(self) -> None:
        """Listens."""
        self._thread.start()
        self._do(lambda: self._set(_Mode()))

    def stop(self) -> None:
        """Resets what is open and ends the thread."""

        async def end() -> None:
            self._mode = _Mode(refusing=True)
            self._loop.remove_reader(self._listener)
            self._cut()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        self._listener.close()

    def _do(self, work: Callable[[], T]) -> T:
        async def on_the_loop() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(on_the_loop(), self._loop).result(10)

    def _set(self, mode: _Mode) -> None:
        self._loop.remove_reader(self._listener)
        if mode.refusing:
            # A socket that is bound and does not listen keeps its port and refuses.
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
        else:
            self._listener.listen(1024)
            self._loop.add_reader(self._listener, self._accept)
        self._mode = mode
        self._changed.set()
        self._changed = asyncio.Event()

    def _cut(self) -> int:
        links = list(self._links)
        self._links.clear()
        for link in links:
            link.reset()
        return len(links)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            client, _ = self._listener.accept()
            client.setblocking(False)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = self._loop.create_task(self._serve(client))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, client: socket.socket) -> None:
        down_reader, client_writer = await asyncio.open_connection(sock=client)
        try:
            up_reader, server_writer = await self._connect()
        except OSError:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            client_writer.transport.abort()
            return
        link = _Link(client_writer, server_writer)
        self._links.add(link)
        self.opened += 1
        try:
            await asyncio.gather(
                self._pump(link, "up", down_reader, server_writer), self._pump(link, "down", up_reader, client_writer)
            )
        finally:
            link.reset()
            self._links.discard(link)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._target, tuple):
            return await asyncio.open_connection(*self._target)
        return await asyncio.open_unix_connection(str(self._target))

    async def _pump(self, link: _Link, way: str, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(CHUNK_BYTES):
                await self._pass(link, way, data, sink)
        while way in self._mode.holding:
            await self._changed.wait()
        with contextlib.suppress(OSError):
            # An end of stream is a packet like any other: it vanishes, too, and the other side goes on waiting.
            if way not in self._mode.dropping and way not in link.deaf:
                sink.close()
            await sink.wait_closed()

    async def _pass(self, link: _Link, way: str, data: bytes, sink: asyncio.StreamWriter) -> None:
        while way in self._mode.holding:
            await self._changed.wait()
        if way in self._mode.dropping:
            link.deaf.add(way)
        if way in link.deaf:
            return
        if self._mode.delay_s:
            await asyncio.sleep(self._mode.delay_s)
        if self._mode.bytes_per_s:
            await asyncio.sleep(len(data) / self._mode.bytes_per_s)
        sink.write(data)
        await sink.drain()


def _bound() -> socket.socket:
    """A socket on a port of its own. The port is asked for by number: only then the kernel keeps it while nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setblocking(False)
    listener.bind(("127.0.0.1", port))
    return listener


def _ways(direction: Direction) -> frozenset[str]:
    return frozenset({"up", "down"} if direction == "both" else {direction})


@contextmanager
def running_proxy(target: Target) -> Generator[Proxy]:
    """A proxy for the length of a `with` block."""
    proxy = Proxy(target)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
