"""Edits of the image services change what mask, words and margins say, as far as they say, and not one bit else."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from darkroom_worker.local_bedrock.engine.oklab import to_lab
from darkroom_worker.local_bedrock.engine.stability.recolor import wanted_colour

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Studio

BOX = (140, 80, 230, 160)
SIZE = (384, 256)


def changed(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return np.asarray((before != after).any(axis=2))


def box_of(area: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(area.any(axis=1)), np.flatnonzero(area.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def with_hole(studio: Studio, photo: bytes) -> bytes:
    """The photograph, transparent in BOX."""
    with Image.open(io.BytesIO(photo)) as image:
        rgba = image.convert("RGBA")
    alpha = Image.new("L", rgba.size, 255)
    alpha.paste(0, BOX)
    rgba.putalpha(alpha)
    return studio.png(rgba)


TASKS = [("STABLE_INPAINT", {"prompt": "a red apple"}), ("STABLE_INPAINT", {"prompt": "a mountain lake"}), ("ERASE_OBJECT", {})]


@pytest.mark.parametrize(("task", "words"), TASKS)
def test_white_is_changed_and_black_keeps_every_bit(studio: Studio, coffee: bytes, task: str, words: dict[str, str]) -> None:
    mask = studio.rectangle(SIZE, BOX, 255, 0)
    before, after = studio.pixels(coffee), studio.pixels(studio.native(task, {"image": coffee, "mask": mask}, grow_mask=0, **words))
    white = studio.pixels(mask, "L") > 0
    assert np.array_equal(after[~white], before[~white])
    assert np.abs(after[white].astype(int) - before[white]).mean() > 5


@pytest.mark.parametrize("task", ["STABLE_INPAINT", "ERASE_OBJECT"])
@pytest.mark.parametrize("grown", [0, 5, 12])
def test_the_area_grows_by_as_many_pixels_as_asked_and_by_five_unasked(
    studio: Studio, coffee: bytes, task: str, grown: int
) -> None:
    body = {} if grown == 5 else {"grow_mask": grown}
    picture = studio.native(task, {"image": coffee, "mask": studio.rectangle(SIZE, BOX, 255, 0)}, prompt="a forest", **body)
    left, top, right, bottom = box_of(changed(studio.pixels(coffee), studio.pixels(picture)))
    wanted = (BOX[0] - grown, BOX[1] - grown, BOX[2] + grown, BOX[3] + grown)
    # A pixel may happen to come out as it was, so the box can be a little smaller, and never larger.
    assert max(abs(found - want) for found, want in zip((left, top, right, bottom), wanted, strict=True)) <= 2
    assert left >= wanted[0]
    assert top >= wanted[1]
    assert right <= wanted[2]
    assert bottom <= wanted[3]


def test_grey_is_changed_in_part(studio: Studio, coffee: bytes) -> None:
    before = studio.pixels(coffee).astype(int)

    def moved(value: int) -> float:
        mask = studio.rectangle(SIZE, BOX, value, 0)
        drawn = studio.native("STABLE_INPAINT", {"image": coffee, "mask": mask}, prompt="a forest", grow_mask=0)
        return float(np.abs(studio.pixels(drawn).astype(int) - before).mean())

    quarter, half, full = moved(64), moved(128), moved(255)
    assert quarter == pytest.approx(full * 64 / 255, rel=0.05)
    assert half == pytest.approx(full * 128 / 255, rel=0.05)


@pytest.mark.parametrize("task", ["STABLE_INPAINT", "ERASE_OBJECT"])
def test_without_a_mask_the_transparent_part_is_changed(studio: Studio, coffee: bytes, task: str) -> None:
    drawn = studio.native(task, {"image": with_hole(studio, coffee)}, prompt="a forest", grow_mask=0)
    before, after = studio.pixels(coffee), studio.pixels(drawn)
    assert after.shape == before.shape
    assert box_of(changed(before, after)) == BOX


def test_a_mask_wins_over_transparency(studio: Studio, coffee: bytes) -> None:
    corner = (0, 0, 60, 50)
    images = {"image": with_hole(studio, coffee), "mask": studio.rectangle(SIZE, corner, 255, 0)}
    after = studio.pixels(studio.native("STABLE_INPAINT", images, prompt="a forest", grow_mask=0))
    assert (after[BOX[1] + 5 : BOX[3] - 5, BOX[0] + 5 : BOX[2] - 5] == 255).all()  # laid on white, as it was not edited
    assert changed(studio.pixels(coffee), after)[:50, :60].mean() > 0.9


def test_a_mask_of_another_size_is_scaled_to_the_image(studio: Studio, coffee: bytes) -> None:
    mask = studio.rectangle((192, 128), (70, 40, 115, 80), 255, 0)
    drawn = studio.native("STABLE_INPAINT", {"image": coffee, "mask": mask}, prompt="a forest", grow_mask=0)
    found = box_of(changed(studio.pixels(coffee), studio.pixels(drawn)))
    assert max(abs(a - b) for a, b in zip(found, BOX, strict=True)) <= 2


def test_an_opaque_image_without_a_mask_comes_back_as_it_was(studio: Studio, coffee: bytes) -> None:
    assert np.array_equal(studio.pixels(studio.native("ERASE_OBJECT", {"image": coffee})), studio.pixels(coffee))


def test_a_large_image_keeps_its_size_and_its_black_area(studio: Studio) -> None:
    photo = studio.photo("coffee.png", 2400, 1600)
    mask = studio.rectangle((2400, 1600), (900, 500, 1300, 900), 255, 0)
    after, before = studio.pixels(studio.native("ERASE_OBJECT", {"image": photo, "mask": mask})), studio.pixels(photo)
    assert after.shape == before.shape
    assert box_of(changed(before, after)) == (895, 495, 1305, 905)


def test_erasing_takes_the_object_away(studio: Studio) -> None:
    rocket = studio.photo("rocket.jpg", 384, 256)
    mask = studio.rectangle(SIZE, (168, 60, 216, 236), 255, 0)
    after = studio.pixels(studio.native("ERASE_OBJECT", {"image": rocket, "mask": mask})).astype(int)
    before = studio.pixels(rocket).astype(int)
    body, sky = np.s_[90:170, 187:197], np.s_[90:170, 140:165]
    assert before[body].mean() > before[sky].mean() + 40
    assert abs(after[body].mean() - after[sky].mean()) < 20


@pytest.mark.parametrize("margins", [{"right": 64}, {"left": 40, "up": 24}, {"left": 8, "right": 16, "up": 32, "down": 48}])
@pytest.mark.parametrize("words", [{}, {"prompt": "a sea at sunset", "creativity": 1.0}])
def test_outpainting_adds_exactly_the_margins_around_the_very_picture(
    studio: Studio, coffee: bytes, margins: dict[str, int], words: dict[str, object]
) -> None:
    left, right, up, down = (margins.get(side, 0) for side in ("left", "right", "up", "down"))
    after, before = studio.pixels(studio.native("STABLE_OUTPAINT", {"image": coffee}, **margins, **words)), studio.pixels(coffee)
    assert after.shape == (256 + up + down, 384 + left + right, 3)
    assert np.array_equal(after[up : up + 256, left : left + 384], before)
    fresh = np.ones(after.shape[:2], bool)
    fresh[up : up + 256, left : left + 384] = False
    assert after[fresh].std() > 5


def test_creativity_leads_further_away_from_what_the_old_picture_continues_with(studio: Studio, coffee: bytes) -> None:
    def drawn(creativity: float) -> NDArray[np.uint8]:
        body = {"left": 120, "right": 120, "prompt": "a sea at night", "creativity": creativity}
        return studio.pixels(studio.native("STABLE_OUTPAINT", {"image": coffee}, **body))

    calm, middle, free = drawn(0.1).astype(int), drawn(0.5), drawn(1.0)
    assert np.abs(calm - middle).mean() < np.abs(calm - free).mean()
    assert np.array_equal(free[:, 120:-120], studio.pixels(coffee))


def test_searching_replaces_what_the_words_find_and_leaves_the_rest(studio: Studio, coffee: bytes) -> None:
    drawn = studio.native("SEARCH_AND_REPLACE", {"image": coffee}, search_prompt="the cup", prompt="a green cactus")
    before, after = studio.pixels(coffee), studio.pixels(drawn)
    area = changed(before, after)
    assert area[100:160, 170:220].mean() > 0.95  # the cup
    assert not area[:20, :40].any()
    assert not area[-10:, -30:].any()
    greener = (after[area].astype(int)[:, 1] - after[area][:, 0]) > 15
    assert greener.mean() > 0.1


def test_recolouring_turns_the_hue_keeps_the_light_and_leaves_the_rest(studio: Studio, astronaut: bytes) -> None:
    drawn = studio.native("SEARCH_AND_RECOLOR", {"image": astronaut}, select_prompt="suit", prompt="a green suit")
    before, after = studio.pixels(astronaut), studio.pixels(drawn)
    area = changed(before, after)
    assert not area[:110].any()  # the face
    chest = np.s_[200:280, 90:150]
    assert area[chest].mean() > 0.95
    old, new = to_lab(before[chest]), to_lab(after[chest])
    assert old[..., 1].mean() > 0.05  # orange: towards red
    assert new[..., 1].mean() < -0.05  # green
    assert np.corrcoef(old[..., 0].ravel(), new[..., 0].ravel())[0, 1] > 0.95


def test_the_wider_the_recoloured_rim_the_more_pixels_change(studio: Studio, astronaut: bytes) -> None:
    def share(rim: int) -> float:
        body = {"select_prompt": "suit", "prompt": "blue", "grow_mask": rim}
        drawn = studio.native("SEARCH_AND_RECOLOR", {"image": astronaut}, **body)
        return float(changed(studio.pixels(astronaut), studio.pixels(drawn)).mean())

    assert share(0) < share(5) < share(15)


@pytest.mark.parametrize(("prompt", "channel"), [("#ff0000", 0), ("make it green", 1), ("a deep blue jacket", 2)])
def test_the_colour_is_read_from_the_prompt(prompt: str, channel: int) -> None:
    assert int(np.argmax(wanted_colour(prompt))) == channel


def test_a_prompt_without_a_colour_gives_one_and_always_the_same() -> None:
    assert wanted_colour("something else") == wanted_colour("something else") != wanted_colour("another thing")
