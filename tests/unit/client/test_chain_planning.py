"""Planning a chain: which local steps are put in between, which masks are made, and what is refused before anything costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest
from pydantic import BaseModel

from darkroom import (
    BackgroundRemoval,
    Flatten,
    ImageVariation,
    Inpainting,
    InvalidRequest,
    Outpainting,
    Pad,
    RemoveBackground,
    Resize,
    TextImage,
    ZoomOut,
)
from darkroom.planning import Draft, name_steps, plan_chain
from darkroom.plans import Plan, PlannedStep
from darkroom.routing import Source, from_outside
from darkroom.terms import Terms
from darkroom_shared.contract.steps import Composite, ContactSheet, Select, StepSpec
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.core.workflow import parse_reference
from darkroom_shared.task_types import AnyRequest, as_array, as_object
from tests.support.terms import terms

TITAN = terms("amazon.titan-image-generator-v2:0")
NOVA = terms("amazon.nova-canvas-v1:0")
BOTH = pytest.mark.parametrize("model", [TITAN, NOVA], ids=["titan", "nova"])
PHOTO = ImageFacts(1024, 768, "JPEG", "RGB", 200_000)
CUTOUT = ImageFacts(1024, 768, "PNG", "RGBA", 300_000, transparent=True)
ASSET = "asset:" + "a" * 64
MASK = "asset:" + "b" * 64


def draft(name: str, request: AnyRequest | StepSpec, facts: Mapping[str, ImageFacts] | None = None) -> Draft:
    return Draft(name, request if isinstance(request, BaseModel) else request.to_body(), facts=facts or {})


def cut(facts: ImageFacts = PHOTO) -> Draft:
    return draft("cut", BackgroundRemoval(ASSET), {"/backgroundRemovalParams/image": facts})


def names(plan: Plan) -> list[str]:
    return [step.name for step in plan.steps]


def step(plan: Plan, name: str) -> PlannedStep:
    return next(found for found in plan.steps if found.name == name)


def params(plan: Plan, name: str, key: str) -> Mapping[str, object]:
    return as_object(step(plan, name).request[key])


def local(plan: Plan, name: str) -> object:
    return step(plan, name).request["step"]


def test_the_chain_of_the_readme_gets_its_glue_in_order() -> None:
    plan = plan_chain(
        [
            cut(),
            draft("outpainting", Outpainting(text="a beach")),
            draft("variation", ImageVariation(text="evening", number_of_images=3)),
        ],
        NOVA,
    )
    assert names(plan) == ["cut", "flatten", "mask_from_alpha", "outpainting", "variation"]
    assert [found.inserted for found in plan.steps] == [False, True, True, False, False]
    assert params(plan, "outpainting", "outPaintingParams") == {
        "text": "a beach",
        "image": "$steps.flatten.outputs[0]",
        "maskImage": "$steps.mask_from_alpha.outputs[0]",
    }
    assert params(plan, "variation", "imageVariationParams")["images"] == ["$steps.outpainting.outputs[0]"]
    assert step(plan, "outpainting").needs == ("flatten", "mask_from_alpha")
    assert all("for outpainting" in found.reason for found in plan.steps if found.inserted)


# The rule of each family as AWS documents it, written out by hand: what a mask's black means.
@pytest.mark.parametrize(
    ("model", "request_", "subject"),
    [
        (TITAN, Outpainting(text="a beach"), "black"),  # black is kept
        (NOVA, Outpainting(text="a beach"), "black"),
        (TITAN, Inpainting(text="a beach"), "white"),  # black is edited
        (NOVA, Inpainting(text="a beach"), "white"),
    ],
    ids=["titan-outpainting", "nova-outpainting", "titan-inpainting", "nova-inpainting"],
)
def test_the_mask_of_a_cutout_keeps_the_subject_in_each_familys_polarity(model: Terms, request_: AnyRequest, subject: str) -> None:
    plan = plan_chain([cut(), draft("edit", request_)], model)
    assert local(plan, "mask_from_alpha") == {"kind": "mask_from_alpha", "threshold": 128, "subject": subject}
    assert step(plan, "mask_from_alpha").request["images"] == ["$steps.cut.outputs[0]"]


@BOTH
def test_a_zoomed_out_picture_brings_its_canvas_mask_to_outpainting(model: Terms) -> None:
    zoom = draft("zoom", ZoomOut(width=1024, height=1024))
    plan = plan_chain([zoom, draft("out", Outpainting(text="a garden"))], model, [from_outside(ASSET, PHOTO)])
    assert names(plan) == ["zoom", "out"]
    found = params(plan, "out", "outPaintingParams")
    assert (found["image"], found["maskImage"]) == ("$steps.zoom.outputs[0]", "$steps.zoom.outputs[1]")


def test_for_inpainting_the_canvas_mask_is_inverted_because_there_black_is_edited() -> None:
    pad = draft("pad", Pad(left=128, right=128))
    plan = plan_chain([pad, draft("in", Inpainting(text="a garden"))], NOVA, [from_outside(ASSET, PHOTO)])
    assert names(plan) == ["pad", "invert", "in"]
    assert step(plan, "invert").request["images"] == ["$steps.pad.outputs[1]"]
    assert params(plan, "in", "inPaintingParams")["maskImage"] == "$steps.invert.outputs[0]"


def test_a_mask_of_the_callers_own_is_left_alone() -> None:
    facts = {"/outPaintingParams/maskImage": ImageFacts(1024, 768, "PNG", "RGB", 900, black_and_white=True)}
    plan = plan_chain([cut(), draft("out", Outpainting(text="a beach", mask_image=MASK), facts)], TITAN)
    assert names(plan) == ["cut", "flatten", "out"]
    assert params(plan, "out", "outPaintingParams")["maskImage"] == MASK


def test_a_mask_prompt_needs_no_mask() -> None:
    plan = plan_chain([cut(), draft("out", Outpainting(text="a beach", mask_prompt="the dog"))], TITAN)
    assert names(plan) == ["cut", "flatten", "out"]


def test_a_cutout_from_outside_gets_the_same_glue_as_one_made_in_the_chain() -> None:
    out = draft("out", Outpainting(ASSET, "a beach"), {"/outPaintingParams/image": CUTOUT})
    plan = plan_chain([out], NOVA)
    assert names(plan) == ["flatten", "mask_from_alpha", "out"]
    assert step(plan, "mask_from_alpha").request["images"] == [ASSET]


def test_a_flatten_of_the_callers_own_does_not_lose_the_outline() -> None:
    plan = plan_chain([cut(), draft("green", Flatten(background="#00ff00")), draft("out", Outpainting(text="a beach"))], NOVA)
    assert names(plan) == ["cut", "green", "mask_from_alpha", "out"]
    assert step(plan, "mask_from_alpha").request["images"] == ["$steps.cut.outputs[0]"]


def test_a_picture_too_large_for_the_first_step_is_resized_and_the_plan_says_so() -> None:
    plan = plan_chain([cut(replace(PHOTO, width=4000, height=3000))], TITAN)
    assert local(plan, "resize") == {"kind": "resize", "width": 1408, "height": 1056, "multiple_of": 1, "resample": "lanczos"}
    assert "4000x3000" in step(plan, "resize").reason
    assert step(plan, "cut").inputs[0] == step(plan, "resize").outputs[0]


def test_a_picture_too_small_for_nova_is_enlarged_just_enough() -> None:
    plan = plan_chain([cut(replace(PHOTO, width=200, height=100))], NOVA)
    assert [(facts.width, facts.height) for facts in step(plan, "resize").outputs if facts] == [(639, 320)]


def test_a_cutout_is_resized_before_its_mask_is_made_so_both_have_one_size() -> None:
    out = draft("out", Outpainting(ASSET, "a beach"), {"/outPaintingParams/image": replace(CUTOUT, width=2048, height=2048)})
    plan = plan_chain([out], TITAN)
    assert names(plan) == ["resize", "flatten", "mask_from_alpha", "out"]
    assert step(plan, "mask_from_alpha").request["images"] == ["$steps.resize.outputs[0]"]
    assert {(facts.width, facts.height) for facts in step(plan, "out").inputs if facts} == {(1408, 1408)}


def test_a_canvas_mask_follows_its_picture_to_another_size_without_greys() -> None:
    zoom = draft("zoom", ZoomOut(width=2048, height=2048))
    plan = plan_chain([zoom, draft("out", Outpainting(text="a garden"))], TITAN, [from_outside(ASSET, PHOTO)])
    assert names(plan) == ["zoom", "resize", "resize_2", "out"]
    assert local(plan, "resize_2") == {"kind": "resize", "width": 1408, "height": 1408, "multiple_of": 1, "resample": "nearest"}


def test_the_callers_mask_follows_its_picture_to_another_size() -> None:
    big = replace(PHOTO, width=2000, height=1000)
    facts = {
        "/inPaintingParams/image": big,
        "/inPaintingParams/maskImage": ImageFacts(2000, 1000, "PNG", "RGB", 900, black_and_white=True),
    }
    plan = plan_chain([draft("in", Inpainting(ASSET, "grass", mask_image=MASK), facts)], TITAN)
    assert names(plan) == ["resize", "resize_2", "in"]
    assert step(plan, "resize_2").request["images"] == [MASK]


def test_a_mask_that_never_fitted_is_refused_not_stretched() -> None:
    facts = {
        "/inPaintingParams/image": PHOTO,
        "/inPaintingParams/maskImage": ImageFacts(512, 512, "PNG", "RGB", 900, black_and_white=True),
    }
    with pytest.raises(InvalidRequest) as caught:
        plan_chain([draft("in", Inpainting(ASSET, "grass", mask_image=MASK), facts)], NOVA)
    assert [found.pointer for found in caught.value.problems] == ["/steps/in/inPaintingParams/maskImage"]


@BOTH
def test_a_webp_picture_is_converted_because_the_amazon_models_take_none(model: Terms) -> None:
    plan = plan_chain([cut(replace(PHOTO, format="WEBP"))], model)
    assert names(plan) == ["convert", "cut"]


def test_a_picture_of_16_bits_is_converted_and_the_plan_says_why() -> None:
    plan = plan_chain([cut(replace(PHOTO, format="PNG", bits_per_channel=16))], NOVA)
    assert names(plan) == ["convert", "cut"]
    assert "8 bits per channel" in plan.steps[0].reason


def test_several_pictures_are_varied_together_up_to_five() -> None:
    first = draft("draw", TextImage("a red boat", number_of_images=3))
    plan = plan_chain([first, draft("variation", ImageVariation(text="evening"))], NOVA)
    images = params(plan, "variation", "imageVariationParams")["images"]
    assert images == [f"$steps.draw.outputs[{index}]" for index in range(3)]
    many = [Source(f"asset:{index:064x}", PHOTO) for index in range(7)]
    plan = plan_chain([draft("variation", ImageVariation(text="evening"))], NOVA, many)
    assert len(as_array(params(plan, "variation", "imageVariationParams")["images"])) == 5
    assert "the first 5 of the 7 pictures" in plan.warnings[0]


def test_other_tasks_take_the_first_of_several_pictures_and_the_plan_says_so() -> None:
    plan = plan_chain([draft("draw", TextImage("a red boat", number_of_images=3)), draft("cut", BackgroundRemoval())], NOVA)
    assert params(plan, "cut", "backgroundRemovalParams")["image"] == "$steps.draw.outputs[0]"
    assert "the first of the 3 pictures" in plan.warnings[0]


def test_the_same_glue_for_the_same_picture_is_inserted_once() -> None:
    # Two references to one cut-out: flattened once, used twice.
    body = ImageVariation(images=["$steps.cut.outputs[0]", "$steps.cut.outputs[0]"], text="evening").to_body()
    plan = plan_chain([cut(), Draft("variation", body)], NOVA)
    assert names(plan) == ["cut", "flatten", "variation"]


def test_steps_run_after_those_they_refer_to_whatever_the_order_they_were_given_in() -> None:
    body = ImageVariation(images=["$steps.draw.outputs[0]"], text="evening").to_body()
    plan = plan_chain([Draft("vary", body), draft("draw", TextImage("a red boat"))], NOVA)
    assert names(plan) == ["draw", "vary"]


def test_every_step_only_needs_steps_before_it() -> None:
    drafts = [
        cut(),
        draft("out", Outpainting(text="a beach")),
        draft("again", BackgroundRemoval()),
        draft("in", Inpainting(text="a wood")),
    ]
    plan = plan_chain(drafts, TITAN)
    known: set[str] = set()
    for found in plan.steps:
        assert set(found.needs) <= known
        known.add(found.name)
    assert names(plan).count("flatten_2") == 1


def test_the_price_is_the_sum_of_the_paid_steps() -> None:
    plan = plan_chain([cut(), draft("out", Outpainting(text="a beach", quality="premium"))], NOVA)
    # 1024x768: background removal 0.04, premium 0.06; the local steps are free.
    assert plan.price_usd == Decimal("0.10")
    assert [found.price_usd for found in plan.steps if found.kind == "local"] == [Decimal(0)] * 2


def test_all_problems_of_all_steps_come_at_once_under_their_steps_names() -> None:
    drafts = [
        draft("cut", BackgroundRemoval()),
        draft("out", Outpainting(text="x" * 2000, seed=-1)),
        Draft(
            "vary",
            {"taskType": "IMAGE_VARIATION", "imageVariationParams": {"images": ["$steps.cut.outputs[4]"], "similarityStrength": 2}},
        ),
        draft("zoom", Resize(longest_side=100)),
        Draft("odd", {"taskType": "PAINT"}),
    ]
    with pytest.raises(InvalidRequest) as caught:
        plan_chain(drafts, NOVA)
    found = {problem.pointer for problem in caught.value.problems}
    assert found == {
        "/steps/cut/backgroundRemovalParams/image",
        "/steps/out/outPaintingParams/text",
        "/steps/out/imageGenerationConfig/seed",
        "/steps/vary/imageVariationParams/images/0",
        "/steps/vary/imageVariationParams/similarityStrength",
        "/steps/odd/taskType",
    }


# Some models do not say how large their pictures will be; how many there are is known all the same.
@pytest.mark.parametrize(
    ("spec", "count", "documents", "where"),
    [
        (Composite(), 3, 0, "/step"),
        (ContactSheet(), 101, 0, "/step"),
        (Select(by="/score", keep=3), 2, 2, "/step/keep"),
        (ContactSheet(), 2, 2, "/documents"),
    ],
)
def test_a_wrong_number_of_unknown_pictures_is_refused_before_anything_costs(
    spec: StepSpec, count: int, documents: int, where: str
) -> None:
    refs = tuple(f"asset:{number:064x}" for number in range(count))
    with pytest.raises(InvalidRequest) as caught:
        plan_chain([Draft("several", spec, images=refs, documents=refs[:documents])], NOVA)
    assert [found.pointer for found in caught.value.problems] == [f"/steps/several{where}"]


def test_a_mask_is_asked_for_where_there_is_neither_a_cutout_nor_a_canvas() -> None:
    with pytest.raises(InvalidRequest) as caught:
        plan_chain([draft("draw", TextImage("a red boat")), draft("out", Outpainting(text="a beach"))], NOVA)
    assert [found.pointer for found in caught.value.problems] == ["/steps/out/outPaintingParams"]


def test_an_aspect_ratio_that_no_size_can_mend_is_an_error() -> None:
    with pytest.raises(InvalidRequest) as caught:
        plan_chain([cut(replace(PHOTO, width=4000, height=400))], NOVA)
    assert caught.value.problems[0].pointer == "/steps/cut/backgroundRemovalParams/image"


def test_steps_that_wait_for_each_other_are_refused_by_name() -> None:
    one = Draft("one", ImageVariation(images=["$steps.two.outputs[0]"], text="evening").to_body())
    two = Draft("two", ImageVariation(images=["$steps.one.outputs[0]"], text="evening").to_body())
    with pytest.raises(InvalidRequest, match="one -> two -> one"):
        plan_chain([one, two], NOVA)


def test_a_chain_without_steps_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        plan_chain([], NOVA)


def test_a_step_whose_pictures_nobody_uses_is_pointed_out() -> None:
    plan = plan_chain([draft("one", TextImage("a red boat")), draft("two", TextImage("a blue boat"))], NOVA)
    assert "'one'" in plan.warnings[0]


def test_names_come_from_the_task_and_are_numbered_when_repeated() -> None:
    wanted = [(None, "outpainting"), ("cut", "background_removal"), (None, "outpainting"), (None, "cut")]
    assert name_steps(wanted) == (["outpainting", "cut", "outpainting_2", "cut_2"], [])


@pytest.mark.parametrize("name", ["", "Cut", "1st", "a b", "a" * 65, "$steps.x"])
def test_a_name_that_no_reference_could_hold_is_refused(name: str) -> None:
    assert len(name_steps([(name, "outpainting")])[1]) == 1
    assert parse_reference(f"$steps.{name}.outputs[0]") is None


def test_two_steps_of_one_name_are_refused() -> None:
    assert "two steps have the name 'cut'" in name_steps([("cut", "x"), ("cut", "x")])[1][0].message


def test_the_plans_json_shows_no_prompt() -> None:
    plan = plan_chain([draft("draw", TextImage("a secret garden"))], NOVA)
    assert "secret" not in str(plan.as_json())
    assert "secret" not in repr(plan)


def test_a_native_cutout_brings_its_outline_to_outpainting_on_any_model() -> None:
    remove = draft("remove", RemoveBackground(ASSET), {"/image": PHOTO})
    plan = plan_chain([remove, draft("out", Outpainting(text="a beach"))], terms("auto"))
    assert names(plan) == ["remove", "flatten", "mask_from_alpha", "out"]
    assert [found.model for found in plan.steps if found.model] == [
        "us.stability.stable-image-remove-background-v1:0",
        "us.stability.stable-image-inpaint-v1:0",
    ]
    assert step(plan, "out").asked["taskType"] == "OUTPAINTING"
    assert step(plan, "out").request["mask"] == "$steps.mask_from_alpha.outputs[0]"


def test_a_subject_in_words_gets_a_step_of_its_own_before_it() -> None:
    out = draft("out", Outpainting(ASSET, "a beach", mask_prompt="the dog"), {"/outPaintingParams/image": PHOTO})
    plan = plan_chain([out], terms("auto", substitute="approximate"))
    assert names(plan) == ["cutout", "out"]
    assert (step(plan, "cutout").inserted, step(plan, "cutout").price_usd) == (True, Decimal("0.07"))
    assert plan.price_usd == Decimal("0.14")


def test_steps_that_want_the_same_subject_of_the_same_picture_pay_for_it_once() -> None:
    outs = [
        draft(name, Outpainting(ASSET, f"a beach {name}", mask_prompt="the dog"), {"/outPaintingParams/image": PHOTO})
        for name in ("first", "second")
    ]
    plan = plan_chain(outs, terms("auto", substitute="approximate"))
    [shared] = [step.name for step in plan.steps if step.inserted]
    assert [step(plan, name).request["mask"] for name in ("first", "second")] == [f"$steps.{shared}.outputs[0]"] * 2
    assert (step(plan, "second").needs, plan.price_usd) == ((shared,), Decimal("0.21"))
