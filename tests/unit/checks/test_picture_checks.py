"""Each check on pictures on both sides of its limit."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from darkroom_shared.contract.checks import (
    Blank,
    ChangeOutsideMask,
    CheckSpec,
    MissingAlpha,
    NearDuplicate,
    NearUniform,
    WrongSize,
)
from darkroom_shared.core.errors import ImageRefused, InvalidRequest
from darkroom_worker.checks import check_apart, check_picture
from darkroom_worker.steps.runner import StepRunner
from tests.unit.steps.pictures import encoded, noise, png

SIZE = (256, 192)
EDITED = (64, 48, 160, 144)


def scene(seed: int = 0) -> Image.Image:
    """Soft coloured clouds with some hard edges, another for each seed."""
    image = noise(12, 9, seed=seed).resize(SIZE, Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for number, colour in enumerate(noise(6, 1, seed=seed + 100).get_flattened_data()):
        draw.rectangle((number * 42, 10 + number * 25, number * 42 + 25, 40 + number * 25), fill=colour)
    return image


def flat(colour: tuple[int, ...] = (120, 130, 90), mode: str = "RGB") -> Image.Image:
    return Image.new(mode, SIZE, colour)


def with_square(side: int, image: Image.Image | None = None) -> Image.Image:
    made = flat((255, 255, 255)) if image is None else image.copy()
    made.paste((200, 30, 30), (10, 10, 10 + side, 10 + side))
    return made


def grainy(image: Image.Image, values: int) -> Image.Image:
    """Each value changed by up to half as many, evenly."""
    grain = noise(*image.size, seed=9).point([value * values // 256 for value in range(256)] * 3)
    return ImageChops.add(image, grain, 1, -values // 2)


def cut_out(transparent: int) -> Image.Image:
    """So many transparent rows above the rest."""
    image = scene().convert("RGBA")
    image.paste((0, 255, 0, 0), (0, 0, SIZE[0], transparent))
    return image


def brighter(image: Image.Image, by: int) -> Image.Image:
    return image.point([min(255, value + by) for value in range(256)] * 3)


def said(spec: CheckSpec, image: Image.Image | bytes, siblings: Sequence[bytes] = ()) -> str:
    """What a check says, or nothing."""
    data = image if isinstance(image, bytes) else png(image)
    [*sentences] = check_picture([spec], data, references={}, siblings=siblings)
    assert len(sentences) <= 1
    return "".join(sentences)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (flat(), "colour #78825a"),
        (encoded(flat(), "WEBP", quality=30), "colour #"),
        (grainy(flat(), 12), "colour #"),
        (flat((255, 0, 0, 0), "RGBA"), "fully transparent"),
        (flat((200, 200, 200, 128), "RGBA"), "colour #"),
    ],
)
def test_a_picture_of_one_colour_is_blank(image: Image.Image | bytes, words: str) -> None:
    assert words in said(Blank(), image)


@pytest.mark.parametrize("image", [scene(), with_square(1), cut_out(100), grainy(flat(), 16)])
def test_a_picture_with_something_in_it_is_not_blank(image: Image.Image) -> None:
    assert said(Blank(), image) == ""


def test_colours_under_transparent_pixels_are_not_seen() -> None:
    hidden = noise(*SIZE, "RGBA")
    hidden.putalpha(0)
    assert "fully transparent" in said(Blank(), hidden)
    assert "100.0% of it is transparent" in said(NearUniform(), hidden)


@pytest.mark.parametrize("image", [flat(), grainy(flat(), 24), with_square(30), cut_out(190), with_square(30, flat((0, 0, 0)))])
def test_an_almost_even_picture_is_near_uniform(image: Image.Image) -> None:
    assert said(NearUniform(), image).startswith("The picture is almost empty")


@pytest.mark.parametrize("image", [scene(), with_square(32), cut_out(180), grainy(flat(), 48)])
def test_a_picture_with_a_small_thing_in_it_is_not_near_uniform(image: Image.Image) -> None:
    assert said(NearUniform(), image) == ""


def test_the_share_and_the_colour_of_a_near_uniform_picture_are_told() -> None:
    text = said(NearUniform(most=0.6), with_square(100, flat((10, 20, 30))))
    assert text == ("The picture is almost empty: 79.7% of it is nearly of the colour #0a141e; at most 60.0% may be of one colour.")


@pytest.mark.parametrize(
    ("spec", "passes"),
    [
        (WrongSize(width=256, height=192), True),
        (WrongSize(width=256, height=191), False),
        (WrongSize(width=192, height=256), False),
        (WrongSize(width=4, height=3, aspect_within=0.001), True),
        (WrongSize(width=260, height=192, aspect_within=0.02), True),
        (WrongSize(width=270, height=192, aspect_within=0.02), False),
        (WrongSize(width=192, height=256, aspect_within=0.5), False),
    ],
)
def test_a_size_is_wanted_exactly_or_in_proportion(spec: WrongSize, passes: bool) -> None:
    assert (said(spec, scene()) == "") == passes


def test_the_size_is_that_of_the_upright_picture() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    assert said(WrongSize(width=192, height=256), encoded(scene(), "JPEG", exif=exif)) == ""


@pytest.mark.parametrize(("rows", "passes"), [(0, False), (1, False), (2, True), (100, True)])
def test_a_cut_out_has_transparent_pixels(rows: int, passes: bool) -> None:
    assert (said(MissingAlpha(), cut_out(rows)) == "") == passes


def test_half_transparent_is_not_transparent() -> None:
    picture = scene().convert("RGBA")
    picture.putalpha(128)
    assert "no pixel of the picture is transparent" in said(MissingAlpha(), picture)
    picture.putalpha(127)
    assert said(MissingAlpha(), picture) == ""


@pytest.mark.parametrize(
    "image",
    [
        scene(),
        encoded(scene(), "JPEG", quality=30),
        encoded(scene(), "WEBP", quality=60),
        scene().resize((128, 96), Image.Resampling.LANCZOS),
        grainy(scene(), 24),
        brighter(scene(), 8),
    ],
)
def test_the_same_picture_written_otherwise_is_a_duplicate(image: Image.Image | bytes) -> None:
    text = said(NearDuplicate(), image, [png(scene(1)), png(scene())])
    assert text.startswith("The picture is nearly the same as number 2 of its 2 siblings")


@pytest.mark.parametrize(
    "image", [scene(1), with_square(10, scene()), scene().transpose(Image.Transpose.FLIP_LEFT_RIGHT), brighter(scene(), 16)]
)
def test_another_picture_is_no_duplicate(image: Image.Image) -> None:
    assert said(NearDuplicate(), image, [png(scene())]) == ""


def test_a_picture_alone_is_no_duplicate() -> None:
    assert said(NearDuplicate(), scene()) == ""


def mask(kept: str = "white", image_size: tuple[int, int] = SIZE) -> Image.Image:
    inside, outside = ("black", "white") if kept == "white" else ("white", "black")
    made = Image.new("RGB", image_size, outside)
    made.paste(inside, EDITED)
    return made


def edited(by: int = 0) -> Image.Image:
    """The scene with its edited part painted over, and that many pixels around it."""
    image = scene()
    image.paste((255, 0, 255), (EDITED[0] - by, EDITED[1] - by, EDITED[2] + by, EDITED[3] + by))
    return image


def outside(picture: Image.Image | bytes, spec: ChangeOutsideMask | None = None, area: bytes | None = None) -> str:
    data = picture if isinstance(picture, bytes) else png(picture)
    references = {"original": png(scene()), "mask": area or png(mask())}
    return "".join(check_picture([spec or ChangeOutsideMask(kept="white")], data, references=references, siblings=()))


@pytest.mark.parametrize(
    "picture",
    [
        edited(),
        edited(14),
        encoded(edited(), "JPEG", quality=50),
        edited().resize((512, 384), Image.Resampling.LANCZOS),
        edited().filter(ImageFilter.GaussianBlur(0.5)),
        brighter(edited(), 4),
    ],
)
def test_an_edit_within_its_mask_passes(picture: Image.Image | bytes) -> None:
    assert outside(picture) == ""


@pytest.mark.parametrize(
    "picture",
    [
        scene(1),
        edited(30),
        brighter(edited(), 14),
        ImageChops.offset(edited(), 8, 0),
        with_square(44, edited()),
        edited().convert("L"),
        edited().transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    ],
)
def test_a_change_outside_of_the_mask_is_found(picture: Image.Image) -> None:
    assert outside(picture).startswith("The picture changed outside of the edited part")


def test_the_mask_says_which_colour_is_kept() -> None:
    assert outside(edited(), ChangeOutsideMask(kept="black"), png(mask("black"))) == ""
    assert outside(edited(), ChangeOutsideMask(kept="black")).startswith("The picture changed outside")


def test_greys_of_a_mask_are_edited_and_its_size_does_not_matter() -> None:
    soft = mask().filter(ImageFilter.BoxBlur(30))
    assert outside(edited(30), area=png(soft)) == ""
    assert outside(edited(), area=encoded(mask(), "JPEG", quality=60)) == ""
    assert outside(edited(), area=png(mask().resize((128, 96), Image.Resampling.NEAREST))) == ""


def test_where_nothing_is_kept_nothing_can_have_changed() -> None:
    assert outside(scene(1), area=png(flat((0, 0, 0)))) == ""


def test_only_the_edited_part_of_a_cut_out_s_alpha_may_change() -> None:
    before = png(cut_out(20))
    gone = cut_out(40)
    spec = ChangeOutsideMask(kept="white")
    [text] = check_picture([spec], png(gone), references={"original": before, "mask": png(mask())}, siblings=())
    assert text.startswith("The picture changed outside")
    assert check_picture([spec], before, references={"original": before, "mask": png(mask())}, siblings=()) == []


def test_every_check_that_fails_says_so_in_its_order() -> None:
    specs = [MissingAlpha(), WrongSize(width=1, height=1), NearDuplicate(), Blank()]
    found = check_picture(specs, png(flat()), references={}, siblings=[png(flat())])
    assert [text.split()[:3] for text in found] == [
        ["The", "background", "is"],
        ["The", "picture", "has"],
        ["The", "picture", "is"],
        ["The", "picture", "is"],
    ]


def test_what_is_no_picture_passes_no_check_and_what_it_is_compared_with_must_be_one() -> None:
    [text] = check_picture([Blank(), MissingAlpha()], b"not a picture", references={}, siblings=())
    assert text.startswith("The picture cannot be opened: ")
    with pytest.raises(ImageRefused):
        check_picture([NearDuplicate()], png(scene()), references={}, siblings=[b"not a picture"])
    with pytest.raises(InvalidRequest, match="'mask', which is not there") as caught:
        check_picture([ChangeOutsideMask(kept="white")], png(scene()), references={"original": png(scene())}, siblings=())
    assert [problem.allowed for problem in caught.value.problems] == [["original"]]


def test_checks_run_in_a_child_process_and_its_errors_come_back() -> None:
    async def main() -> None:
        runner = StepRunner(1)
        try:
            specs = [Blank(), NearDuplicate()]
            found = await check_apart(runner, specs, png(flat()), references={}, siblings=[png(flat())])
            assert found == check_picture(specs, png(flat()), references={}, siblings=[png(flat())])
            assert runner.child_pids() not in ([], [os.getpid()])
            with pytest.raises(InvalidRequest, match="'original', which is not there"):
                await check_apart(runner, [ChangeOutsideMask(kept="white")], png(scene()), references={}, siblings=())
            with pytest.raises(ImageRefused):
                await check_apart(runner, specs, png(scene()), references={}, siblings=[b"not a picture"])
        finally:
            await runner.close()

    asyncio.run(main())
