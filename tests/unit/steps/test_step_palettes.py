"""Pictures of colours, and pictures moved towards them."""

from __future__ import annotations

from itertools import groupby, pairwise
from math import atan2, hypot, pi
from statistics import correlation, mean

import pytest
from PIL import Image, ImageFilter

from darkroom_shared.contract.steps import Palette, PaletteTransfer
from darkroom_worker.oklab import Lab, from_lab, linear, srgb, to_lab
from darkroom_worker.steps import run_step
from darkroom_worker.steps.pixels import color
from tests.unit.steps.pictures import decoded, noise, png

SUNSET = ["#264653", "#2a9d8f", "#e9c46a", "#f4a261", "#e76f51"]


def transferred(picture: Image.Image, colors: list[str], strength: float) -> Image.Image:
    [result] = run_step(PaletteTransfer(colors=colors, strength=strength), [png(picture)])
    return decoded(result)


def lab(pixel: tuple[int, ...]) -> Lab:
    red, green, blue = (linear(value / 255) for value in pixel[:3])
    return to_lab(red, green, blue)


def labs(picture: Image.Image) -> list[Lab]:
    """Oklab of every pixel."""
    return [lab(pixel) for pixel in zip(*(band.tobytes() for band in picture.split()), strict=True)]


def soft_picture() -> Image.Image:
    """64x64 pixels of soft clouds in every colour and lightness."""
    return noise(8, 8, seed=4).resize((64, 64), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(2))


def distance(first: Lab, second: Lab) -> float:
    """How far two colours lie apart, their lightness left out."""
    return hypot(first[1] - second[1], first[2] - second[2])


@pytest.mark.parametrize(("colors", "width"), [(SUNSET, 1024), (SUNSET[:3], 100), (SUNSET[:1], 7), (SUNSET * 2, 10)])
def test_a_palette_gives_every_colour_its_share_in_order(colors: list[str], width: int) -> None:
    [made] = run_step(Palette(colors=colors, width=width, height=6), [])
    picture = decoded(made)
    assert (picture.size, picture.mode) == ((width, 6), "RGB")
    row = [picture.getpixel((x, 3)) for x in range(width)]
    assert [band for band, _ in groupby(row)] == [color(text) for text in colors]
    for text in set(colors):
        assert abs(row.count(color(text)) - width * colors.count(text) / len(colors)) < 1
    assert picture.crop((0, 0, width, 1)).resize((width, 6), Image.Resampling.NEAREST).tobytes() == picture.tobytes()


def test_oklab_gives_every_colour_back() -> None:
    for pixel in [(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 255, 0), (0, 0, 255), (1, 2, 3), (200, 100, 50)]:
        assert tuple(round(255 * srgb(light)) for light in from_lab(*lab(pixel))) == pixel
    # Published figures of the space: white has lightness 1 and no colour, sRGB's red is 0.628, 0.225, 0.126.
    assert lab((255, 255, 255)) == pytest.approx((1, 0, 0), abs=1e-4)
    assert lab((255, 0, 0)) == pytest.approx((0.628, 0.225, 0.126), abs=1e-3)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_strength_of_0_changes_no_pixel(mode: str) -> None:
    picture = noise(40, 30, mode)
    assert transferred(picture, SUNSET, 0.0).tobytes() == picture.tobytes()


def test_alpha_stays_at_every_strength() -> None:
    picture = noise(40, 30, "RGBA")
    made = transferred(picture, SUNSET, 1.0)
    assert made.getchannel("A").tobytes() == picture.getchannel("A").tobytes()
    assert made.convert("RGB").tobytes() != picture.convert("RGB").tobytes()


def test_the_stronger_the_nearer_to_the_palette_and_the_farther_from_the_picture() -> None:
    picture = soft_picture()
    own, aims = labs(picture), labs(transferred(picture, SUNSET, 1.0))
    to_aim: list[float] = []
    from_own: list[float] = []
    for strength in (0.0, 0.25, 0.5, 0.75, 1.0):
        found = labs(transferred(picture, SUNSET, strength))
        to_aim.append(mean(distance(one, aim) for one, aim in zip(found, aims, strict=True)))
        from_own.append(mean(distance(one, before) for one, before in zip(found, own, strict=True)))
    assert to_aim == sorted(to_aim, reverse=True)
    assert from_own == sorted(from_own)
    # And evenly: each quarter of the strength is about a quarter of the way.
    assert from_own[2] == pytest.approx(from_own[4] / 2, rel=0.1)


@pytest.mark.parametrize("colors", [SUNSET, ["#ff6600", "#0044cc"], ["#5b2a86"]])
@pytest.mark.parametrize("strength", [0.8, 1.0])
def test_lightness_keeps_its_structure(colors: list[str], strength: float) -> None:
    for picture in (soft_picture(), noise(64, 64)):
        before, after = labs(picture), labs(transferred(picture, colors, strength))
        assert correlation([one[0] for one in before], [one[0] for one in after]) > 0.99
        assert mean(abs(one[0] - other[0]) for one, other in zip(before, after, strict=True)) < 0.01


def test_at_full_strength_a_picture_has_the_hue_of_a_single_colour() -> None:
    aim = lab(color("#2a9d8f"))
    for one in labs(transferred(soft_picture(), ["#2a9d8f"], 1.0)):
        turn = abs(atan2(one[2], one[1]) - atan2(aim[2], aim[1]))
        assert min(turn, 2 * pi - turn) < 0.1
        assert hypot(one[1], one[2]) <= hypot(aim[1], aim[2]) + 0.01


def test_at_full_strength_colours_lie_near_those_of_the_palette() -> None:
    picture = soft_picture()
    aims = [lab(color(text)) for text in SUNSET]

    def from_palette(found: list[Lab]) -> list[float]:
        return sorted(min(distance(one, aim) for aim in aims) for one in found)

    before, after = from_palette(labs(picture)), from_palette(labs(transferred(picture, SUNSET, 1.0)))
    half = len(after) // 2
    assert after[half] < 0.03 < before[half]
    assert after[-1] < 0.1 < before[-1]


def test_each_colour_goes_to_the_one_of_the_palette_that_is_like_it() -> None:
    picture = Image.new("RGB", (2, 1), (200, 120, 60))
    picture.putpixel((1, 0), (60, 90, 200))
    warm, cold = labs(transferred(picture, ["#ff6600", "#0044cc"], 1.0))
    assert warm[2] > 0.05
    assert cold[2] < -0.05


def test_a_gradient_stays_one_where_the_colours_of_a_palette_meet() -> None:
    """From blue to orange in 256 steps under a palette of the two: no step of the result may be a seam."""
    ramp = Image.new("RGB", (256, 1))
    for x in range(256):
        ramp.putpixel((x, 0), (x, 110, 255 - x))
    found = labs(transferred(ramp, ["#ff6600", "#0044cc"], 1.0))
    steps = [hypot(*(a - b for a, b in zip(one, other, strict=True))) for one, other in pairwise(found)]
    assert distance(found[0], found[-1]) > 0.3
    assert max(steps) < 0.04
    # Nor is there a grey band: the plain mean of the two has a third of their chroma in the middle.
    assert min(hypot(*one[1:]) for one in found) > 0.1


def test_black_and_white_stay() -> None:
    picture = Image.new("RGB", (2, 1))
    picture.putpixel((1, 0), (255, 255, 255))
    assert transferred(picture, SUNSET, 1.0).tobytes() == picture.tobytes()
