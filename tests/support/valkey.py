"""A real Valkey for tests: private unix socket, own temporary data folder, gone at the end.

Use in a conftest.py: `from tests.support.valkey import redis_url, valkey_server`, with both names in its `__all__`; both are
needed, because `redis_url` asks for `valkey_server`.
"""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, Protocol, cast

import pytest
import redis

from darkroom.embedded import valkey
from darkroom.embedded.valkey import Server
from darkroom_shared.core.errors import Misconfigured

__all__ = ["Probe", "Server", "flush", "free_port", "probe", "redis_url", "running_valkey", "valkey_server", "valkey_tcp_server"]


def free_port() -> int:
    """A loopback TCP port that nobody used a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_valkey(*, tcp: bool = False, appendfsync: Literal["always", "everysec"] = "everysec") -> Generator[Server]:
    """One server for the length of a `with` block; `tcp=True` adds a port of 127.0.0.1 (`server.tcp_port`)."""
    # Directly below the temporary folder: pytest's own paths are often too long for a unix socket.
    port = free_port() if tcp else None
    with tempfile.TemporaryDirectory(prefix="dr-valkey-") as folder, _started(Path(folder), appendfsync, port) as server:
        yield server


def _started(folder: Path, appendfsync: Literal["always", "everysec"], tcp_port: int | None) -> Server:
    """The server; where there is none the test is skipped with the reason, but fails in CI."""
    try:
        return valkey.start(folder, appendfsync=appendfsync, tcp_port=tcp_port)
    except Misconfigured as problem:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(problem))


class Probe(Protocol):
    """The few commands that tests send by hand, typed; redis-py's own methods are partly untyped."""

    def get(self, name: str) -> str | None: ...
    def set(self, name: str, value: str) -> object: ...
    def exists(self, name: str) -> int: ...
    def lrange(self, name: str, start: int, end: int) -> list[str]: ...
    def dbsize(self) -> int: ...
    def info(self, section: str) -> dict[str, dict[str, int]]: ...
    def flushall(self) -> object: ...
    def config_get(self, pattern: str) -> dict[str, str]: ...


@contextmanager
def probe(redis_url: str) -> Generator[Probe]:
    """A connection to a server by its `unix://` URL; text in, text out."""
    path = redis_url.removeprefix("unix://").partition("?")[0]
    with redis.Redis(unix_socket_path=path, decode_responses=True) as connection:
        yield cast("Probe", connection)


def flush(server: Server) -> None:
    """Empty all databases of a server."""
    with probe(server.url) as connection:
        connection.flushall()


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Server]:
    """One server for the whole test run (one per xdist worker), on a unix socket only."""
    with running_valkey() as server:
        yield server


@pytest.fixture(scope="session")
def valkey_tcp_server() -> Iterator[Server]:
    """A second server for tests that need TCP: connections to cut, a container-like address (`server.tcp_port`)."""
    with running_valkey(tcp=True) as server:
        yield server


@pytest.fixture
def redis_url(valkey_server: Server) -> str:
    """URL of the session's server (`unix://...?db=0`), emptied before the test."""
    flush(valkey_server)
    return valkey_server.url
