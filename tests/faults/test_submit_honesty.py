"""Case 13: what submit says while the ledger or the broker is dead, frozen, cut off, full or read-only.

A job that cannot be recorded is refused with a typed error within 5 s; one that is recorded is given back whatever the
broker does.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from darkroom import AsyncDarkroom, Darkroom, LedgerUnavailable, TextImage
from darkroom_shared.settings import Settings
from darkroom_shared.store import reads
from tests.faults.crew import at_once, crewed
from tests.faults.ground import Losable, losable_server, prove, quick_settings, register_nobody
from tests.faults.proxy import Proxy, running_proxy
from tests.integration.local_bedrock.endpoints import Running
from tests.support.stack import Stack

Measured = Callable[[str, str], None]
Submit = Callable[[Settings], str]
HONEST_S = 5.0
REQUEST = TextImage("a boat", seed=5)

pytestmark = pytest.mark.filterwarnings("ignore::darkroom.ModelRetiredWarning")


def submit_sync(settings: Settings) -> str:
    with Darkroom(settings=settings) as room:
        return room.submit(REQUEST).id


def submit_async(settings: Settings) -> str:
    async def run() -> str:
        async with AsyncDarkroom(settings=settings) as room:
            return (await room.submit(REQUEST)).id

    return asyncio.run(run())


COLOURS = pytest.mark.parametrize("submit", [submit_sync, submit_async], ids=["sync", "async"])


@pytest.fixture(scope="module")
def lost() -> Iterator[Losable]:
    """A server that these tests freeze, fill and cut off; it lives again at the end of each."""
    with losable_server() as server:
        yield server


@pytest.fixture
def proxy(lost: Losable) -> Iterator[Proxy]:
    with running_proxy(("127.0.0.1", lost.tcp_port)) as proxy:
        yield proxy


@contextmanager
def fault(name: str, server: Losable, proxy: Proxy) -> Generator[None]:
    """One way to be away, for the length of a block."""
    if name == "frozen":
        server.signal(signal.SIGSTOP)
    elif name == "dead":
        proxy.refuse()
    else:
        proxy.drop("both" if name == "black hole" else "down")
    try:
        yield
    finally:
        server.signal(signal.SIGCONT)
        proxy.forward()


AWAY = pytest.mark.parametrize(
    "away",
    ["dead", "black hole", pytest.param("frozen", marks=pytest.mark.long), pytest.param("answers lost", marks=pytest.mark.long)],
)


def timed(submit: Callable[[], object]) -> tuple[float, object]:
    """Seconds, and what submit gave or raised."""
    began = time.monotonic()
    try:
        result: object = submit()
    except LedgerUnavailable as error:
        result = error
    return time.monotonic() - began, result


@AWAY
def test_a_ledger_that_is_away_refuses_the_job_within_five_seconds(
    away: str, lost: Losable, proxy: Proxy, tmp_path: Path, measured: Measured
) -> None:
    """For both colours, and for a client that was connected before."""
    settings = Settings(redis_url=proxy.redis_url(), home=tmp_path, key_prefix="honest:")
    with Darkroom(settings=settings) as room:
        room.submit(REQUEST)
        with fault(away, lost, proxy):
            ways: list[Callable[[], object]] = [
                lambda: submit_sync(settings),
                lambda: submit_async(settings),
                lambda: room.submit(REQUEST),
            ]
            took = at_once([lambda way=way: timed(way) for way in ways], len(ways))  # type: ignore[misc]
        assert [type(result) for _, result in took] == [LedgerUnavailable] * 3
        assert max(seconds for seconds, _ in took) < HONEST_S
        assert room.submit(REQUEST).status().state == "queued", "the same client works again"
    measured("case 13", f"ledger {away}: refused after " + ", ".join(f"{seconds:.2f}" for seconds, _ in took) + " s")


@AWAY
def test_a_broker_that_is_away_does_not_keep_a_recorded_job_back(
    away: str, lost: Losable, proxy: Proxy, stack: Stack, measured: Measured
) -> None:
    register_nobody(stack)
    settings = quick_settings(stack, broker_url=proxy.redis_url())
    with fault(away, lost, proxy):
        took = at_once([lambda: timed(lambda: submit_sync(settings)), lambda: timed(lambda: submit_async(settings))], 2)
    assert [stack.ledger.run(reads.job(str(job)))["state"] for _, job in took] == ["queued", "queued"]
    assert max(seconds for seconds, _ in took) < HONEST_S
    measured("case 13", f"broker {away}: recorded after " + ", ".join(f"{seconds:.2f}" for seconds, _ in took) + " s")


def test_a_broker_that_is_away_makes_one_submit_slow_and_not_every_one(
    lost: Losable, proxy: Proxy, stack: Stack, measured: Measured
) -> None:
    register_nobody(stack)
    with (
        fault("black hole", lost, proxy),
        Darkroom(settings=quick_settings(stack, broker_url=proxy.redis_url())) as room,
    ):
        seconds, _ = timed(lambda: [room.submit(REQUEST) for _ in range(50)])
    assert seconds < HONEST_S
    assert len(stack.ledger.run(reads.jobs(limit=100))) == 50
    measured("case 13", f"broker black hole: 50 submits in {seconds:.2f} s")


def test_jobs_whose_broker_was_away_are_published_by_a_worker_and_called_once(
    lost: Losable, proxy: Proxy, stack: Stack, seed: Callable[[], int]
) -> None:
    seeds = [seed() for _ in range(4)]
    register_nobody(stack, ttl_ms=5000)
    settings = quick_settings(stack, broker_url=proxy.redis_url())
    with fault("dead", lost, proxy), Darkroom(settings=settings) as room:
        jobs = {room.submit(TextImage("a boat", seed=number)).id: number for number in seeds}
    with crewed(stack, DARKROOM_BROKER_URL=proxy.redis_url()):
        prove(stack, jobs)


@contextmanager
def full(raw: redis.Redis) -> Generator[None]:
    """A server without room for one more write, and nothing that it may throw away."""
    before = raw.config_get("maxmemory")["maxmemory"] or "0"
    raw.config_set("maxmemory-policy", "noeviction")
    # Well below what is used: what clients give back meanwhile must not make room again.
    raw.config_set("maxmemory", int(raw.info("memory")["used_memory"]) // 2)
    try:
        yield
    finally:
        raw.config_set("maxmemory", before)


@contextmanager
def read_only(raw: redis.Redis) -> Generator[None]:
    """A server that was made a replica by a failover; its master is out of reach."""
    raw.replicaof("127.0.0.1", "1")
    try:
        yield
    finally:
        raw.replicaof("NO", "ONE")


def dump(raw: redis.Redis) -> dict[bytes, bytes]:
    """Every key with its whole value, byte for byte."""
    return {key: raw.dump(key) for key in sorted(raw.keys("*"))}  # type: ignore[misc]


@COLOURS
@pytest.mark.parametrize("state", [full, read_only], ids=["full", "read-only"])
def test_a_ledger_that_takes_no_writes_refuses_the_job_and_nothing_is_half_written(
    state: Callable[[redis.Redis], Generator[None]], submit: Submit, lost: Losable, tmp_path: Path, measured: Measured
) -> None:
    settings = Settings(redis_url=lost.url, home=tmp_path, key_prefix="half:")
    submit(settings)  # scripts are loaded, and there is something that a half-written job could damage
    with redis.Redis.from_url(lost.url) as raw:
        before = dump(raw)
        with state(raw):  # type: ignore[attr-defined]
            seconds, result = timed(lambda: submit(settings))
            after = dump(raw)
    assert isinstance(result, LedgerUnavailable)
    assert seconds < HONEST_S
    assert after == before
    measured("case 13", f"ledger {state.__name__}, {submit.__name__}: refused after {seconds:.2f} s, nothing written")
    assert submit(settings)


def test_memory_that_runs_out_under_load_leaves_every_job_whole_or_not_there(
    lost: Losable, tmp_path: Path, measured: Measured
) -> None:
    """The server looks at its memory before a script's first write, and lets one that has begun come to its end."""
    settings = Settings(redis_url=lost.url, home=tmp_path, key_prefix="brim:")
    large = {f"name{number}": "x" * 500 for number in range(40)}
    accepted: list[str] = []
    with Darkroom(settings=settings) as room, redis.Redis.from_url(lost.url, decode_responses=True) as raw:
        room.jobs()
        raw.config_set("maxmemory", int(raw.info("memory")["used_memory"]) + 1_000_000)
        try:
            with pytest.raises(LedgerUnavailable, match="memory"):
                for number in range(1000):
                    accepted.append(room.submit(REQUEST, metadata=large, idempotency_key=f"key{number}").id)
        finally:
            raw.config_set("maxmemory", "512mb")

        def names(kind: str) -> set[str]:
            return {key.removeprefix(f"brim:{kind}:") for key in raw.keys(f"brim:{kind}:*")}

        assert len(accepted) > 5
        assert names("job") == names("events") == set(raw.zrange("brim:jobs", 0, -1)) == set(accepted)
        assert names("call") == {f"{job}.0" for job in accepted}
        assert len(names("idem")) == len(accepted), "no key without its job"
        assert room.submit(REQUEST, idempotency_key=f"key{len(accepted)}").replayed is False
    measured("case 13", f"memory ran out after {len(accepted)} submits: as many jobs, calls, event streams and keys")


@pytest.mark.long
def test_workers_outlive_a_full_ledger_and_finish_what_was_accepted(
    bedrock: Running, tmp_path: Path, seed: Callable[[], int], measured: Measured
) -> None:
    with losable_server() as server, redis.Redis.from_url(server.url) as raw:
        stack = Stack(server.url, bedrock, tmp_path, "full:")
        stack.faults("slow=1:count=3")
        with crewed(stack) as worker:
            jobs = {
                stack.submit({**BODY, "imageGenerationConfig": {"seed": number}}): number for number in [seed(), seed(), seed()]
            }
            stack.until(lambda: bedrock.stats()["in_flight"] == 3, "three calls under way")
            began = time.monotonic()
            with full(raw):
                stack.until(lambda: bedrock.stats()["in_flight"] == 0, "the answers to come")
                stack.until(lambda: "maxmemory" in worker.said(), "the worker to be refused")
                assert all(stack.view(job).state == "running" for job in jobs)
            findings = prove(stack, jobs)
            measured(
                "case 13", f"3 calls answered to a full ledger: {findings.calls} calls, over {time.monotonic() - began:.1f} s later"
            )
            assert worker.process.poll() is None
        stack.faults()
        stack.close()


BODY = {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a boat"}}
