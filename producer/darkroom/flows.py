"""Submitting, written once for both colours: check everything, store the pictures, record the job, let the first calls go.

Nothing is stored and nothing costs before the whole request is valid. Once it is recorded the job will run: what comes after
(admission, the hint to a worker) is best effort, for every worker repeats it.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Final, Literal

from darkroom.effects import Flow, Publish, PutAsset, Sources, Work, ask
from darkroom.glue import judge, repairs
from darkroom.inputs import Picture, Resolved, resolve_body
from darkroom.options import Delivery, SubmitOptions, delivery
from darkroom.planning import plan_chain
from darkroom.plans import Plan, PlannedStep
from darkroom.recording import Submission, single, workflow
from darkroom.requests import NamedStep, Request, body_of_request, open_steps
from darkroom.terms import Terms
from darkroom.workflows import steps_of
from darkroom_shared import failpoints
from darkroom_shared.core.errors import (
    DeadlineUnlikely,
    Draining,
    IdempotencyConflict,
    InvalidRequest,
    NothingToDecide,
    QueueFull,
    StorageUnavailable,
    Unavailable,
)
from darkroom_shared.core.forecast import UNKNOWN_PRICE, LaneState, Place, forecast
from darkroom_shared.core.ids import ASSET_SCHEME, make_id
from darkroom_shared.core.problems import Problem
from darkroom_shared.core.workflow import references
from darkroom_shared.failpoints import Point
from darkroom_shared.models.catalogue import check_body, image_count
from darkroom_shared.models.model import Model
from darkroom_shared.plan.choosing import TRANSLATIONS
from darkroom_shared.plan.fitting import picture_problems
from darkroom_shared.settings import Settings
from darkroom_shared.store import ops, reads, retirement, steering, upkeep
from darkroom_shared.task_types import ImageSource, image_values

_LOG: Final = logging.getLogger("darkroom")
PUT_AGAIN_PAUSE_S: Final = 0.2
PUT_AGAIN_TRIES: Final = 50
"""Ten seconds: removing a few files takes far less."""


class DarkroomWarning(UserWarning):
    """Something that will work, but perhaps not as meant."""


class ModelRetiredWarning(DarkroomWarning):
    """The model is Legacy or past its end of life on AWS, or was never offered in the Region."""


class PromptWarning(DarkroomWarning):
    """The documents of the image models advise against something in a prompt."""


class DeadlineWarning(DarkroomWarning):
    """The job will probably miss its deadline."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What every flow of a client knows."""

    settings: Settings
    sources: Sources

    def new_id(self, prefix: Literal["job", "wf"]) -> str:
        """An id for a new job or workflow."""
        return make_id(prefix, self.sources.now_ms(), self.sources.randomness(10))

    def new_job_ids(self, count: int) -> list[str]:
        """Ids for the steps of a workflow that sort in the order of the steps, so that equal deadlines run in that order."""
        now_ms, first = self.sources.now_ms(), int.from_bytes(self.sources.randomness(9), "big")
        return [make_id("job", now_ms, (first + number).to_bytes(10, "big")) for number in range(count)]

    def terms(self, told: Delivery) -> Terms:
        """What all jobs of a submission share. Raises UnknownModel."""
        terms = Terms(self.settings, told, datetime.fromtimestamp(self.sources.now_ms() / 1000, UTC).date())
        _ = terms.named
        return terms


@dataclass(frozen=True, slots=True)
class Recorded:
    """The outcome of a submit: the id, whether it was there already under the same key, a workflow's jobs by step, and the models
    among theirs that are marked as retired."""

    id: str
    replayed: bool
    jobs: Mapping[str, str] = field(default_factory=dict[str, str])
    retired: tuple[str, ...] = ()


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
    *before, step = terms.placed(asked)
    _warn(terms.model_warnings(step), ModelRetiredWarning)
    _warn(terms.advice(step), PromptWarning)
    _warn((yield from foresee(terms, before[0] if before else step)), DeadlineWarning)
    yield from _store(pictures)
    if before:
        done = yield from _several(scene, terms, asked, [*before, step], pictures)
    else:
        done = yield from record(scene, single(terms, scene.new_id("job"), step), pictures)
    _warn(marked(done), ModelRetiredWarning)
    return done


def with_marks(terms: Terms) -> Flow[Terms]:
    """The terms, with the models that are marked as retired where another may take their place: one more question to the ledger."""
    return replace(terms, dead=frozenset((yield from ask(retirement.marks())))) if terms.heeds_marks else terms


def marked(done: Recorded) -> list[str]:
    """A sentence for each model of what was recorded that is marked as retired, and was asked for all the same."""
    return [
        f"{model} is marked as retired: AWS refused a call to it, or says that it is gone. The job is recorded and will try; with "
        "substitute='equivalent' another model may do it. `darkroom models` tells more."
        for model in done.retired
    ]


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
    terms = yield from with_marks(replace(scene.terms(told), chained=True))
    planned, pictures = yield from plan(steps, image, terms)
    _warn(_model_warnings(planned, terms), ModelRetiredWarning)
    _warn(_advice(planned, terms), PromptWarning)
    _warn(planned.warnings, DarkroomWarning)
    _warn((yield from foresee(terms, next((step for step in planned.steps if step.kind == "bedrock"), None))), DeadlineWarning)
    yield from _store(pictures)
    ids = scene.new_job_ids(len(planned.steps))
    done = yield from record(scene, workflow(terms, scene.new_id("wf"), ids, planned), pictures)
    _warn(marked(done), ModelRetiredWarning)
    # Only a replay has to ask: an outage here must not look like a chain that was not recorded.
    jobs = (yield from steps_of(done.id)) if done.replayed else dict(zip((step.name for step in planned.steps), ids, strict=True))
    return replace(done, jobs=jobs)


def preview(
    scene: Scene, steps: Sequence[NamedStep], image: ImageSource | Sequence[ImageSource] | None, options: SubmitOptions
) -> Flow[Plan]:
    """The plan of a chain with every warning; writes nothing."""
    terms = replace(scene.terms(delivery(options, scene.settings, scene.sources.now_ms())), chained=True)
    with suppress(Unavailable):  # a plan is of use without the ledger, too
        terms = yield from with_marks(terms)
    planned, _ = yield from plan(steps, image, terms)
    return replace(planned, warnings=(*_model_warnings(planned, terms), *_advice(planned, terms), *planned.warnings))


def _model_warnings(planned: Plan, terms: Terms) -> tuple[str, ...]:
    """Each warning about a model once."""
    return tuple(dict.fromkeys(text for step in planned.steps for text in terms.model_warnings(step)))


def _advice(planned: Plan, terms: Terms) -> list[str]:
    return [f"Step {step.name!r}: {text}" for step in planned.steps for text in terms.advice(step)]


def plan(
    steps: Sequence[NamedStep], image: ImageSource | Sequence[ImageSource] | None, terms: Terms
) -> Flow[tuple[Plan, list[Picture]]]:
    """What a chain would do, and the pictures it needs stored. Writes nothing."""
    opened = yield from open_steps(steps, image, terms.tagged)
    if not opened.problems:
        return plan_chain(opened.drafts, terms, opened.start), opened.pictures
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
    step = PlannedStep(
        name=str(body["taskType"]).lower(),
        kind="bedrock",
        task_type=str(body["taskType"]),
        request=body,
        needs=(),
        inputs=tuple(resolved.facts.get(place.pointer) for place in image_values(body)),
        outputs=(),
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


def _warn(texts: Sequence[str], category: type[Warning]) -> None:
    for text in texts:
        # This function, the flow, the driver, the client's method; then the caller's line, which is what he wants to see.
        warnings.warn(text, category, stacklevel=5)


def foresee(terms: Terms, step: PlannedStep | None) -> Flow[list[str]]:
    """Asks whether the deadline can probably be met, if there is one: a sentence if not.

    Raises:
        DeadlineUnlikely: it cannot, and the job was to be refused then. A job that is there already under its key is not judged.
    """
    told = terms.delivery
    if not told.deadline_ms or told.if_late == "ignore" or step is None:
        return []
    view = yield from ask(steering.lanes(step.model))
    [lane] = view.lanes
    pools = tuple(pool.pool for pool in terms.pools(step))
    price = None if step.price_usd is None else float(step.price_usd) * 1_000_000
    place = waiting_place(lane, told.job_class, told.tenant, price, pools)
    start = forecast(lane, place, terms.settings.class_floors).start_p50_s
    left_s = (told.deadline_ms - max(view.now_ms, told.not_before_ms)) / 1000
    if start is None or not lane.pools or start <= left_s:
        return []  # nobody knows, or it can be met
    text = f"Its turn comes in about {start:.0f} s, its deadline in {left_s:.0f} s."
    if told.idempotency_key and (yield from ask(reads.key_used(told.tenant, told.idempotency_key))):
        return []
    if told.if_late == "warn":
        return [text]
    raise DeadlineUnlikely(f"{text} Nothing was recorded; give it more time, or submit it with if_late='warn'.")


def waiting_place(lane: LaneState, job_class: str, tenant: str, price_microusd: float | None, pools: tuple[str, ...]) -> Place:
    """Where a call would stand that came to the end of its tenant's queue; `price_microusd` in millionths of a dollar."""
    waiting = next((queue.waiting for queue in lane.tenants if (queue.tenant, queue.job_class) == (tenant, job_class)), 0)
    cost = UNKNOWN_PRICE if price_microusd is None else max(1.0, price_microusd)
    return Place(job_class, tenant, waiting, cost, pools)


def _store(pictures: Sequence[Picture]) -> Flow[None]:
    done: set[str] = set()
    for picture in pictures:
        if not picture.stored and picture.reference not in done:
            done.add(picture.reference)
            yield PutAsset(picture.data, picture.media_type)


def record(scene: Scene, submission: Submission, pictures: Sequence[Picture]) -> Flow[Recorded]:
    """Records what was checked and stored, lets calls go, and tells the workers.

    Raises:
        IdempotencyConflict, NothingToDecide, QueueFull, Draining, StorageUnavailable, LedgerUnavailable.
    """
    failpoints.reach(Point.ACCEPT_SENDING)
    accepted = yield from _accept(submission, pictures)
    failpoints.reach(Point.ACCEPT_DONE)
    if accepted.verdict is ops.Verdict.CONFLICT:
        raise IdempotencyConflict(
            f"The idempotency key was used before for {accepted.id}, with another request. Use a new key for a new request."
        )
    if accepted.verdict is ops.Verdict.NOT_DEAD:
        after = f"; it was replayed as {accepted.id}" if accepted.id else ""
        raise NothingToDecide(f"{submission.replaces} is no dead letter (any more){after}.")
    if accepted.verdict is ops.Verdict.DRAINING:
        raise Draining(f"The {accepted.id} is draining: what waits is finished, nothing new is taken. Nothing was recorded.")
    if accepted.verdict is ops.Verdict.QUEUE_FULL:
        raise QueueFull(
            f"Tenant {accepted.id} has {accepted.queued} jobs queued and may have {accepted.most}. Nothing was recorded; "
            "submit again when some have started."
        )
    replayed = accepted.verdict is ops.Verdict.REPLAYED
    yield from _let_go(scene, accepted.id if replayed else None)
    return Recorded(accepted.id, replayed, retired=accepted.retired)


def _accept(submission: Submission, pictures: Sequence[Picture]) -> Flow[ops.Accepted]:
    """Asks until retention is done with older pictures of the same bytes, which it may be removing just now."""
    stored_ms: int | None = None
    for _ in range(PUT_AGAIN_TRIES):
        accepted = yield from ask(submission.operation(stored_ms))
        if accepted.verdict is not ops.Verdict.PUT_AGAIN:
            return accepted
        for picture in pictures:
            if picture.reference.removeprefix(ASSET_SCHEME) in accepted.assets:
                yield PutAsset(picture.data, picture.media_type)
        stored_ms = accepted.at_ms
        yield Work(partial(time.sleep, PUT_AGAIN_PAUSE_S))
    raise StorageUnavailable("Pictures of this request are being removed with an older job; submit it again in a minute.")


def _let_go(scene: Scene, replayed: str | None) -> Flow[None]:
    """Lets calls go and tells the workers; a failure is left to the workers' own loops.

    Args:
        replayed: a job or workflow that was recorded before: whoever did may have died before telling a worker of it.
    """
    republish_ms = round(scene.settings.republish.total_seconds() * 1000)
    try:
        hints = (yield from ask(upkeep.hints(replayed, republish_ms))) if replayed else ()
        hints += (yield from ask(ops.admit(scene.settings.class_floors, republish_ms))).hints
        if hints:
            failpoints.reach(Point.PUBLISH_SENDING)
            yield Publish(hints)
            failpoints.reach(Point.PUBLISH_DONE)
    except Unavailable:
        return
    except Exception as error:
        # The job is recorded and will run: whatever is wrong here (a broker's address that Celery cannot read, say), an
        # error would look like a job that was not submitted, and the caller would submit it again.
        _LOG.warning("The job is recorded, but no worker was told of it: %s: %s", type(error).__name__, error)
