"""No tenant that may go is passed over for long, whatever the others do: random arrivals, weights, prices and limits."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from darkroom_shared.store.keys import Keys
from tests.conformance.ledger.driver import Room, raw_redis, sync_executor

TENANTS = "abcd"
PRICES = [10_000, 20_000, 80_000]
_rooms = itertools.count(1)
arrivals = st.lists(st.tuples(st.integers(0, 60), st.sampled_from(TENANTS), st.sampled_from(PRICES)), min_size=20, max_size=70)


@settings(
    max_examples=15,
    phases=[Phase.generate],
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    weights=st.lists(st.sampled_from([1, 2, 5]), min_size=4, max_size=4),
    arrivals=arrivals,
    refused=st.sets(st.integers(0, 60), max_size=6),
)
def test_between_two_calls_of_a_waiting_tenant_no_other_gets_more_than_its_part(
    redis_url: str, weights: list[int], arrivals: list[tuple[int, str, int]], refused: set[int]
) -> None:
    """The bound of start-time fair queueing, for every pair of tenants while both wait."""
    weight = dict(zip(TENANTS, weights, strict=True))
    prefix = f"turns{next(_rooms)}:"
    with raw_redis(redis_url) as raw, sync_executor(redis_url, prefix) as run:
        room = Room(run, raw, Keys(prefix))
        room.worker()
        for tenant, value in weight.items():
            room.limit(tenant, weight=value)
        waiting: Counter[str] = Counter()
        # For each pair: what the second got, over its weight, since both wait and the first was served.
        ahead: dict[tuple[str, str], float] = defaultdict(float)
        for n in range(60):
            for _, tenant, price in (entry for entry in arrivals if entry[0] == n):
                room.submit(tenant=tenant, price=price)
                waiting[tenant] += 1
                for other in TENANTS if waiting[tenant] == 1 else "":
                    ahead[tenant, other] = ahead[other, tenant] = 0.0
            for hint in room.admit(most=1):
                call = room.call(hint.call_id)
                price = int(room.raw.hget(room.keys.job(hint.call_id.rpartition(".")[0]), "price_microusd") or 0)
                served = call["tenant"]
                if n in refused:
                    room.refuse(room.advance(hint, "calling"))
                    continue
                room.finish(hint)
                waiting[served] -= 1
                for other in TENANTS:
                    ahead[other, served] += price / weight[served]
                    ahead[served, other] = 0.0
                    if waiting[other] and other != served:
                        bound = max(PRICES) / weight[other] + 2 * max(PRICES) / weight[served]
                        assert ahead[other, served] <= bound, (n, other, served)
        while hints := room.admit(most=1):
            room.finish(hints[0])
        assert raw.keys(prefix + "park:*") == []
