"""Schemas that come from outside: whether one can be used, and whether a value keeps it. Nothing is ever fetched for one.

Unlike `findings`, which words every breach of darkroom's own schemas, this says where and which rule, and never what stands there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final, Protocol, cast

from jsonschema import Draft202012Validator, SchemaError
from jsonschema.exceptions import ValidationError
from referencing import Registry
from referencing.exceptions import Unresolvable

from darkroom_shared.core.problems import Problem, pointer

BROKEN: Final = (Unresolvable, RecursionError)
"""What following a schema may raise that refers to what is not there, or to itself without end."""
_WANTED: Final = "JSON Schema, draft 2020-12"


class _Validator(Protocol):
    """What jsonschema's stubs leave half untyped."""

    def iter_errors(self, instance: object) -> Iterable[ValidationError]: ...


def schema_findings(where: str, schema: Mapping[str, object]) -> list[Problem]:
    """What is wrong with a schema for an object, itself at the pointer `where`."""
    if schema.get("type") != "object":
        return [Problem(f"{where}/type", "the input of a tool is an object", ["object"])]
    try:
        Draft202012Validator.check_schema(dict(schema))
        foreign = [ref for ref in _references(schema) if not ref.startswith("#")]
        if foreign:
            return [Problem(where, f"it refers to {foreign[0][:80]!r}, and nothing is fetched", "references that begin with #")]
        breach({}, schema)  # a reference that leads nowhere shows only when it is followed
    except SchemaError as error:
        place = pointer(tuple(error.absolute_path))
        return [Problem(where + place, f"this is no JSON Schema: it breaks {error.validator}", _WANTED)]
    except BROKEN as error:
        return [Problem(where, f"the schema cannot be followed ({type(error).__name__})", _WANTED)]
    return []


def breach(value: object, schema: Mapping[str, object]) -> str:
    """Where a value does not keep a schema, and by which rule; empty if it does.

    Raises:
        One of `BROKEN`.
    """
    # An empty registry: by default the validator would go to the network for a reference that it does not know.
    validator = cast("_Validator", Draft202012Validator(dict(schema), registry=Registry()))
    errors = islice(validator.iter_errors(value), 3)
    told = [f"{pointer(tuple(error.absolute_path)) or 'its top'} breaks {error.validator}" for error in errors]
    return ", ".join(told)


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, member in cast("dict[str, object]", value).items():
            if name in ("$ref", "$dynamicRef") and isinstance(member, str):
                yield member
            else:
                yield from _references(member)
    elif isinstance(value, list):
        for member in cast("list[object]", value):
            yield from _references(member)
