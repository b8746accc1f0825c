"""Serves the API with uvicorn, and keeps clients that are slow with their headers from holding connections for ever."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from darkroom.api.app import create_app
from darkroom.api.limits import Bounds
from darkroom.connection import ledger_of
from darkroom.launching import DarkroomWarning
from darkroom_shared.core.errors import Misconfigured
from darkroom_shared.settings import Settings
from darkroom_shared.store import access

HEADERS_S: Final = 10.0
"""How long the head of a request may take, the time before its first byte included."""
MOST_HEADERS: Final = 64 * 1024
"""Bytes of a head."""
GRACE_S: Final = 5
"""How long a stopping server waits for answers that are under way; listeners are cut off and come back elsewhere."""
LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the API is served.

    Attributes:
        host: an address; `127.0.0.1` is reached from this machine only.
        port: 0 for a free one.
        names: further names by which it may be asked, such as that of a proxy in front of it.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    names: Sequence[str] = ()

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches it."""
        if self.host == "localhost":
            return True
        with contextlib.suppress(ValueError):
            return ipaddress.ip_address(self.host).is_loopback
        return False


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with a bound on the time and the size of a request's head.

    A client that sends a byte now and then would hold its connection for ever otherwise; uvicorn has no bound of its own.
    """

    _timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _in_head = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """A client is there; its head must come."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > MOST_HEADERS:
            self._end(431, "Request Header Fields Too Large")

    def on_message_begin(self) -> None:
        """A head begins."""
        self._in_head = True
        if self._timer is None:
            self._head_bytes = 0
            self._watch()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._in_head = False
        self._unwatch()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._unwatch()
        super().connection_lost(exc)

    def _watch(self) -> None:
        self._timer = self.loop.call_later(HEADERS_S, self._end, 408, "Request Timeout")

    def _unwatch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self, status: int, phrase: str) -> None:
        self._unwatch()
        if self.transport.is_closing():
            return
        self.transport.write(f"HTTP/1.1 {status} {phrase}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".encode())
        self.transport.close()


class Server(uvicorn.Server):
    """uvicorn's server, which lets listeners go before it waits for what is under way."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends in good order."""
        app: Any = self.config.app
        app.state.service.hub.stop()
        await super().shutdown(sockets)


def serve(settings: Settings, place: Place, ready: Callable[[str], None] | None = None, *, log_level: str = "info") -> None:
    """Serves until SIGINT or SIGTERM.

    Args:
        settings: with complete addresses.
        ready: called with the address, `http://…`, once it listens.

    Raises:
        Misconfigured: the address cannot be listened on, or is not safe.
    """
    if not place.is_local and not _has_keys(settings):
        raise Misconfigured(
            f"{place.host} can be reached from other machines, and there is no API key: nobody could use it. Make one first with "
            "`darkroom keys create`, or serve on 127.0.0.1."
        )
    # A job keeps its warnings itself; on standard error they would show words of its prompt.
    warnings.simplefilter("ignore", DarkroomWarning)
    try:
        listening = socket.create_server((place.host, place.port), family=_family(place.host), backlog=1024, reuse_port=False)
    except OSError as error:
        raise Misconfigured(f"The API cannot listen on {place.host} port {place.port}: {error.strerror or error}.") from None
    port = int(listening.getsockname()[1])
    host = f"[{place.host}]" if ":" in place.host else place.host
    names = tuple(name.lower() for name in (*LOOPBACK_NAMES, host, *place.names))
    app = create_app(settings, Bounds(hosts=names), keys_only=not place.is_local)
    options: dict[str, Any] = {
        "http": PatientProtocol,
        "ws": "none",
        "lifespan": "on",
        "log_level": log_level,
        "access_log": False,
        "server_header": False,
        "timeout_keep_alive": 30,
        "timeout_graceful_shutdown": GRACE_S,
    }
    server = Server(uvicorn.Config(app, **options))
    if ready is not None:
        ready(f"http://{host}:{port}")
    with listening:
        server.run(sockets=[listening])


def _has_keys(settings: Settings) -> bool:
    with ledger_of(settings) as ledger:
        return ledger.run(access.shown(None))[0]


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
