"""The step that writes a picture's file anew: convert."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, Self

from pydantic import model_validator

from darkroom_shared.contract.steps.base import Quality, Step, pixels
from darkroom_shared.core.image_facts import ImageFacts, ImageFormat
from darkroom_shared.core.problems import Problem


class Convert(Step):
    """Writes a picture in another format. The content credentials of a generated picture stay with the original only."""

    kind: Literal["convert"] = "convert"
    format: Literal["png", "jpeg", "webp"]
    quality: Quality | None = None
    """1-100 for jpeg (95 if left out, without colour subsampling) and webp (90; 100 is lossless); png has none."""

    @model_validator(mode="after")
    def _quality_where_it_means_something(self) -> Self:
        if self.format == "png" and self.quality is not None:
            raise ValueError("quality has no meaning for png, which keeps every pixel")
        return self

    def _problems(self, inputs: Sequence[ImageFacts]) -> list[Problem]:
        if self.format == "jpeg" and inputs[0].transparent:
            return [
                Problem(
                    "/format",
                    "jpeg has no transparency and the picture may have transparent pixels; flatten it first",
                    ["png", "webp"],
                )
            ]
        if self.format == "webp" and max(inputs[0].width, inputs[0].height) > 16_383:
            return [
                Problem(
                    "/format",
                    f"webp holds at most 16383 pixels a side, not {max(inputs[0].width, inputs[0].height)}",
                    ["png", "jpeg"],
                )
            ]
        return []

    def _facts(self, inputs: Sequence[ImageFacts]) -> list[ImageFacts]:
        written: ImageFormat = "PNG" if self.format == "png" else "JPEG" if self.format == "jpeg" else "WEBP"
        # A WebP file has an alpha channel only where a pixel is transparent.
        opaque = self.format == "jpeg" or (self.format == "webp" and not inputs[0].transparent)
        facts = pixels(inputs[0].width, inputs[0].height, inputs[0], opaque=opaque, written=written)
        return [facts if self.format == "png" else replace(facts, black_and_white=None)]
