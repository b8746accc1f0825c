"""The routes of a request: old tasks on living models, what is sent there, what is done around it, and what may not be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from darkroom_shared.contract.job_record import Fidelity
from darkroom_shared.contract.steps import StepSpec
from darkroom_shared.core.errors import NoRoute
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.models.catalogue import MODELS, find_model, tagged
from darkroom_shared.plan.choosing import TRANSLATIONS, Wish, choose, is_living, routes
from darkroom_shared.plan.route import CUTOUT, Route
from darkroom_shared.task_types import TASK_TYPES, image_values

TODAY = date(2026, 11, 21)
BEFORE_THE_END = date(2026, 9, 1)
IMAGE, MASK, OTHER = (f"asset:{letter * 64}" for letter in "abc")
FACTS = {
    IMAGE: ImageFacts(1024, 768, "PNG", "RGB", 100_000),
    MASK: ImageFacts(1024, 768, "PNG", "RGB", 5_000, 8, False, True),
    OTHER: ImageFacts(800, 800, "JPEG", "RGB", 100_000),
}
NOVA = find_model("amazon.nova-canvas-v1:0")
INPAINT = "us.stability.stable-image-inpaint-v1:0"
CORE = "stability.stable-image-core-v1:1"

TEXT = {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a boat"}}


def painted(**params: object) -> dict[str, object]:
    return {"taskType": "INPAINTING", "inPaintingParams": {"image": IMAGE, **params}}


def extended(**params: object) -> dict[str, object]:
    return {"taskType": "OUTPAINTING", "outPaintingParams": {"image": IMAGE, "text": "a beach", **params}}


def varied(*images: str, **params: object) -> dict[str, object]:
    return {"taskType": "IMAGE_VARIATION", "imageVariationParams": {"images": list(images), "text": "evening", **params}}


def wish(body: Mapping[str, object], **more: object) -> Wish:
    facts = {place.pointer: FACTS[str(value)] for place, value in image_values(body).items()}
    usual = Wish(body, facts, None, "approximate", ("us-east-1",), TODAY, elsewhere=True)
    return replace(usual, **more)  # type: ignore[arg-type]


def kinds(specs: Mapping[str, tuple[StepSpec, ...]]) -> dict[str, list[str]]:
    return {place: [spec.kind for spec in some] for place, some in specs.items()}


def finishing(route: Route) -> list[str]:
    return [finish.spec.kind for finish in route.translation.finish]


OLD_TASKS: list[tuple[str, Mapping[str, object], str, str, Fidelity, Mapping[str, list[str]], list[str]]] = [
    ("text", TEXT, CORE, "STABLE_IMAGE", "equivalent", {}, ["cover"]),
    (
        "sketch",
        {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a boat", "conditionImage": OTHER}},
        "us.stability.stable-image-control-sketch-v1:0",
        "CONTROL_SKETCH",
        "equivalent",
        {},
        ["cover"],
    ),
    (
        "structure",
        {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "b", "conditionImage": OTHER, "controlMode": "SEGMENTATION"}},
        "us.stability.stable-image-control-structure-v1:0",
        "CONTROL_STRUCTURE",
        "equivalent",
        {},
        ["cover"],
    ),
    (
        "mask and text",
        painted(maskImage=MASK, text="a dog"),
        INPAINT,
        "STABLE_INPAINT",
        "equivalent",
        {"/mask": ["invert"]},
        ["cover"],
    ),
    (
        "removal by mask",
        painted(maskImage=MASK),
        "us.stability.stable-image-erase-object-v1:0",
        "ERASE_OBJECT",
        "equivalent",
        {"/mask": ["invert"]},
        ["cover"],
    ),
    (
        "mask prompt",
        painted(maskPrompt="the cat", text="a dog"),
        "us.stability.stable-image-search-replace-v1:0",
        "SEARCH_AND_REPLACE",
        "equivalent",
        {},
        ["cover"],
    ),
    (
        "removal by words",
        painted(maskPrompt="the cat"),
        "us.stability.stable-image-search-replace-v1:0",
        "SEARCH_AND_REPLACE",
        "approximate",
        {},
        ["cover"],
    ),
    ("new background", extended(maskImage=MASK), INPAINT, "STABLE_INPAINT", "equivalent", {}, ["cover"]),
    (
        "new background, precise",
        extended(maskImage=MASK, outPaintingMode="PRECISE"),
        INPAINT,
        "STABLE_INPAINT",
        "equivalent",
        {},
        ["cover", "paste_back"],
    ),
    (
        "new background by words",
        extended(maskPrompt="the dog"),
        INPAINT,
        "STABLE_INPAINT",
        "approximate",
        {"/mask": ["mask_from_alpha"]},
        ["cover"],
    ),
    ("variation", varied(OTHER), "stability.sd3-5-large-v1:0", "STABLE_IMAGE", "equivalent", {}, ["cover"]),
    (
        "palette",
        {"taskType": "COLOR_GUIDED_GENERATION", "colorGuidedGenerationParams": {"text": "a room", "colors": ["#ff8800"]}},
        "us.stability.stable-image-style-guide-v1:0",
        "STYLE_GUIDE",
        "approximate",
        {"/image": ["palette"]},
        ["cover", "palette_transfer"],
    ),
    (
        "cut-out",
        {"taskType": "BACKGROUND_REMOVAL", "backgroundRemovalParams": {"image": IMAGE}},
        "us.stability.stable-image-remove-background-v1:0",
        "REMOVE_BACKGROUND",
        "equivalent",
        {},
        ["cover"],
    ),
]


@pytest.mark.parametrize(
    ("body", "model", "task", "fidelity", "prepare", "finish"), [row[1:] for row in OLD_TASKS], ids=[row[0] for row in OLD_TASKS]
)
def test_an_old_task_goes_to_a_living_model(
    body: Mapping[str, object],
    model: str,
    task: str,
    fidelity: Fidelity,
    prepare: Mapping[str, list[str]],
    finish: list[str],
) -> None:
    route = choose(wish(body))
    told = route.translation
    assert (route.model.id, told.body["taskType"], route.fidelity) == (model, task, fidelity)
    assert (kinds(told.prepare), finishing(route)) == (prepare, finish)
    assert is_living(route.model, TODAY)
    assert route.fidelity == "equivalent" or told.lost


def test_every_amazon_task_that_draws_but_one_has_a_translation() -> None:
    amazon = {name for name, task in TASK_TYPES.items() if task.params_key}
    assert amazon - set(TRANSLATIONS) == {"VIRTUAL_TRY_ON", "SINGLE_EMBEDDING"}


def test_a_task_without_a_counterpart_is_refused_with_every_reason() -> None:
    body = {
        "taskType": "VIRTUAL_TRY_ON",
        "virtualTryOnParams": {
            "sourceImage": IMAGE,
            "referenceImage": OTHER,
            "maskType": "GARMENT",
            "garmentBasedMask": {"garmentClass": "UPPER_BODY"},
        },
    }
    with pytest.raises(NoRoute, match=r"VIRTUAL_TRY_ON.*amazon\.nova-canvas-v1:0: it reached its end of life on 2026-09-30"):
        choose(wish(body))


def test_while_the_old_model_lives_it_does_the_very_request() -> None:
    route = choose(wish(TEXT, model=NOVA, today=BEFORE_THE_END))
    assert (route.model.id, route.fidelity, route.translation.body) == (NOVA.id, "exact", TEXT)


def test_never_sends_a_named_model_the_very_request_even_past_its_end() -> None:
    route = choose(wish(TEXT, model=NOVA, substitute="never"))
    assert (route.model.id, route.fidelity) == (NOVA.id, "exact")


def test_never_does_not_let_another_model_do_it() -> None:
    body = tagged(find_model(CORE), {"prompt": "a boat"})
    with pytest.raises(NoRoute, match="substitute='never' does not allow"):
        choose(wish(body, model=NOVA, substitute="never"))


def test_equivalent_does_not_allow_an_approximation() -> None:
    too_far = "it is approximate, and substitute='equivalent' does not allow that"
    with pytest.raises(NoRoute, match=f"{too_far}.* substitute='approximate' would take us.stability.stable-image-search-replace"):
        choose(wish(painted(maskPrompt="the cat"), substitute="equivalent"))


def test_auto_takes_the_exact_model_first_while_one_lives() -> None:
    found = routes(wish(TEXT, today=BEFORE_THE_END))
    assert next(route.fidelity for route in found if not route.refused) == "exact"


def test_a_model_that_was_found_dead_is_passed_over() -> None:
    assert choose(wish(TEXT, dead=frozenset({CORE}))).model.id == "stability.sd3-5-large-v1:0"


def test_premium_asks_the_dearest_and_standard_the_cheapest_model() -> None:
    premium = {**TEXT, "imageGenerationConfig": {"quality": "premium"}}
    assert choose(wish(TEXT)).model.id == CORE
    assert choose(wish(premium)).model.id == "stability.stable-image-ultra-v1:1"


def test_several_pictures_become_several_calls_of_one_each_at_their_price() -> None:
    route = choose(wish({**TEXT, "imageGenerationConfig": {"numberOfImages": 3, "seed": 7}}))
    assert (route.translation.calls, route.price_usd) == (3, Decimal("0.12"))
    assert route.translation.body["seed"] == 7


def test_seed_zero_stays_a_seed_although_it_means_random_there() -> None:
    seed = choose(wish({**TEXT, "imageGenerationConfig": {"seed": 0}})).translation.body["seed"]
    assert seed == 2_147_483_647


@pytest.mark.parametrize(
    ("width", "height", "ratio", "lost"),
    [
        (1024, 1024, "1:1", ""),
        (1280, 720, "16:9", ""),
        (768, 1152, "2:3", ""),
        (1408, 640, "21:9", "falls away"),
        (2048, 2048, "1:1", "enlarged"),
        (320, 1280, "9:21", "falls away"),
    ],
)
def test_a_size_becomes_the_nearest_ratio_and_is_brought_back_exactly(width: int, height: int, ratio: str, lost: str) -> None:
    route = choose(wish({**TEXT, "imageGenerationConfig": {"width": width, "height": height}}))
    assert route.translation.body["aspect_ratio"] == ratio
    assert route.translation.finish[0].spec.model_dump() == {
        "kind": "cover",
        "width": width,
        "height": height,
        "resample": "lanczos",
    }
    assert (lost in " ".join(route.translation.lost)) if lost else not route.translation.lost


def test_the_polarity_turns_for_inpainting_and_stays_for_outpainting() -> None:
    assert kinds(choose(wish(painted(maskImage=MASK, text="x"))).translation.prepare) == {"/mask": ["invert"]}
    assert choose(wish(extended(maskImage=MASK))).translation.prepare == {}


def test_precise_keeps_the_masks_edge_and_puts_the_kept_pixels_back() -> None:
    told = choose(wish(extended(maskImage=MASK, outPaintingMode="PRECISE"))).translation
    assert told.body["grow_mask"] == 0
    assert told.finish[-1].images == ("$made", "$/image", "$/mask")
    assert "grow_mask" not in choose(wish(extended(maskImage=MASK))).translation.body


def test_a_subject_named_in_words_is_cut_out_first_and_paid_for() -> None:
    route = choose(wish(extended(maskPrompt="the dog")))
    assert route.translation.cutout == {"taskType": "REMOVE_BACKGROUND", "image": IMAGE}
    assert (route.translation.body["mask"], route.price_usd) == (CUTOUT, Decimal("0.14"))
    assert route.as_json()["calls"] == 2


def test_similarity_becomes_strength_the_other_way_round() -> None:
    body = choose(wish(varied(OTHER, similarityStrength=0.9))).translation.body
    assert (body["strength"], body["mode"]) == (0.1, "image-to-image")


def test_of_several_pictures_only_the_first_is_varied_and_that_is_said() -> None:
    route = choose(wish(varied(OTHER, IMAGE)))
    assert (route.fidelity, route.translation.body["image"]) == ("approximate", OTHER)
    assert "Only the first of the 2 pictures" in route.translation.lost[0]


def test_options_that_no_stability_model_takes_are_told() -> None:
    config = {"cfgScale": 7.0}
    assert "cfgScale" in choose(wish({**TEXT, "imageGenerationConfig": config})).translation.lost[0]
    style = {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a boat", "style": "GRAPHIC_NOVEL_ILLUSTRATION"}}
    told = choose(wish(style)).translation
    assert told.body["prompt"] == "a boat, graphic novel illustration style"
    assert "style" in told.lost[0]


def test_a_picture_that_the_other_model_does_not_take_refuses_its_route_with_the_place() -> None:
    wide = {"/inPaintingParams/image": ImageFacts(2000, 500, "PNG", "RGB", 1)}
    with pytest.raises(NoRoute, match=r"/image:.*2000x500"):
        choose(replace(wish(painted(maskPrompt="x", text="y")), facts=wide))


def test_regions_that_were_named_bind_and_others_are_found_where_none_was() -> None:
    assert choose(wish(TEXT)).regions == ("us-west-2",)
    with pytest.raises(NoRoute, match="offered in us-west-2, and the job may go to none of these"):
        choose(wish(TEXT, elsewhere=False))
    with pytest.raises(NoRoute, match="may go to none"):
        choose(wish(TEXT, may_go_to=lambda region: region.startswith("eu-")))


def test_an_sdxl_request_goes_to_the_models_that_came_after_it() -> None:
    body = {
        "taskType": "SDXL_IMAGE",
        "text_prompts": [{"text": "a boat"}, {"text": "fog", "weight": -1}],
        "width": 1344,
        "height": 768,
        "steps": 40,
        "seed": 9,
    }
    route = choose(wish(body))
    told = route.translation
    assert (told.body["prompt"], told.body["negative_prompt"], told.body["aspect_ratio"], told.body["seed"]) == (
        "a boat",
        "fog",
        "16:9",
        9,
    )
    assert (route.fidelity, told.lost[0]) == ("approximate", "steps is not taken.")


def test_the_body_of_a_retired_stability_model_works_on_its_successor() -> None:
    old = find_model("stability.stable-image-core-v1:0")
    body = tagged(old, {"prompt": "a boat", "aspect_ratio": "16:9"})
    route = choose(wish(body, model=old, substitute="equivalent"))
    assert (route.model.id, route.fidelity, route.translation.body) == (CORE, "equivalent", body)


def test_what_a_plan_shows_of_a_route_holds_no_prompt() -> None:
    every = routes(wish({**TEXT, "textToImageParams": {"text": "a secret"}}))
    assert "secret" not in str([route.as_json() for route in every]) + repr(every)
    assert {route.model.id for route in every} <= set(MODELS)


def test_a_named_model_that_can_be_asked_in_its_own_words_comes_before_cheaper_ones() -> None:
    ultra = find_model("stability.stable-image-ultra-v1:1")

    found = choose(wish(TEXT, model=ultra, substitute="equivalent"))
    assert (found.model, found.fidelity) == (ultra, "equivalent")
    with pytest.raises(NoRoute, match="does not allow that"):
        choose(wish(TEXT, model=ultra, substitute="never"))
    assert choose(wish(TEXT, model=ultra, substitute="equivalent", dead=frozenset((ultra.id,)))).model.id == CORE


@pytest.mark.parametrize(
    ("more", "regions"),
    [
        ({}, ("us-west-2",)),  # nobody named a Region: where it is offered
        ({"may_go_to": lambda region: region.startswith("eu-")}, ("us-east-1",)),  # nowhere: AWS is to say so
        ({"elsewhere": False}, ("us-east-1",)),  # who names both may know more than the catalogue
        ({"regions": ("us-east-1", "us-west-2")}, ("us-west-2",)),
        ({"anywhere": True}, ("us-east-1",)),  # the local endpoint
    ],
)
def test_a_named_model_goes_where_it_is_offered_unless_a_region_was_named(more: Mapping[str, object], regions: object) -> None:
    ultra = find_model("stability.stable-image-ultra-v1:1")

    found = choose(wish({"taskType": "STABLE_IMAGE", "prompt": "a boat"}, model=ultra, substitute="never", **more))
    assert found.regions == regions
