"""What the local steps do to pixels."""

from __future__ import annotations

from typing import Literal

import pytest
from PIL import Image, ImageChops

from darkroom_shared.contract.steps import (
    STEP_KINDS,
    Canvas,
    Composite,
    ContactSheet,
    Convert,
    Cover,
    Crop,
    Feather,
    Flatten,
    Grow,
    Invert,
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
)
from darkroom_shared.core.errors import ImageRefused, InvalidRequest
from darkroom_shared.images import inspect
from darkroom_worker import steps
from darkroom_worker.steps import MODULES, run_step
from tests.unit.steps.pictures import cut_out, decoded, encoded, noise, png

BLACK, WHITE = (0, 0, 0), (255, 255, 255)
EVERY_STEP: list[StepSpec] = [
    Flatten(background="#336699"),
    MaskFromAlpha(subject="black"),
    Invert(),
    Resize(longest_side=5),
    ZoomOut(width=40, height=32, scale=0.5),
    Pad(left=3, bottom=2),
    Crop(x=1, y=1, width=4, height=3),
    Convert(format="png"),
    Composite(),
    Cover(width=5, height=9),
    PasteBack(kept="black", feather=2),
    Palette(colors=["#336699", "#ffcc00"], width=9, height=4),
    PaletteTransfer(colors=["#336699", "#ffcc00"]),
    MaskFromColor(colors=["#102030"], subject="black"),
    Grow(part="black", pixels=3),
    Feather(radius=2),
    Canvas(width=20, height=30, place="top"),
    ContactSheet(columns=2, cell=32),
    Select(by="/score", keep=1),
]


def one(spec: StepSpec, *images: Image.Image) -> Image.Image:
    """The only picture that a step makes of pictures."""
    [result] = run_step(spec, [png(image) for image in images])
    return decoded(result)


def test_every_kind_has_its_module_and_every_module_its_kind() -> None:
    assert sorted(MODULES) == sorted(STEP_KINDS)
    assert [kind for kind in STEP_KINDS if not hasattr(steps, kind)] == []
    assert [step.kind for step in EVERY_STEP] == list(STEP_KINDS)


def test_a_module_refuses_the_specification_of_another() -> None:
    with pytest.raises(TypeError, match="Flatten expected, not Invert"):
        MODULES["flatten"](Invert(), [])


def test_flatten_leaves_no_transparent_pixel() -> None:
    flat = one(Flatten(background="#0000ff"), cut_out())
    assert flat.mode == "RGB"
    assert flat.getpixel((3, 2)) == (255, 0, 0)
    assert flat.getpixel((0, 0)) == (0, 0, 255)
    assert flat.getpixel((5, 2)) == (100, 0, 155)


def test_flatten_keeps_the_pixels_of_an_opaque_picture() -> None:
    picture = noise(16, 9)
    assert one(Flatten(), picture).tobytes() == picture.tobytes()


@pytest.mark.parametrize(("subject", "inside", "outside"), [("black", BLACK, WHITE), ("white", WHITE, BLACK)])
def test_the_subject_of_a_cut_out_gets_the_colour_asked_for(
    subject: str, inside: tuple[int, int, int], outside: tuple[int, int, int]
) -> None:
    made = one(MaskFromAlpha(subject="black" if subject == "black" else "white"), cut_out())
    expected = Image.new("RGB", (8, 6), outside)
    expected.paste(inside, (2, 1, 5, 4))
    assert (made.mode, made.tobytes()) == ("RGB", expected.tobytes())


@pytest.mark.parametrize(("threshold", "soft_edge"), [(101, WHITE), (100, BLACK), (1, BLACK), (255, WHITE)])
def test_the_threshold_is_the_lowest_alpha_of_the_subject(threshold: int, soft_edge: tuple[int, int, int]) -> None:
    made = one(MaskFromAlpha(subject="black", threshold=threshold), cut_out())
    assert (made.getpixel((3, 2)), made.getpixel((5, 2)), made.getpixel((7, 5))) == (BLACK, soft_edge, WHITE)


def test_a_picture_without_alpha_is_all_subject() -> None:
    assert one(MaskFromAlpha(subject="black"), noise(4, 4)).getcolors() == [(16, BLACK)]


def test_inverting_turns_the_mask_of_outpainting_into_that_of_inpainting() -> None:
    keep = one(MaskFromAlpha(subject="black"), cut_out())
    edit = one(Invert(), keep)
    assert edit.tobytes() == one(MaskFromAlpha(subject="white"), cut_out()).tobytes()
    assert one(Invert(), edit).tobytes() == keep.tobytes()


def test_inverting_a_cut_out_keeps_its_alpha() -> None:
    inverted = one(Invert(), cut_out())
    assert inverted.getpixel((5, 2)) == (0, 255, 255, 100)
    assert inverted.getchannel("A").tobytes() == cut_out().getchannel("A").tobytes()


def test_a_mask_scaled_by_nearest_stays_pure_and_one_by_lanczos_does_not() -> None:
    mask = png(one(MaskFromAlpha(subject="black"), cut_out()))
    [nearest] = run_step(Resize(width=37, height=23, resample="nearest"), [mask])
    [lanczos] = run_step(Resize(width=37, height=23), [mask])
    assert inspect(nearest, mask=True).black_and_white is True
    assert inspect(lanczos, mask=True).black_and_white is False


def test_scaling_a_cut_out_brings_no_colour_out_of_its_transparent_pixels() -> None:
    large = one(Resize(longest_side=64), cut_out())
    red_green_blue_alpha = zip(*(large.getchannel(band).tobytes() for band in "RGBA"), strict=True)
    assert [green for _, green, _, alpha in red_green_blue_alpha if alpha > 32 and green > 8] == []


def test_a_resize_to_the_same_size_keeps_every_pixel() -> None:
    picture = noise(17, 5, "RGBA")
    assert one(Resize(width=17, height=5), picture).tobytes() == picture.tobytes()


def test_zoom_out_puts_the_picture_in_the_middle_and_masks_the_rest_for_outpainting() -> None:
    picture = Image.new("RGB", (20, 10), (255, 0, 0))
    canvas, mask = (
        decoded(data) for data in run_step(ZoomOut(width=40, height=40, scale=0.5, background="#00ff00"), [png(picture)])
    )
    expected = Image.new("RGB", (40, 40), (0, 255, 0))
    expected.paste((255, 0, 0), (10, 15, 30, 25))
    assert canvas.tobytes() == expected.tobytes()
    kept = Image.new("RGB", (40, 40), WHITE)
    kept.paste(BLACK, (10, 15, 30, 25))
    assert (mask.mode, mask.tobytes()) == ("RGB", kept.tobytes())


def test_zoom_out_at_the_picture_s_own_size_keeps_every_pixel() -> None:
    picture = noise(20, 10)
    canvas = decoded(run_step(ZoomOut(width=40, height=20, scale=0.5), [png(picture)])[0])
    assert canvas.crop((10, 5, 30, 15)).tobytes() == picture.tobytes()


def test_zoom_out_shows_the_background_through_a_cut_out() -> None:
    canvas = decoded(run_step(ZoomOut(width=16, height=12, scale=0.5, background="#0000ff"), [png(cut_out())])[0])
    assert canvas.mode == "RGB"
    assert canvas.getpixel((4, 3)) == (0, 0, 255)
    assert canvas.getpixel((7, 5)) == (255, 0, 0)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_padding_moves_no_pixel_and_masks_the_margins(mode: str) -> None:
    picture = noise(7, 5, mode)
    padded, mask = (decoded(data) for data in run_step(Pad(left=1, right=2, top=3, bottom=4, background="#abcdef"), [png(picture)]))
    assert (padded.size, padded.mode) == ((10, 12), mode)
    assert padded.crop((1, 3, 8, 8)).tobytes() == picture.tobytes()
    assert padded.convert("RGB").getpixel((0, 0)) == (0xAB, 0xCD, 0xEF)
    assert padded.convert("RGBA").getpixel((9, 11)) == (0xAB, 0xCD, 0xEF, 255)
    kept = Image.new("RGB", (10, 12), WHITE)
    kept.paste(BLACK, (1, 3, 8, 8))
    assert mask.tobytes() == kept.tobytes()


def test_a_crop_undoes_a_pad() -> None:
    picture = noise(7, 5, "RGBA")
    padded = run_step(Pad(left=2, top=1), [png(picture)])[0]
    assert decoded(run_step(Crop(x=2, y=1, width=7, height=5), [padded])[0]).tobytes() == picture.tobytes()


@pytest.mark.parametrize("resample", ["lanczos", "nearest"])
def test_cover_cuts_evenly_and_moves_nothing_at_the_picture_s_own_scale(resample: Literal["lanczos", "nearest"]) -> None:
    picture = noise(17, 10, "RGBA")
    assert one(Cover(width=12, height=10, resample=resample), picture).tobytes() == picture.crop((2, 0, 14, 10)).tobytes()
    assert one(Cover(width=17, height=7, resample=resample), picture).tobytes() == picture.crop((0, 1, 17, 8)).tobytes()


def test_cover_shows_the_middle_of_a_picture_scaled_and_nothing_of_its_ends() -> None:
    picture = Image.new("RGB", (60, 20), (255, 0, 0))
    picture.paste((0, 0, 255), (20, 0, 40, 20))
    picture.paste((0, 255, 0), (25, 5, 35, 15))
    expected = Image.new("RGB", (40, 40), (0, 0, 255))
    expected.paste((0, 255, 0), (10, 10, 30, 30))
    assert one(Cover(width=40, height=40, resample="nearest"), picture).tobytes() == expected.tobytes()
    # Lanczos looks three pixels around: the ends may show in the outermost columns.
    smooth = one(Cover(width=40, height=40), picture)
    assert [smooth.getpixel(at) for at in ((8, 20), (20, 20), (32, 20), (20, 3))] == [
        (0, 0, 255),
        (0, 255, 0),
        (0, 0, 255),
        (0, 0, 255),
    ]


def test_covering_with_a_long_strip_takes_no_memory_for_what_is_not_seen() -> None:
    strip = Image.new("RGB", (16_384, 1), (255, 0, 0))
    strip.paste((0, 0, 255), (8180, 0, 8204, 1))
    # Scaled as a whole it would have 16 million pixels a side.
    assert one(Cover(width=1000, height=1000), strip).getcolors() == [(1_000_000, (0, 0, 255))]


def test_a_mask_that_covers_by_nearest_stays_pure() -> None:
    mask = png(one(MaskFromAlpha(subject="black"), cut_out()))
    [covered] = run_step(Cover(width=37, height=23, resample="nearest"), [mask])
    assert inspect(covered, mask=True).black_and_white is True


def test_a_crop_outside_is_refused_before_any_work() -> None:
    with pytest.raises(InvalidRequest, match="width is 8 pixels"):
        run_step(Crop(x=5, y=0, width=4, height=1), [png(cut_out())])


def test_conversions_keep_what_their_format_can_keep() -> None:
    picture = noise(32, 16, "RGBA")
    [webp] = run_step(Convert(format="webp", quality=100), [png(picture)])
    assert (inspect(webp).format, decoded(webp).tobytes()) == ("WEBP", picture.tobytes())
    [back] = run_step(Convert(format="png"), [webp])
    assert (inspect(back).format, decoded(back).tobytes()) == ("PNG", picture.tobytes())
    smooth = Image.linear_gradient("L").convert("RGB")
    [jpeg] = run_step(Convert(format="jpeg"), [png(smooth)])
    assert inspect(jpeg).format == "JPEG"
    difference = ImageChops.difference(decoded(jpeg), smooth).convert("L")
    assert sum(difference.histogram()[5:]) == 0
    [small] = run_step(Convert(format="jpeg", quality=10), [png(smooth)])
    assert len(small) < len(jpeg)


def test_a_cut_out_is_laid_over_a_background() -> None:
    background = Image.new("RGB", (10, 10), (0, 0, 255))
    made = one(Composite(x=2, y=4), background, cut_out())
    assert (made.size, made.mode) == ((10, 10), "RGB")
    assert (made.getpixel((0, 0)), made.getpixel((2, 4)), made.getpixel((5, 6))) == ((0, 0, 255), (0, 0, 255), (255, 0, 0))
    assert made.getpixel((7, 6)) == (100, 0, 155)


def test_a_composite_on_a_transparent_background_stays_transparent() -> None:
    made = one(Composite(), Image.new("RGBA", (8, 6)), cut_out())
    assert made.getchannel("A").tobytes() == cut_out().getchannel("A").tobytes()


@pytest.mark.parametrize("spec", [spec for spec in EVERY_STEP if spec.kind != "select"], ids=lambda spec: spec.kind)
def test_the_same_pictures_give_the_same_bytes(spec: StepSpec) -> None:
    images = [
        png(noise(12, 8, "L" if seed > 1 or spec.kind in ("grow", "feather") else "RGBA", seed)) for seed in range(spec.inputs)
    ]
    assert run_step(spec, images) == run_step(spec, images)
    assert len(run_step(spec, images)) == spec.outputs


def test_neither_metadata_nor_the_way_a_picture_was_written_shows_in_the_result() -> None:
    picture = noise(12, 8)
    camera = Image.Exif()
    camera[0x010F] = "A camera"
    written = [
        png(picture),
        encoded(picture, "PNG", compress_level=0, dpi=(300, 300)),
        encoded(picture, "PNG", exif=camera, icc_profile=b"a profile"),
        encoded(picture, "WEBP", lossless=True, exif=camera),
    ]
    assert len({run_step(Convert(format="png"), [data])[0] for data in written}) == 1


def test_a_turned_photograph_is_worked_on_upright() -> None:
    picture = Image.new("RGB", (16, 8), (255, 0, 0))
    picture.paste((0, 0, 255), (0, 0, 8, 8))
    turned = Image.Exif()
    turned[0x0112] = 6  # to be turned clockwise by a quarter: what lies left comes to the top
    upright = decoded(run_step(Crop(x=0, y=0, width=8, height=8), [encoded(picture, "PNG", exif=turned)])[0])
    assert (upright.getcolors(), upright.getexif().get(0x0112)) == ([(64, (0, 0, 255))], None)


def test_sixteen_bits_are_brought_to_eight_without_clipping() -> None:
    grey = Image.new("I;16", (3, 1))
    for x, value in enumerate((0, 0x8000, 0xFFFF)):
        grey.putpixel((x, 0), value)
    assert list(one(Convert(format="png"), grey).getchannel("R").tobytes()) == [0, 128, 255]


def test_bytes_that_are_no_picture_are_refused() -> None:
    for data in (b"", b"not a picture", png(noise(64, 64))[:200]):
        with pytest.raises(ImageRefused):
            run_step(Flatten(), [data])
