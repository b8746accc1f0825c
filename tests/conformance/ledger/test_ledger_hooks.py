"""The outbox of webhooks in the ledger: what is noted, in which script, and who may deliver it."""

from __future__ import annotations

import json

import pytest

from darkroom_shared.store import hooks, upkeep
from darkroom_shared.store.hooks import DueDelivery
from tests.conformance.ledger.driver import Room

NOBODY = "job_01k5w0v7d3e8r9t2y4v6h8j0p2"
FOR_EVER = 10**12
TENANT = "t"


def endpoint(room: Room, name: str = "wh_1", *types: str, tenant: str = TENANT) -> None:
    fields = {"url": "https://example.com/", "types": json.dumps(list(types or ("*",))), "secret": "whsec_AA=="}
    assert room.run(hooks.set_hook(name, tenant, fields, create=True)) == "done"


def due(room: Room, *, most: int = 100, lease_ms: int = 60_000) -> list[DueDelivery]:
    return room.run(hooks.due(100, most=most, lease_ms=lease_ms))


def told(room: Room) -> list[tuple[str, str]]:
    return [(found.delivery["type"], found.delivery["subject"]) for found in due(room)]


def done_job(room: Room) -> str:
    job = room.submit()
    room.finish(room.admit_one())
    return job


@pytest.fixture
def room(room: Room) -> Room:
    room.worker()
    return room


def test_a_job_that_ends_is_noted_in_the_same_script(room: Room) -> None:
    endpoint(room)
    job = done_job(room)
    canceled = room.submit()
    room.run(upkeep.cancel(canceled))
    assert told(room) == [("job.succeeded", job), ("job.canceled", canceled)]


@pytest.mark.parametrize(
    ("types", "wanted"),
    [
        (("job.*",), 1),
        (("job.succeeded",), 1),
        (("job.failed",), 0),
        (("batch.*", "job.succeeded"), 1),
        (("jobs.*",), 0),
        (("job",), 0),
    ],
)
def test_an_endpoint_hears_what_it_asked_for(room: Room, types: tuple[str, ...], wanted: int) -> None:
    endpoint(room, "wh_1", *types)
    done_job(room)
    assert len(told(room)) == wanted


def test_nothing_is_noted_for_another_tenant_or_a_disabled_endpoint(room: Room) -> None:
    endpoint(room, "wh_1", tenant="press")
    endpoint(room, "wh_2")
    assert room.run(hooks.set_hook("wh_2", TENANT, {"disabled_ms": "1"})) == "done"
    done_job(room)
    assert told(room) == []
    assert room.run(hooks.set_hook("wh_2", TENANT, {}, clear=["disabled_ms"])) == "done"
    assert told(room) == [], "what happened meanwhile is not told later"


def test_a_message_has_one_id_for_all_endpoints_and_no_two_have_the_same(room: Room) -> None:
    endpoint(room, "wh_1")
    endpoint(room, "wh_2")
    done_job(room)
    done_job(room)
    found = due(room)
    messages = [one.delivery["message"] for one in found]
    assert (len(found), len(set(messages)), len({one.delivery["id"] for one in found})) == (4, 2, 4)


def test_a_delivery_is_with_one_worker_until_its_lease_is_over(room: Room) -> None:
    endpoint(room)
    done_job(room)
    [first] = due(room, lease_ms=1)
    again: list[DueDelivery] = []
    while not again:
        again = due(room)
    assert (again[0].delivery["id"], again[0].delivery["tries"]) == (first.delivery["id"], "2")
    assert due(room) == []
    late = hooks.done(first.delivery["id"], 1, "{}", "delivered", give_up_ms=FOR_EVER)
    assert room.run(late) is False, "the try that somebody else has begun anew since does not count"
    assert room.run(hooks.done(first.delivery["id"], 2, "{}", "delivered", give_up_ms=FOR_EVER)) is True
    assert due(room) == []


def test_a_slow_endpoint_keeps_no_other_waiting(room: Room) -> None:
    endpoint(room, "wh_slow")
    for _ in range(5):
        done_job(room)
    assert len(due(room, most=2)) == 2
    endpoint(room, "wh_fast")
    job = done_job(room)
    assert [(one.hook["id"], one.delivery["subject"]) for one in due(room, most=2)] == [("wh_fast", job)]


def test_a_message_says_the_same_each_time(room: Room) -> None:
    endpoint(room)
    done_job(room)
    [one] = due(room)
    assert room.run(hooks.keep_body(one.delivery["id"], '{"n":1}')) == '{"n":1}'
    assert room.run(hooks.keep_body(one.delivery["id"], '{"n":2}')) == '{"n":1}'


def test_what_failed_is_tried_again_later_and_logged(room: Room) -> None:
    endpoint(room)
    done_job(room)
    [one] = due(room)
    name = one.delivery["id"]
    assert room.run(hooks.done(name, 1, '{"try":1}', "retry", delay_ms=60_000, give_up_ms=FOR_EVER)) is True
    assert due(room) == []
    [found] = room.run(hooks.deliveries("wh_1", TENANT, 0, 10))
    assert (found.record["state"], list(found.tries), (found.due_ms or 0) > room.now_ms() + 50_000) == (
        "pending",
        ['{"try":1}'],
        True,
    )
    assert room.run(hooks.again(name, "wh_1", TENANT)) is True
    [now] = due(room)
    assert now.delivery["message"] == one.delivery["message"]
    assert room.run(hooks.done(name, 2, '{"try":2}', "failed", give_up_ms=FOR_EVER)) is True
    [found] = room.run(hooks.deliveries("wh_1", TENANT, 0, 10))
    assert (found.record["state"], len(found.tries), found.due_ms) == ("failed", 2, None)


def test_an_endpoint_that_takes_nothing_for_too_long_is_disabled_and_keeps_what_waits(room: Room) -> None:
    endpoint(room)
    done_job(room)
    [one] = due(room)
    name = one.delivery["id"]
    while room.run(hooks.hooks(TENANT))[0].get("disabled_ms") is None:
        [one] = room.run(hooks.deliveries("wh_1", TENANT, 0, 1))
        tries = int(one.record["tries"])
        room.run(hooks.done(name, tries, "{}", "retry", delay_ms=0, give_up_ms=5))
    record = room.run(hooks.hooks(TENANT))[0]
    assert record["disabled_why"] == "it has taken nothing for too long"
    assert due(room) == []
    room.run(hooks.set_hook("wh_1", TENANT, {}, clear=["disabled_ms", "disabled_why", "failing_ms"]))
    assert [found.delivery["id"] for found in due(room)] == [name]


def test_a_receiver_that_wants_no_more_is_asked_no_more(room: Room) -> None:
    endpoint(room)
    done_job(room)
    [one] = due(room)
    told_so = hooks.done(one.delivery["id"], 1, "{}", "retry", delay_ms=0, disable="410", give_up_ms=FOR_EVER)
    assert room.run(told_so) is True
    assert room.run(hooks.hooks(TENANT))[0]["disabled_why"] == "410"
    done_job(room)
    assert due(room) == []


def test_a_deleted_endpoint_leaves_nothing_behind(room: Room) -> None:
    endpoint(room)
    done_job(room)
    assert room.run(hooks.delete_hook("wh_1", "press")) is False
    assert room.run(hooks.delete_hook("wh_1", TENANT)) is True
    assert room.run(hooks.delete_hook("wh_1", TENANT)) is False
    assert due(room) == []
    left = [
        name
        for name in room.raw.scan_iter(f"{room.keys.prefix}*")
        if any(word in str(name) for word in ("hook", "deliver", "outbox"))
    ]
    assert left == []


def test_a_tenant_has_so_many_endpoints_and_no_more(room: Room) -> None:
    for number in range(hooks.MOST_HOOKS):
        endpoint(room, f"wh_{number:02}")
    fields = {"url": "https://example.com/", "types": "[]", "secret": "x"}
    assert room.run(hooks.set_hook("wh_more", TENANT, fields, create=True)) == "full"


def test_a_test_message_comes_whatever_was_asked_for(room: Room) -> None:
    endpoint(room, "wh_1", "batch.finished")
    name = room.run(hooks.send_test("wh_1", TENANT))
    [one] = due(room)
    assert (one.delivery["id"], one.delivery["type"]) == (name, "endpoint.test")
    assert room.run(hooks.send_test("wh_1", "press")) == ""
