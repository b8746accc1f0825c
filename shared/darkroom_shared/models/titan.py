"""Amazon Titan Image Generator v1 and v2: limits, sizes.

Source: "model-parameters-titan-image" and "titan-image-models" of the Bedrock user guide and the quota page of the AWS General
Reference, read in 2026.
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
from darkroom_shared.models.findings import shown
from darkroom_shared.models.image_limits import ImageLimits
from darkroom_shared.models.image_rules import all_picture_problems
from darkroom_shared.models.lifecycle import STILL_ON_OFFER
from darkroom_shared.models.model import Body, Defaults, Facts, Family, Model, Schema, Size
from darkroom_shared.models.options import amazon_price, amazon_seed, output_size
from darkroom_shared.models.prices import PriceBook
from darkroom_shared.task_types import TaskType, as_object

TITAN_V1 = Model(
    id="amazon.titan-image-generator-v1",
    family="titan-image",
    label="Titan Image Generator v1",
    regions=("us-east-1", "us-west-2", "ap-south-1", "eu-west-1", "eu-west-2"),
    requests_per_minute=60,
    task_types=("TEXT_IMAGE", "INPAINTING", "OUTPAINTING", "IMAGE_VARIATION"),
    legacy_since=date(2025, 1, 31),
    end_of_life=date(2025, 8, 15),
    successors=STILL_ON_OFFER,
)
TITAN_V2 = Model(
    id="amazon.titan-image-generator-v2:0",
    family="titan-image",
    label="Titan Image Generator v2",
    regions=("us-east-1", "us-west-2"),
    requests_per_minute=60,
    task_types=(
        "TEXT_IMAGE",
        "INPAINTING",
        "OUTPAINTING",
        "IMAGE_VARIATION",
        "COLOR_GUIDED_GENERATION",
        "BACKGROUND_REMOVAL",
    ),
    legacy_since=None,  # AWS's page gives no date for the start of its Legacy period
    end_of_life=date(2026, 6, 30),
    successors=STILL_ON_OFFER,
)

TITAN_SIZES: tuple[tuple[int, int], ...] = (
    (1024, 1024),
    (768, 768),
    (512, 512),
    (768, 1152),
    (384, 576),
    (1152, 768),
    (576, 384),
    (768, 1280),
    (384, 640),
    (1280, 768),
    (640, 384),
    (896, 1152),
    (448, 576),
    (1152, 896),
    (576, 448),
    (768, 1408),
    (384, 704),
    (1408, 768),
    (704, 384),
    (640, 1408),
    (320, 704),
    (1408, 640),
    (704, 320),
    (1152, 640),
    (1173, 640),
)
"""The 25 legal pairs of width and height. 1173x640 is an unusual number, but the page has it so."""

TITAN_DEFAULTS = Defaults(
    number_of_images=1,
    # The page says 1408 each, which is no legal pair; the square of the first row of its table is assumed instead.
    width=1024,
    height=1024,
    quality="standard",
    cfg_scale=8.0,
    seed=42,
    control_mode="CANNY_EDGE",
    control_strength=0.7,
    similarity_strength=0.7,
    outpainting_mode="DEFAULT",
)

# "5 MB" on the page. The larger reading: a refusal by Bedrock costs nothing, a wrong refusal here could not be mended.
_MAX_FILE_BYTES = 5 * 1024 * 1024
_INPUT = ImageLimits(formats=("JPEG", "PNG"), max_bytes=_MAX_FILE_BYTES, max_side=1408, mask_alpha=False)
_VARIATION_INPUT = ImageLimits(formats=("JPEG", "PNG"), max_bytes=_MAX_FILE_BYTES, mask_alpha=False)
"""Titan shrinks the input of a variation itself, so no side is too long."""


def _limits(model: Model) -> AmazonLimits:
    return AmazonLimits(
        max_prompt=512,
        min_negative=0,
        side={"type": "integer"},  # only pairs are legal, which `_check_size` says once for both
        sized_tasks=frozenset(model.task_types),
        styles=False,
        conditioning=TITAN_V1.id not in (model.id, model.base),
        returns_mask=True,
        outpainting_needs_text=True,
    )


@cache
def _schemas(model: Model) -> Mapping[str, Schema]:
    return {name: task_schema(_limits(model), name) for name in model.task_types}


def _check_size(task: TaskType, body: Body) -> list[Problem]:
    given = as_object(body.get("imageGenerationConfig"))
    sides = [given[name] for name in ("width", "height") if name in given]
    if not task.takes_config or not all(isinstance(side, int) for side in sides):
        return []
    width, height = given.get("width"), given.get("height")
    if not sides or (width, height) in TITAN_SIZES:
        return []
    sizes = [f"{wide}x{high}" for wide, high in TITAN_SIZES]
    for name in ("width", "height"):
        if name not in given:
            return [Problem(f"/imageGenerationConfig/{name}", f"{name} is missing: width and height go together", sizes)]
    message = f"{shown(width)}x{shown(height)} is not one of the {len(sizes)} sizes (width x height) that Titan makes"
    return [Problem(_guilty_side(width, height), message, sizes)]


def _guilty_side(width: object, height: object) -> str:
    if width not in {pair[0] for pair in TITAN_SIZES}:
        return "/imageGenerationConfig/width"
    if height not in {pair[1] for pair in TITAN_SIZES}:
        return "/imageGenerationConfig/height"
    return "/imageGenerationConfig"


def _check_body(model: Model, body: Body) -> list[Problem]:
    return check_amazon_body(model, body, _schemas(model), _check_size)


def _check_images(model: Model, body: Body, facts: Facts) -> list[Problem]:
    limits = _VARIATION_INPUT if body.get("taskType") == "IMAGE_VARIATION" else _INPUT
    return all_picture_problems(body, facts, limits) + resolved_size_problems(body, facts)


def _price_usd(model: Model, body: Body, facts: Facts, book: PriceBook) -> Decimal | None:
    return amazon_price(model, body, facts, book, TITAN_DEFAULTS)


def _seed_of(_: Model, body: Body) -> int | None:
    return amazon_seed(body, TITAN_DEFAULTS)


def _output_size(_: Model, body: Body, facts: Facts) -> Size | None:
    return output_size(body, facts, TITAN_DEFAULTS)


FAMILY = Family(
    name="titan-image",
    models=(TITAN_V1, TITAN_V2),
    check_body=_check_body,
    check_images=_check_images,
    schemas=_schemas,
    price_usd=_price_usd,
    seed_of=_seed_of,
    output_size=_output_size,
    read_answer=amazon_reading,
    mask_polarity={"INPAINTING": "black_is_edited", "OUTPAINTING": "white_is_edited"},
    images_a_call=MAX_IMAGES,
)
