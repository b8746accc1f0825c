"""What people ask image models for, one request of each kind, and which model does it how well on a given day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.models.catalogue import MODELS
from darkroom_shared.models.model import Body
from darkroom_shared.plan.choosing import Wish, routes
from darkroom_shared.plan.route import Route
from darkroom_shared.task_types import Check, Describe, Extract, image_values

_PICTURE: Final = "asset:" + "0" * 64
_MASK: Final = "asset:" + "1" * 64
_FACTS: Final = {
    _PICTURE: ImageFacts(1024, 1024, "PNG", "RGB", 0),
    _MASK: ImageFacts(1024, 1024, "PNG", "RGB", 0, 8, False, True),
}


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that can be asked for.

    Attributes:
        name: in words.
        body: a request for it, in Amazon's words or a native body with its tag.
    """

    name: str
    body: Body = field(repr=False)

    @property
    def task_type(self) -> str:
        """The task type of the request."""
        return str(self.body["taskType"])


def _amazon(name: str, task_type: str, key: str, **params: object) -> Feature:
    return Feature(name, {"taskType": task_type, key: params})


FEATURES: Final[Sequence[Feature]] = (
    _amazon("a picture from words", "TEXT_IMAGE", "textToImageParams", text="a boat"),
    _amazon("words that follow edges", "TEXT_IMAGE", "textToImageParams", text="a boat", conditionImage=_PICTURE),
    _amazon(
        "words that follow areas",
        "TEXT_IMAGE",
        "textToImageParams",
        text="a boat",
        conditionImage=_PICTURE,
        controlMode="SEGMENTATION",
    ),
    _amazon("repaint a masked part", "INPAINTING", "inPaintingParams", image=_PICTURE, maskImage=_MASK, text="a boat"),
    _amazon("repaint a named part", "INPAINTING", "inPaintingParams", image=_PICTURE, maskPrompt="the cup", text="a boat"),
    _amazon("remove a masked part", "INPAINTING", "inPaintingParams", image=_PICTURE, maskImage=_MASK),
    _amazon("remove a named part", "INPAINTING", "inPaintingParams", image=_PICTURE, maskPrompt="the cup"),
    _amazon("new surroundings by mask", "OUTPAINTING", "outPaintingParams", image=_PICTURE, maskImage=_MASK, text="a beach"),
    _amazon("new surroundings by words", "OUTPAINTING", "outPaintingParams", image=_PICTURE, maskPrompt="the cup", text="a beach"),
    _amazon("a variation", "IMAGE_VARIATION", "imageVariationParams", images=[_PICTURE], text="in the evening"),
    _amazon(
        "a picture in given colours",
        "COLOR_GUIDED_GENERATION",
        "colorGuidedGenerationParams",
        text="a boat",
        colors=["#ff8800"],
    ),
    _amazon("a cut-out", "BACKGROUND_REMOVAL", "backgroundRemovalParams", image=_PICTURE),
    _amazon(
        "a garment tried on",
        "VIRTUAL_TRY_ON",
        "virtualTryOnParams",
        sourceImage=_PICTURE,
        referenceImage=_PICTURE,
        maskType="GARMENT",
        garmentBasedMask={"garmentClass": "UPPER_BODY"},
    ),
    Feature("a picture in SDXL 1.0's words", {"taskType": "SDXL_IMAGE", "text_prompts": [{"text": "a boat"}]}),
    Feature("a picture described", Describe(_PICTURE).to_body()),
    Feature("facts read as JSON", Extract([_PICTURE], {"type": "object"}).to_body()),
    Feature("a verdict on a picture", Check(_PICTURE, "a boat is visible").to_body()),
)
"""In the order of the documentation of Amazon's models, and at the end what is asked about pictures."""


def ways(feature: Feature, today: date) -> list[Route]:
    """Every way to do it on that day, the best first; those that cannot be taken any more come last."""
    facts = {place.pointer: _FACTS[str(value)] for place, value in image_values(feature.body).items()}
    every = tuple(dict.fromkeys(region for model in MODELS.values() for region in model.regions))
    return routes(Wish(feature.body, facts, None, "approximate", every, today))
