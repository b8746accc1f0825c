"""A thousand listeners and 200 submits a second on one API process, beside a bare FastAPI endpoint with Celery's `delay()`.

The load is offered by the clock, whether the server keeps up or not, and a submit takes from the moment when it should have been
sent. Both servers and whoever asks them share this machine's cores; what is compared is of the same run.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import redis

from darkroom_shared.settings import Settings
from tests.integration.api.serving import serving
from tests.support.bodies import edited, sample
from tests.support.valkey import Server, free_port

LISTENERS = 1000
RATE = int(os.environ.get("RATE", "200"))
"""Submits a second; what a machine of two cores, of which whoever asks takes one, cannot do shows as refusals."""
SECONDS = 10
WARM_UP = 50
BODY = sample("TEXT_IMAGE")


@contextmanager
def bare(broker: str) -> Generator[str]:
    """The bare endpoint, and its address."""
    port = free_port()
    script = Path(__file__).with_name("api") / "bare.py"
    process = subprocess.Popen([sys.executable, str(script), str(port)], env={**os.environ, "BARE_BROKER": broker})
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"{url}/docs", trust_env=False)
                break
            except httpx.ConnectError:
                assert time.monotonic() < until, "the bare endpoint did not start"
        yield url
    finally:
        process.terminate()
        process.wait(10)


@asynccontextmanager
async def listening(url: str, count: int) -> AsyncGenerator[list[int]]:
    """Listeners to all events until the end of the block; how many lines each has read."""
    host, port = url.removeprefix("http://").split(":")
    lines = [0] * count
    request = f"GET /v1/events HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: text/event-stream\r\n\r\n".encode()

    async def listen(number: int, began: asyncio.Event) -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(request)
            while await reader.readline():
                lines[number] += 1
                began.set()
        finally:
            writer.close()

    began = [asyncio.Event() for _ in range(count)]
    tasks = [asyncio.create_task(listen(number, one)) for number, one in enumerate(began)]
    async with asyncio.timeout(60):
        await asyncio.gather(*(one.wait() for one in began))
    try:
        yield lines
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def offered(url: str, rate: int, seconds: int) -> list[float]:
    """Seconds from when each submit should have been sent to its answer."""
    took: list[float] = []
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False, limits=limits) as client:

        async def submit(number: int, due: float) -> None:
            body = {"request": edited(BODY, "/imageGenerationConfig/seed", number)}
            answer = await client.post("/v1/jobs", json=body)
            assert answer.status_code in (202, 503), answer.text  # a server that cannot keep up says so
            took.append(time.monotonic() - due if answer.status_code == 202 else float("inf"))

        await asyncio.gather(*(submit(number, time.monotonic()) for number in range(WARM_UP)))
        took.clear()
        start = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for number in range(rate * seconds):
                due = start + number / rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                group.create_task(submit(WARM_UP + number, due))
    return took


def percentile(values: Sequence[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def told(name: str, values: Sequence[float]) -> str:
    refused = sum(value == float("inf") for value in values)
    p50, p99 = (percentile(values, part) * 1000 for part in (0.5, 0.99))
    return f"{name:<30} p50 {p50:8.1f} ms   p99 {p99:8.1f} ms   refused {refused} of {len(values)}"


def biggest_message(url: str, prefix: str) -> int:
    """Bytes of the longest entry of any list of the broker."""
    client = redis.Redis.from_url(url)
    try:
        names = [name for name in client.scan_iter(f"{prefix}*") if client.type(name) == b"list"]
        return max((len(entry) for name in names for entry in client.lrange(name, 0, -1)), default=0)  # type: ignore[union-attr]
    finally:
        client.close()


def test_submits_stay_quick_with_a_thousand_listeners(valkey_server: Server, tmp_path: Path) -> None:
    broker = valkey_server.url
    settings = Settings(
        redis_url=broker,
        key_prefix="bench:",
        home=tmp_path,
        assets_url=f"file://{tmp_path}/store",
        quotas="off",
        bedrock_url="http://127.0.0.1:9",
    )
    with serving(settings) as served, bare(broker.replace("unix:", "redis+socket:").replace("?db=", "?virtual_host=")) as plain:

        async def run() -> tuple[list[float], list[float], list[float], int]:
            simple = await offered(plain, RATE, SECONDS)
            alone = await offered(served.url, RATE, SECONDS)
            async with listening(served.url, LISTENERS) as lines:
                listened = await offered(served.url, RATE, SECONDS)
                return simple, alone, listened, min(lines)

        simple, alone, listened, least = asyncio.run(run())
        message = biggest_message(broker, "*celery*")
    rows = [
        told("bare FastAPI and delay()", simple),
        told("darkroom", alone),
        told(f"darkroom, {LISTENERS:,} listeners", listened),
        f"p99 over that of the bare endpoint: {percentile(alone, 0.99) / percentile(simple, 0.99):.1f}, "
        f"with listeners {percentile(listened, 0.99) / percentile(simple, 0.99):.1f}",
        f"each listener has read {least:,} lines or more; the longest message in the broker has {message:,} bytes",
    ]
    sys.stdout.write("\n" + "\n".join(rows) + "\n")
    assert least > 0
    assert message < 4_000
