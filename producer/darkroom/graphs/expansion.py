"""Makes of a document, and the arguments for it, the steps that run: parameters put in, fan-outs written out.

A step with `for_each` becomes `NAME_1`, `NAME_2`, … From outside it is still one: `$steps.NAME.outputs` are the pictures of all of
them in order, and `$steps.NAME.outputs[4]` is the fifth of these. A condition in a step with `for_each` that looks at another one
of equally many looks at the one with its own number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

from darkroom.graphs.document import StepDocument, WorkflowDocument
from darkroom.graphs.parameters import Values, filled
from darkroom.plans import DEFAULT_POLICY, StepPolicy
from darkroom.request_fields import REQUESTS, request_fields
from darkroom_shared.contract.gates import Gate
from darkroom_shared.contract.steps import STEP_KINDS, StepSpec, parse_step
from darkroom_shared.core.conditions import Condition, parse, values_in, with_values
from darkroom_shared.core.errors import InvalidRequest
from darkroom_shared.core.problems import Problem, pointer
from darkroom_shared.core.workflow import CycleError, Reference, order, parse_reference
from darkroom_shared.models.catalogue import MODELS, gives_documents, image_count
from darkroom_shared.task_types import TASK_TYPES, as_array, chain_images, image_values

DOCUMENT_TASKS: Final = frozenset(
    name for name in TASK_TYPES if any(gives_documents(model) for model in MODELS.values() if name in model.task_types)
)
"""Task types that are answered with documents."""
MOST_JOBS: Final = 500
"""Steps of one workflow, its fan-outs written out."""
_ALL: Final = re.compile(r"\$steps\.([a-z][a-z0-9_-]*)\.outputs")
Tagging = Callable[[Mapping[str, object], str | None], Mapping[str, object]]
"""Gives a body that names no task type the one of its model; the second argument is the model of the step."""


@dataclass(frozen=True, slots=True)
class RawStep:
    """A step that runs, its pictures not yet opened.

    Attributes:
        name: unique in the workflow.
        request: a body that may hold any picture, a local step, or a gate.
        images, documents: of a local step or a gate.
        feeds, needs, when, enough, policy, of: as in `planning.Draft`.
    """

    name: str
    request: Mapping[str, object] | StepSpec | Gate = field(repr=False)
    images: tuple[object, ...] = field(default=(), repr=False)
    documents: tuple[str, ...] = ()
    feeds: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    when: Condition | None = None
    enough: int = 0
    policy: StepPolicy = DEFAULT_POLICY
    of: str = ""


@dataclass(slots=True)
class Expanded:
    """All steps, and all that was wrong."""

    steps: list[RawStep] = field(default_factory=list[RawStep])
    problems: list[Problem] = field(default_factory=list[Problem])


def expand(document: WorkflowDocument, arguments: Values, tagging: Tagging) -> Expanded:
    """The steps that a document stands for, in an order in which they can run.

    Args:
        arguments: the checked value of each parameter.
    """
    needs = {name: [_of(other, document) for other in _mentions(step)] for name, step in document.steps.items()}
    implied = _fed_by(document, needs)
    expansion = _Expansion(document, arguments, tagging, implied)
    problems = expansion.result.problems
    for name, mentioned in needs.items():
        unknown = sorted(set(mentioned) - needs.keys())
        problems += [Problem(pointer(["steps", name]), f"there is no step {other!r}", sorted(needs)) for other in unknown]
    try:
        names = order({name: [*mentioned, *implied.get(name, [])] for name, mentioned in needs.items()})
    except CycleError as error:
        problems.append(Problem(pointer(["steps", error.steps[0]]), str(error), "steps that do not wait for each other"))
        names = []
    for name in names:
        expansion.add(name, document.steps[name])
        if len(expansion.result.steps) > MOST_JOBS:
            problems.append(Problem(pointer(["steps", name]), f"with it the workflow has more than {MOST_JOBS} steps"))
            break
    return expansion.result


def _fed_by(document: WorkflowDocument, mentioned: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Whose pictures a step takes that names none: those of `needs`, else of the step before it, unless that one waits for it."""
    found: dict[str, list[str]] = {}
    before: list[str] = []
    for name, step in document.steps.items():
        last = before[-1:]
        if last and name in _all_before(last[0], mentioned, found):
            last = []
        found[name] = [need for need in step.needs if need in mentioned] or last
        before.append(name)
    return found


def _all_before(name: str, mentioned: Mapping[str, Sequence[str]], fed_by: Mapping[str, Sequence[str]]) -> set[str]:
    """Every step that one waits for, however many steps lie between."""
    found: set[str] = set()
    left = [name]
    while left:
        one = left.pop()
        more = {*mentioned.get(one, ()), *fed_by.get(one, ())} - found
        found |= more
        left += more
    return found


def _of(name: str, document: WorkflowDocument) -> str:
    """The step of the document that one of its runs, `NAME_2`, belongs to; any other name as it is."""
    whole, _, number = name.rpartition("_")
    step = document.steps.get(whole)
    return whole if name not in document.steps and number.isdecimal() and step is not None and step.for_each is not None else name


def _mentions(step: StepDocument) -> Iterator[str]:
    yield from step.needs
    yield from _texts_with_steps([step.with_, step.request, step.step, step.images, step.documents, step.for_each])
    if step.when is not None:
        yield from (str(value["step"]) for value in values_in(parse(step.when)))


def _texts_with_steps(value: object) -> Iterator[str]:
    if isinstance(value, str):
        found = _ALL.match(value)
        reference = parse_reference(value)
        if found and (reference or found[0] == value):
            yield found[1]
    elif isinstance(value, Mapping):
        yield from (name for item in cast("Mapping[str, object]", value).values() for name in _texts_with_steps(item))
    elif isinstance(value, list):
        yield from (name for item in cast("list[object]", value) for name in _texts_with_steps(item))


class _Expansion:
    """Writes out step after step; those that a step mentions come before it."""

    def __init__(
        self, document: WorkflowDocument, arguments: Values, tagging: Tagging, fed_by: Mapping[str, Sequence[str]]
    ) -> None:
        self.result = Expanded()
        self._arguments = arguments
        self._tagging = tagging
        self._fed_by = fed_by
        self._fans = {name for name, step in document.steps.items() if step.for_each is not None}
        self._taken = set(document.steps)
        self._runs: dict[str, list[str]] = {}
        """The steps that a step of the document became."""
        self._outputs: dict[str, list[str]] = {}
        """The references to all that a step of the document gives."""
        self._handed: dict[str, list[str]] = {}
        """The pictures that the next step takes: its own, or of a step that gives documents those that it got."""

    def add(self, name: str, step: StepDocument) -> None:
        items = self._items(name, step)
        self._runs[name] = [f"{name}_{number}" for number in range(1, len(items) + 1)] if step.for_each is not None else [name]
        self._outputs[name], self._handed[name] = [], []
        twice = [run for run in self._runs[name] if run != name and run in self._taken]
        if twice:
            text = f"its runs are called {twice[0]!r}, and so is another step"
            self.result.problems.append(Problem(pointer(["steps", name]), text, "another name"))
            return
        self._taken.update(self._runs[name])
        for number, item in enumerate(items, start=1):
            run = self._runs[name][number - 1]
            values: dict[str, object] = {"params": self._arguments}
            if step.for_each is not None:
                values |= {"item": item, "number": number}
            raw = self._run(name, run, step, values, number - 1)
            if raw is not None:
                self.result.steps.append(raw)
                self._outputs[name] += [str(Reference(run, index)) for index in range(_given(raw))]

    def _items(self, name: str, step: StepDocument) -> Sequence[object]:
        if step.for_each is None:
            return [None]
        at = ("steps", name, "for_each")
        wanted = filled(self._plain(step.for_each, at), {"params": self._arguments}, at, self.result.problems)
        if not isinstance(wanted, list) or not wanted:
            allowed = "a list with items, a parameter that is one, or $steps.NAME.outputs"
            self.result.problems.append(Problem(pointer(at), "there is nothing to run it for", allowed))
            return []
        return cast("list[object]", wanted)

    def _run(self, name: str, run: str, step: StepDocument, values: Values, index: int) -> RawStep | None:
        def put_in(value: object, *place: str) -> object:
            at = ("steps", name, *place)
            # In this order: what is put in may be anybody's text, and is not looked through for references.
            return filled(self._plain(value, at), values, at, self.result.problems)

        images = put_in(step.images, "images")
        documents = put_in(step.documents, "documents")
        listed = [] if images is None else list(cast("Sequence[object]", images)) if isinstance(images, list) else [images]
        item = values.get("item")
        if not listed and isinstance(item, str) and parse_reference(item) and not _uses_item(step):
            listed = [item]
        before = len(self.result.problems)
        request = self._request(name, step, put_in)
        if request is None or len(self.result.problems) > before:
            return None
        if isinstance(request, Mapping) and listed:
            request, listed = chain_images(request, *listed), []
        fed_by: Sequence[str] = () if listed else self._fed_by[name]
        if isinstance(request, Gate) and not listed:
            listed, fed_by = [ref for other in fed_by for ref in self._handed[other]], ()
        self._handed[name] += self._hands_on(request, run, listed, fed_by)
        read = as_array(documents) or ([documents] if documents else [])
        return RawStep(
            run,
            request,
            tuple(listed),
            tuple(str(one) for one in read),
            tuple(one for other in fed_by for one in self._runs.get(other, [])),
            tuple(one for other in step.needs for one in self._runs.get(other, [])),
            None if step.when is None else self._condition(name, parse(step.when), index),
            step.enough or 0,
            StepPolicy(
                *(step.model, step.substitute, step.job_class, step.attempts, step.finish_within),
                checks=tuple(step.checks),
                rerolls=step.rerolls,
            ),
            name if step.for_each is not None else "",
        )

    def _hands_on(
        self, request: Mapping[str, object] | StepSpec | Gate, run: str, listed: Sequence[object], fed_by: Sequence[str]
    ) -> list[str]:
        """The pictures that a step after it takes."""
        if isinstance(request, Mapping) and request.get("taskType") in DOCUMENT_TASKS:
            own = [str(value) for value in image_values(request).values() if parse_reference(str(value))]
            return own or [ref for other in fed_by for ref in self._handed.get(other, [])]
        return [str(Reference(run, index)) for index in range(_given(RawStep(run, request, tuple(listed))))]

    def _request(
        self, name: str, step: StepDocument, put_in: Callable[..., object]
    ) -> Mapping[str, object] | StepSpec | Gate | None:
        if step.approve is not None:
            return step.approve
        if step.step is not None:
            return self._local(name, put_in(step.step, "step"))
        if step.request is not None:
            return self._tagging(cast("Mapping[str, object]", put_in(step.request, "request")), step.model)
        return self._typed(name, step, cast("Mapping[str, object]", put_in(step.with_, "with")))

    def _local(self, name: str, value: object) -> StepSpec | None:
        try:
            return parse_step(value)
        except InvalidRequest as error:
            prefix = pointer(["steps", name, "step"])
            self.result.problems += [replace(found, pointer=prefix + found.pointer) for found in error.problems]
            return None

    def _typed(self, name: str, step: StepDocument, given: Mapping[str, object]) -> Mapping[str, object] | StepSpec | None:
        kind = str(step.do).strip().lower().replace("_", "-")
        if kind.replace("-", "_") in STEP_KINDS:
            return self._local(name, {"kind": kind.replace("-", "_"), **given})
        typed = REQUESTS.get(kind)
        if typed is None:
            allowed = [*REQUESTS, *(one.replace("_", "-") for one in STEP_KINDS)]
            self.result.problems.append(Problem(pointer(["steps", name, "do"]), f"{step.do!r} is nothing to do", allowed))
            return None
        known = {word: found.name for found in request_fields(typed) for word in found.words}
        known |= {found: found for found in typed.__dataclass_fields__}
        values: dict[str, object] = {}
        for word, value in given.items():
            field_name = known.get(word.replace("-", "_"))
            if field_name is None:
                where = pointer(["steps", name, "with", word])
                allowed = sorted(found.option.replace("-", "_") for found in request_fields(typed))
                self.result.problems.append(Problem(where, f"{kind} has no {word[:80]!r}", allowed))
            else:
                values[field_name] = value
        try:
            return typed(**cast("dict[str, Any]", values)).to_body()
        except (TypeError, ValueError) as error:
            self.result.problems.append(Problem(pointer(["steps", name, "with"]), str(error)[:300]))
            return None

    def _plain(self, value: object, at: tuple[str | int, ...]) -> object:
        """The value with `$steps.NAME.outputs` written out, in a list as more items of it."""
        if isinstance(value, str):
            whole = _ALL.fullmatch(value)
            return list(self._outputs.get(whole[1], [])) if whole else self._numbered(value, at)
        if isinstance(value, Mapping):
            return {name: self._plain(item, (*at, name)) for name, item in cast("Mapping[str, object]", value).items()}
        if isinstance(value, list):
            found: list[object] = []
            for index, item in enumerate(cast("list[object]", value)):
                plain = self._plain(item, (*at, index))
                spliced = isinstance(item, str) and isinstance(plain, list)
                found += cast("list[object]", plain) if spliced else [plain]
            return found
        return value

    def _numbered(self, text: str, at: tuple[str | int, ...]) -> str:
        reference = parse_reference(text)
        if reference is None or reference.step not in self._fans:
            return text
        every = self._outputs.get(reference.step, [])
        if reference.index < len(every):
            return every[reference.index]
        self.result.problems.append(Problem(pointer(at), f"{text} leads nowhere", every))
        return text

    def _condition(self, name: str, condition: Condition, index: int) -> Condition:
        def own(value: Mapping[str, object]) -> Mapping[str, object]:
            step = str(value["step"])
            if step not in self._fans:
                return value
            runs = self._runs.get(step, [])
            if name in self._fans and len(runs) == len(self._runs[name]):
                return {**value, "step": runs[index]}
            text = f"step {step!r} runs {len(runs)} times: a condition can only look at it from a step that runs as often"
            self.result.problems.append(Problem(pointer(["steps", name, "when"]), text))
            return value

        return with_values(condition, own)


def _uses_item(step: StepDocument) -> bool:
    return "$item" in str([step.with_, step.request, step.images]) or "${item" in str([step.with_, step.request])


def _given(raw: RawStep) -> int:
    """How many outputs a step gives that others may refer to; more may come, a mask say, but they are not counted on."""
    if isinstance(raw.request, Gate):
        return raw.request.choose or len(raw.images)
    if isinstance(raw.request, Mapping):
        return image_count(raw.request)
    return raw.request.images
