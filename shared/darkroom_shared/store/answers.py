"""Narrows what Redis answers: bytes or text, flat lists or maps, JSON. The only module that meets untyped values."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import cast

Json = dict[str, object]


def text(raw: object) -> str:
    """A word, whether the client decodes answers or not."""
    return raw.decode() if isinstance(raw, bytes) else str(raw)


def items(raw: object) -> list[object]:
    """An array or a set; an empty Lua table (which is `{}` in JSON) and nothing at all are empty arrays."""
    return list(cast("Iterable[object]", raw)) if isinstance(raw, list | tuple | set) else []


def texts(raw: object) -> list[str]:
    """An array of words."""
    return [text(item) for item in items(raw)]


def pair(raw: object) -> tuple[str, str]:
    """An array of two words."""
    first, second = items(raw)
    return text(first), text(second)


def mapping(raw: object) -> Json:
    """A JSON object, or an empty one."""
    return cast("Json", raw) if isinstance(raw, dict) else {}


def record(raw: object) -> dict[str, str]:
    """A hash, as a map or as a flat list of names and values."""
    if isinstance(raw, dict):
        return {text(name): text(value) for name, value in cast("dict[object, object]", raw).items()}
    words = texts(raw)
    return dict(zip(words[::2], words[1::2], strict=True))


def turns(raw: object) -> list[tuple[str, str]]:
    """A flat array of words by turns, two of each."""
    words = texts(raw)
    return list(zip(words[::2], words[1::2], strict=True))


def loads(raw: object) -> object:
    """Any JSON document."""
    return cast("object", json.loads(text(raw)))


def rows(raw: object) -> list[Json]:
    """An array of JSON objects."""
    return [mapping(item) for item in items(raw)]


def whole(raw: object) -> int:
    """A whole number; Lua's JSON may write a large one with an exponent."""
    return int(raw) if isinstance(raw, int | float) else int(text(raw))
