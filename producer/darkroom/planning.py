"""Plans a chain: hands pictures from step to step, inserts the free local steps in between, and checks the whole before it costs.

Pure: drafts with the facts of their pictures in, a plan or every problem at once out. In a chain

* an empty image place takes the picture of the step before (IMAGE_VARIATION takes up to five of them, the others the first);
* a picture that the model would refuse is resized, flattened or converted on the way;
* a step that gives a document hands on the pictures that it got; steps behind a check run only if its verdict is yes;
* INPAINTING and OUTPAINTING without a mask get the outline of a cut-out or the mask of an enlarged canvas, in its polarity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, Protocol

from darkroom.routing import Router, Source, output_sources
from darkroom_shared.contract.steps import StepSpec
from darkroom_shared.core.errors import InvalidRequest
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.core.problems import Problem, pointer
from darkroom_shared.core.workflow import STEP_NAME, CycleError, free_name, needs_of, order
from darkroom_shared.models.catalogue import check_body, gives_documents, image_count
from darkroom_shared.models.model import Model
from darkroom_shared.plan.fitting import picture_problems
from darkroom_shared.plan.route import Route
from darkroom_shared.task_types import TASK_TYPES, image_values, is_check


@dataclass(frozen=True, slots=True)
class Draft:
    """A step as the caller wants it, its pictures opened.

    Attributes:
        name: unique among the drafts.
        request: Bedrock's body, or the local step.
        images: references for a local step; empty to take the pictures of the step before.
        facts: facts of the pictures from outside by JSON pointer (for a local step `/images/<i>`).
    """

    name: str
    request: Mapping[str, object] | StepSpec = field(repr=False)
    images: tuple[str, ...] = ()
    facts: Mapping[str, ImageFacts] = field(default_factory=dict[str, ImageFacts])


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step as it will run.

    Attributes:
        name: its name in the workflow.
        kind: `bedrock` is a paid call, `local` a free operation.
        task_type: Bedrock's taskType, or `local.<kind>`.
        request: what is recorded: Bedrock's body, or `{"step", "images"}`.
        needs: names of the steps whose pictures it uses.
        after: names of the checks that must have passed, whose pictures it does not use.
        inputs: facts of its pictures in the order of their places; None where nobody can know them before.
        outputs: facts of the pictures it is expected to give; None likewise.
        images: how many pictures are asked for.
        inserted: True if the caller did not ask for it.
        reason: why it was inserted.
        model: model id; empty for local steps.
        price_usd: US dollars for the whole step; None if not known, or while it has no route.
        asked: the request as it was asked for, where another one is sent in its place.
        calls: how many calls it takes.
        route: which way the calls go; None for local steps.
        routes: all that were looked at, the best first.
    """

    name: str
    kind: Literal["bedrock", "local"]
    task_type: str
    request: Mapping[str, object] = field(repr=False)
    needs: tuple[str, ...]
    inputs: tuple[ImageFacts | None, ...]
    outputs: tuple[ImageFacts | None, ...]
    images: int
    inserted: bool = False
    reason: str = ""
    model: str = ""
    price_usd: Decimal | None = Decimal(0)
    asked: Mapping[str, object] = field(default_factory=dict[str, object], repr=False)
    after: tuple[str, ...] = ()
    calls: int = 1
    route: Route | None = None
    routes: tuple[Route, ...] = ()

    @property
    def waits_for(self) -> tuple[str, ...]:
        """Names of all steps that must have ended well before it starts."""
        return tuple(dict.fromkeys((*self.needs, *self.after)))

    def as_json(self, *, routes: bool = False) -> dict[str, object]:
        """What a plan shows of it: no prompts, no pictures; `routes` adds those that were not taken."""
        return {
            "name": self.name,
            "kind": self.kind,
            "task_type": self.task_type,
            "needs": list(self.waits_for),
            "inputs": [_size(facts) for facts in self.inputs],
            "outputs": [_size(facts) for facts in self.outputs],
            "images": self.images,
            "inserted": self.inserted,
            "reason": self.reason,
            "model": self.model,
            "price_usd": None if self.price_usd is None else float(self.price_usd),
            **({} if self.route is None else {"calls": self.calls, "route": self.route.as_json()}),
            **({"routes": [route.as_json() for route in self.routes]} if routes and self.route is not None else {}),
        }


def _size(facts: ImageFacts | None) -> dict[str, int] | None:
    return None if facts is None else {"width": facts.width, "height": facts.height}


@dataclass(frozen=True, slots=True)
class Plan:
    """What a chain would do.

    Attributes:
        steps: in an order in which they can run, the inserted ones marked.
        model: model id of the Bedrock steps; several joined by commas.
        price_usd: US dollars for all steps; None if one is not known.
        warnings: sentences for a person.
    """

    steps: tuple[PlannedStep, ...]
    model: str
    price_usd: Decimal | None
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """The JSON form, steps in order."""
        return {
            "model": self.model,
            "price_usd": None if self.price_usd is None else float(self.price_usd),
            "warnings": list(self.warnings),
            "steps": [step.as_json(routes=True) for step in self.steps],
        }


def default_name(task_or_kind: str) -> str:
    """What a step is called if the caller did not say: `outpainting`, `variation`, `flatten`."""
    task = TASK_TYPES.get(task_or_kind)
    return task_or_kind.lower() if task is None else task.slug.removeprefix("image_")


def name_steps(wanted: Sequence[tuple[str | None, str]]) -> tuple[list[str], list[Problem]]:
    """Names for steps from (given name or None, default) pairs, and what is wrong with the given ones.

    Two equal given names are numbered too, so that the rest of the check can go on; the problem tells.
    """
    names: list[str] = []
    problems: list[Problem] = []
    given = [name for name, _ in wanted if name is not None]
    for name, default in wanted:
        if name is not None and not STEP_NAME.fullmatch(name):
            problems.append(Problem(pointer(["steps", name]), f"{name[:80]!r} is no name of a step", STEP_NAME.pattern))
        if name is not None and name in names:
            problems.append(
                Problem(pointer(["steps", name]), f"two steps have the name {name!r}", "a name for each step of its own")
            )
        names.append(free_name(name or default, names if name is not None else [*names, *given]))
    return names, problems


class Placing(Protocol):
    """Decides about models: by whose rules a request is read, and which route it takes."""

    def model_for(self, body: Mapping[str, object]) -> Model:
        """By whose rules the request is read."""
        ...

    def placed(self, step: PlannedStep, names: Sequence[str] = ()) -> list[PlannedStep]:
        """The step on its route, behind the paid steps that this needs. Raises NoRoute."""
        ...


def plan_chain(drafts: Sequence[Draft], placing: Placing, start: Sequence[Source] = ()) -> Plan:
    """The plan for steps in the order of the chain.

    Args:
        drafts: 1 or more steps.
        placing: which models do the Bedrock steps.
        start: pictures for the first step if its own place is empty.

    Raises:
        InvalidRequest: every problem of every step, pointers under `/steps/<name>`.
        NoRoute: a step is right, but no model may do it.
    """
    if not drafts:
        raise InvalidRequest([Problem("/steps", "the chain has no steps", "at least one step")])
    planner = _Planner(placing, [draft.name for draft in drafts])
    previous = list(start)
    for draft in _runnable(drafts):
        previous = planner.add(draft, previous)
    if planner.problems:
        raise InvalidRequest(planner.problems)
    steps = placed_steps(planner.steps, placing)
    prices = [step.price_usd for step in steps]
    total = None if None in prices else sum((price for price in prices if price is not None), Decimal(0))
    models = ",".join(dict.fromkeys(step.model for step in steps if step.model))
    return Plan(tuple(steps), models, total, (*planner.warnings, *_unused(planner.steps)))


def placed_steps(steps: Sequence[PlannedStep], placing: Placing) -> list[PlannedStep]:
    """The steps on their routes, in an order in which they can run. Raises NoRoute."""
    names = [step.name for step in steps]
    found: list[PlannedStep] = []
    for step in steps:
        some = [step] if step.kind == "local" else placing.placed(step, names)
        names += [one.name for one in some if one.inserted and one.name not in names]
        found += some
    return found


def _runnable(drafts: Sequence[Draft]) -> list[Draft]:
    """The drafts so that each comes after those it refers to."""
    by_name = {draft.name: draft for draft in drafts}
    needs = {draft.name: needs_of(draft.request if isinstance(draft.request, Mapping) else draft.images) for draft in drafts}
    try:
        return [by_name[name] for name in order(needs)]
    except CycleError as error:
        problem = Problem(pointer(["steps", error.steps[0]]), str(error), "references to steps that do not wait for this one")
        raise InvalidRequest([problem]) from error


def _unused(steps: Sequence[PlannedStep]) -> list[str]:
    used = {need for step in steps for need in step.needs}
    return [
        f"No later step uses the pictures of step {step.name!r}: the one after it works on others or starts from text."
        for step in steps[:-1]
        if step.name not in used and step.outputs
    ]


class _Planner:
    """Collects steps, problems and warnings, draft by draft."""

    def __init__(self, placing: Placing, names: Sequence[str]) -> None:
        self._placing = placing
        self.steps: list[PlannedStep] = []
        self.problems: list[Problem] = []
        self.warnings: list[str] = []
        self._checks: tuple[str, ...] = ()
        self._router = Router(names, self._insert)

    def add(self, draft: Draft, previous: Sequence[Source]) -> list[Source]:
        """Plans one draft and what must go before it; gives the pictures it will make."""
        if isinstance(draft.request, Mapping):
            return self._add_bedrock(draft, draft.request, previous)
        return self._add_local(draft, draft.request, previous)

    def _add_bedrock(self, draft: Draft, body: Mapping[str, object], previous: Sequence[Source]) -> list[Source]:
        model = self._placing.model_for(body)
        routed = self._router.route(draft.name, model, body, draft.facts, previous)
        self.warnings += routed.warnings
        found = [*routed.problems, *check_body(model, routed.body), *picture_problems(model, routed.body, routed.facts)]
        self._report(draft.name, found)
        sources = output_sources(draft.name, model, routed.body, routed.facts)
        self._router.learn(sources)
        self.steps.append(
            PlannedStep(
                name=draft.name,
                kind="bedrock",
                task_type=str(body.get("taskType", "")),
                request=routed.body,
                needs=needs_of(routed.body),
                inputs=tuple(routed.facts.get(place.pointer) for place in image_values(routed.body)),
                outputs=tuple(source.facts for source in sources),
                images=image_count(routed.body),
                model=model.id,
                price_usd=None,
                after=self._checks,
            )
        )
        if gives_documents(model):
            self._checks += (draft.name,) if is_check(routed.body) else ()
            return list(previous) or routed.sources
        return [source for source in sources if not source.is_mask]

    def _add_local(self, draft: Draft, spec: StepSpec, previous: Sequence[Source]) -> list[Source]:
        explicit = {f"/images/{index}": ref for index, ref in enumerate(draft.images)}
        if explicit:
            inputs, problems = self._router.look_up(explicit, draft.facts)
        else:
            inputs, problems = list(previous[: spec.inputs]), []
        if not problems and len(inputs) < spec.inputs:
            message = f"{spec.kind} takes {spec.inputs} picture(s), and the chain brings {len(inputs)}"
            problems = [Problem("/images", message, "the pictures as LocalStep(step, images), or another order of the chain")]
        self._report(draft.name, problems)
        return self._insert(draft.name, spec, inputs, None if problems else "")

    def _insert(self, name: str, spec: StepSpec, inputs: Sequence[Source], reason: str | None) -> list[Source]:
        """Adds a local step. `reason` is empty for one that the caller asked for, None for one that is wrong anyway."""
        known = [source.facts for source in inputs if source.facts is not None]
        outputs: list[ImageFacts | None] = [None] * spec.outputs
        if reason is not None and len(known) == len(inputs):
            problems = spec.check(known)
            self._report(name, [Problem("/step" + found.pointer, found.message, found.allowed) for found in problems])
            outputs = [*spec.output_facts(known)] if not problems else outputs
        request: dict[str, object] = {"step": spec.model_dump(exclude_none=True), "images": [source.ref for source in inputs]}
        self.steps.append(
            PlannedStep(
                name=name,
                kind="local",
                task_type=f"local.{spec.kind}",
                request=request,
                needs=needs_of(request),
                inputs=tuple(source.facts for source in inputs),
                outputs=tuple(outputs),
                images=spec.images,
                inserted=bool(reason),
                reason=reason or "",
                after=self._checks,
            )
        )
        return self._router.learn_local(name, spec, inputs, outputs)

    def _report(self, name: str, problems: Sequence[Problem]) -> None:
        prefix = pointer(["steps", name])
        self.problems += [Problem(prefix + found.pointer, found.message, found.allowed) for found in problems]
