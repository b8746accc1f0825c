"""The options that generating tasks share: Bedrock's `imageGenerationConfig`."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom_shared.task_types.values import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationOptions:
    """How many images, how large, how good. An option left at None is not sent; the model's default then applies.

    Attributes:
        number_of_images: 1 to 5.
        width: pixels. Titan takes 25 pairs of width and height; Nova Canvas takes multiples of 16 from 320 to 4096, and none for
            in-painting, out-painting and try-on, where the result has the size of the input.
        height: pixels, see width.
        quality: `standard` or `premium`.
        cfg_scale: how closely to follow the prompt, 1.1 to 10.
        seed: 0 to 2 147 483 646; the same request and seed give the same images.
    """

    number_of_images: int | None = None
    width: int | None = None
    height: int | None = None
    quality: Quality | None = None
    cfg_scale: float | None = None
    seed: int | None = None

    def config(self) -> dict[str, object]:
        """Bedrock's names for the options; None where nothing was given."""
        return {
            "numberOfImages": self.number_of_images,
            "width": self.width,
            "height": self.height,
            "quality": self.quality,
            "cfgScale": self.cfg_scale,
            "seed": self.seed,
        }
