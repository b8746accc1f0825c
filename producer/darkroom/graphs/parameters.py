"""The arguments of a workflow: checked against its parameters, and put in the places where it names them.

`$params.NAME` as a whole text is replaced by the value itself, a number stays a number; `${params.NAME}` inside a longer text by
the value as text. In a step with `for_each`, `$item` (or `$item.KEY`) and `$number` (from 1) are that run's own. What is put in is
not read again: a value that looks like a reference is just that text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Final, cast

from darkroom.graphs.document import Parameter
from darkroom_shared.core.conditions import at_path
from darkroom_shared.core.ids import ASSET_SCHEME
from darkroom_shared.core.problems import Problem, pointer

_WHOLE: Final = re.compile(r"\$(params\.[a-z][a-z0-9_-]*|item(?:\.[\w-]+)*|number)")
_INSIDE: Final = re.compile(r"\$\{(params\.[a-z][a-z0-9_-]*|item(?:\.[\w-]+)*|number)\}")
_COLOR: Final = re.compile(r"#[0-9A-Fa-f]{6}")
_TYPES: Final[Mapping[str, tuple[type, ...]]] = {"text": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,)}
Values = Mapping[str, object]
"""What may be put in, by name: `params`, `item`, `number`."""


def arguments(
    parameters: Mapping[str, Parameter], given: Mapping[str, object], *, paths: bool
) -> tuple[dict[str, object], list[Problem]]:
    """The value of every parameter, and what is wrong with those given.

    Args:
        paths: whether a plain text in the place of a picture is the path of a file; else it is base64.
    """
    problems = [
        Problem(pointer(["parameters", name]), f"there is no parameter {name[:80]!r}", sorted(parameters))
        for name in given
        if name not in parameters
    ]
    values: dict[str, object] = {}
    for name, parameter in parameters.items():
        value = given.get(name)
        if value is None:
            value = parameter.default
        if value is None:
            problems.append(Problem(pointer(["parameters", name]), f"{name} must be given", _told(parameter)))
            continue
        text = _wrong(parameter, value)
        if text:
            problems.append(Problem(pointer(["parameters", name]), text, _told(parameter)))
        else:
            values[name] = _picture_paths(parameter, value) if paths and name in given else value
    return values, problems


def _told(parameter: Parameter) -> Mapping[str, object]:
    return parameter.model_dump(include={"type", "minimum", "maximum", "allowed"}, exclude_none=True)


def _wrong(parameter: Parameter, value: object) -> str:
    """What is wrong with a value; empty if nothing is."""
    if parameter.type not in ("images", "texts", "colors"):
        return _wrong_type(parameter.type, value) or _wrong_value(parameter, value)
    if not isinstance(value, list | tuple):
        return f"a {type(value).__name__} is no list"
    items = cast("Sequence[object]", value)
    kind, one = parameter.type[:-1], parameter.model_copy(update={"minimum": None, "maximum": None})
    found = (_wrong_type(kind, item) or _wrong_value(one, item) for item in items)
    return next((text for text in found if text), "") or _outside(parameter, len(items), "it has {} items")


def _shown(value: object) -> str:
    """A value for a message: the beginning of a text or a number, of anything else its type."""
    return repr(value)[:40] if isinstance(value, str | int | float) else f"a {value.__class__.__name__}"


_PICTURES: Final[tuple[type, ...]] = (bytes, bytearray, PathLike)


def _wrong_type(kind: str, value: object) -> str:
    match kind:
        case "image":
            right = value[:1] != "$" if isinstance(value, str) else isinstance(value, _PICTURES)
        case "color":
            right = isinstance(value, str) and _COLOR.fullmatch(value) is not None
        case _:
            right = isinstance(value, _TYPES[kind]) and (kind == "boolean") == isinstance(value, bool)
    return "" if right else f"{_shown(value)} is no {kind}"


def _wrong_value(parameter: Parameter, value: object) -> str:
    if parameter.allowed is not None and value not in parameter.allowed:
        return f"{_shown(value)} is not allowed"
    if isinstance(value, str) and parameter.type in ("text", "texts"):
        return _outside(parameter, len(value), "it has {} characters")
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return _outside(parameter, cast("float", value), "{} is outside its bounds") if is_number else ""


def _outside(parameter: Parameter, value: float, text: str) -> str:
    low = parameter.minimum is not None and value < parameter.minimum
    return text.format(value) if low or (parameter.maximum is not None and value > parameter.maximum) else ""


def _picture_paths(parameter: Parameter, value: object) -> object:
    if parameter.type == "images":
        one = parameter.model_copy(update={"type": "image"})
        return [_picture_paths(one, item) for item in cast("Sequence[object]", value)]
    plain = parameter.type == "image" and isinstance(value, str) and not value.startswith((ASSET_SCHEME, "data:"))
    return Path(cast("str", value)) if plain else value


def filled(value: object, values: Values, at: tuple[str | int, ...], problems: list[Problem]) -> object:
    """A JSON value with everything put in; a name that stands for nothing is a problem at its place."""
    if isinstance(value, str):
        whole = _WHOLE.fullmatch(value)
        if whole:
            return _looked_up(whole[1], values, at, problems)
        return _INSIDE.sub(lambda match: _as_text(_looked_up(match[1], values, at, problems), at, problems), value)
    if isinstance(value, Mapping):
        pairs = cast("Mapping[str, object]", value).items()
        return {name: filled(item, values, (*at, name), problems) for name, item in pairs}
    if isinstance(value, list):
        return [filled(item, values, (*at, index), problems) for index, item in enumerate(cast("list[object]", value))]
    return value


def _looked_up(name: str, values: Values, at: tuple[str | int, ...], problems: list[Problem]) -> object:
    first, *path = name.split(".")
    if first not in values:
        problems.append(Problem(pointer(at), f"${name} is for steps with for_each"))
        return ""
    found = at_path(values[first], path)
    if found is None:
        known = sorted(cast("Mapping[str, object]", values[first])) if isinstance(values[first], Mapping) else None
        problems.append(Problem(pointer(at), f"${name} stands for nothing", known))
        return ""
    return found


def _as_text(value: object, at: tuple[str | int, ...], problems: list[Problem]) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    problems.append(Problem(pointer(at), f"a {type(value).__name__} cannot stand inside a text"))
    return ""
