"""Workers that are dedicated to lanes, on a real broker: their hints find them, and nobody else's do."""

from __future__ import annotations

from collections.abc import Callable

from darkroom_shared.models.catalogue import MODELS
from tests.integration.local_bedrock.endpoints import text_image
from tests.support.stack import Stack

NOVA = "amazon.nova-canvas-v1:0"
TITAN = "amazon.titan-image-generator-v2:0"


def test_a_dedicated_worker_takes_the_calls_of_its_lanes_and_no_others(empty_stack: Stack, seed: Callable[[], int]) -> None:
    stack = empty_stack
    assert {NOVA, TITAN} <= set(MODELS)
    # Celery's own option would make it deaf to what the ledger sends it: the queue of the lanes counts.
    with stack.worker("--lanes", f"{TITAN}, local", "--queues", "darkroom", DARKROOM_SLOTS="3") as dedicated:
        theirs = [stack.submit(text_image(seed=seed()), model=TITAN) for _ in range(4)]
        others = [stack.submit(text_image(seed=seed())) for _ in range(2)]
        ended = [stack.wait(job) for job in theirs]
        assert {view.state for view in ended} == {"succeeded"}
        assert {stack.view(job).state for job in others} == {"queued"}
        with stack.worker() as general:
            served = [stack.wait(job) for job in others]
            theirs_too = stack.wait(stack.submit(text_image(seed=seed()), model=TITAN))
        workers = {attempt.worker.rpartition(":")[2] for view in served for attempt in view.calls[0].attempts if attempt.worker}
        assert workers == {str(general.process.pid)}
        [attempt] = theirs_too.calls[0].attempts
        assert (attempt.worker or "").endswith(f":{dedicated.process.pid}"), "its own workers go before those that take everything"
