"""How lanes, pools, queues and tenants look in a terminal, within 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from darkroom_shared.core.forecast import LaneState, PoolState, TenantQueue
from darkroom_shared.core.holds import span
from darkroom_shared.core.quota import split_pool

if TYPE_CHECKING:
    from darkroom import TenantView

MOST_TENANTS: Final = 10
_MODES: Final = {"active": "green", "paused": "bold red", "draining": "yellow"}
_CIRCUITS: Final = {"closed": "green", "open": "bold red", "half_open": "yellow", "probing": "yellow"}


def is_quiet(lane: LaneState) -> bool:
    """True if nothing waits in a lane, nothing was sent or refused lately, and nobody has steered it."""
    if lane.mode != "active" or lane.waiting or lane.took_ms is not None:
        return False
    return all(pool.circuit == "closed" and not (pool.sent or pool.refused_in_all or pool.in_flight) for pool in lane.pools)


def lane_picture(lane: LaneState) -> list[RenderableType]:
    """A line about the lane, a table of its pools, a table of what waits, and an empty line."""
    parts: list[RenderableType] = [_title(lane)]
    if lane.pools:
        parts.append(_indented(_pools(lane)))
    if lane.tenants or lane.others:
        parts.append(_indented(_queues(lane)))
    return [*parts, Text()]


def _indented(table: Table) -> Padding:
    return Padding(table, (0, 0, 0, 2), expand=False)


def _title(lane: LaneState) -> Text:
    oldest = "" if lane.oldest_ms is None else f", oldest {span(lane.oldest_ms / 1000)}"
    took = "" if lane.took_ms is None else f", calls take {span(lane.took_ms / 1000)}"
    slots = f"{max(0, lane.free_slots)}/{lane.slots} slots free" if lane.slots else "no worker"
    text = Text.assemble((lane.lane, "bold"), ": ", (lane.mode, _MODES[lane.mode]))
    text.append(f", {lane.waiting} waiting{oldest}, ")
    text.append(slots, style="" if lane.free_slots > 0 else "yellow" if lane.slots else "bold red")
    return text.append(took)


def _pools(lane: LaneState) -> Table:
    table = _table("pool", "a minute", "quota", "sent", "refused", "in flight", "circuit", "next call")
    for pool in lane.pools:
        region, model = split_pool(pool.pool)
        refused = f"{pool.refused} ({pool.refused_in_all})" if pool.refused_in_all else "0"
        in_flight = str(pool.in_flight) if pool.concurrency is None else f"{pool.in_flight} of {pool.concurrency}"
        table.add_row(
            region if model == lane.lane else pool.pool,
            "no limit" if pool.rate is None else f"{pool.rate:.3g}",
            _quota(pool),
            str(pool.sent),
            Text(refused, style="red" if pool.refused else ""),
            in_flight,
            Text(pool.circuit.replace("_", " "), style=_CIRCUITS[pool.circuit]),
            _next(pool),
        )
    return table


def _quota(pool: PoolState) -> str:
    return pool.source if pool.quota is None else f"{pool.quota:g} {pool.source}"


def _next(pool: PoolState) -> str:
    """When the pool takes its next call, and what it waits for if not for its rate."""
    why = "" if pool.why == "rate" else f" ({pool.why.replace('_', ' ')})"
    if pool.opens_in_ms is None:
        return why.strip(" ()")
    return "now" if pool.opens_in_ms == 0 else f"{span(pool.opens_in_ms / 1000)}{why}"


def _queues(lane: LaneState) -> Table:
    table = _table("tenant", "class", "waiting", "running", "weight", "")
    queues = sorted(lane.tenants, key=lambda queue: (-queue.waiting, queue.tenant, queue.job_class))
    for queue in queues[:MOST_TENANTS]:
        mode = Text(queue.mode or "", style=_MODES.get(queue.mode or "", ""))
        table.add_row(queue.tenant, queue.job_class, str(queue.waiting), _running(queue), f"{queue.weight:g}", mode)
    more = sum(queue.waiting for queue in queues[MOST_TENANTS:]) + sum(lane.others.values())
    if more:
        table.add_row("others", "", str(more), "", "", "")
    return table


def _running(queue: TenantQueue) -> str:
    return str(queue.running) if queue.running_most is None else f"{queue.running} of {queue.running_most:g}"


def tenants_table(views: Sequence[TenantView]) -> Table:
    """One line a tenant: what it may do, and what it has waiting."""
    table = _table("tenant", "weight", "running", "queued", "queue ttl", "guardrail", "mode", "waiting")
    for view in views:
        most = ["-" if limit is None else f"at most {limit}" for limit in (view.running, view.queued)]
        ttl = "-" if view.queue_ttl is None else span(view.queue_ttl.total_seconds())
        mode = Text(view.mode, style=_MODES[view.mode])
        table.add_row(view.name, f"{view.weight:g}", *most, ttl, view.guardrail or "-", mode, str(view.waiting))
    return table


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in titles:
        table.add_column(title, no_wrap=title not in ("pool", "tenant", "next call", "guardrail"), overflow="fold")
    return table
