"""What keeps a call from starting, and what would let it go, in sentences for a person. Pure, like the predictions it stands on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, assert_never

from darkroom_shared.core.forecast import Ahead, Forecast, LaneState, Place, PoolState, ahead, own_queue, usable
from darkroom_shared.core.lifecycle import CallState


@dataclass(frozen=True, slots=True)
class Hold:
    """One thing that keeps a call from starting, and what would end that.

    Attributes:
        kind: of a waiting call `pause`, `tenant_limit`, `no_worker`, `slots`, `share`, or what its pools wait for: `rate`,
            `tokens`, `throttled`, `circuit`, `concurrency`, `no_quota`. Of another one `budget`, `throttled`, `back_off`,
            `dependency`, `approval`, `coalesced`, `not_before`, `unknown_outcome`, `admitted`, `running`, `ended`. Beside others
            `deadline`: it will probably be missed.
        what: a sentence for a person.
        frees: what would let it go, a sentence.
    """

    kind: str
    what: str
    frees: str


def holds(lane: LaneState, place: Place, floors: Mapping[str, float]) -> tuple[Hold, ...]:
    """All that keeps a parked call; empty if it goes at the next look at its lane. What needs a person comes first."""
    before = ahead(lane, place, floors)
    found = [*_paused(lane, place), *_workers(lane)]
    pools = usable(lane, place)
    if before.total or all(pool.opens_in_ms != 0 for pool in pools):
        found += [hold for pool in pools if (hold := _pool(pool, lane.took_ms, waits=before.total > 0)) is not None]
    found += _share(before, place) if before.total else []
    return tuple(found)


def lane_holds(lane: LaneState) -> tuple[Hold, ...]:
    """What keeps a lane from its usual work, whoever waits in it: a pause or drain, no worker, quotas of 0, open circuits."""
    found = _lane_mode(lane)
    if lane.mode == "draining":
        found.append(Hold("drain", f"The lane {lane.lane} is draining: it takes nothing new.", _resume(lane)))
    if lane.waiting and lane.slots == 0:
        found += _workers(lane)
    told = [_pool(pool, lane.took_ms, waits=False) for pool in lane.pools]
    return (*found, *(hold for hold in told if hold is not None and hold.kind in ("no_quota", "circuit")))


def only_a_worker(lane: LaneState) -> tuple[Hold, ...]:
    """All that keeps a call whose answer is stored already: it needs no quota any more."""
    return tuple(_workers(lane))


def _paused(lane: LaneState, place: Place) -> list[Hold]:
    found = _lane_mode(lane)
    own = own_queue(lane, place)
    if own is None:
        return found
    if own.mode == "paused":
        found.append(Hold("pause", f"Tenant {own.tenant} is paused.", f"`darkroom resume --tenant {own.tenant}`."))
    most = own.running_most
    if most is not None and own.running >= most:
        told = f"Tenant {own.tenant} has {own.running} of {most:g} calls running that it may have at once."
        ends = f"One of them ends{_in_about(lane.took_ms)}; or " if most else ""
        raised = f"`darkroom tenants set {own.tenant} --running N` raises the limit."
        found.append(Hold("tenant_limit", told, ends + raised if ends else raised))
    return found


def _lane_mode(lane: LaneState) -> list[Hold]:
    return [Hold("pause", f"The lane {lane.lane} is paused.", _resume(lane))] if lane.mode == "paused" else []


def _resume(lane: LaneState) -> str:
    return f"`darkroom resume --lane {lane.lane}`."


def _workers(lane: LaneState) -> list[Hold]:
    if lane.slots == 0:
        return [Hold("no_worker", f"No live worker serves the lane {lane.lane}.", "A worker that does: `darkroom worker`.")]
    if lane.free_slots <= 0:
        told = f"All {lane.slots} slots of the workers for its lane are taken."
        return [Hold("slots", told, f"A call that ends{_in_about(lane.took_ms)}, or another worker.")]
    return []


def _pool(pool: PoolState, took_ms: float | None, *, waits: bool) -> Hold | None:
    """Why a pool takes no call at this moment, or takes those that go before only one by one; None if it is wide open."""
    name, opens = pool.pool, pool.opens_in_ms
    in_time = f"In {span(opens / 1000)}." if opens else "At the next look at the lane."
    match pool.why:
        case "pause":
            told = f"Pool {name} is paused.", "Somebody who resumes it."
        case "no_quota":
            what = f"The quota of {name} is 0 ({pool.source}): the account may not call this model there."
            told = what, "Ask AWS for access to the model or for a quota, then run `darkroom quotas sync`."
        case "circuit" if opens is None:
            what = f"{name} has refused calls; one call is under way to find out whether it takes them again."
            told = what, f"Its answer{_in_about(took_ms)}."
        case "circuit" if opens:
            what = f"{name} refused calls one after the other and is left alone (circuit {pool.circuit.replace('_', ' ')})."
            told = what, f"One call tries again in {span(opens / 1000)}."
        case "concurrency":
            what = f"{name} has {pool.in_flight} calls in flight and may have {pool.concurrency or 0}."
            told = what, f"One of them ends{_in_about(took_ms)}."
        case "throttled" if opens:
            told = f"{name} has just refused a call as too much, and rests.", in_time
        case "tokens" if opens:
            told = f"The tokens a minute of {name} are used up.", in_time
        case _ if pool.interval_ms and (waits or opens):
            what = f"{name} lets one call go every {span(pool.interval_ms / 1000)}{_quota(pool)}."
            return Hold("rate", what, f"Its next call goes {f'in {span(opens / 1000)}' if opens else 'now'}.")
        case _:
            return None
    return Hold(pool.why, *told)


def _quota(pool: PoolState) -> str:
    if pool.rate is None:
        return ""
    if pool.quota is None:
        return f" ({pool.rate:.3g} a minute, learned: its quota is not known)"
    learned = ", slowed down after refusals" if pool.cap is not None and pool.rate < 0.995 * pool.cap else ""
    return f" ({pool.rate:.3g} a minute, the quota is {pool.quota:g}{learned})"


def _share(before: Ahead, place: Place) -> list[Hold]:
    parts = [
        (before.urgent, "of more urgent classes"),
        (before.own, "of the same tenant"),
        (before.tenants, "of other tenants whose turn is first"),
        (before.lower, "of less urgent classes, for their floors"),
    ]
    told = ", ".join(f"{count} {whose}" for count, whose in parts if count)
    frees = ["They go, one after the other."]
    if before.tenants:
        frees.append(f"A higher weight gives {place.tenant} more turns.")
    if before.urgent:
        frees.append("A more urgent class goes earlier.")
    return [Hold("share", f"About {before.total} {_calls(before.total)} first: {told}.", " ".join(frees))]


def _calls(count: int) -> str:
    return "call goes" if count == 1 else "calls go"


def _in_about(took_ms: float | None) -> str:
    return "" if took_ms is None else f" (a call takes about {span(took_ms / 1000)})"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a call stands that is not parked.

    Attributes:
        reason: of its snooze: `dependency`, `not_before`, `spend_limit`, `throttled`, or the code of the failure before a back-off.
        until_ms: when the snooze ends, milliseconds since the epoch; None if only an event can tell or nobody knows.
        now_ms: the ledger's clock.
        steps: those it waits for.
        ended: state and reason of its job, if that has ended.
    """

    state: CallState
    reason: str
    now_ms: int
    until_ms: int | None = None
    steps: Sequence[str] = field(default_factory=tuple[str, ...])
    ended: str = ""


def standing_holds(job_id: str, call: Standing) -> tuple[Hold, ...]:
    """What keeps a call that is not parked, or what has become of it."""
    match call.state:
        case CallState.PARKED:
            return ()
        case CallState.SNOOZED:
            return (_snoozed(call),)
        case CallState.UNKNOWN:
            told = (
                "A call went out and no answer came: nobody knows whether it was billed, and the job is not to risk paying twice."
            )
            return (Hold("unknown_outcome", told, f"A decision: `darkroom resolve {job_id} retry`, `give-up` or `--answer FILE`."),)
        case CallState.ADMITTED:
            return (
                Hold("admitted", "It has been let go; a message is on its way to a worker.", "A worker that takes the message."),
            )
        case CallState.CLAIMED | CallState.CALLING | CallState.RESPONDED:
            return (Hold("running", "A worker is at it.", "Nothing needs doing."),)
        case CallState.DONE | CallState.FAILED | CallState.CANCELED | CallState.EXPIRED | CallState.QUARANTINED:
            return (Hold("ended", f"It has ended: {call.ended or call.state.value}.", "Nothing: it waits for nothing any more."),)
        case _:
            assert_never(call.state)


_FOR_OTHERS: Final[Mapping[str, Hold]] = {
    "approval": Hold("approval", "A person is to decide at this gate.", "`darkroom workflow approve`, or `reject`."),
    "coalesced": Hold(
        "coalesced",
        "An equal job is under way, and its result will be this one's, too.",
        "The end of that job; if it comes to nothing, this one is called itself.",
    ),
}


def _snoozed(call: Standing) -> Hold:
    left = None if call.until_ms is None else max(0.0, (call.until_ms - call.now_ms) / 1000)
    when = "Soon." if left is None else f"In {span(left)}."
    match call.reason:
        case "dependency":
            steps = ", ".join(call.steps) or "a step before it"
            return Hold("dependency", f"It works on the pictures of {steps}, which has not ended.", "The end of that step.")
        case "approval" | "coalesced":
            return _FOR_OTHERS[call.reason]
        case "not_before":
            at = "" if call.until_ms is None else f" {clock(call.until_ms)}"
            return Hold("not_before", f"It is not to start before{at or ' a time that was given'}.", when)
        case "spend_limit":
            told = "The calls of today would cost more than DARKROOM_SPEND_PER_DAY."
            return Hold("budget", told, "Midnight UTC, or a higher limit for the workers; it is looked at every 10 minutes.")
        case "throttled":
            return Hold("throttled", "The service refused it as too much; it goes to the head of its queue.", when)
        case code:
            told = f"Its last attempt came to nothing ({code or 'unknown'}); it waits before the next one."
            return Hold("back_off", told, when)


def misses(start_s: float | None, deadline_ms: int | None, now_ms: int) -> bool | None:
    """Whether the deadline will probably be missed; None without one, and where nobody knows when the call may start."""
    if deadline_ms is None or (start_s is None and deadline_ms > now_ms):
        return None
    return now_ms + (start_s or 0.0) * 1000 >= deadline_ms


def late(prediction: Forecast, deadline_ms: int | None, now_ms: int) -> Hold | None:
    """The hold of a deadline that is likely to be missed; None for one that can be met, and where nobody knows."""
    if deadline_ms is None or not misses(prediction.start_p50_s, deadline_ms, now_ms):
        return None
    if deadline_ms <= now_ms:
        return Hold(
            "deadline", f"Its deadline passed at {clock(deadline_ms)}.", "Nothing: it expires at the next look at its lane."
        )
    left = span((deadline_ms - now_ms) / 1000)
    told = f"Its deadline passes at {clock(deadline_ms)}, in {left}: it will probably be missed."
    return Hold("deadline", told, "Less before it, or a later deadline: cancel it and submit it again.")


def span(seconds: float) -> str:
    """A length of time for a person.

    >>> span(0.42), span(33.4), span(600), span(9000)
    ('0.4 s', '33 s', '10 min', '2.5 h')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def clock(ms: int) -> str:
    """An instant for a person."""
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
