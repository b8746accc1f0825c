"""The task types: one module each, and the registry that names them all.

A new task type is one module and one line in `TASK_TYPES` (and, if callers build it, in `AnyRequest`). Which model takes which
task, and within which limits, is told by `darkroom_shared.models`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from darkroom_shared.task_types.background_removal import BACKGROUND_REMOVAL, BackgroundRemoval
from darkroom_shared.task_types.cohere_embedding import COHERE_EMBEDDING, CohereEmbedding
from darkroom_shared.task_types.color_guided_generation import COLOR_GUIDED_GENERATION, ColorGuidedGeneration
from darkroom_shared.task_types.conservative_upscale import CONSERVATIVE_UPSCALE, ConservativeUpscale
from darkroom_shared.task_types.control_sketch import CONTROL_SKETCH, ControlSketch
from darkroom_shared.task_types.control_structure import CONTROL_STRUCTURE, ControlStructure
from darkroom_shared.task_types.converse import CONVERSE, Ask, Check, Compare, Describe, Extract, forced_schema, is_check
from darkroom_shared.task_types.creative_upscale import CREATIVE_UPSCALE, CreativeUpscale
from darkroom_shared.task_types.descriptor import EACH, ImagePlace, ImageRole, ImageSlot, TaskType
from darkroom_shared.task_types.erase_object import ERASE_OBJECT, EraseObject
from darkroom_shared.task_types.fast_upscale import FAST_UPSCALE, FastUpscale
from darkroom_shared.task_types.generation_options import GenerationOptions
from darkroom_shared.task_types.image_variation import IMAGE_VARIATION, ImageVariation
from darkroom_shared.task_types.inpainting import INPAINTING, Inpainting
from darkroom_shared.task_types.nova_embedding import NOVA_EMBEDDING, NovaEmbedding
from darkroom_shared.task_types.outpainting import OUTPAINTING, Outpainting
from darkroom_shared.task_types.places import (
    as_array,
    as_object,
    has_value,
    places_of,
    replace_at,
    with_chained_images,
    without_items,
)
from darkroom_shared.task_types.remove_background import REMOVE_BACKGROUND, RemoveBackground
from darkroom_shared.task_types.request import ImageRequest, ImageSource
from darkroom_shared.task_types.sdxl_image import SDXL_IMAGE, SdxlImage
from darkroom_shared.task_types.search_and_recolor import SEARCH_AND_RECOLOR, SearchAndRecolor
from darkroom_shared.task_types.search_and_replace import SEARCH_AND_REPLACE, SearchAndReplace
from darkroom_shared.task_types.stable_image import STABLE_IMAGE, StableImage
from darkroom_shared.task_types.stable_inpaint import STABLE_INPAINT, StableInpaint
from darkroom_shared.task_types.stable_outpaint import STABLE_OUTPAINT, StableOutpaint
from darkroom_shared.task_types.style_guide import STYLE_GUIDE, StyleGuide
from darkroom_shared.task_types.style_transfer import STYLE_TRANSFER, StyleTransfer
from darkroom_shared.task_types.text_image import TEXT_IMAGE, TextImage
from darkroom_shared.task_types.titan_embedding import TITAN_EMBEDDING, TitanEmbedding
from darkroom_shared.task_types.virtual_try_on import VIRTUAL_TRY_ON, VirtualTryOn

__all__ = [
    "BACKGROUND_REMOVAL",
    "COHERE_EMBEDDING",
    "COLOR_GUIDED_GENERATION",
    "CONSERVATIVE_UPSCALE",
    "CONTROL_SKETCH",
    "CONTROL_STRUCTURE",
    "CONVERSE",
    "CREATIVE_UPSCALE",
    "EACH",
    "ERASE_OBJECT",
    "FAST_UPSCALE",
    "IMAGE_VARIATION",
    "INPAINTING",
    "NOVA_EMBEDDING",
    "OUTPAINTING",
    "REMOVE_BACKGROUND",
    "SDXL_IMAGE",
    "SEARCH_AND_RECOLOR",
    "SEARCH_AND_REPLACE",
    "STABLE_IMAGE",
    "STABLE_INPAINT",
    "STABLE_OUTPAINT",
    "STYLE_GUIDE",
    "STYLE_TRANSFER",
    "TASK_TYPES",
    "TEXT_IMAGE",
    "TITAN_EMBEDDING",
    "VIRTUAL_TRY_ON",
    "AnyRequest",
    "Ask",
    "BackgroundRemoval",
    "Check",
    "CohereEmbedding",
    "ColorGuidedGeneration",
    "Compare",
    "ConservativeUpscale",
    "ControlSketch",
    "ControlStructure",
    "CreativeUpscale",
    "Describe",
    "EraseObject",
    "Extract",
    "FastUpscale",
    "GenerationOptions",
    "ImagePlace",
    "ImageRequest",
    "ImageRole",
    "ImageSlot",
    "ImageSource",
    "ImageVariation",
    "Inpainting",
    "NovaEmbedding",
    "Outpainting",
    "RemoveBackground",
    "SdxlImage",
    "SearchAndRecolor",
    "SearchAndReplace",
    "StableImage",
    "StableInpaint",
    "StableOutpaint",
    "StyleGuide",
    "StyleTransfer",
    "TaskType",
    "TextImage",
    "TitanEmbedding",
    "VirtualTryOn",
    "as_array",
    "as_object",
    "chain_images",
    "forced_schema",
    "has_value",
    "image_places",
    "image_values",
    "is_check",
    "replace_at",
    "task_type_of",
    "without_items",
]

TASK_TYPES: Mapping[str, TaskType] = {
    "TEXT_IMAGE": TEXT_IMAGE,
    "INPAINTING": INPAINTING,
    "OUTPAINTING": OUTPAINTING,
    "IMAGE_VARIATION": IMAGE_VARIATION,
    "COLOR_GUIDED_GENERATION": COLOR_GUIDED_GENERATION,
    "BACKGROUND_REMOVAL": BACKGROUND_REMOVAL,
    "VIRTUAL_TRY_ON": VIRTUAL_TRY_ON,
    "STABLE_IMAGE": STABLE_IMAGE,
    "SDXL_IMAGE": SDXL_IMAGE,
    "REMOVE_BACKGROUND": REMOVE_BACKGROUND,
    "STABLE_INPAINT": STABLE_INPAINT,
    "STABLE_OUTPAINT": STABLE_OUTPAINT,
    "ERASE_OBJECT": ERASE_OBJECT,
    "SEARCH_AND_REPLACE": SEARCH_AND_REPLACE,
    "SEARCH_AND_RECOLOR": SEARCH_AND_RECOLOR,
    "CONTROL_SKETCH": CONTROL_SKETCH,
    "CONTROL_STRUCTURE": CONTROL_STRUCTURE,
    "STYLE_GUIDE": STYLE_GUIDE,
    "STYLE_TRANSFER": STYLE_TRANSFER,
    "FAST_UPSCALE": FAST_UPSCALE,
    "CONSERVATIVE_UPSCALE": CONSERVATIVE_UPSCALE,
    "CREATIVE_UPSCALE": CREATIVE_UPSCALE,
    "TITAN_EMBEDDING": TITAN_EMBEDDING,
    "SINGLE_EMBEDDING": NOVA_EMBEDDING,
    "COHERE_EMBEDDING": COHERE_EMBEDDING,
    "CONVERSE": CONVERSE,
}
"""Every task type by its name."""

AnyRequest: TypeAlias = (
    TextImage
    | Inpainting
    | Outpainting
    | ImageVariation
    | ColorGuidedGeneration
    | BackgroundRemoval
    | VirtualTryOn
    | StableImage
    | SdxlImage
    | RemoveBackground
    | StableInpaint
    | StableOutpaint
    | EraseObject
    | SearchAndReplace
    | SearchAndRecolor
    | ControlSketch
    | ControlStructure
    | StyleGuide
    | StyleTransfer
    | FastUpscale
    | ConservativeUpscale
    | CreativeUpscale
    | TitanEmbedding
    | NovaEmbedding
    | CohereEmbedding
    | Describe
    | Ask
    | Extract
    | Compare
    | Check
)
"""Every typed request."""


def task_type_of(body: Mapping[str, object]) -> TaskType | None:
    """The task type that a body asks for; None where it names none that is known."""
    name = body.get("taskType")
    return TASK_TYPES.get(name) if isinstance(name, str) else None


def image_values(body: Mapping[str, object]) -> dict[ImagePlace, object]:
    """The pictures present in a body, each with what stands there (a string, or an ImageSource before it is resolved)."""
    task = task_type_of(body)
    return {} if task is None else places_of(task, body)


def image_places(body: Mapping[str, object]) -> list[ImagePlace]:
    """The pictures present in a body, in the order of the documentation; none for a body that names no known task."""
    return list(image_values(body))


def chain_images(body: Mapping[str, object], *images: object) -> dict[str, object]:
    """A copy of the body that works on these pictures (1 or more; more than it takes are left out) unless it has one of its own.

    Unchanged for tasks that start from text.
    """
    task = task_type_of(body)
    return dict(body) if task is None else with_chained_images(task, body, images)
