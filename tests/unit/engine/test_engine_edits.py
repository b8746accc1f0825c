"""Edits change what their mask allows and nothing else, and do what they are asked to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Studio

BOX = (140, 80, 230, 160)


@pytest.mark.parametrize("family", ["titan-image", "nova-canvas"])
@pytest.mark.parametrize("text", ["", "a red apple", "a mountain lake"])
def test_inpainting_changes_the_black_area_and_keeps_every_bit_of_the_white_one(
    studio: Studio, coffee: bytes, family: str, text: str
) -> None:
    mask = studio.rectangle((384, 256), BOX)
    params = {"text": text} if text else {}
    after = studio.pixels(studio.draw("INPAINTING", params, {"image": coffee, "maskImage": mask}, family=family).images[0])
    before, black = studio.pixels(coffee), studio.pixels(mask, "L") == 0
    assert np.array_equal(after[~black], before[~black])
    assert np.abs(after[black].astype(int) - before[black]).mean() > 5


@pytest.mark.parametrize("box", [(60, 40, 330, 230), (0, 0, 384, 200)])
def test_precise_outpainting_keeps_every_bit_of_the_black_area_and_changes_the_white_one(
    studio: Studio, coffee: bytes, box: tuple[int, int, int, int]
) -> None:
    mask = studio.rectangle((384, 256), box)
    params = {"text": "a beach at sunset", "outPaintingMode": "PRECISE"}
    after = studio.pixels(studio.draw("OUTPAINTING", params, {"image": coffee, "maskImage": mask}).images[0])
    before, black = studio.pixels(coffee), studio.pixels(mask, "L") == 0
    assert np.array_equal(after[black], before[black])
    assert np.abs(after[~black].astype(int) - before[~black]).mean() > 5


def test_precise_outpainting_around_a_subject_keeps_every_bit_of_it(studio: Studio, astronaut: bytes) -> None:
    params = {"text": "a city at night", "maskPrompt": "person", "outPaintingMode": "PRECISE", "returnMask": True}
    drawn = studio.draw("OUTPAINTING", params, {"image": astronaut}, family="titan-image")
    assert drawn.mask is not None
    kept = studio.pixels(drawn.mask, "L") == 0
    after, before = studio.pixels(drawn.images[0]), studio.pixels(astronaut)
    assert 0.15 < kept.mean() < 0.85
    assert np.array_equal(after[kept], before[kept])
    assert np.abs(after[~kept].astype(int) - before[~kept]).mean() > 20


def test_default_outpainting_softens_the_join_only_near_the_mask(studio: Studio, coffee: bytes) -> None:
    box = (60, 40, 330, 230)
    mask = studio.rectangle((384, 256), box)
    drawn = studio.draw("OUTPAINTING", {"text": "a table", "outPaintingMode": "DEFAULT"}, {"image": coffee, "maskImage": mask})
    after, before = studio.pixels(drawn.images[0]), studio.pixels(coffee)
    inner = (slice(box[1] + 12, box[3] - 12), slice(box[0] + 12, box[2] - 12))
    assert np.abs(after[inner].astype(int) - before[inner]).max() <= 1


def test_try_on_keeps_every_bit_outside_its_black_area(studio: Studio, astronaut: bytes, cat: bytes) -> None:
    mask = studio.rectangle((320, 320), (40, 180, 260, 320))
    pictures = {"sourceImage": astronaut, "referenceImage": cat, "imageBasedMask/maskImage": mask}
    drawn = studio.draw("VIRTUAL_TRY_ON", {"maskType": "IMAGE", "imageBasedMask": {}, "returnMask": True}, pictures)
    after, before, black = studio.pixels(drawn.images[0]), studio.pixels(astronaut), studio.pixels(mask, "L") == 0
    assert np.array_equal(after[~black], before[~black])
    assert np.abs(after[black].astype(int) - before[black]).mean() > 15
    assert drawn.mask is not None
    assert np.array_equal(studio.pixels(drawn.mask, "L") == 0, black)


def test_try_on_by_garment_class_dresses_the_chest_and_leaves_the_face(studio: Studio, astronaut: bytes, cat: bytes) -> None:
    params = {"maskType": "GARMENT", "garmentBasedMask": {"garmentClass": "UPPER_BODY"}, "returnMask": True}
    drawn = studio.draw("VIRTUAL_TRY_ON", params, {"sourceImage": astronaut, "referenceImage": cat})
    assert drawn.mask is not None
    black = studio.pixels(drawn.mask, "L") == 0
    face, chest = black[50:105, 115:165], black[200:280, 90:150]
    assert face.mean() == 0
    assert chest.mean() > 0.8


def test_background_removal_has_opaque_and_transparent_parts_where_they_belong(studio: Studio, astronaut: bytes) -> None:
    rgba = studio.pixels(studio.draw("BACKGROUND_REMOVAL", {}, {"image": astronaut}).images[0], "RGBA")
    alpha = rgba[..., 3]
    assert alpha[55:105, 118:160].min() == 255  # the face
    assert alpha[:80, 55:80].max() < 40  # the wall beside it
    assert 0.2 < (alpha > 250).mean() < 0.8
    assert (alpha < 5).mean() > 0.2


def test_background_removal_takes_the_old_background_out_of_the_edges(studio: Studio, astronaut: bytes) -> None:
    rgba = studio.pixels(studio.draw("BACKGROUND_REMOVAL", {}, {"image": astronaut}).images[0], "RGBA").astype(int)
    before = studio.pixels(astronaut).astype(int)
    hair = np.zeros(rgba.shape[:2], bool)
    hair[10:90, 90:190] = True
    edge = hair & (rgba[..., 3] > 30) & (rgba[..., 3] < 180)
    assert edge.sum() > 50
    # The wall is nearly white, the hair is not: its own colour is darker than the mixture.
    assert rgba[edge, :3].mean() < before[edge].mean() - 10


@pytest.mark.parametrize(("prompt", "inside", "outside"), [("the cup", (128, 192), (10, 10)), ("background", (10, 10), (128, 192))])
def test_a_mask_prompt_names_the_black_area(
    studio: Studio, coffee: bytes, prompt: str, inside: tuple[int, int], outside: tuple[int, int]
) -> None:
    drawn = studio.draw("INPAINTING", {"text": "a beach", "maskPrompt": prompt, "returnMask": True}, {"image": coffee})
    assert drawn.mask is not None
    mask = studio.pixels(drawn.mask)
    assert mask[inside].tolist() == [0, 0, 0]
    assert mask[outside].tolist() == [255, 255, 255]
    assert set(np.unique(mask).tolist()) == {0, 255}


def test_a_mask_prompt_for_the_sky_finds_the_sky(studio: Studio) -> None:
    rocket = studio.photo("rocket.jpg", 384, 256)
    drawn = studio.draw(
        "INPAINTING", {"text": "sunset", "maskPrompt": "the sky", "returnMask": True}, {"image": rocket}, family="titan-image"
    )
    assert drawn.mask is not None
    black = studio.pixels(drawn.mask, "L") == 0
    assert black[10:60].mean() > 0.7
    assert black[-12:].mean() < 0.3


def test_removing_an_object_leaves_no_trace_of_it(studio: Studio) -> None:
    from PIL import Image, ImageDraw

    noise = np.random.default_rng(3).normal(0, 6, (256, 256, 1))
    wall = np.clip(np.array([150, 140, 120]) + noise, 0, 255).astype(np.uint8)
    picture = Image.fromarray(wall)
    ImageDraw.Draw(picture).ellipse((90, 90, 166, 166), fill=(220, 20, 20))
    mask = studio.rectangle((256, 256), (84, 84, 172, 172))
    after = studio.pixels(studio.draw("INPAINTING", {}, {"image": studio.png(picture), "maskImage": mask}).images[0])
    assert np.abs(after[84:172, 84:172].astype(int) - [150, 140, 120]).mean() < 12


def test_a_variation_comes_closer_to_its_input_as_similarity_rises(studio: Studio, cat: bytes) -> None:
    import cv2

    before = cv2.resize(studio.pixels(cat), (384, 256)).astype(float)

    def distance(similarity: float) -> float:
        params = {"similarityStrength": similarity}
        images = studio.draw("IMAGE_VARIATION", params, {"images/0": cat}, numberOfImages=3, width=384, height=256).images
        return float(np.mean([np.abs(cv2.resize(studio.pixels(image), (384, 256)) - before).mean() for image in images]))

    assert distance(1.0) < distance(0.2)
