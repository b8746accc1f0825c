"""Submitting, written once for both colours: check everything, store the pictures, record the job, let the first calls go.

Nothing is stored and nothing costs before the whole request is valid.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from darkroom.drafting import drafted
from darkroom.effects import Flow
from darkroom.estimate import with_time
from darkroom.glue import judge, repairs
from darkroom.inputs import Picture, Resolved, resolve_body
from darkroom.launching import (
    DeadlineWarning,
    ModelRetiredWarning,
    Note,
    PromptWarning,
    Recorded,
    Scene,
    foresee,
    launch,
    marked,
    notes_on,
    record,
    store,
    warn,
    with_marks,
)
from darkroom.options import SubmitOptions, delivery, no_checks
from darkroom.picture_checks import under
from darkroom.planning import plan_chain
from darkroom.plans import Plan, PlannedStep
from darkroom.recording import single, workflow
from darkroom.requests import NamedStep, Request, body_of_request, open_steps
from darkroom.routing import output_sources
from darkroom.terms import Terms
from darkroom.workflows import steps_of
from darkroom_shared.core.errors import InvalidRequest, Unavailable
from darkroom_shared.core.problems import Problem
from darkroom_shared.core.workflow import references
from darkroom_shared.models.catalogue import check_body, image_count
from darkroom_shared.models.model import Model
from darkroom_shared.plan.choosing import TRANSLATIONS
from darkroom_shared.plan.fitting import picture_problems
from darkroom_shared.task_types import ImageSource, image_values


def submit(scene: Scene, request: Request, options: SubmitOptions) -> Flow[Recorded]:
    """Checks, stores and records one job.

    Raises:
        InvalidRequest: everything that is wrong with body, pictures and options.
        UnknownModel, NoRoute, AssetMissing, IdempotencyConflict, DeadlineUnlikely, QueueFull, Draining.
        StorageUnavailable, LedgerUnavailable.
    """
    told = delivery(options, scene.settings, scene.sources.now_ms())
    terms = yield from with_marks(scene.terms(told))
    asked, pictures = yield from checked(request, terms)
    try:
        *before, step = terms.placed(asked)
    except InvalidRequest as error:
        raise under("/options", error) from None
    notes: list[Note] = [(text, ModelRetiredWarning) for text in terms.model_warnings(step)]
    notes += [(text, PromptWarning) for text in terms.advice(step)]
    notes += [(text, DeadlineWarning) for text in (yield from foresee(terms, before[0] if before else step))]
    warn(notes)
    yield from store(pictures)
    if before:
        done = yield from _several(scene, terms, asked, [*before, step], pictures)
    else:
        done = yield from record(scene, single(terms, scene.new_id("job"), step), pictures)
    warn(marked(done))
    return done


def _several(
    scene: Scene, terms: Terms, asked: PlannedStep, steps: Sequence[PlannedStep], pictures: Sequence[Picture]
) -> Flow[Recorded]:
    """Records one request whose route takes several paid steps: a small workflow, of which the caller holds the last job."""
    ids = scene.new_job_ids(len(steps))
    whole = Plan(tuple(steps), ",".join(dict.fromkeys(step.model for step in steps)), None)
    submission = workflow(terms, scene.new_id("wf"), ids, whole, asked=asked.request)
    done = yield from record(scene, submission, pictures)
    jobs = (yield from steps_of(done.id)) if done.replayed else dict(zip((step.name for step in steps), ids, strict=True))
    return replace(done, id=list(jobs.values())[-1])


def chain(
    scene: Scene, steps: Sequence[NamedStep], image: ImageSource | Sequence[ImageSource] | None, options: SubmitOptions
) -> Flow[Recorded]:
    """Plans, checks, stores and records a workflow. Raises what `submit` raises, pointers under `/steps/<name>`."""
    told = delivery(options, scene.settings, scene.sources.now_ms())
    no_checks(options)
    terms = yield from with_marks(replace(scene.terms(told), chained=True))
    planned, pictures, drafted = yield from plan(steps, image, terms)
    late = yield from foresee(terms, next((step for step in planned.steps if step.kind == "bedrock"), None))
    warn([*notes_on(planned, terms), *((text, DeadlineWarning) for text in late)])
    done = yield from launch(scene, terms, planned, pictures, drafted)
    warn(marked(done))
    return done


def preview(
    scene: Scene, steps: Sequence[NamedStep], image: ImageSource | Sequence[ImageSource] | None, options: SubmitOptions
) -> Flow[Plan]:
    """The plan of a chain with every warning; writes nothing."""
    terms = replace(scene.terms(delivery(options, scene.settings, scene.sources.now_ms())), chained=True)
    with suppress(Unavailable):  # a plan is of use without the ledger, too
        terms = yield from with_marks(terms)
    planned, _, _ = yield from plan(steps, image, terms)
    told = replace(planned, warnings=tuple(text for text, _ in notes_on(planned, terms)))
    return (yield from with_time(told))


def plan(
    steps: Sequence[NamedStep], image: ImageSource | Sequence[ImageSource] | None, terms: Terms
) -> Flow[tuple[Plan, list[Picture], dict[str, str]]]:
    """What a chain would do, the pictures it needs stored, and what is kept of it to go on with later. Writes nothing."""
    opened = yield from open_steps(steps, image, terms.tagged)
    if not opened.problems:
        planned = plan_chain(opened.drafts, terms, opened.start)
        return planned, opened.pictures, drafted(opened.drafts, terms, start=opened.start)
    try:
        plan_chain(opened.drafts, terms, opened.start)
    except InvalidRequest as more:
        raise InvalidRequest(_without_repeats([*opened.problems, *more.problems])) from None
    raise InvalidRequest(opened.problems)


def checked(request: Request, terms: Terms) -> Flow[tuple[PlannedStep, list[Picture]]]:
    """The request as one step, and its pictures. Raises InvalidRequest with everything that is wrong."""
    given, paths = body_of_request(request)
    given = terms.tagged(given)
    model = terms.model_for(given)
    body, resolved = yield from resolve_body(given, paths=paths)
    problems = [*_found(body, resolved, model), *_references(body)]
    if problems:
        raise InvalidRequest([_in_other_words(problem, body, model) for problem in problems])
    name = str(body["taskType"]).lower()
    step = PlannedStep(
        name=name,
        kind="bedrock",
        task_type=str(body["taskType"]),
        request=body,
        needs=(),
        inputs=tuple(resolved.facts.get(place.pointer) for place in image_values(body)),
        outputs=tuple(source.facts for source in output_sources(name, model, body, resolved.facts)),
        images=image_count(body),
        model=model.id,
        price_usd=None,
    )
    return step, list(resolved.pictures.values())


def problems_of(scene: Scene, request: Request, model: str | None) -> Flow[list[Problem]]:
    """Everything that submit would refuse about a request; empty for a valid one. Raises UnknownModel."""
    told = delivery(SubmitOptions(model=model), scene.settings, scene.sources.now_ms())
    try:
        yield from checked(request, scene.terms(told))
    except InvalidRequest as error:
        return list(error.problems)
    return []


def _found(body: dict[str, object], resolved: Resolved, model: Model) -> list[Problem]:
    about_images = picture_problems(model, body, resolved.facts)
    told = [_with_way_out(problem, body, resolved, model) for problem in about_images]
    return _without_repeats([*resolved.problems, *check_body(model, body), *told])


def _in_other_words(problem: Problem, body: Mapping[str, object], model: Model) -> Problem:
    """The same problem; of a task that the model does not know but a plan can put into its words, with that way out."""
    task = body.get("taskType")
    if problem.pointer != "/taskType" or task not in TRANSLATIONS or task in model.task_types:
        return problem
    way_out = "with substitute='equivalent' (or 'approximate') a plan puts it into the words of a model that is able to do it"
    return replace(problem, message=f"{problem.message}; {way_out}")


def _with_way_out(problem: Problem, body: dict[str, object], resolved: Resolved, model: Model) -> Problem:
    facts = resolved.facts.get(problem.pointer)
    found = [] if facts is None else repairs(judge(model, body, problem.pointer), facts, model.label)
    if not found or problem.pointer.lower().endswith("maskimage"):
        return problem
    kinds = " and ".join(repair.spec.kind for repair in found)
    return Problem(problem.pointer, f"{problem.message} (in a chain the free step {kinds} is put before it)", problem.allowed)


def _references(body: Mapping[str, object]) -> list[Problem]:
    return [Problem(where, f"{ref} is for the steps of a chain; this is a single job") for where, ref in references(body)]


def _without_repeats(problems: Sequence[Problem]) -> list[Problem]:
    """Each finding once; a place whose picture could not be opened needs no second complaint."""
    found: list[Problem] = []
    for problem in problems:
        if problem not in found:
            found.append(problem)
    return found
