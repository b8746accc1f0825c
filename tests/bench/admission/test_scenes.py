"""The scenes of the benchmarks do to the endpoint what they say."""

from __future__ import annotations

import time

from tests.bench.admission.judge import accepted, arrivals, by_region, most_in_any, throttled
from tests.bench.admission.scenes import EAST, FOREIGN_SEEDS, WEST, Foreigner, Quota, emptied, endpoint_with, outage
from tests.integration.local_bedrock.endpoints import Running, text_image


def until_so_many(endpoint: Running, calls: int, within_s: float = 10) -> None:
    deadline = time.monotonic() + within_s
    while len(endpoint.log()) < calls:
        assert time.monotonic() < deadline, "the calls did not come"
        time.sleep(0.02)


def test_an_emptied_bucket_has_one_call_left_in_the_region_that_was_emptied() -> None:
    quota = Quota(60, time_scale=0.001)
    with endpoint_with(quota, latency="0") as endpoint:
        emptied(endpoint, quota)
        statuses = {region: [endpoint.invoke(text_image(), region=region).status for _ in range(3)] for region in (EAST, WEST)}
        assert statuses == {EAST: [200, 429, 429], WEST: [200, 200, 200]}
        assert len(endpoint.log()) == 6


def test_foreign_traffic_comes_evenly_and_ends_with_its_block() -> None:
    with endpoint_with(Quota(6000), latency="0.3") as endpoint:
        with Foreigner(endpoint, per_s=20, region=WEST):
            until_so_many(endpoint, 20)
        calls = arrivals(endpoint.log())
        assert {call.seed for call in calls} == set(range(FOREIGN_SEEDS, FOREIGN_SEEDS + len(calls)))
        assert list(by_region(calls)) == [WEST]
        assert 0.9 < calls[19].at_s - calls[0].at_s < 3
        assert most_in_any(calls, 0.01) <= 10, "they do not come in waves"
        assert endpoint.stats()["in_flight"] == 0


def test_an_outage_is_over_at_the_instant_it_names() -> None:
    with endpoint_with(Quota(6000), latency="0") as endpoint, outage(endpoint, EAST, 1.0) as healed_s:
        while time.monotonic() < healed_s + 0.2:
            endpoint.invoke(text_image(), region=EAST)
        assert endpoint.invoke(text_image(), region=EAST).status == 200
        calls = arrivals(endpoint.log())
        assert healed_s - 0.1 < accepted(calls)[0].at_s
        assert throttled(calls)[-1].at_s < healed_s + 0.1
