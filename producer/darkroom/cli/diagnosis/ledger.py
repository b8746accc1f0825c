"""Looks at the ledger's Redis: reachable, with Lua, safe against loss, in step with this clock, and with workers."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final, cast

import redis
from redis.exceptions import RedisError

from darkroom.cli.diagnosis.finding import Finding
from darkroom.cli.diagnosis.waiting import check_waiting
from darkroom_shared.core.errors import DarkroomError
from darkroom_shared.settings import Settings
from darkroom_shared.store import presence
from darkroom_shared.store.redis import Ledger

_SKEW_WARN_S: Final = 2.0
_WANTED: Final = {
    "appendonly": ("yes", "jobs can be lost when the server stops"),
    "appendfsync": ("always", "the last second of jobs can be lost in a crash"),
    "maxmemory-policy": ("noeviction", "jobs can be evicted when memory is full"),
}


def check_ledger(settings: Settings, *, is_stack: bool) -> list[Finding]:
    """Everything about the ledger; one finding if it cannot be reached."""
    if not settings.redis_url:
        mend = "Start `darkroom up` in another terminal, or set DARKROOM_REDIS_URL to your Redis."
        return [Finding("ledger", "fail", f"no address: no stack runs in {settings.home_folder} and none is set", mend)]
    try:
        with Ledger(settings.redis_url, settings.key_prefix) as ledger:
            ledger.ping()
            server, waiting = _server(settings.redis_url), check_waiting(ledger, settings)
            return [Finding("ledger", "ok", _whose(is_stack)), *server, _workers(ledger), *waiting]
    except (DarkroomError, ValueError, OSError) as error:
        mend = "Check DARKROOM_REDIS_URL, that the server runs, and that its Lua module is loaded."
        return [Finding("ledger", "fail", str(error), mend)]


def _whose(is_stack: bool) -> str:
    return "reachable and runs Lua scripts" + (" (the stack of `darkroom up`)" if is_stack else "")


def _server(url: str) -> list[Finding]:
    with redis.Redis.from_url(url, decode_responses=True, socket_timeout=5) as client:
        return [*_durability(client), _clock(client)]


def _durability(client: redis.Redis) -> list[Finding]:
    try:
        told = cast("Mapping[str, str]", client.config_get(*_WANTED))
    except RedisError:
        mend = "Check in your provider's console that AOF is on and the eviction policy is noeviction."
        return [Finding("durability", "warn", "the server does not tell its configuration (CONFIG is not allowed)", mend)]
    wrong = [
        Finding(name, "warn", f"{name} is {told.get(name)}: {why}", f"Set it to {wanted}.")
        for name, (wanted, why) in _WANTED.items()
        if told.get(name) != wanted
    ]
    return wrong or [Finding("durability", "ok", "AOF with fsync always, noeviction")]


def _clock(client: redis.Redis) -> Finding:
    seconds, micros = client.time()
    skew_s = abs(time.time() - (seconds + micros / 1e6))
    told = f"Redis and this machine differ by {skew_s:.2f} s"
    if skew_s < _SKEW_WARN_S:
        return Finding("clock", "ok", told)
    return Finding("clock", "warn", told, "Run NTP on both: not-before times, deadlines and AWS signatures go by clocks.")


def _workers(ledger: Ledger) -> Finding:
    records = ledger.run(presence.fleet())
    slots = sum(int(record.get("slots", "0")) for record in records)
    if records:
        return Finding("workers", "ok", f"{len(records)} registered, {slots} slots")
    return Finding("workers", "fail", "no worker is registered: jobs wait", "Start one with `darkroom worker`.")
