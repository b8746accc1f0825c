"""Held calls through the client, in both colours, with a real worker and endpoint: each decision does what it says, and no more."""

from __future__ import annotations

import json
from typing import cast

import pytest

from darkroom import Darkroom, InvalidRequest, JobHandle, JobState, NothingToDecide, TextImage, UnknownJob
from darkroom.decisions import Decision
from tests.integration.client.live import CENTS, bedrock, boat, live, settings, stack
from tests.integration.local_bedrock.endpoints import text_image
from tests.support.bodies import b64, picture
from tests.support.stack import Stack, new_job_id

__all__ = ["bedrock", "live", "settings", "stack"]

LOST = "reset:count=1"
"""The work is done and billed, and the connection is cut instead of an answer."""
COSTS = {None: (0, CENTS), True: (CENTS, 0), False: (0, 0)}


def held(room: Darkroom, stack: Stack) -> tuple[JobHandle, int]:
    """A job whose one call went out and came to nothing; and its seed."""
    stack.faults(LOST)
    job, seed = boat(room, on_unknown="hold")
    stack.until_event(job.id, "call.hold")
    assert len(stack.calls_of(seed)) == 1
    return job, seed


def cost(job: JobHandle) -> tuple[float | None, float | None]:
    view = job.status()
    return view.cost.actual_usd, view.cost.uncertain_usd


def test_a_held_job_is_listed_and_waits(room: Darkroom, stack: Stack) -> None:
    first, _ = held(room, stack)
    second, _ = held(room, stack)
    listed = [view.id for view in room.held()]
    assert [identity for identity in listed if identity in (first.id, second.id)] == [first.id, second.id]
    assert len(room.held(limit=1)) == 1
    view = first.status()
    assert (view.state, view.reason, view.on_unknown, view.is_terminal) == ("running", "unknown_outcome", "hold", False)
    [attempt] = view.calls[0].attempts
    assert (attempt.outcome, attempt.billed) == ("unknown", None)
    assert cost(first) == (0, CENTS)
    assert view not in room.dead_letters()
    for job in (first, second):
        job.cancel()


def test_without_hold_a_lost_answer_is_called_once_more(room: Darkroom, stack: Stack) -> None:
    stack.faults(LOST)
    job, seed = boat(room)
    assert job.result(30).on_unknown == "retry"
    assert (len(stack.calls_of(seed)), cost(job)) == (2, (CENTS, CENTS))
    assert job.id not in [view.id for view in room.held()]


@pytest.mark.parametrize("billed", [None, True, False])
def test_retry_makes_one_more_call(room: Darkroom, stack: Stack, billed: bool | None) -> None:
    job, seed = held(room, stack)
    assert room.resolve(job.id, "retry", billed=billed) == [f"{job.id}.0"]
    view = job.result(30)
    certain, uncertain = COSTS[billed]
    assert (view.state, cost(job)) == (JobState.SUCCEEDED, (certain + CENTS, uncertain))
    assert len(stack.calls_of(seed)) == 2
    assert [attempt.billed for attempt in view.calls[0].attempts] == [billed, True]
    with pytest.raises(NothingToDecide, match="succeeded"):
        room.resolve(job.id, "retry")


@pytest.mark.parametrize("billed", [None, True, False])
def test_give_up_ends_the_job_as_a_dead_letter(room: Darkroom, stack: Stack, billed: bool | None) -> None:
    job, seed = held(room, stack)
    assert room.resolve(job.id, "give_up", billed=billed) == [f"{job.id}.0"]
    view = job.wait(10)
    assert (view.state, view.reason, cost(job)) == (JobState.FAILED, "provider_timeout_ambiguous", COSTS[billed])
    assert room.dead_letters()[0].id == job.id
    assert len(stack.calls_of(seed)) == 1
    again = room.replay(job.id)
    assert again.result(30).on_unknown == "hold"
    assert len(stack.calls_of(seed)) == 2


def test_an_answer_that_was_found_is_delivered_without_another_call(room: Darkroom, stack: Stack) -> None:
    job, seed = held(room, stack)
    answer = stack.endpoint.invoke(text_image(seed=seed)).body
    calls = len(stack.calls_of(seed))
    assert room.resolve(job.id, answer) == [f"{job.id}.0"]
    view = job.result(30)
    assert (view.state, cost(job)) == (JobState.SUCCEEDED, (CENTS, 0))
    assert [b64(image) for image in job.images()] == json.loads(answer)["images"]
    assert len(stack.calls_of(seed)) == calls
    [attempt] = view.calls[0].attempts
    assert (attempt.outcome, attempt.billed, attempt.recovered) == ("answered", True, True)
    with pytest.raises(NothingToDecide):
        room.resolve(job.id, answer)


def test_bytes_that_are_no_answer_are_refused_and_the_call_stays_held(room: Darkroom, stack: Stack) -> None:
    job, seed = held(room, stack)
    image = b64(picture(64, 64))
    wrong = [b"", b"no JSON", b"[]", b"{}", b'{"images": []}', b'{"images": "x"}', b'{"images": [1]}', b'{"images": ["aGVsbG8="]}']
    wrong += [json.dumps({"images": [image, image]}).encode(), json.dumps({"images": [image[:-40]]}).encode()]
    for data in wrong:
        with pytest.raises(InvalidRequest) as caught:
            room.resolve(job.id, data)
        assert [problem.pointer for problem in caught.value.problems] == ["/answer"]
    with pytest.raises(InvalidRequest) as caught:
        room.resolve(job.id, cast("Decision", "perhaps"))
    assert [problem.pointer for problem in caught.value.problems] == ["/decision"]
    assert job.id in [view.id for view in room.held()]
    assert (cost(job), len(stack.calls_of(seed))) == ((0, CENTS), 1)
    assert room.resolve(job.id, json.dumps({"images": [image], "error": None}).encode())
    assert job.result(30).outputs[0].width == 64


def test_a_held_job_can_be_canceled(room: Darkroom, stack: Stack) -> None:
    job, seed = held(room, stack)
    assert room.cancel(job.id) == "prevented"
    assert (job.status().state, cost(job), len(stack.calls_of(seed))) == (JobState.CANCELED, (0, CENTS), 1)
    assert job.id not in [view.id for view in room.held()]
    with pytest.raises(NothingToDecide, match="canceled"):
        room.resolve(job.id, "retry")


def test_a_held_step_keeps_the_steps_after_it_waiting(room: Darkroom, stack: Stack) -> None:
    stack.faults(LOST)
    chain = room.chain(
        ("draw", TextImage("a boat", width=512, height=512)),
        ("vary", {"taskType": "IMAGE_VARIATION", "imageVariationParams": {"text": "in oil"}}),
        on_unknown="hold",
    )
    stack.until_event(chain.steps["draw"].id, "call.hold")
    assert [step.state for step in chain.status().steps] == ["running", "waiting"]
    room.resolve(chain.steps["draw"].id, "retry", billed=False)
    assert [step.state for step in chain.result(30).steps] == ["succeeded", "succeeded"]


def test_there_is_nothing_to_decide_about_other_jobs(room: Darkroom, stack: Stack) -> None:
    job, _ = boat(room)
    job.result(30)
    with pytest.raises(NothingToDecide, match="succeeded"):
        room.resolve(job.id, "give_up")
    with pytest.raises(UnknownJob):
        room.resolve(new_job_id(), "retry")
    with pytest.raises(UnknownJob):
        room.resolve("wf_42", "retry")


@pytest.mark.parametrize("keep", [True, False])
def test_a_paid_call_that_is_canceled_delivers_its_picture_unless_it_is_not_wanted(
    room: Darkroom, stack: Stack, keep: bool
) -> None:
    stack.faults("slow=1:count=1")
    job, seed = boat(room)
    stack.until_event(job.id, "call.gate")
    assert room.cancel(job.id, keep=keep) == "detached"
    view = job.wait(30)
    assert (view.state, len(view.outputs), cost(job)) == (JobState.CANCELED, int(keep), (CENTS, 0))
    assert len(stack.calls_of(seed)) == 1
