"""The specifications of the local steps: what is refused before anything runs. No picture is opened here."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom_shared.contract.steps import (
    MAX_PIXELS,
    MAX_SIDE,
    STEP_KINDS,
    STEP_TYPES,
    Composite,
    Convert,
    Crop,
    Flatten,
    MaskFromAlpha,
    Pad,
    Resize,
    ZoomOut,
    parse_step,
)
from darkroom_shared.core.errors import InvalidRequest
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.images import DEFAULT_LIMITS


def facts(width: int, height: int, mode: str = "RGB", *, transparent: bool = False) -> ImageFacts:
    return ImageFacts(width, height, "PNG", mode, 1000, transparent=transparent)


def test_every_kind_is_read_back_from_its_json() -> None:
    steps = [
        Flatten(background="#102030"),
        MaskFromAlpha(subject="white", threshold=1),
        *(parse_step({"kind": "invert"}),),
        Resize(longest_side=100, multiple_of=16),
        ZoomOut(width=100, height=50, scale=0.25),
        Pad(left=3),
        Crop(x=0, y=1, width=2, height=3),
        Convert(format="jpeg", quality=80),
        Composite(x=4),
    ]
    assert [step.kind for step in steps] == list(STEP_KINDS)
    assert [parse_step(step.model_dump(mode="json", exclude_none=True)) for step in steps] == steps


@pytest.mark.parametrize(
    ("document", "pointers"),
    [
        ({"kind": "sharpen"}, ["/kind"]),
        ({}, ["/kind"]),
        ([], [""]),
        ({"kind": "flatten", "background": "white"}, ["/background"]),
        ({"kind": "flatten", "background": "#ffffff\n"}, ["/background"]),
        ({"kind": "flatten", "colour": "#ffffff"}, ["/colour"]),
        ({"kind": "mask_from_alpha"}, ["/subject"]),
        ({"kind": "mask_from_alpha", "subject": "grey", "threshold": 0}, ["/threshold", "/subject"]),
        ({"kind": "mask_from_alpha", "subject": "black", "threshold": 256}, ["/threshold"]),
        ({"kind": "resize"}, [""]),
        ({"kind": "resize", "width": 10}, [""]),
        ({"kind": "resize", "width": 10, "height": 10, "longest_side": 10}, [""]),
        ({"kind": "resize", "width": 10, "height": 10, "multiple_of": 16}, [""]),
        ({"kind": "resize", "longest_side": 0}, ["/longest_side"]),
        ({"kind": "resize", "max_pixels": MAX_PIXELS + 1}, ["/max_pixels"]),
        ({"kind": "zoom_out", "width": 10, "height": 10, "scale": 0}, ["/scale"]),
        ({"kind": "zoom_out", "width": 10, "height": 10, "scale": 1.01}, ["/scale"]),
        ({"kind": "zoom_out", "width": 8193, "height": 4096}, [""]),
        ({"kind": "pad"}, [""]),
        ({"kind": "pad", "left": -1, "top": 1.5}, ["/left", "/top"]),
        ({"kind": "crop", "x": "3", "y": 0, "width": 0, "height": MAX_SIDE + 1}, ["/x", "/width", "/height"]),
        ({"kind": "convert", "format": "gif"}, ["/format"]),
        ({"kind": "convert", "format": "png", "quality": 90}, [""]),
        ({"kind": "convert", "format": "jpeg", "quality": 101}, ["/quality"]),
    ],
)
def test_a_document_outside_the_limits_is_answered_with_all_the_places(document: object, pointers: list[str]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_step(document)
    assert [problem.pointer for problem in caught.value.problems] == pointers


def test_an_unknown_kind_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_step({"kind": "sharpen"})
    assert caught.value.problems[0].allowed == list(STEP_KINDS)


def test_a_wrong_number_of_pictures_is_refused() -> None:
    assert [step.inputs for step in STEP_TYPES if step.inputs != 1] == [2]
    assert Composite().check([facts(8, 8)])[0].allowed == {"minimum": 2, "maximum": 2}
    assert len(Flatten().check([])) == len(Flatten().check([facts(8, 8)] * 2)) == 1
    with pytest.raises(InvalidRequest, match="takes 1 pictures, not 0"):
        Flatten().output_facts([])


def test_a_crop_must_lie_inside() -> None:
    crop = Crop(x=4, y=4, width=4, height=4)
    assert crop.check([facts(8, 8)]) == []
    problems = crop.check([facts(7, 3)])
    assert [(problem.pointer, problem.allowed) for problem in problems] == [
        ("/width", {"minimum": 1, "maximum": 3}),
        ("/height", {"minimum": 1, "maximum": 0}),
    ]


def test_a_foreground_must_lie_inside_its_background() -> None:
    assert Composite(x=2, y=3).check([facts(8, 8), facts(6, 5)]) == []
    assert Composite(x=3, y=3).check([facts(8, 8), facts(6, 5)])


def test_jpeg_refuses_what_may_be_transparent() -> None:
    assert Convert(format="jpeg").check([facts(8, 8, "RGBA")]) == []
    assert Convert(format="jpeg").check([facts(8, 8, "RGBA", transparent=True)])[0].allowed == ["png", "webp"]
    assert Convert(format="webp").check([facts(16_384, 8)])[0].pointer == "/format"


def test_nothing_larger_than_what_is_opened_again_is_made() -> None:
    assert (DEFAULT_LIMITS.max_side, DEFAULT_LIMITS.max_pixels) == (MAX_SIDE, MAX_PIXELS)
    assert Pad(left=1).check([facts(8192, 4096)])
    assert Resize(width=MAX_SIDE, height=MAX_SIDE).check([facts(8, 8)])
    assert Resize(longest_side=MAX_SIDE).check([facts(8, 8)])


@pytest.mark.parametrize(
    ("resize", "before", "after"),
    [
        (Resize(width=5, height=7), (100, 100), (5, 7)),
        (Resize(longest_side=512), (1024, 768), (512, 384)),
        (Resize(longest_side=512), (100, 200), (256, 512)),
        (Resize(longest_side=1000, multiple_of=16), (1000, 700), (992, 688)),
        (Resize(max_side=4096), (800, 600), (800, 600)),
        (Resize(max_side=1408), (2816, 1000), (1408, 500)),
        (Resize(max_pixels=1_000_000), (2000, 2000), (1000, 1000)),
        (Resize(min_side=320), (160, 200), (320, 400)),
        (Resize(min_side=320, max_side=1000), (10, 1000), (10, 1000)),
        (Resize(max_side=10, multiple_of=16), (1000, 1000), (16, 16)),
        (Resize(longest_side=10), (16_384, 1), (10, 1)),
    ],
)
def test_a_resize_computes_its_size(resize: Resize, before: tuple[int, int], after: tuple[int, int]) -> None:
    assert resize.size(*before) == after


sides = st.integers(1, MAX_SIDE)


@given(sides, sides, sides, st.integers(1, MAX_PIXELS))
def test_a_fit_never_passes_its_upper_limits_and_keeps_the_proportions(width: int, height: int, side: int, pixels: int) -> None:
    new_width, new_height = Resize(max_side=side, max_pixels=pixels).size(width, height)
    assert 1 <= new_width <= min(width, side)
    assert 1 <= new_height <= min(height, side)
    assert new_width * new_height <= pixels
    # Each side is off by less than a pixel from the true scale, unless it would vanish.
    scale = min(1, side / max(width, height), (pixels / (width * height)) ** 0.5)
    assert abs(new_width - width * scale) <= 1 or min(new_width, new_height) == 1
    assert abs(new_height - height * scale) <= 1 or min(new_width, new_height) == 1


@given(sides, sides, st.integers(1, 4096), st.integers(1, 4096), st.floats(0.001, 1))
def test_a_zoomed_out_picture_lies_centred_inside_its_canvas(
    width: int, height: int, canvas_width: int, canvas_height: int, scale: float
) -> None:
    left, top, right, bottom = ZoomOut(width=canvas_width, height=canvas_height, scale=scale).box(width, height)
    assert 0 <= left < right <= canvas_width
    assert 0 <= top < bottom <= canvas_height
    assert abs(left - (canvas_width - right)) <= 1
    assert abs(top - (canvas_height - bottom)) <= 1
