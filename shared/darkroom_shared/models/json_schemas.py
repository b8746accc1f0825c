"""Schemas that come from outside: whether one can be used, and whether a value keeps it. Nothing is ever fetched for one.

Unlike `findings`, which words every breach of darkroom's own schemas, this says where and which rule, and never what stands there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol, cast

from darkroom_shared.core.problems import Problem, pointer

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_UNCHECKED: Final = ("pattern", "patternProperties")
"""Left to the model: a stranger's regular expression can keep a worker busy for ever."""
_WANTED: Final = "JSON Schema, draft 2020-12"


class _Validator(Protocol):
    """What jsonschema's stubs leave half untyped."""

    def iter_errors(self, instance: object) -> Iterable[ValidationError]: ...


class UnusableSchema(ValueError):
    """It refers to what is not there, or to itself without end."""


def _no_errors(*_: object) -> Iterable[ValidationError]:
    return ()


@cache
def _validator() -> Callable[[Mapping[str, object]], _Validator]:
    """Makes validators of draft 2020-12. Imported with the first schema: most commands never see one."""
    from jsonschema import Draft202012Validator, validators
    from referencing import Registry

    extend = cast("Callable[..., Callable[..., _Validator]]", vars(validators)["extend"])
    kind = extend(Draft202012Validator, dict.fromkeys(_UNCHECKED, _no_errors))
    # An empty registry: by default the validator would go to the network for a reference that it does not know.
    empty: Registry[object] = Registry()
    return lambda schema: kind(dict(schema), registry=empty)


def schema_findings(where: str, schema: Mapping[str, object]) -> list[Problem]:
    """What is wrong with a schema for an object, itself at the pointer `where`."""
    if schema.get("type") != "object":
        return [Problem(f"{where}/type", "the input of a tool is an object", ["object"])]
    from jsonschema import Draft202012Validator, SchemaError

    try:
        Draft202012Validator.check_schema(dict(schema))
    except SchemaError as error:
        place = pointer(tuple(error.absolute_path))
        return [Problem(where + place, f"this is no JSON Schema: it breaks {error.validator}", _WANTED)]
    except RecursionError:
        return [Problem(where, "the schema is too deep", _WANTED)]
    foreign = [ref for ref in _references(schema) if not ref.startswith("#")]
    if foreign:
        return [Problem(where, f"it refers to {foreign[0][:80]!r}, and nothing is fetched", "references that begin with #")]
    try:
        breach({}, schema)  # a reference that leads nowhere shows only when it is followed
    except UnusableSchema as error:
        return [Problem(where, str(error), _WANTED)]
    return []


def breach(value: object, schema: Mapping[str, object]) -> str:
    """Where a value does not keep a schema, and by which rule; empty if it does.

    Regular expressions in the schema are not looked at.

    Raises:
        UnusableSchema
    """
    from referencing.exceptions import Unresolvable

    try:
        errors = list(islice(_validator()(schema).iter_errors(value), 3))
    except (Unresolvable, RecursionError) as error:
        raise UnusableSchema(f"the schema cannot be followed ({type(error).__name__})") from error
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
