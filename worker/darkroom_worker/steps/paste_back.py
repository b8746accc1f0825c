"""Lays the kept part of an original exactly over a new picture."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageFilter

from darkroom_shared.contract.steps import PasteBack
from darkroom_worker.steps.pixels import encoded, grown, opened, part_of


def run(spec: PasteBack, images: Sequence[bytes]) -> list[bytes]:
    """The new picture, the original and the mask in; one picture of the original's size out."""
    original = opened(images[1])
    kept = part_of(opened(images[2]), spec.kept)
    if kept.size != original.size:
        kept = kept.resize(original.size, Image.Resampling.NEAREST)
    new = opened(images[0])
    if new.size != original.size:
        new = new.resize(original.size, Image.Resampling.LANCZOS)
    mode = "RGBA" if "RGBA" in {new.mode, original.mode} else "RGB"
    new, original = new.convert(mode), original.convert(mode)
    if spec.feather:
        _blend(new, original, _passing(kept, spec.feather))
    new.paste(original, mask=kept)
    return [encoded(new)]


def _passing(kept: Image.Image, feather: int) -> Image.Image:
    """How much of the original shows: 255 near the kept part, falling evenly to 0 beyond `feather` pixels across or down.

    The kept part grown by half the way, and then blurred over the whole way: the slope begins where the kept part ends.
    """
    return grown(kept, feather // 2).filter(ImageFilter.BoxBlur(feather / 2))


def _blend(new: Image.Image, original: Image.Image, share: Image.Image) -> None:
    """Mixes the original into the new picture in place; a pixel with no share of it stays as it is."""
    if new.mode == "RGB":
        new.paste(original, mask=share)
        return
    # Premultiplied, or the hidden colour of transparent pixels would show. Not where nothing is mixed: it costs accuracy.
    mixed = new.convert("RGBa")
    mixed.paste(original.convert("RGBa"), mask=share)
    new.paste(mixed.convert("RGBA"), mask=share.point([0] + [255] * 255))
