"""Gates: who is asked what, and a person's word, by a token or by the name of the step. Written once for both colours.

A token is made of the gate's job and a signature with the ledger's secret. Whoever holds it can decide about this one gate, once,
while it is asked; it tells nothing and opens nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from darkroom import workflows
from darkroom.effects import Flow, Sources, ask
from darkroom.watching import gone
from darkroom_shared.contract.gates import Gate
from darkroom_shared.contract.job_record import JobRecord
from darkroom_shared.contract.views import Output, job_view
from darkroom_shared.core.errors import InvalidRequest, NothingToDecide
from darkroom_shared.core.lifecycle import JobState
from darkroom_shared.core.problems import Problem
from darkroom_shared.core.workflow import parse_reference
from darkroom_shared.store import graph, reads
from darkroom_shared.store.graph import DecisionVerdict
from darkroom_shared.task_types import as_array

_TOKEN: Final = re.compile(r"ap_([0-9a-hjkmnp-tv-z]{26})([0-9a-f]{32})")
LONGEST_NOTE: Final = 500


@dataclass(frozen=True, slots=True)
class GateView:
    """A gate of a workflow.

    Attributes:
        step: its name.
        job_id: the job that stands for it.
        state: `waiting` while it is asked or its turn has not come, then how it ended.
        is_asked: whether a person can decide now.
        question: what is asked.
        choose: how many pictures are to be chosen; None for any number.
        until: when the time to decide is over; None for never, or while it is not asked.
        pictures: those that it shows, in order.
        decision: who decided, what and when, once somebody has.
        token: lets its holder decide, without any other right.
    """

    step: str
    job_id: str
    state: JobState
    is_asked: bool
    question: str
    choose: int | None
    until: datetime | None
    pictures: tuple[Output, ...]
    decision: Mapping[str, object] | None
    token: str


@dataclass(frozen=True, slots=True)
class Word:
    """A person's word.

    Attributes:
        approve: whether the workflow goes on.
        choose: numbers of the pictures that are handed on, from 0; None for all.
        by: who says so.
        note: why, at most 500 characters.
    """

    approve: bool
    choose: Sequence[int] | None = None
    by: str = ""
    note: str = ""


def gates(sources: Sources, workflow_id: str) -> Flow[list[GateView]]:
    """The gates of a workflow in the order of its steps. Raises UnknownJob."""
    secret = yield from ask(graph.secret(sources.randomness(32).hex()))
    found: list[GateView] = []
    for job_id in (yield from workflows.steps_of(workflow_id)).values():
        fields = yield from ask(reads.job(job_id))
        if fields.get("kind") == "gate":
            found.append((yield from _gate(fields, secret)))
    return found


def _gate(fields: Mapping[str, str], secret: str) -> Flow[GateView]:
    view, record = job_view(fields), JobRecord.from_fields(fields)
    told = Gate.model_validate(record.request["gate"])
    asked_ms = int(fields.get("asked_ms", "0"))
    ends = told.within_s is not None and asked_ms
    pictures = view.pictures if view.is_terminal else (yield from _shown(record))
    return GateView(
        step=view.step,
        job_id=view.id,
        state=view.state,
        is_asked=bool(asked_ms) and not view.is_terminal,
        question=told.question,
        choose=told.choose,
        until=datetime.fromtimestamp(asked_ms / 1000, UTC) + timedelta(seconds=told.within_s or 0) if ends else None,
        pictures=tuple(pictures),
        decision=json.loads(fields["decision"]) if "decision" in fields else None,
        token=token(secret, view.id),
    )


def _shown(record: JobRecord) -> Flow[list[Output]]:
    """The pictures that a gate shows: those of the steps before it that are there."""
    made: dict[str, tuple[Output, ...]] = {}
    for step, job_id in record.needs.items():
        fields = yield from ask(reads.job(job_id))
        made[step] = job_view(fields).outputs if fields else ()
    refs = [parse_reference(str(ref)) for ref in as_array(record.request.get("images"))]
    return [made[ref.step][ref.index] for ref in refs if ref is not None and ref.index < len(made.get(ref.step, ()))]


def token(secret: str, job_id: str) -> str:
    """The token of a gate: `ap_`, the 26 characters of its job, and 32 hex digits of a signature (HMAC-SHA256)."""
    signed = hmac.new(secret.encode(), f"decide:{job_id}".encode(), hashlib.sha256).hexdigest()
    return f"ap_{job_id.removeprefix('job_')}{signed[:32]}"


def decide_by_token(sources: Sources, text: str, word: Word) -> Flow[str]:
    """Decides about the gate of a token, and gives its job's id.

    Raises:
        InvalidRequest: it is no token of this ledger, or the choice does not fit the gate.
        NothingToDecide: the gate has ended, or is not asked yet.
        UnknownJob: the gate is gone.
    """
    match = _TOKEN.fullmatch(text)
    secret = yield from ask(graph.secret(sources.randomness(32).hex()))
    job_id = f"job_{match[1]}" if match else ""
    if match is None or not hmac.compare_digest(token(secret, job_id), text):
        raise InvalidRequest([Problem("/token", "this is no token of a gate", "ap_ and 58 characters, as `gates` shows it")])
    yield from _decide(job_id, word)
    return job_id


def decide_step(workflow_id: str, step: str, word: Word) -> Flow[str]:
    """Decides about a gate by its name; see `decide_by_token`."""
    jobs = yield from workflows.steps_of(workflow_id)
    if step not in jobs:
        raise InvalidRequest([Problem("/step", f"{workflow_id} has no step {step[:80]!r}", list(jobs))])
    yield from _decide(jobs[step], word)
    return jobs[step]


def _decide(job_id: str, word: Word) -> Flow[None]:
    if len(word.note) > LONGEST_NOTE or len(word.by) > LONGEST_NOTE:
        raise InvalidRequest([Problem("/note", "the note or the name is too long", f"at most {LONGEST_NOTE} characters")])
    done = yield from ask(
        graph.decide(job_id, approve=word.approve, chosen=word.choose, by=word.by or None, note=word.note or None)
    )
    match done.verdict:
        case DecisionVerdict.DECIDED:
            return
        case DecisionVerdict.ALREADY:
            raise NothingToDecide(f"The gate {job_id} has ended already.")
        case DecisionVerdict.NOT_ASKED:
            raise NothingToDecide(f"The gate {job_id} is not asked yet: what comes before it has not ended.")
        case DecisionVerdict.GONE:
            raise gone(job_id)
        case DecisionVerdict.BAD_CHOICE:
            fields = yield from ask(reads.job(job_id))
            wanted = Gate.model_validate(JobRecord.from_fields(fields).request["gate"]).choose if fields else None
            allowed = {"pictures": wanted or f"1 to {done.shown}", "minimum": 0, "maximum": done.shown - 1}
            raise InvalidRequest(
                [Problem("/choose", f"{list(word.choose or [])} is no choice among {done.shown} pictures", allowed)]
            )
