"""The checker itself (case 42): honest evidence passes, and every single lie is found and called by its name.

A fault test is worth as much as its judge. One small run of real parts gives the evidence; each test then changes one thing in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from darkroom_shared.store import ops
from darkroom_shared.store.reads import StreamEvent
from tests.faults.checker import Evidence, check, gather
from tests.faults.evidence import UNFINISHED, AttemptFacts, CallFacts, JobFacts, StoredFile
from tests.integration.local_bedrock.endpoints import Running, text_image
from tests.support.bodies import picture
from tests.support.stack import PRICE, Stack
from tests.support.valkey import Server

SEEDS = {"plain": 901, "doubted": 902, "retried": 903, "throttled": 904, "refused": 905}
FAULTS = {
    "plain": (),
    "doubted": ("reset:count=1",),
    "retried": ("error=InternalServerException:count=1",),
    "throttled": ("throttle:count=1",),
    "refused": ("error=AccessDeniedException:count=1",),
}


@pytest.fixture(scope="module")
def run(
    durable_server: Server, bedrock: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Evidence, dict[str, str]]]:
    """Evidence of six jobs that ended in different ways, and the jobs' ids by name."""
    stack = Stack(durable_server.url, bedrock, tmp_path_factory.mktemp("checked"), "checked:")
    jobs: dict[str, str] = {}
    try:
        with stack.worker():
            for name, number in SEEDS.items():
                stack.faults(*FAULTS[name])
                jobs[name] = stack.submit(text_image(seed=number))
                stack.wait(jobs[name])
            step = ops.NewJob("job_" + "0" * 26, _step(stack).as_fields())
            stack.accept([step])
            jobs["step"] = step.job_id
            stack.wait(step.job_id)
            yield gather(stack, list(jobs.values())), jobs
    finally:
        stack.faults()
        stack.close()


def _step(stack: Stack) -> Any:
    from darkroom_shared.storage import open_store

    store = open_store(stack.settings.store_url)
    sha256 = store.put(picture(64, 64), "image/png").sha256
    store.close()
    return stack.local_record({"kind": "invert"}, [f"asset:{sha256}"], inputs=[sha256])


def test_honest_evidence_has_no_problem(run: tuple[Evidence, dict[str, str]]) -> None:
    found = check(run[0])
    assert found.problems == []
    assert (found.jobs, found.states) == (6, {"succeeded": 5, "failed": 1})
    assert (found.calls, found.billed) == (8, 5), "4 pictures, 1 lost answer, 3 refusals"
    assert (found.delivered, found.unknown, found.failed, found.snoozed) == (4, 1, 2, 1)
    assert (found.never_arrived, found.unsent, found.late, found.litter) == (0, 0, 0, 0)


class Forger:
    """Changes one thing in the evidence about the jobs of the run, which it knows by name."""

    def __init__(self, evidence: Evidence, jobs: Mapping[str, str]) -> None:
        self.evidence = evidence
        self.ids = jobs

    def job(self, name: str) -> JobFacts:
        return next(job for job in self.evidence.jobs if job.id == self.ids[name])

    def with_job(self, name: str, **changes: Any) -> Evidence:
        jobs = [replace(job, **changes) if job.id == self.ids[name] else job for job in self.evidence.jobs]
        return replace(self.evidence, jobs=tuple(jobs))

    def with_field(self, name: str, **fields: str) -> Evidence:
        return self.with_job(name, fields={**self.job(name).fields, **fields})

    def with_call(self, name: str, **changes: Any) -> Evidence:
        return self.with_job(name, calls=(replace(self.job(name).calls[0], **changes),))

    def with_attempt(self, name: str, index: int, **changes: Any) -> Evidence:
        attempts = list(self.call(name).attempts)
        attempts[index] = replace(attempts[index], **changes)
        return self.with_call(name, attempts=tuple(attempts))

    def call(self, name: str) -> CallFacts:
        return self.job(name).calls[0]

    def attempt(self, name: str, index: int) -> AttemptFacts:
        return self.call(name).attempts[index]

    def with_events(self, name: str, change: Callable[[list[StreamEvent]], list[StreamEvent]]) -> Evidence:
        """Changes the list of events; numbers them anew, as a stream does."""
        events = change(list(self.job(name).events))
        numbered = tuple(StreamEvent(n, event.type, event.data) for n, event in enumerate(events, 1))
        return self.with_job(name, events=numbered, sequence=len(numbered))

    def without_request(self, name: str, index: int) -> Evidence:
        own = [request for request in self.evidence.requests if request.seed == SEEDS[name]]
        return replace(self.evidence, requests=tuple(r for r in self.evidence.requests if r is not own[index]))

    def with_request(self, name: str, index: int, **changes: Any) -> Evidence:
        own = [request for request in self.evidence.requests if request.seed == SEEDS[name]]
        requests = [replace(r, **changes) if r is own[index] else r for r in self.evidence.requests]
        return replace(self.evidence, requests=tuple(requests))

    def with_another_request(self, name: str, **changes: Any) -> Evidence:
        own = [request for request in self.evidence.requests if request.seed == SEEDS[name]]
        again = replace(own[-1], request_id="made-twice", **changes)
        return replace(self.evidence, requests=(*self.evidence.requests, again))

    def with_file(self, kind: str, name: str, data: bytes = b"x") -> Evidence:
        file = StoredFile(kind, name, hashlib.sha256(data).hexdigest())
        return replace(self.evidence, files=(*self.evidence.files, file))

    def with_index(self, index: str, member: str) -> Evidence:
        return replace(self.evidence, indexes={**self.evidence.indexes, index: (member,)})


def _commit_twice(events: list[StreamEvent]) -> list[StreamEvent]:
    at = next(n for n, event in enumerate(events) if event.type == "call.commit")
    data = {**events[at].data, "terminal": False, "images": 0}
    return [*events[:at], StreamEvent(0, "call.commit", data), *events[at:]]


def _gate_after_commit(events: list[StreamEvent]) -> list[StreamEvent]:
    """The gate moves behind the result, which then is not the end any more."""
    gate = next(event for event in events if event.type == "call.gate")
    commit = events[-1]
    rest = [event for event in events if event not in (gate, commit)]
    return [
        *rest,
        StreamEvent(0, commit.type, {**commit.data, "terminal": False}),
        StreamEvent(0, gate.type, {**gate.data, **_END}),
    ]


_END = {"terminal": True, "state": "succeeded"}


def _more_doubt(forge: Forger) -> Evidence:
    """Three attempts, two of them unknown, then an answer: one more than the setting allows."""
    first, last = forge.call("doubted").attempts
    second = replace(first, name="2", started_ms=first.started_ms + 1)
    attempts = (first, second, replace(last, name="3"))
    call = replace(forge.call("doubted"), attempts=attempts, fields={**forge.call("doubted").fields, "attempts": "3"})
    gates = [event for event in forge.job("doubted").events if event.type == "call.gate"]
    events = [*forge.job("doubted").events[:1], gates[0], *forge.job("doubted").events[1:]]
    numbered = tuple(StreamEvent(n, event.type, event.data) for n, event in enumerate(events, 1))
    fields = {**forge.job("doubted").fields, "uncertain_microusd": str(2 * PRICE)}
    return forge.with_job("doubted", calls=(call,), events=numbered, sequence=len(numbered), fields=fields)


Lie = Callable[[Forger], Evidence]
LIES: dict[str, tuple[Lie, tuple[str, ...]]] = {
    "a request is missing": (
        lambda forge: forge.without_request("plain", 0),
        ("which the endpoint did not see", "is no picture of an answer"),
    ),
    "the request of a recovered answer is missing": (
        lambda forge: Forger(forge.with_attempt("plain", 0, request_id=None), forge.ids).without_request("plain", 0),
        ("the endpoint saw no request for it", "is no picture of an answer"),
    ),
    "a request too many": (
        lambda forge: forge.with_another_request("plain"),
        ("request made-twice of job_", "2 requests, 1 attempts"),
    ),
    "a request too many, not billed": (
        lambda forge: forge.with_another_request("retried", billed=False, status=500, outcome="answered"),
        ("(seed 903, not billed) is explained by no attempt: 3 requests, 2 attempts",),
    ),
    "a second request of an unknown attempt": (
        lambda forge: forge.with_another_request("doubted"),
        ("(seed 902, billed) is explained by no attempt: 3 requests, 2 attempts",),
    ),
    "a request of an attempt that sent none": (
        lambda forge: forge.with_attempt("throttled", 0, request_id=None),
        ("(seed 904, not billed) is explained by no attempt: 2 requests, 2 attempts",),
    ),
    "a request before its attempt": (
        lambda forge: forge.with_request("doubted", 0, received_ms=forge.attempt("doubted", 0).started_ms - 1000.0),
        ("is explained by no attempt",),
    ),
    "a request after the end of its job": (
        lambda forge: forge.with_request("plain", 0, received_ms=forge.job("plain").number("finished_ms") + 1000.0),
        ("came after the end of its job",),
    ),
    "another request id": (
        lambda forge: forge.with_attempt("plain", 0, request_id="not-mine"),
        ("names request not-mine, which the endpoint did not see", "is explained by no attempt", "is no picture of an answer"),
    ),
    "a paid failure that the ledger calls free": (
        lambda forge: forge.with_request("retried", 0, billed=True),
        ("attempt 1 of job_", "says billed False, the endpoint's request"),
    ),
    "an answer that the endpoint did not bill": (
        lambda forge: forge.with_request("plain", 0, billed=False),
        ("says billed True, the endpoint's request",),
    ),
    "an answer that was an error": (
        lambda forge: forge.with_request("plain", 0, status=500),
        ("is answered, billed True; the endpoint answered 500",),
    ),
    "an outcome is changed to unknown": (
        lambda forge: forge.with_attempt("plain", 0, outcome="unknown"),
        ("is unknown, and yet billed is True", "is no picture of an answer"),
    ),
    "an unknown outcome is called free": (
        lambda forge: forge.with_attempt("doubted", 0, billed=False),
        ("is unknown, and yet billed is False", "the uncertain_microusd of job_"),
    ),
    "an attempt is missing": (
        lambda forge: forge.with_call("doubted", attempts=forge.call("doubted").attempts[1:]),
        (
            "passed the gate 2 times, but 1 attempts",
            "counts 2 attempts, but 1",
            "the uncertain_microusd",
            "is explained by no attempt",
        ),
    ),
    "an attempt is still open": (
        lambda forge: forge.with_attempt("refused", 0, ended_ms=None),
        ("attempt 1 of job_", "is still open"),
    ),
    "the attempts are counted wrong": (
        lambda forge: forge.with_call("throttled", fields={**forge.call("throttled").fields, "attempts": "2"}),
        ("counts 2 attempts, but 1 are recorded",),
    ),
    "too many attempts": (
        lambda forge: replace(forge.evidence, call_budget=1),
        ("was tried 2 times, 1 are allowed", "was tried 2 times, 1 are allowed"),
    ),
    "a call after too much doubt": (
        _more_doubt,
        ("was called again after 2 unknown outcomes",),
    ),
    "a result twice": (
        lambda forge: forge.with_events("plain", _commit_twice),
        ("is done and has 2 results",),
    ),
    "a result of a call that failed": (
        lambda forge: forge.with_events("refused", lambda events: [*events[:-1], _commit_of(events), events[-1]]),
        ("is failed and has 1 results",),
    ),
    "a call without a result": (
        lambda forge: forge.with_call("refused", state="done"),
        ("is done and has 0 results",),
    ),
    "a start after the result": (
        lambda forge: forge.with_events("plain", _gate_after_commit),
        ("was started again (event 6) after its result existed (event 5)",),
    ),
    "an event is missing": (
        lambda forge: forge.with_job("plain", events=(forge.job("plain").events[0], *forge.job("plain").events[2:])),
        ("are not numbered 1 to 6 without a gap: missing [2]",),
    ),
    "the last event is missing": (
        lambda forge: forge.with_job("refused", events=forge.job("refused").events[:-1]),
        ("without a gap: missing [5]", "needs one terminal event, and as its last one; it has []"),
    ),
    "an event after the end": (
        lambda forge: forge.with_events("plain", lambda events: [*events, StreamEvent(0, "call.park", {"terminal": False})]),
        ("needs one terminal event, and as its last one; it has [6] of 7",),
    ),
    "two ends": (
        lambda forge: forge.with_events("plain", lambda events: [events[0], StreamEvent(0, "job.cancel", _END), *events[1:]]),
        ("needs one terminal event, and as its last one; it has [2, 7]",),
    ),
    "the last event says something else": (
        lambda forge: forge.with_job("plain", state="failed"),
        ("says succeeded, its record failed",),
    ),
    "a job is still running": (
        lambda forge: forge.with_job("plain", state="running"),
        ("has not ended: it is running",),
    ),
    "a call is still running": (
        lambda forge: forge.with_call("step", state="calling"),
        ("but its call job_00000000000000000000000000.0 is calling", "is calling and has 1 results"),
    ),
    "the cost is changed": (
        lambda forge: forge.with_field("plain", actual_microusd=str(2 * PRICE)),
        ("the actual_microusd of job_", f"is {2 * PRICE}, its attempts make {PRICE}"),
    ),
    "the uncertain cost is changed": (
        lambda forge: forge.with_field("doubted", uncertain_microusd="0"),
        ("the uncertain_microusd of job_", f"is 0, its attempts make {PRICE}"),
    ),
    "an output is missing": (
        lambda forge: forge.with_field("plain", outputs="[]"),
        ("tell of 1 images, its record of 1 and lists 0",),
    ),
    "an output's bytes are missing": (
        lambda forge: replace(forge.evidence, files=tuple(f for f in forge.evidence.files if not _is_output(forge, "plain", f))),
        ("is not in the store",),
    ),
    "an output's bytes are damaged": (
        lambda forge: replace(
            forge.evidence,
            files=tuple(replace(f, sha256="0" * 64) if _is_output(forge, "plain", f) else f for f in forge.evidence.files),
        ),
        ("do not match its name: their hash is 000",),
    ),
    "another job's picture": (
        lambda forge: forge.with_field("plain", outputs=forge.job("doubted").fields["outputs"]),
        ("is no picture of an answer that was delivered for it",),
    ),
    "a receipt is left": (
        lambda forge: forge.with_file("receipts", f"{forge.call('plain').id}:1"),
        ("the receipt job_", "was left behind"),
    ),
    "half a file is left": (
        lambda forge: forge.with_file(UNFINISHED, ".tmp-0123456789abcdef"),
        ("the unfinished file .tmp-0123456789abcdef was left behind",),
    ),
    "a finished call holds a lease": (
        lambda forge: forge.with_index("leases", forge.call("plain").id),
        ("the ledger's list leases still holds",),
    ),
    "a finished call is parked": (
        lambda forge: forge.with_index("park:bedrock:standard:t", forge.call("refused").id),
        ("the ledger's list park:bedrock:standard:t still holds",),
    ),
    "a paid job has no seed": (
        lambda forge: forge.with_job("refused", seed=None),
        ("has no seed of its own (None)", "names request"),
    ),
    "two jobs share a seed": (
        lambda forge: forge.with_job("refused", seed=901),
        ("has no seed of its own (901)", "names request", "is explained by no attempt"),
    ),
}


def _commit_of(events: list[StreamEvent]) -> StreamEvent:
    call = next(event.data["call"] for event in events if "call" in event.data)
    return StreamEvent(0, "call.commit", {"call": call, "images": 0, "terminal": False})


def _is_output(forge: Forger, name: str, file: StoredFile) -> bool:
    return file.kind == "assets" and file.name.startswith(forge.job(name).outputs[0]["sha256"])


@pytest.mark.parametrize("lie", LIES)
def test_every_lie_is_found_and_named(run: tuple[Evidence, dict[str, str]], lie: str) -> None:
    falsify, expected = LIES[lie]
    problems = check(falsify(Forger(*run))).problems
    for fragment in expected:
        assert any(fragment in problem for problem in problems), problems
    for problem in problems:
        assert any(fragment in problem for fragment in expected), f"more was found than was falsified: {problem}"


def test_what_killed_workers_leave_is_counted_where_kills_are_known(run: tuple[Evidence, dict[str, str]]) -> None:
    forge = Forger(*run)
    call = forge.call("plain")
    evidence = forge.with_file("receipts", f"{call.id}:{call.attempts[0].fence}")
    evidence = Forger(evidence, run[1]).with_file(UNFINISHED, ".tmp-0123456789abcdef")
    assert len(check(evidence).problems) == 2
    found = check(evidence, killed=True)
    assert (found.problems, found.litter) == ([], 2)
    torn = check(evidence, torn=True)
    assert (len(torn.problems), torn.litter) == (1, 1)
    assert "the receipt" in torn.problems[0]
    never_tried = check(forge.with_file("receipts", f"{call.id}:9"), killed=True)
    assert (len(never_tried.problems), never_tried.litter) == (1, 0)
