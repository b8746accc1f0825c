"""Why a job waits, what would free it and when it may be expected to start; written once for both colours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

from darkroom.effects import Flow, ask
from darkroom.launching import waiting_place
from darkroom.watching import brief, checked_job, gone, status
from darkroom.workflows import steps_of
from darkroom_shared.contract.job_record import JobClass, JobRecord
from darkroom_shared.contract.views import CallView, JobView, View, instant
from darkroom_shared.core.forecast import Forecast, LaneState, Place, forecast
from darkroom_shared.core.holds import Hold, Standing, holds, late, misses, only_a_worker, standing_holds
from darkroom_shared.core.lifecycle import CallState, JobState
from darkroom_shared.store import reads, steering
from darkroom_shared.store.steering import Overview

_FIRST: Final = (
    *(CallState.PARKED, CallState.SNOOZED, CallState.UNKNOWN, CallState.ADMITTED),
    *(CallState.CLAIMED, CallState.CALLING, CallState.RESPONDED),
)
"""Of several calls the one that waits is explained."""
_TRIES: Final = 3
"""A call may move on between two looks."""
_EVENTS: Final = 50
"""How far back a snooze is looked for."""
_NEVER: Final = Forecast(0, None, None)


class Explanation(View):
    """Why a job waits: for a job with several calls, of the first that does."""

    id: str
    call: str
    state: JobState
    tenant: str
    job_class: JobClass
    lane: str
    """The model id, or `local`."""
    position: int | None = None
    """Calls that go before it, estimated; None if it stands in no queue."""
    holds: tuple[Hold, ...] = ()
    """All that keeps it, what needs a person first; empty if it goes at the next look at its lane."""
    start_p50_s: float | None = None
    """Seconds until it may be expected to start; None if that needs a person or nobody knows."""
    start_p90_s: float | None = None
    """The same for a pessimist."""
    deadline: datetime | None = None
    """Until when it must start."""
    is_late: bool | None = None
    """Whether the deadline will probably be missed; None without a deadline, and where nobody knows."""


@dataclass(frozen=True, slots=True)
class _Look:
    """One look at a job, the call of it that is explained, and its lane."""

    record: JobRecord
    view: JobView
    call: CallView
    overview: Overview
    rank: int | None

    @property
    def lane(self) -> LaneState:
        return self.overview.lanes[0]

    @property
    def deadline_ms(self) -> int | None:
        """Once a job has started only `finish_by` counts; of an ended one nothing does."""
        by = (0 if self.view.timings.started else self.record.start_by_ms, self.record.finish_by_ms)
        return None if self.view.is_terminal else min((at for at in by if at), default=None)


def explain(floors: Mapping[str, float], identity: str) -> Flow[Explanation]:
    """Explains a job, or the step of a workflow that the others wait for. Raises UnknownJob."""
    job_id = (yield from _step(identity)) if identity.startswith("wf_") else checked_job(identity)
    look = yield from _look(job_id)
    if look.call.state is CallState.PARKED and look.rank is None:  # its answer is stored: it needs no quota any more
        return _told(look, None, only_a_worker(look.lane), _NEVER)
    place = _place(look)
    if look.call.state is CallState.PARKED:
        prediction = forecast(look.lane, place, floors)
        return _told(look, prediction.position, holds(look.lane, place, floors), prediction)
    standing = yield from _standing(look)
    prediction = _NEVER
    if look.call.state is CallState.SNOOZED and standing.until_ms is not None:
        prediction = _not_before(forecast(look.lane, place, floors), (standing.until_ms - look.overview.now_ms) / 1000)
    return _told(look, None, standing_holds(job_id, standing), prediction)


def _step(workflow_id: str) -> Flow[str]:
    """The first step that has not ended and waits for no other one; the last step if all have ended."""
    jobs = list((yield from steps_of(workflow_id)).values())
    for job_id in jobs:
        view = yield from brief(job_id)
        if not view.is_terminal and view.state is not JobState.WAITING:
            return job_id
    return jobs[-1]


def _look(job_id: str) -> Flow[_Look]:
    tries = _TRIES
    while True:
        fields = yield from ask(reads.job(job_id))
        if not fields:
            raise gone(job_id)
        view = yield from status(job_id)
        record = JobRecord.from_fields(fields)
        overview = yield from ask(steering.lanes(record.lane, job_id))
        call = min(view.calls, key=_order)
        rank = overview.ranks.get(call.id)
        tries -= 1
        if (call.state is CallState.PARKED) == (rank is not None) or not tries:
            return _Look(record, view, call, overview, rank)


def _order(call: CallView) -> int:
    return _FIRST.index(call.state) if call.state in _FIRST else len(_FIRST)


def _place(look: _Look) -> Place:
    """Where the call stands, or will stand when its snooze is over: after what its tenant has waiting, but for a throttled one."""
    record, rank = look.record, look.rank
    pools = tuple(record.routes.split(",")) if record.routes else ()
    place = waiting_place(look.lane, record.job_class, record.tenant, record.price_microusd, pools)
    if rank is None:
        return Place(place.job_class, place.tenant, 0, place.cost, pools) if look.call.reason == "throttled" else place
    return Place(place.job_class, place.tenant, rank, place.cost, pools)


def _not_before(prediction: Forecast, seconds: float) -> Forecast:
    """The queue gets shorter while a snooze lasts."""
    p50_s, p90_s = prediction.start_p50_s, prediction.start_p90_s
    least = max(0.0, seconds)
    return Forecast(0, None if p50_s is None else max(p50_s, least), None if p90_s is None else max(p90_s, least))


def _standing(look: _Look) -> Flow[Standing]:
    """What there is to know of a call that is not parked."""
    call, now_ms = look.call, look.overview.now_ms
    steps: list[str] = []
    until_ms: int | None = None
    if call.state is CallState.SNOOZED and call.reason == "dependency":
        for name, job_id in look.record.needs.items():
            if not (yield from brief(job_id)).is_terminal:
                steps.append(name)
    elif call.state is CallState.SNOOZED and call.reason == "not_before":
        until_ms = look.record.not_before_ms
    elif call.state is CallState.SNOOZED:
        until_ms = yield from _snoozed_until(look)
    ended = ", ".join(word for word in (look.view.state.value, look.view.reason) if word)
    return Standing(call.state, call.reason, now_ms, until_ms, tuple(steps), ended if look.view.is_terminal else "")


def _snoozed_until(look: _Look) -> Flow[int | None]:
    """The end of the call's snooze, from the event that told of it; None where that says nothing."""
    events = yield from ask(reads.events(look.view.id, max(0, look.view.sequence - _EVENTS)))
    for event in reversed(events):
        if event.type == "call.snooze" and event.data.get("call") == look.call.id:
            delay_ms, at_ms = event.data.get("delay_ms"), event.data.get("at_ms")
            known = isinstance(delay_ms, int | float) and isinstance(at_ms, int | float)
            return round(cast("float", at_ms) + cast("float", delay_ms)) if known else None
    return None


def _told(look: _Look, position: int | None, found: tuple[Hold, ...], prediction: Forecast) -> Explanation:
    deadline_ms, now_ms = look.deadline_ms, look.overview.now_ms
    waits = look.call.state in (CallState.PARKED, CallState.SNOOZED)
    too_late = late(prediction, deadline_ms, now_ms) if waits else None
    return Explanation(
        id=look.view.id,
        call=look.call.id,
        state=look.view.state,
        tenant=look.record.tenant,
        job_class=look.record.job_class,
        lane=look.record.lane,
        position=position,
        holds=found if too_late is None else (*found, too_late),
        start_p50_s=prediction.start_p50_s,
        start_p90_s=prediction.start_p90_s,
        deadline=instant(str(deadline_ms)) if deadline_ms else None,
        is_late=misses(prediction.start_p50_s, deadline_ms, now_ms) if waits else None,
    )
