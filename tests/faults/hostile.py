"""Files that are made to hurt whoever opens them: bombs, and pictures damaged in every way. Equal for equal seeds."""

from __future__ import annotations

import gzip
import random
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from PIL import Image

from tests.support.bodies import cut_out, encoded, mask, picture

__all__ = ["BOMBS", "BURDENS", "Mutant", "chunk", "claiming_png", "flat_png", "mutants", "png_with", "tiny_chunks"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes) -> bytes:
    """One chunk of a PNG with its checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def flat_png(width: int, height: int) -> bytes:
    """A whole black picture of one bit a pixel: the smallest file for its size."""
    packer, row = zlib.compressobj(9), bytes(1 + (width + 7) // 8)
    pixels = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    return _png_of(struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0), pixels)


def claiming_png(width: int, height: int) -> bytes:
    """A PNG that only says how large it is."""
    return _png_of(struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0), zlib.compress(bytes(100)))


def _png_of(header: bytes, pixels: bytes) -> bytes:
    return SIGNATURE + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def png_with(chunks: bytes) -> bytes:
    """A legal picture with more chunks behind its header."""
    legal = picture()
    return legal[:33] + chunks + legal[33:]


def tiny_chunks(count: int) -> bytes:
    """So many chunks that hold nothing."""
    return chunk(b"prVt", b"") * count


def _zeros(megabytes: int) -> bytes:
    return zlib.compress(bytes(megabytes * 1_000_000), 9)


def _jpeg_with(segments: bytes) -> bytes:
    legal = picture(file_format="JPEG")
    return legal[:2] + segments + legal[2:]


def _segment(marker: int, data: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data


def _jpeg_claiming(width: int, height: int) -> bytes:
    data = bytearray(picture(64, 64, file_format="JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def _progressive(width: int, height: int) -> bytes:
    return encoded(Image.linear_gradient("L").resize((width, height)).convert("RGB"), "JPEG", progressive=True)


def _scans(more: int) -> bytes:
    data = encoded(Image.new("RGB", (5792, 5792)), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * more + data[-2:]


def _photoshop() -> bytes:
    resource = b"8BIM" + struct.pack(">H", 1) + bytes(6)
    return _jpeg_with(_segment(0xED, b"Photoshop 3.0\0" + resource * 5400) * 370)


def _gif(frames: int) -> bytes:
    one = b",\0\0\0\0\1\0\1\0\0\2\2D\1\0"
    return b"GIF89a\1\0\1\0\x80\0\0\0\0\0\xff\xff\xff" + one * frames + b";"


def _animated_png(frames: int) -> bytes:
    image = chunk(b"acTL", struct.pack(">II", frames, 0))
    pixel = zlib.compress(bytes(2))
    later = [
        chunk(b"fcTL", struct.pack(">IIIIIHHBB", 2 * n, 1, 1, 0, 0, 1, 1, 0, 0))
        + chunk(b"fdAT", struct.pack(">I", 2 * n + 1) + pixel)
        for n in range(frames)
    ]
    return png_with(image)[:-12] + b"".join(later) + chunk(b"IEND", b"")


def _animated_webp(frames: int) -> bytes:
    whole = encoded(Image.new("RGB", (16, 16)), "WEBP", save_all=True, append_images=[Image.new("RGB", (16, 16), "red")])
    at = whole.rindex(b"ANMF")
    size = 8 + int.from_bytes(whole[at + 4 : at + 8], "little")
    body = whole[:at] + whole[at : at + size] * frames
    return body[:4] + struct.pack("<I", len(body) - 8) + body[8:]


def _webp_claiming() -> bytes:
    canvas = b"VP8X" + struct.pack("<I", 10) + bytes(4) + b"\xff\xff\xff" * 2
    return b"RIFF" + struct.pack("<I", 22) + b"WEBP" + canvas


def _tiff() -> bytes:
    tags = ((256, 4, 1, 1_000_000), (257, 4, 1, 1_000_000), (258, 3, 1, 8), (259, 3, 1, 5), (273, 4, 1, 8), (279, 4, 1, 9))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags) + bytes(4)


def _svg() -> bytes:
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    return f'<!DOCTYPE svg [<!ENTITY l0 "lol">{levels}]><svg xmlns="http://www.w3.org/2000/svg"><text>&l9;</text></svg>'.encode()


def _icon() -> bytes:
    inside = flat_png(16_000, 16_000)
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 0, 0, 0, 0, 1, 32, len(inside), 22) + inside


def _fits() -> bytes:
    cards = ("SIMPLE  =                    T", "BITPIX  =                    8", "NAXIS   =                    2")
    sides = ("NAXIS1  =                16000", "NAXIS2  =                16000", "END")
    return gzip.compress("".join(card.ljust(80) for card in (*cards, *sides)).ljust(2880).encode() + bytes(256_000_000), 1)


def _shared_exif(tags: int, size: int) -> bytes:
    """Metadata in which all tags have the same bytes for their value: unfolded it would be `tags` times as long."""
    rows = b"".join(struct.pack("<HHII", number + 1, 7, size, 8) for number in range(tags))
    data = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", tags) + rows + bytes(4)
    return data + bytes(max(0, size + 8 - len(data)))


def _exif_text(tags: int, size: int) -> bytes:
    """The same as hex digits in a packed text of a PNG."""
    return b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n  9\n" + _shared_exif(tags, size).hex().encode())


BOMBS: Mapping[str, tuple[Callable[[], bytes], str]] = {
    "a PNG of 16,000 x 16,000": (lambda: flat_png(16_000, 16_000), "16000x16000 pixels; at most 33,554,432 pixels"),
    "a PNG strip of 1,000,000 x 1": (lambda: flat_png(1_000_000, 1), "1000000x1 pixels; at most"),
    "a PNG that claims 4 G x 4 G": (lambda: claiming_png(2**32 - 1, 2**32 - 1), "4294967295x4294967295 pixels; at most"),
    "a PNG with a colour profile of 100 MB": (
        lambda: png_with(chunk(b"iCCP", b"x\0\0" + _zeros(100))),
        "iCCP chunk unpacks to more than 1,000,000 bytes",
    ),
    "a PNG with a text of 300 MB": (
        lambda: png_with(chunk(b"zTXt", b"x\0\0" + _zeros(300))),
        "zTXt chunk unpacks to more than 1,000,000 bytes",
    ),
    "a PNG with international text of 100 MB": (
        lambda: png_with(chunk(b"iTXt", b"x\0\1\0\0\0" + _zeros(100))),
        "iTXt chunk unpacks to more than 1,000,000 bytes",
    ),
    "a PNG with 1,000 texts": (
        lambda: png_with(chunk(b"zTXt", b"x\0\0" + _zeros(1)) * 1000),
        "texts unpack to more than 16,000,000",
    ),
    "a PNG of 2,000,000 chunks": (lambda: png_with(tiny_chunks(2_000_000)), "more than 10,000 chunks"),
    "an animated PNG of 4,900 frames": (lambda: _animated_png(4_900), "is animated"),
    "a JPEG that claims 65,535 x 65,535": (lambda: _jpeg_claiming(65_535, 65_535), "65535x65535 pixels; at most"),
    "a JPEG of 400 empty scans": (lambda: _scans(400), "more than 14 scans"),
    "a JPEG of 6,000,000 segments": (lambda: _jpeg_with(_segment(0xFE, b"") * 6_000_000), "more than 500 segments"),
    "a JPEG with 2,000,000 resources": (_photoshop, "more than 4,000,000 bytes of metadata"),
    "a PNG with 60,000 EXIF tags": (
        lambda: png_with(chunk(b"eXIf", _shared_exif(60_000, 1_000_000))),
        "60,000 tags; at most 1,000",
    ),
    "a JPEG with 5,000 EXIF tags": (lambda: _jpeg_with(_segment(0xE1, b"Exif\0\0" + _shared_exif(5_000, 64_000))), "5,000 tags"),
    "a PNG with 2,000 EXIF tags as text": (lambda: png_with(chunk(b"zTXt", _exif_text(2_000, 200_000))), "2,000 tags"),
    "a JPEG with 20 MB of fill bytes": (lambda: _jpeg_with(b"\xff" * 20_000_000), "more than 100 fill bytes in a row"),
    "half of a progressive JPEG": (lambda: _progressive(4000, 4000)[: len(_progressive(4000, 4000)) // 2], "damaged or cut off"),
    "a WebP that claims 16 M x 16 M": (_webp_claiming, "16777216x16777216 pixels; at most"),
    "an animated WebP of 20,000 frames": (lambda: _animated_webp(20_000), "is animated"),
    "a GIF of 100,000 frames": (lambda: _gif(100_000), "neither a PNG nor a JPEG nor a WebP"),
    "a TIFF": (_tiff, "neither a PNG nor a JPEG nor a WebP"),
    "a Photoshop file": (
        lambda: b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 300_000, 300_000, 8, 3) + bytes(12),
        "neither a PNG",
    ),
    "an SVG that unfolds to 1 G words": (_svg, "neither a PNG nor a JPEG nor a WebP"),
    "an icon with a bomb in it": (_icon, "neither a PNG nor a JPEG nor a WebP"),
    "a packed FITS file": (_fits, "neither a PNG nor a JPEG nor a WebP"),
    "a file of 26 MB": (lambda: picture() + bytes(26_000_000), "at most 25,000,000 are accepted"),
}
"""Bombs by what they are: how each is made, and a part of the sentence that it must be refused with."""


BURDENS: Mapping[str, Callable[[], bytes]] = {
    "EXIF in which 1,000 tags share 15 MB": lambda: png_with(chunk(b"eXIf", _shared_exif(1_000, 15_000_000))),
    "9,900 chunks": lambda: png_with(tiny_chunks(9_900)),
    "490 segments of 8 kB": lambda: _jpeg_with(_segment(0xE1, b"Exif\0\0" + bytes(8_000)) * 490),
    "14 scans of the largest size": lambda: _scans(4),
    "the largest size": lambda: flat_png(5_792, 5_792),
}
"""Pictures that are accepted, and are as heavy as any that is."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A damaged file and what was done to it."""

    damage: str
    data: bytes


def mutants(seed: int, count: int) -> Iterator[Mutant]:
    """Damaged files, all kinds of damage in turn. Truncations walk through the file in steps of 1 %."""
    draw = random.Random(seed)
    sources = [picture(96, 64, mode, kind) for kind in ("PNG", "JPEG", "WEBP") for mode in ("RGB", "L")]
    sources += [cut_out(96, 64), mask(96, 64), _progressive(96, 64), encoded(Image.new("P", (96, 64)), "PNG", transparency=0)]
    kinds = list(DAMAGES.items())
    for number in range(count):
        name, damage = kinds[number % len(kinds)]
        source = sources[number // len(kinds) % len(sources)]
        yield Mutant(name, damage(source, draw, number // len(kinds)))


def _flipped(data: bytes, draw: random.Random, _: int) -> bytes:
    changed = bytearray(data)
    for _bit in range(draw.choice((1, 2, 8, 64))):
        changed[draw.randrange(len(changed))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _swapped(data: bytes, draw: random.Random, _: int) -> bytes:
    first, second = sorted(draw.sample(range(8, len(data) - 1), 2))
    length = draw.randrange(1, 80)
    middle = data[first + length : second]
    return data[:first] + data[second : second + length] + middle + data[first : first + length] + data[second + length :]


def _polyglot(data: bytes, draw: random.Random, _: int) -> bytes:
    other = draw.choice((b"%PDF-1.7\n", b"PK\3\4", b"<html><script>alert(1)</script>", b"GIF89a", b"MZ", b"#!/bin/sh\n"))
    return draw.choice((other + data, data + other, data[:20] + other + data[20:]))


def _misnamed(data: bytes, draw: random.Random, _: int) -> bytes:
    start = draw.choice((SIGNATURE, b"\xff\xd8\xff\xe0", b"RIFF\x40\0\0\0WEBPVP8 ", b"RIFF\x40\0\0\0WEBPVP8L"))
    return start + data[draw.randrange(len(start) + 1) :]


def _numbered(data: bytes, draw: random.Random, _: int) -> bytes:
    at = draw.randrange(min(len(data) - 4, 100))
    return data[:at] + draw.choice((b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\x80\0\0\0")) + data[at + 4 :]


DAMAGES: Mapping[str, Callable[[bytes, random.Random, int], bytes]] = {
    "cut off": lambda data, _, step: data[: len(data) * (step * 7 % 100) // 100],
    "flipped bits": _flipped,
    "swapped parts": _swapped,
    "two formats in one": _polyglot,
    "another format's beginning": _misnamed,
    "wrong numbers": _numbered,
    "zeros": lambda data, draw, _: data[: (at := draw.randrange(len(data)))] + bytes(len(data) - at),
    "noise": lambda _, draw, __: draw.choice((b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")) + draw.randbytes(draw.randrange(400)),
}
