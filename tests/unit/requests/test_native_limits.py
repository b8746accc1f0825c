"""What no schema of Stability's models says: rules between fields, and values that only look right.

`test_catalogue_rows` tries every limit of a single field.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest

from darkroom_shared.checking import check_request
from darkroom_shared.models.sdxl import SDXL_SIZES
from tests.support.bodies import ABSENT, b64, edited, mask, picture, sample
from tests.support.native_bodies import (
    CORE,
    CORE_BEFORE,
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


def sdxl(pointer: str, value: object, *says: str, at: str | None = None, form: str = "") -> Change:
    """A change to a sample of SDXL 1.0."""
    return Change((SDXL,), f"SDXL_IMAGE {form}".strip(), pointer, value, says, at)


REFUSED = [
    # Text to image and image to image
    Change(STABLE_IMAGES, STABLE, "/taskType", 7, ("7", "STABLE_IMAGE")),
    Change((*CORES, *ULTRAS), STABLE, "/output_format", "webp", ('"webp"', "png")),
    Change(CORES, STABLE, "/image", PICTURE, ("image", "prompt")),
    Change(SD3S, STABLE, "/mode", "image-to-image", ("mode is image-to-image",), at="/image"),
    Change(STABLE_FROM_IMAGE, STABLE, "/strength", 0.5, ("image",)),
    Change(STABLE_FROM_IMAGE, FROM_IMAGE, "/aspect_ratio", "1:1", ("image",)),
    Change(SD3S, FROM_IMAGE, "/strength", ABSENT, ("required", "image")),
    Change(SD3S, FROM_IMAGE, "/mode", "text-to-image", ("text-to-image", "image-to-image")),
    # SDXL 1.0
    sdxl("/text_prompts/1", {}, "required", "2000", at="/text_prompts/1/text"),
    sdxl("/width", 1024, "1024x896", "1152x896", at="/height"),
    sdxl("/width", 1000, "1000x896", "1152x896"),
    sdxl("/width", ABSENT, "width", "1152x896"),
    sdxl("/height", ABSENT, "height", "1152x896"),
    sdxl("/init_image_mode", "STEP_SCHEDULE", "init_image"),
    sdxl("/image_strength", 0.5, "init_image"),
    sdxl("/step_schedule_start", 0.5, "init_image"),
    sdxl("/step_schedule_end", 0.5, "init_image"),
    sdxl("/mask_source", "INIT_IMAGE_ALPHA", "init_image"),
    sdxl("/mask_source", ABSENT, "required", "MASK_IMAGE_WHITE", form="with a mask"),
    sdxl("/mask_image", ABSENT, "required", "MASK_IMAGE_BLACK", form="with a mask"),
    # The image services
    Change((SERVICES["ERASE_OBJECT"],), "ERASE_OBJECT", "/seed", 1.0, ("1.0", "whole number")),
    Change((SERVICES["ERASE_OBJECT"],), "ERASE_OBJECT", "/output_format", "PNG", ('"PNG"', "png")),
]


@pytest.mark.parametrize("change", REFUSED, ids=lambda change: f"{change.task}-{change.pointer}-{str(change.value)[:12]!r}")
def test_what_does_not_go_together_is_refused_at_its_place_with_the_value_and_what_is_allowed(change: Change) -> None:
    for model in change.models:
        [problem] = check_request(edited(sample(change.task), change.pointer, change.value), model).problems
        assert problem.pointer == (change.at or change.pointer)
        for said in change.says:
            assert said in f"{problem.message} {problem.allowed}"


@pytest.mark.parametrize("sides", [{}, {"left": 0}, {"left": 0, "right": 0, "up": 0, "down": 0}], ids=str)
def test_outpainting_to_no_side_is_refused_and_to_one_is_enough(sides: dict[str, int]) -> None:
    body = {"image": PICTURE, **sides}
    [problem] = check_request(body, SERVICES["STABLE_OUTPAINT"]).problems

    assert (problem.pointer, "all 0 or missing" in problem.message) == ("", True)
    assert "2000" in str(problem.allowed)
    assert check_request({**body, "up": 1}, SERVICES["STABLE_OUTPAINT"]).valid


def test_each_of_the_nine_sizes_of_sdxl_is_accepted_and_its_neighbours_are_not() -> None:
    assert len(set(SDXL_SIZES)) == 9
    for width, height in SDXL_SIZES:
        body = edited(edited(sample("SDXL_IMAGE"), "/width", width), "/height", height)

        assert check_request(body, SDXL).valid
        assert not check_request(edited(body, "/width", width + 64), SDXL).valid
        assert not check_request(edited(body, "/height", height + 64), SDXL).valid


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


def test_a_body_of_one_service_under_another_ones_tag_is_one_problem() -> None:
    for name, other in zip(SERVICES, (*list(SERVICES)[1:], *SERVICES), strict=False):
        [problem] = check_request(sample(name), SERVICES[other]).problems

        assert (problem.pointer, problem.allowed) == ("/taskType", [other])
