"""Case 37: a picture that does not pass its checks, and the worker dies at each edge of making it again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from darkroom_shared.failpoints import Point
from darkroom_shared.store import ops
from tests.faults.crew import PATIENCE_S, at_once, crewed, every_event, until_told
from tests.faults.scenes import PATIENT_CALLS, Stage
from tests.integration.local_bedrock.endpoints import Running, text_image
from tests.support.stack import PRICE, new_job_id, unpaced
from tests.support.valkey import Server

NEVER_PASSES = [{"kind": "wrong_size", "width": 64, "height": 64}]
USD = PRICE / 1_000_000

EDGES = [
    # The first answer does not pass: the second time that the worker comes here, it holds what was made again.
    (Point.CLAIM_TAKEN, 2, 0),
    (Point.GATE_OPENED, 2, 1),
    (Point.CALL_ANSWERED, 1, 1),
    (Point.CALL_ANSWERED, 2, 1),
    (Point.RECEIPT_STORED, 1, 0),
    (Point.RECEIPT_NOTED, 1, 0),
    (Point.COMMIT_DONE, 1, 0),
    (Point.RECEIPT_NOTED, 2, 0),
    (Point.COMMIT_DONE, 2, 0),
]


@pytest.fixture
def stage(durable_server: Server, bedrock: Running, tmp_path: Path, seed: Callable[[], int]) -> Stage:
    """Where jobs run, several at once."""
    return Stage(durable_server.url, bedrock, tmp_path, seed)


def play(stage: Stage, point: Point, nth: int, unknown: int) -> str:
    """A job that may be made again once, with a worker that dies there and one that comes after it."""
    first_seed = 10 * stage.seed()  # the next one is what is made again asked for with
    second_seed = first_seed + 1
    with stage.stack() as stack:
        job = ops.NewJob(new_job_id(), stack.record(text_image(seed=first_seed), checks=NEVER_PASSES, rerolls=1).as_fields())
        with crewed(stack, "--slots", "1", **PATIENT_CALLS, DARKROOM_FAILPOINTS=f"{point}=kill@{nth}") as first:
            stack.ledger.run(ops.accept([job], unpaced(job)))
            stack.admit()
            first.until_killed()
            with crewed(stack, **PATIENT_CALLS):
                view = stack.wait(job.job_id, PATIENCE_S)
                until_told(stack, [job.job_id])
        events = Counter(event.type for event in every_event(stack, job.job_id))
        calls = Counter(request["seed"] for request in stack.calls_of(first_seed, second_seed))
    where = f"{point}@{nth}"
    assert (view.state, view.reason, len(view.rerolled), len(view.rejected)) == ("rejected", "check_failed", 1, 1), where
    assert [view.rerolled[0].seed, view.rejected[0].seed] == [first_seed, second_seed], where
    assert (events["call.reroll"], events["call.commit"]) == (1, 1), where
    assert view.cost.actual_usd == pytest.approx(2 * USD), where
    assert set(calls) == {first_seed, second_seed}, where
    assert calls.total() <= 2 + unknown, where
    return f"killed at {where}: {calls.total()} calls for 2 pictures, at most {unknown} unknown"


@pytest.mark.long
@pytest.mark.parametrize("edges", [EDGES[n : n + 3] for n in range(0, len(EDGES), 3)])
def test_a_picture_is_made_again_once_whichever_edge_its_worker_died_at(
    stage: Stage, measured: Callable[[str, str], None], edges: list[tuple[Point, int, int]]
) -> None:
    for said in at_once([lambda edge=edge: play(stage, *edge) for edge in edges], 3):
        measured("case 37", said)
