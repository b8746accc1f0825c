"""Says what is wrong with a JSON object that should be one of several kinds, told apart by their field `kind`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from darkroom_shared.core.problems import Problem, pointer

Kinds: TypeAlias = Mapping[str, type[BaseModel]]
_Schema: TypeAlias = Mapping[str, object]
_Schemas: TypeAlias = Mapping[str, _Schema]
_NO_RULES: Final = frozenset({"title", "description", "default", "items"})
"""Words of a field's JSON Schema that allow and forbid nothing, or speak of another place."""
_SHOWN: Final = 80
"""How many characters of a wrong value are repeated."""


def kind_problems(error: ValidationError, kinds: Kinds, what: str) -> list[Problem]:
    """Every finding of an error that a union told apart by `kind` raised, each with what is allowed in its place.

    Args:
        kinds: the models of the union.
        what: the name of what they are, with its article: `a local step`.
    """
    return [_problem(item, kinds, what) for item in error.errors()]


def _problem(item: ErrorDetails, kinds: Kinds, what: str) -> Problem:
    location, found = item["loc"], item["input"]
    if item["type"].startswith("union_tag"):
        return Problem("/kind", f"kind must name {what}", list(kinds))
    # The first part is the union's tag, which is no part of the document.
    kind, parts = (location[0], location[1:]) if location and location[0] in kinds else (None, location)
    said = item["msg"].removeprefix("Value error, ")
    if kind is None or not parts:
        return Problem(pointer(parts), said)
    fields = cast("_Schemas", kinds[str(kind)].model_json_schema()["properties"])
    if item["type"] == "extra_forbidden":
        return Problem(pointer(parts), said, sorted(fields))
    value = f", not {repr(found)[:_SHOWN]}" if isinstance(found, str | int | float | None) else ""
    return Problem(pointer(parts), said + value, _allowed(fields[str(parts[0])], of_item=len(parts) > 1))


def _allowed(schema: _Schema, *, of_item: bool) -> _Schema | None:
    """The part of a field's JSON Schema that says what it (or an item of it) may hold."""
    if "anyOf" in schema:
        schema = cast("Sequence[_Schema]", schema["anyOf"])[0]
    if of_item:
        schema = cast("_Schema", schema["items"])
    return {word: rule for word, rule in schema.items() if word not in _NO_RULES} or None
