"""Draws a sheet for every row of the catalogue: what went in beside what came out, under model and task; and one overview of all.

    python -m tests.unit.engine.contact_sheet pictures [TASK ...]

For the eyes: the tests measure what pictures keep, this shows whether they look like what was asked for. `presets` as a task draws
the style presets.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from darkroom_shared.checking import check_request
from darkroom_shared.models.catalogue import find_model
from darkroom_shared.models.model import Model
from darkroom_worker.local_bedrock.engine import Order, Rendered, render
from tests.support.bodies import b64, edited
from tests.support.native_bodies import SDXL
from tests.support.rows import PICTURE_ROWS
from tests.unit.engine.conftest import Studio
from tests.unit.engine.scenes import Scene, preset_scenes, scenes

CELL, SMALL_CELL = 420, 200
GAP, LINE = 8, 16
_DETAIL = 8
"""Which part of a picture's width the detail of an enlargement shows."""
_DRAWN: dict[tuple[str, int], Rendered] = {}


def scenes_of(model: Model, task_type: str, every: Mapping[str, Sequence[Scene]]) -> list[Scene]:
    """The scenes of a row: those of its task that the model takes."""
    return [scene for scene in every.get(task_type, ()) if check_request(whole_body(scene), model).valid]


def whole_body(scene: Scene) -> dict[str, object]:
    """The body with its pictures."""
    body = dict(scene.body)
    for place, data in scene.images.items():
        body = edited(body, place, b64(data))
    return body


def drawn(model: Model, scene: Scene) -> Rendered:
    """What comes back; models of one family draw the same, so it is drawn once."""
    key = (model.family, id(scene))
    if key not in _DRAWN:
        _DRAWN[key] = render(Order(model.family, model.id, str(scene.body["taskType"]), scene.body, scene.images))
    return _DRAWN[key]


def strip(model: Model, scene: Scene, cell: int = CELL) -> Image.Image:
    """Inputs and outputs side by side, each with its name and size, under what was asked for."""
    rendered = drawn(model, scene)
    views = [(place.rpartition("/")[2], data) for place, data in scene.images.items()]
    views += [("came back", data) for data in rendered.images]
    views += [] if rendered.mask is None else [("mask", rendered.mask)]
    shown = [_thumbnail(data, cell) for _, data in views]
    if "UPSCALE" in str(scene.body["taskType"]):
        views += [("detail before", b""), ("detail after", b"")]
        shown += [_detail(data, cell) for _, data in views[:2]]
    sheet = Image.new(
        "RGB", (sum(view.width + GAP for view, _ in shown), max(view.height for view, _ in shown) + 2 * LINE), "white"
    )
    left = 0
    for (name, _), (view, size) in zip(views, shown, strict=True):
        _write(sheet, (left, LINE), f"{name} {size}", "gray")
        sheet.paste(view, (left, 2 * LINE))
        left += view.width + GAP
    _write(sheet, (0, 0), scene.asked)
    return sheet


def sheet_of(model: Model, task_type: str, found: Sequence[Scene], cell: int = CELL) -> Image.Image:
    """The strips of a row, one below the other."""
    strips = [strip(model, scene, cell) for scene in found]
    sheet = Image.new(
        "RGB", (max(700, *(one.width for one in strips)), sum(one.height + GAP for one in strips) + 2 * LINE), "white"
    )
    _write(sheet, (0, 0), f"{task_type}, {model.label} ({model.id})", size=15)
    top = 2 * LINE
    for one in strips:
        sheet.paste(one, (0, top))
        top += one.height + GAP
    return sheet


def in_columns(sheets: Sequence[Image.Image], columns: int = 3) -> Image.Image:
    """Sheets below each other, the next one always in the shortest column."""
    width = max(sheet.width for sheet in sheets) + GAP
    heights = [0] * columns
    places: list[tuple[int, int]] = []
    for sheet in sheets:
        column = heights.index(min(heights))
        places.append((column * width, heights[column]))
        heights[column] += sheet.height + GAP
    board = Image.new("RGB", (columns * width, max(heights)), "white")
    for sheet, place in zip(sheets, places, strict=True):
        board.paste(sheet, place)
    return board


def _thumbnail(data: bytes, cell: int) -> tuple[Image.Image, str]:
    with Image.open(io.BytesIO(data)) as opened:
        size, image = f"{opened.width}x{opened.height}", opened.convert("RGBA")
    image.thumbnail((cell, cell), Image.Resampling.LANCZOS)
    board = Image.new("RGBA", image.size, (205, 205, 205, 255))
    for y in range(0, board.height, 20):
        for x in range(0, board.width, 20):
            board.paste((235, 235, 235, 255), (x, y, x + 10, y + 10))
    board.alpha_composite(image)
    return board.convert("RGB"), size


def _detail(data: bytes, cell: int) -> tuple[Image.Image, str]:
    """The middle of a picture, enlarged without smoothing."""
    with Image.open(io.BytesIO(data)) as opened:
        side = opened.width // _DETAIL
        left, top = (opened.width - side) // 2, (opened.height - side) // 2
        part = opened.convert("RGB").crop((left, top, left + side, top + side))
    return part.resize((cell, cell), Image.Resampling.NEAREST), f"{side}x{side}"


def _write(sheet: Image.Image, place: tuple[int, int], words: str, color: str = "black", size: int = 12) -> None:
    ImageDraw.Draw(sheet).text(place, words, fill=color, font=ImageFont.load_default(size))


def main(folder: str, *tasks: str) -> None:
    """Writes the sheets; tasks narrow them down."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    if "presets" in tasks or not tasks:
        sdxl = find_model(SDXL)
        in_columns([strip(sdxl, scene) for scene in preset_scenes()], 6).save(out / "presets.png")
    every = scenes(Studio())
    first: list[Image.Image] = []
    for model, task_type in PICTURE_ROWS:
        if tasks and task_type not in tasks:
            continue
        found = scenes_of(model, task_type, every)
        sheet_of(model, task_type, found).save(out / f"{model.id.replace(':', '-')}.{task_type.lower()}.png")
        first.append(sheet_of(model, task_type, found[:1], SMALL_CELL))
    if first:
        in_columns(first).save(out / "overview.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
