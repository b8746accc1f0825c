"""What a published JSON Schema refuses, as single changes to a good body: one that breaks each limit, one that is just on it.

Made from the schema alone, so that a field with a new limit is tried without a line here. A keyword that this module does not know
is an error, not a limit that nobody tries.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.support.bodies import ABSENT, Body, edited

Schema = Mapping[str, Any]
PICTURE = "a picture as raw base64"
STRANGER = "surprise"
"""A field that no schema has, and a word that no choice has."""
_WRONG: Mapping[str, object] = {"string": 5, "integer": 1.5, "number": "1", "boolean": "yes", "array": "x", "object": "x"}
"""By type, a value of another."""
_SILENT = ("properties", "items", "contentEncoding")
"""Keywords that refuse nothing by themselves."""


@dataclass(frozen=True)
class Repeated:
    """As the value of a change: the first item of the list that stands there, so many times."""

    times: int


@dataclass(frozen=True)
class Change:
    """One value of a body, changed.

    Attributes:
        keyword: the keyword of the schema that it is about.
        pointer: where the value stands.
        value: what is put there: JSON, `ABSENT` or `Repeated`.
        allowed: what a refusal must tell as allowed; of an object, its least members. None for a change that is no mistake.
        says: what the message of a refusal must name.
    """

    keyword: str
    pointer: str
    value: object
    allowed: object = None
    says: tuple[str, ...] = ()

    def on(self, body: Body) -> Body | None:
        """The changed body; None for one that has no such place, or no such field to take away."""
        *way, last = self.pointer.split("/")[1:]
        node: Any = body
        for key in way:
            node = node[int(key)] if isinstance(node, list) else node.get(key)
            if node is None:
                return None
        if isinstance(node, list) and int(last) >= len(node):
            return None
        if self.value is ABSENT:
            return edited(body, self.pointer, ABSENT) if last in node else None
        if isinstance(self.value, Repeated):
            present = node.get(last)
            return edited(body, self.pointer, [present[0]] * self.value.times) if present else None
        return edited(body, self.pointer, self.value)

    def is_told_by(self, message: str, allowed: object) -> bool:
        """Whether a problem of these words names what was found and what would be right."""
        if not all(word in message for word in self.says):
            return False
        if isinstance(self.allowed, Mapping):
            return isinstance(allowed, Mapping) and self.allowed.items() <= allowed.items()
        return allowed == self.allowed


def breaches(schema: Schema, tasks: Sequence[str], path: str = "") -> Iterator[Change]:
    """For each limit of a schema, a change that is just beyond it.

    Args:
        tasks: what is told where `taskType` is wrong.
        path: pointer of the value that the schema is for.
    """
    for keyword in schema:
        if keyword in _SILENT:
            continue
        yield from _breach(keyword, schema, tasks, path)
    for where, part in _parts(schema, path):
        yield from breaches(part, tasks, where)


def _breach(keyword: str, schema: Schema, tasks: Sequence[str], path: str) -> Iterator[Change]:
    limit, name = schema[keyword], path.rpartition("/")[2]
    told: object = {keyword: limit}
    match keyword:
        case "required":
            for field in limit:
                known = _told(schema["properties"][field], tasks)
                yield Change(keyword, f"{path}/{field}", ABSENT, known, (field, "required"))
        case "additionalProperties":
            yield Change(keyword, f"{path}/{STRANGER}", 1, list(schema["properties"]), (f'"{STRANGER}"',))
        case "const":
            yield Change(keyword, path, STRANGER, list(tasks), (f'"{STRANGER}"',))
        case "enum":
            yield Change(keyword, path, STRANGER, limit, (name, f'"{STRANGER}"'))
        case "type" if path:
            yield Change(keyword, path, _WRONG[limit], _told(schema, tasks))
            yield Change(keyword, path, None, _told(schema, tasks), ("null",))
        case "type":
            return  # the whole body: `check_request` takes nothing but an object
        case "minLength" if "contentEncoding" in schema:
            yield Change(keyword, path, "", PICTURE, (name, "empty"))
        case "minLength":
            yield from [Change(keyword, path, "x" * (limit - 1), told, (name, f"{limit - 1} characters"))] if limit else []
        case "maxLength":
            yield Change(keyword, path, "x" * (limit + 1), told, (name, f"{limit + 1} characters", str(limit)))
        case "minimum" | "maximum":
            beyond = _beyond(limit, schema, -1 if keyword == "minimum" else 1)
            yield Change(keyword, path, beyond, told, (name, str(beyond), str(limit)))
        case "multipleOf":
            yield Change(keyword, path, schema["minimum"] + 1, told, (name, str(schema["minimum"] + 1)))
        case "minItems":
            yield from [Change(keyword, path, Repeated(limit - 1), told, (name, f"{limit - 1} items"))] if limit else []
        case "maxItems":
            yield Change(keyword, path, Repeated(limit + 1), told, (name, f"{limit + 1} items", str(limit)))
        case "pattern":
            yield Change(keyword, path, STRANGER, "#RRGGBB, six hexadecimal digits", (f'"{STRANGER}"',))
        case _:
            raise AssertionError(f"{path} has the limit {keyword!r}, and nobody knows a value that breaks it")


def on_limits(schema: Schema, path: str = "") -> Iterator[Change]:
    """For each limit of a schema, a change that is just within it: both ends, every choice, each optional field left out."""
    for value in _values_on(schema):
        yield Change("on", path, value)
    for field in schema.get("properties", {}):
        if field not in schema["required"]:
            yield Change("optional", f"{path}/{field}", ABSENT)
    for where, part in _parts(schema, path):
        yield from on_limits(part, where)


def _values_on(schema: Schema) -> Iterator[object]:
    yield from schema.get("enum", ())
    yield from (schema[name] for name in ("minimum", "maximum") if name in schema)
    yield from (Repeated(schema[name]) for name in ("minItems", "maxItems") if schema.get(name))
    if schema.get("type") == "boolean":
        yield from (True, False)
    if "contentEncoding" not in schema:
        # Characters are counted, not bytes or UTF-16 units.
        yield from ("\N{SAILBOAT}" * schema[name] for name in ("minLength", "maxLength") if name in schema)


def _parts(schema: Schema, path: str) -> Iterator[tuple[str, Schema]]:
    yield from ((f"{path}/{field}", part) for field, part in schema.get("properties", {}).items())
    if "items" in schema:
        yield f"{path}/0", schema["items"]


def _beyond(limit: float, schema: Schema, sign: int) -> float:
    if schema["type"] == "integer":
        return limit + sign * schema.get("multipleOf", 1)
    return round(limit + sign * 0.01, math.ceil(2 - math.log10(max(limit, 1))) + 2)


def _told(schema: Schema, tasks: Sequence[str]) -> object:
    """What a field's schema tells as allowed, to whoever left the field out or gave it another type."""
    if "const" in schema:
        return list(tasks)
    if "contentEncoding" in schema:
        return PICTURE
    return schema.get("enum") or {name: schema[name] for name in schema if name in ("type", "minimum", "maximum", "maxLength")}
