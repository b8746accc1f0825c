"""Connections that break under running calls (case 8): a worker connects again, and no call is made a second time.

Celery's late acknowledgement, in the same place, hands running work out again: 85 calls for 60 jobs.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from darkroom_shared.failpoints import Point
from darkroom_shared.store import reads
from darkroom_shared.store.loading import source
from tests.conformance.ledger.driver import raw_redis
from tests.faults.checker import Findings, check, gather
from tests.faults.fleet import Fleet
from tests.faults.proxy import Proxy, running_proxy
from tests.integration.local_bedrock.endpoints import running_endpoint, text_image
from tests.support.stack import Stack
from tests.support.valkey import Server

Measured = Callable[[str, str], None]
Seeds = Callable[[], int]
ROOM = {"DARKROOM_READ_TIMEOUT": "PT20S", "DARKROOM_LEASE": "PT6S"}
"""The lease is shorter than most of the calls: heartbeats must get through. On a busy machine one of them may be late."""


@contextmanager
def cutting(proxies: list[Proxy], every_s: float) -> Generator[list[int]]:
    """Cuts all connections again and again; the list gets one number for each time, how many there were."""
    over, cuts = threading.Event(), list[int]()

    def cut() -> None:
        while not over.wait(every_s):
            cuts.append(sum(proxy.cut() for proxy in proxies))

    thread = threading.Thread(target=cut, name="cutter", daemon=True)
    thread.start()
    try:
        yield cuts
    finally:
        over.set()
        thread.join()


@dataclass
class Cuttable:
    """A fleet whose connections to ledger and broker go through a proxy each."""

    stack: Stack
    proxies: list[Proxy]


@contextmanager
def cuttable(server: Server, folder: Path, *, latency: str, workers: int) -> Generator[Cuttable]:
    """Runs it for the length of a `with` block, on an endpoint of its own."""
    with ExitStack() as stacked:
        endpoint = stacked.enter_context(running_endpoint("--engine", "canned", "--quota", "off", "--latency", latency))
        stack = Stack(server.url, endpoint, folder, f"cuts{time.monotonic_ns()}:")
        stacked.callback(stack.close)
        ledger, broker = (stacked.enter_context(running_proxy(server.socket)) for _ in range(2))
        environment = {**ROOM, "DARKROOM_REDIS_URL": ledger.redis_url(), "DARKROOM_BROKER_URL": broker.redis_url()}
        stacked.enter_context(Fleet(stack, workers, each=dict.fromkeys(range(workers), environment)))
        yield Cuttable(stack, [ledger, broker])


def test_ten_calls_run_to_their_end_while_all_connections_are_cut(
    durable_server: Server, tmp_path: Path, seed: Seeds, measured: Measured
) -> None:
    with cuttable(durable_server, tmp_path / "home", latency="1.5", workers=1) as fleet:
        stack = fleet.stack
        jobs = [stack.submit(text_image(seed=seed())) for _ in range(10)]
        stack.until(lambda: stack.endpoint.stats()["in_flight"] == 10, "all ten calls to be under way")
        cuts = [sum(proxy.cut() for proxy in fleet.proxies) for _ in range(3) if not time.sleep(0.3)]  # type: ignore[func-returns-value]
        for job in jobs:
            stack.wait(job)
        found = check(gather(stack, jobs))
    measured("case 8, short", f"{len(cuts)} cuts of {sum(cuts)} connections; {found}")
    assert found.problems == []
    assert (found.calls, found.billed, found.delivered, found.unknown, found.states) == (10, 10, 10, 0, {"succeeded": 10})
    assert sum(cuts) >= 3


@pytest.mark.long
def test_sixty_calls_of_four_to_nine_seconds_are_made_once_each_under_cuts_every_second(
    durable_server: Server, tmp_path: Path, seed: Seeds, measured: Measured
) -> None:
    with cuttable(durable_server, tmp_path / "home", latency="4-9", workers=2) as fleet, cutting(fleet.proxies, 1.0) as cuts:
        jobs = [fleet.stack.submit(text_image(seed=seed())) for _ in range(60)]
        for job in jobs:
            fleet.stack.wait(job, 120)
        found = check(gather(fleet.stack, jobs))
    measured("case 8", f"{len(cuts)} cuts of {sum(cuts)} connections; {found}")
    assert found.problems == []
    assert (found.calls, found.billed, found.delivered, found.unknown, found.states) == (60, 60, 60, 0, {"succeeded": 60})
    assert len(cuts) >= 8


@dataclass(frozen=True)
class Write:
    """A write of the worker to the ledger: the failpoint and the call's state before it, and its event.

    What follows is how it ends: the service's fault if there is one, the job's state, requests, and unknown outcomes.
    """

    point: Point
    before: str
    event: str
    fault: str = ""
    ends: str = "succeeded"
    calls: int = 1
    unknown: int = 0


WRITES = {
    "claim": Write(Point.TASK_RECEIVED, "admitted", "claim"),
    "gate": Write(Point.CLAIM_TAKEN, "claimed", "gate"),
    "receipt": Write(Point.RECEIPT_STORED, "calling", "receipt"),
    "commit": Write(Point.PICTURES_STORED, "responded", "commit"),
    "snooze": Write(Point.FAILURE_SENDING, "calling", "snooze", "error=InternalServerException:count=1", calls=2),
    "doubt": Write(Point.FAILURE_SENDING, "calling", "doubt", "reset:count=1", calls=2, unknown=1),
    "fail": Write(Point.FAILURE_SENDING, "calling", "fail", "error=AccessDeniedException:count=1", ends="failed"),
}
TAKES = 5
"""A process that freezes itself may still send what comes next, if the machine is busy; then the scene is played again."""


def _let_the_server_know_every_script(stack: Stack) -> None:
    """A script that the server has never seen takes two round trips: without the first answer nothing would be written."""
    with raw_redis(stack.redis_url) as raw:
        for name in ("claim", "gate", "receipt", "commit", "snooze", "doubt", "fail"):
            raw.execute_command("SCRIPT", "LOAD", source(name))


@pytest.mark.parametrize(
    "name",
    [
        "commit",
        pytest.param("gate", marks=pytest.mark.long),
        *(pytest.param(name, marks=pytest.mark.long) for name in WRITES if name not in ("commit", "gate")),
    ],
)
def test_a_write_whose_confirmation_is_lost_is_neither_done_twice_nor_forgotten(stack: Stack, seed: Seeds, name: str) -> None:
    """The ledger does as it is told, but its answer never reaches the worker (case 9)."""
    write = WRITES[name]
    _let_the_server_know_every_script(stack)
    found = next(filter(None, (_lose_the_confirmation(stack, seed(), write) for _ in range(TAKES))))
    assert found.problems == []
    assert (found.states, found.calls, found.unknown, found.never_arrived) == ({write.ends: 1}, write.calls, write.unknown, 0)


def _lose_the_confirmation(stack: Stack, number: int, write: Write) -> Findings | None:
    """None if the worker was frozen too late."""
    stack.faults(*filter(None, [write.fault]))
    urls = {"DARKROOM_BROKER_URL": stack.redis_url, "DARKROOM_FAILPOINTS": f"{write.point}=stop"}
    with (
        running_proxy(stack.redis_url.removeprefix("unix://").partition("?")[0]) as proxy,
        stack.worker(DARKROOM_REDIS_URL=proxy.redis_url(), **urls) as worker,
    ):
        job = stack.submit(text_image(seed=number))
        stat = Path(f"/proc/{worker.process.pid}/stat")
        stack.until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "T", "the worker to freeze before its write")
        in_time = stack.view(job).calls[0].state == write.before
        proxy.drop("down")
        worker.process.send_signal(signal.SIGCONT)
        if in_time:
            stack.until(lambda: stack.view(job).calls[0].state != write.before, "the ledger to be told")
            events = [event.type for event in stack.ledger.run(reads.events(job))]
            assert f"call.{write.event}" in events
        proxy.forward()
        assert proxy.cut() > 0
        stack.wait(job)
        return check(gather(stack, [job])) if in_time else None
