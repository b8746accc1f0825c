"""Applies a JSON Schema to a body and words every finding for a person: where, what was found, what is allowed.

Texts name numbers, choices and lengths, but never the content of a picture or of a prompt.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Protocol, cast

from darkroom_shared.core.problems import Problem, pointer
from darkroom_shared.models.model import Body, Model, Schema

if TYPE_CHECKING:
    from jsonschema import ValidationError

_SHOWN_CHARACTERS = 40
_LONG_INTEGER_BITS = 1000
"""Python refuses to write integers of more than 4300 digits; nobody reads one of 300."""


def _is_integer(_: object, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(_: object, value: object) -> bool:
    # Python's JSON reader lets NaN and Infinity in; every comparison with NaN is false, so it would pass all limits.
    return _is_integer(_, value) or (isinstance(value, float) and math.isfinite(value))


class _Validator(Protocol):
    def iter_errors(self, instance: object) -> Iterable[ValidationError]: ...


@cache
def _validator() -> Callable[[Schema], _Validator]:
    """Draft 2020-12, stricter about numbers. Imported at the first body: a command that checks none starts a fifth sooner."""
    from jsonschema import Draft202012Validator, validators

    # jsonschema's stub leaves `extend` without types, so it is taken out of the module by name and given one here.
    extend = cast("Callable[..., Callable[[Schema], _Validator]]", vars(validators)["extend"])
    # Bedrock's validator takes 1.0 for a float, draft 2020-12 for an integer; the stricter reading is kept, so that later code
    # may rely on `int`.
    types = Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer).redefine("number", _is_number)
    return extend(Draft202012Validator, type_checker=types)


def shown(value: object) -> str:
    """A short form of a value for a message: cut, printable, and safe to encode."""
    text = _plain(value)
    text = "".join(char if char.isprintable() else "?" for char in text[: _SHOWN_CHARACTERS + 1])
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 3] + "..."


def _plain(value: object) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list | tuple):
        return f"a list of {len(cast('Sequence[object]', value))}"
    if isinstance(value, float):
        return str(value)
    if isinstance(value, int):
        return str(value) if value.bit_length() < _LONG_INTEGER_BITS else "a number of very many digits"
    return "an object" if isinstance(value, Mapping) else type(value).__name__


def unsupported_task(model: Model, body: Body) -> Problem:
    """The problem of a body whose task the model cannot do, or that names none."""
    allowed = list(model.task_types)
    if "taskType" not in body:
        return Problem("/taskType", "taskType is required and missing", allowed)
    return Problem("/taskType", f"{model.label} has no task {shown(body['taskType'])}", allowed)


def schema_problems(schema: Schema, body: Mapping[str, object]) -> list[Problem]:
    """Every breach of the schema, in its order; a value of the wrong type is not judged any further."""
    errors = list(_validator()(schema).iter_errors(dict(body)))
    mistyped = {tuple(error.absolute_path) for error in errors if error.validator == "type"}
    return [
        problem
        for error in errors
        if error.validator == "type" or tuple(error.absolute_path) not in mistyped
        for problem in _problems(error, tuple(error.absolute_path))
    ]


def _problems(error: ValidationError, path: Sequence[str | int]) -> list[Problem]:
    keyword = str(error.validator)
    if keyword == "required":
        return _missing(error, path)
    if keyword == "additionalProperties":
        return _unknown_fields(error, path)
    word = _WORDS.get(keyword, _something_else)
    rules = cast("Mapping[str, object]", error.schema)
    message, allowed = word(_name(path), cast("object", error.instance), rules)
    return [Problem(pointer(path), message, allowed)]


Allowed = str | Sequence[object] | Mapping[str, object]


def _name(path: Sequence[str | int]) -> str:
    """What a person calls the place: the last key, with the index for an item of a list."""
    if not path:
        return "The body"
    last = path[-1]
    return f"{path[-2]}[{last}]" if isinstance(last, int) and len(path) > 1 else str(last)


def _missing(error: ValidationError, path: Sequence[str | int]) -> list[Problem]:
    # jsonschema reports one error for each missing field, but names the field in its text alone.
    rules = cast("Mapping[str, object]", error.schema)
    fields = cast("Mapping[str, Mapping[str, object]]", rules.get("properties", {}))
    present = cast("Mapping[str, object]", error.instance)
    required = cast("Sequence[str]", error.validator_value)
    name = next((field for field in required if field not in present and error.message.startswith(repr(field))), required[0])
    return [Problem(pointer((*path, name)), f"{name} is required and missing", _limits(fields.get(name, {})) or "required")]


def _unknown_fields(error: ValidationError, path: Sequence[str | int]) -> list[Problem]:
    rules = cast("Mapping[str, object]", error.schema)
    known = list(cast("Mapping[str, object]", rules.get("properties", {})))
    present = cast("Mapping[object, object]", error.instance)
    unknown = [str(name) for name in present if name not in known]
    where = f"of {path[-1]}" if path else "of the body"
    return [
        Problem(pointer((*path, _encodable(name))), f"{shown(name)} is not a field {where} for this model and task", known)
        for name in unknown
    ]


def _encodable(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()


_KEPT = ("type", "minimum", "maximum", "multipleOf", "minLength", "maxLength", "minItems", "maxItems", "pattern")


def _limits(rules: Mapping[str, object]) -> Allowed:
    """What a schema allows, without what is only for the validator."""
    if "enum" in rules:
        return cast("Sequence[object]", rules["enum"])
    if "contentEncoding" in rules:
        return "a picture as raw base64"
    return {key: rules[key] for key in _KEPT if key in rules}


Word = Callable[[str, object, Mapping[str, object]], tuple[str, Allowed]]

_TYPE_NAMES = {
    "string": "a string",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}


def _kind(value: object) -> str:
    """The kind of a value, never its content: it may be a picture or a prompt in the wrong place."""
    return f"a string of {len(value)} characters" if isinstance(value, str) else shown(value)


def _wrong_type(name: str, found: object, rules: Mapping[str, object]) -> tuple[str, Allowed]:
    wanted = "a base64 string" if "contentEncoding" in rules else _TYPE_NAMES[str(rules["type"])]
    return f"{name} must be {wanted}, not {_kind(found)}", _limits(rules)


def _out_of_range(name: str, found: object, rules: Mapping[str, object]) -> tuple[str, Allowed]:
    low, high = rules["minimum"], rules["maximum"]
    limits = f"be {low}" if low == high else f"lie between {low} and {high}"
    return f"{name} is {shown(found)}, but must {limits}", _limits(rules)


def _no_multiple(name: str, found: object, rules: Mapping[str, object]) -> tuple[str, Allowed]:
    return f"{name} is {shown(found)}, which is not divisible by {rules['multipleOf']}", _limits(rules)


def _wrong_length(name: str, found: object, rules: Mapping[str, object]) -> tuple[str, Allowed]:
    if "contentEncoding" in rules:
        return f"{name} is empty, a picture is needed", _limits(rules)
    low, high = rules.get("minLength", 0), rules.get("maxLength", "any number of")
    return f"{name} has {len(cast('str', found))} characters, {low} to {high} are allowed", _limits(rules)


def _wrong_count(name: str, found: object, rules: Mapping[str, object]) -> tuple[str, Allowed]:
    count = len(cast("Sequence[object]", found))
    low, high = rules["minItems"], rules.get("maxItems", "any number of")
    return f"{name} has {count} items, {low} to {high} are allowed", _limits(rules)


def _no_choice(name: str, found: object, rules: Mapping[str, object]) -> tuple[str, Allowed]:
    choices = cast("Sequence[object]", rules["enum"])
    return f"{name} is {shown(found)}, which is none of the allowed values", choices


def _no_match(name: str, found: object, rules: Mapping[str, object]) -> tuple[str, Allowed]:
    return f"{name} is {shown(found)}, which is not of the form #RRGGBB", "#RRGGBB, six hexadecimal digits"


def _something_else(name: str, found: object, rules: Mapping[str, object]) -> tuple[str, Allowed]:
    return f"{name} is not allowed as it is: {_kind(found)}", _limits(rules)


_WORDS: Mapping[str, Word] = {
    "type": _wrong_type,
    "minimum": _out_of_range,
    "maximum": _out_of_range,
    "multipleOf": _no_multiple,
    "minLength": _wrong_length,
    "maxLength": _wrong_length,
    "minItems": _wrong_count,
    "maxItems": _wrong_count,
    "enum": _no_choice,
    "pattern": _no_match,
}
