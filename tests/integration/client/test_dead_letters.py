"""Dead letters through the client, in both colours, with a real worker and endpoint: found, replayed once, discarded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest

from darkroom import (
    AssetMissing,
    BackgroundRemoval,
    Darkroom,
    IdempotencyConflict,
    ImageVariation,
    InvalidRequest,
    JobState,
    NothingToDecide,
    TextImage,
    UnknownJob,
    ZoomOut,
)
from darkroom_shared.storage import open_store
from darkroom_shared.store import reads
from tests.conformance.ledger.driver import raw_redis
from tests.integration.client.live import CENTS, bedrock, boat, live, settings, stack
from tests.support.bodies import b64, picture
from tests.support.stack import Stack, new_job_id

__all__ = ["bedrock", "live", "settings", "stack"]

DENIED = "error=AccessDeniedException:count=1"


def dead(room: Darkroom, stack: Stack) -> tuple[str, int]:
    """A job that the endpoint refused; its id and its seed."""
    stack.faults(DENIED)
    job, seed = boat(room)
    assert job.wait(30).state is JobState.FAILED
    return job.id, seed


def test_a_job_that_gave_up_is_found_with_every_attempt(room: Darkroom, stack: Stack) -> None:
    stack.faults("error=ServiceUnavailableException:count=2", DENIED)
    job, seed = boat(room)
    view = job.wait(60)
    letter = room.dead_letters()[0]
    assert letter == view
    assert letter.error is not None
    assert (letter.id, letter.state, letter.error.code) == (job.id, "failed", "model_access_denied")
    attempts = letter.calls[0].attempts
    calls = stack.calls_of(seed)
    assert [attempt.outcome for attempt in attempts] == ["provider_unavailable", "provider_unavailable", "failed"]
    assert [attempt.billed for attempt in attempts] == [False, False, False]
    assert [attempt.request_id for attempt in attempts] == [entry["request_id"] for entry in calls]
    assert [attempt.attempt for attempt in attempts] == [1, 2, 3]
    assert all(attempt.duration_s is not None and attempt.worker and attempt.region == "us-east-1" for attempt in attempts)
    assert (letter.cost.actual_usd, letter.cost.uncertain_usd) == (0, 0)


def test_dead_letters_are_listed_from_the_newest_for_one_tenant_or_all(room: Darkroom, stack: Stack) -> None:
    stack.faults("error=AccessDeniedException")
    jobs = [room.submit(TextImage("a boat", width=512, height=512), tenant=tenant) for tenant in ("red", "blue", "red")]
    for job in jobs:
        job.wait(30)
    ends = {job.id: job.status().timings.finished for job in jobs}
    newest = sorted(ends, key=lambda identity: str(ends[identity]), reverse=True)
    listed = [view.id for view in room.dead_letters() if view.id in newest]
    assert listed == newest
    reds = [view.id for view in room.dead_letters(tenant="red") if view.id in newest]
    assert reds == [identity for identity in newest if identity != jobs[1].id]
    assert [view.id for view in room.dead_letters(limit=1, tenant="blue")] == [jobs[1].id]


def test_a_replay_with_a_change_succeeds_and_both_jobs_name_each_other(room: Darkroom, stack: Stack) -> None:
    old, seed = dead(room, stack)
    again = room.replay(old, {"textToImageParams": {"text": "a blue boat"}, "imageGenerationConfig": {"seed": seed + 100_000}})
    new = again.result(30)
    assert new.request == {
        "taskType": "TEXT_IMAGE",
        "textToImageParams": {"text": "a blue boat"},
        "imageGenerationConfig": {"width": 512, "height": 512, "seed": seed + 100_000},
    }
    assert (new.replays, room.job(old).status().replaced_by) == (old, again.id)
    assert (new.state, new.cost.actual_usd) == ("succeeded", CENTS)
    assert old not in [view.id for view in room.dead_letters()]
    assert (len(stack.calls_of(seed)), len(stack.calls_of(seed + 100_000))) == (1, 1)


def test_a_replay_keeps_the_guardrail_unless_another_is_named(room: Darkroom, stack: Stack) -> None:
    request = TextImage("a red sailboat", width=512, height=512)
    old = room.submit(request, guardrail="nosuch:1", guardrail_gates=["output"])
    assert old.wait(timeout=60).state == "failed"
    kept = room.replay(old.id)
    view = kept.wait(timeout=60)
    assert (view.state, view.guardrail, view.guardrail_gates) == ("failed", "nosuch:1", ("output",))
    assert view.error is not None
    assert view.error.code == "guardrail_not_found"
    other = room.replay(kept.id, guardrail="localguard:1").wait(timeout=60)
    assert (other.state, other.guardrail, other.guardrail_gates) == ("succeeded", "localguard:1", ("output",))


def test_a_dead_letter_is_replayed_once(room: Darkroom, stack: Stack) -> None:
    old, seed = dead(room, stack)
    first = room.replay(old)
    with pytest.raises(NothingToDecide, match=first.id):
        room.replay(old)
    with pytest.raises(NothingToDecide, match=first.id):
        room.discard(old)
    first.result(30)
    assert len(stack.calls_of(seed)) == 2


def test_a_replay_under_a_key_may_be_repeated(room: Darkroom, stack: Stack) -> None:
    old, _ = dead(room, stack)
    first, second = (room.replay(old, idempotency_key=f"again-{old}") for _ in range(2))
    assert (first.id, first.replayed, second.id, second.replayed) == (first.id, False, first.id, True)
    with pytest.raises(IdempotencyConflict):
        room.replay(old, {"textToImageParams": {"text": "a green boat"}}, idempotency_key=f"again-{old}")
    first.result(30)


def test_a_replay_goes_the_way_of_the_old_job_unless_told_otherwise(room: Darkroom, stack: Stack) -> None:
    stack.faults("error=AccessDeniedException:count=1")
    titan = "amazon.titan-image-generator-v2:0"
    kept = {"model": titan, "tenant": "blue", "job_class": "bulk", "metadata": {"order": "7"}, "on_unknown": "hold"}
    job = room.submit(
        TextImage("a boat", width=512, height=512),
        model=titan,
        tenant="blue",
        job_class="bulk",
        metadata={"order": "7"},
        on_unknown="hold",
        start_within=timedelta(minutes=5),
    )
    job.wait(30)
    stack.faults("error=AccessDeniedException:count=1")
    again = room.replay(job.id)
    assert {name: getattr(again.wait(30), name) for name in kept} == kept
    changed = room.replay(again.id, model="amazon.nova-canvas-v1:0", tenant="red", job_class="interactive", metadata={})
    view = changed.result(30)
    assert (view.model, view.tenant, view.job_class, view.metadata) == ("amazon.nova-canvas-v1:0", "red", "interactive", {})


def test_a_replay_may_go_to_all_the_regions_of_the_old_job_or_to_others(room: Darkroom, stack: Stack) -> None:
    several = ["us-east-1", "eu-west-1"]
    stack.faults(DENIED)
    job = room.submit(TextImage("a boat", width=512, height=512), regions=several)
    job.wait(30)
    stack.faults(DENIED)
    again = room.replay(job.id)
    again.wait(30)
    stack.faults(DENIED)
    fewer = room.replay(again.id, region="us-east-1")
    fewer.wait(30)
    others = room.replay(fewer.id, regions=["us-east-1", "us-west-2"])
    others.result(30)
    with raw_redis(stack.settings.redis_url) as raw:
        routes = [str(raw.hget(stack.settings.key_prefix + f"job:{one.id}", "routes")) for one in (again, fewer, others)]
    model = "amazon.nova-canvas-v1:0"
    assert routes == [
        f"us-east-1/{model},eu-west-1/{model}",
        f"us-east-1/{model}",
        f"us-east-1/{model},us-west-2/{model}",
    ]


def test_a_replay_that_would_be_refused_leaves_the_dead_letter_where_it_is(room: Darkroom, stack: Stack) -> None:
    old, _ = dead(room, stack)
    with pytest.raises(InvalidRequest) as caught:
        room.replay(old, {"imageGenerationConfig": {"width": 100}, "textToImageParams": None})
    assert {"/imageGenerationConfig/width", "/textToImageParams"} <= {problem.pointer for problem in caught.value.problems}
    with pytest.raises(InvalidRequest):
        room.replay(old, tenant="no tenant!")
    assert room.dead_letters()[0].id == old
    room.discard(old)


def test_a_picture_that_comes_with_a_change_is_stored(room: Darkroom, stack: Stack) -> None:
    stack.faults(DENIED)
    job = room.submit(BackgroundRemoval(picture()))
    assert job.wait(30).state is JobState.FAILED
    other = picture(seed=int.from_bytes(job.id[-4:].encode()))
    again = room.replay(job.id, {"backgroundRemovalParams": {"image": b64(other)}})
    view = again.result(30)
    assert view.state is JobState.SUCCEEDED
    assert view.request["backgroundRemovalParams"] != job.status().request["backgroundRemovalParams"]


def test_a_failed_step_is_replayed_alone_with_the_pictures_of_the_steps_before_it(room: Darkroom, stack: Stack) -> None:
    stack.faults("error=AccessDeniedException:task=IMAGE_VARIATION:count=1")
    chain = room.chain(
        ("draw", TextImage("a boat", width=512, height=512)),
        ("vary", ImageVariation(width=512, height=512)),
        ("wider", ZoomOut(width=768, height=768)),
    )
    view = chain.wait(30)
    assert [step.state for step in view.steps] == ["succeeded", "failed", "canceled"]
    before = len(stack.endpoint.log())
    again = room.replay(view.steps[1].id)
    alone = again.result(30)
    params = alone.request["imageVariationParams"]
    assert isinstance(params, dict)
    assert params["images"] == [view.steps[0].outputs[0].asset]
    assert (alone.workflow, alone.step, alone.replays) == ("", "", view.steps[1].id)
    assert len(stack.endpoint.log()) == before + 1, "the first step is not paid again"
    assert [step.state for step in chain.status().steps] == ["succeeded", "failed", "canceled"]


def test_a_failed_step_is_replayed_after_the_steps_before_it_are_gone(room: Darkroom, stack: Stack) -> None:
    """A dead letter waits longer than other jobs are kept."""
    stack.faults("error=AccessDeniedException:task=IMAGE_VARIATION:count=1")
    chain = room.chain(("draw", TextImage("a boat", width=512, height=512)), ("vary", ImageVariation(width=512, height=512)))
    draw, vary = chain.wait(30).steps
    with raw_redis(stack.redis_url) as raw:
        raw.execute_command("ZADD", f"{stack.prefix}retention", 0, draw.id)
    stack.until(lambda: not stack.ledger.run(reads.job(draw.id)), "the first step to be removed")
    again = room.replay(vary.id).result(30)
    assert cast("Mapping[str, object]", again.request["imageVariationParams"])["images"] == [draw.outputs[0].asset]


def stored(stack: Stack, name: str) -> Path:
    """The file of an asset."""
    [file] = [path for path in (stack.folder / "store").rglob(f"*{name.removeprefix('asset:')}*") if path.is_file()]
    return file


def test_a_failed_free_step_is_replayed_too(room: Darkroom, stack: Stack) -> None:
    """Its picture had vanished from the store."""
    source = picture(seed=int.from_bytes(os.urandom(4)))
    chain = room.chain(
        ("wider", ZoomOut(width=768, height=768)), image=source, not_before=datetime.now(UTC) + timedelta(seconds=1.5)
    )
    [name] = cast("list[str]", chain.status().steps[0].request["images"])
    stored(stack, name).unlink()
    view = chain.wait(30).steps[0]
    assert (view.state, view.reason, view.cost.actual_usd) == ("failed", "asset_missing", 0)
    with pytest.raises(AssetMissing):
        room.replay(view.id)
    with pytest.raises(InvalidRequest):
        room.replay(view.id, {"step": {"width": -1}})
    assert open_store(stack.settings.store_url).put(source, "image/png").sha256 == name.removeprefix("asset:")
    again = room.replay(view.id, {"step": {"width": 1024}}).result(15)
    assert (again.kind, again.replays, again.outputs[0].width, again.cost.actual_usd) == ("local", view.id, 1024, 0)


def test_a_discarded_dead_letter_is_gone_from_the_list_and_kept_no_longer_than_others(room: Darkroom, stack: Stack) -> None:
    old, _ = dead(room, stack)
    waits = room.job(old).status().timings
    assert waits.expires is not None
    assert waits.finished is not None
    assert waits.expires - waits.finished == timedelta(days=30)
    room.discard(old)
    view = room.job(old).status()
    assert old not in [letter.id for letter in room.dead_letters()]
    assert view.discarded is not None
    assert view.timings.expires is not None
    assert abs(view.timings.expires - view.discarded - timedelta(days=7)) < timedelta(seconds=1)
    for again in (room.discard, room.replay):
        with pytest.raises(NothingToDecide, match="discarded"):
            again(old)


def test_other_jobs_are_no_dead_letters(room: Darkroom, stack: Stack) -> None:
    job, _ = boat(room)
    job.result(30)
    for decide in (room.discard, room.replay):
        with pytest.raises(NothingToDecide, match="succeeded"):
            decide(job.id)
        with pytest.raises(UnknownJob):
            decide(new_job_id())
        with pytest.raises(UnknownJob):
            decide("job_42")


def test_a_replay_whose_picture_is_gone_says_so(room: Darkroom, stack: Stack) -> None:
    stack.faults(DENIED)
    job = room.submit(BackgroundRemoval(picture(seed=77)))
    job.wait(30)
    params = job.status().request["backgroundRemovalParams"]
    assert isinstance(params, dict)
    file = stored(stack, str(params["image"]))
    kept = file.read_bytes()
    file.unlink()
    with pytest.raises(AssetMissing):
        room.replay(job.id)
    assert room.dead_letters()[0].id == job.id
    file.write_bytes(kept)
    room.replay(job.id).result(30)
