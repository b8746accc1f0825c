"""Handles against a real ledger: status, waiting, events, pictures, saving, canceling, and the same from the id alone."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from darkroom import (
    Darkroom,
    Inpainting,
    JobCanceled,
    JobFailed,
    JobState,
    Settings,
    StillRunning,
    TextImage,
    UnknownJob,
)
from tests.integration.client.hand_worker import REFUSED, HandWorker
from tests.support.bodies import mask, picture

BOAT = TextImage("a red sailboat", seed=7, number_of_images=2)


def test_a_finished_job_gives_its_pictures_in_order(room: Darkroom, worker: HandWorker) -> None:
    job = room.submit(BOAT)
    assert worker.run() == 1
    view = job.result(timeout=5)
    assert (view.state, [output.index for output in view.outputs]) == (JobState.SUCCEEDED, [0, 1])
    assert job.images() == [worker.store.get(output.sha256) for output in view.outputs]
    assert [(attempt.attempt, attempt.worker) for attempt in view.calls[0].attempts] == [(1, "hand")]


def test_a_wait_ends_with_the_job_not_with_the_next_look(settings: Settings, worker: HandWorker) -> None:
    with Darkroom(settings=settings) as room, ThreadPoolExecutor(1) as threads:
        job = room.submit(BOAT)
        listening = threading.Event()

        def watch() -> JobState:
            for event in job.events(timeout=30):
                if event.type == "call.admit":
                    listening.set()
            return job.wait(timeout=30).state

        future = threads.submit(watch)
        assert listening.wait(10)
        worker.run()
        assert future.result(timeout=5) is JobState.SUCCEEDED


def test_a_wait_that_runs_out_leaves_a_handle_of_full_use(room: Darkroom, worker: HandWorker) -> None:
    job = room.submit(BOAT)
    with pytest.raises(StillRunning, match=job.id) as caught:
        job.wait(timeout=0.05)
    assert (caught.value.job_id, caught.value.state) == (job.id, "queued")
    assert isinstance(caught.value, TimeoutError)
    worker.run()
    assert job.wait(timeout=5).state is JobState.SUCCEEDED


def test_a_wait_of_no_time_looks_once(room: Darkroom, worker: HandWorker) -> None:
    job = room.submit(BOAT)
    with pytest.raises(StillRunning):
        job.wait(timeout=0)
    worker.run()
    assert job.wait(timeout=0).is_terminal


def test_pictures_of_a_job_that_still_runs_are_refused_at_once(room: Darkroom, tmp_path: Path) -> None:
    job = room.submit(BOAT)
    with pytest.raises(StillRunning):
        job.images()
    with pytest.raises(StillRunning):
        job.save(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_handle_is_made_again_from_the_id_alone(room: Darkroom, settings: Settings, worker: HandWorker) -> None:
    job_id = room.submit(BOAT).id
    worker.run()
    assert room.job(job_id).status() == room.find(job_id).wait(timeout=1)
    with Darkroom(settings=settings) as another:
        assert len(another.job(job_id).images()) == 2


@pytest.mark.parametrize(
    "identity", ["job_01m7z6zckzthepv4bx3ay2vrpy", "wf_01m7z6zckzthepv4bx3ay2vrpy", "nonsense", "job_", "wf_x"]
)
def test_an_id_that_nobody_knows_is_said_to_be_unknown(room: Darkroom, identity: str) -> None:
    with pytest.raises(UnknownJob):
        room.find(identity)
    with pytest.raises(UnknownJob):
        room.cancel(identity)


def test_waiting_for_a_job_that_is_not_there_does_not_hang(room: Darkroom) -> None:
    with pytest.raises(UnknownJob):
        room.job("job_01m7z6zckzthepv4bx3ay2vrpy").wait(timeout=5)
    with pytest.raises(UnknownJob):
        list(room.job("job_01m7z6zckzthepv4bx3ay2vrpy").events(timeout=0.05))


def test_events_tell_the_whole_life_in_order_and_end(room: Darkroom, worker: HandWorker) -> None:
    job = room.submit(BOAT)
    worker.run()
    events = list(job.events(timeout=5))
    assert [event.type for event in events] == ["job.accepted", "call.admit", "call.claim", "call.gate", "call.commit"]
    assert [event.sequence for event in events] == [1, 2, 3, 4, 5]
    assert [event.is_terminal for event in events] == [False] * 4 + [True]
    assert [event.sequence for event in job.events(after=3, timeout=5)] == [4, 5]
    assert list(job.events(after=5, timeout=5)) == []


def test_events_of_a_job_that_does_not_end_stop_with_the_time(room: Darkroom, worker: HandWorker) -> None:
    seen = []
    with pytest.raises(StillRunning):
        for event in room.submit(BOAT).events(timeout=0.1):
            seen.append(event.type)
    assert seen == ["job.accepted", "call.admit"]


def test_a_failed_job_is_a_view_for_wait_and_an_error_for_result(room: Darkroom, worker: HandWorker) -> None:
    job = room.submit(BOAT)
    worker.run(failure=REFUSED)
    view = job.wait(timeout=5)
    assert view.state is JobState.FAILED
    assert view.error is not None
    assert view.error.provider_code == "ResourceNotFoundException"
    for ask in (job.images, lambda: job.result(timeout=5)):
        with pytest.raises(JobFailed, match="past its end of life") as caught:
            ask()
        assert (caught.value.job_id, caught.value.reason) == (job.id, "model_retired")


def test_a_job_canceled_before_its_start_is_prevented_and_never_claimed(room: Darkroom, worker: HandWorker) -> None:
    job = room.submit(BOAT)
    assert job.cancel() == "prevented"
    assert job.status().state is JobState.CANCELED
    assert job.cancel() == "finished"
    assert job.wait(timeout=1).cost.actual_usd == 0
    with pytest.raises(JobCanceled):
        job.images()


def test_a_paid_call_under_way_is_detached_and_its_pictures_are_kept(room: Darkroom, worker: HandWorker) -> None:
    job = room.submit(BOAT)
    claim = worker.claim()
    assert claim is not None
    assert job.cancel() == "detached"
    assert job.status().state is JobState.CANCELING
    worker.finish(claim)
    view = job.wait(timeout=5)
    assert (view.state, len(view.outputs)) == (JobState.CANCELED, 2)


def test_saving_writes_pictures_and_the_whole_story(room: Darkroom, worker: HandWorker, tmp_path: Path) -> None:
    job = room.submit(BOAT)
    worker.run()
    files = job.save(tmp_path / "deep" / "out")
    assert [file.name for file in files] == ["0.png", "1.png", "job.json"]
    assert [file.read_bytes() for file in files[:2]] == job.images()
    story = json.loads(files[2].read_text())
    assert (story["id"], story["request"]["textToImageParams"]["text"]) == (job.id, "a red sailboat")
    assert story["calls"][0]["attempts"][0]["outcome"] == "answered"


def test_a_mask_that_came_along_is_saved_beside_the_pictures_but_is_none_of_them(
    room: Darkroom, worker: HandWorker, tmp_path: Path
) -> None:
    request = Inpainting(picture(), "a boat", mask_image=mask(), return_mask=True)
    job = room.submit(request, model="amazon.titan-image-generator-v2:0")
    worker.run()
    assert len(job.images()) == 1
    assert [file.name for file in job.save(tmp_path)] == ["0.png", "mask.png", "job.json"]


def test_jobs_are_listed_newest_first_and_by_tenant(room: Darkroom) -> None:
    made = [room.submit(BOAT, tenant=tenant).id for tenant in ("one", "two", "one")]
    # Jobs of one millisecond are listed by id, and their random parts may fall either way.
    assert {view.id for view in room.jobs()} == set(made)
    assert {view.id for view in room.jobs(tenant="one")} == {made[0], made[2]}
    assert len(room.jobs(limit=1)) == 1


def test_registered_workers_are_listed_with_their_slots(room: Darkroom, worker: HandWorker) -> None:
    assert [(found.id, found.slots, found.host) for found in room.workers()] == [("hand", 100, "here")]
