"""Case 36: workflows whose worker dies at each edge.

a ──► b ──► d        a, c and d are paid calls, b is a free local step; d joins the pictures of b and c
 └──► c ──┘

a ──► b, c, d, e, f ──► s    a and the five arms are paid calls; s, a contact sheet, joins what the arms gave
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from darkroom_shared.contract.job_record import JobRecord
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
WIDTH = 2


@dataclass(frozen=True)
class Shape:
    """A graph: its steps in order, those that are paid, and whom each waits for; `joins` may do without some of theirs."""

    steps: str
    paid: str
    before: Mapping[str, str]
    joins: str = ""


DIAMOND = Shape("abcd", "acd", {"a": "", "b": "a", "c": "a", "d": "bc"})
FAN = Shape("abcdefs", "abcdef", {"a": "", **dict.fromkeys("bcdef", "a"), "s": "bcdef"}, joins="s")


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
FAN_EDGES = (
    *(Edge(Point.PICTURES_STORED, n) for n in (1, 2, 6, 7)),
    *(Edge(Point.COMMIT_DONE, n) for n in (1, 2, 5, 6, 7)),
    *(Edge(Point.PUBLISH_SENDING, n) for n in (1, 2, 3)),
    *(Edge(Point.CALL_ANSWERED, n, unknown=1) for n in (1, 4, 6)),
)


def variation(seed: int, *images: str) -> dict[str, object]:
    """A body that makes one picture of others."""
    return {
        "taskType": "IMAGE_VARIATION",
        "imageVariationParams": {"text": "in oil paint", "images": list(images)},
        "imageGenerationConfig": {"seed": seed, "numberOfImages": 1, "width": 512, "height": 512},
    }


def accept(stack: Stack, shape: Shape, seeds: dict[str, int]) -> dict[str, str]:
    """Accepts the workflow as one; job by step."""
    ids = {step: new_job_id() for step in shape.steps}
    output = {step: f"$steps.{step}.outputs[0]" for step in shape.steps}

    def record(step: str) -> JobRecord:
        before = shape.before[step]
        fields: dict[str, Any] = {"step": step, "needs": {name: ids[name] for name in before}}
        if step in shape.joins:
            fields["soft"] = {ids[name]: "gather" for name in before}
        pictures = [output[name] for name in before]
        if step not in shape.paid:
            return stack.local_record({"kind": "contact_sheet" if step in shape.joins else "invert"}, pictures, **fields)
        return stack.record(variation(seeds[step], *pictures) if before else text_image(seed=seeds[step]), **fields)

    after = {step: [ids[other] for other in shape.steps if step in shape.before[other]] for step in shape.steps}
    jobs = [
        ops.NewJob(ids[step], record(step).as_fields(), needs=[ids[other] for other in shape.before[step]], dependants=after[step])
        for step in shape.steps
    ]
    stack.ledger.run(ops.accept(jobs, unpaced(*jobs)))
    stack.admit()
    return ids


def play(stage: Stage, edge: Edge, shape: Shape) -> str:
    """The workflow with a worker that dies at this edge and one that comes after it; what happened, in a sentence."""
    seeds = {step: stage.seed() for step in shape.paid}
    with stage.stack() as stack:
        failpoint = f"{edge.point}=kill@{edge.nth}"
        with crewed(stack, "--slots", "1", **PATIENT_CALLS, DARKROOM_FAILPOINTS=failpoint) as first:
            ids = accept(stack, shape, seeds)
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
        assert view.cost.actual_usd == (USD if step in shape.paid else 0), f"{edge}: step {step}"
    for step in shape.steps[1:]:
        freed = [event for event in events[step] if event.type == "call.park" and "call" not in event.data]
        assert len(freed) == 1, f"{edge}: step {step} is let go once"
    assert len({view.outputs[0].sha256 for view in views.values()}) == len(shape.steps), f"{edge}: every step made its own picture"
    assert (len(requests), findings.unknown) == (len(shape.paid) + edge.unknown, edge.unknown), edge
    assert findings.problems == [], edge
    return f"killed at {edge}: {len(requests)} paid calls for {len(shape.paid)} paid steps, {edge.unknown} unknown"


@pytest.fixture
def stage(durable_server: Server, bedrock: Running, tmp_path: Path, seed: Seeds) -> Stage:
    """Where workflows run, several at once."""
    return Stage(durable_server.url, bedrock, tmp_path, seed)


def test_a_workflow_goes_on_after_its_worker_died_between_two_steps(stage: Stage, measured: Measured) -> None:
    measured("case 36", play(stage, Edge(Point.COMMIT_DONE, 1), DIAMOND))


CASES = [
    pytest.param(shape, edges[n : n + WIDTH], id=f"{name} " + " ".join(map(str, edges[n : n + WIDTH])))
    for name, shape, edges in (("diamond", DIAMOND, EDGES), ("fan", FAN, FAN_EDGES))
    for n in range(0, len(edges), WIDTH)
]


@pytest.mark.long
@pytest.mark.parametrize(("shape", "edges"), CASES)
def test_a_workflow_ends_well_whichever_edge_its_worker_died_at(
    stage: Stage, measured: Measured, shape: Shape, edges: tuple[Edge, ...]
) -> None:
    def player(edge: Edge) -> Callable[[], str]:
        return lambda: play(stage, edge, shape)

    for said in at_once(map(player, edges), WIDTH):
        measured("case 36", said)
