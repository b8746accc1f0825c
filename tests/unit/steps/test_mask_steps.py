"""Masks from colours, grown and feathered; pictures on a canvas and on a sheet; the best of several."""

from __future__ import annotations

import pytest
from PIL import Image, ImageChops

from darkroom_shared.contract.steps import Canvas, ContactSheet, Feather, Grow, MaskFromColor, Select
from darkroom_shared.core.errors import ImageRefused, InvalidRequest
from darkroom_worker.steps import run_step
from darkroom_worker.steps.select import chosen, parsed
from tests.unit.steps.pictures import decoded, noise, png

RED, BLUE, BLACK, WHITE = (255, 0, 0), (0, 0, 255), (0, 0, 0), (255, 255, 255)


def dot(size: int = 201, at: int = 100, part: tuple[int, int, int] = WHITE, rest: tuple[int, int, int] = BLACK) -> Image.Image:
    image = Image.new("RGB", (size, size), rest)
    image.putpixel((at, at), part)
    return image


def test_a_mask_is_made_of_colours_and_of_what_is_near_them() -> None:
    image = Image.new("RGB", (4, 1))
    for x, colour in enumerate([(10, 200, 10), (30, 190, 20), (60, 200, 10), (255, 0, 0)]):
        image.putpixel((x, 0), colour)
    [data] = run_step(MaskFromColor(colors=["#0ac80a", "#ff0000"], tolerance=20, subject="black"), [png(image)])
    made = decoded(data)
    assert [made.getpixel((x, 0)) for x in range(4)] == [BLACK, BLACK, WHITE, BLACK]


def test_a_transparent_pixel_has_no_colour() -> None:
    image = Image.new("RGBA", (2, 1), (255, 0, 0, 255))
    image.putpixel((0, 0), (255, 0, 0, 0))
    [data] = run_step(MaskFromColor(colors="#ff0000", subject="white"), [png(image)])
    assert [decoded(data).getpixel((x, 0)) for x in range(2)] == [BLACK, WHITE]


@pytest.mark.parametrize("pixels", [1, 2, 59, 60, 61, 90])
@pytest.mark.parametrize("part", ["black", "white"])
def test_one_pixel_grows_into_a_square(pixels: int, part: str) -> None:
    image = dot(part=WHITE, rest=BLACK) if part == "white" else dot(part=BLACK, rest=WHITE)
    [data] = run_step(Grow(part="white" if part == "white" else "black", pixels=pixels), [png(image)])
    grown = decoded(data).convert("L").point(lambda value: value if part == "white" else 255 - value)
    assert grown.getbbox() == (100 - pixels, 100 - pixels, 101 + pixels, 101 + pixels)
    assert grown.crop(grown.getbbox()).getextrema() == (255, 255)


def test_growing_one_part_undoes_what_growing_the_other_did_to_a_large_area() -> None:
    image = Image.new("RGB", (80, 80), BLACK)
    image.paste(WHITE, (20, 20, 60, 60))
    [larger] = run_step(Grow(part="white", pixels=7), [png(image)])
    [same] = run_step(Grow(part="black", pixels=7), [larger])
    assert decoded(same).tobytes() == image.tobytes()


def test_a_feathered_edge_passes_evenly_from_black_to_white() -> None:
    image = Image.new("RGB", (100, 10), BLACK)
    image.paste(WHITE, (50, 0, 100, 10))
    [data] = run_step(Feather(radius=10), [png(image)])
    row = [pixel[0] for pixel in (decoded(data).getpixel((x, 5)) for x in range(100)) if isinstance(pixel, tuple)]
    assert (row[35], row[64]) == (0, 255)
    assert row == sorted(row)
    assert row[49] < 128 <= row[50] + 1
    assert 15 <= len([value for value in row if 0 < value < 255]) <= 25


def test_a_mask_with_transparent_pixels_is_neither_grown_nor_feathered() -> None:
    clear = png(Image.new("RGBA", (8, 8)))
    for spec in (Grow(part="black", pixels=1), Feather(radius=1)):
        with pytest.raises(InvalidRequest, match="neither black nor white"):
            run_step(spec, [clear])


@pytest.mark.parametrize(
    ("place", "box"),
    [("center", (3, 2, 7, 4)), ("top", (3, 0, 7, 2)), ("bottom", (3, 4, 7, 6)), ("left", (0, 2, 4, 4)), ("right", (6, 2, 10, 4))],
)
def test_a_picture_lies_on_its_canvas_where_it_was_put(place: str, box: tuple[int, int, int, int]) -> None:
    spec = Canvas.model_validate({"kind": "canvas", "width": 10, "height": 6, "place": place, "background": "#0000ff"})
    canvas, mask = map(decoded, run_step(spec, [png(Image.new("RGB", (4, 2), RED))]))
    assert mask.convert("L").point(lambda value: 255 - value).getbbox() == box
    assert canvas.crop(box).getcolors() == [(8, RED)]
    assert canvas.size == (10, 6)
    assert (60 - 8, BLUE) in (canvas.getcolors() or [])


def test_what_does_not_fit_onto_a_canvas_is_cut_off() -> None:
    image = noise(20, 20)
    canvas, mask = map(decoded, run_step(Canvas(width=10, height=30), [png(image)]))
    assert canvas.crop((0, 5, 10, 25)).tobytes() == image.crop((5, 0, 15, 20)).tobytes()
    assert mask.convert("L").getbbox() == (0, 0, 10, 30)


def test_a_sheet_has_a_cell_for_every_picture() -> None:
    pictures = [png(Image.new("RGB", (40, 20), colour)) for colour in (RED, BLUE, BLACK)]
    [data] = run_step(ContactSheet(cell=20, gap=2, background="#ffffff"), pictures)
    sheet = decoded(data)
    assert sheet.size == (46, 46)
    centres = [(12, 12), (34, 12), (12, 34), (34, 34)]
    assert [sheet.getpixel(at) for at in centres] == [RED, BLUE, BLACK, WHITE]
    assert sheet.getpixel((12, 4)) == WHITE, "a flat picture leaves room above it"
    [row] = run_step(ContactSheet(cell=20, gap=0, columns=3), pictures)
    assert decoded(row).size == (60, 20)


def test_a_sheet_does_not_enlarge_a_small_picture() -> None:
    [data] = run_step(ContactSheet(cell=64, gap=0), [png(Image.new("RGB", (10, 10), RED))])
    assert sorted(decoded(data).getcolors() or []) == [(100, RED), (64 * 64 - 100, WHITE)]


def test_the_cells_of_a_sheet_are_numbered_on_request() -> None:
    pictures = [png(Image.new("RGB", (300, 300), RED))] * 12
    [plain], [numbered] = (run_step(ContactSheet(cell=110, gap=0, columns=12, numbers=told), pictures) for told in (False, True))
    changed = ImageChops.difference(decoded(plain), decoded(numbered)).convert("L").point(lambda value: 255 if value else 0)
    widths = [(changed.crop((x, 0, x + 110, 110)).getbbox() or (0, 0, 0, 0)) for x in range(0, 12 * 110, 110)]
    assert widths == [(0, 0, 10, 13)] * 9 + [(0, 0, 16, 13)] * 3
    cells = {decoded(numbered).crop((x, 0, x + 10, 13)).tobytes() for x in range(0, 9 * 110, 110)}
    assert len(cells) == 9, "each digit looks different"
    [large] = run_step(ContactSheet(cell=220, gap=0, numbers=True), pictures[:1])
    assert decoded(large).crop((0, 0, 20, 26)).resize((10, 13), Image.Resampling.NEAREST).tobytes() in cells


ANSWERS = [{"score": 3}, {"score": 9.5}, None, {"score": "high"}, {"score": 9.5}, {"other": 1}, {"score": 7}]


@pytest.mark.parametrize(
    ("keep", "at_least", "kept"), [(1, None, [1]), (3, None, [1, 4, 6]), (7, None, [1, 4, 6, 0]), (7, 7, [1, 4, 6]), (1, 10, [])]
)
def test_the_best_of_several_is_kept_and_the_earlier_of_equals(keep: int, at_least: float | None, kept: list[int]) -> None:
    assert chosen(Select(by="/score", keep=keep, at_least=at_least), ANSWERS) == kept


def test_a_boolean_chooses_those_for_which_it_is_true() -> None:
    answers = [{"verdict": {"ok": False}}, {"verdict": {"ok": True}}, {"verdict": {"ok": True}}, {"verdict": None}]
    assert chosen(Select(by="/verdict/ok", keep=4), answers) == [1, 2]


@pytest.mark.parametrize(
    "answer",
    [b"The first is best.", b'{"score": 1e999}', b'{"score": ' + b"9" * 400 + b"}", b"[" * 9000 + b"]" * 9000, b'{"score": NaN}'],
)
def test_an_answer_that_cannot_be_compared_does_not_count(answer: bytes) -> None:
    assert chosen(Select(by="/score"), [parsed(answer), parsed(b'{"score": -1}')]) == [1]


def test_a_path_into_a_list_counts_in_digits_only() -> None:
    answers = [parsed(b'{"scores": [1, 5]}'), parsed(b'{"scores": [2, 4]}')]
    assert [chosen(Select(by=f"/scores/{at}"), answers) for at in ("0", "1", "\u00b2")] == [[1], [0], []]


def test_nothing_is_chosen_without_answers() -> None:
    with pytest.raises(ImageRefused, match="needs an answer about each of the 2 pictures"):
        run_step(Select(by="/score"), [png(noise(4, 4)), png(noise(4, 4))])
    with pytest.raises(InvalidRequest, match="3 of 2 pictures cannot be kept"):
        run_step(Select(by="/score", keep=3), [png(noise(4, 4)), png(noise(4, 4))])
