"""The canned engine: prepared pictures of the right size and kind, for tests and benchmarks that must not wait for a CPU.

A picture is built once per size, kind and file format. What differs from request to request is a small stamp at its end, so that
equal requests give equal bytes and others do not.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from typing import Literal, NamedTuple, cast, get_args

import orjson
from PIL import Image, ImageDraw, ImageOps

from darkroom_shared.models import catalogue
from darkroom_worker.local_bedrock.canned_files import FileFormat, Prepared, finish, prepare
from darkroom_worker.local_bedrock.looks import Look, look
from darkroom_worker.local_bedrock.pictures import Pictures, Request
from darkroom_worker.local_bedrock.sizes import DEFAULT_SIZE, Size, native_size

Kind = Literal["picture", "cut-out", "mask"]

_KEPT = 64
_CUT_OUTS = frozenset({"BACKGROUND_REMOVAL", "REMOVE_BACKGROUND"})
_RETURN_MASK = ("inPaintingParams", "outPaintingParams", "virtualTryOnParams")


class Shape(NamedTuple):
    """What a picture is prepared for."""

    width: int
    height: int
    kind: Kind
    file_format: FileFormat


class CannedEngine:
    """See the module. Needs no processes and hardly any time after the first picture of a size."""

    name = "canned"

    def __init__(self) -> None:
        self._prepared: OrderedDict[Shape, asyncio.Task[Prepared]] = OrderedDict()

    async def start(self) -> None:
        """Prepares the most usual picture."""
        await self._prepare(Shape(*DEFAULT_SIZE, "picture", "png"))

    async def stop(self) -> None:
        """There is nothing to stop."""

    async def draw(self, request: Request) -> Pictures:
        """See PictureEngine. Subjects are not looked for."""
        if request.asks:
            return Pictures((), (), looks=await asyncio.to_thread(_looks, request))
        width, height = output_size(request)
        kind: Kind = "cut-out" if request.task_type in _CUT_OUTS else "picture"
        prepared = await self._prepare(Shape(width, height, kind, _file_format(request)))
        stamp = _stamp(request)
        drawn = [finish(prepared, f"{stamp} {index}") for index in range(request.count)]
        mask = None
        if _wants_mask(request):
            mask = finish(await self._prepare(Shape(width, height, "mask", "png")), stamp)[0]
        return Pictures(tuple(encoded for encoded, _ in drawn), tuple(digest for _, digest in drawn), mask)

    async def _prepare(self, shape: Shape) -> Prepared:
        # The task is kept, not its result: a crowd that asks for a new size at once waits for one picture, not for one each.
        task = self._prepared.get(shape)
        if task is None:
            task = asyncio.ensure_future(asyncio.to_thread(_prepared, shape))
            self._prepared[shape] = task
            if len(self._prepared) > _KEPT:
                self._prepared.popitem(last=False)
        return await asyncio.shield(task)


def _looks(request: Request) -> tuple[Look, ...]:
    return tuple(map(look, request.images.values()))


def output_size(request: Request) -> Size:
    """Width and height of the answer in pixels: as the catalogue says, else as `sizes` does."""
    told = catalogue.output_size(catalogue.find_model(request.model_id), request.body, request.facts)
    return told or native_size(request.task_type, request.body, request.facts)


def _file_format(request: Request) -> FileFormat:
    told = str(request.body.get("output_format", "png")).lower()
    return next((name for name in get_args(FileFormat) if name == told), "png")


def _wants_mask(request: Request) -> bool:
    return any(
        isinstance(params := request.body.get(name), dict) and cast("dict[str, object]", params).get("returnMask") is True
        for name in _RETURN_MASK
    )


def _stamp(request: Request) -> str:
    """Equal for equal requests; key order does not count."""
    body = orjson.dumps(request.body, option=orjson.OPT_SORT_KEYS)
    return f"{request.model_id} {request.seed} {hashlib.sha256(body).hexdigest()}"


def _prepared(shape: Shape) -> Prepared:
    return prepare(_paint(shape.width, shape.height, shape.kind), shape.file_format)


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
