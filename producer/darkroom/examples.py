"""A body of every task type, as descriptions show it: right for each model that can do the task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from darkroom_shared.models.catalogue import MODELS
from darkroom_shared.plan.choosing import TRANSLATIONS
from darkroom_shared.task_types import TASK_TYPES

_PHOTO: Final = "asset:" + "3b" * 32
_OTHER: Final = "asset:" + "7e" * 32
_MASK: Final = "asset:" + "0f" * 32
_AMAZON: Final[Mapping[str, object]] = {"numberOfImages": 1, "seed": 7, "cfgScale": 8.0}
_SQUARE: Final[Mapping[str, object]] = {**_AMAZON, "width": 1024, "height": 1024}
Body = Mapping[str, object]


def _able(task_type: str) -> str:
    return next(model.id for model in MODELS.values() if task_type in model.task_types)


def _native(**fields: object) -> Body:
    return fields


EXAMPLES: Final[Mapping[str, Body]] = {
    "TEXT_IMAGE": {
        "textToImageParams": {"text": "a red sailboat on a calm lake", "negativeText": "people"},
        "imageGenerationConfig": _SQUARE,
    },
    "INPAINTING": {
        "inPaintingParams": {"image": _PHOTO, "maskPrompt": "the vase", "text": "a flower pot"},
        "imageGenerationConfig": _AMAZON,
    },
    "OUTPAINTING": {
        "outPaintingParams": {"image": _PHOTO, "maskPrompt": "the bottle", "text": "on a beach", "outPaintingMode": "PRECISE"},
        "imageGenerationConfig": _AMAZON,
    },
    "IMAGE_VARIATION": {
        "imageVariationParams": {"images": [_PHOTO, _OTHER], "text": "in oil paint", "similarityStrength": 0.7},
        "imageGenerationConfig": _SQUARE,
    },
    "COLOR_GUIDED_GENERATION": {
        "colorGuidedGenerationParams": {"text": "a jar of salad", "colors": ["#ff8080", "#ffb280"], "referenceImage": _PHOTO},
        "imageGenerationConfig": _SQUARE,
    },
    "BACKGROUND_REMOVAL": {"backgroundRemovalParams": {"image": _PHOTO}},
    "VIRTUAL_TRY_ON": {
        "virtualTryOnParams": {
            "sourceImage": _PHOTO,
            "referenceImage": _OTHER,
            "maskType": "GARMENT",
            "garmentBasedMask": {"garmentClass": "UPPER_BODY"},
        },
    },
    "STABLE_IMAGE": _native(prompt="a red sailboat on a calm lake", aspect_ratio="3:2", seed=7, output_format="png"),
    "SDXL_IMAGE": _native(text_prompts=[{"text": "a red sailboat", "weight": 1.0}], cfg_scale=7, steps=30, seed=7, samples=1),
    "REMOVE_BACKGROUND": _native(image=_PHOTO, output_format="png"),
    "STABLE_INPAINT": _native(image=_PHOTO, mask=_MASK, prompt="a flower pot", seed=7),
    "STABLE_OUTPAINT": _native(image=_PHOTO, left=200, right=200, prompt="a beach", seed=7),
    "ERASE_OBJECT": _native(image=_PHOTO, mask=_MASK, seed=7),
    "SEARCH_AND_REPLACE": _native(image=_PHOTO, search_prompt="the vase", prompt="a flower pot", seed=7),
    "SEARCH_AND_RECOLOR": _native(image=_PHOTO, select_prompt="the jacket", prompt="pink", seed=7),
    "CONTROL_SKETCH": _native(image=_PHOTO, prompt="a castle on a hill", control_strength=0.7, seed=7),
    "CONTROL_STRUCTURE": _native(image=_PHOTO, prompt="a castle on a hill", control_strength=0.7, seed=7),
    "STYLE_GUIDE": _native(image=_PHOTO, prompt="a castle on a hill", aspect_ratio="16:9", fidelity=0.5, seed=7),
    "STYLE_TRANSFER": _native(init_image=_PHOTO, style_image=_OTHER, style_strength=1, seed=7),
    "FAST_UPSCALE": _native(image=_PHOTO, output_format="png"),
    "CONSERVATIVE_UPSCALE": _native(image=_PHOTO, prompt="a portrait", creativity=0.35, seed=7),
    "CREATIVE_UPSCALE": _native(image=_PHOTO, prompt="a portrait", creativity=0.3, seed=7),
    "TITAN_EMBEDDING": _native(inputText="a red sailboat", embeddingConfig={"outputEmbeddingLength": 256}),
    "SINGLE_EMBEDDING": {
        "schemaVersion": "nova-multimodal-embed-v1",
        "singleEmbeddingParams": {
            "embeddingPurpose": "GENERIC_RETRIEVAL",
            "embeddingDimension": 1024,
            "text": {"truncationMode": "END", "value": "a red sailboat"},
        },
    },
    "COHERE_EMBEDDING": _native(input_type="search_query", texts=["a red sailboat"]),
    "CONVERSE": _native(
        messages=[{"role": "user", "content": [{"image": {"source": {"bytes": _PHOTO}}}, {"text": "What is in this picture?"}]}],
        inferenceConfig={"maxTokens": 200, "temperature": 0},
    ),
}
"""By task type, without the `taskType` itself."""


SHOWN: Final[Mapping[str, str]] = {
    name: "auto" if TASK_TYPES[name].takes_config or name in TRANSLATIONS else _able(name) for name in EXAMPLES
}
"""The model that goes with each example: any that can do it for work in Amazon's words, else the first that knows the task."""


def example(task_type: str) -> dict[str, object]:
    """The example body of a task type, its `taskType` first."""
    return {"taskType": task_type, **EXAMPLES[task_type]}
