"""Jobs for fine-tuned models: the ARN of Provisioned Throughput as a model, with the rules of its base and a quota of its own."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from PIL import Image

from darkroom import Darkroom, Inpainting, InvalidRequest, NoRoute, Settings, TextImage
from darkroom_shared.core.errors import UnknownModel
from darkroom_shared.models.titan import TITAN_V2
from tests.integration.client.live import stack
from tests.integration.local_bedrock.endpoints import NOVA, TITAN, Running, running_endpoint
from tests.support.stack import Stack
from tests.support.valkey import Server

__all__ = ["stack"]

BOAT = "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/boat00000001"
CAT = "arn:aws:bedrock:us-west-2:123456789012:provisioned-model/cat000000001"
CUSTOM = f"arn:aws:bedrock:us-east-1:123456789012:custom-model/{NOVA}/abcdef123456"


@pytest.fixture(scope="module")
def bedrock() -> Iterator[Running]:
    """An endpoint with two fine-tuned models whose base models are past their end of life."""
    told = ("--custom", f"{BOAT}={NOVA}", "--custom", f"{CAT}={TITAN}", "--eol", NOVA, "--eol", TITAN)
    with running_endpoint("--engine", "canned", "--quota", "off", *told) as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def live(valkey_server: Server, bedrock: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose worker knows nothing of the fine-tuned models: the job tells it."""
    stack = Stack(valkey_server.url, bedrock, tmp_path_factory.mktemp("custom"), "custom:")
    with stack.worker():
        yield stack
    stack.close()


@pytest.fixture
def settings(stack: Stack) -> Settings:
    """The client's settings."""
    return stack.settings.model_copy(update={"bedrock_url": stack.endpoint.url, "custom_models": {BOAT: NOVA, CAT: TITAN}})


def test_a_job_goes_to_the_arn_by_the_rules_of_its_base_in_a_lane_of_its_own(room: Darkroom, bedrock: Running) -> None:
    begin = len(bedrock.log())
    job = room.submit(TextImage("a red sailboat", seed=7, width=512, height=512), model=BOAT, cache="no-store")
    view = job.wait(timeout=60)
    assert (view.state, view.model, view.region, view.fidelity) == ("succeeded", BOAT, "us-east-1", "exact")
    assert len(job.images()) == 1
    assert [(entry["model"], entry["status"]) for entry in bedrock.log()[begin:]] == [(BOAT, 200)]
    assert {lane.lane: [pool.pool for pool in lane.pools] for lane in room.lanes()}[BOAT] == [f"us-east-1/{BOAT}"]
    assert (view.cost.estimated_usd, view.cost.actual_usd) == (None, None)  # throughput is paid by the hour


def test_it_is_called_in_the_region_of_its_arn_whatever_the_settings_say(room: Darkroom, bedrock: Running) -> None:
    begin = len(bedrock.log())
    view = room.submit(TextImage("a cat", seed=8, width=512, height=512), model=CAT, cache="no-store").wait(timeout=60)
    assert (view.state, view.region) == ("succeeded", "us-west-2")
    assert [(entry["model"], entry["region"]) for entry in bedrock.log()[begin:]] == [(CAT, "us-west-2")]
    with pytest.raises(NoRoute, match="us-west-2"):
        room.submit(TextImage("a cat"), model=CAT, region="us-east-1")


def test_the_limits_are_those_of_the_base_model(room: Darkroom) -> None:
    long = TextImage("a" * 600, width=512, height=512)
    assert room.submit(long, model=BOAT).wait(timeout=60).state == "succeeded"
    with pytest.raises(InvalidRequest, match="512"):
        room.submit(long, model=CAT)


def test_a_fine_tuned_titan_does_not_paint_into_pictures(room: Darkroom, picture: bytes) -> None:
    request = Inpainting(picture, "a croissant", mask_prompt="the cup")
    with pytest.raises(InvalidRequest, match=f'a fine-tuned {TITAN_V2.label} has no task "INPAINTING"'):
        room.submit(request, model=CAT)
    assert room.submit(request, model=BOAT).wait(timeout=60).state == "succeeded"


@pytest.fixture
def picture() -> bytes:
    """A small PNG."""
    data = io.BytesIO()
    Image.new("RGB", (512, 512), "#886644").save(data, "PNG")
    return data.getvalue()


def test_no_other_model_takes_the_place_of_a_fine_tuned_one(stack: Stack, settings: Settings, bedrock: Running) -> None:
    easy = settings.model_copy(update={"substitute": "approximate"})
    with Darkroom(settings=easy) as room:
        view = room.submit(TextImage("a boat", width=512, height=512), model=BOAT).wait(timeout=60)
        assert (view.model, view.fidelity) == (BOAT, "exact")
        with pytest.raises(InvalidRequest, match="no other model knows the subject"):
            room.submit(TextImage("a boat"), model=BOAT, substitute="equivalent")


def test_an_arn_that_cannot_be_called_or_was_not_explained_is_refused_with_the_reason(room: Darkroom) -> None:
    with pytest.raises(UnknownModel, match="no on-demand deployment of custom image models"):
        room.submit(TextImage("a boat"), model=CUSTOM)
    with pytest.raises(UnknownModel, match="DARKROOM_CUSTOM_MODELS"):
        room.submit(TextImage("a boat"), model=BOAT.replace("boat", "ship"))


def test_a_model_that_aws_does_not_know_any_more_fails_and_calls_nobody_else(stack: Stack, settings: Settings) -> None:
    gone = BOAT.replace("boat", "gone")
    with Darkroom(settings=settings.model_copy(update={"custom_models": {gone: NOVA}})) as room:
        job = room.submit(TextImage("a boat", width=512, height=512), model=gone)
        view = stack.wait(job.id)
    assert (view.state, view.model) == ("failed", gone)


def test_an_answer_handed_over_for_a_held_call_is_read_by_the_rules_of_the_base(
    room: Darkroom, stack: Stack, bedrock: Running
) -> None:
    stack.faults("reset:count=1")
    job = room.submit(TextImage("a boat", seed=9, width=512, height=512), model=BOAT, on_unknown="hold")
    stack.until_event(job.id, "call.hold")
    found = bedrock.invoke({"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a boat"}}, BOAT).body
    with pytest.raises(InvalidRequest, match="answer"):
        room.resolve(job.id, b"{}")
    room.resolve(job.id, found)
    assert job.wait(timeout=60).state == "succeeded"
