"""Writes what came of a batch into files, row by row, so that ten thousand take no more memory than one."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from darkroom.batches.following import RowResult, page, status
from darkroom.effects import Flow, get_asset, work
from darkroom_shared.contract.views import Output
from darkroom_shared.core.errors import StillRunning
from darkroom_shared.storage.names import extension

_THUMBNAILS: Final = 100
_THUMBNAIL: Final = 160


def save(batch_id: str, folder: Path) -> Flow[list[Path]]:
    """Writes results.jsonl, errors.jsonl, manifest.csv, pictures.zip and sheet.png. Raises StillRunning, UnknownJob."""
    view = yield from status(batch_id)
    if not view.is_terminal:
        raise StillRunning(batch_id, view.state, 0)
    files = yield from work(lambda: _Files(folder))
    try:
        first = 1
        while some := (yield from page(batch_id, first)):
            for row in some:
                yield from _save_row(files, row)
            first += len(some)
    finally:
        files.close()
    return files.paths


def _save_row(files: _Files, row: RowResult) -> Flow[None]:
    pictures: list[tuple[Output, bytes]] = []
    for output in row.job.outputs if row.is_good and row.job is not None else ():
        if output.role not in ("original", "mask"):
            pictures.append((output, (yield from get_asset(output.sha256))))
    yield from work(lambda: files.write(row, pictures))


class _Files:
    """The files of a saved batch, written row by row."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        names = ("results.jsonl", "errors.jsonl", "manifest.csv", "pictures.zip", "sheet.png")
        self.paths = [folder / name for name in names]
        self._results = self.paths[0].open("w", encoding="utf-8")
        self._errors = self.paths[1].open("w", encoding="utf-8")
        self._table = self.paths[2].open("w", encoding="utf-8", newline="")
        self._csv = csv.writer(self._table)
        self._csv.writerow(["row", "line", "custom_id", "id", "state", "reason", "pictures", "cost_usd", "files"])
        # Pictures do not get smaller by packing.
        self._zip = zipfile.ZipFile(self.paths[3], "w", zipfile.ZIP_STORED)
        self._small: list[bytes] = []

    def write(self, row: RowResult, pictures: Sequence[tuple[Output, bytes]]) -> None:
        """Adds a row."""
        line = json.dumps(row.as_json(), ensure_ascii=False) + "\n"
        (self._results if row.is_good else self._errors).write(line)
        names: list[str] = []
        for output, data in pictures:
            names.append(f"{row.row:06}-{output.stem}.{extension(output.media_type)}")
            self._zip.writestr(names[-1], data)
            if not output.is_document and len(self._small) < _THUMBNAILS:
                self._small.append(_shrunk(data))
        job = row.job
        told = ("", "not_begun", "", "") if job is None else (job.id, job.state.value, job.reason, job.cost.actual_usd)
        self._csv.writerow([row.row, row.line, row.custom_id, *told[:3], len(names), told[3], " ".join(names)])

    def close(self) -> None:
        """Ends the files, and draws the sheet of the first hundred pictures; without pictures there is none."""
        for file in (self._results, self._errors, self._table, self._zip):
            file.close()
        if self._small:
            self.paths[4].write_bytes(_sheet(self._small))
        else:
            self.paths.pop()


def _shrunk(data: bytes) -> bytes:
    """A picture as it stands in the sheet, what is transparent white. A hundred whole ones would be many megabytes."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        small = image.convert("RGBA")
    small.thumbnail((_THUMBNAIL - 4, _THUMBNAIL - 4))
    ground = Image.new("RGBA", small.size, "white")
    ground.alpha_composite(small)
    out = io.BytesIO()
    ground.convert("RGB").save(out, "PNG")
    return out.getvalue()


def sheet(pictures: Sequence[bytes]) -> bytes:
    """Pictures of any size side by side, ten in a row, as PNG."""
    return _sheet([_shrunk(data) for data in pictures])


def _sheet(pictures: Sequence[bytes]) -> bytes:
    """Small pictures side by side, ten in a row, as PNG."""
    from PIL import Image

    columns = min(10, len(pictures))
    rows = -(-len(pictures) // columns)
    made = Image.new("RGB", (columns * _THUMBNAIL, rows * _THUMBNAIL), "white")
    for number, data in enumerate(pictures):
        with Image.open(io.BytesIO(data)) as image:
            made.paste(image, (number % columns * _THUMBNAIL + 2, number // columns * _THUMBNAIL + 2))
    out = io.BytesIO()
    made.save(out, "PNG")
    return out.getvalue()
