"""Bytes from outside are either a picture with facts or refused with a sentence, whatever they are."""

from __future__ import annotations

import io
import random
import struct
import threading
import zlib
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import pytest
from PIL import Image

from darkroom_shared.core.errors import ImageRefused
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.images import Measure, OpenLimits, inspect, measure, upright
from tests.support.bodies import cut_out, encoded, grey_mask, mask, picture

FORMATS = ("PNG", "JPEG", "WEBP")
ORIENTATION = 0x0112


def _oriented(orientation: int, file_format: str = "JPEG") -> bytes:
    """A picture of 64x32 pixels, left half black, that a viewer should turn."""
    image = Image.new("RGB", (64, 32), "white")
    image.paste((0, 0, 0), (0, 0, 32, 32))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return encoded(image, file_format, exif=exif)


def _refusal(data: bytes) -> str:
    with pytest.raises(ImageRefused) as refused:
        inspect(data)
    return str(refused.value)


def test_the_facts_of_a_picture() -> None:
    data = picture(320, 200)

    assert inspect(data) == ImageFacts(
        width=320,
        height=200,
        format="PNG",
        mode="RGB",
        size_bytes=len(data),
        bits_per_channel=8,
        transparent=False,
        black_and_white=None,
    )


@pytest.mark.parametrize(
    ("mode", "file_format", "bits"),
    [
        ("1", "PNG", 1),
        ("L", "PNG", 8),
        ("LA", "PNG", 8),
        ("RGBA", "PNG", 8),
        ("I;16", "PNG", 16),
        ("L", "JPEG", 8),
        ("RGB", "JPEG", 8),
        ("CMYK", "JPEG", 8),
        ("RGBA", "WEBP", 8),
        ("RGB", "WEBP", 8),
    ],
)
def test_mode_and_depth_are_those_of_the_file(mode: str, file_format: str, bits: int) -> None:
    facts = inspect(encoded(Image.new(mode, (24, 16)), file_format))

    assert (facts.mode, facts.format, facts.bits_per_channel) == (mode, file_format, bits)
    assert (facts.width, facts.height) == (24, 16)


def test_sixteen_bit_colour_is_seen_though_the_decoder_hides_it() -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress((b"\0" + bytes(6 * 20)) * 10)
    header = struct.pack(">IIBBBBB", 20, 10, 16, 2, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")

    assert inspect(data).bits_per_channel == 16


@pytest.mark.parametrize(
    "data", [cut_out(), encoded(Image.new("P", (8, 8)), "PNG", transparency=0), encoded(Image.new("LA", (8, 8)))]
)
def test_a_transparent_pixel_is_found_in_every_kind_of_transparency(data: bytes) -> None:
    assert inspect(data).transparent


def test_one_translucent_pixel_is_enough() -> None:
    image = Image.new("RGBA", (50, 50), (9, 9, 9, 255))
    assert not inspect(encoded(image)).transparent

    image.putpixel((49, 49), (9, 9, 9, 254))
    assert inspect(encoded(image)).transparent


@pytest.mark.parametrize("file_format", FORMATS)
def test_measuring_gives_the_size_without_decoding(file_format: str) -> None:
    data = picture(320, 200, file_format=file_format)

    assert measure(data) == Measure(inspect(data).format, 320, 200)
    with pytest.raises(ImageRefused):
        measure(data[:-5])


def test_only_masks_are_looked_at_for_black_and_white() -> None:
    assert inspect(mask()).black_and_white is None
    assert inspect(mask(), mask=True).black_and_white is True
    assert inspect(grey_mask(), mask=True).black_and_white is False
    assert inspect(picture(), mask=True).black_and_white is False


def test_a_red_mask_is_not_black_and_white() -> None:
    assert inspect(encoded(Image.new("RGB", (8, 8), (255, 0, 0))), mask=True).black_and_white is False


@pytest.mark.parametrize("value", [0x00FF, 0xFF00, 0x7F7F])
def test_a_grey_of_sixteen_bits_is_not_taken_for_black_or_white(value: int) -> None:
    assert inspect(encoded(Image.new("I;16", (8, 8), value)), mask=True).black_and_white is False
    assert inspect(encoded(Image.new("I;16", (8, 8), 0xFFFF)), mask=True).black_and_white is True


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", FORMATS)
def test_the_size_is_that_of_the_upright_picture(orientation: int, file_format: str) -> None:
    facts = inspect(_oriented(orientation, file_format))

    assert (facts.width, facts.height) == ((64, 32) if orientation < 5 else (32, 64))


@pytest.mark.parametrize("file_format", FORMATS)
def test_upright_turns_the_pixels_and_forgets_the_orientation(file_format: str) -> None:
    turned = upright(_oriented(6, file_format))  # 6: the left half is shown on top

    image = Image.open(io.BytesIO(turned))
    assert image.format == file_format
    assert image.size == (32, 64)
    assert ORIENTATION not in image.getexif()
    pixels = image.convert("L")
    assert [pixels.getpixel((16, 4)), pixels.getpixel((16, 60))] == [0, 255]
    assert upright(turned) == turned


def test_a_turned_mask_stays_pure_black_and_white() -> None:
    assert inspect(upright(_oriented(6), mask=True), mask=True).black_and_white is True


def test_a_picture_with_nothing_to_turn_comes_back_byte_for_byte() -> None:
    for data in (picture(), cut_out(), _oriented(1), picture(file_format="WEBP")):
        assert upright(data) is data


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data:UserWarning")  # Pillow says so, and goes on
def test_damaged_metadata_does_not_spoil_a_picture() -> None:
    data = encoded(Image.new("RGB", (16, 16)), "JPEG", exif=b"Exif\0\0MM\0\x2a\xff\xff\xff\xff")

    assert inspect(data).width == 16
    assert upright(data) is data


@pytest.mark.parametrize("file_format", ["PNG", "WEBP"])
def test_animated_pictures_are_refused(file_format: str) -> None:
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "green")]

    assert "animated" in _refusal(encoded(frames[0], file_format, save_all=True, append_images=frames[1:]))


def test_a_photograph_with_a_second_picture_behind_it_is_still_one_picture() -> None:
    shots = [Image.new("RGB", (64, 32), color) for color in ("red", "green")]
    several = encoded(shots[0], "MPO", save_all=True, append_images=shots[1:])

    facts = inspect(several + b"ftypmp42\xff\xda\xff\xda film")
    assert (facts.format, facts.width, facts.height) == ("JPEG", 64, 32)


@pytest.mark.parametrize(
    "data",
    [b"", b"GIF89a\x01\x00\x01\x00", b"BM" + bytes(60), b"hello", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\0\0\0\0WEBP"],
)
def test_anything_else_is_refused(data: bytes) -> None:
    assert _refusal(data)


@pytest.mark.parametrize("file_format", FORMATS)
@pytest.mark.parametrize("missing", [1, 2, 5, 12, 40, 300])
def test_a_file_that_lacks_its_end_is_refused(file_format: str, missing: int) -> None:
    assert _refusal(picture(200, 200, file_format=file_format)[:-missing])


def _png_claiming(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


def _webp_claiming(width: int, height: int) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + sides


def _jpeg_claiming(width: int, height: int) -> bytes:
    data = bytearray(encoded(Image.new("RGB", (8, 8)), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


@pytest.mark.parametrize("bomb", [_png_claiming(60_000, 60_000), _webp_claiming(16_000, 16_000), _jpeg_claiming(60_000, 60_000)])
def test_a_decompression_bomb_is_refused_by_its_header(bomb: bytes) -> None:
    assert "pixels" in _refusal(bomb)


def test_a_second_header_cannot_smuggle_in_a_larger_size() -> None:
    small, large = picture(16, 16), _png_claiming(9_000, 9_000)

    assert _refusal(small[:33] + large[8:] + small[33:])


def test_a_picture_of_no_extent_is_refused() -> None:
    assert "0x5" in _refusal(_png_claiming(0, 5))


def test_a_jpeg_of_endless_scans_is_refused() -> None:
    large, small = (picture(side, side, file_format="JPEG") for side in (2048, 64))

    assert "scans" in _refusal(large[:-2] + b"\xff\xda\0\x08" * 300 + large[-2:])
    assert "segments" in _refusal(small[:-2] + b"\xff\xda\0\x08" * 600 + small[-2:])


@pytest.mark.parametrize(
    "limits",
    [OpenLimits(max_bytes=100), OpenLimits(max_pixels=199 * 200), OpenLimits(max_side=199)],
    ids=["bytes", "pixels", "side"],
)
def test_the_limits_are_the_callers(limits: OpenLimits) -> None:
    with pytest.raises(ImageRefused):
        inspect(picture(200, 200), limits=limits)
    with pytest.raises(ImageRefused):
        upright(picture(200, 200), limits=limits)


def _flip(data: bytearray, draw: random.Random) -> None:
    for _ in range(draw.choice((1, 3, 30))):
        data[draw.randrange(len(data))] = draw.randrange(256)


def _cut(data: bytearray, draw: random.Random) -> None:
    del data[draw.randrange(len(data)) :]


def _swap_blocks(data: bytearray, draw: random.Random) -> None:
    a, b, size = draw.randrange(len(data)), draw.randrange(len(data)), draw.randrange(1, 64)
    data[a : a + size], data[b : b + size] = data[b : b + size], data[a : a + size]


def _insert(data: bytearray, draw: random.Random) -> None:
    at = draw.randrange(len(data))
    data[at:at] = draw.randbytes(draw.randrange(1, 40))


def _big_number(data: bytearray, draw: random.Random) -> None:
    at = draw.randrange(min(len(data) - 4, 80))
    data[at : at + 4] = draw.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff"))


DAMAGES: tuple[Callable[[bytearray, random.Random], None], ...] = (_flip, _cut, _swap_blocks, _insert, _big_number)


def test_damaged_files_give_facts_or_a_refusal_and_never_another_error() -> None:
    draw = random.Random(20261121)
    exif = _oriented(6)
    sources = [picture(48, 32, mode, file_format) for file_format in FORMATS for mode in ("RGB", "L")]
    sources += [
        cut_out(48, 32),
        exif,
        encoded(Image.new("P", (48, 32)), "PNG", transparency=0),
        encoded(Image.new("I;16", (48, 32))),
    ]
    outcomes: Counter[str] = Counter()
    sentences: set[str] = set()
    for number in range(900):
        data = bytearray(draw.choice(sources))
        DAMAGES[number % len(DAMAGES)](data, draw)
        for look in (measure, upright):
            with suppress(ImageRefused):
                look(bytes(data))
        try:
            inspect(bytes(data), mask=bool(number % 2))
            outcomes["opened"] += 1
        except ImageRefused as refused:
            sentences.add(str(refused))
            outcomes["refused"] += 1

    assert all(sentence.endswith(".") for sentence in sentences)
    assert outcomes["refused"] > 300
    assert outcomes["opened"] > 20


def test_many_threads_may_open_pictures_at_once() -> None:
    data, bomb, wrong = picture(), _png_claiming(60_000, 60_000), list[object]()

    def work() -> None:
        for _ in range(20):
            if inspect(data).width != 512:
                wrong.append("size")
            try:
                inspect(bomb)
                wrong.append("bomb")
            except ImageRefused:
                continue

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
