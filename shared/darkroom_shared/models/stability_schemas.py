"""The fields that Stability's models on Bedrock have in common, as JSON Schemas, and what they take as input pictures.

Source: "stable-image-services", the request pages of Stable Image Core, Ultra and Stable Diffusion 3.5 Large, and the pages of SDXL
1.0 in the Bedrock user guide, read in 2026.
"""

from __future__ import annotations

from collections.abc import Mapping

from darkroom_shared.models.image_limits import ImageLimits
from darkroom_shared.models.model import Schema
from darkroom_shared.models.schema import integer, literal_choice, text
from darkroom_shared.task_types.values import AspectRatio, OutputFormat, StylePreset

MAX_SEED = 4_294_967_294
"""The image services and Stable Diffusion 3.5; Core, Ultra and SDXL 1.0 take one more."""
IMAGES_A_CALL = 1

FORMATS = ("JPEG", "PNG", "WEBP")
STANDARD = ImageLimits(
    formats=FORMATS, min_side=64, max_pixels=9_437_184, max_aspect=2.5, max_bits=None, opaque=False, strict_masks=False
)
"""Most image services. Transparency is allowed: without a mask it says where inpaint and erase change the picture."""

PROMPT = text(0, 10_000)


def prompts() -> Mapping[str, Schema]:
    """`prompt` and `negative_prompt`."""
    return {"prompt": PROMPT, "negative_prompt": PROMPT}


def seed(highest: int = MAX_SEED) -> Mapping[str, Schema]:
    """`seed`, where 0 stands for a random one."""
    return {"seed": integer(0, highest)}


def output_format() -> Mapping[str, Schema]:
    """`output_format`."""
    return {"output_format": literal_choice(OutputFormat)}


def aspect_ratio() -> Mapping[str, Schema]:
    """`aspect_ratio`."""
    return {"aspect_ratio": literal_choice(AspectRatio)}


def style_preset() -> Mapping[str, Schema]:
    """`style_preset`."""
    return {"style_preset": literal_choice(StylePreset)}
