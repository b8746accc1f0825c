"""Case 24: clients that are slow, silent, deaf or endless keep the local endpoint from nothing, and lose their connections.

Case 23: pictures of whatever size go to the asset store; neither the ledger nor the broker ever sees them.
"""

from __future__ import annotations

import io
import os
import select
import selectors
import socket
import statistics
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import h2.config
import h2.connection
import h2.settings
import pytest
import redis
from PIL import Image

from darkroom import BackgroundRemoval, Darkroom
from tests.faults.ground import register_nobody
from tests.integration.local_bedrock.endpoints import AUTHORIZATION, NOVA, Running, running_endpoint, text_image
from tests.support.stack import Stack

Measured = Callable[[str, str], None]
PATIENCE_S = 3.0
SLACK_S = 3.0
"""What a busy machine may take on top to close two hundred connections."""
PATH = f"/model/{NOVA}/invoke".replace(":", "%3A")
HEAD = f"POST {PATH} HTTP/1.1\r\nhost: here\r\nauthorization: {AUTHORIZATION}\r\n"


def _http2(*, request: bool) -> bytes:
    """HTTP/2's first words, and the head of a request whose body never comes."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    connection.initiate_connection()
    if request:
        names = {":method": "POST", ":path": PATH, ":scheme": "http", ":authority": "here", "authorization": AUTHORIZATION}
        connection.send_headers(1, list(names.items()))
    return connection.data_to_send()


STREAM = "HTTP/2 without a body"
RUDE: dict[str, tuple[bytes, bytes]] = {
    "a head, a byte a second": (b"POST / HTTP/1.1\r\nx-slow: ", b"a"),
    "a body, a byte a second": (f"{HEAD}content-length: 1000\r\n\r\n".encode(), b"a"),
    "chunks without end": (f"{HEAD}transfer-encoding: chunked\r\n\r\n".encode(), b"1\r\na\r\n"),
    "half a head, then silence": (HEAD.encode(), b""),
    "half a body, then silence": (f"{HEAD}content-length: 1000\r\n\r\n".encode() + b"{" * 500, b""),
    "nothing at all": (b"", b""),
    "HTTP/2's first words, then silence": (_http2(request=False), b""),
    STREAM: (_http2(request=True), b""),
}
"""What each kind sends first, and then every second."""


@dataclass
class Crowd:
    """Rude clients, served by one thread; it notes for how long each was let be."""

    address: tuple[str, int]
    lived_s: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    said: dict[str, bytes] = field(default_factory=dict[str, bytes])

    def __post_init__(self) -> None:
        self._stopping = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._thread = threading.Thread(target=self._run, name="crowd", daemon=True)

    @property
    def left(self) -> int:
        """Connections that are still open."""
        return len(self._selector.get_map())

    def come(self, each: int) -> None:
        """Opens so many connections of each kind."""
        for kind, (first, _) in RUDE.items():
            for _number in range(each):
                client = socket.create_connection(self.address, timeout=10)
                client.sendall(first)
                client.setblocking(False)
                self._selector.register(client, selectors.EVENT_READ, (kind, time.monotonic()))
        self._thread.start()

    def go(self) -> None:
        """Ends the thread and closes what is left."""
        self._stopping.set()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            cast("socket.socket", key.fileobj).close()
        self._selector.close()

    def _run(self) -> None:
        drip = time.monotonic() + 1
        while not self._stopping.is_set():
            for key, _ in self._selector.select(0.05):
                self._read(cast("socket.socket", key.fileobj), *key.data)
            if time.monotonic() > drip:
                drip += 1
                for key in list(self._selector.get_map().values()):
                    with suppress(OSError):
                        cast("socket.socket", key.fileobj).send(RUDE[key.data[0]][1])

    def _read(self, client: socket.socket, kind: str, since: float) -> None:
        try:
            data = client.recv(65_536)
        except OSError:
            data = b""
        if data:
            self.said[kind] = (self.said.get(kind, b"") + data)[:10_000]
            return
        self.lived_s.setdefault(kind, []).append(time.monotonic() - since)
        self._selector.unregister(client)
        client.close()


@contextmanager
def crowd_at(address: tuple[str, int], each: int) -> Generator[Crowd]:
    """Rude clients until the end of the block."""
    crowd = Crowd(address)
    crowd.come(each)
    try:
        yield crowd
    finally:
        crowd.go()


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Running]:
    """An endpoint of its own with little patience."""
    with running_endpoint("--engine", "canned", "--quota", "off", "--patience", str(PATIENCE_S)) as endpoint:
        yield endpoint


def descriptors(pid: int) -> int:
    """Open files of a process."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident_mb(pid: int) -> float:
    """Memory of a process now."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def until(happened: Callable[[], object], what: str, within_s: float) -> None:
    """Waits for another process."""
    deadline = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < deadline, f"waited {within_s} s for {what}"
        time.sleep(0.02)


def is_reset(client: socket.socket) -> bool:
    """Whether the other side has cut the connection, seen without reading from it."""
    poll = select.poll()
    poll.register(client, 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def seconds_of(endpoint: Running, calls: int) -> float:
    """The median time of a normal call."""
    times: list[float] = []
    for number in range(calls):
        start = time.monotonic()
        assert endpoint.invoke(text_image(seed=number)).status == 200
        times.append(time.monotonic() - start)
    return statistics.median(times)


def test_two_hundred_rude_clients_lose_their_connections_while_others_are_served(endpoint: Running, measured: Measured) -> None:
    seconds_of(endpoint, 3)
    before, quiet_s = descriptors(endpoint.process.pid), seconds_of(endpoint, 20)
    with crowd_at(endpoint.address, each=25) as crowd:
        busy_s = seconds_of(endpoint, 20)
        assert crowd.left > 0, "the crowd was there all the time"
        # One slow request must not cost a client the others on its HTTP/2 connection: that request alone is answered.
        until(lambda: crowd.left == 25 and STREAM in crowd.said, "the endpoint to close the others", PATIENCE_S + SLACK_S + 10)
        until(lambda: crowd.said[STREAM].count(b"did not arrive in time") > 0, "the answer over HTTP/2", 5)
        lived = {kind: (min(times), max(times)) for kind, times in crowd.lived_s.items()}
    assert {kind: len(times) for kind, times in crowd.lived_s.items()} == dict.fromkeys(set(RUDE) - {STREAM}, 25)
    for kind, (least, most) in lived.items():
        assert least > PATIENCE_S - 0.5, (kind, least)
        assert most < PATIENCE_S + SLACK_S, (kind, most)
    for kind in ("a body, a byte a second", "chunks without end", "half a body, then silence"):
        assert b" 503 " in crowd.said[kind].split(b"\r\n")[0], crowd.said[kind][:200]
        assert b"ServiceUnavailableException" in crowd.said[kind], "an SDK tries that again"
    assert busy_s < 5 * quiet_s + 0.1, f"{busy_s:.3f} s with the crowd, {quiet_s:.3f} s without"
    until(lambda: descriptors(endpoint.process.pid) <= before, "the descriptors to be given back", 10)
    most_s = max(most for _, most in lived.values())
    measured(
        "case 24",
        f"200 rude clients of {len(RUDE)} kinds were got rid of within {most_s:.1f} s at a patience of {PATIENCE_S:g} s; "
        f"a normal call took {busy_s * 1000:.0f} ms (alone {quiet_s * 1000:.0f} ms)",
    )


def test_a_client_that_does_not_read_its_answers_loses_its_connection(endpoint: Running) -> None:
    for number in range(50):
        endpoint.invoke(text_image(seed=number))
    page = len(endpoint.request("GET", "/_darkroom/log").body)
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.settimeout(20)
        deaf.connect(endpoint.address)
        deaf.sendall(b"GET /_darkroom/log HTTP/1.1\r\nhost: here\r\n\r\n" * min(1500, 30_000_000 // page))
        until(lambda: is_reset(deaf), "the endpoint to give it up", PATIENCE_S + SLACK_S + 10)
    assert endpoint.invoke(text_image(seed=1)).status == 200


@pytest.mark.parametrize("leaves", [False, True], ids=["stays", "leaves"])
def test_an_http2_client_that_gives_no_leave_to_send_holds_nothing(leaves: bool, endpoint: Running) -> None:
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    connection.local_settings = h2.settings.Settings(initial_values={h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 0})
    connection.initiate_connection()
    names = {":method": "GET", ":path": "/_darkroom/health", ":scheme": "http", ":authority": "here"}
    connection.send_headers(1, list(names.items()), end_stream=True)
    seconds_of(endpoint, 1)
    before = descriptors(endpoint.process.pid)
    with socket.create_connection(endpoint.address, timeout=10) as client:
        client.sendall(connection.data_to_send())
        until(lambda: b"\x01\x04\x00\x00\x00\x01" in client.recv(65_536, socket.MSG_PEEK), "the head of the answer", 5)
        if not leaves:
            until(lambda: is_reset(client), "the endpoint to give it up", PATIENCE_S + SLACK_S + 10)
    until(lambda: descriptors(endpoint.process.pid) <= before, "its descriptor", 2)


def test_connections_that_their_clients_have_closed_are_given_back_at_once(endpoint: Running) -> None:
    seconds_of(endpoint, 1)
    before = descriptors(endpoint.process.pid)
    for number in range(100):
        assert endpoint.invoke(text_image(seed=number)).status == 200
    until(lambda: descriptors(endpoint.process.pid) <= before, "the descriptors of a hundred clients", 2)


def test_a_head_of_a_megabyte_is_refused_at_once(endpoint: Running) -> None:
    with socket.create_connection(endpoint.address, timeout=10) as client:
        with suppress(ConnectionError):
            client.sendall(HEAD.encode() + b"x-large: " + b"a" * 1_000_000 + b"\r\n\r\n")
        start, answer = time.monotonic(), b""
        with suppress(ConnectionError):
            answer = client.recv(65_536)
    assert answer == b"" or answer.split(b"\r\n")[0].split()[1] in (b"400", b"431"), answer[:200]
    assert time.monotonic() - start < 2


def test_a_body_over_the_limit_is_told_so_and_one_without_end_is_cut(endpoint: Running, measured: Measured) -> None:
    too_long = endpoint.invoke(b"x" * 25_000_001)
    assert (too_long.status, too_long.error_code) == (400, "ValidationException")
    assert too_long.json == {"message": "Failed to buffer the request body: length limit exceeded"}
    assert endpoint.request("PUT", "/_darkroom/faults", b"x" * 25_000_001).status == 413
    before, sent, chunk = resident_mb(endpoint.process.pid), 0, b"%x\r\n" % 1_000_000 + bytes(1_000_000) + b"\r\n"
    with socket.create_connection(endpoint.address, timeout=20) as endless:
        endless.sendall(f"{HEAD}transfer-encoding: chunked\r\n\r\n".encode())
        with suppress(ConnectionError):
            while sent < 400:
                endless.sendall(chunk)
                sent += 1
    assert sent < 150, "the connection was cut at four times the limit"
    grown = resident_mb(endpoint.process.pid) - before
    assert grown < 100
    assert endpoint.invoke(text_image(seed=1)).status == 200
    measured("case 24", f"a body without end was cut after {sent} MB; the endpoint grew by {max(0.0, grown):.0f} MB")


def noise(size: int) -> bytes:
    """A picture of some 5 MB that cannot be packed."""
    out = io.BytesIO()
    Image.frombytes("RGB", (size, size), os.urandom(3 * size * size)).save(out, "PNG", compress_level=0)
    return out.getvalue()


@pytest.mark.parametrize("jobs", [5, pytest.param(100, marks=pytest.mark.long(seconds=60))])
def test_pictures_go_to_the_asset_store_and_never_to_the_ledger_or_the_broker(jobs: int, stack: Stack, measured: Measured) -> None:
    register_nobody(stack)
    settings = stack.settings.model_copy(update={"bedrock_url": stack.endpoint.url})
    path = stack.redis_url.removeprefix("unix://").partition("?")[0]
    with Darkroom(settings=settings) as room, redis.Redis(unix_socket_path=path) as server:
        room.submit(BackgroundRemoval(image=noise(400)))  # scripts and connections are there now
        before = int(cast("dict[str, Any]", server.info("memory"))["used_memory"])
        given = 0
        for _ in range(jobs):
            picture = noise(1290)
            given += len(picture)
            room.submit(BackgroundRemoval(image=picture))
        grown = int(cast("dict[str, Any]", server.info("memory"))["used_memory"]) - before
        messages = cast("list[bytes]", server.lrange(f"{stack.prefix}celery:darkroom", 0, -1))
    stored = sum(file.stat().st_size for file in (stack.folder / "store" / "assets").rglob("*") if file.is_file())
    assert len(messages) == jobs + 1
    longest = max(map(len, messages))
    assert longest < 1024
    assert grown < 20_000 * jobs
    assert given <= stored < given + 1_000_000
    measured(
        "case 23",
        f"{jobs} jobs with {given / 1e6:.0f} MB of pictures: Redis grew by {grown / 1e3:.0f} kB, messages have {longest} bytes",
    )
