"""Lanes and tenants: looking at them, pausing, draining and resuming them, and what a tenant may do; once for both colours."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from types import EllipsisType
from typing import Final, cast

from darkroom.effects import Flow, ask
from darkroom.options import WORD_RULE, is_word
from darkroom_shared.contract.views import View
from darkroom_shared.core.errors import InvalidRequest
from darkroom_shared.core.forecast import LaneState
from darkroom_shared.core.guardrail import RULE, is_guardrail
from darkroom_shared.core.problems import Problem
from darkroom_shared.store import steering
from darkroom_shared.store.steering import Mode

HEAVIEST: Final = 1000
"""A tenant of this weight has a thousand turns for one of a usual tenant; more is a slip."""
LONGEST_QUEUE: Final = timedelta(days=366)
MOST: Final = 1_000_000_000
_WORDS: Final[Mapping[str, str]] = {
    "weight": "weight",
    "running": "running",
    "queued": "queued",
    "queue_ttl": "queue_ms",
    "guardrail": "guardrail",
}
"""The ledger's name of each setting."""

ACTIONS: Final[Mapping[Mode, str]] = {"paused": "pause", "active": "resume", "draining": "drain"}
"""What an operator does to come to a mode."""

Setting = float | int | timedelta | str | EllipsisType | None
"""A value; None takes the limit away; `...` leaves it as it is."""


class TenantView(View):
    """What is set for a tenant, and what it has waiting."""

    name: str
    weight: float = 1.0
    """Its part of the turns, against the other tenants'."""
    running: int | None = None
    """Most calls that it may have running at once, in all lanes; None for no limit."""
    queued: int | None = None
    """Most jobs that it may have queued; a submit beyond that raises QueueFull."""
    queue_ttl: timedelta | None = None
    """A job of it that has not started after this time expires; None for as long as it takes."""
    guardrail: str | None = None
    """The Bedrock guardrail of its jobs that name none, `ID:VERSION`; None for the workers'."""
    mode: Mode = "active"
    """`paused`: takes jobs, starts nothing. `draining`: takes no jobs, finishes what waits."""
    waiting: int = 0
    """Calls parked in all lanes, for quota, a slot or their turn."""


def lanes(name: str | None) -> Flow[list[LaneState]]:
    """All lanes, or the one. Raises InvalidRequest if there is no such lane."""
    view = yield from ask(steering.lanes(name))
    if name is not None and not (view.lanes[0].pools or view.lanes[0].waiting):
        yield from _known_lane(name)
    return list(view.lanes)


def _known_lane(name: str) -> Flow[None]:
    known = [lane.lane for lane in (yield from ask(steering.lanes(None, most=0))).lanes]
    if name not in known:
        raise _no_lane(name, known)


def _no_lane(name: str, known: list[str]) -> InvalidRequest:
    allowed = known or "none yet: a lane comes with the first worker, or the first job of its model"
    return InvalidRequest([Problem("/lane", f"there is no lane {name[:80]!r}", allowed)])


def steer(lane: str | None, tenant: str | None, mode: Mode) -> Flow[None]:
    """Pauses, drains or resumes a lane or a tenant; raises InvalidRequest for both, none, or a lane that is not there."""
    if (lane is None) == (tenant is None):
        raise InvalidRequest([Problem("/lane", f"{'both' if lane else 'neither'} lane and tenant are given", "one of the two")])
    if tenant is not None:
        yield from ask(steering.steer("tenant", checked_tenant(tenant), mode))
    elif lane is not None and not (yield from ask(steering.steer("lane", lane, mode))):
        known = [one.lane for one in (yield from ask(steering.lanes(None, most=0))).lanes]
        raise _no_lane(lane, known)


def checked_tenant(name: str) -> str:
    """The name itself. Raises InvalidRequest for what cannot name a tenant."""
    if not is_word(name):
        raise InvalidRequest([Problem("/tenant", f"{name[:80]!r} is no tenant", WORD_RULE)])
    return name


def tenants() -> Flow[list[TenantView]]:
    """Tenants for which something was set or of which something waits, by name."""
    waiting = yield from _waiting()
    names = {*(yield from ask(steering.tenant_names())), *waiting}
    found: list[TenantView] = []
    for name in sorted(names):
        found.append(_view(name, (yield from ask(steering.tenant_record(name))), waiting.get(name, 0)))
    return found


def tenant(name: str) -> Flow[TenantView]:
    """One tenant; one of which nothing is known has the defaults. Raises InvalidRequest for what cannot name one."""
    record = yield from ask(steering.tenant_record(checked_tenant(name)))
    return _view(name, record, (yield from _waiting()).get(name, 0))


def _waiting() -> Flow[dict[str, int]]:
    found: dict[str, int] = {}
    for lane in (yield from ask(steering.lanes(None, most=1_000_000))).lanes:
        for queue in lane.tenants:
            found[queue.tenant] = found.get(queue.tenant, 0) + queue.waiting
    return found


def _view(name: str, record: Mapping[str, str], waiting: int) -> TenantView:
    limits = {word: int(float(record[word])) for word in ("running", "queued") if word in record}
    ttl = timedelta(milliseconds=float(record["queue_ms"])) if "queue_ms" in record else None
    mode = cast("Mode", record.get("mode", "active"))
    weight, guardrail = float(record.get("weight", "1")), record.get("guardrail")
    return TenantView(name=name, weight=weight, queue_ttl=ttl, guardrail=guardrail, mode=mode, waiting=waiting, **limits)


def set_tenant(name: str, given: Mapping[str, Setting]) -> Flow[TenantView]:
    """Sets what is not `...`, takes away what is None: `weight`, `running`, `queued`, `queue_ttl`, `guardrail`.

    Raises:
        InvalidRequest: everything that is wrong; then nothing is set.
    """
    checked_tenant(name)
    told = {word: value for word, value in given.items() if not isinstance(value, EllipsisType)}
    problems = [problem for word, value in told.items() if value is not None and (problem := _wrong(word, value)) is not None]
    if problems:
        raise InvalidRequest(problems)
    fields = {_WORDS[word]: _stored(value) for word, value in told.items() if value is not None}
    clear = [_WORDS[word] for word, value in told.items() if value is None]
    if told:
        yield from ask(steering.tenant(name, fields, clear))
    return (yield from tenant(name))


def told(given: Mapping[str, Setting]) -> str:
    """What is set, in words."""
    return ", ".join(f"{word} {value}" for word, value in given.items() if value is not ...)


def _stored(value: float | timedelta | str) -> float | str:
    if isinstance(value, str):
        return value
    return round(value.total_seconds() * 1000) if isinstance(value, timedelta) else float(value)


def _wrong(word: str, value: object) -> Problem | None:
    # bool is an int, and none of these.
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if word == "weight":
        fine = is_number and math.isfinite(cast("float", value)) and 0 < cast("float", value) <= HEAVIEST
        allowed = f"a number above 0, at most {HEAVIEST}, or None for 1"
    elif word == "queue_ttl":
        fine = isinstance(value, timedelta) and timedelta(milliseconds=1) <= value <= LONGEST_QUEUE
        allowed = f"a timedelta above 0, at most {LONGEST_QUEUE.days} days, or None for no limit"
    elif word == "guardrail":
        fine = isinstance(value, str) and is_guardrail(value)
        allowed = f"{RULE}, or None for the workers'"
    else:
        fine = is_number and isinstance(value, int) and 0 <= value <= MOST
        allowed = "a whole number from 0, or None for no limit"
    return None if fine else Problem(f"/{word}", f"{str(value)[:80]} is no {_MEANINGS[word]}", allowed)


_MEANINGS: Final[Mapping[str, str]] = {
    "weight": "weight",
    "running": "number of running calls",
    "queued": "number of queued jobs",
    "queue_ttl": "time to wait in the queue",
    "guardrail": "guardrail",
}
