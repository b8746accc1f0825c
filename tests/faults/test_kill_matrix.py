"""Cases 1 to 5: a worker dies or freezes between any two writes, and another one takes over.

The number of paid calls is exact at every failpoint: nothing is called again that was answered and stored, and what is called again
all the same stands in the ledger as possibly billed.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from darkroom_shared.failpoints import Point
from darkroom_shared.store import ops
from tests.faults.checker import check, gather
from tests.faults.crew import PATIENCE_S, PATIENT, RECOVERY_S, at_once, calls_under, crewed, epoch, until_told
from tests.faults.fleet import Fleet
from tests.faults.scenes import PATIENT_CALLS, Ending, Scene, Stage, stored_picture
from tests.integration.local_bedrock.endpoints import Running, text_image
from tests.support.stack import PRICE, Stack, new_job_id
from tests.support.valkey import Server

Seeds = Callable[[], int]
Measured = Callable[[str, str], None]
USD = PRICE / 1_000_000
NOISE_S = 1.5
"""What the machine may add to a recovery, at least; a busy one adds as much as it adds to the start of a worker."""
WIDTH = 2
"""Scenes at once: more of them only wait for each other's processes to start."""

EXPECTED: Mapping[Point, tuple[int, int]] = {
    Point.TASK_RECEIVED: (0, 1),
    Point.CLAIM_TAKEN: (0, 1),
    Point.GATE_OPENED: (1, 1),
    Point.CALL_ANSWERED: (1, 2),
    Point.RECEIPT_STORED: (0, 1),
    Point.RECEIPT_NOTED: (0, 1),
    Point.PICTURES_STORED: (0, 1),
    Point.COMMIT_DONE: (0, 1),
    Point.FAILURE_SENDING: (1, 2),
    Point.PUBLISH_SENDING: (0, 1),
    Point.PUBLISH_DONE: (0, 1),
    Point.RECONCILE_DONE: (0, 1),
}
"""What the ledger counts as unknown, and how many requests the endpoint saw, for a worker that dies or freezes there."""
LAST_WORDS: Mapping[Point, list[str]] = {
    Point.CLAIM_TAKEN: ["stale"],
    Point.GATE_OPENED: ["lease_lost"],
    Point.CALL_ANSWERED: ["lease_lost"],
    Point.RECEIPT_STORED: ["recovered"],
    Point.RECEIPT_NOTED: ["lease_lost"],
    Point.PICTURES_STORED: ["lease_lost"],
    Point.COMMIT_DONE: ["succeeded"],
    Point.FAILURE_SENDING: ["lease_lost"],
}
FREE_POINTS = (Point.GATE_OPENED, Point.PICTURES_STORED, Point.COMMIT_DONE)
SCENES = (
    *(Scene(point, "kill") for point in EXPECTED),
    *(Scene(point, "stop") for point in EXPECTED),
    *(Scene(point, "kill", "free") for point in FREE_POINTS),
    *(Scene(point, "stop", "free") for point in FREE_POINTS),
)


def batches() -> Iterator[Any]:
    """Scenes side by side."""
    for start in range(0, len(SCENES), WIDTH):
        batch = SCENES[start : start + WIDTH]
        yield pytest.param(batch, id=" + ".join(map(str, batch)))


@pytest.fixture
def stage(durable_server: Server, bedrock: Running, tmp_path_factory: pytest.TempPathFactory, seed: Seeds) -> Stage:
    """Where scenes are played."""
    return Stage(durable_server.url, bedrock, tmp_path_factory.mktemp("scenes"), seed)


def prove(scene: Scene, ending: Ending) -> None:
    """The promises, for one scene."""
    unknown, requests = EXPECTED[scene.point]
    view, commits = ending.view, ending.events.count("call.commit")
    failed = scene.point is Point.FAILURE_SENDING
    terminal = ("failed", "invalid_input", 0) if failed else ("succeeded", "", 1)
    assert (view.state, view.reason, len(view.outputs)) == terminal, scene
    assert commits == terminal[2], f"{scene}: one result"
    if scene.kind == "free":
        assert (view.cost.actual_usd, view.cost.uncertain_usd, len(ending.requests)) == (0, 0, 0), scene
    else:
        assert (len(ending.requests), ending.unknown) == (requests, unknown), scene
        paid = (0 if failed else USD, unknown * USD)
        assert (view.cost.actual_usd, view.cost.uncertain_usd) == paid, scene
        billed = sum(entry["billed"] for entry in ending.requests)
        assert billed <= (not failed) + unknown, f"{scene}: everything that was billed is in the ledger"
    if scene.action == "stop" and scene.kind == "paid" and scene.point in LAST_WORDS:
        assert ending.last_words == LAST_WORDS[scene.point], f"{scene}: the write of the worker that came back"
    if scene == Scene(Point.GATE_OPENED, "stop"):
        assert ending.noticed, f"{scene}: it saw by its clock that it had stood still, and sent nothing"
    claims = scene.point not in (Point.TASK_RECEIVED, Point.PUBLISH_SENDING, Point.PUBLISH_DONE, Point.RECONCILE_DONE)
    assert ending.claimed_by_first == claims, scene
    assert ending.findings.problems == [], scene


def play_all(stage: Stage, scenes: Sequence[Scene]) -> list[Ending]:
    """Plays scenes side by side and proves each."""

    def player(scene: Scene) -> Callable[[], Ending]:
        return lambda: stage.play(scene)

    endings = at_once(map(player, scenes), WIDTH)
    for scene, ending in zip(scenes, endings, strict=True):
        prove(scene, ending)
    return endings


def test_a_worker_that_dies_with_an_answer_in_hand_costs_one_more_call_and_with_a_noted_one_none(
    stage: Stage, measured: Measured
) -> None:
    scenes = [Scene(Point.CALL_ANSWERED, "kill"), Scene(Point.RECEIPT_NOTED, "kill")]
    endings = play_all(stage, scenes)
    measured("case 4", "; ".join(f"{scene}: {ending.recovered_s:.1f} s" for scene, ending in zip(scenes, endings, strict=True)))


def kill_in_mid_call(stack: Stack, seed: Seeds, victims: int, calls_each: int) -> str:
    """Workers full of slow calls are killed one after the other, and one that is ready takes over; what happened, in a sentence."""
    numbers = [seed() for _ in range(victims * calls_each)]
    stack.faults("slow=60")
    with Fleet(stack, victims, "--slots", str(calls_each), restart=False, DARKROOM_READ_TIMEOUT="PT90S") as fleet:
        jobs = [stack.submit(text_image(seed=number)) for number in numbers]
        stack.until(lambda: stack.endpoint.stats()["in_flight"] == len(jobs), "every request to reach the endpoint", PATIENCE_S)
        began = time.monotonic()
        with crewed(stack, **PATIENT_CALLS):
            noise_s = max(NOISE_S, time.monotonic() - began)
            stack.faults()
            killed_at: dict[int, float] = {}
            for victim in range(victims):
                killed_at[fleet.pid(victim)] = time.time()
                fleet.kill(victim)
            assert [fleet.until_exit(victim, 0) for victim in range(victims)] == [-signal.SIGKILL] * victims
            views = [stack.wait(job, PATIENCE_S) for job in jobs]
            until_told(stack, jobs)
    findings = check(gather(stack, jobs, settle_s=5), torn=True)
    waits: list[float] = []
    for number, view in zip(numbers, views, strict=True):
        first, second = view.calls[0].attempts
        assert [first.outcome, second.outcome] == ["unknown", "answered"]
        assert (view.state, view.cost.actual_usd, view.cost.uncertain_usd) == ("succeeded", USD, USD)
        lost, again = calls_under(stack, number, ended=2)
        assert (lost["outcome"], again["outcome"]) == ("cut", "answered")
        waits.append(epoch(again) - killed_at[int(first.worker.rpartition(":")[2])])
    assert (findings.calls, findings.billed, findings.unknown) == (2 * len(jobs), 2 * len(jobs), len(jobs))
    assert findings.problems == []
    assert max(waits) <= RECOVERY_S + noise_s
    spread = f"{min(waits):.1f} to {max(waits):.1f} s (noise {noise_s:.1f} s)"
    return f"{len(jobs)} calls of {victims} killed workers: {len(jobs)} unknown, {len(jobs)} more calls, made after {spread}"


def test_a_call_whose_worker_is_killed_is_made_once_more_within_the_lease(stack: Stack, seed: Seeds, measured: Measured) -> None:
    measured("case 1", kill_in_mid_call(stack, seed, victims=1, calls_each=2))


@pytest.mark.long
def test_twenty_calls_whose_workers_are_killed_are_made_once_more_each(stack: Stack, seed: Seeds, measured: Measured) -> None:
    measured("case 1", kill_in_mid_call(stack, seed, victims=4, calls_each=5))


@pytest.mark.long
def test_a_step_whose_child_process_is_killed_runs_in_a_new_one(stack: Stack, seed: Seeds, measured: Measured) -> None:
    """Case 2: the worker lives on, and so does the paid call beside it."""
    sha256 = stored_picture(stack)
    number = seed()

    def step() -> str:
        job_id = new_job_id()
        record = stack.local_record({"kind": "invert"}, [f"asset:{sha256}"], inputs=[sha256])
        stack.accept([ops.NewJob(job_id, record.as_fields())])
        return job_id

    with crewed(stack, **PATIENT) as worker:
        warm = step()
        assert stack.wait(warm).state == "succeeded"
        [child] = worker.step_children()
        os.kill(child, signal.SIGSTOP)
        stack.faults("slow=1")
        paid, lost = stack.submit(text_image(seed=number)), step()
        stack.until_event(lost, "call.gate")
        os.kill(child, signal.SIGKILL)
        views = [stack.wait(job) for job in (paid, lost)]
        assert worker.process.poll() is None
        assert worker.step_children() != [child]
        until_told(stack, [paid, lost])
    assert [(view.state, len(view.calls[0].attempts), view.cost.uncertain_usd) for view in views] == [("succeeded", 1, 0)] * 2
    assert len(calls_under(stack, number, ended=1)) == 1
    assert check(gather(stack, [warm, paid, lost], settle_s=5)).problems == []
    measured("case 2", "child of a step killed: one attempt, the paid call beside it untouched")


@pytest.mark.long
@pytest.mark.parametrize("scenes", [*batches()])
def test_every_moment_of_a_worker_that_dies_or_freezes(stage: Stage, measured: Measured, scenes: list[Scene]) -> None:
    for scene, ending in zip(scenes, play_all(stage, scenes), strict=True):
        calls = f"{len(ending.requests)} calls, {ending.unknown} unknown"
        measured("cases 3 to 5", f"{scene}: {calls}, over {ending.recovered_s:.1f} s after the crash")
