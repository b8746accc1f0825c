"""Workflows written in Python: `room.workflow(image) | BackgroundRemoval() | Outpainting(text="a beach") | each(FastUpscale())`.

`a | b` runs b on the pictures of a, `a | group(b, c)` runs both on them, and what stands behind a group takes the pictures of all
its members. `each(step)` runs a step once for every picture. `step(...)` gives one a name, a condition, a model of its own. Steps
may also name what they take, as in a document: `$steps.NAME.outputs[0]`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack, cast

from pydantic import BaseModel

from darkroom.graphs.document import WorkflowDocument, read_document
from darkroom.graphs.expansion import DOCUMENT_TASKS
from darkroom.planning import default_name
from darkroom.requests import LocalStep, Request, body_of_request
from darkroom_shared.contract.gates import Gate
from darkroom_shared.contract.job_record import JobClass, Substitute
from darkroom_shared.contract.steps import StepSpec
from darkroom_shared.core.ids import ASSET_SCHEME
from darkroom_shared.core.workflow import free_name, is_reference
from darkroom_shared.task_types import CONVERSE, ImageSource, image_values, is_check, replace_at


class StepOptions(TypedDict, total=False):
    """What may be said of one step."""

    when: str
    """The condition under which it runs, e.g. `$steps.check.passed`."""
    needs: Sequence[str]
    """Steps that must have gone well, besides those before it."""
    model: str
    substitute: Substitute
    job_class: JobClass
    attempts: int
    """Attempts of each of its calls."""
    finish_within: float
    """Seconds after the submit by which its calls must have begun."""
    enough: int
    """Of several steps whose pictures it takes, how many must have given some."""
    checks: Sequence[str | Mapping[str, object]]
    """Automatic checks of each picture that it makes, as `SubmitOptions.checks`."""
    rerolls: int
    """How often what does not pass them is made again."""


@dataclass(frozen=True, slots=True)
class Node:
    """A step of a workflow in Python; made by `step` and `each`."""

    request: Request | StepSpec | LocalStep | Gate = field(repr=False)
    name: str | None = None
    options: StepOptions = field(default_factory=StepOptions)
    for_each: bool = False
    items: Sequence[object] | str | None = None
    documents: Sequence[str] | str = ()


Part = Node | Request | StepSpec | LocalStep | Gate


@dataclass(frozen=True, slots=True)
class Group:
    """Steps that run side by side; made by `group`."""

    members: tuple[Node, ...]


def step(
    request: Request | StepSpec | LocalStep | Gate,
    name: str | None = None,
    *,
    for_each: Sequence[object] | str | None = None,
    documents: Sequence[str] | str = (),
    **options: Unpack[StepOptions],
) -> Node:
    """A step with a name, a condition, a model of its own.

    Args:
        for_each: a list, or `$steps.NAME.outputs`: it runs once for each item, which is `$item` in a request that is a dict.
        documents: references to answers, for a local step that reads some (`Select`).
        options: see `StepOptions`.
    """
    return Node(request, name, options, items=for_each, documents=documents)


def each(request: Part) -> Node:
    """A step that runs once for every picture of what stands before it."""
    return replace(_node(request), for_each=True)


def group(*parts: Part) -> Group:
    """Steps that run side by side, each on the pictures of what stands before the group."""
    return Group(tuple(_node(part) for part in parts))


def _node(part: Part) -> Node:
    return part if isinstance(part, Node) else Node(part)


@dataclass(frozen=True, slots=True)
class Graph:
    """A workflow as written so far; `|` gives a longer one.

    Attributes:
        steps: the steps as a document has them.
        last: the names of those that stand at the end.
        pictures: what the next step takes: references, or pictures from outside.
    """

    steps: Mapping[str, Mapping[str, object]] = field(default_factory=dict[str, Mapping[str, object]])
    last: tuple[str, ...] = ()
    pictures: tuple[object, ...] = field(default=(), repr=False)

    def __or__(self, part: Part | Group) -> Graph:
        nodes = part.members if isinstance(part, Group) else (_node(part),)
        made, names, pictures = dict(self.steps), list[str](), list[object]()
        for node in nodes:
            name = free_name(node.name or _default_name(node), made)
            made[name] = self._written(node)
            names.append(name)
            pictures += self.pictures if _is_document(node.request) else [f"$steps.{name}.outputs"]
        return Graph(made, tuple(names), tuple(dict.fromkeys(pictures)) if all(map(_is_text, pictures)) else tuple(pictures))

    def _written(self, node: Node) -> Mapping[str, object]:
        told: dict[str, object] = {("class" if name == "job_class" else name): value for name, value in node.options.items()}
        request = node.request
        images: Sequence[object] = self.pictures
        if isinstance(request, LocalStep):
            images, request = [_source(image) for image in request.images] or images, request.step
        if isinstance(request, Gate):
            told["approve"] = request.model_dump(exclude_none=True)
        elif isinstance(request, BaseModel):
            told["step"] = request.model_dump(exclude_none=True)
        else:
            told["request"] = _body(request)
        before: list[str] = []
        if node.for_each:
            told["for_each"] = list(images)
        elif images is self.pictures and len(self.last) == 1 and not self.steps[self.last[0]].get("for_each"):
            before = [*self.last]  # one step before it: its pictures, or those that it looked at
        elif images:
            told["images"] = list(images)
        if node.items is not None:
            told["for_each"] = node.items if isinstance(node.items, str) else list(node.items)
        if node.documents:
            told["documents"] = node.documents if isinstance(node.documents, str) else list(node.documents)
        checks = [name for name in self.last if _is_check(self.steps[name])]
        needs = list(dict.fromkeys([*before, *cast("Sequence[str]", told.get("needs", ())), *checks]))
        return {**told, **({"needs": needs} if needs else {})}

    def document(self, **more: Any) -> WorkflowDocument:
        """The whole as a document; `more`: its other fields, `name`, `budget_usd`, …

        Raises:
            InvalidRequest: everything that is wrong with its form.
        """
        return read_document({**more, "steps": self.steps})


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_document(request: Request | StepSpec | LocalStep | Gate) -> bool:
    if isinstance(request, BaseModel | LocalStep):
        return False
    return body_of_request(request)[0].get("taskType") in DOCUMENT_TASKS


def _is_check(told: Mapping[str, object]) -> bool:
    request = told.get("request")
    return isinstance(request, Mapping) and is_check(cast("Mapping[str, object]", request))


def _default_name(node: Node) -> str:
    request = node.request
    if isinstance(request, Gate):
        return "gate"
    if isinstance(request, LocalStep):
        return default_name(request.step.kind)
    if isinstance(request, BaseModel):
        return default_name(request.kind)
    body = body_of_request(request)[0]
    task = str(body.get("taskType", "step"))
    if task != CONVERSE.name:
        return default_name(task)
    return "check" if is_check(body) else "look" if isinstance(request, Mapping) else type(request).__name__.lower()


def _body(request: Request) -> Mapping[str, object]:
    body, paths = body_of_request(request)
    if not paths:
        return body
    # In a typed request a plain text is the path of a file; in a document it would be base64.
    values = {place.pointer: _source(value) for place, value in image_values(body).items()}
    return replace_at(body, values)


def _source(value: object) -> object:
    plain = isinstance(value, str) and not value.startswith((ASSET_SCHEME, "data:")) and not is_reference(value)
    return Path(cast("str", value)) if plain else value


def start(image: ImageSource | Sequence[ImageSource] | None) -> Graph:
    """A workflow with no steps yet, whose first one takes these pictures."""
    many = [] if image is None else list(image) if isinstance(image, list | tuple) else [image]
    return Graph(pictures=tuple(_source(one) for one in many))
