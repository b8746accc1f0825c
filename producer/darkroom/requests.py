"""Reads what a caller hands to submit and chain: typed requests, Bedrock's own bodies, local steps, and steps with a name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, cast

from pydantic import BaseModel

from darkroom.effects import Flow
from darkroom.inputs import Picture, Resolved, resolve, resolve_body
from darkroom.planning import Draft, default_name, name_steps
from darkroom.routing import Source, from_outside
from darkroom_shared.contract.steps import STEP_TYPES, StepSpec, parse_step
from darkroom_shared.core.errors import InvalidRequest
from darkroom_shared.core.problems import Problem, pointer
from darkroom_shared.task_types import CONVERSE, ImageSource, is_check


class HasBody(Protocol):
    """A typed request: anything that can say Bedrock's body."""

    def to_body(self) -> dict[str, object]:
        """Bedrock's body, with the caller's pictures in their places."""
        ...


@dataclass(frozen=True, slots=True)
class LocalStep:
    """A free local step on pictures of its own; without pictures it works on those of the step before it.

    Attributes:
        step: what to do, e.g. `Composite()`.
        images: its pictures: bytes, paths, `asset:<sha256>`, `$steps.<name>.outputs[<i>]`.
    """

    step: StepSpec
    images: Sequence[ImageSource] = field(default=(), repr=False)


class _JsonStep(LocalStep):
    """A local step that came as JSON: its plain strings are base64, never paths of this machine."""

    __slots__ = ()


Request: TypeAlias = HasBody | Mapping[str, object]
"""One request to a model: a typed one, or Bedrock's own body."""
Step: TypeAlias = Request | StepSpec | LocalStep
"""One step of a chain; the mapping may also be `{"step": {"kind": …}, "images": […]}` for a local one."""
NamedStep: TypeAlias = Step | tuple[str, Step]
"""A step, or its name and the step."""


@dataclass(frozen=True, slots=True)
class Opened:
    """Steps with their pictures opened, and all that was wrong so far."""

    drafts: list[Draft]
    start: list[Source]
    pictures: list[Picture]
    problems: list[Problem]


def body_of_request(request: Request) -> tuple[Mapping[str, object], bool]:
    """Bedrock's body, and whether plain strings in its image places are paths.

    Raises:
        TypeError: it is neither a typed request nor a mapping.
    """
    if isinstance(request, Mapping):
        return request, False
    if hasattr(request, "to_body"):
        return request.to_body(), True
    raise TypeError(f"a request is a typed one like TextImage(...) or Bedrock's body as a dict, not {type(request).__name__}")


Tagging: TypeAlias = Callable[[Mapping[str, object]], Mapping[str, object]]
"""Gives a body the task type that only its model tells."""


def open_steps(steps: Sequence[NamedStep], image: ImageSource | Sequence[ImageSource] | None, tagging: Tagging) -> Flow[Opened]:
    """Names the steps and opens their pictures.

    Args:
        image: one or more pictures that the first step works on.
        tagging: gives a body that names no task type the one of its model.

    Raises:
        TypeError: something is no step.
        AssetMissing: an `asset:` reference has no bytes.
    """
    pairs = [_pair(step, tagging) for step in steps]
    names, problems = name_steps([(name, _default_name(step)) for name, step in pairs])
    opened = Opened([], [], [], problems)
    for name, (_, step) in zip(names, pairs, strict=True):
        resolved, draft = yield from _opened(name, step)
        opened.drafts.append(draft)
        _gather(opened, resolved, pointer(["steps", name]))
    if image is not None:
        many = list(image) if isinstance(image, list | tuple) else [image]
        resolved = yield from resolve({f"/image/{index}": source for index, source in enumerate(many)}, paths=True)
        _gather(opened, resolved, "")
        opened.start.extend(from_outside(picture.reference, picture.facts) for picture in resolved.pictures.values())
    return opened


def _gather(opened: Opened, resolved: Resolved, prefix: str) -> None:
    opened.pictures.extend(resolved.pictures.values())
    opened.problems.extend(Problem(prefix + found.pointer, found.message, found.allowed) for found in resolved.problems)


def _pair(step: NamedStep, tagging: Tagging) -> tuple[str | None, Request | LocalStep]:
    if isinstance(step, tuple):
        if len(cast("tuple[object, ...]", step)) != 2 or not isinstance(cast("object", step[0]), str):
            raise TypeError("a named step is a pair of its name and the step")
        return step[0], _plain(step[1], tagging)
    return None, _plain(step, tagging)


def _plain(step: Step, tagging: Tagging) -> Request | LocalStep:
    if isinstance(step, LocalStep):
        return step
    if isinstance(step, BaseModel):
        if not isinstance(step, STEP_TYPES):
            raise TypeError(f"{type(step).__name__} is no step")
        return LocalStep(step)
    if isinstance(step, Mapping) and "step" in step and "taskType" not in step:
        return _local_of(step)
    if isinstance(step, Mapping):
        return tagging(step)
    body_of_request(step)
    return step


def _local_of(value: Mapping[str, object]) -> LocalStep:
    images = value.get("images", [])
    if not isinstance(images, list | tuple) or set(value) - {"step", "images"}:
        message = "a local step is an object with step and, if it has pictures of its own, images"
        raise InvalidRequest([Problem("/steps", message, '{"step": {"kind": ...}, "images": [...]}')])
    return _JsonStep(parse_step(value["step"]), cast("Sequence[ImageSource]", images))


def _default_name(step: Request | LocalStep) -> str:
    if isinstance(step, LocalStep):
        return default_name(step.step.kind)
    body = body_of_request(step)[0]
    task = body.get("taskType")
    if task == CONVERSE.name:  # what several typed requests are for
        return "check" if is_check(body) else CONVERSE.slug if isinstance(step, Mapping) else type(step).__name__.lower()
    return default_name(task) if isinstance(task, str) and task.isidentifier() else "step"


def _opened(name: str, step: Request | LocalStep) -> Flow[tuple[Resolved, Draft]]:
    if isinstance(step, LocalStep):
        sources = {f"/images/{index}": source for index, source in enumerate(step.images)}
        masks = {"/images/0"} if step.step.kind == "invert" else frozenset[str]()
        resolved = yield from resolve(sources, paths=not isinstance(step, _JsonStep), masks=masks)
        return resolved, Draft(name, step.step, tuple(resolved.values.values()), resolved.facts)
    given, paths = body_of_request(step)
    body, resolved = yield from resolve_body(given, paths=paths)
    return resolved, Draft(name, body, facts=resolved.facts)
