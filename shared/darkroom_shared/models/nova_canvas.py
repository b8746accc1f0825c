"""Amazon Nova Canvas: limits, sizes.

Source: "image-gen-access", "image-gen-req-resp-structure" and "image-gen-vto" of the Nova user guide and the quota page of the AWS
General Reference, read in 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import cache

from darkroom_shared.core.problems import Problem
from darkroom_shared.models.amazon_rules import check_amazon_body
from darkroom_shared.models.amazon_schemas import MAX_IMAGES, AmazonLimits, task_schema
from darkroom_shared.models.answers import amazon_reading
from darkroom_shared.models.body_size import resolved_size_problems
from darkroom_shared.models.image_limits import ImageLimits
from darkroom_shared.models.image_rules import all_picture_problems
from darkroom_shared.models.lifecycle import STILL_ON_OFFER
from darkroom_shared.models.model import Body, Defaults, Facts, Family, Model, Schema, Size
from darkroom_shared.models.options import amazon_price, amazon_seed, option, output_size, whole_number
from darkroom_shared.models.prices import PriceBook
from darkroom_shared.models.schema import integer
from darkroom_shared.task_types import TaskType

NOVA_CANVAS = Model(
    id="amazon.nova-canvas-v1:0",
    family="nova-canvas",
    label="Nova Canvas",
    regions=("us-east-1", "eu-west-1", "ap-northeast-1"),
    requests_per_minute=100,
    task_types=(
        "TEXT_IMAGE",
        "INPAINTING",
        "OUTPAINTING",
        "IMAGE_VARIATION",
        "COLOR_GUIDED_GENERATION",
        "BACKGROUND_REMOVAL",
        "VIRTUAL_TRY_ON",
    ),
    legacy_since=date(2026, 3, 30),
    end_of_life=date(2026, 9, 30),
    successors=STILL_ON_OFFER,
)

MIN_SIDE, MAX_SIDE, SIDE_STEP, MAX_ASPECT = 320, 4096, 16, 4
MAX_PIXELS = 2048 * 2048
"""4,194,304. One page says "less than", another gives 2048x2048 (which is exactly that) as valid, and the price list has a tier
"up to 2048x2048": so the bound itself is allowed."""

NOVA_DEFAULTS = Defaults(
    number_of_images=1,
    width=1024,
    height=1024,
    quality="standard",
    cfg_scale=6.5,
    seed=12,
    control_mode="CANNY_EDGE",
    control_strength=0.7,
    similarity_strength=0.7,  # not documented for Nova; Titan's is assumed
    outpainting_mode="DEFAULT",
)

_SIZED_TASKS = frozenset(("TEXT_IMAGE", "IMAGE_VARIATION", "COLOR_GUIDED_GENERATION"))
"""The other tasks return images of the input's size, and width and height must not be sent for them."""
_LIMITS = AmazonLimits(
    max_prompt=1024,
    min_negative=1,
    side=integer(MIN_SIDE, MAX_SIDE, multiple_of=SIDE_STEP),
    sized_tasks=_SIZED_TASKS,
    styles=True,
    conditioning=True,
    returns_mask=False,
    outpainting_needs_text=False,
)
_INPUT = ImageLimits(
    formats=("JPEG", "PNG"),
    min_side=MIN_SIDE,
    max_side=MAX_SIDE,
    max_pixels=MAX_PIXELS,
    max_aspect=MAX_ASPECT,
)


@cache
def _schemas(model: Model) -> Mapping[str, Schema]:
    return {name: task_schema(_LIMITS, name) for name in model.task_types}


def _check_size(task: TaskType, body: Body) -> list[Problem]:
    if task.name not in _SIZED_TASKS:
        return []  # width and height are unknown fields there
    width = whole_number(option(body, "width"), NOVA_DEFAULTS.width)
    height = whole_number(option(body, "height"), NOVA_DEFAULTS.height)
    if min(width, height) < MIN_SIDE or max(width, height) > MAX_SIDE:
        return []  # the schema has refused the side itself
    size, problems = f"{width}x{height}", list[Problem]()
    if max(width, height) > MAX_ASPECT * min(width, height):
        message = f"{size} (width x height) is outside the aspect ratios 1:{MAX_ASPECT} to {MAX_ASPECT}:1"
        problems.append(Problem("/imageGenerationConfig", message, f"1:{MAX_ASPECT} to {MAX_ASPECT}:1"))
    if width * height > MAX_PIXELS:
        message = f"{size} makes {width * height:,} pixels, at most {MAX_PIXELS:,} are allowed"
        problems.append(Problem("/imageGenerationConfig", message, {"maximum": MAX_PIXELS, "unit": "pixels"}))
    return problems


def _check_body(model: Model, body: Body) -> list[Problem]:
    return check_amazon_body(model, body, _schemas(model), _check_size)


def _check_images(model: Model, body: Body, facts: Facts) -> list[Problem]:
    return all_picture_problems(body, facts, _INPUT) + resolved_size_problems(body, facts)


def _price_usd(model: Model, body: Body, facts: Facts, book: PriceBook) -> Decimal | None:
    return amazon_price(model, body, facts, book, NOVA_DEFAULTS)


def _seed_of(_: Model, body: Body) -> int | None:
    return amazon_seed(body, NOVA_DEFAULTS)


def _output_size(_: Model, body: Body, facts: Facts) -> Size | None:
    return output_size(body, facts, NOVA_DEFAULTS)


FAMILY = Family(
    name="nova-canvas",
    models=(NOVA_CANVAS,),
    check_body=_check_body,
    check_images=_check_images,
    schemas=_schemas,
    price_usd=_price_usd,
    seed_of=_seed_of,
    output_size=_output_size,
    read_answer=amazon_reading,
    # One Nova page repeats the in-painting wording for out-painting; the page on images, and practice, have white changed.
    mask_polarity={
        "INPAINTING": "black_is_edited",
        "OUTPAINTING": "white_is_edited",
        "VIRTUAL_TRY_ON": "black_is_edited",
    },
    images_a_call=MAX_IMAGES,
)
