"""Each documented limit of Stability's models refuses a body just beyond it, at its place, and accepts the value on it."""

from __future__ import annotations

from typing import NamedTuple, get_args

import pytest

from darkroom_shared.checking import check_request
from darkroom_shared.models.sdxl import SDXL_SIZES
from darkroom_shared.task_types.values import AspectRatio, ClipGuidancePreset, OutputFormat, Sampler, StylePreset
from tests.support.bodies import ABSENT, b64, edited, mask, picture, sample
from tests.support.native_bodies import (
    CORE,
    CORE_BEFORE,
    NATIVE_SAMPLES,
    SD3,
    SD35,
    SDXL,
    SERVICES,
    STABLE_FROM_IMAGE,
    STABLE_IMAGES,
    ULTRA,
    ULTRA_BEFORE,
)

LONG = "x" * 10_001
STABLE, FROM_IMAGE = "STABLE_IMAGE", "STABLE_IMAGE from an image"
CORES, ULTRAS, SD3S = (CORE, CORE_BEFORE), (ULTRA, ULTRA_BEFORE), (SD35, SD3)
PICTURE = b64(picture(128, 128))


class Change(NamedTuple):
    """A sample body with one value changed, and what is told of it.

    Attributes:
        says: parts of the message and of what is allowed: the value that was found, and the limit.
        at: where the problem is reported, if not at the changed place.
    """

    models: tuple[str, ...]
    task: str
    pointer: str
    value: object
    says: tuple[str, ...] = ()
    at: str | None = None


def service(task: str, pointer: str, value: object, *says: str, at: str | None = None) -> Change:
    """A change to the sample of one of the image services."""
    return Change((SERVICES[task],), task, pointer, value, says, at)


def each(tasks: tuple[str, ...], pointer: str, value: object, *says: str) -> list[Change]:
    """The same change for several services."""
    return [service(task, pointer, value, *says) for task in tasks]


ALL = tuple(SERVICES)
PROMPTED = tuple(task for task in ALL if task not in ("REMOVE_BACKGROUND", "ERASE_OBJECT", "FAST_UPSCALE"))
NEEDS_PROMPT = tuple(task for task in PROMPTED if task not in ("STABLE_OUTPAINT", "STYLE_TRANSFER"))
NEGATED = tuple(task for task in PROMPTED if task != "STABLE_OUTPAINT")
SEEDED = tuple(task for task in ALL if task not in ("REMOVE_BACKGROUND", "FAST_UPSCALE"))
STYLED = tuple(task for task in PROMPTED if task not in ("STYLE_TRANSFER", "CONSERVATIVE_UPSCALE"))
GROWN = ("STABLE_INPAINT", "ERASE_OBJECT", "SEARCH_AND_REPLACE", "SEARCH_AND_RECOLOR")
SKETCHED = ("CONTROL_SKETCH", "CONTROL_STRUCTURE")
ENLARGED = ("CONSERVATIVE_UPSCALE", "CREATIVE_UPSCALE")
ONE_IMAGE = tuple(task for task in ALL if task != "STYLE_TRANSFER")

REFUSED = [
    # Text to image and image to image
    Change(STABLE_IMAGES, STABLE, "/taskType", "TEXT_IMAGE", ('"TEXT_IMAGE"', "STABLE_IMAGE")),
    Change(STABLE_IMAGES, STABLE, "/taskType", 7, ("7", "STABLE_IMAGE")),
    Change(STABLE_IMAGES, STABLE, "/prompt", ABSENT, ("required", "10000")),
    Change(STABLE_IMAGES, STABLE, "/prompt", LONG, ("10001", "10000")),
    Change(STABLE_IMAGES, STABLE, "/prompt", None, ("null", "string")),
    Change(STABLE_IMAGES, STABLE, "/negative_prompt", LONG, ("10001", "10000")),
    Change(STABLE_IMAGES, STABLE, "/aspect_ratio", "4:3", ('"4:3"', "16:9")),
    Change(STABLE_IMAGES, STABLE, "/seed", -1, ("-1", "0")),
    Change(SD3S, STABLE, "/seed", 4_294_967_295, ("4294967295", "4294967294")),
    Change((*CORES, *ULTRAS), STABLE, "/seed", 4_294_967_296, ("4294967296", "4294967295")),
    Change((*CORES, *ULTRAS), STABLE, "/output_format", "webp", ('"webp"', "png")),
    Change(SD3S, STABLE, "/output_format", "gif", ('"gif"', "webp")),
    *(
        Change(STABLE_IMAGES, STABLE, f"/{name}", 1, (name, "prompt"))
        for name in ("cfgScale", "quality", "width", "height", "numberOfImages", "style_preset", "text_prompts")
    ),
    Change(CORES, STABLE, "/image", PICTURE, ("image", "prompt")),
    Change(CORES, STABLE, "/strength", 0.5, ("strength", "prompt")),
    Change((*CORES, *ULTRAS), STABLE, "/mode", "image-to-image", ('"image-to-image"', "text-to-image")),
    Change(SD3S, STABLE, "/mode", "inpaint", ('"inpaint"', "image-to-image")),
    Change(SD3S, STABLE, "/mode", "image-to-image", ("mode is image-to-image",), at="/image"),
    Change(STABLE_FROM_IMAGE, STABLE, "/strength", 0.5, ("image",)),
    Change(STABLE_FROM_IMAGE, FROM_IMAGE, "/strength", 1.01, ("1.01", "0", "1")),
    Change(STABLE_FROM_IMAGE, FROM_IMAGE, "/strength", -0.01, ("-0.01", "0", "1")),
    Change(STABLE_FROM_IMAGE, FROM_IMAGE, "/aspect_ratio", "1:1", ("image",)),
    Change(SD3S, FROM_IMAGE, "/strength", ABSENT, ("required", "image")),
    Change(SD3S, FROM_IMAGE, "/mode", "text-to-image", ("text-to-image", "image-to-image")),
    # SDXL 1.0
    Change((SDXL,), "SDXL_IMAGE", "/text_prompts", ABSENT, ("required",)),
    Change((SDXL,), "SDXL_IMAGE", "/text_prompts", [], ("0 items", "1")),
    Change((SDXL,), "SDXL_IMAGE", "/text_prompts", "a boat", ("a list",)),
    Change((SDXL,), "SDXL_IMAGE", "/text_prompts/0", {}, ("required", "2000"), at="/text_prompts/0/text"),
    Change((SDXL,), "SDXL_IMAGE", "/text_prompts/0/text", "x" * 2001, ("2001", "2000")),
    Change((SDXL,), "SDXL_IMAGE", "/text_prompts/0/weight", "1", ("a number",)),
    Change((SDXL,), "SDXL_IMAGE", "/text_prompts/0/size", 1, ('"size"', "weight")),
    Change((SDXL,), "SDXL_IMAGE", "/width", 1024, ("1024x896", "1152x896"), at="/height"),
    Change((SDXL,), "SDXL_IMAGE", "/width", 1000, ("1000x896", "1152x896")),
    Change((SDXL,), "SDXL_IMAGE", "/width", ABSENT, ("width", "1152x896")),
    Change((SDXL,), "SDXL_IMAGE", "/height", ABSENT, ("height", "1152x896")),
    Change((SDXL,), "SDXL_IMAGE", "/cfg_scale", -0.1, ("-0.1", "35")),
    Change((SDXL,), "SDXL_IMAGE", "/cfg_scale", 35.1, ("35.1", "35")),
    Change((SDXL,), "SDXL_IMAGE", "/steps", 9, ("9", "10")),
    Change((SDXL,), "SDXL_IMAGE", "/steps", 51, ("51", "50")),
    Change((SDXL,), "SDXL_IMAGE", "/seed", 4_294_967_296, ("4294967296", "4294967295")),
    Change((SDXL,), "SDXL_IMAGE", "/samples", 2, ("2", "must be 1")),
    Change((SDXL,), "SDXL_IMAGE", "/clip_guidance_preset", "FAST", ('"FAST"', "SLOWEST")),
    Change((SDXL,), "SDXL_IMAGE", "/sampler", "EULER", ('"EULER"', "K_EULER")),
    Change((SDXL,), "SDXL_IMAGE", "/style_preset", "oil", ('"oil"', "tile-texture")),
    Change((SDXL,), "SDXL_IMAGE", "/extras", "x", ("an object",)),
    Change((SDXL,), "SDXL_IMAGE", "/prompt", "a boat", ('"prompt"', "text_prompts")),
    *(
        Change((SDXL,), "SDXL_IMAGE", f"/{name}", value, ("init_image",))
        for name, value in (
            ("init_image_mode", "STEP_SCHEDULE"),
            ("image_strength", 0.5),
            ("step_schedule_start", 0.5),
            ("step_schedule_end", 0.5),
            ("mask_source", "INIT_IMAGE_ALPHA"),
        )
    ),
    Change((SDXL,), "SDXL_IMAGE from an image", "/init_image_mode", "MASK", ('"MASK"', "STEP_SCHEDULE")),
    Change((SDXL,), "SDXL_IMAGE from an image", "/image_strength", 1.1, ("1.1", "1")),
    Change((SDXL,), "SDXL_IMAGE from an image", "/step_schedule_start", -0.1, ("-0.1", "0")),
    Change((SDXL,), "SDXL_IMAGE from an image", "/step_schedule_end", 1.1, ("1.1", "1")),
    Change((SDXL,), "SDXL_IMAGE with a mask", "/mask_source", ABSENT, ("required", "MASK_IMAGE_WHITE")),
    Change((SDXL,), "SDXL_IMAGE with a mask", "/mask_source", "WHITE", ('"WHITE"', "MASK_IMAGE_WHITE")),
    Change((SDXL,), "SDXL_IMAGE with a mask", "/mask_image", ABSENT, ("required", "MASK_IMAGE_BLACK")),
    # What the services share
    *each(ALL, "/taskType", "TEXT_IMAGE", '"TEXT_IMAGE"'),
    *each(ALL, "/extra", 1, '"extra"', "image"),
    *each(ALL, "/output_format", "gif", '"gif"', "webp"),
    *each(ALL, "/output_format", "PNG", '"PNG"', "png"),
    *each(ONE_IMAGE, "/image", ABSENT, "required", "base64"),
    *each(ONE_IMAGE, "/image", "", "empty"),
    *each(ONE_IMAGE, "/image", 5, "5", "base64"),
    *each(NEEDS_PROMPT, "/prompt", ABSENT, "required", "10000"),
    *each(PROMPTED, "/prompt", LONG, "10001", "10000"),
    *each(NEGATED, "/negative_prompt", LONG, "10001", "10000"),
    *each(SEEDED, "/seed", -1, "-1", "4294967294"),
    *each(SEEDED, "/seed", 4_294_967_295, "4294967295", "4294967294"),
    *each(SEEDED, "/seed", 1.0, "1.0", "whole number"),
    *each(STYLED, "/style_preset", "oil", '"oil"', "3d-model"),
    *each(GROWN, "/grow_mask", -1, "-1", "20"),
    *each(GROWN, "/grow_mask", 21, "21", "20"),
    *each(SKETCHED, "/control_strength", 1.01, "1.01", "1"),
    *each(SKETCHED, "/control_strength", -0.01, "-0.01", "0"),
    *each(ENLARGED, "/creativity", 0.09, "0.09", "0.1"),
    *each(ENLARGED, "/creativity", 0.51, "0.51", "0.5"),
    # What each has for itself
    service("REMOVE_BACKGROUND", "/prompt", "a cat", '"prompt"', "image"),
    service("REMOVE_BACKGROUND", "/seed", 1, '"seed"', "image"),
    service("STABLE_INPAINT", "/mask", "", "empty"),
    *each(("STABLE_OUTPAINT",), "/left", 2001, "2001", "2000"),
    *each(("STABLE_OUTPAINT",), "/right", -1, "-1", "2000"),
    *each(("STABLE_OUTPAINT",), "/up", 0.5, "0.5", "whole number"),
    *each(("STABLE_OUTPAINT",), "/down", 2001, "2001", "2000"),
    service("STABLE_OUTPAINT", "/creativity", 0.09, "0.09", "0.1"),
    service("STABLE_OUTPAINT", "/creativity", 1.01, "1.01", "1.0"),
    service("STABLE_OUTPAINT", "/negative_prompt", "people", '"negative_prompt"', "prompt"),
    service("ERASE_OBJECT", "/prompt", "the disc", '"prompt"', "mask"),
    service("ERASE_OBJECT", "/mask", 1, "1", "base64"),
    service("SEARCH_AND_REPLACE", "/search_prompt", ABSENT, "required", "10000"),
    service("SEARCH_AND_REPLACE", "/search_prompt", LONG, "10001", "10000"),
    service("SEARCH_AND_REPLACE", "/select_prompt", "x", '"select_prompt"', "search_prompt"),
    service("SEARCH_AND_RECOLOR", "/select_prompt", ABSENT, "required", "10000"),
    service("SEARCH_AND_RECOLOR", "/select_prompt", LONG, "10001", "10000"),
    service("STYLE_GUIDE", "/aspect_ratio", "4:3", '"4:3"', "9:21"),
    service("STYLE_GUIDE", "/fidelity", 1.01, "1.01", "1"),
    service("STYLE_GUIDE", "/fidelity", -0.01, "-0.01", "0"),
    service("STYLE_TRANSFER", "/init_image", ABSENT, "required"),
    service("STYLE_TRANSFER", "/style_image", ABSENT, "required"),
    service("STYLE_TRANSFER", "/composition_fidelity", 1.01, "1.01", "1"),
    service("STYLE_TRANSFER", "/style_strength", -0.01, "-0.01", "0"),
    service("STYLE_TRANSFER", "/change_strength", 0.09, "0.09", "0.1"),
    service("STYLE_TRANSFER", "/change_strength", 1.01, "1.01", "1"),
    service("STYLE_TRANSFER", "/style_preset", "anime", '"style_preset"', "style_strength"),
    service("FAST_UPSCALE", "/prompt", "x", '"prompt"', "image"),
    service("CONSERVATIVE_UPSCALE", "/style_preset", "anime", '"style_preset"', "creativity"),
]

ACCEPTED = [
    Change(STABLE_IMAGES, STABLE, "/prompt", "x" * 10_000),
    Change(STABLE_IMAGES, STABLE, "/prompt", "\N{SAILBOAT}" * 10_000),
    Change(STABLE_IMAGES, STABLE, "/prompt", ""),
    Change(STABLE_IMAGES, STABLE, "/seed", 0),
    Change(SD3S, STABLE, "/seed", 4_294_967_294),
    Change((*CORES, *ULTRAS), STABLE, "/seed", 4_294_967_295),
    Change((*CORES, *ULTRAS), STABLE, "/output_format", "JPEG"),
    *(Change(SD3S, STABLE, "/output_format", form) for form in get_args(OutputFormat)),
    *(Change(STABLE_IMAGES, STABLE, "/aspect_ratio", ratio) for ratio in get_args(AspectRatio)),
    Change(STABLE_FROM_IMAGE, FROM_IMAGE, "/strength", 0),
    Change(STABLE_FROM_IMAGE, FROM_IMAGE, "/strength", 1),
    Change(ULTRAS, FROM_IMAGE, "/strength", ABSENT),
    Change(ULTRAS, FROM_IMAGE, "/mode", "text-to-image"),
    Change(SD3S, FROM_IMAGE, "/mode", "image-to-image"),
    Change((SDXL,), "SDXL_IMAGE", "/text_prompts/0/text", "x" * 2000),
    Change((SDXL,), "SDXL_IMAGE", "/text_prompts", [{"text": ""}]),
    Change((SDXL,), "SDXL_IMAGE", "/cfg_scale", 0),
    Change((SDXL,), "SDXL_IMAGE", "/cfg_scale", 35),
    Change((SDXL,), "SDXL_IMAGE", "/steps", 10),
    Change((SDXL,), "SDXL_IMAGE", "/steps", 50),
    Change((SDXL,), "SDXL_IMAGE", "/seed", 4_294_967_295),
    Change((SDXL,), "SDXL_IMAGE", "/extras", {"anything": [1]}),
    *(Change((SDXL,), "SDXL_IMAGE", "/sampler", name) for name in get_args(Sampler)),
    *(Change((SDXL,), "SDXL_IMAGE", "/clip_guidance_preset", name) for name in get_args(ClipGuidancePreset)),
    *(Change((SDXL,), "SDXL_IMAGE", "/style_preset", name) for name in get_args(StylePreset)),
    Change((SDXL,), "SDXL_IMAGE from an image", "/init_image_mode", "STEP_SCHEDULE"),
    Change((SDXL,), "SDXL_IMAGE from an image", "/mask_source", "INIT_IMAGE_ALPHA"),
    Change((SDXL,), "SDXL_IMAGE with a mask", "/mask_source", "MASK_IMAGE_WHITE"),
    *each(PROMPTED, "/prompt", "x" * 10_000),
    *each(PROMPTED, "/prompt", ""),
    *each(SEEDED, "/seed", 0),
    *each(SEEDED, "/seed", 4_294_967_294),
    *(change for form in get_args(OutputFormat) for change in each(ALL, "/output_format", form)),
    *each(ALL, "/output_format", ABSENT),
    *(change for name in get_args(StylePreset) for change in each(STYLED, "/style_preset", name)),
    *each(GROWN, "/grow_mask", 0),
    *each(GROWN, "/grow_mask", 20),
    *each(SKETCHED, "/control_strength", 0),
    *each(SKETCHED, "/control_strength", 1),
    *each(ENLARGED, "/creativity", 0.1),
    *each(ENLARGED, "/creativity", 0.5),
    *each(("STABLE_INPAINT", "ERASE_OBJECT"), "/mask", ABSENT),
    *(change for side in ("left", "right", "up", "down") for change in each(("STABLE_OUTPAINT",), f"/{side}", 2000)),
    service("STABLE_OUTPAINT", "/creativity", 0.1),
    service("STABLE_OUTPAINT", "/creativity", 1.0),
    service("STABLE_OUTPAINT", "/prompt", ABSENT),
    *(service("STYLE_GUIDE", "/aspect_ratio", ratio) for ratio in get_args(AspectRatio)),
    service("STYLE_GUIDE", "/fidelity", 0),
    service("STYLE_TRANSFER", "/prompt", ABSENT),
    service("STYLE_TRANSFER", "/change_strength", 0.1),
    service("STYLE_TRANSFER", "/composition_fidelity", 0),
]


def _each_model(changes: list[Change]) -> list[object]:
    return [
        pytest.param(model, change, id=f"{model.split('.')[-1]}-{change.pointer}-{str(change.value)[:12]!r}-{number}")
        for number, change in enumerate(changes)
        for model in change.models
    ]


@pytest.mark.parametrize(("model", "change"), _each_model(REFUSED))
def test_a_value_beyond_a_documented_limit_is_refused_at_its_place_with_the_value_and_what_is_allowed(
    model: str, change: Change
) -> None:
    checked = check_request(edited(sample(change.task), change.pointer, change.value), model)

    [problem] = checked.problems
    assert problem.pointer == (change.at or change.pointer)
    for said in change.says:
        assert said in f"{problem.message} {problem.allowed}"


@pytest.mark.parametrize(("model", "change"), _each_model(ACCEPTED))
def test_a_value_on_a_documented_limit_is_accepted(model: str, change: Change) -> None:
    assert check_request(edited(sample(change.task), change.pointer, change.value), model).problems == ()


@pytest.mark.parametrize("sides", [{}, {"left": 0}, {"left": 0, "right": 0, "up": 0, "down": 0}], ids=str)
def test_outpainting_to_no_side_is_refused_and_to_one_is_enough(sides: dict[str, int]) -> None:
    body = {"image": PICTURE, **sides}
    [problem] = check_request(body, SERVICES["STABLE_OUTPAINT"]).problems

    assert (problem.pointer, "all 0 or missing" in problem.message) == ("", True)
    assert "2000" in str(problem.allowed)
    assert check_request({**body, "up": 1}, SERVICES["STABLE_OUTPAINT"]).valid


@pytest.mark.parametrize("size", SDXL_SIZES)
def test_every_sdxl_size_is_accepted_and_its_neighbour_is_not(size: tuple[int, int]) -> None:
    body = edited(edited(sample("SDXL_IMAGE"), "/width", size[0]), "/height", size[1])

    assert check_request(body, SDXL).valid
    assert not check_request(edited(body, "/width", size[0] + 64), SDXL).valid
    assert not check_request(edited(body, "/height", size[1] + 64), SDXL).valid


def test_a_mask_of_sdxl_without_a_picture_is_one_problem_for_each_field_that_needs_it() -> None:
    body = edited(edited(sample("SDXL_IMAGE with a mask"), "/init_image", ABSENT), "/mask_image", b64(mask(64, 64)))

    assert {problem.pointer for problem in check_request(body, SDXL).problems} == {"/mask_source", "/mask_image"}


def test_several_mistakes_are_all_told_at_once() -> None:
    wrong = {"prompt": LONG, "grow_mask": 30, "seed": -1, "style_preset": "oil", "more": 1, "mask": "%%%"}
    checked = check_request({**wrong, "image": b64(picture(32, 400))}, SERVICES["STABLE_INPAINT"])

    too_small_and_too_long = ["/image", "/image"]
    assert sorted(problem.pointer for problem in checked.problems) == sorted(
        [*(f"/{name}" for name in wrong), *too_small_and_too_long]
    )


@pytest.mark.parametrize("name", [name for name in NATIVE_SAMPLES if name in SERVICES])
def test_a_body_of_one_service_under_another_ones_tag_is_one_problem(name: str) -> None:
    other = next(task for task in SERVICES if task != name)
    [problem] = check_request(sample(name), SERVICES[other]).problems

    assert (problem.pointer, problem.allowed) == ("/taskType", [other])
