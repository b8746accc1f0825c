"""Workers that die, stop, or come late: what was paid is never paid again, and nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from darkroom.embedded import valkey
from darkroom_shared.storage import open_store
from darkroom_shared.store import ops, presence, reads
from tests.conformance.ledger.driver import raw_redis
from tests.integration.local_bedrock.endpoints import Running, text_image
from tests.support.stack import PRICE, Stack, new_job_id
from tests.support.valkey import free_port

Seeds = Callable[[], int]
USD = PRICE / 1_000_000


def test_a_worker_killed_in_a_call_is_replaced_and_the_lost_call_is_counted(empty_stack: Stack, seed: Seeds) -> None:
    stack, number = empty_stack, seed()
    stack.faults("slow=1.5:count=1")
    with stack.worker() as first:
        job = stack.submit(text_image(seed=number))
        stack.until(lambda: stack.endpoint.stats()["in_flight"] == 1, "the request to reach the endpoint")
        first.kill()
        with stack.worker():
            view = stack.wait(job)
    assert (view.state, view.cost.actual_usd, view.cost.uncertain_usd) == ("succeeded", USD, USD)
    assert [attempt.outcome for attempt in view.calls[0].attempts] == ["unknown", "answered"]
    assert len({attempt.worker for attempt in view.calls[0].attempts}) == 2
    stack.until(lambda: len(stack.calls_of(number)) == 2, "the endpoint to log both requests")
    billed = sum(entry["billed"] for entry in stack.calls_of(number))
    assert billed == 2, "as many as the ledger knows: one delivered, one unknown"


def test_a_stored_answer_is_delivered_by_the_next_worker_without_a_call(empty_stack: Stack, seed: Seeds) -> None:
    """A worker that died between the receipt and the commit."""
    stack, number = empty_stack, seed()
    answer = stack.endpoint.invoke(text_image(seed=number)).body
    job = new_job_id()
    stack.ledger.run(presence.register("died", 60_000, {"slots": "1", "host": "h", "pid": "1", "started_ms": "1"}, []))
    stack.ledger.run(ops.accept([ops.NewJob(job, stack.record(text_image(seed=number)).as_fields())], []))
    [hint] = stack.ledger.run(ops.admit({"standard": 0.0}, 60_000)).hints
    stack.ledger.run(ops.claim(hint.call_id, hint.fence, "died", 60_000, "token"))
    attempt = {"worker": "died", "region": "us-east-1", "model": "m"}
    gate = ops.gate(hint.call_id, hint.fence, lease_ms=1, call_budget=3, price_microusd=PRICE, attempt=attempt)
    assert stack.ledger.run(gate)[0] == "go"
    name = f"{hint.call_id}:{hint.fence}"
    store = open_store(stack.settings.store_url)
    store.put_receipt(name, answer)
    store.close()
    assert stack.ledger.run(ops.receipt(hint.call_id, hint.fence, name, "req-1", lease_ms=1))
    stack.ledger.run(presence.leave("died"))
    before = len(stack.calls_of(number))
    with stack.worker():
        view = stack.wait(job)
        assert "call.adopt" in [event.type for event in stack.ledger.run(reads.events(job))]
    assert (view.state, view.cost.actual_usd, view.cost.uncertain_usd) == ("succeeded", USD, 0)
    assert len(view.calls[0].attempts) == 1
    assert len(stack.calls_of(number)) == before
    assert [out.sha256 for out in view.outputs] == stack.calls_of(number)[0]["image_sha256"]


def test_a_worker_that_is_asked_to_stop_ends_its_paid_call_first(empty_stack: Stack, seed: Seeds) -> None:
    stack, number = empty_stack, seed()
    stack.faults("slow=2")
    with stack.worker(DARKROOM_READ_TIMEOUT="PT10S") as worker:
        job = stack.submit(text_image(seed=number))
        stack.until(lambda: stack.endpoint.stats()["in_flight"] == 1, "the request to reach the endpoint")
        assert worker.stop() == 0
        assert stack.view(job).state == "succeeded"
        assert "Traceback" not in worker.said()
    assert stack.ledger.run(presence.fleet()) == []
    assert len(stack.calls_of(number)) == 1
    with raw_redis(stack.redis_url) as raw:
        left = [key for key in raw.keys(f"{stack.prefix}celery:*") if "_kombu.binding" not in key]
        assert left == [], "no message waits or is unacknowledged"
        assert raw.zcard(f"{stack.prefix}leases") == 0
        assert [key for name in ("work", "pending", "running", "flight") for key in raw.keys(f"{stack.prefix}{name}:*")] == []


def test_a_message_is_small_and_names_nothing_but_the_call(empty_stack: Stack, seed: Seeds) -> None:
    stack = empty_stack
    stack.ledger.run(presence.register("fake", 60_000, {"slots": "9", "host": "h", "pid": "1", "started_ms": "1"}, []))
    jobs = [stack.submit(text_image("SECRETPROMPT", seed=seed()) | {"blob": "iVBORw0KGgo" * 1000}) for _ in range(3)]
    with raw_redis(stack.redis_url) as raw:
        messages = raw.lrange(f"{stack.prefix}celery:darkroom", 0, -1)
    assert len(messages) == 3
    for text in messages:
        assert len(text) < 1024 + 256, "Celery's own envelope included"
        assert "SECRETPROMPT" not in text
        headers = json.loads(text)["headers"]
        assert headers["task"] == "darkroom.text_image"
        [job] = [job for job in jobs if job in headers["id"]]
        assert headers["id"] == f"{job}.0:1"
        assert headers["argsrepr"] == f"({job}.0 fence=1)"
        assert headers["kwargsrepr"] == "{}"


def test_a_ledger_that_is_away_when_the_answer_comes_costs_no_second_call(bedrock: Running, seed: Seeds) -> None:
    """Redis is killed during a paid call and comes back after the answer: the worker lives on and delivers what it holds."""
    number = seed()
    with tempfile.TemporaryDirectory(prefix="dr-away-") as folder, ExitStack() as later:
        server = later.enter_context(valkey.start(Path(folder)))
        stack = Stack(server.url, bedrock, Path(folder), prefix="away:")
        stack.faults("slow=1:count=1")
        with stack.worker() as worker:
            job = stack.submit(text_image(seed=number))
            stack.until(lambda: bedrock.stats()["in_flight"] == 1, "the request to reach the endpoint")
            os.kill(server.pid, signal.SIGKILL)
            stack.until(lambda: bedrock.stats()["in_flight"] == 0, "the endpoint to answer")
            later.enter_context(valkey.start(Path(folder)))
            later.callback(stack.close)
            view = stack.wait(job)
            assert worker.process.poll() is None
        assert (view.state, view.cost.actual_usd, view.cost.uncertain_usd) == ("succeeded", USD, 0)
        assert len(stack.calls_of(number)) == 1


def test_an_endpoint_that_is_away_is_waited_for_and_uses_up_nothing(empty_stack: Stack, seed: Seeds) -> None:
    stack, number = empty_stack, seed()
    nobody = f"http://127.0.0.1:{free_port()}"
    with stack.worker(AWS_ENDPOINT_URL_BEDROCK_RUNTIME=nobody, DARKROOM_CALL_BUDGET="1"):
        job = stack.submit(text_image(seed=number))
        stack.until(lambda: len(stack.view(job).calls[0].attempts) >= 3, "three attempts that reached nobody")
    with stack.worker(DARKROOM_CALL_BUDGET="1"):
        view = stack.wait(job)
    assert (view.state, view.cost.actual_usd, view.cost.uncertain_usd) == ("succeeded", USD, 0)
    assert {attempt.outcome for attempt in view.calls[0].attempts} == {"provider_unreachable", "answered"}
