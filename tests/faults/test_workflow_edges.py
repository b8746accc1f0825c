"""Case 36: a workflow of four steps whose worker dies at each edge.

a ──► b ──► d        a, c and d are paid calls, b is a free local step; d joins the pictures of b and c
 └──► c ──┘
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from darkroom_shared.failpoints import Point
from darkroom_shared.store import ops
from tests.faults.checker import check, gather
from tests.faults.crew import PATIENCE_S, at_once, crewed, every_event, until_told
from tests.faults.scenes import PATIENT_CALLS, Stage
from tests.integration.local_bedrock.endpoints import Running, text_image
from tests.support.stack import PRICE, Stack, new_job_id, unpaced
from tests.support.valkey import Server

Seeds = Callable[[], int]
Measured = Callable[[str, str], None]
USD = PRICE / 1_000_000
STEPS = "abcd"
PAID = "acd"
WIDTH = 2


@dataclass(frozen=True)
class Edge:
    """The n-th time that the first worker, which does one thing after the other, comes to a point."""

    point: Point
    nth: int
    unknown: int = 0

    def __str__(self) -> str:
        return f"{self.point}@{self.nth}"


EDGES = (
    *(Edge(Point.PICTURES_STORED, n) for n in range(1, 5)),
    *(Edge(Point.COMMIT_DONE, n) for n in range(1, 5)),
    *(Edge(Point.PUBLISH_SENDING, n) for n in range(1, 4)),
    *(Edge(Point.CALL_ANSWERED, n, unknown=1) for n in range(1, 4)),
)


def variation(seed: int, *images: str) -> dict[str, object]:
    """A body that makes one picture of others."""
    return {
        "taskType": "IMAGE_VARIATION",
        "imageVariationParams": {"text": "in oil paint", "images": list(images)},
        "imageGenerationConfig": {"seed": seed, "numberOfImages": 1, "width": 512, "height": 512},
    }


def diamond(stack: Stack, seeds: dict[str, int]) -> dict[str, str]:
    """Accepts the workflow as one; job by step."""
    ids = {step: new_job_id() for step in STEPS}
    output = {step: f"$steps.{step}.outputs[0]" for step in STEPS}

    def fields(step: str, *needs: str) -> Any:
        return {"step": step, "needs": {name: ids[name] for name in needs}}

    records = {
        "a": stack.record(text_image(seed=seeds["a"]), **fields("a")),
        "b": stack.local_record({"kind": "invert"}, [output["a"]], **fields("b", "a")),
        "c": stack.record(variation(seeds["c"], output["a"]), **fields("c", "a")),
        "d": stack.record(variation(seeds["d"], output["b"], output["c"]), **fields("d", "b", "c")),
    }
    before = {"a": "", "b": "a", "c": "a", "d": "bc"}
    after = {step: [ids[other] for other in STEPS if step in before[other]] for step in STEPS}
    jobs = [
        ops.NewJob(ids[step], records[step].as_fields(), needs=[ids[other] for other in before[step]], dependants=after[step])
        for step in STEPS
    ]
    stack.ledger.run(ops.accept(jobs, unpaced(*jobs)))
    stack.admit()
    return ids


def play(stage: Stage, edge: Edge) -> str:
    """The workflow with a worker that dies at this edge and one that comes after it; what happened, in a sentence."""
    seeds = {step: stage.seed() for step in PAID}
    with stage.stack() as stack:
        failpoint = f"{edge.point}=kill@{edge.nth}"
        with crewed(stack, "--slots", "1", **PATIENT_CALLS, DARKROOM_FAILPOINTS=failpoint) as first:
            ids = diamond(stack, seeds)
            first.until_killed()
            with crewed(stack, **PATIENT_CALLS):
                views = {step: stack.wait(job, PATIENCE_S) for step, job in ids.items()}
                until_told(stack, ids.values())
        findings = check(gather(stack, list(ids.values()), settle_s=5), torn=True)
        events = {step: every_event(stack, job) for step, job in ids.items()}
        requests = stack.calls_of(*seeds.values())
    for step, view in views.items():
        types = [event.type for event in events[step]]
        assert (view.state, len(view.outputs), types.count("call.commit")) == ("succeeded", 1, 1), f"{edge}: step {step}"
        assert view.cost.actual_usd == (USD if step in PAID else 0), f"{edge}: step {step}"
    for step in "bcd":
        freed = [event for event in events[step] if event.type == "call.park" and "call" not in event.data]
        assert len(freed) == 1, f"{edge}: step {step} is let go once"
    assert len({view.outputs[0].sha256 for view in views.values()}) == len(STEPS), f"{edge}: every step made its own picture"
    assert (len(requests), findings.unknown) == (len(PAID) + edge.unknown, edge.unknown), edge
    assert findings.problems == [], edge
    return f"killed at {edge}: {len(requests)} paid calls for {len(PAID)} paid steps, {edge.unknown} unknown"


@pytest.fixture
def stage(durable_server: Server, bedrock: Running, tmp_path: Path, seed: Seeds) -> Stage:
    """Where workflows run, several at once."""
    return Stage(durable_server.url, bedrock, tmp_path, seed)


def test_a_workflow_goes_on_after_its_worker_died_between_two_steps(stage: Stage, measured: Measured) -> None:
    measured("case 36", play(stage, Edge(Point.COMMIT_DONE, 1)))


@pytest.mark.long
@pytest.mark.parametrize(
    "edges", [EDGES[n : n + WIDTH] for n in range(0, len(EDGES), WIDTH)], ids=lambda edges: " ".join(map(str, edges))
)
def test_a_workflow_ends_well_whichever_edge_its_worker_died_at(stage: Stage, measured: Measured, edges: tuple[Edge, ...]) -> None:
    def player(edge: Edge) -> Callable[[], str]:
        return lambda: play(stage, edge)

    for said in at_once(map(player, edges), WIDTH):
        measured("case 36", said)
