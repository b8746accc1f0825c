"""The JSON Schemas of Amazon's request bodies, built from the limits of a model; Titan and Nova Canvas share their shape.

Source of fields and ranges: the Titan page "model-parameters-titan-image" and the Nova page "image-gen-req-resp-structure" of the
AWS documentation, read in 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from darkroom_shared.models.model import Schema
from darkroom_shared.models.schema import array, boolean, color, integer, literal_choice, number, picture, record, text
from darkroom_shared.models.try_on_schema import try_on_params
from darkroom_shared.task_types import TASK_TYPES
from darkroom_shared.task_types.values import ControlMode, OutpaintingMode, Quality, Style

MAX_SEED = 2_147_483_646
MAX_IMAGES = 5
"""Most images one call may be asked for."""


@dataclass(frozen=True, slots=True)
class AmazonLimits:
    """Where the Amazon image models differ.

    Attributes:
        max_prompt: characters of `text`, `negativeText` and `maskPrompt`.
        min_negative: characters of `negativeText` (Titan states no minimum).
        side: schema of `width` and `height`.
        sized_tasks: tasks in whose configuration width and height may stand.
        styles: whether TEXT_IMAGE has `style`.
        conditioning: whether TEXT_IMAGE takes a condition image.
        returns_mask: whether in-painting and out-painting have `returnMask`.
        outpainting_needs_text: whether OUTPAINTING requires `text`.
    """

    max_prompt: int
    min_negative: int
    side: Schema
    sized_tasks: frozenset[str]
    styles: bool
    conditioning: bool
    returns_mask: bool
    outpainting_needs_text: bool


def task_schema(limits: AmazonLimits, task_name: str) -> Schema:
    """The schema of a whole body for one task type."""
    task = TASK_TYPES[task_name]
    fields: dict[str, Schema] = {"taskType": {"const": task_name}, task.params_key: _params(limits)[task_name]}
    if task.takes_config:
        fields["imageGenerationConfig"] = _config(limits, task_name)
    return record(fields, ("taskType", task.params_key))


def _config(limits: AmazonLimits, task_name: str) -> Schema:
    sides = {"width": limits.side, "height": limits.side} if task_name in limits.sized_tasks else {}
    return record(
        {
            "numberOfImages": integer(1, MAX_IMAGES),
            "quality": literal_choice(Quality),
            **sides,
            "cfgScale": number(1.1, 10),
            "seed": integer(0, MAX_SEED),
        }
    )


def _params(limits: AmazonLimits) -> Mapping[str, Schema]:
    # An empty prompt is refused for every model: Nova documents a minimum of 1, Titan documents none but requires the field.
    prompt, negative = text(1, limits.max_prompt), text(limits.min_negative, limits.max_prompt)
    words = {"text": prompt, "negativeText": negative}
    mask = {"maskPrompt": prompt, "maskImage": picture(), **({"returnMask": boolean()} if limits.returns_mask else {})}
    outpainting = {"image": picture(), **words, **mask, "outPaintingMode": literal_choice(OutpaintingMode)}
    return {
        "TEXT_IMAGE": record({**words, **_text_image_extras(limits)}, ("text",)),
        "INPAINTING": record({"image": picture(), **words, **mask}, ("image",)),
        "OUTPAINTING": record(outpainting, ("image", "text") if limits.outpainting_needs_text else ("image",)),
        "IMAGE_VARIATION": record({"images": array(picture(), 1, 5), **words, "similarityStrength": number(0.2, 1.0)}, ("images",)),
        "COLOR_GUIDED_GENERATION": record(
            {**words, "colors": array(color(), 1, 10), "referenceImage": picture()}, ("text", "colors")
        ),
        "BACKGROUND_REMOVAL": record({"image": picture()}, ("image",)),
        "VIRTUAL_TRY_ON": try_on_params(prompt),
    }


def _text_image_extras(limits: AmazonLimits) -> Mapping[str, Schema]:
    style: dict[str, Schema] = {"style": literal_choice(Style)} if limits.styles else {}
    if not limits.conditioning:
        return style
    return {
        **style,
        "conditionImage": picture(),
        "controlMode": literal_choice(ControlMode),
        "controlStrength": number(0, 1),
    }
