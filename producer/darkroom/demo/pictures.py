"""The pictures that the demo starts from: two photographs, masks drawn for them, and a garment."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from PIL import Image, ImageDraw, ImageOps, UnidentifiedImageError

from darkroom_shared.core.errors import ImageRefused, Misconfigured

SIDE: Final = 512
"""Pixels a side: small enough for a demo, legal for every model (Titan knows 512x512, Nova Canvas takes 320 and more)."""
_OVERSAMPLING: Final = 4


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that the demo hands in.

    Attributes:
        name: file name without ending, unique in the demo.
        title: what it is, for people; also its alternative text.
        data: PNG bytes.
    """

    name: str
    title: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Samples:
    """Everything that the jobs start from.

    Attributes:
        portrait: a person; the subject of cut-outs and try-ons.
        still_life: a thing on a table.
        thing_mask: for the still life: black where something new is put.
        object_mask: for the portrait: black over the thing that is removed.
        frame_mask: for the still life: black over the part that out-painting keeps.
        garment: for the try-on.
        suit_mask: for the portrait: black where the garment goes; None for a photograph that nobody has looked at.
        credit: where the photographs come from.
    """

    portrait: Picture
    still_life: Picture
    thing_mask: Picture
    object_mask: Picture
    frame_mask: Picture
    garment: Picture
    suit_mask: Picture | None
    credit: str

    @property
    def all(self) -> tuple[Picture, ...]:
        """Every picture, in the order of the page."""
        named = (self.portrait, self.still_life, self.garment, self.thing_mask, self.object_mask, self.frame_mask, self.suit_mask)
        return tuple(dict.fromkeys(picture for picture in named if picture is not None))


def load_samples(photo: Path | None) -> Samples:
    """The sample pictures, or those made from one photograph of the caller's.

    Raises:
        Misconfigured: no photograph was given and the sample ones are not installed.
        ImageRefused: the caller's file is no picture.
    """
    if photo is not None:
        own = Picture("photo", f"Your photograph {photo.name}", _square(photo))
        return _samples(own, own, f"{photo.name}, cropped to {SIDE}x{SIDE}")
    portrait, still_life = _sample("astronaut.png"), _sample("coffee.png")
    return _samples(
        Picture("portrait", "Portrait of an astronaut in an orange suit, with a model of the Space Shuttle", _square(portrait)),
        Picture("still-life", "Espresso cup on a red saucer with a spoon", _square(still_life)),
        "Photographs from scikit-image: Eileen Collins (NASA, public domain) and an espresso cup (Rachel Michetti, CC0).",
        object_shape=_shuttle,
        thing_shape=_spoon,
        frame_shape=_saucer,
        suit_shape=_suit,
    )


Shape = Callable[[ImageDraw.ImageDraw, int], None]
"""Draws in black on a white square of the given side."""


def _samples(
    portrait: Picture,
    still_life: Picture,
    credit: str,
    *,
    object_shape: Shape | None = None,
    thing_shape: Shape | None = None,
    frame_shape: Shape | None = None,
    suit_shape: Shape | None = None,
) -> Samples:
    return Samples(
        portrait,
        still_life,
        Picture("mask-thing", "Mask: the black part is repainted", _mask(thing_shape or _corner)),
        Picture("mask-object", "Mask: the black part is removed", _mask(object_shape or _corner)),
        Picture("mask-frame", "Mask: the black part is kept", _mask(frame_shape or _middle)),
        Picture("garment", "A poncho, drawn", _garment()),
        None if suit_shape is None else Picture("mask-garment", "Mask: the black part is dressed", _mask(suit_shape)),
        credit,
    )


def _sample(name: str) -> Path:
    """A photograph inside the scikit-image package; its code is not imported."""
    spec = find_spec("skimage")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder) / "data" / name
        if path.is_file():
            return path
    raise Misconfigured(
        f"The sample photograph {name} is not installed. Give one of your own with --photo FILE, "
        "or install it: pip install --no-deps scikit-image==0.26.0"
    )


def _square(path: Path) -> bytes:
    try:
        with Image.open(path) as opened:
            picture = ImageOps.exif_transpose(opened).convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ImageRefused(f"{path} cannot be used as a photograph: {error}. Give a PNG, JPEG or WebP file.") from error
    return _png(ImageOps.fit(picture, (SIDE, SIDE), Image.Resampling.LANCZOS))


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def _mask(shape: Shape) -> bytes:
    """A mask in pure black and white: models refuse greys, so nothing is smoothed."""
    picture = Image.new("RGB", (SIDE, SIDE), "white")
    shape(ImageDraw.Draw(picture), SIDE)
    return _png(picture)


def _corner(draw: ImageDraw.ImageDraw, side: int) -> None:
    draw.ellipse((side * 0.58, side * 0.55, side * 0.94, side * 0.93), fill="black")


def _middle(draw: ImageDraw.ImageDraw, side: int) -> None:
    draw.ellipse((side * 0.12, side * 0.08, side * 0.88, side * 0.92), fill="black")


def _shuttle(draw: ImageDraw.ImageDraw, side: int) -> None:
    draw.polygon(
        [(side * x, side * y) for x, y in ((0.76, 0), (0.9, 0), (0.95, 0.54), (0.95, 0.59), (0.66, 0.59), (0.66, 0.4))],
        fill="black",
    )


def _spoon(draw: ImageDraw.ImageDraw, side: int) -> None:
    draw.ellipse((side * 0.5, side * 0.48, side * 0.87, side * 0.88), fill="black")


def _suit(draw: ImageDraw.ImageDraw, side: int) -> None:
    left = ((0.02, 1), (0.01, 0.86), (0.08, 0.53), (0.18, 0.435), (0.235, 0.42), (0.26, 0.51), (0.35, 0.58), (0.5, 0.585))
    right = ((0.585, 0.52), (0.6, 0.46), (0.69, 0.54), (0.725, 0.67), (0.66, 0.685), (0.59, 0.75), (0.545, 0.86), (0.54, 1))
    draw.polygon([(side * x, side * y) for x, y in (*left, *right)], fill="black")


def _saucer(draw: ImageDraw.ImageDraw, side: int) -> None:
    draw.ellipse((side * 0, side * 0.02, side * 0.955, side * 0.975), fill="black")


def _garment() -> bytes:
    """A teal poncho with two light bands on white, as a shop would show it."""
    side = SIDE * _OVERSAMPLING
    outline = ((0.36, 0.13), (0.64, 0.13), (0.82, 0.22), (0.93, 0.88), (0.07, 0.88), (0.18, 0.22))
    cloth = Image.new("RGB", (side, side), "#1f6f78")
    pen = ImageDraw.Draw(cloth)
    pen.rectangle((0, side * 0.4, side, side * 0.49), fill="#f3efe6")
    pen.rectangle((0, side * 0.52, side, side * 0.545), fill="#f3efe6")
    cut = Image.new("L", (side, side), 0)
    pen = ImageDraw.Draw(cut)
    pen.polygon([(side * x, side * y) for x, y in outline], fill=255)
    pen.ellipse((side * 0.39, side * 0.05, side * 0.61, side * 0.2), fill=0)
    picture = Image.new("RGB", (side, side), "white")
    picture.paste(cloth, mask=cut)
    return _png(picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS))
