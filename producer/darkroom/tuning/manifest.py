"""The training data of a fine-tuning job: the rules for pictures and captions, and the manifest. Pure.

Source: "model-customization-prepare" of the Bedrock user guide and the data page of the Nova user guide, read in 2026.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from darkroom.tuning.captions import Finding
from darkroom_shared.core.image_facts import ImageFormat

MIN_CAPTION: Final = 3
MAX_CAPTION: Final = 1024
"""Characters."""
MIN_RECORDS: Final = 5
MAX_RECORDS: Final = 10_000
MAX_BYTES: Final = 50 * 1024 * 1024
""" "50 MB" on the page. The larger reading: a wrong refusal here could not be mended."""
MIN_SIDE: Final = 512
MAX_SIDE: Final = 4096
MAX_PIXELS: Final = 12_582_912
MAX_ASPECT: Final = 4
"""The longer side in lengths of the shorter one."""
ENDINGS: Final[dict[ImageFormat, str]] = {"PNG": "png", "JPEG": "jpg"}
"""Of the objects in S3, by the formats that are accepted."""


@dataclass(frozen=True, slots=True)
class Record:
    """One picture and what it shows.

    Attributes:
        file: its name in the folder.
        sha256: of its bytes.
        format: as its bytes say.
        size_bytes: length of the file.
        caption: 3 to 1024 characters.
    """

    file: str
    sha256: str
    format: ImageFormat
    size_bytes: int
    caption: str

    @property
    def object_name(self) -> str:
        """The name below the prefix in S3: that of its content, so that the same picture is uploaded once."""
        return f"images/{self.sha256}.{ENDINGS[self.format]}"


def caption_reasons(text: str | None) -> list[str]:
    """What is wrong with a caption; None stands for none at all."""
    if text is None:
        return ["it has no caption: give it a row in captions.csv or captions.jsonl, or a text file of its name (.txt)"]
    if not MIN_CAPTION <= len(text) <= MAX_CAPTION:
        return [f"its caption has {len(text):,} characters; {MIN_CAPTION} to {MAX_CAPTION:,} are accepted"]
    return []


def size_reasons(size_bytes: int) -> list[str]:
    """What is wrong with the length of a picture's file."""
    return [f"it has {size_bytes:,} bytes; at most {MAX_BYTES:,} are accepted"] if size_bytes > MAX_BYTES else []


def picture_reasons(format_: ImageFormat, width: int, height: int) -> list[str]:
    """What is wrong with a picture's format and its size in pixels (which side is which makes no difference)."""
    reasons: list[str] = []
    if format_ not in ENDINGS:
        reasons.append(f"it is a {format_} file; PNG and JPEG are accepted")
    short, long = sorted((width, height))
    if short < MIN_SIDE or long > MAX_SIDE:
        reasons.append(f"it has {width}x{height} pixels; {MIN_SIDE} to {MAX_SIDE:,} a side are accepted")
    if width * height > MAX_PIXELS:
        reasons.append(f"it has {width * height:,} pixels; at most {MAX_PIXELS:,} are accepted")
    if long > MAX_ASPECT * short:
        reasons.append(f"its sides are {width}:{height}; 1:{MAX_ASPECT} to {MAX_ASPECT}:1 is accepted")
    return reasons


def count_findings(pictures: int) -> list[Finding]:
    """What is wrong with the number of pictures in a folder."""
    if MIN_RECORDS <= pictures <= MAX_RECORDS:
        return []
    return [Finding("", f"there are {pictures:,} pictures; {MIN_RECORDS} to {MAX_RECORDS:,} are accepted")]


def same_pictures(records: Iterable[Record]) -> list[Finding]:
    """Notes on pictures that are there more than once. AWS takes them; a subject is learned from different ones."""
    first: dict[str, str] = {}
    return [
        Finding(record.file, f"it is the same picture as {first[record.sha256]}")
        for record in records
        if first.setdefault(record.sha256, record.file) != record.file
    ]


def manifest(records: Sequence[Record], prefix: str) -> bytes:
    """The manifest as JSON lines.

    Args:
        prefix: where the pictures lie: `s3://bucket/prefix`, without a slash at its end.
    """
    rows = ({"image-ref": f"{prefix}/{record.object_name}", "caption": record.caption} for record in records)
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
