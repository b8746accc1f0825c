"""Reads a folder of pictures and captions, and says everything that keeps it from being training data."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from darkroom.tuning.captions import CSV, JSONL, TXT, Caption, Finding, read_csv, read_jsonl
from darkroom.tuning.manifest import (
    MAX_BYTES,
    Record,
    caption_reasons,
    count_findings,
    picture_reasons,
    same_pictures,
    size_reasons,
)
from darkroom_shared.core.errors import ImageRefused
from darkroom_shared.images import OpenLimits, measure

PICTURES: Final = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif"})
"""Endings of files that are taken for pictures; whether they can be used is decided by their bytes."""
_TABLES: Final[Mapping[str, Callable[[str], Iterator[Caption | Finding]]]] = {CSV: read_csv, JSONL: read_jsonl}
_MOST_TEXT: Final = 50_000_000
"""Bytes of a table of captions: 10,000 of 1024 characters are a fifth of it."""
_OPEN: Final = OpenLimits(max_bytes=MAX_BYTES, max_pixels=2**40, max_side=2**31)
"""Nothing is decoded, so that a picture of any size can be told all that is wrong with it."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """What a folder holds.

    Attributes:
        folder: where.
        records: the pictures that can be used, by name.
        findings: everything that is wrong; the rest is usable only if this is empty.
        notes: what a person should look at.
        ignored: names of files that are neither pictures nor captions, and of folders: those are not looked into.
    """

    folder: Path
    records: tuple[Record, ...]
    findings: tuple[Finding, ...]
    notes: tuple[Finding, ...]
    ignored: tuple[str, ...]


def read_folder(folder: Path) -> Dataset:
    """Everything in a folder, checked; nothing is decoded, so that 10,000 pictures take about as long as reading them.

    Raises:
        OSError: the folder cannot be listed.
    """
    entries = {path.name: path for path in sorted(folder.iterdir()) if not path.name.startswith(".")}
    pictures = {name: path for name, path in entries.items() if path.suffix.lower() in PICTURES and path.is_file()}
    texts = {name: path for name, path in entries.items() if path.suffix.lower() == TXT and path.is_file()}
    findings: list[Finding] = []
    told = _captions(entries, pictures, texts, findings)
    records: list[Record] = []
    for name, path in pictures.items():
        caption, reasons = _the_caption(told[name])
        record, wrong = _picture(path, caption or "")
        findings += [Finding(name, reason) for reason in (*wrong, *reasons)]
        if record is not None and not reasons and not wrong:
            records.append(record)
    findings += count_findings(len(pictures))
    used = {*pictures, *_TABLES, *(name for name, path in texts.items() if _owners(path, pictures))}
    return Dataset(folder, tuple(records), tuple(findings), tuple(same_pictures(records)), tuple(sorted(set(entries) - used)))


def _captions(
    entries: Mapping[str, Path], pictures: Mapping[str, Path], texts: Mapping[str, Path], findings: list[Finding]
) -> dict[str, list[Caption]]:
    """What the texts say of each picture; appends what is wrong with the texts."""
    told: dict[str, list[Caption]] = {name: [] for name in pictures}
    for one in _said(entries, pictures, texts):
        if isinstance(one, Finding):
            findings.append(one)
        elif one.file in told:
            told[one.file].append(one)
        else:
            findings.append(
                Finding(one.source.partition(" ")[0], f"{one.source} names {one.file[:100]!r}, which is no picture here")
            )
    return told


def _said(entries: Mapping[str, Path], pictures: Mapping[str, Path], texts: Mapping[str, Path]) -> Iterable[Caption | Finding]:
    for name, parse in _TABLES.items():
        if name in entries:
            text = _text(entries[name])
            yield from [text] if isinstance(text, Finding) else parse(text)
    for name, path in texts.items():
        owners = _owners(path, pictures)
        text = _text(path) if owners else ""
        yield from [text] if isinstance(text, Finding) else (Caption(owner, text.strip(), name) for owner in owners)


def _owners(text: Path, pictures: Mapping[str, Path]) -> list[str]:
    return [name for name, path in pictures.items() if path.stem == text.stem]


def _text(path: Path) -> str | Finding:
    try:
        if path.stat().st_size > _MOST_TEXT:
            return Finding(path.name, f"it is longer than {_MOST_TEXT:,} bytes")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        return Finding(path.name, "it is not UTF-8 text")
    except OSError as error:
        return Finding(path.name, f"it cannot be read: {error.strerror}")


def _the_caption(told: Sequence[Caption]) -> tuple[str | None, list[str]]:
    """A picture's one caption, and what is wrong with it."""
    different = list(dict.fromkeys(caption.text for caption in told))
    if len(different) > 1:
        return None, [f"it has {len(different)} different captions: in {', '.join(caption.source for caption in told)}"]
    text = different[0] if different else None
    return text, caption_reasons(text)


def _picture(path: Path, caption: str) -> tuple[Record | None, list[str]]:
    """A picture's record, None where its bytes cannot be looked at, and what is wrong with it."""
    try:
        size = path.stat().st_size
        if too_long := size_reasons(size):
            return None, too_long
        data = path.read_bytes()
        seen = measure(data, _OPEN)
    except ImageRefused as error:
        return None, [str(error).rstrip(".")]
    except OSError as error:
        return None, [f"it cannot be read: {error.strerror}"]
    record = Record(path.name, hashlib.sha256(data).hexdigest(), seen.format, size, caption)
    return record, picture_reasons(seen.format, seen.width, seen.height)
