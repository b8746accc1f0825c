"""The parameters of VIRTUAL_TRY_ON: their JSON Schema, and which of them go together.

Source: the Nova pages "image-gen-req-resp-structure" and "image-gen-vto" of the AWS documentation.
"""

from __future__ import annotations

from collections.abc import Mapping

from darkroom_shared.core.problems import Problem, pointer
from darkroom_shared.models.findings import shown
from darkroom_shared.models.model import Body, Schema
from darkroom_shared.models.schema import boolean, literal_choice, picture, record
from darkroom_shared.task_types import VIRTUAL_TRY_ON, as_object
from darkroom_shared.task_types.values import (
    GarmentClass,
    LongSleeveStyle,
    MaskShape,
    MaskType,
    MergeStyle,
    OuterLayerStyle,
    Preserve,
    TuckingStyle,
)

MASK_OBJECTS: Mapping[str, str] = {
    "IMAGE": "imageBasedMask",
    "GARMENT": "garmentBasedMask",
    "PROMPT": "promptBasedMask",
}
"""The object that each `maskType` requires."""

_WITHOUT_UPPER_GARMENT = frozenset(
    ("LOWER_BODY", "LONG_PANTS", "SHORT_PANTS", "OTHER_LOWER_BODY", "FOOTWEAR", "SHOES", "BOOTS", "OTHER_FOOTWEAR")
)
_STYLED = ("longSleeveStyle", "tuckingStyle", "outerLayerStyle")


def try_on_params(prompt: Schema) -> Schema:
    """The schema of `virtualTryOnParams`.

    Args:
        prompt: schema of a prompt.
    """
    styling = record(
        {
            "longSleeveStyle": literal_choice(LongSleeveStyle),
            "tuckingStyle": literal_choice(TuckingStyle),
            "outerLayerStyle": literal_choice(OuterLayerStyle),
        }
    )
    garment = {
        "maskShape": literal_choice(MaskShape),
        "garmentClass": literal_choice(GarmentClass),
        "garmentStyling": styling,
    }
    kept = {name: literal_choice(Preserve) for name in ("preserveBodyPose", "preserveHands", "preserveFace")}
    return record(
        {
            "sourceImage": picture(),
            "referenceImage": picture(),
            "maskType": literal_choice(MaskType),
            "imageBasedMask": record({"maskImage": picture()}, ("maskImage",)),
            "garmentBasedMask": record(garment, ("garmentClass",)),
            "promptBasedMask": record({"maskShape": literal_choice(MaskShape), "maskPrompt": prompt}, ("maskPrompt",)),
            "maskExclusions": record(kept),
            "mergeStyle": literal_choice(MergeStyle),
            "returnMask": boolean(),
        },
        ("sourceImage", "referenceImage", "maskType"),
    )


def try_on_problems(body: Body) -> list[Problem]:
    """What the schema cannot say: the mask object that the mask type requires, and styling that its garment cannot have."""
    params = as_object(body.get(VIRTUAL_TRY_ON.params_key))
    return [*_missing_mask_object(params), *_styling_without_garment(params)]


def _missing_mask_object(params: Mapping[str, object]) -> list[Problem]:
    mask_type = params.get("maskType")
    needed = MASK_OBJECTS.get(mask_type) if isinstance(mask_type, str) else None
    if needed is None or needed in params:
        return []
    message = f"{needed} is required and missing, because maskType is {mask_type}"
    return [Problem(pointer((VIRTUAL_TRY_ON.params_key, needed)), message, f"an object {needed}")]


def _styling_without_garment(params: Mapping[str, object]) -> list[Problem]:
    # AWS describes all three stylings for upper-body garments only; a full-body class has an upper part, so it passes.
    garment = as_object(params.get("garmentBasedMask"))
    garment_class = garment.get("garmentClass")
    if not isinstance(garment_class, str) or garment_class not in _WITHOUT_UPPER_GARMENT:
        return []
    styling = as_object(garment.get("garmentStyling"))
    return [
        Problem(
            pointer((VIRTUAL_TRY_ON.params_key, "garmentBasedMask", "garmentStyling", name)),
            f"{name} is for garments of the upper body, but garmentClass is {shown(garment_class)}",
            "a garmentClass that covers the upper body, or no such styling",
        )
        for name in _STYLED
        if name in styling
    ]
