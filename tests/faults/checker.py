"""Judges a run: do the ledger, the asset store and the endpoint's own log tell the same story, and does it keep the promises?

    assert check(gather(stack, jobs)).problems == []

Requests are matched with attempts by the job's seed (each paid job needs one of its own), then by AWS's request id, then by time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field

from darkroom_shared.core.lifecycle import TERMINAL_CALL_STATES, TERMINAL_JOB_STATES
from tests.faults.evidence import UNFINISHED, AttemptFacts, CallFacts, Evidence, JobFacts, Request, gather

__all__ = ["Evidence", "Findings", "check", "gather"]

CLOCK_MS = 50
"""Ledger and endpoint read the same machine's clock, but round and log at different moments."""


@dataclass(slots=True)
class Findings:
    """What a check found.

    Attributes:
        problems: one sentence for each broken promise; empty if all hold.
        jobs: how many were looked at; `states` says how many are in which.
        calls: requests at the endpoint; `billed` of them did the work.
        delivered, unknown, failed, snoozed: attempts of paid calls by what became of them, as the ledger has it.
        never_arrived: unknown attempts whose request the endpoint never saw (the worker died before it was sent).
        unsent: failed and snoozed attempts that made no request (no connection, or the worker had stood still since the gate).
        late: requests that were sent after their job's end, by a worker that was frozen between the gate and the request.
        litter: files that killed workers left, with `killed`: maintenance removes them, but only when they are old.
    """

    problems: list[str] = field(default_factory=list)
    jobs: int = 0
    states: Counter[str] = field(default_factory=Counter[str])
    calls: int = 0
    billed: int = 0
    delivered: int = 0
    unknown: int = 0
    failed: int = 0
    snoozed: int = 0
    never_arrived: int = 0
    unsent: int = 0
    late: int = 0
    litter: int = 0

    def __str__(self) -> str:
        return (
            f"{self.jobs} jobs {dict(self.states)}, {self.calls} calls ({self.billed} billed), {self.delivered} delivered, "
            f"{self.unknown} unknown ({self.never_arrived} never arrived, {self.late} late), {self.failed} failed, "
            f"{self.snoozed} snoozed ({self.unsent} of these not sent)"
            + (f", {self.litter} files left by the dead" if self.litter else "")
        )


def check(evidence: Evidence, *, killed: bool = False, torn: bool = False) -> Findings:
    """Compares everything with everything; looks at nothing but the evidence.

    Args:
        killed: workers were killed at any moment, so that a receipt may wait for the end of its job's retention, and an
            unfinished file for the next sweep. They are counted, not complained of.
        torn: a worker was killed at a known point, at which another of its threads may have been writing: an unfinished file may
            wait, but no receipt.
    """
    found = Findings(jobs=len(evidence.jobs), states=Counter(job.state for job in evidence.jobs))
    stored = {file.name.partition(".")[0] for file in evidence.files if file.kind == "assets"}
    requests: defaultdict[int | None, list[Request]] = defaultdict(list)
    for request in evidence.requests:
        requests[request.seed].append(request)
    found.problems += _seeds(evidence)
    for job in evidence.jobs:
        found.problems += _end(job)
        found.problems += _events(job)
        for call in job.calls:
            found.problems += _call(job, call)
            found.problems += _budget(evidence, job, call)
        found.problems += _results(job, stored)
        if job.kind == "bedrock":
            found.problems += _cost(job)
            found.problems += _requests(requests[job.seed], job, found)
    excused = {"receipt", UNFINISHED} if killed else {UNFINISHED} if torn else set[str]()
    for sentence, litter in _files(evidence):
        if litter in excused:
            found.litter += 1
        else:
            found.problems.append(sentence)
    found.problems += _indexes(evidence)
    return found


def _seeds(evidence: Evidence) -> Iterator[str]:
    """Without seeds of their own, jobs could be charged for one another's requests."""
    paid = [job for job in evidence.jobs if job.kind == "bedrock"]
    uses = Counter(job.seed for job in paid)
    for job in paid:
        if job.seed is None or uses[job.seed] > 1:
            yield f"{job.id} has no seed of its own ({job.seed}): its requests cannot be told from others'"


def _end(job: JobFacts) -> Iterator[str]:
    """Exactly one terminal state, all calls included."""
    if job.state not in TERMINAL_JOB_STATES:
        yield f"{job.id} has not ended: it is {job.state}"
        return
    for call in job.calls:
        if call.state not in TERMINAL_CALL_STATES:
            yield f"{job.id} is {job.state}, but its call {call.id} is {call.state}"


def _events(job: JobFacts) -> Iterator[str]:
    """Numbered 1..n without a gap; the terminal one is there once, is the last, and says the job's state."""
    numbers = [event.sequence for event in job.events]
    if numbers != list(range(1, job.sequence + 1)):
        yield f"the events of {job.id} are not numbered 1 to {job.sequence} without a gap: {_gaps(numbers, job.sequence)}"
    if job.state not in TERMINAL_JOB_STATES:
        return
    terminal = [event.sequence for event in job.events if event.is_terminal]
    if len(terminal) != 1 or not job.events or not job.events[-1].is_terminal:
        yield f"{job.id} needs one terminal event, and as its last one; it has {terminal} of {len(numbers)}"
    elif job.events[-1].data.get("state") != job.state:
        yield f"the last event of {job.id} says {job.events[-1].data.get('state')}, its record {job.state}"


def _gaps(numbers: list[int], last: int) -> str:
    missing = sorted(set(range(1, last + 1)) - set(numbers))
    return f"missing {missing}, found {len(numbers)}"


def _call(job: JobFacts, call: CallFacts) -> Iterator[str]:
    """At most one result; every gate has its attempt; nothing starts after the result; every attempt has ended."""
    own = [(event.type, event.sequence) for event in job.events if event.data.get("call") == call.id]
    commits = [sequence for kind, sequence in own if kind == "call.commit"]
    if len(commits) != (call.state == "done"):
        yield f"{call.id} is {call.state} and has {len(commits)} results (call.commit)"
    gates = [sequence for kind, sequence in own if kind == "call.gate"]
    if len(gates) != len(call.attempts):
        yield f"{call.id} passed the gate {len(gates)} times, but {len(call.attempts)} attempts are recorded"
    for sequence in gates:
        if commits and sequence > commits[0]:
            yield f"{call.id} was started again (event {sequence}) after its result existed (event {commits[0]})"
    if call.state in TERMINAL_CALL_STATES:
        for attempt in call.attempts:
            if attempt.ended_ms is None:
                yield f"attempt {attempt.name} of {call.id} is still open"


def _budget(evidence: Evidence, job: JobFacts, call: CallFacts) -> Iterator[str]:
    """No more attempts than allowed, and none after the last unknown outcome that is allowed."""
    counted = [attempt for attempt in call.attempts if not attempt.snoozed]
    if int(call.fields["attempts"]) != len(counted):
        yield f"{call.id} counts {call.fields['attempts']} attempts, but {len(counted)} are recorded"
    if job.kind != "bedrock":
        return
    if len(counted) > evidence.call_budget:
        yield f"{call.id} was tried {len(counted)} times, {evidence.call_budget} are allowed"
    unknowns = [n for n, attempt in enumerate(call.attempts) if attempt.outcome == "unknown"]
    if len(unknowns) > evidence.after_unknown and unknowns[evidence.after_unknown] < len(call.attempts) - 1:
        yield f"{call.id} was called again after {evidence.after_unknown + 1} unknown outcomes"


def _results(job: JobFacts, stored: Set[str]) -> Iterator[str]:
    """As many pictures as the results say, and all of them stored."""
    made = sum(int(str(event.data.get("images", 0))) for event in job.events if event.type == "call.commit")
    pictures = [row for row in job.outputs if row["role"] != "mask"]
    if not made == len(pictures) == job.number("images"):
        yield f"the results of {job.id} tell of {made} images, its record of {job.number('images')} and lists {len(pictures)}"
    for row in job.outputs:
        if row["sha256"] not in stored:
            yield f"output {row['index']} of {job.id} is not in the store: {row['sha256']}"


def _cost(job: JobFacts) -> Iterator[str]:
    """The price of every attempt that was billed, and of every one of which nobody can tell."""
    attempts = [attempt for call in job.calls for attempt in call.attempts]
    sure = sum(attempt.price_microusd or 0 for attempt in attempts if attempt.billed is True)
    unsure = sum(attempt.price_microusd or 0 for attempt in attempts if attempt.billed is None and attempt.failed)
    for name, expected in (("actual_microusd", sure), ("uncertain_microusd", unsure)):
        if job.number(name) != expected:
            yield f"the {name} of {job.id} is {job.number(name)}, its attempts make {expected}"


def _requests(requests: Sequence[Request], job: JobFacts, found: Findings) -> Iterator[str]:
    """Every request at the endpoint is explained by an attempt of its own, and both say the same of the money."""
    left = list(requests)
    attempts = [(call.id, attempt) for call in job.calls for attempt in call.attempts]
    found.calls += len(left)
    found.billed += sum(request.billed for request in left)
    for _, attempt in attempts:
        _count(attempt, found)
    pairs: list[tuple[str, AttemptFacts, Request]] = []
    # Those that name their request first, then those that must have had an answer, then those that may have had none.
    for call_id, attempt in sorted(attempts, key=lambda pair: (pair[1].request_id is None, pair[1].outcome != "answered")):
        request = _own_request(attempt, left)
        if request is not None:
            left.remove(request)
            pairs.append((call_id, attempt, request))
        elif attempt.request_id is not None:
            yield f"attempt {attempt.name} of {call_id} names request {attempt.request_id}, which the endpoint did not see"
        elif attempt.outcome == "answered":
            yield f"attempt {attempt.name} of {call_id} was answered, but the endpoint saw no request for it"
        elif attempt.outcome == "unknown":
            found.never_arrived += 1
        else:
            found.unsent += 1
    for request in left:
        yield (
            f"request {request.request_id} of {job.id} (seed {request.seed}, {'billed' if request.billed else 'not billed'}) is "
            f"explained by no attempt: {len(pairs) + len(left)} requests, {len(attempts)} attempts"
        )
    delivered: set[str] = set()
    for call_id, attempt, request in pairs:
        yield from _same_money(call_id, attempt, request)
        if attempt.outcome == "answered":
            delivered.update(request.image_sha256)
        if job.state in TERMINAL_JOB_STATES and request.received_ms > job.number("finished_ms") + CLOCK_MS:
            found.late += 1
            if attempt.outcome != "unknown":
                yield f"request {request.request_id} of {call_id} came after the end of its job"
    for row in job.outputs:
        if row["role"] == "image" and row["sha256"] not in delivered:
            yield f"output {row['index']} of {job.id} is no picture of an answer that was delivered for it: {row['sha256']}"


def _own_request(attempt: AttemptFacts, left: list[Request]) -> Request | None:
    """The request that the attempt made, of those nobody else made: by its id, or the first that came after the attempt began."""
    if attempt.request_id is not None:
        return next((request for request in left if request.request_id == attempt.request_id), None)
    if attempt.outcome not in ("answered", "unknown") and attempt.billed is not None:
        return None  # no answer, and yet sure that nothing was billed: it was never sent
    fitting = [request for request in left if request.received_ms >= attempt.started_ms - CLOCK_MS]
    if attempt.outcome == "answered":
        fitting = [request for request in fitting if request.status == 200]
    return fitting[0] if fitting else None


def _count(attempt: AttemptFacts, found: Findings) -> None:
    if attempt.snoozed:
        found.snoozed += 1
    elif attempt.outcome == "answered":
        found.delivered += 1
    elif attempt.outcome == "unknown":
        found.unknown += 1
    else:
        found.failed += 1


def _same_money(call_id: str, attempt: AttemptFacts, request: Request) -> Iterator[str]:
    if attempt.outcome == "answered" and (attempt.billed is not True or request.status != 200):
        yield f"attempt {attempt.name} of {call_id} is answered, billed {attempt.billed}; the endpoint answered {request.status}"
    elif attempt.outcome == "unknown" and attempt.billed is not None:
        yield f"attempt {attempt.name} of {call_id} is unknown, and yet billed is {attempt.billed}"
    elif attempt.billed is not None and attempt.billed != request.billed:
        seen = f"the endpoint's request {request.request_id} {request.billed}"
        yield f"attempt {attempt.name} of {call_id} says billed {attempt.billed}, {seen}"


def _files(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """No receipt of a finished call, no half file, no damaged one; and what litter of a killed worker it may be, if any."""
    calls = [call for job in evidence.jobs for call in job.calls]
    # The answer of a call that failed over it is kept for a person to look at; the call's record names it.
    kept = {"owner"} | {call.fields.get("receipt") for call in calls if call.state in ("failed", "quarantined")}
    known = {f"{call.id}:{attempt.fence}" for call in calls for attempt in call.attempts}
    for file in evidence.files:
        if file.kind == "receipts" and file.name not in kept:
            yield f"the receipt {file.name} was left behind", "receipt" if file.name in known else ""
        elif file.kind == UNFINISHED:
            yield f"the unfinished file {file.name} was left behind", UNFINISHED
        elif file.kind == "assets" and file.name.partition(".")[0] != file.sha256:
            yield f"the bytes of asset {file.name} do not match its name: their hash is {file.sha256}", ""


def _indexes(evidence: Evidence) -> Iterator[str]:
    """Nothing of a finished job waits in the ledger's lists."""
    over = {job.id for job in evidence.jobs if job.state in TERMINAL_JOB_STATES}
    for name, members in evidence.indexes.items():
        left = [member for member in members if member.partition(".")[0] in over]
        if left:
            yield f"the ledger's list {name} still holds {left}"
