"""What paste_back keeps of the original, and what of the new picture."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from darkroom_shared.contract.steps import PasteBack
from darkroom_worker.steps import run_step
from tests.unit.steps.pictures import decoded, noise, png

Pixel = tuple[int, ...]
SIZE = (60, 50)


def pasted(spec: PasteBack, new: Image.Image, original: Image.Image, mask: Image.Image) -> Image.Image:
    [result] = run_step(spec, [png(new), png(original), png(mask)])
    return decoded(result)


def pixels(image: Image.Image) -> list[Pixel]:
    """A picture's pixels, row by row."""
    return list(zip(*(band.tobytes() for band in image.split()), strict=True))


def blobs(size: tuple[int, int] = SIZE) -> Image.Image:
    """A mask: a black disc, a black line of one pixel and a single black pixel on white."""
    mask = Image.new("RGB", size, (255, 255, 255))
    draw = ImageDraw.Draw(mask)
    draw.ellipse((15, 10, 35, 30), fill=(0, 0, 0))
    draw.line((3, 2, 3, 40), fill=(0, 0, 0))
    draw.point((50, 44), fill=(0, 0, 0))
    return mask


def sides(mask: Image.Image, kept: str) -> Iterator[bool]:
    """Whether each pixel is kept."""
    return ((value >= 128) == (kept == "white") for value in mask.convert("L").tobytes())


@pytest.mark.parametrize("kept", ["black", "white"])
@pytest.mark.parametrize("modes", [("RGB", "RGB"), ("RGB", "RGBA"), ("RGBA", "RGB"), ("RGBA", "RGBA")])
def test_without_feather_every_pixel_is_exactly_one_of_the_two(kept: Literal["black", "white"], modes: tuple[str, str]) -> None:
    new, original = noise(*SIZE, modes[0], seed=1), noise(*SIZE, modes[1], seed=2)
    made = pasted(PasteBack(kept=kept), new, original, blobs())
    assert made.mode == ("RGBA" if "RGBA" in modes else "RGB")
    both = zip(pixels(new.convert(made.mode)), pixels(original.convert(made.mode)), sides(blobs(), kept), strict=True)
    assert pixels(made) == [before if keep else after for after, before, keep in both]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 64), st.sampled_from(["black", "white"]), st.sampled_from(["RGB", "RGBA"]), st.integers(0, 9))
def test_whatever_the_feather_every_kept_pixel_is_the_original_s(
    feather: int, kept: Literal["black", "white"], mode: str, seed: int
) -> None:
    new, original, mask = noise(*SIZE, mode, seed), noise(*SIZE, mode, seed + 50), noise(9, 7, "L", seed)
    made = pasted(PasteBack(kept=kept, feather=feather), new, original, mask)
    scaled = mask.resize(SIZE, Image.Resampling.NEAREST)
    found = zip(pixels(made), pixels(original), sides(scaled, kept), strict=True)
    assert all(pixel == before for pixel, before, keep in found if keep)


@pytest.mark.parametrize("feather", [1, 2, 7, 16, 64])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_the_feather_falls_from_the_edge_to_nothing_at_its_length(feather: int, mode: str) -> None:
    white, black = Image.new(mode, (200, 9), "white"), Image.new(mode, (200, 9), "black")
    mask = Image.new("L", (200, 9), 255)
    mask.paste(0, (0, 0, 100, 9))
    made = pasted(PasteBack(kept="black", feather=feather), black, white, mask)
    row = list(made.convert("RGB").getchannel("R").crop((0, 4, 200, 5)).tobytes())
    slope = row[100 : 100 + feather]
    assert row[:100] == [255] * 100
    assert row[100 + feather :] == [0] * (100 - feather)
    assert all(0 < value < 255 for value in slope)
    assert slope == sorted(slope, reverse=True)
    # Even: no step of it is more than twice what a straight line would have, the first and the last included.
    ends = [255, *slope, 0]
    assert max(before - after for before, after in pairwise(ends)) <= 2 * 255 / (feather + 1) + 1


def test_beyond_the_feather_the_new_picture_is_exact_in_every_direction() -> None:
    new, original = noise(*SIZE, "RGBA", seed=1), noise(*SIZE, "RGBA", seed=2)
    mask = Image.new("L", SIZE, 255)
    mask.putpixel((30, 25), 0)
    made = pasted(PasteBack(kept="black", feather=5), new, original, mask)
    assert made.getpixel((30, 25)) == original.getpixel((30, 25))
    touched = {
        (index % SIZE[0], index // SIZE[0])
        for index, (pixel, after) in enumerate(zip(pixels(made), pixels(new), strict=True))
        if pixel != after
    }
    assert {max(abs(x - 30), abs(y - 25)) for x, y in touched} <= {0, 1, 2, 3, 4, 5}
    assert len(touched) > 1


def test_a_new_picture_and_a_mask_of_other_sizes_are_scaled_to_the_original() -> None:
    original = noise(*SIZE, seed=2)
    new, small = Image.new("RGB", (30, 25), (10, 200, 30)), Image.new("L", (6, 5), 255)
    small.paste(0, (0, 0, 3, 5))
    made = pasted(PasteBack(kept="black"), new, original, small)
    assert made.size == SIZE
    assert made.crop((0, 0, 30, 50)).tobytes() == original.crop((0, 0, 30, 50)).tobytes()
    assert made.crop((30, 0, 60, 50)).getcolors() == [(1500, (10, 200, 30))]


def test_greys_of_a_mask_count_as_white_from_128_on() -> None:
    mask = Image.new("L", (2, 1), 127)
    mask.putpixel((1, 0), 128)
    made = pasted(PasteBack(kept="black"), Image.new("RGB", (2, 1), "red"), Image.new("RGB", (2, 1), "blue"), mask)
    assert pixels(made) == [(0, 0, 255), (255, 0, 0)]


def test_the_hidden_colour_of_transparent_pixels_does_not_show_in_the_feather() -> None:
    clear, red = Image.new("RGBA", (40, 3), (0, 255, 0, 0)), Image.new("RGBA", (40, 3), (255, 0, 0, 255))
    mask = Image.new("L", (40, 3), 255)
    mask.paste(0, (0, 0, 20, 3))
    made = pasted(PasteBack(kept="black", feather=8), clear, red, mask)
    assert [pixel for pixel in pixels(made.crop((20, 0, 28, 3))) if pixel[3] > 8 and pixel[1] > 8] == []
    assert made.getpixel((24, 1)) != made.getpixel((20, 1))
