"""Numbers for Prometheus, counted by the ledger and read when they are asked for. No tenant, prompt or job stands in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from darkroom.api.callers import Operator
from darkroom.api.replies import problems
from darkroom.api.service import Desk
from darkroom.effects import Flow, ask
from darkroom_shared.core.forecast import LaneState
from darkroom_shared.store import presence, reads, steering

router = APIRouter(tags=["health"])

DAY_MS: Final = 86_400_000
_CIRCUITS: Final = ("closed", "open", "half_open", "probing")


class _Found:
    """One look at the fleet, as Prometheus takes it."""

    def __init__(self, lanes: list[LaneState], fleet: list[Mapping[str, object]], numbers: Mapping[str, float]) -> None:
        self._lanes, self._fleet, self._numbers = lanes, fleet, numbers

    def collect(self) -> Iterator[Metric]:
        """The families of numbers."""
        yield from self._of_lanes()
        yield from self._of_pools()
        slots = sum(int(str(worker.get("slots", 0))) for worker in self._fleet)
        yield GaugeMetricFamily("darkroom_workers", "Registered workers.", value=len(self._fleet))
        yield GaugeMetricFamily("darkroom_worker_slots", "Calls that they work on at once, at most.", value=slots)
        for name, (text, value) in {
            "darkroom_dead_letters": ("Jobs that gave up and wait for a person.", self._numbers["dead_letters"]),
            "darkroom_held_calls": ("Calls whose outcome nobody knows and that wait for a person.", self._numbers["held"]),
            "darkroom_spent_today_usd": ("What the calls of this UTC day cost or may have cost.", self._numbers["spent_usd"]),
            "darkroom_api_listeners": ("Open event streams of this process.", self._numbers["listeners"]),
        }.items():
            yield GaugeMetricFamily(name, text, value=value)

    def _of_lanes(self) -> Iterator[Metric]:
        waiting = GaugeMetricFamily("darkroom_lane_waiting", "Calls that wait in a lane.", labels=["lane"])
        oldest = GaugeMetricFamily("darkroom_lane_oldest_seconds", "How long the first of them has waited.", labels=["lane"])
        free = GaugeMetricFamily("darkroom_lane_free_slots", "Free slots of the workers that serve it.", labels=["lane"])
        took = GaugeMetricFamily("darkroom_lane_call_seconds", "How long a call takes, smoothed.", labels=["lane"])
        active = GaugeMetricFamily("darkroom_lane_active", "0 while it is paused or drained.", labels=["lane"])
        for lane in self._lanes:
            waiting.add_metric([lane.lane], lane.waiting)
            oldest.add_metric([lane.lane], (lane.oldest_ms or 0) / 1000)
            free.add_metric([lane.lane], lane.free_slots)
            active.add_metric([lane.lane], lane.mode == "active")
            if lane.took_ms is not None:
                took.add_metric([lane.lane], lane.took_ms / 1000)
        yield from (waiting, oldest, free, took, active)

    def _of_pools(self) -> Iterator[Metric]:
        rate = GaugeMetricFamily("darkroom_pool_rate_per_minute", "The pace of this moment; none for no limit.", labels=["pool"])
        quota = GaugeMetricFamily("darkroom_pool_quota_per_minute", "What AWS allows, where that is known.", labels=["pool"])
        sent = GaugeMetricFamily("darkroom_pool_sent_last_minute", "Calls let go in the last minute.", labels=["pool"])
        flight = GaugeMetricFamily("darkroom_pool_in_flight", "Calls under way.", labels=["pool"])
        refused = CounterMetricFamily("darkroom_pool_refused", "Calls that the service refused as too much.", labels=["pool"])
        circuit = GaugeMetricFamily("darkroom_pool_circuit", "1 for the state of its circuit.", labels=["pool", "state"])
        for pool in {pool.pool: pool for lane in self._lanes for pool in lane.pools}.values():
            sent.add_metric([pool.pool], pool.sent)
            flight.add_metric([pool.pool], pool.in_flight)
            refused.add_metric([pool.pool], pool.refused_in_all)
            if pool.rate is not None:
                rate.add_metric([pool.pool], pool.rate)
            if pool.quota is not None:
                quota.add_metric([pool.pool], pool.quota)
            for state in _CIRCUITS:
                circuit.add_metric([pool.pool, state], pool.circuit == state)
        yield from (rate, quota, sent, flight, refused, circuit)


def _look(listeners: int, now_ms: int) -> Flow[_Found]:
    lanes = yield from ask(steering.lanes(None, most=0))
    fleet = yield from ask(presence.fleet())
    spent = yield from ask(reads.spent_microusd(now_ms // DAY_MS))
    dead = yield from ask(reads.dead_letter_count())
    held = yield from ask(reads.held_count())
    numbers = {"dead_letters": dead, "held": held, "spent_usd": spent / 1_000_000, "listeners": listeners}
    return _Found(list(lanes.lanes), [dict(worker) for worker in fleet], numbers)


_TEXT: Final = {"content": {"text/plain": {"schema": {"type": "string"}}}}


@router.get("/metrics", response_class=Response, responses={200: _TEXT, **problems()})
async def metrics(desk: Desk, caller: Operator) -> Response:
    """The fleet in Prometheus' text format. With keys it wants one with the scope `operate`."""
    registry = CollectorRegistry()
    registry.register(await desk.run(_look(desk.hub.listeners, desk.sources.now_ms())))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
