"""What the engine is asked for and what it hands back; no pixels are touched here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

_SEED_RANGE = 2_147_483_647
_DEFAULT_SEED = {"titan-image": 42, "nova-canvas": 12}
_DEFAULT_CFG = {"titan-image": 8.0, "nova-canvas": 6.5}
_DEFAULT_SIDE = 1024
PARAMS: Mapping[str, str] = {
    "TEXT_IMAGE": "textToImageParams",
    "INPAINTING": "inPaintingParams",
    "OUTPAINTING": "outPaintingParams",
    "IMAGE_VARIATION": "imageVariationParams",
    "COLOR_GUIDED_GENERATION": "colorGuidedGenerationParams",
    "BACKGROUND_REMOVAL": "backgroundRemovalParams",
    "VIRTUAL_TRY_ON": "virtualTryOnParams",
}
"""taskType -> the member of the body that holds its parameters."""


class CannotRender(ValueError):
    """The order asks for something this engine does not make, or lacks a picture; the text says what."""


@dataclass(frozen=True, slots=True)
class Order:
    """One request for pictures.

    Attributes:
        family: as in the catalogue; it decides defaults.
        model_id: as requested; it does not change the picture.
        task_type: Bedrock's taskType; darkroom's name of the task for a native body, which has none.
        body: Bedrock's body, already validated (ranges, required fields); its image places are not read.
        images: decoded picture bytes (PNG or JPEG) by JSON pointer, such as `/inPaintingParams/image` or
            `/imageVariationParams/images/0`; a native body's are at its top, such as `/image`.
        drawn_seed: the seed of a native body, also where that leaves the choice to the service; None for the other bodies.
    """

    family: str
    model_id: str
    task_type: str
    body: Mapping[str, object]
    images: Mapping[str, bytes]
    drawn_seed: int | None = None

    @property
    def params(self) -> Mapping[str, object]:
        """The parameters of the task."""
        name = PARAMS.get(self.task_type)
        if name is None:
            raise CannotRender(f"the local engine has no painter for taskType {self.task_type!r}; it has {', '.join(PARAMS)}")
        return as_object(self.body.get(name))

    @property
    def config(self) -> Mapping[str, object]:
        """imageGenerationConfig, empty if absent."""
        return as_object(self.body.get("imageGenerationConfig"))

    @property
    def text(self) -> str:
        """The prompt, empty if there is none."""
        return as_text(self.params.get("text"))

    @property
    def negative(self) -> str:
        """The negative text, empty if there is none."""
        return as_text(self.params.get("negativeText"))

    @property
    def count(self) -> int:
        """How many pictures: 1-5; background removal always gives one."""
        return 1 if self.task_type == "BACKGROUND_REMOVAL" else round(as_number(self.config.get("numberOfImages"), 1))

    @property
    def seed(self) -> int:
        """The seed of the first picture; each further one adds 1."""
        return round(as_number(self.config.get("seed"), _DEFAULT_SEED.get(self.family, 0)))

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of a generated picture; 1024 each where the body names none."""
        width, height = self.asked_size or (_DEFAULT_SIDE, _DEFAULT_SIDE)
        return width, height

    @property
    def asked_size(self) -> tuple[int, int] | None:
        """Width and height if the body names both."""
        width, height = self.config.get("width"), self.config.get("height")
        return (width, height) if isinstance(width, int) and isinstance(height, int) else None

    @property
    def firmness(self) -> float:
        """cfgScale against the model's default, -1 to 1: how strongly the prompt is followed."""
        default = _DEFAULT_CFG.get(self.family, 7.0)
        return max(-1.0, min(1.0, (as_number(self.config.get("cfgScale"), default) - default) / 5.0))

    @property
    def fine(self) -> bool:
        """True for quality `premium`."""
        return self.config.get("quality") == "premium"

    @property
    def wants_mask(self) -> bool:
        """True if the body asks for the mask that was used."""
        return self.params.get("returnMask") is True

    def picture(self, *path: str | int) -> bytes | None:
        """The bytes for a place below the task's parameters, None if there are none."""
        return self.images.get("/".join(("", PARAMS[self.task_type], *map(str, path))))

    def need(self, *path: str | int) -> bytes:
        """The bytes for a place below the task's parameters.

        Raises:
            CannotRender: no bytes were handed over for it.
        """
        data = self.picture(*path)
        if data is None:
            raise CannotRender(f"{self.task_type} needs the picture at /{PARAMS[self.task_type]}/{'/'.join(map(str, path))}")
        return data

    def seed_of(self, index: int) -> int:
        """The seed of picture number index (0 first), kept inside Bedrock's range."""
        return (self.seed + index) % _SEED_RANGE


@dataclass(frozen=True, slots=True)
class Rendered:
    """The answer to an order.

    Attributes:
        images: encoded pictures, in order of their seeds: PNGs unless the order asked for another format.
        mask: encoded PNG of the mask used, in the task's own polarity, if the order asked for it.
    """

    images: tuple[bytes, ...]
    mask: bytes | None = None


def as_object(value: object) -> Mapping[str, object]:
    """The value if it is a JSON object, else an empty one."""
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}


def as_text(value: object) -> str:
    """The value if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def as_number(value: object, default: float) -> float:
    """The value if it is a number, else the default."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else default


def as_texts(value: object) -> tuple[str, ...]:
    """The strings of a JSON list."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return ()
    return tuple(item for item in cast("Sequence[object]", value) if isinstance(item, str))
