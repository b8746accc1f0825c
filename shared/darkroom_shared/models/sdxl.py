"""Stable Diffusion XL 1.0, for the accounts that can still call it: limits, sizes, image to image and masks.

Source: "model-parameters-diffusion-1-0-text-image", "-image-image" and "-image-image-mask" of the Bedrock user guide.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Final

from darkroom_shared.core.problems import Problem
from darkroom_shared.models.answers import sdxl_reading
from darkroom_shared.models.body_size import resolved_size_problems
from darkroom_shared.models.findings import shown
from darkroom_shared.models.image_limits import ImageLimits
from darkroom_shared.models.image_rules import all_picture_problems
from darkroom_shared.models.lifecycle import STILL_ON_OFFER
from darkroom_shared.models.model import Body, Facts, Family, Model, Schema, Size
from darkroom_shared.models.native_rules import check_native_body, native_price, native_schema, native_seed, size_of_image, wants
from darkroom_shared.models.schema import array, integer, literal_choice, number, picture, record, text
from darkroom_shared.models.stability_schemas import FORMATS, IMAGES_A_CALL, MAX_SEED, seed, style_preset
from darkroom_shared.task_types.values import ClipGuidancePreset, InitImageMode, MaskSource, Sampler

SDXL: Final = Model(
    id="stability.stable-diffusion-xl-v1",
    family="sdxl",
    label="Stable Diffusion XL 1.0",
    regions=("us-east-1", "us-west-2"),
    requests_per_minute=60,  # the quota page lists it no more; the number of Titan and of SD3 Medium is assumed
    task_types=("SDXL_IMAGE",),
    legacy_since=date(2024, 10, 16),
    end_of_life=date(2025, 5, 20),
    successors=STILL_ON_OFFER,
)

SDXL_SIZES: Final[tuple[Size, ...]] = (
    (1024, 1024),
    (1152, 896),
    (1216, 832),
    (1344, 768),
    (1536, 640),
    (640, 1536),
    (768, 1344),
    (832, 1216),
    (896, 1152),
)
"""The nine legal pairs of width and height."""

_INPUT: Final = ImageLimits(formats=FORMATS, max_bits=None, opaque=False, strict_masks=False)
"""AWS states no limits of the init image."""
_FROM_IMAGE: Final = ("init_image_mode", "image_strength", "step_schedule_start", "step_schedule_end", "mask_source", "mask_image")
_MASKS_BY_COLOR: Final = ("MASK_IMAGE_WHITE", "MASK_IMAGE_BLACK")


@cache
def _schemas(model: Model) -> Mapping[str, Schema]:
    prompt = record({"text": text(0, 2000), "weight": {"type": "number"}}, ("text",))
    fields: dict[str, Schema] = {
        "text_prompts": array(prompt, 1),
        "width": {"type": "integer"},  # only pairs are legal, which `_size_problems` says once for both
        "height": {"type": "integer"},
        "cfg_scale": number(0, 35),
        "steps": integer(10, 50),
        **seed(MAX_SEED + 1),
        "samples": integer(1, IMAGES_A_CALL),
        "clip_guidance_preset": literal_choice(ClipGuidancePreset),
        "sampler": literal_choice(Sampler),
        **style_preset(),
        "extras": {"type": "object"},
        "init_image": picture(),
        "init_image_mode": literal_choice(InitImageMode),
        "image_strength": number(0, 1),
        # AWS's page speaks of "step_schedule_*" and leaves names and range to Stability's own.
        "step_schedule_start": number(0, 1),
        "step_schedule_end": number(0, 1),
        "mask_source": literal_choice(MaskSource),
        "mask_image": picture(),
    }
    return native_schema(model, fields, ("text_prompts",))


def _check_body(model: Model, body: Body) -> list[Problem]:
    return check_native_body(model, body, _schemas(model), _between)


def _between(_: Model, body: Body) -> list[Problem]:
    without_image = [problem for name in _FROM_IMAGE for problem in wants(body, name, "init_image")]
    return [*_size_problems(body), *without_image, *_mask_problems(body)]


def _size_problems(body: Body) -> list[Problem]:
    given = {name: body[name] for name in ("width", "height") if name in body}
    if not all(isinstance(value, int) for value in given.values()):
        return []  # the schema has refused it
    sizes = [f"{wide}x{high}" for wide, high in SDXL_SIZES]
    if len(given) == 1:
        (missing,) = {"width", "height"} - set(given)
        return [Problem(f"/{missing}", f"{missing} is missing: width and height go together", sizes)]
    width, height = body.get("width"), body.get("height")
    if not given or (width, height) in SDXL_SIZES:
        return []
    message = f"{shown(width)}x{shown(height)} is not one of the {len(sizes)} sizes (width x height) that SDXL 1.0 makes"
    return [Problem("/height" if any(width == wide for wide, _ in SDXL_SIZES) else "/width", message, sizes)]


def _mask_problems(body: Body) -> list[Problem]:
    if "mask_image" in body and "mask_source" not in body:
        return [
            Problem("/mask_source", "mask_source is required and missing, because there is a mask_image", list(_MASKS_BY_COLOR))
        ]
    source = body.get("mask_source")
    if source in _MASKS_BY_COLOR and "mask_image" not in body:
        return [
            Problem(
                "/mask_image", f"mask_image is required and missing, because mask_source is {source}", "a picture as raw base64"
            )
        ]
    return []


def _check_images(_: Model, body: Body, facts: Facts) -> list[Problem]:
    return all_picture_problems(body, facts, _INPUT) + resolved_size_problems(body, facts)


def _output_size(_: Model, body: Body, facts: Facts) -> Size | None:
    width, height = body.get("width"), body.get("height")
    chosen = next((size for size in SDXL_SIZES if size == (width, height)), None)
    return chosen or size_of_image(body, facts)


FAMILY: Final = Family(
    name="sdxl",
    models=(SDXL,),
    check_body=_check_body,
    check_images=_check_images,
    schemas=_schemas,
    price_usd=native_price,
    seed_of=native_seed,
    output_size=_output_size,
    read_answer=sdxl_reading,
    # Which colour is changed is chosen by `mask_source` in each body.
    mask_polarity={},
    images_a_call=IMAGES_A_CALL,
    native=True,
)
