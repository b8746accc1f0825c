"""From a checked plan to a recorded job or workflow: store the pictures, record, let the first calls go, tell the workers.

Once something is recorded it will run: what comes after (admission, hints to workers) is best effort, as every worker repeats it.
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Final, Literal, TypeAlias

from darkroom.effects import Flow, Publish, PutAsset, Sources, Work, ask
from darkroom.inputs import Picture
from darkroom.options import Delivery
from darkroom.plans import Plan, PlannedStep
from darkroom.recording import Submission, workflow
from darkroom.terms import Terms
from darkroom.workflows import steps_of
from darkroom_shared import failpoints
from darkroom_shared.core.errors import (
    DeadlineUnlikely,
    Draining,
    IdempotencyConflict,
    NothingToDecide,
    QueueFull,
    StorageUnavailable,
    Unavailable,
    UnknownJob,
)
from darkroom_shared.core.forecast import UNKNOWN_PRICE, LaneState, Place, forecast
from darkroom_shared.core.ids import ASSET_SCHEME, make_id
from darkroom_shared.failpoints import Point
from darkroom_shared.settings import Settings
from darkroom_shared.store import ops, reads, retirement, steering, upkeep

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


Note: TypeAlias = tuple[str, type[Warning]]
"""A sentence for the caller, and what kind of warning it is."""


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


def with_marks(terms: Terms) -> Flow[Terms]:
    """The terms, with the models that are marked as retired where another may take their place: one more question to the ledger."""
    return replace(terms, dead=frozenset((yield from ask(retirement.marks())))) if terms.heeds_marks else terms


def marked(done: Recorded) -> list[Note]:
    """A sentence for each model of what was recorded that is marked as retired, and was asked for all the same."""
    texts = [
        f"{model} is marked as retired: AWS refused a call to it, or says that it is gone. The job is recorded and will try; with "
        "substitute='equivalent' another model may do it. `darkroom models` tells more."
        for model in done.retired
    ]
    return [(text, ModelRetiredWarning) for text in texts]


def warn(notes: Sequence[Note]) -> None:
    """Gives the warnings, as if the caller's line had: to be called by the outermost flow alone."""
    for text, category in notes:
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


def store(pictures: Sequence[Picture]) -> Flow[None]:
    """Puts pictures into the asset store, each once."""
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
    if accepted.verdict is ops.Verdict.NEED_GONE:
        raise UnknownJob(f"{accepted.id}, of which a step uses the results, is gone: its retention is over.")
    if accepted.verdict is ops.Verdict.CHANGED:
        raise NothingToDecide(f"Somebody else goes on with {accepted.id} already.")
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


def notes_on(planned: Plan, terms: Terms) -> list[Note]:
    """What the caller should know of a plan: each warning about a model once, advice on prompts, what the plan itself says."""
    models = dict.fromkeys(text for step in planned.steps for text in terms.under(step.policy).model_warnings(step))
    advice = [f"Step {step.name!r}: {text}" for step in planned.steps for text in terms.under(step.policy).advice(step)]
    return [
        *((text, ModelRetiredWarning) for text in models),
        *((text, PromptWarning) for text in advice),
        *((text, DarkroomWarning) for text in planned.warnings),
    ]


def launch(scene: Scene, terms: Terms, planned: Plan, pictures: Sequence[Picture], told: Mapping[str, str]) -> Flow[Recorded]:
    """Stores the pictures of a workflow and records it.

    Args:
        told: fields of the workflow's record besides its steps and its plan.
    """
    yield from store(pictures)
    ids = scene.new_job_ids(len(planned.steps))
    done = yield from record(scene, workflow(terms, scene.new_id("wf"), ids, planned, told=told), pictures)
    # Only a replay has to ask: an outage here must not look like a workflow that was not recorded.
    jobs = (yield from steps_of(done.id)) if done.replayed else dict(zip((step.name for step in planned.steps), ids, strict=True))
    return replace(done, jobs=jobs)
