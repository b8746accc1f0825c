"""Stable Image Core and Ultra and Stable Diffusion 3.5 Large, and the releases before them: limits, image to image.

Source: "model-parameters-diffusion-stable-image-core-text-image-request-response",
"model-parameters-diffusion-stable-ultra-text-image-request-response" and "model-parameters-diffusion-3-5-large" of the Bedrock user
guide, the model cards, and the quota page of the AWS General Reference, read in 2026. The pages of the
retired releases are no longer published: the rules of their successors are used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Final

from darkroom_shared.core.problems import Problem
from darkroom_shared.models.answers import stability_reading
from darkroom_shared.models.body_size import resolved_size_problems
from darkroom_shared.models.image_limits import ImageLimits
from darkroom_shared.models.image_rules import all_picture_problems
from darkroom_shared.models.model import Body, Facts, Family, Model, Schema, Size
from darkroom_shared.models.native_rules import check_native_body, native_price, native_schema, native_seed, wants
from darkroom_shared.models.schema import choice, literal_choice, number, picture
from darkroom_shared.models.stability_schemas import FORMATS, IMAGES_A_CALL, MAX_SEED, aspect_ratio, output_format, prompts, seed
from darkroom_shared.task_types.values import GenerationMode

_TASKS: Final = ("STABLE_IMAGE",)
_REGIONS: Final = ("us-west-2",)
_LEGACY_SINCE: Final = date(2025, 1, 31)
_END_OF_LIFE: Final = date(2025, 9, 4)

CORE: Final = Model(
    id="stability.stable-image-core-v1:1",
    family="stable-image",
    label="Stable Image Core",
    regions=_REGIONS,
    requests_per_minute=90,
    task_types=_TASKS,
)
ULTRA: Final = Model(
    id="stability.stable-image-ultra-v1:1",
    family="stable-image",
    label="Stable Image Ultra",
    regions=_REGIONS,
    requests_per_minute=10,
    task_types=_TASKS,
)
SD35_LARGE: Final = Model(
    id="stability.sd3-5-large-v1:0",
    family="stable-image",
    label="Stable Diffusion 3.5 Large",
    regions=_REGIONS,
    requests_per_minute=15,
    task_types=_TASKS,
)
CORE_BEFORE: Final = Model(
    id="stability.stable-image-core-v1:0",
    family="stable-image",
    label="Stable Image Core, first release",
    regions=_REGIONS,
    requests_per_minute=90,
    task_types=_TASKS,
    legacy_since=_LEGACY_SINCE,
    end_of_life=_END_OF_LIFE,
    successors=(CORE.id, ULTRA.id, SD35_LARGE.id),
)
ULTRA_BEFORE: Final = Model(
    id="stability.stable-image-ultra-v1:0",
    family="stable-image",
    label="Stable Image Ultra, first release",
    regions=_REGIONS,
    requests_per_minute=10,
    task_types=_TASKS,
    legacy_since=_LEGACY_SINCE,
    end_of_life=_END_OF_LIFE,
    successors=(ULTRA.id, SD35_LARGE.id, CORE.id),
)
SD3_LARGE: Final = Model(
    id="stability.sd3-large-v1:0",
    family="stable-image",
    label="SD3 Large",
    regions=_REGIONS,
    requests_per_minute=15,
    task_types=_TASKS,
    legacy_since=_LEGACY_SINCE,
    end_of_life=_END_OF_LIFE,
    successors=(SD35_LARGE.id, ULTRA.id, CORE.id),
)


@dataclass(frozen=True, slots=True)
class _Variant:
    """Where the models of the family differ.

    Attributes:
        max_seed: the highest seed.
        modes: values of `mode`.
        webp: whether WebP can come back.
        image: what is taken as `image`, None for a model that starts from text only.
        explicit: whether an image requires `strength`, and must not go with a `mode` of text only.
    """

    max_seed: int
    modes: Schema
    webp: bool
    image: ImageLimits | None = None
    explicit: bool = False


# The pages print JPEG and PNG for Core and Ultra, and jpeg and png for the rest: for these two both spellings pass.
_BOTH_SPELLINGS: Final = choice(("jpeg", "png", "JPEG", "PNG"))
_FROM_TEXT: Final = choice(("text-to-image",))
_CORE: Final = _Variant(MAX_SEED + 1, _FROM_TEXT, webp=False)
# Ultra's model card says that it takes no image, its request page documents image to image (with `mode` text-to-image only): the
# page is followed, as a refusal by Bedrock costs nothing.
_ULTRA: Final = _Variant(
    MAX_SEED + 1,
    _FROM_TEXT,
    webp=False,
    image=ImageLimits(formats=FORMATS, max_bits=None, opaque=False),
)
_SD3: Final = _Variant(
    MAX_SEED,
    literal_choice(GenerationMode),
    webp=True,
    image=ImageLimits(formats=FORMATS, min_side=64, max_bits=None, opaque=False),
    explicit=True,
)
_VARIANTS: Final[Mapping[Model, _Variant]] = {
    CORE: _CORE,
    ULTRA: _ULTRA,
    SD35_LARGE: _SD3,
    CORE_BEFORE: _CORE,
    ULTRA_BEFORE: _ULTRA,
    SD3_LARGE: _SD3,
}


@cache
def _schemas(model: Model) -> Mapping[str, Schema]:
    variant = _VARIANTS[model]
    fields: dict[str, Schema] = {
        **prompts(),
        **aspect_ratio(),
        "mode": variant.modes,
        **({} if variant.image is None else {"image": picture(), "strength": number(0, 1)}),
        **seed(variant.max_seed),
        **(output_format() if variant.webp else {"output_format": _BOTH_SPELLINGS}),
    }
    return native_schema(model, fields, ("prompt",))


def _check_body(model: Model, body: Body) -> list[Problem]:
    return check_native_body(model, body, _schemas(model), _between)


def _between(model: Model, body: Body) -> list[Problem]:
    variant = _VARIANTS[model]
    if variant.image is None:
        return []  # image and strength are unknown fields
    if "image" not in body:
        wanted = Problem("/image", "image is required and missing, because mode is image-to-image", "a picture as raw base64")
        says_so = variant.explicit and body.get("mode") == "image-to-image"
        return [*([wanted] if says_so else []), *wants(body, "strength", "image")]
    found: list[Problem] = []
    if variant.explicit and "strength" not in body:
        found.append(
            Problem("/strength", "strength is required and missing, because there is an image", {"minimum": 0, "maximum": 1})
        )
    if variant.explicit and body.get("mode") == "text-to-image":
        found.append(Problem("/mode", "mode is text-to-image, but there is an image", ["image-to-image"]))
    if "aspect_ratio" in body:
        found.append(
            Problem("/aspect_ratio", "aspect_ratio is for a picture from words alone, but there is an image", "only without image")
        )
    return found


def _check_images(model: Model, body: Body, facts: Facts) -> list[Problem]:
    limits = _VARIANTS[model].image
    pictures = [] if limits is None else all_picture_problems(body, facts, limits)
    return pictures + resolved_size_problems(body, facts)


def _output_size(_: Model, __: Body, ___: Facts) -> Size | None:
    return None  # AWS names aspect ratios only, and bounds: 640 to 1536 pixels a side


FAMILY: Final = Family(
    name="stable-image",
    models=tuple(_VARIANTS),
    check_body=_check_body,
    check_images=_check_images,
    schemas=_schemas,
    price_usd=native_price,
    seed_of=native_seed,
    output_size=_output_size,
    read_answer=stability_reading,
    mask_polarity={},
    images_a_call=IMAGES_A_CALL,
    native=True,
)
