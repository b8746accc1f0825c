"""Reads from the typed requests themselves which options a command line, or a step of a workflow, may offer for them.

So a new task type, or a new field of one, needs no line here: `darkroom submit` and the steps of `darkroom chain` know it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Final, Literal, cast, get_args, get_origin, get_type_hints

from darkroom_shared.task_types import TASK_TYPES, AnyRequest

Kind = Literal["text", "int", "float", "bool", "choice", "image", "images", "words", "json"]

_TYPED: Final = cast("tuple[type[AnyRequest], ...]", get_args(AnyRequest))
_OFTEN: Final = Counter(request.task_type for request in _TYPED)
REQUESTS: Final[Mapping[str, type[AnyRequest]]] = {
    (request.task_type if _OFTEN[request.task_type] == 1 else request.__name__).lower().replace("_", "-"): request
    for request in _TYPED
}
"""The typed requests by the name that the command line has for them: their task type, or their own where several share one."""

_SHORT: Final[Mapping[str, str]] = {"number_of_images": "count"}
_PROMPTS: Final = ("text", "prompt", "text_prompts", "texts", "question")
_PICTURES: Final = ("image", "images", "source_image", "init_image")
_IMAGE_SUFFIX: Final = "_image"


@dataclass(frozen=True, slots=True)
class RequestField:
    """One field of a typed request as the command line offers it.

    Attributes:
        name: the field's name in Python.
        option: the word for it: `mask` for `mask_image`, `count` for `number_of_images`, `image` for `images`.
        kind: what may be given.
        choices: the words allowed where `kind` is `choice`.
        required: True if the request cannot be built without it.
        help: its line of the request's documentation.
    """

    name: str
    option: str
    kind: Kind
    choices: tuple[str, ...]
    required: bool
    help: str

    @property
    def words(self) -> frozenset[str]:
        """Every spelling that is understood, with `_` for `-`."""
        return frozenset({self.name, self.option.replace("-", "_"), *(("n",) if self.name == "number_of_images" else ())})

    @property
    def is_prompt(self) -> bool:
        """Whether the plain words of a command go there."""
        return self.name in _PROMPTS


def request_fields(request: type[AnyRequest]) -> tuple[RequestField, ...]:
    """The fields of a typed request that a word can fill, in its order."""
    hints: dict[str, object] = get_type_hints(request)
    told = _documented(request)
    return tuple(
        RequestField(
            field.name, _option(field.name), *_kind(field.name, hints[field.name]), _required(field), told.get(field.name, "")
        )
        for field in fields(request)
        if not _is_object(hints[field.name])
    )


def picture_field(request: type[AnyRequest]) -> RequestField | None:
    """The field that takes the picture to work on; None for a request that may start from words."""
    slot = TASK_TYPES[request.task_type].chained_slot
    if slot is None or slot.is_optional:
        return None
    return next(field for field in request_fields(request) if field.name in _PICTURES)


def prompt_field(request: type[AnyRequest]) -> RequestField | None:
    """The field that takes the plain words of a command; None where a request has none."""
    return next((field for field in request_fields(request) if field.is_prompt), None)


def _required(field: object) -> bool:
    return getattr(field, "default", MISSING) is MISSING and getattr(field, "default_factory", MISSING) is MISSING


def _option(name: str) -> str:
    if name in _SHORT:
        return _SHORT[name]
    plain = "image" if name == "images" else name.removesuffix(_IMAGE_SUFFIX)
    return {"color": "color", "colors": "color"}.get(plain, plain).replace("_", "-")


def _kind(name: str, hint: object) -> tuple[Kind, tuple[str, ...]]:
    if get_origin(hint) is Mapping:
        return "json", ()
    parts = [part for part in _flat(hint) if part is not type(None)]
    choices = tuple(str(value) for part in parts if get_origin(part) is Literal for value in get_args(part))
    if choices:
        return "choice", choices
    if name in ("colors", "images"):
        return ("images" if name == "images" else "words"), ()
    if bytes in parts:
        return "image", ()
    simple: dict[object, Kind] = {int: "int", float: "float", bool: "bool", str: "text"}
    return next(simple[part] for part in parts if part in simple), ()


def _is_object(hint: object) -> bool:
    return any(get_origin(part) is Mapping or (get_origin(part) is not Literal and _is_object(part)) for part in get_args(hint))


def _flat(hint: object) -> list[object]:
    inner = get_args(hint)
    if not inner or get_origin(hint) is Literal:
        return [hint]
    return [part for arg in inner for part in _flat(arg)]


def _documented(request: type[object]) -> dict[str, str]:
    """The lines under `Attributes:` of a class and of what it inherits from."""
    found: dict[str, str] = {}
    for cls in reversed(request.__mro__):
        _, _, section = (cls.__doc__ or "").partition("Attributes:")
        for name, text in re.findall(r"^\s{8}(\w+(?:, \w+)*): (.+(?:\n\s{9,}.+)*)", section, re.MULTILINE):
            found |= {one: " ".join(text.split()) for one in name.split(", ")}
    return found
