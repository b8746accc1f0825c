"""The rules about pictures: formats, sizes, transparency and masks, as each family documents them."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from darkroom_shared.checking import check_request
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.models.catalogue import check_images, find_model
from tests.support.bodies import (
    NOVA,
    TITAN_V1,
    TITAN_V2,
    b64,
    cut_out,
    edited,
    encoded,
    grey_mask,
    mask,
    picture,
    sample,
)

IMAGE, MASK = "/inPaintingParams/image", "/inPaintingParams/maskImage"
CUT = "/backgroundRemovalParams/image"
BOTH = (TITAN_V2, NOVA)


def _found(model: str, task: str, pointer: str, data: bytes) -> list[tuple[str, str]]:
    checked = check_request(edited(sample(task), pointer, b64(data)), model)
    return [(problem.pointer, problem.message) for problem in checked.problems]


@pytest.mark.parametrize("model", BOTH)
@pytest.mark.parametrize("file_format", ["PNG", "JPEG"])
def test_png_and_jpeg_are_accepted(model: str, file_format: str) -> None:
    assert _found(model, "BACKGROUND_REMOVAL", CUT, picture(file_format=file_format)) == []


@pytest.mark.parametrize("model", BOTH)
def test_webp_is_refused(model: str) -> None:
    assert _found(model, "BACKGROUND_REMOVAL", CUT, picture(file_format="WEBP")) == [(CUT, "The picture is a WEBP file")]


@pytest.mark.parametrize("model", BOTH)
def test_sixteen_bits_per_channel_are_refused(model: str) -> None:
    deep = encoded(Image.new("I;16", (512, 512), 1000))

    assert _found(model, "BACKGROUND_REMOVAL", CUT, deep) == [(CUT, "The picture has 16 bits per channel")]


@pytest.mark.parametrize("model", BOTH)
def test_transparent_pixels_are_refused_but_an_opaque_alpha_channel_is_not(model: str) -> None:
    assert _found(model, "BACKGROUND_REMOVAL", CUT, cut_out()) == [(CUT, "The picture has transparent or translucent pixels")]
    assert _found(model, "BACKGROUND_REMOVAL", CUT, picture(mode="RGBA")) == []


@pytest.mark.parametrize("model", BOTH)
def test_a_mask_of_another_size_is_refused_at_the_mask(model: str) -> None:
    assert _found(model, "INPAINTING", MASK, mask(512, 496)) == [(MASK, "The mask is 512x496 pixels, but its picture is 512x512")]


@pytest.mark.parametrize("model", BOTH)
def test_one_grey_pixel_spoils_a_mask(model: str) -> None:
    assert _found(model, "INPAINTING", MASK, grey_mask()) == [
        (MASK, "The mask has pixels that are neither pure black nor pure white")
    ]


@pytest.mark.parametrize("model", BOTH)
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_a_mask_may_be_stored_with_fewer_channels(model: str, mode: str) -> None:
    stored = Image.open(io.BytesIO(mask())).convert(mode)

    assert _found(model, "INPAINTING", MASK, encoded(stored)) == []


def test_an_opaque_alpha_channel_in_a_mask_is_refused_by_titan_alone() -> None:
    with_alpha = encoded(Image.open(io.BytesIO(mask())).convert("RGBA"))

    assert _found(TITAN_V2, "INPAINTING", MASK, with_alpha) == [(MASK, "The mask has an alpha channel")]
    assert _found(NOVA, "INPAINTING", MASK, with_alpha) == []


def test_a_mask_for_a_try_on_is_held_against_the_source() -> None:
    body = edited(sample("VIRTUAL_TRY_ON"), "/virtualTryOnParams/maskType", "IMAGE")
    body = edited(body, "/virtualTryOnParams/imageBasedMask", {"maskImage": b64(mask(512, 400))})

    assert [problem.pointer for problem in check_request(body, NOVA).problems] == ["/virtualTryOnParams/imageBasedMask/maskImage"]


def _facts(width: int, height: int, size_bytes: int = 1000) -> ImageFacts:
    return ImageFacts(width=width, height=height, format="PNG", mode="RGB", size_bytes=size_bytes)


def _sized(model: str, task: str, pointer: str, facts: ImageFacts) -> int:
    return len(check_images(find_model(model), sample(task), {pointer: facts}))


@pytest.mark.parametrize(
    ("model", "width", "height", "problems"),
    [
        (TITAN_V1, 1408, 1408, 0),
        (TITAN_V2, 1408, 1408, 0),
        (TITAN_V2, 1409, 20, 1),
        (TITAN_V2, 20, 1409, 1),
        (NOVA, 320, 1280, 0),
        (NOVA, 333, 777, 0),
        (NOVA, 319, 640, 1),
        (NOVA, 320, 1281, 1),
        (NOVA, 4096, 1024, 0),
        (NOVA, 2048, 2048, 0),
        (NOVA, 2049, 2048, 1),
        (NOVA, 4097, 1024, 3),
    ],
)
def test_the_size_of_an_input_picture_is_limited(model: str, width: int, height: int, problems: int) -> None:
    pointer = "/outPaintingParams/image"

    assert _sized(model, "OUTPAINTING", pointer, _facts(width, height)) == problems


def test_titan_takes_large_pictures_for_a_variation_because_it_shrinks_them_itself() -> None:
    assert _sized(TITAN_V2, "IMAGE_VARIATION", "/imageVariationParams/images/0", _facts(4000, 3000)) == 0


def test_titan_takes_files_of_five_megabytes() -> None:
    pointer, limit = "/outPaintingParams/image", 5 * 1024 * 1024

    assert _sized(TITAN_V2, "OUTPAINTING", pointer, _facts(1024, 1024, limit)) == 0
    assert _sized(TITAN_V2, "OUTPAINTING", pointer, _facts(1024, 1024, limit + 1)) == 1
    assert _sized(NOVA, "OUTPAINTING", pointer, _facts(1024, 1024, limit + 1)) == 0


def test_a_body_that_gets_too_large_with_its_pictures_is_refused() -> None:
    body = edited(sample("IMAGE_VARIATION"), "/imageVariationParams/images", ["asset:" + "0" * 64] * 5)
    model, pointers = find_model(NOVA), [f"/imageVariationParams/images/{index}" for index in range(5)]

    fitting = check_images(model, body, dict.fromkeys(pointers, _facts(1024, 1024, 3_740_000)))
    too_large = check_images(model, body, dict.fromkeys(pointers, _facts(1024, 1024, 3_760_000)))

    assert fitting == []
    assert [problem.pointer for problem in too_large] == [""]
    assert "25,000,000" in too_large[0].message
