"""Sample bodies of the native tasks: the form that AWS documents, under darkroom's tag.

Each takes a picture and a mask as base64, so that this module needs no pictures of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

CORE = "stability.stable-image-core-v1:1"
ULTRA = "stability.stable-image-ultra-v1:1"
SD35 = "stability.sd3-5-large-v1:0"
CORE_BEFORE = "stability.stable-image-core-v1:0"
ULTRA_BEFORE = "stability.stable-image-ultra-v1:0"
SD3 = "stability.sd3-large-v1:0"
SDXL = "stability.stable-diffusion-xl-v1"
HAIKU = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
STABLE_FROM_IMAGE = (ULTRA, SD35, ULTRA_BEFORE, SD3)
"""Models of STABLE_IMAGE that take an image."""
STABLE_IMAGES = (CORE, CORE_BEFORE, *STABLE_FROM_IMAGE)
SERVICES: Mapping[str, str] = {
    "REMOVE_BACKGROUND": "us.stability.stable-image-remove-background-v1:0",
    "STABLE_INPAINT": "us.stability.stable-image-inpaint-v1:0",
    "STABLE_OUTPAINT": "us.stability.stable-outpaint-v1:0",
    "ERASE_OBJECT": "us.stability.stable-image-erase-object-v1:0",
    "SEARCH_AND_REPLACE": "us.stability.stable-image-search-replace-v1:0",
    "SEARCH_AND_RECOLOR": "us.stability.stable-image-search-recolor-v1:0",
    "CONTROL_SKETCH": "us.stability.stable-image-control-sketch-v1:0",
    "CONTROL_STRUCTURE": "us.stability.stable-image-control-structure-v1:0",
    "STYLE_GUIDE": "us.stability.stable-image-style-guide-v1:0",
    "STYLE_TRANSFER": "us.stability.stable-style-transfer-v1:0",
    "FAST_UPSCALE": "us.stability.stable-fast-upscale-v1:0",
    "CONSERVATIVE_UPSCALE": "us.stability.stable-conservative-upscale-v1:0",
    "CREATIVE_UPSCALE": "us.stability.stable-creative-upscale-v1:0",
}
"""The model of each image service by its task type."""
Body = dict[str, Any]
_STYLED = {"negative_prompt": "people", "style_preset": "photographic", "seed": 7, "output_format": "png"}


def _text_prompts() -> list[Body]:
    return [{"text": "a red sailboat on a calm lake", "weight": 1.0}, {"text": "people", "weight": -0.5}]


def _data_url(image: str) -> str:
    return f"data:image/png;base64,{image}"


def _sdxl(**more: object) -> Body:
    dials = {
        "cfg_scale": 7.0,
        "clip_guidance_preset": "FAST_BLUE",
        "sampler": "K_DPMPP_2M",
        "samples": 1,
        "seed": 7,
        "steps": 30,
        "style_preset": "photographic",
    }
    return {"text_prompts": _text_prompts(), **dials, **more}


NATIVE_SAMPLES: Mapping[str, Callable[[str, str], Body]] = {
    "CONVERSE": lambda picture, _: {
        "messages": [
            {"role": "user", "content": [{"image": {"format": "png", "source": {"bytes": picture}}}, {"text": "What is this?"}]},
            {"role": "assistant", "content": [{"text": "A boat."}]},
            {"role": "user", "content": [{"text": "Of which colour?"}, {"image": {"source": {"bytes": picture}}}]},
        ],
        "system": [{"text": "Answer in one word."}],
        "inferenceConfig": {"maxTokens": 50, "temperature": 0, "topP": 1, "stopSequences": ["."]},
        "additionalModelRequestFields": {"top_k": 5},
    },
    "STABLE_IMAGE": lambda _, __: {
        "prompt": "a red sailboat on a calm lake",
        "negative_prompt": "people",
        "aspect_ratio": "3:2",
        "mode": "text-to-image",
        "seed": 7,
        "output_format": "png",
    },
    "STABLE_IMAGE from an image": lambda image, _: {"prompt": "in oil paint", "image": image, "strength": 0.75, "seed": 7},
    "SDXL_IMAGE": lambda _, __: _sdxl(width=1152, height=896),
    "SDXL_IMAGE from an image": lambda image, _: _sdxl(init_image=image, init_image_mode="IMAGE_STRENGTH", image_strength=0.35),
    "SDXL_IMAGE with a mask": lambda image, mask: _sdxl(init_image=image, mask_source="MASK_IMAGE_BLACK", mask_image=mask),
    "REMOVE_BACKGROUND": lambda image, _: {"image": image, "output_format": "png"},
    "STABLE_INPAINT": lambda image, mask: {"image": image, "prompt": "a flower pot", "mask": mask, "grow_mask": 5, **_STYLED},
    "STABLE_OUTPAINT": lambda image, _: {
        "image": image,
        "left": 50,
        "right": 0,
        "up": 20,
        "down": 100,
        "creativity": 0.5,
        "prompt": "a beach",
        "style_preset": "photographic",
        "seed": 7,
        "output_format": "png",
    },
    "ERASE_OBJECT": lambda image, mask: {"image": image, "mask": mask, "grow_mask": 5, "seed": 7, "output_format": "png"},
    "SEARCH_AND_REPLACE": lambda image, _: {
        "image": image,
        "prompt": "a flower pot",
        "search_prompt": "the disc",
        "grow_mask": 5,
        **_STYLED,
    },
    "SEARCH_AND_RECOLOR": lambda image, _: {
        "image": image,
        "prompt": "pink",
        "select_prompt": "the disc",
        "grow_mask": 5,
        **_STYLED,
    },
    "CONTROL_SKETCH": lambda image, _: {"image": image, "prompt": "a castle", "control_strength": 0.7, **_STYLED},
    "CONTROL_STRUCTURE": lambda image, _: {"image": image, "prompt": "a castle", "control_strength": 0.7, **_STYLED},
    "STYLE_GUIDE": lambda image, _: {"image": image, "prompt": "a castle", "aspect_ratio": "16:9", "fidelity": 0.5, **_STYLED},
    "STYLE_TRANSFER": lambda image, _: {
        "init_image": image,
        "style_image": image,
        "prompt": "a portrait",
        "negative_prompt": "people",
        "composition_fidelity": 0.9,
        "style_strength": 1,
        "change_strength": 0.9,
        "seed": 7,
        "output_format": "png",
    },
    "FAST_UPSCALE": lambda image, _: {"image": image, "output_format": "png"},
    "CONSERVATIVE_UPSCALE": lambda image, _: {
        "image": image,
        "prompt": "a disc",
        "creativity": 0.35,
        "negative_prompt": "people",
        "seed": 7,
        "output_format": "jpeg",
    },
    "CREATIVE_UPSCALE": lambda image, _: {"image": image, "prompt": "a disc", "creativity": 0.3, **_STYLED},
    "TITAN_EMBEDDING": lambda image, _: {
        "inputText": "a red sailboat",
        "inputImage": image,
        "embeddingConfig": {"outputEmbeddingLength": 256},
    },
    "COHERE_EMBEDDING": lambda _, __: {"input_type": "search_query", "texts": ["a red sailboat", "a cactus"], "truncate": "NONE"},
    "COHERE_EMBEDDING of pictures": lambda image, _: {
        "input_type": "search_document",
        "images": [_data_url(image), _data_url(image)],
        "embedding_types": ["float", "int8"],
        "output_dimension": 512,
    },
    "COHERE_EMBEDDING of both": lambda image, _: {
        "input_type": "search_document",
        "inputs": [
            {"content": [{"type": "text", "text": "a disc"}, {"type": "image_url", "image_url": {"url": _data_url(image)}}]},
            {"content": [{"type": "image_url", "image_url": _data_url(image)}]},
        ],
        "max_tokens": 128_000,
    },
    "COHERE_EMBEDDING of a picture and words": lambda image, _: {
        "input_type": "search_document",
        "inputs": [
            {"content": [{"type": "image_url", "image_url": {"url": _data_url(image)}}, {"type": "text", "text": "a disc"}]},
        ],
    },
    "COHERE_EMBEDDING of parts": lambda _, __: {
        "input_type": "classification",
        "inputs": [{"content": [{"type": "text", "text": "a red sailboat"}]}],
    },
}
"""Bodies as they are sent, without the tag, by task type; some a second time with what they may also hold."""
