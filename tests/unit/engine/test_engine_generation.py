"""Generated pictures follow their words, colours and structure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

from darkroom_worker.local_bedrock.engine.lexicon import THINGS
from darkroom_worker.local_bedrock.engine.vision import read_prompt

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Studio


@pytest.mark.parametrize(
    ("prompt", "setting", "time", "things"),
    [
        ("a red sailboat on a calm sea at sunset", "sea", "sunset", ["sailboat"]),
        ("a green cactus in the desert", "desert", "day", ["cactus"]),
        ("A fox in an autumn forest.", "forest", "day", ["fox"]),
        ("a city at night in the rain", "city", "night", []),
        ("abstract marble texture", "abstract", "day", []),
        ("a mug on a wooden table", "table", "day", ["mug"]),
        ("hot air balloons over mountain lakes", "lake", "day", ["hot air balloons"]),
        ("an unspeakable contraption", "dream", "day", []),
    ],
)
def test_a_prompt_is_read_into_place_time_and_things(prompt: str, setting: str, time: str, things: list[str]) -> None:
    vision = read_prompt(prompt)
    assert (vision.setting, vision.time, [thing.word for thing in vision.things]) == (setting, time, things)


def test_a_colour_before_a_noun_belongs_to_the_noun_and_tints_nothing_else() -> None:
    vision = read_prompt("a green wooden sailboat on a purple sea, golden light")
    assert vision.things[0].bound
    assert vision.things[0].colour != THINGS["sailboat"][1]
    assert vision.setting_colour is not None
    assert len(vision.colours) == 1


def test_negative_text_takes_its_words_out_of_the_picture() -> None:
    vision = read_prompt("a red sailboat and a whale on the sea at night", negative="whales, night")
    assert [thing.word for thing in vision.things] == ["sailboat"]
    assert vision.time == "day"


def test_negative_text_changes_the_picture(studio: Studio) -> None:
    def draw(negative: str) -> bytes:
        params = {"text": "a sailboat on the sea", **({"negativeText": negative} if negative else {})}
        return studio.draw("TEXT_IMAGE", params, width=320, height=320).images[0]

    assert draw("") != draw("sailboat")


def test_a_red_sailboat_makes_the_middle_redder_than_a_blue_one(studio: Studio) -> None:
    def draw(colour: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
        return studio.pixels(
            studio.draw("TEXT_IMAGE", {"text": f"a {colour} sailboat on the sea"}, width=320, height=320).images[0]
        )

    red, blue = draw("red").astype(int), draw("blue").astype(int)
    assert ((red[..., 0] - red[..., 2]) > 80).sum() > 3 * ((blue[..., 0] - blue[..., 2]) > 80).sum() + 200


def test_night_is_darker_than_day(studio: Studio) -> None:
    day, night = (
        studio.pixels(studio.draw("TEXT_IMAGE", {"text": f"mountains at {time}"}, width=320, height=320).images[0]).mean()
        for time in ("noon", "night")
    )
    assert night < day - 40


@pytest.mark.parametrize("family", ["titan-image", "nova-canvas"])
@pytest.mark.parametrize("reference", [False, True])
def test_a_palette_moves_the_mean_colour_towards_it(studio: Studio, cat: bytes, family: str, reference: bool) -> None:
    images = {"referenceImage": cat} if reference else {}

    def mean(colours: list[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        params = {"text": "a sailboat on the sea", "colors": colours}
        drawn = studio.draw("COLOR_GUIDED_GENERATION", params, images, family=family, width=320, height=320)
        return np.asarray(studio.pixels(drawn.images[0]).reshape(-1, 3).mean(axis=0), dtype=np.float64)

    warm, cold = mean(["#5a1208", "#d1441c", "#f2a65a"]), mean(["#04202c", "#1f6f8b", "#99c9d9"])
    for own, other, palette in ((warm, cold, [180, 84, 44]), (cold, warm, [64, 122, 142])):
        assert np.linalg.norm(own - palette) < np.linalg.norm(other - palette) - 40


def _edges(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    grey = cv2.GaussianBlur(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), (0, 0), 1.5)
    strength = np.hypot(cv2.Sobel(grey, cv2.CV_64F, 1, 0), cv2.Sobel(grey, cv2.CV_64F, 0, 1))
    return np.asarray(cv2.GaussianBlur(strength, (0, 0), 2), dtype=np.float64)


@pytest.mark.parametrize(("mode", "least"), [("CANNY_EDGE", 0.6), ("SEGMENTATION", 0.4)])
def test_a_controlled_picture_keeps_the_structure_of_its_condition(studio: Studio, mode: str, least: float) -> None:
    control = studio.photo("astronaut.png", 320, 320)
    params = {"text": "a marble statue in a garden", "controlMode": mode, "controlStrength": 0.9}
    drawn = studio.pixels(studio.draw("TEXT_IMAGE", params, {"conditionImage": control}, width=320, height=320).images[0])
    wanted, found = _edges(studio.pixels(control)), _edges(drawn)
    correlation = np.corrcoef(wanted.ravel(), found.ravel())[0, 1]
    shuffled = np.corrcoef(wanted.ravel(), np.roll(found, (97, 131), axis=(0, 1)).ravel())[0, 1]
    assert correlation > least
    assert correlation > shuffled + 0.3


def test_less_control_keeps_less_structure(studio: Studio) -> None:
    control = studio.photo("astronaut.png", 320, 320)
    wanted = _edges(studio.pixels(control))

    def kept(strength: float) -> float:
        params = {"text": "a marble statue in a garden", "controlStrength": strength}
        drawn = studio.draw("TEXT_IMAGE", params, {"conditionImage": control}, width=320, height=320)
        return float(np.corrcoef(wanted.ravel(), _edges(studio.pixels(drawn.images[0])).ravel())[0, 1])

    assert kept(0.05) < kept(1.0) - 0.2


def test_every_style_looks_different(studio: Studio) -> None:
    styles = [
        "3D_ANIMATED_FAMILY_FILM",
        "DESIGN_SKETCH",
        "FLAT_VECTOR_ILLUSTRATION",
        "GRAPHIC_NOVEL_ILLUSTRATION",
        "MAXIMALISM",
        "MIDCENTURY_RETRO",
        "PHOTOREALISM",
        "SOFT_DIGITAL_PAINTING",
    ]
    plain = studio.draw("TEXT_IMAGE", {"text": "a castle"}, width=320, height=320).images[0]
    styled = [studio.draw("TEXT_IMAGE", {"text": "a castle", "style": style}, width=320, height=320).images[0] for style in styles]
    assert len({plain, *styled}) == len(styles) + 1
    for image in styled:
        assert np.abs(studio.pixels(image).astype(int) - studio.pixels(plain)).mean() > 3


def test_quality_and_cfg_scale_change_the_picture_a_little(studio: Studio) -> None:
    def draw(**config: str | float) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
        return studio.pixels(
            studio.draw("TEXT_IMAGE", {"text": "mountains"}, None, family="nova-canvas", width=320, height=320, **config).images[0]
        ).astype(np.int64)

    plain = draw()
    for other in (draw(quality="premium"), draw(cfgScale=10.0), draw(cfgScale=1.1)):
        assert 0.1 < np.abs(other - plain).mean() < 25


@pytest.mark.parametrize("prompt", ["", "????", "no and without", "a " * 500, "Ünïcode 雪山", "red", "sailboat", "\n"])
def test_any_prompt_gives_a_picture_with_something_on_it(studio: Studio, prompt: str) -> None:
    drawn = studio.pixels(studio.draw("TEXT_IMAGE", {"text": prompt}, width=320, height=320).images[0])
    assert drawn.std() > 8
