"""Looks at what waits in the ledger: repairs for the reconciler, jobs and calls for a person, lanes, calls for tomorrow's money."""

from __future__ import annotations

from typing import Final

from darkroom.cli.diagnosis.finding import Finding
from darkroom_shared.core.holds import lane_holds
from darkroom_shared.settings import Settings
from darkroom_shared.store import presence, reads, steering
from darkroom_shared.store.redis import Ledger

_LATE: Final = 3
"""After so many intervals without a look something is wrong."""
_DAY_MS: Final = 86_400_000


def check_waiting(ledger: Ledger, settings: Settings) -> list[Finding]:
    """The reconciler's last look, dead letters, held calls, lanes, and the day's spending if it has a limit."""
    now_ms = ledger.run(reads.clock_ms())
    return [
        _reconciler(ledger, settings, now_ms),
        _dead_letters(ledger),
        _held(ledger),
        *_lanes(ledger),
        *_spending(ledger, settings, now_ms),
    ]


def _reconciler(ledger: Ledger, settings: Settings, now_ms: int) -> Finding:
    every_s = settings.reconcile.total_seconds()
    looked_ms = ledger.run(reads.reconciled_ms())
    # A worker's first look comes one interval after its start.
    starts = [int(record["started_ms"]) for record in ledger.run(presence.fleet()) if "started_ms" in record]
    since_ms = looked_ms or min(starts, default=now_ms)
    age_s = max(0, now_ms - since_ms) / 1000
    told = f"last looked {age_s:.0f} s ago" if looked_ms else f"has not looked yet; a worker does so every {every_s:g} s"
    if age_s <= _LATE * every_s:
        return Finding("reconciler", "ok", told)
    mend = (
        "Start a worker with `darkroom worker`; each one reconciles. If one runs, look for maintenance_failed in its log."
        if not starts
        else "A worker is registered but does not reconcile: look for maintenance_failed in its log, and restart it."
    )
    return Finding("reconciler", "warn", f"{told}, which is more than {_LATE} intervals of {every_s:g} s", mend)


def _dead_letters(ledger: Ledger) -> Finding:
    count = ledger.run(reads.dead_letter_count())
    if not count:
        return Finding("dead letters", "ok", "none")
    mend = "Look at them with `darkroom dead-letters`, then replay or discard them."
    return Finding(
        "dead letters", "warn", f"{count} {'jobs gave up and wait' if count > 1 else 'job gave up and waits'} for a person", mend
    )


def _held(ledger: Ledger) -> Finding:
    count = ledger.run(reads.held_count())
    if not count:
        return Finding("held calls", "ok", "none")
    mend = "Look at them with `darkroom held`, then decide with `darkroom resolve`."
    return Finding("held calls", "warn", f"{count} {'calls wait' if count > 1 else 'call waits'} for a decision", mend)


def _lanes(ledger: Ledger) -> list[Finding]:
    lanes = ledger.run(steering.lanes(most=0)).lanes
    found = [Finding("lanes", "warn", hold.what, hold.frees) for lane in lanes for hold in lane_holds(lane)]
    waiting = sum(lane.waiting for lane in lanes)
    calls = f"{waiting} {'call waits' if waiting == 1 else 'calls wait'}"
    return found or [Finding("lanes", "ok", f"{calls} in {len(lanes)} {'lane' if len(lanes) == 1 else 'lanes'}; none is held up")]


def _spending(ledger: Ledger, settings: Settings, now_ms: int) -> list[Finding]:
    limit = settings.spend_per_day_microusd
    if limit is None:
        return []
    spent = ledger.run(reads.spent_microusd(now_ms // _DAY_MS))
    told = f"${spent / 1e6:.4g} of ${limit / 1e6:.4g} since midnight UTC"
    if spent < limit:
        return [Finding("spending", "ok", told)]
    return [
        Finding("spending", "warn", told, "Further calls wait for midnight UTC, or raise DARKROOM_SPEND_PER_DAY for the workers.")
    ]
