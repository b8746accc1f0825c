"""Operations on lanes, pools and tenants: what is let go how fast, and a look at all of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import TypeAdapter

from darkroom_shared.core.forecast import LaneState
from darkroom_shared.core.quota import MARGIN, PoolQuota, pool_name
from darkroom_shared.settings import Settings
from darkroom_shared.store.answers import Json, loads, mapping, record, rows, text, texts, whole
from darkroom_shared.store.operation import Command, Script

Mode = Literal["active", "paused", "draining"]


def pool_quota(settings: Settings, lane: str, region: str, model_id: str, catalogue_rpm: float | None) -> PoolQuota:
    """A pool as the settings and the catalogue know it."""
    pool = pool_name(region, model_id)
    quota = settings.quota(pool, model_id)
    return PoolQuota(
        lane,
        pool,
        settings_rpm=quota.rpm,
        catalogue_rpm=catalogue_rpm,
        unknown=quota.unknown,
        off=settings.quotas == "off",
        concurrency=quota.concurrency,
        tokens_per_minute=quota.tokens_per_minute,
        share=settings.share,
        margin=MARGIN,
        scale=settings.time_scale,
    )


@dataclass(frozen=True, slots=True)
class SyncedQuota:
    """A quota as AWS Service Quotas tells it; None where it says nothing. `route` is the pool, `region/model id`."""

    lane: str
    route: str
    requests_per_minute: float | None
    concurrency: int | None = None
    tokens_per_minute: float | None = None


def synced_quotas(quotas: Sequence[SyncedQuota]) -> Script[int]:
    """Records what AWS says; how many pools have another quota now."""
    entries = [
        {
            "lane": quota.lane,
            "pool": quota.route,
            "rpm": quota.requests_per_minute,
            "concurrency": quota.concurrency,
            "tpm": quota.tokens_per_minute,
        }
        for quota in quotas
    ]
    return Script("quotas", {"quotas": entries}, whole)


def steer(kind: Literal["lane", "tenant"], name: str, mode: Mode) -> Script[bool]:
    """Pauses, drains or resumes. False if there is no such lane."""
    return Script("steer", {"kind": kind, "name": name, "mode": mode}, lambda raw: raw == 1)


def tenant(name: str, fields: Mapping[str, float | str], clear: Sequence[str] = ()) -> Script[bool]:
    """Sets `weight`, `running` (calls), `queued` (jobs), `queue_ms` and `guardrail` of a tenant; `clear` takes some away."""
    return Script("tenant", {"tenant": name, "fields": dict(fields), "clear": list(clear)}, lambda raw: raw == 1)


def tenant_record(name: str) -> Command[dict[str, str]]:
    """What is set for a tenant: `weight`, `running`, `queued`, `queue_ms`, `guardrail`, `mode`; empty if nothing is."""
    return Command(lambda keys: ("HGETALL", keys.tenant(name)), record)


def tenant_names() -> Command[list[str]]:
    """Tenants for which something was set."""
    return Command(lambda keys: ("SMEMBERS", keys.tenants), lambda raw: sorted(texts(raw)))


@dataclass(frozen=True, slots=True)
class Overview:
    """What stands in the lanes at one moment of the ledger's clock.

    Attributes:
        now_ms: that moment.
        workers: live worker processes.
        lanes: all that were asked for.
        ranks: for the parked calls of the job that was asked for: how many of its tenant's calls stand before each.
    """

    now_ms: int
    workers: int
    lanes: tuple[LaneState, ...]
    ranks: Mapping[str, int]


def lanes(lane: str | None = None, job: str | None = None, most: int = 500) -> Script[Overview]:
    """A look at the lanes, or at one; `most` tenants of each, the rest summed up."""

    def parse(raw: object) -> Overview:
        value = mapping(loads(raw))
        ranks = {text(row["call"]): whole(row["rank"]) for row in rows(value.get("calls"))}
        return Overview(whole(value["now_ms"]), whole(value["workers"]), tuple(map(_lane, rows(value.get("lanes")))), ranks)

    return Script("lanes", {"lane": lane, "job": job, "most": most}, parse)


def _lane(row: Json) -> LaneState:
    # Lua's JSON makes an empty list an empty object.
    lists = {name: rows(row.get(name)) for name in ("tenants", "pools")}
    return _LANE.validate_python({**row, **lists})


_LANE = TypeAdapter(LaneState)
