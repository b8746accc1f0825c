"""Plans a chain: hands pictures from step to step, inserts the free local steps in between, and checks the whole before it costs.

Pure: drafts with the facts of their pictures in, a plan or every problem at once out. In a chain

* an empty image place takes the picture of the step before (IMAGE_VARIATION takes up to five of them, the others the first);
* a picture that the model would refuse is resized, flattened or converted on the way;
* a step that gives a document hands on the pictures that it got; steps behind a check run only if its verdict is yes;
* of pictures that stand in a list, those may be missing that a filter kept back, as long as one is left;
* INPAINTING and OUTPAINTING without a mask get the outline of a cut-out or the mask of an enlarged canvas, in its polarity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Protocol

from darkroom.edges import edges, listed_pictures
from darkroom.picture_checks import under
from darkroom.plans import DEFAULT_POLICY, Plan, PlannedStep, StepPolicy
from darkroom.routing import Router, Source, output_sources
from darkroom_shared.contract.gates import Gate
from darkroom_shared.contract.steps import Select, StepSpec
from darkroom_shared.core.conditions import Condition, values_in
from darkroom_shared.core.errors import InvalidRequest
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.core.problems import Problem, pointer
from darkroom_shared.core.workflow import STEP_NAME, CycleError, Reference, free_name, needs_of, order
from darkroom_shared.models.catalogue import check_body, gives_documents, image_count
from darkroom_shared.models.model import Model
from darkroom_shared.plan.fitting import picture_problems
from darkroom_shared.task_types import TASK_TYPES, image_values, is_check


@dataclass(frozen=True, slots=True)
class Draft:
    """A step as the caller wants it, its pictures opened.

    Attributes:
        name: unique among the drafts.
        request: Bedrock's body, the local step, or the gate.
        images: references for a local step or a gate; empty to take the pictures of the step before.
        facts: facts of the pictures from outside by JSON pointer (for a local step `/images/<i>`).
        documents: references for a local step that reads documents.
        feeds: steps whose pictures it takes where it names none; None for the step before it.
        needs: steps that must have gone well, whatever it takes from them.
        when: the condition, parsed, under which it runs.
        enough: of pictures that come from several steps, how many steps must give some; 0 for one.
        policy: what is said for this step alone.
        of: the step of the document that it is one of several of.
    """

    name: str
    request: Mapping[str, object] | StepSpec | Gate = field(repr=False)
    images: tuple[str, ...] = ()
    facts: Mapping[str, ImageFacts] = field(default_factory=dict[str, ImageFacts])
    documents: tuple[str, ...] = ()
    feeds: tuple[str, ...] | None = None
    needs: tuple[str, ...] = ()
    when: Condition | None = None
    enough: int = 0
    policy: StepPolicy = DEFAULT_POLICY
    of: str = ""

    @property
    def mentions(self) -> tuple[str, ...]:
        """Names of the steps that it refers to, however it does."""
        pictures = needs_of(self.request if isinstance(self.request, Mapping) else [*self.images, *self.documents])
        looked_at = () if self.when is None else (str(value["step"]) for value in values_in(self.when))
        return tuple(dict.fromkeys([*pictures, *(self.feeds or ()), *self.needs, *looked_at]))


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

    def under(self, policy: StepPolicy) -> Placing:
        """The same for a step of which something else is said."""
        ...

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
    planner = Planner(placing, [draft.name for draft in drafts])
    previous, checks = list(start), tuple[str, ...]()
    for draft in runnable(drafts):
        previous = planner.add(replace(draft, needs=(*draft.needs, *checks)), previous)
        if isinstance(draft.request, Mapping) and is_check(draft.request):
            checks += (draft.name,)
    return planner.plan()


def runnable(drafts: Sequence[Draft]) -> list[Draft]:
    """The drafts so that each comes after those it mentions. Raises InvalidRequest for a circle."""
    by_name = {draft.name: draft for draft in drafts}
    try:
        return [by_name[name] for name in order({draft.name: draft.mentions for draft in drafts})]
    except CycleError as error:
        problem = Problem(pointer(["steps", error.steps[0]]), str(error), "references to steps that do not wait for this one")
        raise InvalidRequest([problem]) from error


def placed_steps(steps: Sequence[PlannedStep], placing: Placing) -> list[PlannedStep]:
    """The steps on their routes, in an order in which they can run.

    Raises:
        NoRoute: no model may do a step.
        InvalidRequest: checks of pictures that do not go with their steps.
    """
    names = [step.name for step in steps]
    found: list[PlannedStep] = []
    problems: list[Problem] = []
    for step in steps:
        try:
            some = placing.under(step.policy).placed(step, names) if step.kind == "bedrock" else [step]
        except InvalidRequest as error:
            problems += under(pointer(["steps", step.name]), error).problems
            continue
        some = _sharing(some, found)
        names += [one.name for one in some if one.inserted and one.name not in names]
        found += some
    if problems:
        raise InvalidRequest(problems)
    return found


def _sharing(steps: Sequence[PlannedStep], known: Sequence[PlannedStep]) -> list[PlannedStep]:
    """A step behind the paid ones that it needs, without those that an earlier step needs just so: one call serves both."""
    *before, main = steps
    kept: list[PlannedStep] = []
    for one in before:
        same = next((other for other in known if other.inserted and _what(other) == _what(one)), None)
        if same is None:
            kept.append(one)
            continue
        own, shared = str(Reference(one.name, 0)), str(Reference(same.name, 0))
        request = {name: shared if value == own else value for name, value in main.request.items()}
        main = replace(main, request=request, needs=needs_of(request))
    return [*kept, main]


def _what(step: PlannedStep) -> tuple[object, ...]:
    """What a step does, and under which conditions."""
    return (step.kind, step.model, step.request, step.after, step.soft, step.when, step.policy)


def _unused(steps: Sequence[PlannedStep]) -> list[str]:
    used = {need for step in steps for need in step.waits_for}
    return [
        f"No later step uses the pictures of step {step.name!r}: the one after it works on others or starts from text."
        for step in steps[:-1]
        if step.name not in used and step.outputs
    ]


class Planner:
    """Collects steps, problems and warnings, draft by draft."""

    def __init__(self, placing: Placing, names: Sequence[str]) -> None:
        self._placing = placing
        self.steps: list[PlannedStep] = []
        self.problems: list[Problem] = []
        self.warnings: list[str] = []
        self._draft = Draft("", {})
        self._router = Router(names, self._insert)

    def add(self, draft: Draft, previous: Sequence[Source]) -> list[Source]:
        """Plans one draft and what must go before it; gives the pictures that it hands on."""
        self._draft = draft
        if isinstance(draft.request, Mapping):
            return self._add_bedrock(draft, draft.request, previous)
        if isinstance(draft.request, Gate):
            return self._add_gate(draft, draft.request, previous)
        return self._add_local(draft, draft.request, previous)

    def plan(self, *, unused: bool = True) -> Plan:
        """All of it on its routes. Raises InvalidRequest with every problem, NoRoute."""
        if self.problems:
            raise InvalidRequest(self.problems)
        steps = placed_steps(self.steps, self._placing)
        prices = [step.price_usd for step in steps]
        total = None if None in prices else sum((price for price in prices if price is not None), Decimal(0))
        models = ",".join(dict.fromkeys(step.model for step in steps if step.model))
        return Plan(tuple(steps), models, total, (*self.warnings, *(_unused(self.steps) if unused else ())))

    def _add_bedrock(self, draft: Draft, body: Mapping[str, object], previous: Sequence[Source]) -> list[Source]:
        model = self._placing.under(draft.policy).model_for(body)
        routed = self._router.route(draft.name, model, body, draft.facts, previous)
        self.warnings += routed.warnings
        found = [*routed.problems, *check_body(model, routed.body), *picture_problems(model, routed.body, routed.facts)]
        self._report(draft.name, found)
        sources = output_sources(draft.name, model, routed.body, routed.facts)
        self._router.learn(sources)
        places = image_values(routed.body)
        step = PlannedStep(
            name=draft.name,
            kind="bedrock",
            task_type=str(body.get("taskType", "")),
            request=routed.body,
            needs=needs_of(routed.body),
            inputs=tuple(routed.facts.get(place.pointer) for place in places),
            outputs=tuple(source.facts for source in sources),
            images=image_count(routed.body),
            model=model.id,
            price_usd=None,
        )
        self._append(step, listed_pictures(routed.body))
        if gives_documents(model):
            return list(previous) or routed.sources
        return [source for source in sources if not source.is_mask]

    def _add_gate(self, draft: Draft, gate: Gate, previous: Sequence[Source]) -> list[Source]:
        inputs, problems = self._pictures(draft, previous)
        fewest = gate.choose or 1
        if not problems and len(inputs) < fewest:
            problems = [Problem("/images", f"it shows {len(inputs)} picture(s), and {fewest} must be chosen", "more pictures")]
        self._report(draft.name, problems)
        made = _alike([source.facts for source in inputs])
        sources = [
            Source(ref, made, cutout=ref if made is not None and made.transparent else None)
            for ref in (str(Reference(draft.name, index)) for index in range(gate.choose or len(inputs)))
        ]
        refs = [source.ref for source in inputs]
        step = PlannedStep(
            name=draft.name,
            kind="gate",
            task_type="gate",
            request={"gate": gate.model_dump(exclude_none=True), "images": refs},
            needs=needs_of(refs),
            inputs=tuple(source.facts for source in inputs),
            outputs=tuple(source.facts for source in sources),
            images=len(sources),
        )
        self._append(step, refs)
        self._router.learn(sources)
        return sources

    def _pictures(self, draft: Draft, previous: Sequence[Source]) -> tuple[list[Source], list[Problem]]:
        explicit = {f"/images/{index}": ref for index, ref in enumerate(draft.images)}
        return self._router.look_up(explicit, draft.facts) if explicit else (list(previous), [])

    def _add_local(self, draft: Draft, spec: StepSpec, previous: Sequence[Source]) -> list[Source]:
        inputs, problems = self._pictures(draft, previous)
        if not draft.images:
            inputs = inputs[: spec.most_inputs or spec.inputs]
        if not problems and len(inputs) < spec.inputs:
            message = f"{spec.kind} takes {spec.inputs} picture(s), and the chain brings {len(inputs)}"
            problems = [Problem("/images", message, "the pictures as LocalStep(step, images), or another order of the chain")]
        if isinstance(spec, Select) and len(draft.documents) != len(inputs):
            message = f"there are {len(draft.documents)} answers for {len(inputs)} pictures"
            problems = [*problems, Problem("/documents", message, "one answer in JSON for each picture, in their order")]
        elif draft.documents and not isinstance(spec, Select):
            problems = [*problems, Problem("/documents", f"{spec.kind} reads no answers", "none; select reads them")]
        self._report(draft.name, problems)
        return self._insert(draft.name, spec, inputs, None if problems else "")

    def _insert(self, name: str, spec: StepSpec, inputs: Sequence[Source], reason: str | None) -> list[Source]:
        """Adds a local step. `reason` is empty for one that the caller asked for, None for one that is wrong anyway."""
        known = [source.facts for source in inputs if source.facts is not None]
        outputs: list[ImageFacts | None] = [None] * spec.outputs
        if reason is not None:
            whole = len(known) == len(inputs)
            problems = spec.check(known) if whole else spec.check_number(len(inputs))
            self._report(name, [Problem("/step" + found.pointer, found.message, found.allowed) for found in problems])
            outputs = [*spec.output_facts(known)] if whole and not problems else outputs
        if isinstance(spec, Select):  # any of them may be chosen
            outputs = [_alike([source.facts for source in inputs])] * spec.keep
        refs = [source.ref for source in inputs]
        documents = list(self._draft.documents) if isinstance(spec, Select) else []
        request = {"step": spec.model_dump(exclude_none=True), "images": refs, **({"documents": documents} if documents else {})}
        step = PlannedStep(
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
        )
        self._append(step, [*refs, *documents] if spec.most_inputs and len(refs) > 1 else [])
        return self._router.learn_local(name, spec, inputs, outputs)

    def _append(self, step: PlannedStep, several: Sequence[str]) -> None:
        """Adds a step with what its draft says of it.

        Args:
            several: those of its pictures of which some may be missing.
        """
        draft = self._draft
        found = edges(step.request, several, draft.needs, draft.when)
        # A free step that is put in before it costs nothing where the condition does not hold, and may serve others.
        when = None if step.inserted else draft.when
        self.steps.append(
            replace(
                step,
                soft=found.soft if when is not None else {name: edge for name, edge in found.soft.items() if edge == "gather"},
                wants=found.wants,
                after=tuple(name for name in draft.needs if name not in step.needs),
                enough=draft.enough if "gather" in found.soft.values() else 0,
                when=when,
                policy=draft.policy,
                of="" if step.inserted else draft.of,
            )
        )

    def _report(self, name: str, problems: Sequence[Problem]) -> None:
        prefix = pointer(["steps", name])
        self.problems += [Problem(prefix + found.pointer, found.message, found.allowed) for found in problems]


def _alike(facts: Sequence[ImageFacts | None]) -> ImageFacts | None:
    """The facts of any one of several pictures, where they are the same for all."""
    first = facts[0] if facts else None
    return first if first is not None and all(one == first for one in facts) else None
