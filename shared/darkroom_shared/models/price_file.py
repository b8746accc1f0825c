"""Reads a deployment's own prices from JSON text, and names line and field of what is wrong with them.

{"version": "studio-1", "prices": [{"model": "amazon.nova-canvas-v1:0", "quality": "premium", "usd": 0.05, "source": "contract"}]}
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Final, cast

from darkroom_shared.models.prices import BUILT_IN, Price, PriceBook, Size, Unit

_VERSION: Final = re.compile(r"[A-Za-z0-9._-]{1,40}")
_SIZE: Final = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})")
_ROWS: Final = re.compile(r'"prices"\s*:\s*\[')
_MOST_USD: Final = 10_000
_LONGEST: Final = 200
_DECODER: Final = json.JSONDecoder(parse_float=Decimal)


class PriceFileError(ValueError):
    """A file of prices cannot be used; the text names the line and the field."""


def read_prices(text: str, base: PriceBook = BUILT_IN) -> PriceBook:
    """The rows of a file of prices over those of the base.

    Raises:
        PriceFileError: it is not JSON, or a field is missing, unknown or out of range.
    """
    try:
        value: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise PriceFileError(f"line {error.lineno}: this is not JSON: {error.msg}") from error
    except RecursionError as error:
        raise PriceFileError("line 1: this is nested too deeply") from error
    if not isinstance(value, dict):
        raise PriceFileError('line 1: a JSON object {"version", "prices"} is wanted')
    whole = cast("Mapping[str, object]", value)
    version, rows = whole.get("version"), whole.get("prices")
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise PriceFileError("version: a name of 1 to 40 letters, digits, '.', '_' or '-' is wanted")
    if not isinstance(rows, list):
        raise PriceFileError("prices: a list of prices is wanted")
    if unknown := sorted(set(whole) - {"version", "prices"}):
        raise PriceFileError(f"{unknown[0][:40]}: there is no such field; the fields are version and prices")
    lines = _lines(text)
    return base.under(
        version, [_row(row, f"line {lines.get(index, 1)}, prices[{index}]") for index, row in enumerate(cast("list[object]", rows))]
    )


def _lines(text: str) -> dict[int, int]:
    """The line on which each row begins."""
    found: dict[int, int] = {}
    start = _ROWS.search(text)
    at = len(text) if start is None else start.end()
    while at < len(text) and text[at] != "]":
        if text[at] in " \t\r\n,":
            at += 1
            continue
        found[len(found)] = text.count("\n", 0, at) + 1
        _, at = _DECODER.raw_decode(text, at)
    return found


def _row(value: object, where: str) -> Price:
    if not isinstance(value, dict):
        raise PriceFileError(f"{where}: an object is wanted")
    row = cast("Mapping[str, object]", value)
    if unknown := sorted(set(row) - set(_FIELDS)):
        raise PriceFileError(f"{where}.{unknown[0][:40]}: there is no such field; the fields are {', '.join(_FIELDS)}")
    for name in ("model", "usd"):
        if name not in row:
            raise PriceFileError(f"{where}.{name}: this is missing")
    if not row["model"]:
        raise PriceFileError(f"{where}.model: a model id is wanted")
    read: dict[str, object] = {}
    for name, read_field in _FIELDS.items():
        try:
            read[name] = read_field(row.get(name))
        except ValueError as error:
            raise PriceFileError(f"{where}.{name}: {error}") from error
    return Price(
        model=cast("str", read["model"]),
        usd=cast("Decimal | None", read["usd"]),
        task=cast("str", read["task"]),
        size=cast("Size | None", read["size"]),
        quality=cast("str", read["quality"]),
        unit=cast("Unit", read["unit"]),
        source=cast("str", read["source"]),
        as_of=cast("date | None", read["as_of"]),
    )


def _text(value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > _LONGEST:
        raise ValueError(f"a text of at most {_LONGEST} characters is wanted")
    return value


def _usd(value: object) -> Decimal | None:
    if value is None:
        return None
    number = Decimal(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else None
    if number is None or not 0 < number <= _MOST_USD:
        raise ValueError(f"US dollars above 0, at most {_MOST_USD}, are wanted, or null for a price that is not known")
    return number


def _size(value: object) -> Size | None:
    if value is None:
        return None
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError('width x height in pixels is wanted, such as "1024x1024"')
    return int(found[1]), int(found[2])


def _quality(value: object) -> str:
    if value not in (None, "standard", "premium"):
        raise ValueError("standard or premium is wanted, or nothing for both")
    return str(value or "")


def _unit(value: object) -> str:
    if value not in (None, "image", "call"):
        raise ValueError("image or call is wanted")
    return str(value or "image")


def _as_of(value: object) -> date | None:
    try:
        return None if value is None else date.fromisoformat(cast("str", value))
    except (TypeError, ValueError) as error:
        raise ValueError('a day is wanted, such as "2026-11-21"') from error


_FIELDS: Final[Mapping[str, Callable[[object], object]]] = {
    "model": _text,
    "task": _text,
    "size": _size,
    "quality": _quality,
    "unit": _unit,
    "usd": _usd,
    "source": _text,
    "as_of": _as_of,
}
