"""Servers with a search module for tests: a real one, if its file is named, and a stand-in for the wire.

The stand-in stands before a real Valkey and hands on every command but FT.* and MODULE, which it answers from the hashes that are
there. It knows the few forms that darkroom sends, as RediSearch 2.4 and valkey-search 1.0 both read them, and refuses any other. It
keeps the words honest, and tells nothing about what a module finds.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import socketserver
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import pytest
import redis

MODULE: Final = "DARKROOM_TEST_SEARCH_MODULE"
"""Names the file of a search module, to run the tests of the vectors in a server against it."""
SERVER: Final = "DARKROOM_TEST_SEARCH_SERVER"
"""The server program that loads it; redis-server if left out."""
_SCHEMA: Final = ("SCHEMA", "tenant", "TAG", "vector", "VECTOR", "FLAT", "6", "TYPE", "FLOAT32", "DIM")
_QUERY: Final = re.compile(r"\(@tenant:\{([0-9a-f]+)\}\)=>\[KNN (\d+) @vector \$wanted AS distance\]")


@contextmanager
def real_module_server() -> Generator[str]:
    """A server with the module that the environment names, by its URL; skips the test where none is named."""
    module = os.environ.get(MODULE)
    if not module:
        pytest.skip(f"{MODULE} names no search module, such as /path/to/redisearch.so")
    program = shutil.which(os.environ.get(SERVER, "redis-server"))
    assert program, f"{MODULE} is set, and there is no {os.environ.get(SERVER, 'redis-server')} to load it"
    with tempfile.TemporaryDirectory(prefix="dr-search-") as folder:
        path = Path(folder) / "s"
        words = ["--port", "0", "--unixsocket", str(path), "--dir", folder, "--save", "", "--loadmodule", module]
        with (Path(folder) / "log").open("wb") as log, subprocess.Popen([program, *words], stdout=log, stderr=log) as process:
            try:
                url = f"unix://{path}?db=0"
                _answers(url, process, Path(folder) / "log")
                yield url
            finally:
                process.terminate()


def flush(url: str) -> None:
    """Empties a server, of its indexes too."""
    with redis.Redis.from_url(url) as client:
        cast("Any", client).execute_command("FLUSHALL")


def _answers(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end_s = time.monotonic() + 20
    with redis.Redis.from_url(url) as client:
        while True:
            try:
                cast("Any", client).execute_command("PING")
            except redis.RedisError:
                if process.poll() is not None or time.monotonic() > end_s:
                    pytest.fail(f"the server with the search module did not come up: {log.read_text(errors='replace')[-2000:]}")
                time.sleep(0.02)
            else:
                return


class _Refused(Exception):
    """Becomes an error answer."""


class _Stand:
    """What the stand-in knows: the indexes that were made, and the server with the hashes."""

    def __init__(self, upstream: str, denied: frozenset[str], version: int) -> None:
        self.upstream = upstream
        self._denied = denied
        self._version = version
        self._lock = threading.Lock()
        self.indexes: dict[str, tuple[str, int]] = {}

    def answer(self, words: list[bytes]) -> object:
        """The answer to a command of the module; a list, a text, a number or an exception."""
        name, *rest = words
        command = name.decode().upper()
        if command in self._denied:
            raise _Refused(f"NOPERM User default has no permissions to run the '{command.lower()}' command")
        told: dict[str, Callable[[list[bytes]], object]] = {
            "FT._LIST": lambda _: sorted(self.indexes),
            "FT.INFO": self._info,
            "FT.CREATE": self._create,
            "FT.DROPINDEX": self._drop,
            "FT.SEARCH": self._search,
            "MODULE": lambda _: [["name", "search", "ver", self._version]],
        }
        if command not in told:
            raise _Refused(f"ERR unknown command '{command}'")
        with self._lock:
            return told[command](rest)

    def _info(self, words: list[bytes]) -> object:
        self._index(words[0])
        return ["index_name", words[0].decode(), "backfill_in_progress", "0"]

    def _create(self, words: list[bytes]) -> object:
        name, *rest = [word.decode() for word in words]
        if name in self.indexes:
            raise _Refused("ERR Index already exists")
        on, kind, prefix, one, begin, *schema = rest
        assert (on, kind, prefix, one) == ("ON", "HASH", "PREFIX", "1"), rest
        assert (*schema[:10], *schema[11:]) == (*_SCHEMA, "DISTANCE_METRIC", "COSINE"), schema
        self.indexes[name] = (begin, int(schema[10]))
        return "OK"

    def _drop(self, words: list[bytes]) -> object:
        self._index(words[0])
        del self.indexes[words[0].decode()]
        return "OK"

    def _search(self, words: list[bytes]) -> object:
        prefix, dimension = self._index(words[0])
        query = _QUERY.fullmatch(words[1].decode())
        assert query, words[1]
        count = query[2]
        assert words[2:5] == [b"PARAMS", b"2", b"wanted"], words[2:5]
        rest = [word.decode() for word in words[6:]]
        assert rest[:3] == ["LIMIT", "0", count], rest
        assert rest[3:8] == ["RETURN", "2", "entry", "distance", "TIMEOUT"], rest
        assert rest[9:] == ["DIALECT", "2"], rest
        near = self._nearest(prefix, dimension, query[1], words[5])[: int(count)]
        # In no order: a module may give the nearest in any.
        return [len(near), *(part for one in reversed(near) for part in one)]

    def _nearest(self, prefix: str, dimension: int, tenant: str, wanted: bytes) -> list[tuple[str, list[str]]]:
        with redis.Redis.from_url(self.upstream) as client:
            keys = cast("list[bytes]", list(client.scan_iter(match=f"{prefix}*", count=1000)))
            with client.pipeline(transaction=False) as pipeline:
                for key in keys:
                    pipeline.hmget(key, ["tenant", "vector", "entry"])
                hashes = zip(keys, cast("list[list[bytes | None]]", pipeline.execute()), strict=True)
        found = [(key, vector, entry) for key, (tag, vector, entry) in hashes if tag == tenant.encode() and vector and entry]
        rows = np.array([np.frombuffer(vector, "<f4") for _, vector, _ in found]).reshape(len(found), dimension)
        asked = np.frombuffer(wanted, "<f4")
        distances = 1 - rows @ asked / np.linalg.norm(rows, axis=1) / np.linalg.norm(asked)
        order = np.argsort(distances, kind="stable").tolist()
        return [(found[n][0].decode(), ["entry", found[n][2].decode(), "distance", f"{distances[n]:.12g}"]) for n in order]

    def _index(self, name: bytes) -> tuple[str, int]:
        if name.decode() not in self.indexes:
            raise _Refused(f"ERR Index with name '{name.decode()}' not found")
        return self.indexes[name.decode()]


class _Handler(socketserver.StreamRequestHandler):
    """One client: its own connection to the server behind."""

    def handle(self) -> None:
        """Until the client goes."""
        stand = cast("_Server", self.server).stand
        path = stand.upstream.removeprefix("unix://").partition("?")[0]
        # The answers go out in a thread of their own: a client sends a whole pipeline before it reads the first of them.
        with socket.socket(socket.AF_UNIX) as behind, ThreadPoolExecutor(1) as writer:
            behind.connect(path)
            answers = behind.makefile("rb")
            while words := _command(self.rfile):
                if words[0].upper().startswith(b"FT.") or words[0].upper() == b"MODULE":
                    answer = _told(stand, words)
                else:
                    behind.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words))
                    answer = _reply(answers)
                writer.submit(self.wfile.write, answer)


def _told(stand: _Stand, words: list[bytes]) -> bytes:
    try:
        return _encoded(stand.answer(words))
    except _Refused as refused:
        return f"-{refused}\r\n".encode()
    except AssertionError as wrong:
        return f"-ERR the stand-in does not know {wrong}\r\n".encode()


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    stand: _Stand


@contextmanager
def stand_in(upstream: str, *, denied: frozenset[str] = frozenset(), version: int = 10_000) -> Generator[str]:
    """A stand-in before a server, by its URL.

    Args:
        upstream: `unix://` URL of the server.
        denied: commands for which the user has no permission.
        version: what MODULE LIST says.
    """
    with tempfile.TemporaryDirectory(prefix="dr-stand-") as folder:
        path = f"{folder}/s"
        with _Server(path, _Handler) as server:
            server.stand = _Stand(upstream, denied, version)
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
            thread.start()
            yield f"unix://{path}?db=0"
            server.shutdown()
            thread.join()


def _command(stream: BufferedIOBase) -> list[bytes]:
    """The words of a command; none when the client has gone."""
    head = stream.readline()
    return [] if not head else [_bulk(stream) for _ in range(int(head[1:]))]


def _bulk(stream: BufferedIOBase) -> bytes:
    size = int(stream.readline()[1:])
    return stream.read(size + 2)[:-2]


def _reply(stream: BufferedIOBase) -> bytes:
    """One whole answer, as it came (RESP2)."""
    head = stream.readline()
    size = int(head[1:]) if head[:1] in b"$*" else -1
    if head[:1] == b"$" and size >= 0:
        return head + stream.read(size + 2)
    if head[:1] == b"*" and size > 0:
        return head + b"".join(_reply(stream) for _ in range(size))
    return head


def _encoded(answer: object) -> bytes:
    if isinstance(answer, list):
        parts = cast("list[object]", answer)
        return b"*%d\r\n" % len(parts) + b"".join(map(_encoded, parts))
    if isinstance(answer, int):
        return b":%d\r\n" % answer
    data = str(answer).encode()
    return b"$%d\r\n%s\r\n" % (len(data), data)
