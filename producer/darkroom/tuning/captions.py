"""Reads captions out of the texts that people keep beside their pictures. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, cast

CSV: Final = "captions.csv"
JSONL: Final = "captions.jsonl"
TXT: Final = ".txt"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or worth a look: in which file of the folder (empty: the folder as a whole), and why."""

    file: str
    reason: str

    def as_json(self) -> dict[str, str]:
        """The wire form: `{"file", "reason"}`."""
        return {"file": self.file, "reason": self.reason}


@dataclass(frozen=True, slots=True)
class Caption:
    """What a text says of a picture.

    Attributes:
        file: the picture's name.
        text: without white space at its ends.
        source: for people: the file that says so, with the line where it has several.
    """

    file: str
    text: str
    source: str


def read_csv(text: str) -> Iterator[Caption | Finding]:
    """The rows of `captions.csv`, whose first line names the columns `file` and `caption`; others are passed over."""
    rows = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        if missing := [name for name in ("file", "caption") if name not in (rows.fieldnames or ())]:
            yield Finding(CSV, f"its first line must name the columns file and caption; it has no {' and no '.join(missing)}")
            return
        for row in rows:
            yield _caption(row, f"{CSV} line {rows.line_num}", CSV)
    except csv.Error as error:
        yield Finding(CSV, f"line {rows.line_num} is no CSV: {error}")


def read_jsonl(text: str) -> Iterator[Caption | Finding]:
    """The lines of `captions.jsonl`, each an object with `file` and `caption`; empty lines are passed over."""
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row: object = json.loads(line)
        except (ValueError, RecursionError):
            yield Finding(JSONL, f"line {number} is not JSON")
            continue
        if isinstance(row, dict):
            yield _caption(cast("dict[str, object]", row), f"{JSONL} line {number}", JSONL)
        else:
            yield Finding(JSONL, f"line {number} is no object with file and caption")


def _caption(row: Mapping[str, object], source: str, file: str) -> Caption | Finding:
    name, text = row.get("file"), row.get("caption")
    if not isinstance(name, str) or not name.strip() or not isinstance(text, str):
        return Finding(file, f"{source.removeprefix(file).strip()} has no file or no caption, which are both texts")
    return Caption(name.strip(), text.strip(), source)
