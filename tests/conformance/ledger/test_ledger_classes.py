"""Classes: the most urgent first, with a floor for those below it."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from darkroom_shared.contract.job_record import JobClass
from darkroom_shared.core.quota import PoolQuota
from darkroom_shared.store import ops
from darkroom_shared.store.keys import Keys
from tests.conformance.ledger.driver import FLOORS, Room, job_of, paced, raw_redis, sync_executor

CLASSES: tuple[JobClass, ...] = ("interactive", "standard", "bulk")
FAR_US = 6_000_000_000
_rooms = itertools.count(1)


@contextmanager
def fresh_room(url: str) -> Generator[Room]:
    """A ledger of its own for each example."""
    prefix = f"classes{next(_rooms)}:"
    with raw_redis(url) as raw, sync_executor(url, prefix) as run:
        yield Room(run, raw, Keys(prefix))


def class_of(room: Room, hint: ops.Hint) -> str:
    return str(room.raw.hget(room.keys.job(job_of(hint)), "class"))


def next_class(room: Room) -> str:
    """The class of the next call, for which there is one slot."""
    return class_of(room, room.admit(most=1)[0])


@settings(
    max_examples=20,
    phases=[Phase.generate],
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    backlog=st.fixed_dictionaries({name: st.integers(0, 25) for name in CLASSES}),
    late=st.lists(st.tuples(st.integers(0, 60), st.sampled_from(CLASSES)), max_size=20),
)
def test_each_class_gets_its_floor_while_it_waits_and_the_most_urgent_the_rest(
    redis_url: str, backlog: dict[JobClass, int], late: list[tuple[int, JobClass]]
) -> None:
    with fresh_room(redis_url) as room:
        room.worker()
        waiting = Counter[str]()
        for name, count in backlog.items():
            for _ in range(count):
                room.submit(job_class=name)
            waiting[name] = count
        since = Counter[str]()  # calls of all classes while this one waited
        served = Counter[str]()
        ahead = Counter[str]()  # of these, calls that went although a more urgent class waited
        for n in range(sum(backlog.values())):
            for _, name in (entry for entry in late if entry[0] == n):
                room.submit(job_class=name)
                waiting[name] += 1
            (hint,) = room.admit(most=1)
            went = next(name for name in CLASSES if name == class_of(room, hint))
            room.finish(hint)
            for name in CLASSES:
                if waiting[name]:
                    since[name] += 1
            served[went] += 1
            waiting[went] -= 1
            for name in CLASSES:
                floor = FLOORS[name]
                assert not waiting[name] or served[name] >= floor * since[name] - 1 - 1e-9, (n, name, served, since)
            if any(waiting[name] for name in CLASSES[: CLASSES.index(went)]):
                ahead[went] += 1
                assert ahead[went] <= FLOORS[went] * since[went] + 1e-4, "nothing goes before a more urgent class but its floor"
            for name in CLASSES:
                if not waiting[name]:
                    since[name] = served[name] = ahead[name] = 0


def test_what_a_class_is_owed_is_gone_with_its_last_call(room: Room) -> None:
    room.worker()
    room.submit(job_class="interactive", calls=40)
    bulk = room.submit(job_class="bulk")
    assert [next_class(room) for _ in range(9)] == ["interactive"] * 9
    room.cancel(bulk)
    assert next_class(room) == "interactive"
    room.submit(job_class="bulk")
    assert [next_class(room) for _ in range(10)] == ["interactive"] * 9 + ["bulk"]


def test_a_class_keeps_what_it_is_owed_while_its_pool_is_closed_to_it(room: Room) -> None:
    """The pools open in turns: bulk may only use one, standard only the other, interactive both."""
    rounds = 20
    room.worker(pools=[paced("east", FAR_US), paced("west", FAR_US)])
    room.submit(job_class="interactive", calls=100, routes="east,west")
    room.submit(job_class="standard", calls=30, routes="west")
    room.submit(job_class="bulk", calls=30, routes="east")
    room.set_pool("east", tat_us=room.now_us() + FAR_US)
    room.set_pool("west", tat_us=room.now_us() + FAR_US)
    went = Counter[str]()
    for _ in range(rounds):
        for pool in ("east", "west"):
            room.ready(pool)
            (hint,) = room.admit()
            went[class_of(room, hint)] += 1
    assert went["bulk"] == rounds * FLOORS["bulk"]
    assert went["standard"] == rounds * FLOORS["standard"]


def test_a_class_that_no_pool_takes_does_not_eat_the_floor_of_another(room: Room) -> None:
    room.worker(pools=[paced("closed", FAR_US), PoolQuota("lane", "open", off=True)])
    room.set_pool("closed", tat_us=room.now_us() + FAR_US)
    room.submit(job_class="bulk", calls=5, routes="closed")
    room.submit(job_class="interactive", calls=60, routes="open")
    room.submit(job_class="standard", calls=60, routes="open")
    went = Counter(class_of(room, room.admit(most=1)[0]) for _ in range(40))
    assert went == {"interactive": 32, "standard": 8}
    room.ready("closed")
    assert [class_of(room, hint) for hint in room.admit(most=1)] == ["interactive"], "it is owed nothing for a pool that was closed"


def test_tenants_take_turns_in_each_class_by_itself(room: Room) -> None:
    room.worker()
    for name in ("standard", "bulk"):
        for tenant in ("a", "b"):
            room.submit(job_class=name, tenant=tenant, calls=3)
    order = [(class_of(room, hint), room.call(hint.call_id)["tenant"]) for hint in (room.admit(most=1)[0] for _ in range(6))]
    tenants = [tenant for name, tenant in order if name == "standard"]
    assert all(one != other for one, other in itertools.pairwise(tenants))
