"""Planning and submitting workflows from documents, written once for both colours."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import cast

from darkroom.drafting import drafted
from darkroom.effects import Flow
from darkroom.estimate import with_time
from darkroom.graphs.document import WorkflowDocument
from darkroom.graphs.expansion import RawStep, expand
from darkroom.graphs.parameters import arguments
from darkroom.graphs.planning import plan_graph
from darkroom.inputs import Picture, resolve, resolve_body
from darkroom.launching import DeadlineWarning, Recorded, Scene, foresee, launch, marked, notes_on, warn, with_marks
from darkroom.options import SubmitOptions, delivery, no_checks
from darkroom.planning import Draft
from darkroom.plans import Plan
from darkroom.terms import Terms
from darkroom_shared.core.errors import InvalidRequest, Unavailable
from darkroom_shared.core.problems import Problem, pointer


@dataclass(frozen=True, slots=True)
class Asked:
    """A workflow as it is asked for.

    Attributes:
        document: its steps.
        arguments: values of its parameters.
        name: what to call it: the document's own name, with the version of a template.
        paths: whether plain texts in the places of pictures are paths of files.
        budget_usd: what its calls may cost together; None for the document's.
    """

    document: WorkflowDocument
    arguments: Mapping[str, object]
    name: str
    paths: bool = True
    budget_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A workflow that is checked and can be recorded."""

    plan: Plan
    drafts: list[Draft]
    pictures: list[Picture]
    terms: Terms


def run(scene: Scene, asked: Asked, options: SubmitOptions) -> Flow[Recorded]:
    """Plans, checks, stores and records a workflow. Raises what `flows.submit` raises, pointers under `/steps/<name>`."""
    terms = yield from with_marks(terms_of(scene, asked.document, options))
    ready = yield from prepared(asked, terms)
    budget = budget_of(asked.budget_usd or asked.document.budget_usd, ready.plan)
    late = yield from foresee(terms, next((step for step in ready.plan.steps if step.kind == "bedrock"), None))
    warn([*notes_on(ready.plan, terms), *((text, DeadlineWarning) for text in late)])
    told = {**drafted(ready.drafts, terms), **budget, **({"name": asked.name} if asked.name else {})}
    done = yield from launch(scene, terms, ready.plan, ready.pictures, told)
    warn(marked(done))
    return done


def preview(scene: Scene, asked: Asked, options: SubmitOptions) -> Flow[Plan]:
    """The plan of a workflow with every warning; writes nothing."""
    terms = terms_of(scene, asked.document, options)
    with suppress(Unavailable):  # a plan is of use without the ledger, too
        terms = yield from with_marks(terms)
    ready = yield from prepared(asked, terms)
    budget_of(asked.budget_usd or asked.document.budget_usd, ready.plan)
    told = replace(ready.plan, warnings=tuple(text for text, _ in notes_on(ready.plan, terms)))
    return (yield from with_time(told))


def terms_of(scene: Scene, document: WorkflowDocument, options: SubmitOptions) -> Terms:
    """The terms of all steps: options that are left out are the document's. Raises InvalidRequest, UnknownModel."""
    no_checks(options)
    told = {name: value for name, value in options.items() if value is not None}
    for name in ("model", "substitute", "job_class"):
        told.setdefault(name, getattr(document, name))
    if document.finish_within is not None and "finish_by" not in told:
        now = datetime.fromtimestamp(scene.sources.now_ms() / 1000, UTC)
        told["finish_by"] = now + timedelta(seconds=document.finish_within)
    return replace(scene.terms(delivery(cast("SubmitOptions", told), scene.settings, scene.sources.now_ms())), chained=True)


def budget_of(limit_usd: float | None, planned: Plan) -> dict[str, str]:
    """The budget as a field of the workflow's record; none for no limit.

    Raises:
        InvalidRequest: the whole would cost more, or nobody knows what it costs.
    """
    if limit_usd is None:
        return {}
    limit = Decimal(str(limit_usd))
    if planned.price_usd is None:
        unknown = ", ".join(step.name for step in planned.steps if step.price_usd is None)
        message = f"the price of {unknown} is not known, so no budget can be kept"
        raise InvalidRequest([Problem("/budget_usd", message, "no budget, or prices in DARKROOM_PRICES")])
    if planned.price_usd > limit:
        message = f"all steps together cost ${planned.price_usd:.4f}, and the budget is ${limit}"
        raise InvalidRequest([Problem("/budget_usd", message, {"minimum": float(planned.price_usd)})])
    return {"budget_microusd": str(round(limit * 1_000_000))}


def prepared(asked: Asked, terms: Terms) -> Flow[Prepared]:
    """The plan, and what has to be stored for it. Raises InvalidRequest with everything that is wrong, NoRoute, AssetMissing."""
    values, problems = arguments(asked.document.parameters, asked.arguments, paths=asked.paths)
    if problems:
        raise InvalidRequest(problems)

    def tagging(body: Mapping[str, object], model: str | None) -> Mapping[str, object]:
        own = terms if model is None else replace(terms, delivery=replace(terms.delivery, model=model))
        return own.tagged(body)

    expanded = expand(asked.document, values, tagging)
    problems += expanded.problems
    drafts: list[Draft] = []
    pictures: list[Picture] = []
    for raw in expanded.steps:
        draft, opened, wrong = yield from _opened(raw)
        drafts.append(draft)
        pictures += opened
        prefix = pointer(["steps", raw.name])
        problems += [Problem(prefix + found.pointer, found.message, found.allowed) for found in wrong]
    if problems:
        raise InvalidRequest([*problems, *_more(drafts, terms, problems)])
    return Prepared(plan_graph(drafts, terms), drafts, pictures, terms)


def _more(drafts: list[Draft], terms: Terms, known: list[Problem]) -> list[Problem]:
    """What the plan would have found besides: so that everything is told at once."""
    try:
        plan_graph([draft for draft in drafts if all(name in {one.name for one in drafts} for name in draft.mentions)], terms)
    except InvalidRequest as more:
        places = [problem.pointer for problem in known]
        return [found for found in more.problems if not any(found.pointer.startswith(place) for place in places)]
    return []


def _opened(raw: RawStep) -> Flow[tuple[Draft, list[Picture], tuple[Problem, ...]]]:
    draft = Draft(
        raw.name,
        raw.request,
        documents=raw.documents,
        feeds=raw.feeds,
        needs=raw.needs,
        when=raw.when,
        enough=raw.enough,
        policy=raw.policy,
        of=raw.of,
    )
    if isinstance(raw.request, Mapping):
        body, resolved = yield from resolve_body(raw.request, paths=False)
        return replace(draft, request=body, facts=resolved.facts), list(resolved.pictures.values()), resolved.problems
    sources = {f"/images/{index}": source for index, source in enumerate(raw.images)}
    resolved = yield from resolve(sources, paths=False)
    images = tuple(resolved.values.values())
    return replace(draft, images=images, facts=resolved.facts), list(resolved.pictures.values()), resolved.problems
