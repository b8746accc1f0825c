"""Says what is wrong with a body in Bedrock's words: its validator's phrases for a schema, one sentence for everything else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, cast

from jsonschema import Draft202012Validator, ValidationError

from darkroom_shared.core.problems import Problem

_SIZE_PLACES = ("/imageGenerationConfig", "/imageGenerationConfig/width", "/imageGenerationConfig/height")
_SHOWN = 40


class _Validator(Protocol):
    """What jsonschema's stubs leave half untyped."""

    def iter_errors(self, instance: object) -> Iterable[ValidationError]: ...


def refusal_text(
    problems: Sequence[Problem], body: Mapping[str, object], schema: Mapping[str, object] | None, *, titan: bool
) -> str:
    """The message of the ValidationException for a body with these problems; only the first is told, as the service does.

    Args:
        problems: what was found, at least one.
        body: the request body.
        schema: the JSON Schema of its model and task type; None if it names no task type that the model has.
        titan: whether the model is a Titan, which words a wrong size in its own way.
    """
    phrase = _first_phrase(schema, body)
    size = _size(body)
    if phrase is not None and not (titan and size and _is_size(phrase)):
        return malformed(phrase)
    first = problems[0]
    if titan and size is not None and first.pointer in _SIZE_PLACES:
        return f"400 Bad Request: Value of (width, height) is not valid. Given: ({size[0]}, {size[1]})."
    if not first.pointer:
        return malformed(f"#: {first.message}")
    return malformed(f"#{first.pointer}: {first.message}")


def malformed(phrase: str) -> str:
    """The frame around a finding."""
    return f"Malformed input request: {phrase}, please reformat your input and try again."


def _is_size(phrase: str) -> bool:
    return phrase.startswith(("#/imageGenerationConfig/width:", "#/imageGenerationConfig/height:"))


def _size(body: Mapping[str, object]) -> tuple[int, int] | None:
    config = body.get("imageGenerationConfig")
    if not isinstance(config, dict):
        return None
    told = cast("dict[str, object]", config)
    width, height = told.get("width"), told.get("height")
    return (width, height) if isinstance(width, int) and isinstance(height, int) else None


def _first_phrase(schema: Mapping[str, object] | None, body: Mapping[str, object]) -> str | None:
    """What Bedrock's validator would say first about this body; None if the schema finds nothing."""
    if schema is None:
        return None if "taskType" in body else "#: required key [taskType] not found"
    validator = cast("_Validator", Draft202012Validator(dict(schema)))
    return next((_phrase(error) for error in validator.iter_errors(dict(body))), None)


def _phrase(error: ValidationError) -> str:
    place = "#" + "".join(f"/{part}" for part in error.absolute_path)
    say = _PHRASES.get(str(error.validator), _not_valid)
    return f"{place}: {say(cast('object', error.instance), cast('object', error.validator_value), error)}"


Phrase = Callable[[object, object, ValidationError], str]

_JSON_TYPES: Sequence[tuple[type, str]] = (
    (bool, "Boolean"),
    (int, "Integer"),
    (float, "BigDecimal"),
    (str, "String"),
    (dict, "JSONObject"),
    (list, "JSONArray"),
)
_WANTED = {"object": "JSONObject", "array": "JSONArray", "number": "Number"}


def _type_name(value: object) -> str:
    return next((name for kind, name in _JSON_TYPES if isinstance(value, kind)), "Null")


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _wrong_type(found: object, wanted: object, _: ValidationError) -> str:
    name = str(wanted)
    return f"expected type: {_WANTED.get(name, name.capitalize())}, found: {_type_name(found)}"


def _missing(found: object, wanted: object, error: ValidationError) -> str:
    present = cast("Mapping[str, object]", found)
    names = [name for name in cast("Sequence[str]", wanted) if name not in present]
    told = next((name for name in names if error.message.startswith(repr(name))), names[0])
    return f"required key [{told}] not found"


def _extraneous(found: object, _: object, error: ValidationError) -> str:
    rules = cast("Mapping[str, object]", error.schema)
    known = cast("Mapping[str, object]", rules.get("properties", {}))
    unknown = next(name for name in cast("Mapping[str, object]", found) if name not in known)
    return f"extraneous key [{_shown(unknown)}] is not permitted"


def _not_valid(found: object, _: object, error: ValidationError) -> str:
    return f"{_type_name(found)} is not valid ({error.validator})"


def _length(value: object) -> int:
    return len(cast("Sequence[object]", value))


_PHRASES: Mapping[str, Phrase] = {
    "type": _wrong_type,
    "required": _missing,
    "additionalProperties": _extraneous,
    "maxLength": lambda found, limit, _: f"expected maxLength: {limit}, actual: {_length(found)}",
    "minLength": lambda found, limit, _: f"expected minLength: {limit}, actual: {_length(found)}",
    "maxItems": lambda found, limit, _: f"expected maximum item count: {limit}, found: {_length(found)}",
    "minItems": lambda found, limit, _: f"expected minimum item count: {limit}, found: {_length(found)}",
    "maximum": lambda found, limit, _: f"{_shown(found)} is not less or equal to {limit}",
    "minimum": lambda found, limit, _: f"{_shown(found)} is not greater or equal to {limit}",
    "multipleOf": lambda found, factor, _: f"{_shown(found)} is not a multiple of {factor}",
    "enum": lambda found, _, __: f"{_shown(found)} is not a valid enum value",
    "const": lambda found, _, __: f"{_shown(found)} is not a valid enum value",
    "pattern": lambda found, pattern, _: f"string [{_shown(found)}] does not match pattern {pattern}",
}
