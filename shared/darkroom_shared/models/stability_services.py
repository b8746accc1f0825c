"""The thirteen Stability AI Image Services: limits, sizes. Each is a model of its own, called through its US profile.

Source: "stable-image-services" and the model cards of the Bedrock user guide, and the quota page of the AWS General Reference,
read in 2026.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from darkroom_shared.core.problems import Problem
from darkroom_shared.models.answers import stability_reading
from darkroom_shared.models.body_size import resolved_size_problems
from darkroom_shared.models.image_limits import ImageLimits
from darkroom_shared.models.image_rules import all_picture_problems
from darkroom_shared.models.model import Body, Facts, Family, Model, Schema, Size
from darkroom_shared.models.native_rules import check_native_body, native_price, native_schema, native_seed, size_of_image
from darkroom_shared.models.schema import integer, number, picture
from darkroom_shared.models.stability_schemas import (
    FORMATS,
    IMAGES_A_CALL,
    PROMPT,
    STANDARD,
    aspect_ratio,
    output_format,
    prompts,
    seed,
    style_preset,
)

_REGIONS: Final = ("us-east-1", "us-east-2", "us-west-2")
"""Where the US profile can be called; a call may run in any of the three."""
_RPM, _SLOW_RPM = 20, 4
"""Calls a minute through the profile; the quotas of the bare ids, which cannot be called, are half of it."""
SIDES: Final = ("left", "right", "up", "down")
_MOST_ADDED: Final = 2000
_UPSCALE_FACTOR: Final = 4

_CREATIVE_INPUT: Final = ImageLimits(
    formats=FORMATS, min_side=64, min_pixels=4_096, max_pixels=1_048_576, max_bits=None, opaque=False
)
_FAST_INPUT: Final = ImageLimits(
    formats=FORMATS, min_side=32, max_side=1536, min_pixels=1_024, max_pixels=1_048_576, max_bits=None, opaque=False
)

_Growth = Callable[[Body, int, int], Size | None]


def _same(_: Body, width: int, height: int) -> Size | None:
    return width, height


def _unsaid(_: Body, __: int, ___: int) -> Size | None:
    return None


def _with_sides(body: Body, width: int, height: int) -> Size | None:
    left, right, up, down = (_added(body, side) for side in SIDES)
    return width + left + right, height + up + down


def _fourfold(_: Body, width: int, height: int) -> Size | None:
    return width * _UPSCALE_FACTOR, height * _UPSCALE_FACTOR


def _added(body: Body, side: str) -> int:
    value = body.get(side, 0)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


@dataclass(frozen=True, slots=True)
class _Service:
    """One service.

    Attributes:
        fields: the schemas of its fields.
        required: those without which it refuses a body.
        grown: the size that comes back for a picture of this size, None where AWS does not say it.
        limits: what it takes as pictures.
    """

    fields: Mapping[str, Schema]
    required: tuple[str, ...]
    grown: _Growth = _unsaid
    limits: ImageLimits = STANDARD


def _service(slug: str, label: str, task_type: str, requests_per_minute: int = _RPM) -> Model:
    return Model(
        id=f"us.stability.{slug}-v1:0",
        family="stability-services",
        label=label,
        regions=_REGIONS,
        requests_per_minute=requests_per_minute,
        task_types=(task_type,),
    )


_IMAGE: Final = {"image": picture()}
_MASKED: Final = {**_IMAGE, "mask": picture(), "grow_mask": integer(0, 20)}
_STYLED: Final = {**prompts(), **style_preset(), **seed(), **output_format()}
_GROWN: Final = {**_IMAGE, "grow_mask": integer(0, 20), **_STYLED}
_CONTROLLED: Final = _Service({**_IMAGE, "control_strength": number(0, 1), **_STYLED}, ("image", "prompt"))
_ENLARGED: Final = {**_IMAGE, **prompts(), "creativity": number(0.1, 0.5), **seed(), **output_format()}

_SERVICES: Final[Mapping[Model, _Service]] = {
    _service("stable-image-remove-background", "Stable Image Remove Background", "REMOVE_BACKGROUND"): _Service(
        {**_IMAGE, **output_format()}, ("image",), _same
    ),
    _service("stable-image-inpaint", "Stable Image Inpaint", "STABLE_INPAINT"): _Service(
        {**_MASKED, **_STYLED}, ("image", "prompt"), _same
    ),
    _service("stable-outpaint", "Stable Image Outpaint", "STABLE_OUTPAINT", _SLOW_RPM): _Service(
        {
            **_IMAGE,
            **{side: integer(0, _MOST_ADDED) for side in SIDES},
            "creativity": number(0.1, 1.0),
            "prompt": PROMPT,
            **style_preset(),
            **seed(),
            **output_format(),
        },
        ("image",),
        _with_sides,
    ),
    _service("stable-image-erase-object", "Stable Image Erase Object", "ERASE_OBJECT"): _Service(
        {**_MASKED, **seed(), **output_format()}, ("image",), _same
    ),
    _service("stable-image-search-replace", "Stable Image Search and Replace", "SEARCH_AND_REPLACE"): _Service(
        {**_GROWN, "search_prompt": PROMPT}, ("image", "prompt", "search_prompt"), _same
    ),
    _service("stable-image-search-recolor", "Stable Image Search and Recolor", "SEARCH_AND_RECOLOR"): _Service(
        {**_GROWN, "select_prompt": PROMPT}, ("image", "prompt", "select_prompt"), _same
    ),
    _service("stable-image-control-sketch", "Stable Image Control Sketch", "CONTROL_SKETCH"): _CONTROLLED,
    _service("stable-image-control-structure", "Stable Image Control Structure", "CONTROL_STRUCTURE"): _CONTROLLED,
    _service("stable-image-style-guide", "Stable Image Style Guide", "STYLE_GUIDE"): _Service(
        {**_IMAGE, **aspect_ratio(), "fidelity": number(0, 1), **_STYLED}, ("image", "prompt")
    ),
    _service("stable-style-transfer", "Stable Image Style Transfer", "STYLE_TRANSFER"): _Service(
        {
            "init_image": picture(),
            "style_image": picture(),
            **prompts(),
            "composition_fidelity": number(0, 1),
            "style_strength": number(0, 1),
            "change_strength": number(0.1, 1),
            **seed(),
            **output_format(),
        },
        ("init_image", "style_image"),
    ),
    # One table lists output_format as required; the sample beside it leaves it out.
    _service("stable-fast-upscale", "Stable Image Fast Upscale", "FAST_UPSCALE"): _Service(
        {**_IMAGE, **output_format()}, ("image",), _fourfold, _FAST_INPUT
    ),
    # The text says that it takes 64x64 to one megapixel, the table of its fields the standard limits: the wider ones are used, as a
    # refusal by Bedrock costs nothing.
    _service("stable-conservative-upscale", "Stable Image Conservative Upscale", "CONSERVATIVE_UPSCALE", _SLOW_RPM): _Service(
        _ENLARGED, ("image", "prompt")
    ),
    _service("stable-creative-upscale", "Stable Image Creative Upscale", "CREATIVE_UPSCALE", _SLOW_RPM): _Service(
        {**_ENLARGED, **style_preset()}, ("image", "prompt"), limits=_CREATIVE_INPUT
    ),
}


@cache
def _schemas(model: Model) -> Mapping[str, Schema]:
    service = _SERVICES[model]
    return native_schema(model, service.fields, service.required)


def _check_body(model: Model, body: Body) -> list[Problem]:
    return check_native_body(model, body, _schemas(model), _between)


def _between(_: Model, body: Body) -> list[Problem]:
    if body.get("taskType") != "STABLE_OUTPAINT" or any(body.get(side, 0) != 0 for side in SIDES):
        return []
    message = "left, right, up and down are all 0 or missing, so nothing would be painted"
    return [Problem("", message, f"at least one of left, right, up and down from 1 to {_MOST_ADDED}")]


def _check_images(model: Model, body: Body, facts: Facts) -> list[Problem]:
    return all_picture_problems(body, facts, _SERVICES[model].limits) + resolved_size_problems(body, facts)


def _output_size(model: Model, body: Body, facts: Facts) -> Size | None:
    size = size_of_image(body, facts)
    return None if size is None else _SERVICES[model].grown(body, *size)


FAMILY: Final = Family(
    name="stability-services",
    models=tuple(_SERVICES),
    check_body=_check_body,
    check_images=_check_images,
    schemas=_schemas,
    price_usd=native_price,
    seed_of=native_seed,
    output_size=_output_size,
    read_answer=stability_reading,
    mask_polarity={"STABLE_INPAINT": "white_is_edited", "ERASE_OBJECT": "white_is_edited"},
    images_a_call=IMAGES_A_CALL,
    native=True,
)
