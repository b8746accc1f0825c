"""Case 41: messages of another version, with fields that nobody knows, or for a task that this worker does not have.

A worker that cannot read a message leaves it. The call is in the ledger, and the hint comes again from a worker that can.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import redis

from tests.faults.crew import crewed
from tests.faults.ground import messages_waiting, prove, register_nobody, submit_all
from tests.integration.local_bedrock.endpoints import text_image
from tests.support.stack import Stack

Seeds = Callable[[], int]
Measured = Callable[[str, str], None]
Change = Callable[[dict[str, Any]], None]


def rewrite_messages(stack: Stack, changes: Sequence[Change]) -> None:
    """Replaces the messages in the queue with what another version would have sent, one change for each, in order."""
    name = f"{stack.prefix}celery:darkroom"
    with redis.Redis.from_url(stack.redis_url, decode_responses=True) as raw:
        texts = list(reversed(raw.lrange(name, 0, -1)))
        assert len(texts) == len(changes)
        raw.delete(name)
        for text, change in zip(texts, changes, strict=True):
            message = json.loads(text)
            args, kwargs, embed = json.loads(base64.b64decode(message["body"]))
            parts = {"kwargs": kwargs, "headers": message["headers"]}
            change(parts)
            message["body"] = base64.b64encode(json.dumps([args, kwargs, embed]).encode()).decode()
            raw.lpush(name, json.dumps(message))


def newer_version(parts: dict[str, Any]) -> None:
    parts["kwargs"]["version"] = 2


def unknown_field(parts: dict[str, Any]) -> None:
    parts["kwargs"]["priority"] = "high"


def unknown_task(parts: dict[str, Any]) -> None:
    parts["headers"]["task"] = "darkroom.video_from_text"


def no_call(parts: dict[str, Any]) -> None:
    parts["kwargs"].clear()


def test_messages_that_a_worker_cannot_read_block_nothing_and_their_calls_are_done(
    stack: Stack, seed: Seeds, measured: Measured
) -> None:
    register_nobody(stack, ttl_ms=2500)
    changes = [newer_version, unknown_field, unknown_task, no_call]
    strange = submit_all(stack, [seed() for _ in changes])
    rewrite_messages(stack, changes)
    plain = submit_all(stack, [seed() for _ in range(2)])
    with crewed(stack) as worker:
        began = time.monotonic()
        for job in plain:
            stack.wait(job)
        behind = time.monotonic() - began
        findings = prove(stack, strange | plain)
        took = time.monotonic() - began
        assert worker.said().count('"message_refused"') == 3
        assert worker.said().count("darkroom.video_from_text") > 0
        assert messages_waiting(stack) == 0
        assert worker.process.poll() is None
    assert findings.unknown == 0
    measured(
        "case 41",
        f"4 strange messages: those behind them done after {behind:.1f} s, theirs after {took:.1f} s, {findings.calls} calls",
    )


@pytest.mark.long
def test_a_task_name_that_this_worker_does_not_have_waits_for_one_that_has(stack: Stack, seed: Seeds, measured: Measured) -> None:
    """A producer of the next release submits a task type that today's workers do not know; it is neither lost nor in the way."""
    with crewed(stack) as old:
        number = seed()
        job = stack.submit(text_image(seed=number), task_name="darkroom.from_the_future")
        plain = submit_all(stack, [seed() for _ in range(2)])
        stack.until(lambda: old.said().count("from_the_future") >= 3, "the hint to come again and again")
        prove(stack, plain)
        assert stack.view(job).state == "queued"
        with redis.Redis.from_url(stack.redis_url) as raw:
            raw.hset(f"{stack.prefix}job:{job}", "task_name", "darkroom.text_image")  # as if a newer worker had come
        findings = prove(stack, {job: number})
    measured("case 41", f"unknown task name: queued until a worker knew it, {findings.calls} call")
