"""Builds the JSON Schemas of request bodies from limits: the few forms that these bodies are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

from darkroom_shared.models.model import Schema


def record(properties: Mapping[str, Schema], required: Sequence[str] = ()) -> Schema:
    """An object with exactly these fields; a field that is not named is refused, as Bedrock does."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }


def text(minimum: int, maximum: int) -> Schema:
    """A string of so many characters (code points)."""
    return {"type": "string", "minLength": minimum, "maxLength": maximum}


def picture() -> Schema:
    """A picture as raw base64, or a reference in its place."""
    return {"type": "string", "contentEncoding": "base64", "minLength": 1}


def integer(minimum: int, maximum: int, *, multiple_of: int = 1) -> Schema:
    """A whole number, both ends allowed."""
    bounds: Schema = {"type": "integer", "minimum": minimum, "maximum": maximum}
    return bounds if multiple_of == 1 else {**bounds, "multipleOf": multiple_of}


def number(minimum: float, maximum: float) -> Schema:
    """A number, both ends allowed."""
    return {"type": "number", "minimum": minimum, "maximum": maximum}


def boolean() -> Schema:
    """True or false."""
    return {"type": "boolean"}


def choice(values: Sequence[object]) -> Schema:
    """One of these values."""
    return {"enum": list(values)}


def literal_choice(literal: object) -> Schema:
    """One of the values of a `typing.Literal`."""
    return choice(get_args(literal))


def array(item: Schema, minimum: int, maximum: int | None = None) -> Schema:
    """A list of so many items of one form; a maximum of None is not documented and not checked."""
    bounds: Schema = {"type": "array", "items": item, "minItems": minimum}
    return bounds if maximum is None else {**bounds, "maxItems": maximum}


def color() -> Schema:
    """A colour `#RRGGBB`. The pattern ends without `$` because Python's lets a line break pass."""
    return {"type": "string", "pattern": r"^#[0-9A-Fa-f]{6}(?![\s\S])"}
