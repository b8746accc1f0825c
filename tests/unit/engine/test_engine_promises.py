"""What every picture of the local engine keeps: bits, sizes, counts, seeds, marks."""

from __future__ import annotations

import io
import pickle
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from darkroom_worker.local_bedrock.engine import PREVIEW_NOTE, CannotRender, Order, render

if TYPE_CHECKING:
    from tests.unit.engine.conftest import Studio


@pytest.fixture(scope="module")
def orders(studio: Studio, astronaut: bytes, coffee: bytes, cat: bytes) -> dict[str, Order]:
    """One small order for every task and every way into it."""
    hole = studio.rectangle((384, 256), (140, 80, 230, 160))
    kept = studio.rectangle((384, 256), (60, 40, 330, 230))
    worn = studio.rectangle((320, 320), (40, 180, 260, 320))
    colours = ["#0b3954", "#087e8b", "#ff5a5f"]
    people = {"sourceImage": astronaut, "referenceImage": cat}
    return {
        "text": studio.order("TEXT_IMAGE", {"text": "a red sailboat at sunset"}, width=320, height=336),
        "text titan": studio.order("TEXT_IMAGE", {"text": "a fox in a forest"}, family="titan-image", width=384, height=576),
        "style": studio.order("TEXT_IMAGE", {"text": "a lake", "style": "DESIGN_SKETCH"}, width=320, height=320),
        "canny": studio.order("TEXT_IMAGE", {"text": "a blue cat"}, {"conditionImage": cat}, width=384, height=320),
        "segments": studio.order(
            "TEXT_IMAGE",
            {"text": "a blue cat", "controlMode": "SEGMENTATION"},
            {"conditionImage": cat},
            family="titan-image",
            width=320,
            height=320,
        ),
        "insert": studio.order("INPAINTING", {"text": "a red apple"}, {"image": coffee, "maskImage": hole}),
        "remove": studio.order("INPAINTING", {}, {"image": coffee, "maskImage": hole}, family="titan-image"),
        "replace": studio.order(
            "INPAINTING", {"text": "a green hat", "maskPrompt": "cup", "returnMask": True}, {"image": coffee}, family="titan-image"
        ),
        "around": studio.order("OUTPAINTING", {"text": "a beach", "maskPrompt": "cup"}, {"image": coffee}),
        "zoom out": studio.order(
            "OUTPAINTING",
            {"text": "a table", "outPaintingMode": "PRECISE"},
            {"image": coffee, "maskImage": kept},
            family="titan-image",
        ),
        "variation": studio.order("IMAGE_VARIATION", {"similarityStrength": 0.5}, {"images/0": coffee, "images/1": cat}),
        "variation titan": studio.order(
            "IMAGE_VARIATION", {"text": "a cat at night"}, {"images/0": cat}, family="titan-image", width=384, height=384
        ),
        "colours": studio.order("COLOR_GUIDED_GENERATION", {"text": "a city", "colors": colours}, width=320, height=320),
        "colours titan": studio.order(
            "COLOR_GUIDED_GENERATION",
            {"text": "cat", "colors": colours},
            {"referenceImage": cat},
            family="titan-image",
            width=320,
            height=320,
        ),
        "cut out": studio.order("BACKGROUND_REMOVAL", {}, {"image": astronaut}),
        "cut out titan": studio.order("BACKGROUND_REMOVAL", {}, {"image": cat}, family="titan-image"),
        "wear image": studio.order(
            "VIRTUAL_TRY_ON",
            {"maskType": "IMAGE", "imageBasedMask": {}, "returnMask": True},
            {**people, "imageBasedMask/maskImage": worn},
        ),
        "wear garment": studio.order(
            "VIRTUAL_TRY_ON", {"maskType": "GARMENT", "garmentBasedMask": {"garmentClass": "UPPER_BODY"}}, people
        ),
        "wear prompt": studio.order(
            "VIRTUAL_TRY_ON", {"maskType": "PROMPT", "promptBasedMask": {"maskPrompt": "orange suit"}}, people
        ),
    }


SIZES = {
    "text": (320, 336),
    "text titan": (384, 576),
    "style": (320, 320),
    "canny": (384, 320),
    "segments": (320, 320),
    "variation": (1024, 1024),
    "variation titan": (384, 384),
    "colours": (320, 320),
    "colours titan": (320, 320),
    "cut out": (320, 320),
    "cut out titan": (384, 256),
    "wear image": (320, 320),
    "wear garment": (320, 320),
    "wear prompt": (320, 320),
    **dict.fromkeys(("insert", "remove", "replace", "around", "zoom out"), (384, 256)),
}


@pytest.mark.parametrize("name", SIZES)
def test_every_task_gives_a_marked_png_of_the_promised_size_and_the_same_bytes_again(name: str, orders: dict[str, Order]) -> None:
    first, second = render(orders[name]), render(pickle.loads(pickle.dumps(orders[name])))
    assert first == second
    with Image.open(io.BytesIO(first.images[0])) as image:
        facts = image.format, image.size, image.info["Software"], image.mode
    assert facts == ("PNG", SIZES[name], PREVIEW_NOTE, "RGBA" if name.startswith("cut out") else "RGB")
    assert (first.mask is not None) == (orders[name].params.get("returnMask") is True)


def test_asking_for_three_pictures_gives_the_pictures_of_three_seeds_in_a_row(studio: Studio) -> None:
    def draw(count: int, seed: int) -> tuple[bytes, ...]:
        return studio.draw(
            "TEXT_IMAGE", {"text": "a mug on a table"}, numberOfImages=count, seed=seed, width=320, height=320
        ).images

    three = draw(3, 7)
    assert len(set(three)) == 3
    assert three[1:] == draw(2, 8)


def test_every_edit_differs_from_seed_to_seed(studio: Studio, coffee: bytes) -> None:
    hole = studio.rectangle((384, 256), (140, 80, 230, 160))
    for params, pictures in (
        ({}, {"image": coffee, "maskImage": hole}),
        ({"text": "a red apple"}, {"image": coffee, "maskImage": hole}),
    ):
        assert len(set(studio.draw("INPAINTING", params, pictures, numberOfImages=2).images)) == 2
    assert len(set(studio.draw("IMAGE_VARIATION", {}, {"images/0": coffee}, numberOfImages=3).images)) == 3


def test_a_generation_without_a_size_is_1024_square(studio: Studio) -> None:
    for family in ("titan-image", "nova-canvas"):
        assert studio.pixels(studio.draw("TEXT_IMAGE", {"text": "fog"}, family=family).images[0]).shape == (1024, 1024, 3)


def test_an_order_without_its_picture_says_which_one_is_missing(studio: Studio) -> None:
    with pytest.raises(CannotRender, match="/inPaintingParams/image"):
        studio.draw("INPAINTING", {"maskPrompt": "cup"})


def test_an_unknown_task_type_is_refused_with_the_known_ones() -> None:
    with pytest.raises(CannotRender, match=r"TEXT_VIDEO.*TEXT_IMAGE"):
        render(Order("titan-image", "x", "TEXT_VIDEO", {"taskType": "TEXT_VIDEO"}, {}))


def test_generations_carry_a_label_in_the_corner_and_edits_do_not(studio: Studio, coffee: bytes) -> None:
    from darkroom_worker.local_bedrock.engine.encode import with_label

    plain = np.full((320, 320, 3), 200, np.uint8)
    changed = np.argwhere((with_label(plain) != plain).any(axis=2))
    assert changed[:, 0].min() > 290
    assert changed[:, 1].min() == 0
    everything = studio.rectangle((384, 256), (0, 0, 1, 1))
    edited = studio.pixels(studio.draw("INPAINTING", {"text": "an apple"}, {"image": coffee, "maskImage": everything}).images[0])
    assert np.array_equal(edited[-20:], studio.pixels(coffee)[-20:])
