"""Who gets the calls of a quota that is not enough: tenants by cost, urgent jobs at once, lower classes their floor.

    make bench ARGS="-s -k fairness"

Three scenes. Shares: tenant A has 600 jobs and B 100 of twice the price, equal weights, a bulk tenant has 100, and 20 urgent jobs
come one at a time; 5 calls a second. Floors: every class has a backlog; 10 calls a second. Deadlines: 120 % of the quota comes in
for 40 minutes upon a backlog of 10 minutes, as in the middle of a long overload, from tenants with 70, 20 and 10 % of the load,
each job to be started within 1 to 20 minutes; judged are those that came after the first 5 minutes; time 25 times as fast. Five
minutes in all.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.bench.admission.figures import contended_until, deadlines_met, fairness, least_share
from tests.bench.admission.judge import accepted, arrivals, between, shares, table
from tests.bench.admission.scenes import Backlog, Quota, emptied, endpoint_with, fleet_of, stack_on, submit, until_instant
from tests.integration.local_bedrock.endpoints import NOVA
from tests.support.stack import PRICE

JAIN, URGENT_SLOTS, MET = 0.95, 3.0, 0.8
FLOORS = {"standard": 0.2, "bulk": 0.1}
"""The settings' own."""
RUN = 40
"""Calls in a row in which a floor is judged."""


def least_allowed(floor: float) -> float:
    """The floor less one call in RUN: two that are let go one after the other may arrive in either order."""
    return (round(floor * RUN) - 1) / RUN


def surroundings() -> str:
    """For the head of a table."""
    return f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}"


@pytest.mark.timeout(300)
def test_tenants_share_by_cost_and_urgent_jobs_go_at_once(redis_url: str, tmp_path: Path) -> None:
    quota = Quota(60, "token-bucket", time_scale=5)
    with endpoint_with(quota) as endpoint, stack_on(redis_url, endpoint, tmp_path) as stack:
        with fleet_of(stack, 2, {NOVA: quota.per_minute}, time_scale=quota.time_scale):
            emptied(endpoint, quota)
            a = submit(stack, 600, group="A", tenant="A")
            b = submit(stack, 100, first_seed=10_001, group="B", tenant="B", price_microusd=2 * PRICE)
            bulk = submit(stack, 100, first_seed=20_001, group="bulk", tenant="C", job_class="bulk")
            begin_s = time.monotonic()
            urgent = Backlog()
            chance = random.Random(20)
            for number in range(20):
                until_instant(begin_s + 2 + number * 2.5 + chance.uniform(0, 1))
                urgent |= submit(stack, 1, first_seed=30_001 + number, tenant="D", job_class="interactive")
            stack.until(lambda: all(stack.view(job).is_terminal for job in list(b.job_ids.values())[-1:]), "B's last job", 120)
        calls = arrivals(endpoint.log())
    compete = (a | b).group_of
    end_s = contended_until(calls, compete)
    found = fairness(calls, quota, compete, begin_s, weights={"B": 0.5}, urgent=urgent.submitted)
    least = least_share(calls, bulk.job_ids.keys(), RUN, begin_s, end_s)
    got = shares(between(calls, begin_s, end_s), (a | b | bulk).group_of)
    rows = [
        ("Jain's index on the cost of A and B", f"{found.jain:.3f}", f">= {JAIN}"),
        ("urgent jobs' wait, p95, in slots", f"{found.urgent_p95_slots:.2f}", f"<= {URGENT_SLOTS:g}"),
        (f"bulk's least share in {RUN} calls %", least * 100, f">= {least_allowed(FLOORS['bulk']) * 100:g}"),
        ("bulk's share in all %", got["bulk"] / sum(got.values()) * 100, f">= {FLOORS['bulk'] * 100:g} of all calls"),
    ]
    print(f"\ncalls while both waited: {got}, {len(urgent.job_ids)} urgent; {surroundings()}")
    print(table(("shares", "found", "required"), rows))
    assert found.jain >= JAIN
    assert len(urgent.submitted) == 20
    assert found.urgent_p95_slots <= URGENT_SLOTS
    assert least >= least_allowed(FLOORS["bulk"])


@pytest.mark.timeout(120)
def test_every_class_gets_its_floor_while_the_others_have_a_backlog(redis_url: str, tmp_path: Path) -> None:
    quota = Quota(60, "token-bucket", time_scale=10)
    classes = ("interactive", "standard", "bulk")
    with endpoint_with(quota) as endpoint, stack_on(redis_url, endpoint, tmp_path) as stack:
        waiting = {
            name: submit(stack, 250, first_seed=10_000 * n + 1, tenant=name, job_class=name) for n, name in enumerate(classes)
        }
        with fleet_of(stack, 2, {NOVA: quota.per_minute}, time_scale=quota.time_scale):
            begin_s = time.monotonic()
            until_instant(begin_s + 20)
            end_s = time.monotonic()
        calls = between(accepted(arrivals(endpoint.log())), begin_s, end_s)
    rows: list[tuple[str, object, object, object]] = []
    for name, backlog in waiting.items():
        got = sum(call.seed in backlog.job_ids for call in calls) / len(calls)
        least = least_share(calls, backlog.job_ids.keys(), RUN, begin_s, end_s)
        rows.append((name, got * 100, least * 100, FLOORS.get(name, 1 - sum(FLOORS.values())) * 100))
    print(f"\n{len(calls)} calls, every class with a backlog; {surroundings()}")
    print(table(("class", "share %", f"least in {RUN} calls %", "floor %"), rows))
    for name, floor in FLOORS.items():
        assert least_share(calls, waiting[name].job_ids.keys(), RUN, begin_s, end_s) >= least_allowed(floor)


def first_come_first_served(submitted: Sequence[float], deadlines: Sequence[float], per_s: float) -> list[bool]:
    """Which of these jobs would have met their deadlines in the order they came, at an even rate that nothing disturbs."""
    met: list[bool] = []
    free_s = submitted[0]
    for at_s, by_s in zip(submitted, deadlines, strict=True):
        start_s = max(free_s, at_s)
        met.append(start_s <= by_s)
        free_s = start_s + 1 / per_s
    return met


@pytest.mark.timeout(300)
def test_more_than_the_quota_with_deadlines(redis_url: str, tmp_path: Path) -> None:
    quota = Quota(20, "token-bucket", time_scale=25)
    minutes, load, waiting, left_out = 40, 1.2, 200, 5
    latency_s = 0.2
    chance = random.Random(4)
    groups = {name: Backlog() for name in ("70 %", "20 %", "10 %")}
    deadline_of: dict[int, float] = {}
    with endpoint_with(quota, latency=f"{latency_s:g}") as endpoint, stack_on(redis_url, endpoint, tmp_path) as stack:
        with fleet_of(stack, 2, {NOVA: quota.per_minute}, time_scale=quota.time_scale):
            emptied(endpoint, quota)
            begin_s = time.monotonic()
            for seed in range(1, waiting + round(quota.per_minute * minutes * load) + 1):
                until_instant(begin_s + quota.real_s(max(0, seed - waiting) * 60 / (quota.per_minute * load)))
                name = chance.choices(list(groups), (70, 20, 10))[0]
                within_s = quota.real_s(60 * chance.uniform(1, 20))
                by_ms = round((time.time() + within_s) * 1000)
                groups[name] |= submit(stack, 1, first_seed=seed, group=name, tenant=name, start_by_ms=by_ms)
                deadline_of[seed] = time.monotonic() + within_s
            until_instant(max(deadline_of.values()) + latency_s + 1)
        calls = arrivals(endpoint.log())
    submitted = {seed: at_s for group in groups.values() for seed, at_s in group.submitted.items()}
    judged = {seed for seed, at_s in submitted.items() if at_s >= begin_s + quota.real_s(left_out * 60)}
    # A deadline is for the start; the endpoint tells of answers. A tenth of a second is for the way there and back.
    answered_by = {seed: deadline_of[seed] + latency_s + 0.1 for seed in judged}
    met = deadlines_met(calls, answered_by)
    rows: list[tuple[str, object, object, object]] = []
    for name, group in groups.items():
        own = {seed: by_s for seed, by_s in answered_by.items() if seed in group.job_ids}
        rows.append((f"tenant with {name} of the load", len(own), deadlines_met(calls, own) * 100, ""))
    seeds = sorted(submitted)
    fifo = first_come_first_served([submitted[n] for n in seeds], [deadline_of[n] for n in seeds], quota.per_s)
    plain = sum(fine for seed, fine in zip(seeds, fifo, strict=True) if seed in judged) / len(judged)
    rows.append(("all", len(judged), met * 100, MET * 100))
    rows.append(("(first come, first served, computed)", len(judged), plain * 100, ""))
    print(f"\n{load * 100:g} % of the quota for {minutes} minutes, time x{quota.time_scale:g}; {surroundings()}")
    print(table(("deadlines", "jobs", "met %", "required %"), rows))
    assert met >= MET
