"""Reads the steps of a chain as people type them: `outpainting:on a beach,seed=7`.

    STEP   = KIND | KIND ":" PART ("," PART)*
    KIND   = a task type (text-image, inpainting, …) or a local step (flatten, resize, zoom-out, …)
    PART   = NAME "=" VALUE     an option of `darkroom submit KIND` without the dashes; n for count; name for the step's own name
           | words              the prompt; words that hold commas are put together again

Several colours or pictures in one option are parted by `+`: `color-guided-generation:a jar,color=#ff0000+#00ff00`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from darkroom.cli.exits import BadInput
from darkroom.cli.submit import build
from darkroom.request_fields import REQUESTS, RequestField, prompt_field, request_fields
from darkroom_shared.contract.steps import STEP_KINDS, StepSpec, parse_step
from darkroom_shared.core.errors import InvalidRequest
from darkroom_shared.task_types import AnyRequest

_CHOOSES: Final = "select"
_NO_ANSWERS: Final = "select needs an answer about each picture, and a chain has none: see `darkroom workflow show best-of`."
LOCAL: Final[Mapping[str, str]] = {kind.replace("_", "-"): kind for kind in STEP_KINDS if kind != _CHOOSES}
"""Local steps by the name that the command line has for them, but the one that reads answers beside its pictures."""
_OPTION: Final = re.compile(r"\s*([A-Za-z][\w-]*)=(.*)", re.DOTALL)
_TRUE: Final = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


@dataclass(frozen=True, slots=True)
class TypedStep:
    """One step as read: its own name, if it was given one, and what it does."""

    name: str | None
    request: AnyRequest | StepSpec


def is_step(word: str) -> bool:
    """True if a word begins like a step."""
    kind = word.partition(":")[0].strip().lower().replace("_", "-")
    return kind in REQUESTS or kind in LOCAL or kind == _CHOOSES


def read_step(word: str) -> TypedStep:
    """The step that a word describes.

    Raises:
        BadInput: it describes none; the text says what is allowed.
    """
    head, _, tail = word.partition(":")
    kind = head.strip().lower().replace("_", "-")
    options, words = _parts(tail)
    name = options.pop("name", None)
    if kind in LOCAL:
        return TypedStep(name, _local(kind, options, words))
    if kind in REQUESTS:
        return TypedStep(name, _request(kind, options, words))
    if kind == _CHOOSES:
        raise BadInput(_NO_ANSWERS)
    raise BadInput(f"{head!r} is no step. Steps are {', '.join([*REQUESTS, *LOCAL])}.")


def _parts(tail: str) -> tuple[dict[str, str], str]:
    options: dict[str, str] = {}
    words: list[str] = []
    for part in tail.split(",") if tail.strip() else ():
        match = _OPTION.fullmatch(part)
        if match is None:
            words.append(part)
        else:
            options[match[1].lower().replace("-", "_")] = match[2].strip()
    return options, ",".join(words).strip()


def _request(kind: str, options: Mapping[str, str], words: str) -> AnyRequest:
    request = REQUESTS[kind]
    known = {spelling: field for field in request_fields(request) for spelling in field.words}
    values: dict[str, object] = {}
    for name, text in options.items():
        if name not in known:
            allowed = ", ".join(field.option.replace("-", "_") for field in request_fields(request))
            raise BadInput(f"{kind} has no option {name!r}. Its options are {allowed}, and name.")
        values[known[name].name] = _value(kind, known[name], text)
    prompt = prompt_field(request)
    if words and prompt is None:
        raise BadInput(f"{kind} takes no prompt, and {words!r} is no option (NAME=VALUE).")
    return build(request, values | ({prompt.name: words} if prompt and words else {}))


def _value(kind: str, field: RequestField, text: str) -> object:
    try:
        match field.kind:
            case "int":
                return int(text)
            case "float":
                return float(text)
            case "bool":
                return _TRUE[text.lower()]
            case "images" | "words":
                return text.split("+")
            case _:
                return text
    except (ValueError, KeyError) as error:
        wanted = {"int": "a whole number", "float": "a number", "bool": "yes or no"}[field.kind]
        raise BadInput(f"{kind}: {field.option}={text!r} is not {wanted}.") from error


def _local(kind: str, options: Mapping[str, str], words: str) -> StepSpec:
    if words:
        raise BadInput(f"{kind} takes no prompt, and {words!r} is no option (NAME=VALUE).")
    try:
        return parse_step({"kind": LOCAL[kind], **{name: _scalar(text) for name, text in options.items()}})
    except InvalidRequest as error:
        told = "; ".join(f"{problem.pointer.lstrip('/')}: {problem.message}" for problem in error.problems)
        raise BadInput(f"{kind}: {told}.") from error


def _scalar(text: str) -> bool | int | float | str | list[str]:
    """Yes or no or a number where the text is one, a list where colours are joined by `+`."""
    if text.lower() in _TRUE:
        return _TRUE[text.lower()]
    if text.startswith("#") and "+" in text:
        return text.split("+")
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text
