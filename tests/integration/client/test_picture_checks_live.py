"""Automatic checks with a real worker and endpoint: what does not pass is made again with another seed, within bounds."""

from __future__ import annotations

import io
import itertools
from pathlib import Path

import pytest
from PIL import Image

from darkroom import BackgroundRemoval, Darkroom, Inpainting, InvalidRequest, JobState, Settings, TextImage
from tests.integration.client.live import CENTS, bedrock, live, settings, stack
from tests.support.bodies import mask, picture
from tests.support.stack import Stack
from tests.support.valkey import redis_url, valkey_server

__all__ = ["bedrock", "live", "redis_url", "settings", "stack", "valkey_server"]

_seeds = itertools.count(91_000, 100)
NOVA = "amazon.nova-canvas-v1:0"


@pytest.fixture
def room(settings: Settings) -> Darkroom:
    return Darkroom(settings=settings)


def boat(count: int = 1) -> tuple[TextImage, int]:
    seed = next(_seeds)
    return TextImage("a red sailboat", seed=seed, width=512, height=512, number_of_images=count), seed


def test_a_blank_picture_is_made_again_with_another_seed_and_the_job_tells(room: Darkroom, stack: Stack) -> None:
    stack.faults("blank:count=1")
    request, seed = boat()
    view = room.submit(request, model=NOVA, checks=["blank"], rerolls=2).wait(60)
    assert (view.state, view.outputs[0].seed) == (JobState.SUCCEEDED, seed + 1)
    assert [(row.index, row.code, row.seed) for row in view.rerolled] == [(0, "check_failed", seed)]
    assert "is blank" in view.rerolled[0].message
    assert (view.cost.actual_usd, len(stack.calls_of(seed, seed + 1))) == (2 * CENTS, 2)


def test_only_the_pictures_that_failed_are_asked_for_again(room: Darkroom, stack: Stack) -> None:
    request, _ = boat(count=3)
    view = room.submit(request, model=NOVA, checks=[{"kind": "near_duplicate", "least": 255}], rerolls=1).wait(60)
    # No two pictures differ by so much: of the first answer one passes, of the second none does.
    assert (view.state, len(view.pictures), len(view.rerolled), len(view.rejected)) == (JobState.PARTIAL, 1, 2, 2)
    assert view.reason == "check_failed"
    assert view.cost.actual_usd == pytest.approx(5 * CENTS)
    assert sorted([one.index for one in view.pictures] + [one.index for one in view.rejected]) == [0, 1, 2]


def test_without_rerolls_what_does_not_pass_is_rejected_and_paid(room: Darkroom, stack: Stack) -> None:
    stack.faults("blank:count=1")
    request, _ = boat()
    view = room.submit(request, model=NOVA, checks=["blank"]).wait(60)
    assert (view.state, view.reason, view.rejected[0].billed) == (JobState.REJECTED, "check_failed", True)
    assert view.cost.actual_usd == CENTS


def test_a_stability_models_seed_is_counted_on_too(room: Darkroom, stack: Stack) -> None:
    stack.faults("blank:count=1")
    seed = next(_seeds)
    view = room.submit(
        TextImage("a jar", seed=seed, width=1024, height=1024), model="auto", checks=["near_uniform"], rerolls=1
    ).wait(60)
    assert (view.state, [row.seed for row in view.rerolled], view.outputs[0].seed) == (JobState.SUCCEEDED, [seed], seed + 1)


def test_size_picture_mask_and_what_it_keeps_are_the_requests_own(room: Darkroom) -> None:
    request = Inpainting(picture(), "a pot", mask_image=mask(), seed=next(_seeds))
    view = room.submit(request, model=NOVA, checks=["wrong_size", "change_outside_mask"]).wait(60)
    # The prepared picture of this endpoint is drawn anew altogether.
    assert (view.state, view.reason) == (JobState.REJECTED, "check_failed")
    assert "outside" in view.rejected[0].message


def test_a_cut_out_passes_the_check_for_transparency(room: Darkroom) -> None:
    view = room.submit(BackgroundRemoval(picture(seed=3)), model="auto", checks=["missing_alpha"]).wait(60)
    assert view.state is JobState.SUCCEEDED, view.rejected


@pytest.mark.parametrize(
    ("checks", "rerolls", "place"),
    [
        (["sharp"], 0, "/options/checks/0"),
        (["change_outside_mask"], 0, "/options/checks/0"),
        (["missing_alpha"], 0, "/options/checks/0"),
        (["near_duplicate"], 0, "/options/checks/0"),
        ([{"kind": "near_uniform", "most": 2}], 0, "/options/checks/0/most"),
        ([], 3, "/options/rerolls"),
        (["blank"], 11, "/options/rerolls"),
    ],
)
def test_a_check_that_does_not_go_with_the_request_is_told_before_it_costs(
    room: Darkroom, checks: list[object], rerolls: int, place: str
) -> None:
    before = len(room.jobs())
    with pytest.raises(InvalidRequest) as caught:
        room.submit(boat()[0], model=NOVA, checks=checks, rerolls=rerolls)  # type: ignore[arg-type]
    assert [problem.pointer for problem in caught.value.problems] == [place]
    assert len(room.jobs()) == before


def test_what_would_come_out_the_same_again_is_not_made_again(room: Darkroom) -> None:
    with pytest.raises(InvalidRequest, match="knows no seed") as caught:
        room.submit(BackgroundRemoval(picture()), model="auto", checks=["missing_alpha"], rerolls=1)
    assert [problem.pointer for problem in caught.value.problems] == ["/options/rerolls"]


def test_a_request_that_names_no_seed_is_made_again_with_another_one(room: Darkroom, stack: Stack) -> None:
    stack.faults("blank:count=1")
    request = TextImage("a lighthouse", width=512, height=512)
    view = room.submit(request, model=NOVA, checks=["blank"], rerolls=1).wait(60)
    assert (view.state, view.outputs[0].seed) == (JobState.SUCCEEDED, (view.rerolled[0].seed or 0) + 1)


def test_a_step_of_a_workflow_has_its_own(room: Darkroom, stack: Stack, tmp_path: Path) -> None:
    seed = next(_seeds)
    document = {
        "model": NOVA,
        "steps": {
            "boat": {
                "do": "text-image",
                "with": {"text": "a boat", "seed": seed, "width": 512, "height": 512},
                "checks": ["blank", "wrong_size"],
                "rerolls": 2,
            },
            "sheet": {"step": {"kind": "invert"}, "images": ["$steps.boat.outputs[0]"]},
        },
    }
    plan = room.plan_of(document)
    assert (plan.steps[0].rerolls, float(plan.steps[0].most_usd or 0)) == (2, pytest.approx(3 * CENTS))
    stack.faults("blank:count=2")
    view = room.run(document).wait(60)
    assert view.state is JobState.SUCCEEDED
    assert (len(view.steps[0].rerolled), view.cost.actual_usd) == (2, pytest.approx(3 * CENTS))
    with Image.open(io.BytesIO(room.workflow(view.id).images()[0])) as image:
        assert image.size == (512, 512)


def test_a_check_of_a_step_that_does_not_fit_is_told_with_its_path(room: Darkroom) -> None:
    steps = {"boat": {"do": "text-image", "with": {"text": "a boat"}, "checks": ["change_outside_mask"]}}
    with pytest.raises(InvalidRequest) as caught:
        room.run({"model": NOVA, "steps": steps})
    assert [problem.pointer for problem in caught.value.problems] == ["/steps/boat/checks/0"]
