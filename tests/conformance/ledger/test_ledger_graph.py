"""Graphs of jobs in the ledger: conditions, steps that may fail, gates, budgets, and workflows that go on."""

from __future__ import annotations

from typing import Literal

import pytest

from darkroom_shared.contract.workflow_views import workflow_view
from darkroom_shared.core.lifecycle import JobState
from darkroom_shared.store import graph, ops, reads
from darkroom_shared.store.graph import DecisionVerdict
from tests.conformance.ledger.driver import PRICE, Json, Room, job_of, new_job_id, output


def gate_on(step: str, count: int, choose: int | None = None) -> Json:
    return {"gate": {"choose": choose}, "images": [f"$steps.{step}.outputs[{n}]" for n in range(count)]}


def run(room: Room, job: str, *pictures: int, rejected: int = 0) -> None:
    """Lets a job's call go and ends it with pictures, or with what a filter kept back."""
    hints = {job_of(hint): hint for hint in room.admit()}
    room.advance(hints[job], "responded")
    room.commit(hints[job], [output(n) for n in pictures], [{"index": 0, "code": "x"}] * rejected)


def workflow(room: Room, *jobs: ops.NewJob, **fields: str) -> None:
    steps = ",".join(f'["{job.fields.get("step", job.job_id)}", "{job.job_id}"]' for job in jobs)
    room.run(ops.accept(jobs, [], workflow=("wf_1", {"tenant": "t", "steps": f"[{steps}]", **fields})))
    room.worker()


def gathering(room: Room, *parts: str, after: str, enough: int = 0) -> ops.NewJob:
    return room.new_job(job_id=after, soft=dict.fromkeys(parts, "gather"), enough=enough, workflow="wf_1")


@pytest.mark.parametrize(
    ("enough", "well", "ends"), [(0, 1, "queued"), (0, 0, "canceled"), (2, 1, "canceled"), (2, 2, "queued"), (3, 3, "queued")]
)
def test_a_join_needs_as_many_of_its_parts_as_it_says(room: Room, enough: int, well: int, ends: str) -> None:
    parts, join = [new_job_id() for _ in range(3)], new_job_id()
    jobs = [room.new_job(job_id=part, dependants=[join], workflow="wf_1") for part in parts]
    workflow(room, *jobs, gathering(room, *parts, after=join, enough=enough))
    hints = {job_of(hint): hint for hint in room.admit()}
    for n, part in enumerate(parts):
        assert room.state(join) == "waiting"
        room.advance(hints[part], "responded")
        room.commit(hints[part], [output(n)] if n < well else [], [] if n < well else [{"index": 0, "code": "x"}])
    assert room.state(join) == ends
    assert room.events(join).count("call.park") == (ends == "queued")


def test_a_condition_decides_at_the_end_of_the_last_step_and_its_followers_are_skipped_with_it(room: Room) -> None:
    check, yes, no, after = (new_job_id() for _ in range(4))
    passed = {"job": check, "value": "passed"}
    workflow(
        room,
        room.new_job(job_id=check, dependants=[yes, no], workflow="wf_1"),
        room.new_job(job_id=yes, soft={check: "watch"}, when=passed, workflow="wf_1"),
        room.new_job(job_id=no, soft={check: "watch"}, when=["not", passed], dependants=[after], workflow="wf_1"),
        room.new_job(job_id=after, needs={"no": no}, workflow="wf_1"),
    )
    run(room, check, 1)
    assert [room.state(job) for job in (yes, no, after)] == ["queued", "canceled", "canceled"]
    assert [room.view(job).reason for job in (no, after)] == ["skipped", "skipped"]
    run(room, yes, 2)
    assert room.raw.hget("dr:workflow:wf_1", "open") == "0"
    assert room.raw.hget("dr:workflow:wf_1", "finished_ms")


def test_a_gate_hands_on_what_was_chosen_and_is_asked_once(room: Room) -> None:
    make, gate, after = (new_job_id() for _ in range(3))
    room.worker()
    room.accept(
        room.new_job(job_id=make, images_wanted=3, dependants=[gate]),
        room.new_job(job_id=gate, kind="gate", needs={"make": make}, dependants=[after], request=gate_on("make", 3, choose=1)),
        room.new_job(job_id=after, needs={"gate": gate}),
    )
    assert room.run(graph.decide(gate, approve=True)).verdict is DecisionVerdict.NOT_ASKED
    run(room, make, 5, 6, 7)
    assert (room.state(gate), room.view(gate).reason) == ("waiting", "approval")
    assert room.admit() == ()
    for choice in ([3], [0, 1], [0, 0], [-1], None):
        assert room.run(graph.decide(gate, approve=True, chosen=choice)) == graph.Decided(DecisionVerdict.BAD_CHOICE, 3)
    assert room.run(graph.decide(gate, approve=True, chosen=[1], by="ann")).verdict is DecisionVerdict.DECIDED
    assert room.run(graph.decide(gate, approve=False)).verdict is DecisionVerdict.ALREADY
    assert [out.sha256 for out in room.view(gate).outputs] == [f"{6:064x}"]
    assert room.state(gate) == "succeeded"
    [hint] = room.admit()
    assert [row["sha256"] for row in room.claim(hint).inputs["gate"]] == [f"{6:064x}"]


@pytest.mark.parametrize(("on_timeout", "ends"), [("", ["expired", "canceled"]), ("approve", ["succeeded", "queued"])])
def test_a_gate_that_nobody_answers_ends_when_its_time_is_over(
    room: Room, on_timeout: Literal["", "approve"], ends: list[str]
) -> None:
    make, gate, after = (new_job_id() for _ in range(3))
    room.worker()
    room.accept(
        room.new_job(job_id=make, dependants=[gate]),
        room.new_job(
            job_id=gate,
            kind="gate",
            needs={"make": make},
            dependants=[after],
            request=gate_on("make", 1),
            gate_ms=1,
            on_timeout=on_timeout,
        ),
        room.new_job(job_id=after, needs={"gate": gate}),
    )
    run(room, make, 1)
    room.raw.execute_command("ZADD", "dr:gates", 1, gate)
    assert room.reconcile().expired == 1
    assert [room.state(job) for job in (gate, after)] == ends
    assert room.run(graph.decide(gate, approve=True)).verdict is DecisionVerdict.ALREADY


def test_a_rejected_gate_ends_what_comes_after_it(room: Room) -> None:
    make, gate, after = (new_job_id() for _ in range(3))
    room.worker()
    room.accept(
        room.new_job(job_id=make, dependants=[gate]),
        room.new_job(job_id=gate, kind="gate", needs={"make": make}, dependants=[after], request=gate_on("make", 1)),
        room.new_job(job_id=after, needs={"gate": gate}),
    )
    run(room, make, 1)
    assert room.run(graph.decide(gate, approve=False, by="ann", note="too dark")).verdict is DecisionVerdict.DECIDED
    assert (room.state(gate), room.view(gate).reason) == ("rejected", "not_approved")
    assert room.state(after) == "canceled"
    assert room.run(graph.decide("job_" + "0" * 26, approve=True)).verdict is DecisionVerdict.GONE


def test_calls_at_once_stay_within_the_budget_of_their_workflow(room: Room) -> None:
    jobs = [room.new_job(workflow="wf_1") for _ in range(4)]
    workflow(room, *jobs, budget_microusd=str(PRICE * 2))
    hints = room.admit()
    for hint in hints:
        room.claim(hint)
    assert [room.gate(hint)[0] for hint in hints] == ["go", "go", "canceled", "canceled"]
    assert {room.view(job_of(hint)).reason for hint in hints[2:]} == {"budget"}
    assert room.raw.hget("dr:workflow:wf_1", "spent_microusd") == str(2 * PRICE)


def test_what_was_not_billed_is_given_back_to_the_budget(room: Room) -> None:
    job = room.new_job(workflow="wf_1")
    workflow(room, job, budget_microusd=str(PRICE))
    for _ in range(2):
        hint = room.advance(room.admit_one(), "calling")
        assert room.snooze(hint)
        assert room.raw.hget("dr:workflow:wf_1", "spent_microusd") == "0"
    room.finish(room.admit_one())
    assert room.raw.hget("dr:workflow:wf_1", "spent_microusd") == str(PRICE)


def test_a_call_without_a_known_price_does_not_fit_into_a_budget(room: Room) -> None:
    job = room.new_job(workflow="wf_1")
    workflow(room, job, budget_microusd=str(PRICE))
    hint = room.advance(room.admit_one(), "claimed")
    assert room.gate(hint, price=None)[0] == "canceled"


def test_a_workflow_goes_on_with_new_steps_in_place_of_those_that_ended_badly(room: Room) -> None:
    a, b, c = (new_job_id() for _ in range(3))
    workflow(
        room,
        room.new_job(job_id=a, dependants=[b], workflow="wf_1"),
        room.new_job(job_id=b, needs={"a": a}, dependants=[c], workflow="wf_1"),
        room.new_job(job_id=c, needs={"b": b}, workflow="wf_1"),
    )
    run(room, a, 1)
    room.fail(room.advance(room.admit_one(), "calling"))
    assert [room.state(job) for job in (a, b, c)] == ["succeeded", "failed", "canceled"]
    assert room.dead() == [b]
    steps = room.raw.hget("dr:workflow:wf_1", "steps") or ""
    b2, c2 = new_job_id(), new_job_id()
    jobs = [
        room.new_job(job_id=b2, needs={"a": a}, dependants=[c2], workflow="wf_1"),
        room.new_job(job_id=c2, needs={"b": b2}, workflow="wf_1"),
    ]
    again = ops.accept(jobs, [], workflow=("wf_1", {"steps": "new"}), goes_on=ops.GoesOn(steps, {b: b2, c: c2}))
    assert room.run(again).verdict is ops.Verdict.ACCEPTED
    assert room.run(again).verdict is ops.Verdict.ACCEPTED, "sent once more, as its answer was lost"
    assert (room.dead(), room.view(b).replaced_by) == ([], b2)
    assert room.raw.hget("dr:workflow:wf_1", "open") == "2"
    late = ops.accept([room.new_job(workflow="wf_1")], [], workflow=("wf_1", {"steps": "x"}), goes_on=ops.GoesOn(steps, {b: "x"}))
    assert room.run(late).verdict is ops.Verdict.CHANGED
    run(room, b2, 2)
    run(room, c2, 3)
    assert room.raw.hget("dr:workflow:wf_1", "open") == "0"
    assert len(room.attempts(f"{a}.0")) == 1


def test_a_job_may_need_jobs_that_are_here_already(room: Room) -> None:
    done, open_, bad = room.submit(), room.submit(), room.submit()
    room.worker()
    hints = {job_of(hint): hint for hint in room.admit()}
    room.finish(hints[done])
    room.fail(room.advance(hints[bad], "calling"))
    free, waits, ends, soft = (room.new_job(needs={"x": job}) for job in (done, open_, bad, done))
    soft = room.new_job(soft={bad: "gather", done: "gather"})
    room.accept(free, waits, ends, soft)
    assert [room.state(job.job_id) for job in (free, waits, ends, soft)] == ["queued", "waiting", "canceled", "queued"]
    room.finish(hints[open_])
    assert room.state(waits.job_id) == "queued"
    assert room.accept(room.new_job(needs={"x": new_job_id()})).verdict is ops.Verdict.NEED_GONE
    assert room.accept(room.new_job(needs={"x": done}, tenant="other")).verdict is ops.Verdict.NEED_GONE


def test_a_workflow_whose_branch_was_skipped_has_succeeded(room: Room) -> None:
    check, no = new_job_id(), new_job_id()
    workflow(
        room,
        room.new_job(job_id=check, dependants=[no], workflow="wf_1"),
        room.new_job(job_id=no, soft={check: "watch"}, when=["not", {"job": check, "value": "passed"}], workflow="wf_1"),
    )
    run(room, check, 1)
    view = workflow_view(room.run(reads.workflow("wf_1")), [room.view(check), room.view(no)])
    assert (view.state, view.is_terminal) == (JobState.SUCCEEDED, True)


@pytest.mark.parametrize("answer", ["[" * 2000 + "]" * 2000, '{"score": 1e999}', "no json", "null"])
def test_an_answer_that_cannot_be_read_makes_no_condition_true_and_stops_nothing(room: Room, answer: str) -> None:
    judge, after = new_job_id(), new_job_id()
    room.worker()
    when = ["<", {"job": judge, "value": "json", "path": ["score"]}, 5]
    room.accept(room.new_job(job_id=judge, dependants=[after]), room.new_job(job_id=after, soft={judge: "watch"}, when=when))
    hint = room.advance(room.admit_one(), "responded")
    done = room.run(ops.commit(hint.call_id, hint.fence, outputs=[output()], answer=answer))
    assert (done.verdict, done.state) == (ops.Committed.DONE, "succeeded")
    assert (room.state(after), room.view(after).reason) == ("canceled", "skipped")
