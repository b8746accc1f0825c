"""The specifications of the local steps: what is refused before anything runs. No picture is opened here."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom_shared.contract.steps import (
    MAX_PIXELS,
    MAX_SIDE,
    STEP_KINDS,
    STEP_TYPES,
    Canvas,
    Composite,
    ContactSheet,
    Convert,
    Cover,
    Crop,
    Feather,
    Flatten,
    Grow,
    MaskFromAlpha,
    MaskFromColor,
    Pad,
    Palette,
    PaletteTransfer,
    PasteBack,
    Resize,
    Select,
    StepSpec,
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
        Cover(width=640, height=480, resample="nearest"),
        PasteBack(kept="white", feather=8),
        Palette(colors=["#102030", "#ABCDEF"], width=100),
        PaletteTransfer(colors="#102030", strength=0.5),
        MaskFromColor(colors=["#102030"], subject="black"),
        Grow(part="black", pixels=3),
        Feather(radius=2),
        Canvas(width=20, height=30, place="top"),
        ContactSheet(columns=2, cell=32),
        Select(by="/score", keep=1),
    ]
    assert [step.kind for step in steps] == list(STEP_KINDS)
    assert [parse_step(step.model_dump(exclude_none=True)) for step in steps] == steps
    assert [json.loads(json.dumps(step.model_dump())) for step in steps] == [step.model_dump() for step in steps]


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
        ({"kind": "cover", "width": 0}, ["/width", "/height"]),
        ({"kind": "cover", "width": 8193, "height": 4096}, [""]),
        ({"kind": "paste_back", "feather": 1.5}, ["/kept", "/feather"]),
        ({"kind": "palette", "colors": []}, ["/colors"]),
        ({"kind": "palette", "colors": ["#ff0000", "red", 3]}, ["/colors/1", "/colors/2"]),
        ({"kind": "palette", "colors": "#ff0000", "width": 8193, "height": 4096}, [""]),
        ({"kind": "palette_transfer", "colors": 7, "strength": -0.1}, ["/colors", "/strength"]),
        ({"kind": "mask_from_color", "colors": ["green"], "tolerance": 256}, ["/colors/0", "/tolerance", "/subject"]),
        ({"kind": "grow", "part": "grey", "pixels": 0}, ["/part", "/pixels"]),
        ({"kind": "feather", "radius": 257}, ["/radius"]),
        ({"kind": "canvas", "width": 8193, "height": 4096}, [""]),
        ({"kind": "canvas", "width": 10, "height": 10, "place": "middle"}, ["/place"]),
        ({"kind": "contact_sheet", "columns": 0, "cell": 15, "gap": 257}, ["/columns", "/cell", "/gap"]),
        ({"kind": "select", "by": "score", "keep": 0}, ["/by", "/keep"]),
        # JSON has neither: as `null` they would be read back as no limit at all.
        ({"kind": "select", "by": "/score", "at_least": float("inf")}, ["/at_least"]),
        ({"kind": "select", "by": "/score", "at_least": float("nan")}, ["/at_least"]),
    ],
)
def test_a_document_outside_the_limits_is_answered_with_all_the_places(document: object, pointers: list[str]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_step(document)
    assert [problem.pointer for problem in caught.value.problems] == pointers


@pytest.mark.parametrize(
    ("document", "pointer", "found", "allowed"),
    [
        ({"kind": "paste_back", "kept": "grey"}, "/kept", "'grey'", {"enum": ["black", "white"]}),
        ({"kind": "paste_back", "kept": "black", "feather": 65}, "/feather", "65", {"minimum": 0, "maximum": 64}),
        ({"kind": "palette", "colors": ["#ff0000", "red"]}, "/colors/1", "'red'", {"pattern": "^#[0-9A-Fa-f]{6}$"}),
        ({"kind": "palette", "colors": ["#ff0000"] * 11}, "/colors", "11", {"minItems": 1, "maxItems": 10}),
        ({"kind": "palette_transfer", "colors": "#ff0000", "strength": 1.5}, "/strength", "1.5", {"minimum": 0, "maximum": 1}),
        ({"kind": "cover", "width": 70_000, "height": 1}, "/width", "70000", {"minimum": 1, "maximum": MAX_SIDE}),
        ({"kind": "resize", "longest_side": 0}, "/longest_side", "0", {"minimum": 1, "maximum": MAX_SIDE}),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed_in_its_place(
    document: object, pointer: str, found: str, allowed: dict[str, object]
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_step(document)
    [problem] = caught.value.problems
    assert problem.pointer == pointer
    assert problem.message.endswith(f", not {found}")
    assert isinstance(problem.allowed, Mapping)
    assert {word: rule for word, rule in problem.allowed.items() if word != "type"} == allowed


def test_an_unknown_field_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_step({"kind": "cover", "width": 1, "height": 1, "crop": True})
    assert [(problem.pointer, problem.allowed) for problem in caught.value.problems] == [
        ("/crop", ["height", "kind", "resample", "width"])
    ]


def test_an_unknown_kind_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_step({"kind": "sharpen"})
    assert caught.value.problems[0].allowed == list(STEP_KINDS)


def test_a_wrong_number_of_pictures_is_refused() -> None:
    assert [step.inputs for step in STEP_TYPES if step.inputs != 1] == [2, 3, 0]
    assert [step.most_inputs for step in STEP_TYPES if step.most_inputs] == [100, 100]
    assert ContactSheet().check([])[0].allowed == {"minimum": 1, "maximum": 100}
    assert Composite().check([facts(8, 8)])[0].allowed == {"minimum": 2, "maximum": 2}
    assert len(Flatten().check([])) == len(Flatten().check([facts(8, 8)] * 2)) == 1
    assert PasteBack(kept="black").check([facts(8, 8)] * 2)[0].allowed == {"minimum": 3, "maximum": 3}
    assert Palette(colors="#ff0000").check([facts(8, 8)])[0].allowed == {"minimum": 0, "maximum": 0}
    with pytest.raises(InvalidRequest, match="takes 1 pictures, not 0"):
        Flatten().output_facts([])


@pytest.mark.parametrize(
    ("step", "count", "pointer"),
    [
        (Flatten(), 2, ""),
        (Composite(), 1, ""),
        (ContactSheet(), 101, ""),
        (ContactSheet(cell=2048), 90, ""),
        (Select(by="/score", keep=3), 2, "/keep"),
    ],
)
def test_too_few_and_too_many_pictures_are_known_before_the_pictures_are(step: StepSpec, count: int, pointer: str) -> None:
    problems = step.check_number(count)
    assert [problem.pointer for problem in problems] == [pointer]
    assert step.check([facts(64, 64)] * count) == problems


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


def test_a_mask_of_paste_back_must_be_opaque() -> None:
    step = PasteBack(kept="black")
    assert step.check([facts(8, 8), facts(8, 8, "RGBA", transparent=True), facts(8, 8, "RGBA")]) == []
    [problem] = step.check([facts(8, 8), facts(8, 8), facts(8, 8, "RGBA", transparent=True)])
    assert "third picture is the mask" in problem.message


@pytest.mark.parametrize(
    ("new", "original", "mode", "transparent"),
    [
        (facts(9, 9), facts(8, 6), "RGB", False),
        (facts(9, 9, "RGBA", transparent=True), facts(8, 6), "RGBA", True),
        (facts(9, 9), facts(8, 6, "RGBA", transparent=True), "RGBA", True),
        (facts(9, 9, "RGBA"), facts(8, 6, "L"), "RGBA", False),
    ],
)
def test_paste_back_has_the_original_s_size_and_alpha_where_one_of_the_two_has(
    new: ImageFacts, original: ImageFacts, mode: str, transparent: bool
) -> None:
    assert PasteBack(kept="black").output_facts([new, original, facts(7, 7)]) == [
        ImageFacts(8, 6, "PNG", mode, 0, transparent=transparent)
    ]


def test_a_palette_needs_a_pixel_of_width_for_each_colour() -> None:
    three = ["#ff0000", "#00ff00", "#0000ff"]
    assert Palette(colors=three, width=3).check([]) == []
    [problem] = Palette(colors=three, width=2).check([])
    assert (problem.pointer, problem.allowed) == ("/width", {"minimum": 3, "maximum": MAX_SIDE})


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


@pytest.mark.parametrize(
    ("before", "size", "box"),
    [
        ((400, 100), (50, 50), (150, 0, 250, 100)),
        ((100, 400), (50, 50), (0, 150, 100, 250)),
        ((30, 20), (60, 40), (0, 0, 30, 20)),
        ((13, 10), (10, 10), (1, 0, 11, 10)),  # 3 to cut: 1 left, 2 right
        ((10, 13), (10, 10), (0, 1, 10, 11)),
        ((3, 2), (4, 4), (0.5, 0, 2.5, 2)),  # scaled to 6x4
        ((MAX_SIDE, 1), (1000, 1000), (8191.5, 0, 8192.5, 1)),
    ],
)
def test_cover_computes_what_is_seen(before: tuple[int, int], size: tuple[int, int], box: tuple[float, ...]) -> None:
    assert Cover(width=size[0], height=size[1]).box(*before) == box


sides = st.integers(1, MAX_SIDE)


@given(sides, sides, st.integers(1, 4096), st.integers(1, 4096))
def test_cover_sees_a_centred_part_of_its_own_proportions_and_all_of_one_side(
    width: int, height: int, new_width: int, new_height: int
) -> None:
    left, top, right, bottom = Cover(width=new_width, height=new_height).box(width, height)
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height
    assert (left, right) == (0, width) or (top, bottom) == (0, height)
    # In pixels of the scaled picture: the cut is even but for one, and the other side's scale is off by less than half of one.
    scale = max(new_width / width, new_height / height)
    assert -1e-6 <= (width - right - left) * scale <= 1.5
    assert -1e-6 <= (height - bottom - top) * scale <= 1.5
    assert abs((right - left) * scale - new_width) <= 0.5
    assert abs((bottom - top) * scale - new_height) <= 0.5


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
