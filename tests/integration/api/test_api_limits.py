"""What one client may do to the others: nothing. Slow heads, slow and endless bodies, foreign names and foreign pages."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time

import httpx
import pytest

from darkroom.api import limits, server
from darkroom_shared.settings import Settings
from tests.integration.api.serving import Served, environment, serving
from tests.support.bodies import edited, sample

HEAD = b"POST /v1/jobs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
JSON = {"content-type": "application/json"}


def connected(served: Served) -> socket.socket:
    return socket.create_connection(("127.0.0.1", served.port), timeout=60)


def answer_of(sock: socket.socket) -> tuple[int, dict[str, object]]:
    """Status and document of what the server says before it closes the connection."""
    data = b""
    while chunk := sock.recv(65536):
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body) if body else {}


def test_a_body_that_says_it_is_too_large_is_refused_unread(served: Served) -> None:
    with connected(served) as sock:
        sock.sendall(
            b"POST /v1/jobs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 99999999999\r\n\r\n"
        )
        status, problem = answer_of(sock)
    assert (status, problem["code"]) == (413, "body_too_large")


def test_a_body_without_end_is_refused_when_it_is_too_large(served: Served) -> None:
    chunk = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    with connected(served) as sock:
        sock.sendall(
            b"POST /v1/jobs HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        sent = 0
        try:
            while sent < 2 * limits.MOST_BODY:
                sock.sendall(chunk)
                sent += 0x100000
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert sent < 2 * limits.MOST_BODY, "it was read to its end"


def test_a_body_that_pauses_is_given_up_and_others_are_served_meanwhile(served: Served) -> None:
    with connected(served) as sock, served.client() as api:
        sock.sendall(HEAD + b"content-length: 100\r\n\r\n{")
        began = time.monotonic()
        assert api.get("/healthz").status_code == 200
        status, problem = answer_of(sock)
        assert (status, problem["code"]) == (408, "body_too_slow")
        assert time.monotonic() - began > limits.BODY_PAUSE_S - 1


def test_heads_that_do_not_come_are_given_up_and_others_are_served_meanwhile(served: Served) -> None:
    slow = [connected(served) for _ in range(200)]
    try:
        for sock in slow:
            sock.sendall(b"GET /healthz HTTP/1.1\r\nhost: loc")
        with served.client() as api:
            assert api.get("/healthz").status_code == 200
        assert {answer_of(sock)[0] for sock in slow} == {408}
    finally:
        for sock in slow:
            sock.close()


def test_a_head_without_end_is_refused(served: Served) -> None:
    with connected(served) as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-long: " + b"x" * (server.MOST_HEADERS + 1))
        assert answer_of(sock)[0] == 431


def test_a_name_that_was_pointed_here_does_not_get_in(api: httpx.Client) -> None:
    answer = api.get("/v1/jobs", headers={"host": "evil.example"})
    assert (answer.status_code, answer.json()["code"]) == (421, "unknown_host")


@pytest.mark.parametrize("headers", [{"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}])
def test_pages_of_other_sites_may_not_submit(api: httpx.Client, headers: dict[str, str]) -> None:
    answer = api.post("/v1/jobs", json={}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site")


def test_the_own_page_may(api: httpx.Client, served: Served) -> None:
    assert api.post("/v1/jobs", json={}, headers={"origin": served.url, "sec-fetch-site": "same-origin"}).status_code == 422


def test_json_that_is_nested_without_end_is_refused(api: httpx.Client) -> None:
    answer = api.post("/v1/jobs", content=b'{"request":' + b"[" * 100_000, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")


def test_it_does_not_listen_for_other_machines_while_there_are_no_keys(settings: Settings) -> None:
    command = [sys.executable, "-m", "darkroom", "serve", "--host", "0.0.0.0", "--port", "0"]
    done = subprocess.run(command, env=environment(settings), capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "there is no API key" in done.stderr
    assert "served" not in done.stderr


def test_no_word_of_a_prompt_is_in_the_servers_output(settings: Settings, capfd: pytest.CaptureFixture[str]) -> None:
    with serving(settings) as served, served.client() as api:
        body = edited(sample("TEXT_IMAGE"), "/textToImageParams/text", "a zebra, nobody plays the xylophone")
        job = api.post("/v1/jobs", json={"request": body}).json()
        assert job["warnings"]
        wrong = edited(body, "/imageGenerationConfig/cfgScale", 99)
        assert api.post("/v1/jobs", json={"request": wrong}).status_code == 422
    told = capfd.readouterr()
    assert "PromptWarning" not in told.out + told.err
    assert "zebra" not in told.out + told.err
