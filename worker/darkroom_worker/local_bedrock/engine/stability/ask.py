"""What a Stability painter is asked for: a native body, whose fields lie flat on its top, and its pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from darkroom_worker.local_bedrock.engine.encode import PictureFormat, decode
from darkroom_worker.local_bedrock.engine.order import CannotRender, Order, as_number, as_text
from darkroom_worker.local_bedrock.engine.raster import Pixels

FORMATS: Mapping[str, PictureFormat] = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP"}
"""output_format, in small letters, and the file format that it means."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request for one picture.

    Attributes:
        task_type: darkroom's name of the task.
        body: the native body, already validated.
        images: decoded picture bytes by the name of their field.
        seed: the one that counts, also where the body leaves the choice to the service.
    """

    task_type: str
    body: Mapping[str, object]
    images: Mapping[str, bytes]
    seed: int

    @classmethod
    def of(cls, order: Order) -> Ask:
        """The order in this form."""
        images = {pointer.lstrip("/"): data for pointer, data in order.images.items()}
        seed = order.drawn_seed
        return cls(order.task_type, order.body, images, round(as_number(order.body.get("seed"), 0)) if seed is None else seed)

    @property
    def prompt(self) -> str:
        """The prompt, empty if there is none."""
        return self.text("prompt")

    @property
    def negative(self) -> str:
        """The negative prompt, empty if there is none."""
        return self.text("negative_prompt")

    @property
    def preset(self) -> str:
        """The style preset, empty if there is none."""
        return self.text("style_preset")

    @property
    def format(self) -> PictureFormat:
        """The file format of the answer; PNG unless another is named."""
        return FORMATS.get(self.text("output_format").lower(), "PNG")

    def text(self, name: str) -> str:
        """A text field, empty if absent."""
        return as_text(self.body.get(name))

    def number(self, name: str, default: float) -> float:
        """A number field."""
        return as_number(self.body.get(name), default)

    def has(self, name: str) -> bool:
        """Whether a picture was handed over for the field."""
        return name in self.images

    def need(self, name: str) -> bytes:
        """The picture's bytes.

        Raises:
            CannotRender: none were handed over for the field.
        """
        data = self.images.get(name)
        if data is None:
            raise CannotRender(f"{self.task_type} needs the picture at /{name}")
        return data

    def pixels(self, name: str = "image") -> Pixels:
        """The picture's RGB pixels, upright, transparency laid on white. Raises as `need`."""
        return decode(self.need(name))
