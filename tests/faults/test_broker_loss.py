"""Cases 6, 7, 11 and 12: the broker loses messages, its memory, or the connection, and every job is done all the same.

A message is only a hint. Whatever becomes of it, the ledger has the call, and a worker publishes it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack

import pytest
import redis

from tests.faults.crew import crewed
from tests.faults.ground import losable_server, messages_waiting, prove, submit_all, with_broker
from tests.faults.proxy import running_proxy
from tests.support.stack import Stack
from tests.support.valkey import Server

Seeds = Callable[[], int]
Measured = Callable[[str, str], None]


def test_messages_swallowed_by_a_worker_that_froze_and_died_are_done_by_another(
    stack: Stack, seed: Seeds, measured: Measured
) -> None:
    """A blocking pop hands its message to a worker that is never going to read it; plain Celery loses it."""
    with ExitStack() as later:
        first = later.enter_context(crewed(stack))
        stack.until(lambda: is_popping(stack), "the worker to wait for a message")
        first.freeze()
        jobs = submit_all(stack, [seed() for _ in range(6)])
        assert messages_waiting(stack) == 5, "one message has left the queue for the frozen worker"
        first.kill()
        died = time.monotonic()
        later.enter_context(crewed(stack))
        findings = prove(stack, jobs)
        assert findings.unknown == 0
    measured("case 6", f"6 of 6 done, {findings.calls} calls, all over {time.monotonic() - died:.1f} s after the death")


@pytest.mark.long
def test_calls_in_work_are_not_disturbed_when_the_broker_forgets_everything(stack: Stack, seed: Seeds, measured: Measured) -> None:
    """FLUSHDB in the broker's database; the ledger lies in another one."""
    broker_url = stack.redis_url.replace("db=0", "db=7")
    with_broker(stack, broker_url)
    stack.faults("slow=1:count=2")
    with crewed(stack, "--slots", "2", DARKROOM_BROKER_URL=broker_url) as worker, redis.Redis.from_url(broker_url) as broker:
        running = submit_all(stack, [seed(), seed()])
        stack.until(lambda: stack.endpoint.stats()["in_flight"] == 2, "both slots to be taken")
        broker.flushdb()
        waiting = submit_all(stack, [seed() for _ in range(8)])
        stack.until(lambda: all(stack.view(job).state == "succeeded" for job in running), "the running calls to end")
        worker.freeze()
        assert len([job for job in waiting if stack.view(job).state == "queued"]) > 0
        broker.flushdb()
        worker.thaw()
        findings = prove(stack, running | waiting)
    measured("case 12", f"10 of 10 done after two FLUSHDB, {findings.calls} calls, {findings.unknown} unknown")


def is_popping(stack: Stack) -> bool:
    """Whether a blocking pop is under way at the server of the stack."""
    with redis.Redis.from_url(stack.redis_url) as raw:
        return any(client["cmd"] == "brpop" and "b" in client["flags"] for client in raw.client_list())


@pytest.mark.long
def test_a_broker_that_comes_back_empty_is_told_everything_again(
    durable_server: Server, stack: Stack, seed: Seeds, measured: Measured
) -> None:
    with losable_server() as broker:
        with_broker(stack, broker.url)
        stack.faults("slow=0.5")
        with crewed(stack, "--slots", "20", DARKROOM_BROKER_URL=broker.url) as worker:
            jobs = submit_all(stack, [seed() for _ in range(5)])
            stack.until(lambda: stack.endpoint.stats()["in_flight"] > 0, "calls under way")
            worker.freeze()
            jobs |= submit_all(stack, [seed() for _ in range(15)])
            lost = messages_waiting(stack, broker.url)
            assert lost > 0
            broker.kill()
            worker.thaw()
            broker.restart(empty=True)
            back = time.monotonic()
            findings = prove(stack, jobs)
            assert worker.process.poll() is None
    measured(
        "case 11",
        f"20 jobs, {lost} messages gone: {findings.calls} calls, {findings.unknown} unknown, {time.monotonic() - back:.1f} s",
    )


@pytest.mark.long
def test_a_half_open_connection_to_the_broker_delays_jobs_and_loses_none(
    durable_server: Server, stack: Stack, seed: Seeds, measured: Measured
) -> None:
    """The broker's answers vanish while its connection looks open: messages go to a worker that never sees them."""
    assert durable_server.tcp_port is not None
    with (
        running_proxy(("127.0.0.1", durable_server.tcp_port)) as proxy,
        crewed(stack, DARKROOM_BROKER_URL=proxy.redis_url()) as worker,
    ):
        before = submit_all(stack, [seed()])
        prove(stack, before)
        proxy.drop("down")
        jobs = submit_all(stack, [seed() for _ in range(3)])
        stack.until(lambda: messages_waiting(stack) < 3, "a message to leave for nowhere")
        proxy.forward()
        cut = time.monotonic()
        findings = prove(stack, jobs, within_s=90)
        took = time.monotonic() - cut
        assert worker.process.poll() is None
    measured("case 7", f"3 of 3 done by the one deaf worker {took:.1f} s later, {findings.calls} calls")


@pytest.mark.long
def test_a_second_worker_does_what_a_half_open_connection_swallowed(
    durable_server: Server, stack: Stack, seed: Seeds, measured: Measured
) -> None:
    assert durable_server.tcp_port is not None
    with (
        running_proxy(("127.0.0.1", durable_server.tcp_port)) as proxy,
        crewed(stack, DARKROOM_BROKER_URL=proxy.redis_url()),
    ):
        prove(stack, submit_all(stack, [seed()]))
        proxy.drop("down")
        jobs = submit_all(stack, [seed() for _ in range(3)])
        stack.until(lambda: messages_waiting(stack) < 3, "a message to leave for nowhere")
        swallowed = time.monotonic()
        with crewed(stack):
            findings = prove(stack, jobs)
            measured("case 7", f"3 of 3 done by another worker {time.monotonic() - swallowed:.1f} s later, {findings.calls} calls")
        proxy.forward()
        proxy.cut()


@pytest.mark.long
def test_cuts_of_the_broker_connection_cost_no_call(durable_server: Server, stack: Stack, seed: Seeds, measured: Measured) -> None:
    """Late acknowledgement would repeat what was running."""
    assert durable_server.tcp_port is not None
    stack.faults("slow=0.4")
    cuts = 0
    with (
        running_proxy(("127.0.0.1", durable_server.tcp_port)) as proxy,
        crewed(stack, "--slots", "5", DARKROOM_BROKER_URL=proxy.redis_url()),
    ):
        jobs = submit_all(stack, [seed() for _ in range(15)])
        for count in (3, 6, 9):
            stack.until(lambda count=count: len(stack.calls_of(*jobs.values())) >= count, f"{count} calls to end")  # type: ignore[misc]
            cuts += proxy.cut()
        findings = prove(stack, jobs)
    assert cuts >= 3
    measured("case 7", f"15 jobs, {cuts} connections cut: {findings.calls} calls")
