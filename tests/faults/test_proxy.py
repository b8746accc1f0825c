"""The proxy does to a connection what its methods say, and nothing else."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import redis

from tests.faults.proxy import Proxy, running_proxy
from tests.support.valkey import Server, running_valkey

PATIENCE_S = 5.0
"""For what must happen."""
SILENCE_S = 0.2
"""For what must not."""


class _Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while data := self.request.recv(65_536):
            self.request.sendall(data)


class _EchoServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that was reset is what these tests are about."""


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """In front of a server that sends back what it gets."""
    with _EchoServer(("127.0.0.1", 0), _Echo) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        with running_proxy(("127.0.0.1", server.server_address[1])) as running:
            yield running
        server.shutdown()


def dial(proxy: Proxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), PATIENCE_S)


def echoed(client: socket.socket, text: bytes) -> bytes:
    client.sendall(text)
    return client.recv(65_536)


def is_silent(client: socket.socket) -> bool:
    client.settimeout(SILENCE_S)
    try:
        client.recv(1)
    except TimeoutError:
        return True
    finally:
        client.settimeout(PATIENCE_S)
    return False


def test_bytes_pass_both_ways_until_one_side_closes(proxy: Proxy) -> None:
    with dial(proxy) as client:
        assert echoed(client, b"one") == b"one"
        assert proxy.connections == 1
    deadline = time.monotonic() + PATIENCE_S
    while proxy.connections and time.monotonic() < deadline:
        time.sleep(0.005)
    assert proxy.connections == 0


def test_a_cut_resets_what_is_open_and_lets_new_connections_pass(proxy: Proxy) -> None:
    with dial(proxy) as first, dial(proxy) as second:
        assert (echoed(first, b"a"), echoed(second, b"b")) == (b"a", b"b")
        assert proxy.cut() == 2
        for client in (first, second):
            with pytest.raises(ConnectionResetError):
                client.recv(1)
    with dial(proxy) as third:
        assert echoed(third, b"c") == b"c"
    assert proxy.opened == 3


def test_a_refusing_proxy_resets_and_lets_nobody_in_until_it_forwards_again(proxy: Proxy) -> None:
    with dial(proxy) as client:
        assert echoed(client, b"a") == b"a"
        assert proxy.refuse() == 1
        with pytest.raises(ConnectionResetError):
            client.recv(1)
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            dial(proxy)
    proxy.forward()
    with dial(proxy) as client:
        assert echoed(client, b"b") == b"b"


@pytest.mark.parametrize("direction", ["up", "down", "both"])
def test_dropped_bytes_never_arrive_and_nobody_is_told(proxy: Proxy, direction: str) -> None:
    with dial(proxy) as client:
        assert echoed(client, b"a") == b"a"
        proxy.drop(direction)  # type: ignore[arg-type]
        client.sendall(b"lost")
        assert is_silent(client)
        assert proxy.connections == 1
        with dial(proxy) as other:
            other.sendall(b"lost, too")
            assert is_silent(other)
        proxy.forward()
        client.sendall(b"still deaf")
        assert is_silent(client)
    with dial(proxy) as client:
        assert echoed(client, b"new") == b"new"


def test_an_end_of_stream_vanishes_with_the_rest(proxy: Proxy) -> None:
    with dial(proxy) as client:
        assert echoed(client, b"a") == b"a"
        proxy.drop("up")
    time.sleep(SILENCE_S)
    assert proxy.connections == 1, "the server's side is still open: nobody told it"
    assert proxy.cut() == 1


def test_bytes_that_were_held_back_arrive_in_order(proxy: Proxy) -> None:
    with dial(proxy) as client:
        assert echoed(client, b"a") == b"a"
        proxy.hold("down")
        client.sendall(b"one")
        assert is_silent(client)
        client.sendall(b" two")
        proxy.forward()
        assert client.recv(3, socket.MSG_WAITALL) == b"one"
        assert client.recv(4, socket.MSG_WAITALL) == b" two"


def test_a_delay_and_a_throttle_take_their_time(proxy: Proxy) -> None:
    with dial(proxy) as client:
        proxy.delay(0.1)
        began = time.monotonic()
        assert echoed(client, b"a") == b"a"
        assert time.monotonic() - began >= 0.2, "0.1 s each way"
        proxy.throttle(50_000)
        began = time.monotonic()
        client.sendall(b"x" * 10_000)
        assert len(client.recv(10_000, socket.MSG_WAITALL)) == 10_000
        assert time.monotonic() - began >= 0.2, "10,000 bytes up and down at 50,000 a second"


def test_a_redis_client_reaches_a_unix_socket_through_it() -> None:
    with running_valkey() as server, running_proxy(server.socket) as proxy:
        _check_redis(server, proxy)


def _check_redis(server: Server, proxy: Proxy) -> None:
    with closing(redis.Redis.from_url(proxy.redis_url(db=2))) as through, closing(redis.Redis.from_url(server.url)) as direct:
        through.set("k", "v")
        assert direct.get("k") is None, "that is database 0"
        assert through.get("k") == b"v"
        assert proxy.cut() == 1
        assert through.get("k") == b"v", "the client connects again by itself"
    assert Path(server.socket).exists()
