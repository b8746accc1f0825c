"""Models that retire while jobs wait for them: a real worker, a real ledger, an endpoint that refuses some models as AWS would."""

from __future__ import annotations

import base64
import itertools
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

import pytest

from darkroom import (
    Darkroom,
    ImageVariation,
    JobFailed,
    JobHandle,
    JobView,
    ModelRetiredWarning,
    Settings,
    StableImage,
    TextImage,
)
from darkroom_shared.contract.job_record import JobRecord
from darkroom_shared.core.failure import Failure, FailureKind
from darkroom_shared.core.ids import asset_reference
from darkroom_shared.core.retry import AfterDoubt
from darkroom_shared.storage import open_store
from darkroom_shared.store import ops, reads, retirement
from darkroom_shared.store.retirement import NewMark
from tests.integration.local_bedrock.endpoints import NOVA, TITAN, Running, running_endpoint
from tests.support.bodies import b64, picture
from tests.support.stack import Stack, new_job_id
from tests.support.valkey import Server

CORE, SD35, ULTRA = "stability.stable-image-core-v1:1", "stability.sd3-5-large-v1:0", "stability.stable-image-ultra-v1:1"
RECOLOR: Final = "us.stability.stable-image-search-recolor-v1:0"
_numbers = itertools.count(1)
_seeds = itertools.count(7000)


@pytest.fixture(scope="module")
def bedrock() -> Iterator[Running]:
    """An endpoint for which Core and one service ended today; the catalogue takes them for living. Nova Canvas ended, too."""
    with running_endpoint("--engine", "canned", "--quota", "off", "--eol", CORE, "--eol", RECOLOR, "--eol", NOVA) as endpoint:
        yield endpoint


@pytest.fixture
def stack(valkey_server: Server, bedrock: Running, tmp_path: Path) -> Iterator[Stack]:
    """A ledger of its own for each test: marks are kept. No worker runs yet."""
    stack = Stack(valkey_server.url, bedrock, tmp_path / "home", f"retired{next(_numbers)}:")
    yield stack
    stack.faults()
    stack.close()


@pytest.fixture
def settings(stack: Stack) -> Settings:
    """The client's settings."""
    return stack.settings.model_copy(update={"bedrock_url": stack.endpoint.url})


@pytest.fixture
def room(settings: Settings) -> Iterator[Darkroom]:
    """One colour is enough: the worker does it all."""
    with Darkroom(settings=settings) as room:
        yield room


@contextmanager
def noted(stack: Stack) -> Generator[list[tuple[str, int]]]:
    """Model and status of every request that the endpoint gets inside the block; read it afterwards."""
    before = max((entry["n"] for entry in stack.endpoint.log()), default=0)
    seen: list[tuple[str, int]] = []
    yield seen
    seen += [(entry["model"], entry["status"]) for entry in stack.endpoint.log(before)]


def text(room: Darkroom, *, model: str = NOVA, number_of_images: int = 1, **options: str) -> JobHandle:
    """A small picture, with a seed of its own."""
    request = TextImage("a red sailboat", seed=next(_seeds), width=512, height=512, number_of_images=number_of_images)
    return room.submit(request, model=model, substitute="never" if options.get("substitute") == "never" else "equivalent")


def refusals(view: JobView) -> list[str]:
    """What attempts that were given back came to."""
    return [attempt.outcome for call in view.calls for attempt in call.attempts if attempt.snoozed]


def test_twenty_waiting_jobs_cost_one_refused_call_and_are_all_done_by_another_model(stack: Stack, room: Darkroom) -> None:
    jobs = [text(room) for _ in range(20)]
    assert {job.status().model for job in jobs} == {CORE}
    with noted(stack) as requests, stack.worker("--slots", "1"):
        views = [job.wait(timeout=120) for job in jobs]
    assert {view.state.value for view in views} == {"succeeded"}
    [living] = {view.model for view in views}
    assert living in (SD35, ULTRA)
    assert sorted(requests) == sorted([(CORE, 404), *[(living, 200)] * 20])
    assert sorted(refusals(view) for view in views) == [*[[]] * 19, ["model_retired"]]
    for view in views:
        assert (view.asked_model, view.fidelity, view.task_type) == (NOVA, "equivalent", "TEXT_IMAGE")
        assert view.cost.actual_usd == view.cost.estimated_usd
        assert view.cost.actual_usd
        assert [(out.width, out.height) for out in view.outputs if out.role == "image"] == [(512, 512)]
    mark = stack.ledger.run(retirement.marks())[CORE]
    assert (mark.source, "end of its life" in mark.text) == ("worker", True)


def test_a_job_of_several_pictures_gets_each_by_a_call_of_its_own(stack: Stack, room: Darkroom) -> None:
    several = text(room, number_of_images=3)
    body = TextImage("a red sailboat", seed=77, width=512, height=512, number_of_images=3).to_body()
    record = stack.record(body, substitute="equivalent", images_per_call=3)
    stack.accept([ops.NewJob(job := new_job_id(), record.as_fields())])
    with noted(stack) as requests, stack.worker("--slots", "1"):
        views = [several.wait(timeout=60), stack.wait(job)]
    for view in views:
        assert (view.state.value, [out.index for out in view.outputs if out.role == "image"]) == ("succeeded", [0, 1, 2])
        assert len(view.calls) == 3
        assert len({out.seed for out in view.outputs if out.role == "image"}) == 3
    assert sorted(model for model, status in requests if status == 404) == [NOVA, CORE]
    assert len([model for model, status in requests if status == 200]) == 6


def test_a_job_that_allows_no_other_model_fails_and_is_told_what_to_do(stack: Stack, room: Darkroom) -> None:
    job = room.submit(StableImage(prompt="a red sailboat"), model=CORE)
    with noted(stack) as requests, stack.worker():
        job.wait(timeout=60)
        with pytest.raises(JobFailed, match=r"end of its life.*substitute='equivalent'.*darkroom plan") as caught:
            job.images()
        assert caught.value.reason == "model_retired"
        with pytest.warns(ModelRetiredWarning, match=f"{CORE} is marked as retired") as warned:
            again = room.submit(StableImage(prompt="a red sailboat"), model=CORE)
        assert warned[0].filename == __file__
        assert again.wait(timeout=60).reason == "model_retired"
        replayed = room.replay(job.id, substitute="equivalent").wait(timeout=60)
        assert (replayed.state.value, replayed.replays, replayed.asked_model) == ("succeeded", job.id, CORE)
    # A mark may be wrong: it was called all the same.
    assert requests == [(CORE, 404), (CORE, 404), (replayed.model, 200)]


def test_a_submit_after_the_first_refusal_goes_to_a_living_model_at_once(stack: Stack, room: Darkroom) -> None:
    with noted(stack) as requests, stack.worker():
        text(room).wait(timeout=60)
        later, any_model = text(room), room.submit(StableImage(prompt="a boat"), model="auto")
        assert CORE not in {later.status().model, any_model.status().model}
        assert CORE not in {step.model for step in room.plan(StableImage(prompt="a boat"), model="auto").steps}
        later.wait(timeout=60)
        any_model.wait(timeout=60)
    assert [model for model, status in requests if status == 404] == [CORE]
    stack.ledger.run(retirement.retire([], revive=[CORE]))
    assert text(room).status().model == CORE


def test_a_picture_of_the_request_is_looked_at_again_for_the_new_plan(stack: Stack, room: Darkroom) -> None:
    stored = open_store(stack.settings.store_url).put(picture(640, 512), "image/png")
    body = ImageVariation([asset_reference(stored.sha256)], text="evening", width=512, height=512, seed=5).to_body()
    request = {"taskType": "IMAGE_VARIATION", **body}
    record = stack.record(request, substitute="equivalent", images_per_call=1, inputs=[stored.sha256])
    with stack.worker():
        stack.accept([ops.NewJob(job := new_job_id(), record.as_fields())])
        view = stack.wait(job)
    assert (view.state.value, view.model, view.asked_model) == ("succeeded", SD35, NOVA)
    assert any("640" in sentence or "cut out" in sentence for sentence in view.lost)


def test_a_request_that_no_living_model_takes_fails_with_every_reason(stack: Stack, room: Darkroom) -> None:
    body = {"taskType": "SEARCH_AND_RECOLOR", "image": b64(picture(512, 512)), "prompt": "red", "select_prompt": "boat"}
    job = room.submit(body, model="auto")
    with stack.worker():
        view = job.wait(timeout=60)
    assert (view.state.value, view.reason) == ("failed", "model_retired")
    assert view.error is not None
    assert f"There is no way to do SEARCH_AND_RECOLOR within substitute='equivalent'. {RECOLOR}: AWS" in view.error.message


def test_a_way_with_another_paid_step_before_it_is_not_taken(stack: Stack) -> None:
    stored = open_store(stack.settings.store_url).put(picture(512, 512), "image/png")
    params = {"image": asset_reference(stored.sha256), "text": "a beach", "maskPrompt": "the boat"}
    body = {"taskType": "OUTPAINTING", "outPaintingParams": params, "imageGenerationConfig": {"numberOfImages": 1, "seed": 8}}
    record = stack.record(body, substitute="approximate", images_per_call=1, inputs=[stored.sha256])
    with stack.worker():
        stack.accept([ops.NewJob(job := new_job_id(), record.as_fields())])
        view = stack.wait(job)
    assert (view.state.value, view.reason) == ("failed", "model_retired")
    assert view.error is not None
    assert "a paid step that finds the subject" in view.error.message


def test_a_job_that_names_its_regions_is_not_called_elsewhere(stack: Stack) -> None:
    body = TextImage("a red sailboat", seed=9, width=512, height=512).to_body()
    jobs = {}
    for regions in (["us-east-1"], ["us-east-1", "us-west-2"]):
        record = stack.record(body, substitute="equivalent", images_per_call=1, named_regions=regions)
        jobs[new_job_id()] = record.as_fields()
    with stack.worker():
        stack.accept([ops.NewJob(job, fields) for job, fields in jobs.items()])
        confined, free = (stack.wait(job) for job in jobs)
    assert (confined.state.value, confined.reason) == ("failed", "model_retired")
    assert (free.state.value, free.region) == ("succeeded", "us-west-2")


@pytest.mark.parametrize("point", ["reroute.sending", "reroute.done"])
@pytest.mark.parametrize("images", [1, 3])
def test_a_worker_that_dies_while_it_plans_anew_loses_nothing(stack: Stack, point: str, images: int) -> None:
    stack.ledger.run(retirement.retire([NewMark(CORE, "aws", "gone")]))
    body = TextImage("a red sailboat", seed=next(_seeds), width=512, height=512, number_of_images=images).to_body()
    job = stack.submit(body, substitute="equivalent", images_per_call=images)
    dying = stack.start_worker(DARKROOM_FAILPOINTS=f"{point}=kill")
    dying.process.wait(30)
    record = JobRecord.from_fields(stack.ledger.run(reads.job(job)))
    assert (record.model == NOVA, record.images_per_call) == ((True, images) if point == "reroute.sending" else (False, 1))
    with noted(stack) as requests, stack.worker():
        view = stack.wait(job)
    assert (view.state.value, len([out for out in view.outputs if out.role == "image"])) == ("succeeded", images)
    assert {status for _, status in requests} == {200}, "the mark is known: nothing is asked of the retired model again"
    assert len(requests) == len(view.calls) == images


def test_an_id_that_aws_does_not_know_any_more_is_a_retirement_if_the_model_is_past_its_end(stack: Stack) -> None:
    stack.ledger.run(retirement.retire([NewMark(CORE, "aws", "gone")]))
    stack.faults("error=ResourceNotFoundException:count=1")
    body = TextImage("a red sailboat", seed=next(_seeds), width=512, height=512).to_body()
    with noted(stack) as requests, stack.worker():
        view = stack.wait(stack.submit(body, model=TITAN, substitute="equivalent", images_per_call=1))
    assert (view.state.value, view.asked_model) == ("succeeded", TITAN)
    assert requests == [(TITAN, 404), (view.model, 200)]
    assert stack.ledger.run(retirement.marks())[TITAN].source == "worker"


def test_an_answer_that_was_stored_before_the_job_went_another_way_is_delivered(stack: Stack) -> None:
    stack.ledger.run(retirement.retire([NewMark(CORE, "aws", "gone")]))
    seed = next(_seeds)
    sent, asked = (
        TextImage("a red sailboat", seed=seed, width=512, height=512, number_of_images=count).to_body() for count in (1, 2)
    )
    way = {"model": TITAN, "asked": asked, "asked_model": "auto", "substitute": "equivalent", "fidelity": "equivalent"}
    record = stack.record(sent, **way, images_per_call=1, images_wanted=2)
    with noted(stack) as requests:
        dying = stack.start_worker("--slots", "1", DARKROOM_FAILPOINTS="receipt.noted=kill")
        stack.accept([ops.NewJob(job := new_job_id(), record.as_fields(), calls=2)])
        dying.process.wait(30)
        stack.faults("error=ResourceNotFoundException:count=1")
        with stack.worker():
            view = stack.wait(job)
    assert (view.state.value, [out.index for out in view.outputs if out.role == "image"]) == ("succeeded", [0, 1])
    assert sorted(requests) == sorted([(TITAN, 200), (TITAN, 404), (view.model, 200)]), "what was paid is not asked for again"
    assert view.model == SD35


def test_a_late_answer_with_pictures_for_calls_of_the_new_way_gives_its_own_calls_pictures_only(stack: Stack) -> None:
    for model in (CORE, TITAN):
        stack.ledger.run(retirement.retire([NewMark(model, "aws", "gone")]))
    body = TextImage("a red sailboat", seed=next(_seeds), width=512, height=512, number_of_images=2).to_body()
    answer = stack.endpoint.invoke(body, model=TITAN)
    record = stack.record(body, model=TITAN, substitute="equivalent", images_per_call=2)
    stack.ledger.run(ops.accept([ops.NewJob(job := new_job_id(), record.as_fields())], []))
    dying = stack.start_worker(DARKROOM_FAILPOINTS="reroute.done=kill")
    try:
        stack.until(lambda: stack.is_registered(dying.process.pid), "the worker to register")
        call = f"{job}.0"
        # The first attempt goes out, nobody hears of it, and it is given up.
        [hint] = stack.ledger.run(ops.admit({"standard": 0.0}, 600_000)).hints
        stack.ledger.run(ops.claim(call, hint.fence, "hand", 600_000, "token"))
        stack.ledger.run(ops.gate(call, hint.fence, lease_ms=600_000, call_budget=3, price_microusd=1, attempt={"model": TITAN}))
        unknown = Failure(FailureKind.UNKNOWN, "provider_timeout_ambiguous", "no answer", None)
        stack.ledger.run(ops.doubt(call, hint.fence, unknown, after=AfterDoubt.RETRY))
        stack.admit()
        dying.process.wait(30)  # it has put the job on another way by then
    finally:
        dying.kill()
    assert stack.ledger.run(reads.job(job))["calls"] == "2"
    open_store(stack.settings.store_url).put_receipt(f"{call}:{hint.fence}", answer.body)
    assert stack.ledger.run(ops.receipt(call, hint.fence, f"{call}:{hint.fence}", "req-1", 1000)) is ops.Noted.RECOVERED
    with noted(stack) as requests, stack.worker():
        view = stack.wait(job)
    assert (view.state.value, [out.index for out in view.outputs if out.role == "image"]) == ("succeeded", [0, 1])
    assert requests == [(SD35, 200)]
    assert view.outputs[0].sha256 == sha256(base64.b64decode(answer.json["images"][0])).hexdigest()
