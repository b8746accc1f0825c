"""Every native model over boto3 with the engine that makes real pixels: sizes, formats, seeds, polarity, kept pixels."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.integration.local_bedrock.endpoints import Running, running_endpoint
from tests.integration.local_bedrock.native_client import (
    CORE,
    SD35,
    SDXL,
    Case,
    cases,
    invoke,
    mask,
    photo,
    picture_of,
    seed_of,
    seeded,
    service,
    text,
)

WITHOUT_SEED = {service("stable-image-remove-background"), service("stable-fast-upscale")}


@pytest.fixture(scope="module")
def procedural() -> Iterator[Running]:
    """One endpoint with the default engine."""
    with running_endpoint("--quota", "off") as running:
        yield running


def pixels(image: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(image.convert("RGB"), dtype=np.uint8)


def named(case: Case) -> str:
    return f"{case.model} {' '.join(case.body)}"


@pytest.mark.parametrize("case", cases(), ids=named)
def test_a_model_gives_a_whole_picture_of_the_right_size_and_the_same_one_again(procedural: Running, case: Case) -> None:
    body = dict(case.body) if case.model in WITHOUT_SEED else seeded(case.body, 7)
    answer = invoke(procedural, case.model, body)
    image = picture_of(answer)
    assert (image.format, image.size) == ("PNG", case.size)
    assert seed_of(answer) == (0 if case.model in WITHOUT_SEED else 7)
    if case.size[0] * case.size[1] < 2_000_000:
        assert invoke(procedural, case.model, body) == answer


@pytest.mark.parametrize(("asked", "found"), [("jpeg", "JPEG"), ("webp", "WEBP"), ("png", "PNG")])
def test_the_asked_file_format_comes_back(procedural: Running, asked: str, found: str) -> None:
    body = {"image": text(photo()), "mask": text(mask(320, 256, (100, 80, 220, 180))), "seed": 3, "output_format": asked}
    image = picture_of(invoke(procedural, service("stable-image-erase-object"), body))
    assert (image.format, image.size) == (found, (320, 256))


@pytest.mark.parametrize(
    ("model", "body"), [(CORE, {"prompt": "a lake"}), (SDXL, {"text_prompts": [{"text": "a lake"}]})], ids=["core", "sdxl"]
)
def test_a_seed_left_to_the_service_is_drawn_and_told_and_makes_the_picture_again(
    procedural: Running, model: str, body: dict[str, object]
) -> None:
    first, second = invoke(procedural, model, body), invoke(procedural, model, seeded(body, 0))
    assert seed_of(first) != seed_of(second)
    assert min(seed_of(first), seed_of(second)) > 0
    assert picture_of(first).tobytes() != picture_of(second).tobytes()
    assert invoke(procedural, model, seeded(body, seed_of(first))) == first


def test_inpaint_changes_white_and_keeps_the_very_pixels_of_black(procedural: Running) -> None:
    box = (100, 80, 220, 180)
    body = {"image": text(photo()), "mask": text(mask(320, 256, box)), "prompt": "a forest", "grow_mask": 0, "seed": 3}
    after = pixels(picture_of(invoke(procedural, service("stable-image-inpaint"), body)))
    same = (after == pixels(Image.open(_file(photo())))).all(axis=2)
    inside = np.zeros((256, 320), bool)
    inside[box[1] : box[3], box[0] : box[2]] = True
    assert same[~inside].all()
    assert same[inside].mean() < 0.1


def test_erase_takes_the_transparent_part_where_there_is_no_mask(procedural: Running) -> None:
    body = {"image": text(photo(alpha=True)), "grow_mask": 0, "seed": 3}
    after = pixels(picture_of(invoke(procedural, service("stable-image-erase-object"), body))).astype(int)
    before = pixels(Image.open(_file(photo()))).astype(int)
    middle = np.s_[110:140, 140:180]
    assert (before[middle][..., 0] > before[middle][..., 2]).all()  # the orange ball
    assert (after[middle][..., 0] < after[middle][..., 2]).mean() > 0.9  # the blue behind it
    assert np.array_equal(after[:80], before[:80])


def test_outpaint_keeps_the_old_picture_in_its_place(procedural: Running) -> None:
    body = {"image": text(photo()), "left": 30, "up": 20, "right": 10, "down": 40, "seed": 3}
    after = pixels(picture_of(invoke(procedural, service("stable-outpaint"), body)))
    assert after.shape == (316, 360, 3)
    assert np.array_equal(after[20:276, 30:350], pixels(Image.open(_file(photo()))))


@pytest.mark.parametrize(("strength", "same"), [(0, True), (1, False)])
def test_strength_0_gives_the_image_back_and_1_another(procedural: Running, strength: float, same: bool) -> None:
    body = {"image": text(photo()), "strength": strength, "mode": "image-to-image", "prompt": "a lake", "seed": 3}
    after = pixels(picture_of(invoke(procedural, SD35, body)))
    assert np.array_equal(after, pixels(Image.open(_file(photo())))) == same


def test_a_cut_out_keeps_its_alpha_in_webp(procedural: Running) -> None:
    body = {"image": text(photo()), "output_format": "webp"}
    image = picture_of(invoke(procedural, service("stable-image-remove-background"), body))
    assert (image.format, image.mode) == ("WEBP", "RGBA")
    assert image.getchannel("A").getextrema() == (0, 255)


def _file(data: bytes) -> io.BytesIO:
    return io.BytesIO(data)
