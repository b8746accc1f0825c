"""Workflows against a real ledger: recorded whole or not at all, run in order, canceled, saved, resumed from the id."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from darkroom import (
    BackgroundRemoval,
    Composite,
    Darkroom,
    IdempotencyConflict,
    ImageVariation,
    InvalidRequest,
    JobFailed,
    JobState,
    LocalStep,
    Outpainting,
    Settings,
    StillRunning,
    TextImage,
    WorkflowHandle,
    ZoomOut,
)
from darkroom_shared.store import ops
from darkroom_shared.task_types import as_array
from tests.integration.client.hand_worker import REFUSED, HandWorker
from tests.support.bodies import b64, picture
from tests.support.valkey import probe

NOVA = "amazon.nova-canvas-v1:0"
STEPS = ["background_removal", "flatten", "mask_from_alpha", "outpainting", "variation"]


def three(room: Darkroom, **options: str) -> WorkflowHandle:
    """The chain of the README."""
    steps = BackgroundRemoval(picture()), Outpainting(text="a beach"), ImageVariation(text="evening", number_of_images=3)
    return room.chain(*steps, model=NOVA, idempotency_key=options.get("key"))


def test_a_chain_runs_step_by_step_and_its_pictures_are_the_last_steps(room: Darkroom, worker: HandWorker) -> None:
    flow = three(room)
    assert list(flow.steps) == STEPS
    # A message a step, and the next only when the one before is done.
    assert [message.task for message in worker.messages()] == ["darkroom.background_removal"]
    assert worker.run() == 5
    view = flow.result(timeout=5)
    assert [step.state for step in view.steps] == [JobState.SUCCEEDED] * 5
    assert len(flow.images()) == 3
    assert flow.images() == flow.steps["variation"].images()


def test_a_wait_passes_over_a_step_whose_retention_is_over(room: Darkroom, worker: HandWorker) -> None:
    flow = three(room)
    claim = worker.claim()
    assert claim is not None
    worker.finish(claim)
    worker.redis.delete(f"{worker.settings.key_prefix}job:{claim.job['id']}")
    with pytest.raises(StillRunning):
        flow.wait(timeout=0.05)
    flow.cancel()
    assert len(flow.wait(timeout=5).steps) == 4


def test_steps_wait_for_the_ones_they_need(room: Darkroom, worker: HandWorker) -> None:
    flow = three(room)
    assert [step.state for step in flow.status().steps] == [JobState.QUEUED, *[JobState.WAITING] * 4]
    claim = worker.claim()
    assert claim is not None
    worker.finish(claim)
    states = {step.step: step.state for step in flow.status().steps}
    assert states["flatten"] == states["mask_from_alpha"] == JobState.QUEUED
    assert states["outpainting"] == JobState.WAITING


def test_a_worker_gets_the_outputs_of_the_steps_before_by_name(room: Darkroom, worker: HandWorker) -> None:
    three(room)
    claims: dict[str, ops.Claim] = {}
    while (claim := worker.claim()) is not None:
        claims[claim.job["step"]] = claim
        worker.finish(claim)
    assert list(claims) == STEPS
    assert set(claims["outpainting"].inputs) == {"flatten", "mask_from_alpha"}
    assert json.loads(claims["outpainting"].job["request"])["outPaintingParams"]["image"] == "$steps.flatten.outputs[0]"


def test_local_steps_are_free_jobs_of_their_own_lane(room: Darkroom) -> None:
    flow = three(room)
    view = flow.steps["flatten"].status()
    assert (view.kind, view.task_type, view.model, view.cost.estimated_usd) == ("local", "local.flatten", "", 0)
    assert view.request == {
        "step": {"kind": "flatten", "background": "#ffffff"},
        "images": ["$steps.background_removal.outputs[0]"],
    }
    assert flow.status().cost.estimated_usd == 0.04 + 0.04 + 3 * 0.04


def test_the_plan_shows_what_the_chain_records_and_costs_nothing(room: Darkroom, settings: Settings) -> None:
    steps = BackgroundRemoval(picture()), Outpainting(text="a beach"), ImageVariation(text="evening", number_of_images=3)
    plan = room.plan(*steps, model=NOVA)
    with probe(settings.redis_url) as connection:
        assert connection.dbsize() == 0
    assert [step.name for step in plan.steps] == STEPS
    shown = json.loads(json.dumps([step.as_json() for step in plan.steps]))
    assert [dict(step) for step in three(room).status().plan] == shown
    assert all(step.route is None or step.route in step.routes for step in plan.steps)


def test_one_bad_step_stops_the_whole_chain_before_anything_is_stored_or_paid(room: Darkroom, settings: Settings) -> None:
    with pytest.raises(InvalidRequest) as caught:
        room.chain(
            BackgroundRemoval(b"no picture"),
            ("out", Outpainting(text="a beach", seed=-1)),
            {"taskType": "IMAGE_VARIATION", "imageVariationParams": {"text": "evening", "similarityStrength": 3}},
            model=NOVA,
        )
    assert [problem.pointer for problem in caught.value.problems] == [
        "/steps/background_removal/backgroundRemovalParams/image",
        "/steps/out/imageGenerationConfig/seed",
        "/steps/variation/imageVariationParams/similarityStrength",
    ]
    with probe(settings.redis_url) as connection:
        assert connection.dbsize() == 0
    assert not [path for path in settings.home_folder.rglob("*") if path.is_file()]


def test_a_start_picture_reaches_a_local_first_step(room: Darkroom, worker: HandWorker) -> None:
    flow = room.chain(ZoomOut(width=1024, height=1024), Outpainting(text="a garden"), image=picture(512, 512), model=NOVA)
    zoom = flow.steps["zoom_out"].status()
    assert str(as_array(zoom.request["images"])[0]).startswith("asset:")
    params = flow.steps["outpainting"].status().request["outPaintingParams"]
    assert params == {"image": "$steps.zoom_out.outputs[0]", "text": "a garden", "maskImage": "$steps.zoom_out.outputs[1]"}
    assert worker.run() == 2


def test_two_branches_join_in_a_local_step(room: Darkroom, worker: HandWorker) -> None:
    flow = room.chain(
        ("ground", TextImage("a beach", width=1024, height=1024)),
        ("cut", BackgroundRemoval(picture(512, 512))),
        ("joined", LocalStep(Composite(), ["$steps.ground.outputs[0]", "$steps.cut.outputs[0]"])),
        model=NOVA,
    )
    assert list(flow.steps) == ["ground", "cut", "joined"]
    assert {message.task for message in worker.messages()} == {"darkroom.text_image", "darkroom.background_removal"}
    worker.run()
    assert flow.wait(timeout=5).state is JobState.SUCCEEDED


def test_a_local_step_may_be_written_as_json(room: Darkroom) -> None:
    flow = room.chain({"step": {"kind": "zoom_out", "width": 1024, "height": 1024}, "images": [picture(512, 512)]}, model=NOVA)
    assert flow.steps["zoom_out"].status().task_type == "local.zoom_out"
    with pytest.raises(InvalidRequest):
        room.chain({"step": {"kind": "sharpen"}}, model=NOVA)


def test_a_json_step_takes_base64_like_every_json_body(room: Darkroom) -> None:
    flow = room.chain({"step": {"kind": "flatten"}, "images": [b64(picture(512, 512))]}, model=NOVA)
    assert len(flow.steps) == 1
    # A path of this machine must not be readable by whoever sends JSON.
    with pytest.raises(InvalidRequest, match="not valid base64"):
        room.chain({"step": {"kind": "flatten"}, "images": [__file__]}, model=NOVA)


def test_the_same_key_gives_the_same_workflow(room: Darkroom, worker: HandWorker) -> None:
    first, again = three(room, key="order-17"), three(room, key="order-17")
    assert (first, first.replayed, again.replayed) == (again, False, True)
    assert {name: step.id for name, step in first.steps.items()} == {name: step.id for name, step in again.steps.items()}
    with pytest.raises(IdempotencyConflict):
        room.chain(TextImage("a boat"), idempotency_key="order-17", model=NOVA)
    with pytest.raises(IdempotencyConflict):
        room.submit(TextImage("a boat"), idempotency_key="order-17", model=NOVA)


def test_a_step_that_fails_ends_those_that_wait_for_it_and_names_itself(room: Darkroom, worker: HandWorker) -> None:
    flow = three(room)
    worker.run(failure=REFUSED)
    view = flow.wait(timeout=5)
    assert [step.state for step in view.steps] == [JobState.FAILED, *[JobState.CANCELED] * 4]
    assert view.state is JobState.FAILED
    with pytest.raises(JobFailed, match="end of life") as caught:
        flow.result(timeout=1)
    assert caught.value.job_id == flow.steps["background_removal"].id


def test_a_wait_that_runs_out_names_the_workflow(room: Darkroom) -> None:
    flow = three(room)
    with pytest.raises(StillRunning) as caught:
        flow.wait(timeout=0.05)
    assert caught.value.job_id == flow.id
    with pytest.raises(StillRunning):
        flow.images()


def test_canceling_keeps_what_is_finished(room: Darkroom, worker: HandWorker) -> None:
    flow = three(room)
    claim = worker.claim()
    assert claim is not None
    worker.finish(claim)
    assert flow.cancel() == "prevented"
    view = flow.wait(timeout=5)
    assert [step.state for step in view.steps] == [JobState.SUCCEEDED, *[JobState.CANCELED] * 4]
    assert {step.reason for step in view.steps[1:]} == {"user"}
    assert flow.cancel() == "finished"
    assert len(flow.steps["background_removal"].images()) == 1


def test_events_of_all_steps_come_with_their_names_and_end(room: Darkroom, worker: HandWorker) -> None:
    flow = three(room)
    worker.run()
    events = list(flow.events(timeout=5))
    assert {event.step for event in events} == set(STEPS)
    assert [event.is_terminal for event in events].count(True) == 5
    for name in STEPS:
        numbers = [event.sequence for event in events if event.step == name]
        assert numbers == list(range(1, len(numbers) + 1))
    assert list(flow.events(after=100, timeout=5)) == []


def test_a_workflow_is_found_again_by_its_id(room: Darkroom, settings: Settings, worker: HandWorker) -> None:
    flow = three(room)
    worker.run()
    assert room.find(flow.id) == flow
    with Darkroom(settings=settings) as another:
        found = another.workflow(flow.id)
        assert list(found.steps) == STEPS
        assert len(found.images()) == 3


def test_saving_gives_every_step_a_folder_and_the_whole_a_document(room: Darkroom, worker: HandWorker, tmp_path: Path) -> None:
    flow = three(room)
    with pytest.raises(StillRunning):
        flow.save(tmp_path)
    worker.run()
    files = [str(file.relative_to(tmp_path)) for file in flow.save(tmp_path)]
    assert files[:2] == ["1_background_removal/0.png", "1_background_removal/job.json"]
    assert files[-5:] == ["5_variation/0.png", "5_variation/1.png", "5_variation/2.png", "5_variation/job.json", "workflow.json"]
    assert json.loads((tmp_path / "workflow.json").read_text())["id"] == flow.id


def test_an_unused_branch_is_warned_of(settings: Settings) -> None:
    with Darkroom(settings=settings) as room, pytest.warns(UserWarning, match="No later step uses") as caught:
        room.chain(TextImage("a boat"), TextImage("a beach"), model=NOVA)
    assert caught[0].filename == __file__
