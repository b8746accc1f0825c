"""Jobs that wait for jobs: freed once, ended together."""

from __future__ import annotations

from darkroom_shared.store import ops
from tests.conformance.ledger.driver import PERMANENT, Room, job_of, new_job_id, output


def chain(room: Room, *edges: tuple[str, str], retention_ms: int = 600_000) -> dict[str, str]:
    """Accepts a graph of steps, given as (step, step that waits for it), and registers a worker."""
    names = sorted({name for edge in edges for name in edge})
    ids = {name: new_job_id() for name in names}
    jobs = [
        room.new_job(
            job_id=ids[name],
            needs={a: ids[a] for a, b in edges if b == name},
            dependants=[ids[b] for a, b in edges if a == name],
            retention_ms=retention_ms,
        )
        for name in names
    ]
    room.accept(*jobs)
    room.worker()
    return ids


def finish(room: Room, job: str, *pictures: int) -> None:
    [hint] = [hint for hint in room.admit() if job_of(hint) == job]
    room.advance(hint, "responded")
    room.commit(hint, [output(n) for n in pictures or (1,)])


def test_a_step_waits_for_the_one_before_and_gets_its_outputs(room: Room) -> None:
    ids = chain(room, ("a", "b"))
    assert room.state(ids["b"]) == "waiting"
    finish(room, ids["a"], 5, 6)
    assert room.events(ids["b"]) == ["job.accepted", "call.park"]
    [hint] = room.admit()
    assert job_of(hint) == ids["b"]
    names = [row["sha256"] for row in room.claim(hint).inputs["a"]]
    assert names == [f"{5:064x}", f"{6:064x}"]


def test_a_step_that_joins_two_starts_once_when_both_are_done(room: Room) -> None:
    ids = chain(room, ("a", "c"), ("b", "c"), ("c", "d"))
    hints = {job_of(hint): hint for hint in room.admit()}
    assert set(hints) == {ids["a"], ids["b"]}
    room.advance(hints[ids["a"]], "responded")
    room.commit(hints[ids["a"]])
    assert room.state(ids["c"]) == "waiting"
    assert room.admit() == ()
    room.advance(hints[ids["b"]], "responded")
    room.commit(hints[ids["b"]])
    assert room.events(ids["c"]).count("call.park") == 1
    finish(room, ids["c"])
    finish(room, ids["d"])
    assert room.state(ids["d"]) == "succeeded"


def test_a_step_with_some_pictures_lets_the_next_one_start(room: Room) -> None:
    ids = chain(room, ("a", "b"))
    [hint] = room.admit()
    room.raw.hset(room.keys.job(ids["a"]), "images_wanted", 2)
    room.advance(hint, "responded")
    assert room.commit(hint) == ("done", "partial")
    assert len(room.admit()) == 1


def test_a_step_that_fails_ends_all_that_wait_for_it_before_they_cost_anything(room: Room) -> None:
    ids = chain(room, ("a", "b"), ("b", "c"), ("z", "c"))
    hints = {job_of(hint): hint for hint in room.admit()}
    room.advance(hints[ids["a"]], "calling")
    room.fail(hints[ids["a"]], PERMANENT)
    for name in ("b", "c"):
        view = room.view(ids[name])
        assert (view.state, view.reason, view.cost.actual_usd) == ("canceled", "dependency", 0)
    room.advance(hints[ids["z"]], "responded")
    room.commit(hints[ids["z"]])
    assert room.state(ids["c"]) == "canceled"
    assert room.admit() == ()


def test_a_canceled_and_an_expired_step_end_the_rest_too(room: Room) -> None:
    ids = chain(room, ("a", "b"))
    room.cancel(ids["a"])
    assert room.state(ids["b"]) == "canceled"
    late = chain(room, ("a", "b"))
    room.raw.hset(room.keys.job(late["a"]), "finish_by_ms", 1)
    room.admit()
    assert (room.state(late["a"]), room.state(late["b"])) == ("expired", "canceled")


def test_a_step_that_waits_is_canceled_alone(room: Room) -> None:
    ids = chain(room, ("a", "b"))
    assert room.cancel(ids["b"]) == ("prevented", "canceled")
    finish(room, ids["a"])
    assert (room.state(ids["a"]), room.state(ids["b"])) == ("succeeded", "canceled")
    assert room.admit() == ()


def test_a_workflow_is_accepted_as_one_and_goes_with_its_last_job(room: Room) -> None:
    job = [room.new_job(workflow="wf_1", retention_ms=0) for _ in range(2)]
    room.worker()
    answer = room.run(ops.accept(job, [], workflow=("wf_1", {"tenant": "t", "steps": "[]"})))
    assert answer == ops.Accepted(ops.Verdict.ACCEPTED, "wf_1")
    first, second = room.admit()
    room.advance(first, "responded")
    room.commit(first)
    room.purge()
    assert room.raw.exists("dr:workflow:wf_1")
    room.advance(second, "responded")
    room.commit(second, [output(2)])
    room.purge()
    assert not room.raw.exists("dr:workflow:wf_1")
