"""The canned engine: prepared pictures of the right size and kind, for tests and benchmarks that must not wait for a CPU.

A picture is built once per size and kind. What differs from request to request is a small text chunk at its end, so that equal
requests give equal bytes and others do not; base64 and SHA-256 of the long first part are kept.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import struct
import zlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast

import orjson
import pybase64
from PIL import Image, ImageDraw, ImageOps

from darkroom_worker.local_bedrock.pictures import Pictures, Request

Kind = Literal["picture", "cut-out", "mask"]

DEFAULT_SIZE = (1024, 1024)
_KEPT = 64
_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
_SUBJECT = {
    "INPAINTING": "/inPaintingParams/image",
    "OUTPAINTING": "/outPaintingParams/image",
    "BACKGROUND_REMOVAL": "/backgroundRemovalParams/image",
    "VIRTUAL_TRY_ON": "/virtualTryOnParams/sourceImage",
}
_RETURN_MASK = ("inPaintingParams", "outPaintingParams", "virtualTryOnParams")


@dataclass(frozen=True, slots=True)
class Prepared:
    """The first part of a PNG, cut at a multiple of three bytes so that base64 can be joined.

    Attributes:
        encoded: its base64.
        digest: tells the SHA-256, in hex, of the first part and a given end.
    """

    encoded: bytes
    digest: Callable[[bytes], str]


class CannedEngine:
    """See the module. Needs no processes and hardly any time after the first picture of a size."""

    name = "canned"

    def __init__(self) -> None:
        self._prepared: OrderedDict[tuple[int, int, Kind], asyncio.Task[Prepared]] = OrderedDict()

    async def start(self) -> None:
        """Prepares the most usual picture."""
        await self._prepare((*DEFAULT_SIZE, "picture"))

    async def stop(self) -> None:
        """There is nothing to stop."""

    async def draw(self, request: Request) -> Pictures:
        """See PictureEngine."""
        width, height = output_size(request)
        kind: Kind = "cut-out" if request.task_type == "BACKGROUND_REMOVAL" else "picture"
        prepared = await self._prepare((width, height, kind))
        stamp = _stamp(request)
        drawn = [finish(prepared, f"{stamp} {index}") for index in range(request.count)]
        mask = None
        if _wants_mask(request):
            mask = finish(await self._prepare((width, height, "mask")), stamp)[0]
        return Pictures(tuple(encoded for encoded, _ in drawn), tuple(digest for _, digest in drawn), mask)

    async def _prepare(self, key: tuple[int, int, Kind]) -> Prepared:
        # The task is kept, not its result: a crowd that asks for a new size at once waits for one picture, not for one each.
        task = self._prepared.get(key)
        if task is None:
            task = asyncio.ensure_future(asyncio.to_thread(prepare, *key))
            self._prepared[key] = task
            if len(self._prepared) > _KEPT:
                self._prepared.popitem(last=False)
        return await asyncio.shield(task)


def output_size(request: Request) -> tuple[int, int]:
    """Width and height of the answer in pixels: an edit keeps its input's, everything else is told or 1024x1024."""
    subject = request.facts.get(_SUBJECT.get(request.task_type, ""))
    if subject is not None:
        return subject.width, subject.height
    config = request.body.get("imageGenerationConfig")
    if not isinstance(config, dict):
        return DEFAULT_SIZE
    told = cast("dict[str, object]", config)
    width, height = told.get("width", DEFAULT_SIZE[0]), told.get("height", DEFAULT_SIZE[1])
    return (width, height) if isinstance(width, int) and isinstance(height, int) else DEFAULT_SIZE


def _wants_mask(request: Request) -> bool:
    return any(
        isinstance(params := request.body.get(name), dict) and cast("dict[str, object]", params).get("returnMask") is True
        for name in _RETURN_MASK
    )


def _stamp(request: Request) -> str:
    """Equal for equal requests; key order does not count."""
    body = orjson.dumps(request.body, option=orjson.OPT_SORT_KEYS)
    return f"{request.model_id} {hashlib.sha256(body).hexdigest()[:32]}"


def prepare(width: int, height: int, kind: Kind) -> Prepared:
    """Draws the picture and encodes all of it but the end."""
    png = io.BytesIO()
    _paint(width, height, kind).save(png, "PNG", compress_level=6)
    start = png.getvalue()[: -len(_END)]
    label = b"Comment\x00LOCAL PREVIEW - canned picture, no model made it"
    start += _chunk(b"tEXt", label + b"." * (-(len(start) + 12 + len(label)) % 3))
    running = hashlib.sha256(start)

    def digest(end: bytes) -> str:
        whole = running.copy()
        whole.update(end)
        return whole.hexdigest()

    return Prepared(pybase64.b64encode(start), digest)


def finish(prepared: Prepared, stamp: str) -> tuple[bytes, str]:
    """The whole picture with this stamp in it: its base64, and the SHA-256 of its bytes in hex."""
    end = _chunk(b"tEXt", b"darkroom\x00" + stamp.encode("latin-1")) + _END
    return prepared.encoded + pybase64.b64encode(end), prepared.digest(end)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _paint(width: int, height: int, kind: Kind) -> Image.Image:
    oval = Image.new("L", (width, height), 0)
    ImageDraw.Draw(oval).ellipse((width // 8, height // 8, width * 7 // 8, height * 7 // 8), fill=255)
    if kind == "mask":
        return ImageOps.invert(oval).convert("RGB")
    sky = ImageOps.colorize(Image.linear_gradient("L").resize((width, height)), "#27406b", "#f2b279")
    sun = ImageOps.colorize(Image.linear_gradient("L").resize((width, height)), "#ffe9b8", "#d9653b")
    picture = Image.composite(sun, sky, oval)
    ImageDraw.Draw(picture).text((8, height - 20), "LOCAL PREVIEW - canned", fill="white")
    if kind == "cut-out":
        picture.putalpha(oval)
    return picture
