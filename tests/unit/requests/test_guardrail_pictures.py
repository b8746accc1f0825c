"""Pictures as a guardrail takes them: untouched where they keep its limits, a smaller JPEG where they do not."""

from __future__ import annotations

import io
from typing import Any, cast

import pytest
from PIL import Image

from darkroom_shared.core.errors import ImageRefused
from darkroom_worker.bedrock.guardrail_pictures import MOST_BYTES, MOST_SIDE, checkable
from darkroom_worker.guarding import texts_of


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def told(data: bytes) -> tuple[str, bytes]:
    """Format and bytes of the content that is made of a picture."""
    image = cast("dict[str, Any]", checkable(data))["image"]
    return image["format"], image["source"]["bytes"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_picture_within_the_limits_is_asked_about_as_it_is(kind: str) -> None:
    data = encoded(Image.new("RGB", (64, 48), "red"), kind)
    assert told(data) == (kind.lower(), data)


@pytest.mark.parametrize(
    "data",
    [
        encoded(Image.new("RGB", (64, 48), "red"), "WEBP"),
        encoded(Image.new("RGB", (MOST_SIDE + 1, 40), "red"), "PNG"),
        encoded(Image.effect_noise((1400, 1400), 100).convert("RGB"), "PNG", compress_level=0),
        encoded(Image.effect_noise((5000, 3000), 100).convert("RGB"), "JPEG", quality=95),
    ],
    ids=["webp", "too wide", "too heavy", "a heavy jpeg"],
)
def test_any_other_picture_becomes_a_jpeg_within_them(data: bytes) -> None:
    kind, made = told(data)
    with Image.open(io.BytesIO(made)) as picture, Image.open(io.BytesIO(data)) as before:
        assert (kind, picture.format, len(made) <= MOST_BYTES, max(picture.size) <= MOST_SIDE) == ("jpeg", "JPEG", True, True)
        assert abs(picture.width / picture.height / (before.width / before.height) - 1) < 0.02


def test_what_is_transparent_is_white_in_the_check() -> None:
    clear = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    with Image.open(io.BytesIO(told(encoded(clear, "WEBP", lossless=True))[1])) as picture:
        assert picture.convert("L").getextrema() == (255, 255)


def test_sixteen_bits_of_grey_stay_grey() -> None:
    grey = Image.new("I;16", (MOST_SIDE + 1, 40), 0x8000)
    with Image.open(io.BytesIO(told(encoded(grey, "PNG"))[1])) as picture:
        low, high = cast("tuple[int, int]", picture.convert("L").getextrema())
    assert 125 <= low <= high <= 131


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(ImageRefused):
        checkable(b"no picture")


def test_texts_are_those_that_say_what_is_to_be_drawn_or_where() -> None:
    amazon = {
        "taskType": "OUTPAINTING",
        "outPaintingParams": {"text": "a beach", "negativeText": "blood", "maskPrompt": "a cup", "image": "asset:1"},
        "imageGenerationConfig": {"quality": "standard"},
    }
    native = {
        "prompt": "a boat",
        "negative_prompt": "blood",
        "search_prompt": "a cup",
        "select_prompt": "it",
        "output_format": "png",
    }
    sdxl = {"text_prompts": [{"text": "a boat"}, {"text": "blood", "weight": -1.0}, {"text": "the sea", "weight": 0.5}]}
    assert [list(texts_of(body)) for body in (amazon, native, sdxl)] == [
        ["a beach", "a cup"],
        ["a boat", "a cup", "it"],
        ["a boat", "the sea"],
    ]
