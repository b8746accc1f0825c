"""What one dispatch costs the Redis server, with one waiting tenant and with thousands, beside the cheapest commands of the run.

The server's own count of microseconds in a command (`INFO commandstats`), so that neither the client nor the wire is in it. It
counts time in which the server did not get a core as well: the figures are those of the best tenth of many short series, and
what is compared are multiples of twenty GETs in a script, run in turns with the dispatches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from darkroom_shared.core.quota import PoolQuota
from darkroom_shared.store.keys import Keys
from tests.conformance.ledger.driver import Room, paced, raw_redis, sync_executor

SERIES, RUNS = 120, 4
NO_DIFFERENCE = 1.6
"""How much more a dispatch may cost with thousands of waiting tenants: deeper sets and colder caches, nothing that grows."""
TWENTY_GETS = "for _ = 1, 20 do redis.call('GET', KEYS[1]) end"
UNPACED = PoolQuota("lane", "pool", off=True)


def fill(room: Room, calls: int, tenants: int) -> None:
    """A backlog in which each tenant has a call or more waiting, in all three classes."""
    jobs = [
        room.new_job(tenant=f"t{n % tenants}", job_class=("interactive", "standard", "bulk")[n % 3], routes="pool")
        for n in range(calls)
    ]
    for begin in range(0, calls, 250):
        room.accept(*jobs[begin : begin + 250])


@dataclass(frozen=True)
class Costs:
    """Microseconds of the server: for a GET, an HGETALL of a pool, twenty GETs in a script, and one dispatch."""

    get: float
    hgetall: float
    twenty: float
    dispatch: float

    @classmethod
    def of_series(cls, room: Room, most: int) -> Costs:
        """One short series in which all of them take turns; runs that let `most` calls go each."""
        room.raw.execute_command("CONFIG", "RESETSTAT")
        for _ in range(RUNS):
            room.raw.execute_command("GET", room.keys.prefix + "last_lane")
            room.raw.hgetall(room.keys.pool("pool"))
            room.raw.execute_command("EVAL", TWENTY_GETS, 1, room.keys.prefix + "last_lane")
            assert len(room.admit(most=max(most, 1))) == most
        told = cast("dict[str, dict[str, float]]", room.raw.execute_command("INFO", "commandstats"))
        each = {name: told[f"cmdstat_{name}"]["usec"] / RUNS for name in ("hgetall", "eval", "evalsha")}
        gets = told["cmdstat_get"]
        return cls(gets["usec"] / gets["calls"], each["hgetall"], each["eval"], each["evalsha"] / max(most, 1))

    @classmethod
    def typical(cls, room: Room, series: int, most: int) -> Costs:
        """The best tenth of some series."""
        rows = [cls.of_series(room, most) for _ in range(series)]
        return cls(*(sorted(getattr(row, name) for row in rows)[series // 10] for name in ("get", "hgetall", "twenty", "dispatch")))

    def line(self, name: str) -> str:
        """For the table."""
        others = f"{self.get:6.1f} {self.hgetall:8.1f} {self.twenty:10.1f}"
        return f"  {name:28} {self.dispatch:6.0f} {self.dispatch / self.twenty:6.1f} x {others}"


def measured(url: str, tenants: int) -> tuple[Costs, Costs, Costs]:
    """One dispatch for each run, 25 for each run, and the answer that it is too early."""
    with raw_redis(url) as raw, sync_executor(url, f"dr{tenants}:") as run:
        room = Room(run, raw, Keys(f"dr{tenants}:"))
        calls = SERIES * RUNS + 10 * RUNS * 25 + tenants
        room.worker(slots=calls, pools=[UNPACED])
        fill(room, calls, tenants)
        one = Costs.typical(room, SERIES, 1)
        many = Costs.typical(room, 10, 25)
        room.worker(slots=calls, pools=[paced("pool", 3_600_000_000)])
        room.admit()
        none = Costs.typical(room, SERIES, 0)
    print(f"\n{tenants} waiting tenants; microseconds of the server    x 20 GETs    GET  HGETALL  20 GETs")
    print(one.line("a dispatch, one for each run"))
    print(many.line("a dispatch, 25 for each run"))
    print(none.line("the answer 'not yet'"))
    return one, many, none


def test_a_dispatch_costs_the_same_however_many_tenants_wait(redis_url: str) -> None:
    few, many = (measured(redis_url, tenants) for tenants in (1, 5000))
    for of_one, of_thousands in zip(few, many, strict=True):
        assert of_thousands.dispatch / of_thousands.twenty <= NO_DIFFERENCE * of_one.dispatch / of_one.twenty
