"""SDXL_IMAGE: a picture from words, or from words and a picture, with all the dials of Stable Diffusion XL 1.0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, native_task
from darkroom_shared.task_types.request import ImageSource, native_body
from darkroom_shared.task_types.values import ClipGuidancePreset, InitImageMode, MaskSource, Sampler, StylePreset

SDXL_IMAGE = native_task(
    "SDXL_IMAGE",
    ImageSlot(("init_image",), "image", chained_with=("image_strength", "init_image_mode", "mask_source")),
    ImageSlot(("mask_image",), "mask"),
)


@dataclass(frozen=True, slots=True)
class SdxlImage:
    """Makes one picture from weighted texts; with an init image it starts from that, with a mask it changes only a part of it.

    In a chain it works on the previous step's output if `image_strength`, `init_image_mode` or `mask_source` is given.

    Attributes:
        text_prompts: what to show: one text, or several, each alone or with its weight; a text of negative weight is avoided. The
            weight's default is 1; each text has at most 2000 characters.
        width: pixels; width and height go together, as one of nine pairs.
        height: pixels, see width.
        cfg_scale: how closely to follow the texts, 0 to 35; the default is 7.
        steps: 10 to 50; the default is 30.
        seed: 0 to 4 294 967 295; 0 or none is a random one, which the answer names.
        samples: pictures a call, of which there can only be 1.
        clip_guidance_preset: how the generation is guided.
        sampler: how each step is made.
        style_preset: a ready-made look.
        extras: more of the service's options, as an object.
        init_image: the picture to start from.
        init_image_mode: whether `image_strength` or the step schedule says how much of it stays; the default is IMAGE_STRENGTH.
        image_strength: 0 to 1; near 1 the result is close to the init image.
        step_schedule_start: 0 to 1, where in the steps the init image begins to count.
        step_schedule_end: 0 to 1, where it ends.
        mask_image: which part of the init image is changed.
        mask_source: whether white or black of the mask is changed, or what is transparent in the init image.
    """

    text_prompts: str | Sequence[str | tuple[str, float]]
    _: KW_ONLY
    width: int | None = None
    height: int | None = None
    cfg_scale: float | None = None
    steps: int | None = None
    seed: int | None = None
    samples: int | None = None
    clip_guidance_preset: ClipGuidancePreset | None = None
    sampler: Sampler | None = None
    style_preset: StylePreset | None = None
    extras: Mapping[str, object] | None = None
    init_image: ImageSource | None = field(default=None, repr=False)
    init_image_mode: InitImageMode | None = None
    image_strength: float | None = None
    step_schedule_start: float | None = None
    step_schedule_end: float | None = None
    mask_image: ImageSource | None = field(default=None, repr=False)
    mask_source: MaskSource | None = None

    task_type: ClassVar[str] = SDXL_IMAGE.name

    def to_body(self) -> dict[str, object]:
        """The tagged SDXL_IMAGE body."""
        texts = [self.text_prompts] if isinstance(self.text_prompts, str) else self.text_prompts
        return {**native_body(self), "text_prompts": [_weighted(text) for text in texts]}


def _weighted(text: str | tuple[str, float]) -> dict[str, object]:
    return {"text": text} if isinstance(text, str) else {"text": text[0], "weight": text[1]}
