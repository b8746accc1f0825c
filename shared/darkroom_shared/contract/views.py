"""What a caller gets to see of jobs, calls, attempts and workflows.

Newer servers may add fields; readers ignore what they do not know.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, Literal, cast

from pydantic import BaseModel, ConfigDict

from darkroom_shared.contract.job_record import Fidelity, JobClass, JobRecord, OnUnknown
from darkroom_shared.core.guardrail import Gate
from darkroom_shared.core.lifecycle import CallState, JobState


class View(BaseModel):
    """Base of all views: frozen, and tolerant of fields from a newer version."""

    model_config = ConfigDict(frozen=True, extra="ignore")


PICTURE_ROLES: Final = frozenset(("image", "original", "mask"))
EXCERPT_CHARS: Final = 200
"""So much of a document stands in its record, for people who look at the job."""


class Output(View):
    """One stored result: a picture, or a document."""

    index: int
    sha256: str
    """The asset's name: 64 hex digits of its bytes."""
    width: int | None = None
    """Pixels; None for a document."""
    height: int | None = None
    media_type: str
    size_bytes: int
    seed: int | None = None
    role: str = "image"
    """`image`; `original` for the bytes that an image was made of by free steps; `mask` for one asked for with returnMask. Of a
    document `text`, `json` or `embedding`."""
    excerpt: str = ""
    """The beginning of a text or of JSON, at most 200 characters; the whole is `asset`."""

    @property
    def is_document(self) -> bool:
        """Whether it is a text, JSON or vectors, and not a picture."""
        return self.role not in PICTURE_ROLES

    @property
    def stem(self) -> str:
        """Its file's name without ending: `0`, `1`, … for images and documents, `0-original`, `mask`."""
        return {"original": f"{self.index}-original", "mask": "mask"}.get(self.role, str(self.index))

    @property
    def asset(self) -> str:
        """How another request refers to it: `asset:<sha256>`."""
        return f"asset:{self.sha256}"


class Rejected(View):
    """One picture or document that a content filter kept back, or one picture that did not pass its checks."""

    index: int
    code: str
    message: str = ""
    billed: bool | None = None
    seed: int | None = None


class FailureView(View):
    """Why a job has no result."""

    code: str
    message: str
    kind: str = "permanent"
    billed: bool | None = None
    provider_code: str | None = None
    request_id: str | None = None
    http_status: int | None = None


class Attempt(View):
    """One try of a call, or a refusal by the quota (`snoozed`), with everything a person needs to trace it at AWS."""

    attempt: int
    fence: int
    worker: str = ""
    region: str = ""
    model: str = ""
    guardrail: str = ""
    """The guardrail that was sent with the call, `ID:VERSION`; empty for none."""
    started_ms: int
    ended_ms: int | None = None
    outcome: str
    """`calling`, `answered`, `unknown`, `failed`, or the reason of a snooze."""
    billed: bool | None = None
    """True, False, or None where nobody can tell."""
    request_id: str | None = None
    failure: FailureView | None = None
    snoozed: bool = False
    recovered: bool = False
    """The answer was found after the attempt had been given up."""

    @property
    def duration_s(self) -> float | None:
        """Seconds from the gate to the answer."""
        return None if self.ended_ms is None else (self.ended_ms - self.started_ms) / 1000


class GuardrailUse(View):
    """What a guardrail was asked beside a call, and what AWS counted for it; billed by AWS apart from the call."""

    requests: int = 0
    """Requests that were answered."""
    image_units: int = 0
    """Pictures that its content policy looked at."""
    text_units: int = 0
    """Units of text, of all its policies together."""


class Usage(View):
    """What a model counted for the answer that a call's result was read from; None for what it does not say."""

    input_tokens: int | None = None
    output_tokens: int | None = None


class CallView(View):
    """One call of a job."""

    id: str
    state: CallState
    reason: str = ""
    fence: int
    attempts: tuple[Attempt, ...] = ()
    pool: str = ""
    guardrail_use: GuardrailUse | None = None
    """None if no guardrail was asked beside the call."""
    usage: Usage | None = None
    """Tokens; None for models that count none, and before there is a result."""


class Cost(View):
    """Money in US dollars. `None` is "not known", never 0."""

    estimated_usd: float | None
    actual_usd: float | None
    """What was billed, every repeated attempt included; None if one of these had no known price."""
    uncertain_usd: float | None
    """Attempts of which nobody knows whether they were billed: without an answer, or with one of which a filter kept back all. None
    if one of these had no known price."""
    price_book: str = ""
    """Version of the table of prices that it was estimated by; several joined by commas."""
    saved_usd: float | None = 0.0
    """What the calls cost whose results were taken over; None if one of them had no known price."""


class Timings(View):
    """Instants in UTC."""

    created: datetime
    started: datetime | None = None
    finished: datetime | None = None
    expires: datetime | None = None
    """When records and pictures are removed."""

    @property
    def run_s(self) -> float | None:
        """Seconds from the first claim to the end."""
        return (self.finished - self.started).total_seconds() if self.started and self.finished else None


class JobView(View):
    """A job as its owner sees it."""

    id: str
    task_type: str
    kind: str
    state: JobState
    is_terminal: bool
    sequence: int
    """Rises by one with every change."""
    reason: str = ""
    model: str = ""
    region: str = ""
    """Where its calls go first."""
    diverted_to: tuple[str, ...] = ()
    """Other Regions that took calls, because the first did not at that moment; only of those that the job allows."""
    tenant: str
    job_class: JobClass
    images_wanted: int
    seed: int | None = None
    outputs: tuple[Output, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    checks: tuple[str, ...] = ()
    """Kinds of automatic checks that each picture must pass."""
    rerolls: int = 0
    """How often pictures that do not pass may be made again."""
    rerolled: tuple[Rejected, ...] = ()
    """Those that were made again, each billed."""
    warnings: tuple[str, ...] = ()
    error: FailureView | None = None
    cost: Cost
    timings: Timings
    workflow: str = ""
    step: str = ""
    on_unknown: OnUnknown = "retry"
    guardrail: str = ""
    """The guardrail that was named at submit, `ID:VERSION`; the one that was sent is told by each attempt."""
    guardrail_gates: tuple[Gate, ...] = ()
    """What the guardrail is asked about besides the calls themselves, as far as it was said at submit."""
    batch: str = ""
    row: int = 0
    """Which row of its batch it stands for, counted from 1; 0 for none."""
    custom_id: str = ""
    cache: Literal["", "hit", "coalesced", "miss", "bypass"] = ""
    """Whether its results are those of an equal job: `hit`, they were there; `coalesced`, that job was under way; `miss`, there was
    none; `bypass`, none was looked for. Empty while it waits for steps before it."""
    cache_reason: str = ""
    """Why none was looked for: `no_seed`, `no_store`, `no_cache`, `not_before`, `on_unknown`, `text` (a model that writes),
    `guardrail_draft`, `replay`, `rerouted` (its model turned out retired)."""
    follows: str = ""
    """The equal job under way whose results it waits for."""
    reused_from: str = ""
    """The equal job whose results these are: nothing was called for them, and nothing paid."""
    replays: str = ""
    """The dead letter that this job replaces."""
    replaced_by: str = ""
    """The job that replaces this dead letter."""
    discarded: datetime | None = None
    """When a person decided that this dead letter is not to be replayed."""
    metadata: Mapping[str, str] = {}
    request: Mapping[str, object] = {}
    """What is sent, with references in place of pictures."""
    asked: Mapping[str, object] = {}
    """What was asked for, where another request is sent in its place."""
    asked_model: str = ""
    """The model that was named, or `auto`, where another one does it."""
    fidelity: Fidelity = "exact"
    """How near what is sent comes to what was asked for."""
    lost: tuple[str, ...] = ()
    """What is not as it was asked for, in sentences."""
    calls: tuple[CallView, ...] = ()

    @property
    def pictures(self) -> tuple[Output, ...]:
        """The pictures that were wanted: without masks, and without what they were made of."""
        return tuple(output for output in self.outputs if output.role == "image")

    @property
    def documents(self) -> tuple[Output, ...]:
        """The results that are no pictures."""
        return tuple(output for output in self.outputs if output.is_document)


class WorkflowView(View):
    """A workflow and its steps in order."""

    id: str
    state: JobState
    is_terminal: bool
    created: datetime
    steps: tuple[JobView, ...]
    plan: tuple[Mapping[str, object], ...] = ()
    """The steps as planned, the inserted ones marked."""
    name: str = ""
    """What it was called at submit, or the template that it was made of, `NAME@VERSION`."""
    budget_usd: float | None = None
    """What its calls may cost together, those included of which nobody knows whether they were billed; None for no limit."""
    forked_from: str = ""
    """The workflow whose finished steps it began with."""
    cost: Cost

    @property
    def tenant(self) -> str:
        """Whose it is: that of its steps."""
        return self.steps[0].tenant


def instant(text: str | None) -> datetime | None:
    """Milliseconds since the epoch as an aware instant."""
    return datetime.fromtimestamp(int(text) / 1000, UTC) if text else None


def _usd(fields: Mapping[str, str], kind: str) -> float | None:
    """Dollars of the attempts of a kind, `actual`, `uncertain` or `saved`; None if any of them had no known price."""
    if int(fields.get(f"{kind}_unpriced", "0")) > 0:
        return None
    return int(fields.get(f"{kind}_microusd", "0")) / 1_000_000


def total_usd(amounts: Iterable[float | None]) -> float | None:
    """The sum of amounts of money; None if a part of it is not known."""
    known: list[float] = []
    for amount in amounts:
        if amount is None:
            return None
        known.append(amount)
    return sum(known)


def attempts_view(record: Mapping[str, str]) -> tuple[Attempt, ...]:
    """Attempts of a call in the order they began, refusals by the quota included."""
    found = [Attempt.model_validate({**json.loads(text), "snoozed": name.startswith("snooze-")}) for name, text in record.items()]
    return tuple(sorted(found, key=lambda attempt: attempt.started_ms))


def call_view(record: Mapping[str, str], attempts: Mapping[str, str]) -> CallView:
    """Reads a call's record."""
    return CallView.model_validate(
        {"id": record["id"], "state": record["state"], "reason": record.get("reason", ""), "fence": int(record["fence"])}
        | {"pool": record.get("pool", ""), "attempts": attempts_view(attempts), "guardrail_use": _guardrail_use(record)}
        | {"usage": json.loads(record.get("usage", "null"))}
    )


def _guardrail_use(record: Mapping[str, str]) -> GuardrailUse | None:
    """The sum of what was counted at each gate; see the ledger's script `guarded`."""
    counts = [GuardrailUse.model_validate_json(text) for name, text in record.items() if name.startswith("guarded:")]
    if not counts:
        return None
    return GuardrailUse(
        requests=sum(count.requests for count in counts),
        image_units=sum(count.image_units for count in counts),
        text_units=sum(count.text_units for count in counts),
    )


def job_view(fields: Mapping[str, str], calls: Sequence[CallView] = ()) -> JobView:
    """Reads a job's record, as the ledger holds it, with as many of its calls as were looked up."""
    record = JobRecord.from_fields(fields)
    state = JobState(fields["state"])
    count = int(fields.get("calls", "1"))
    created = instant(fields["created_ms"])
    assert created is not None
    return JobView(
        id=fields["id"],
        task_type=record.task_type,
        kind=record.kind,
        state=state,
        is_terminal=state.is_terminal,
        sequence=int(fields["sequence"]),
        reason=fields.get("reason", ""),
        model=record.model,
        region=record.region,
        diverted_to=tuple(json.loads(fields.get("diverted_to", "[]"))),
        tenant=record.tenant,
        job_class=record.job_class,
        images_wanted=record.images_wanted,
        seed=record.seed,
        outputs=tuple(Output.model_validate(row) for row in json.loads(fields.get("outputs", "[]"))),
        rejected=tuple(Rejected.model_validate(row) for row in json.loads(fields.get("rejected", "[]"))),
        checks=tuple(str(check["kind"]) for check in record.checks),
        rerolls=record.rerolls,
        rerolled=tuple(Rejected.model_validate(row) for row in json.loads(fields.get("rerolled_rows", "[]"))),
        warnings=tuple(record.warnings),
        error=FailureView.model_validate_json(fields["failure"]) if "failure" in fields else None,
        cost=Cost(
            estimated_usd=None if record.price_microusd is None else record.price_microusd * count / 1_000_000,
            actual_usd=_usd(fields, "actual"),
            uncertain_usd=_usd(fields, "uncertain"),
            price_book=record.price_book,
            saved_usd=_usd(fields, "saved"),
        ),
        timings=Timings(
            created=created,
            started=instant(fields.get("started_ms")),
            finished=instant(fields.get("finished_ms")),
            expires=instant(fields.get("expires_ms")),
        ),
        workflow=record.workflow,
        step=record.step,
        on_unknown=record.on_unknown,
        guardrail=record.guardrail,
        guardrail_gates=tuple(record.guardrail_gates),
        batch=record.batch,
        row=record.row,
        custom_id=record.custom_id,
        cache=cast("Literal['', 'hit', 'coalesced', 'miss', 'bypass']", "bypass" if record.bypass else fields.get("reuse", "")),
        cache_reason=record.bypass,
        follows=fields.get("follows", ""),
        reused_from=fields.get("reused_from", ""),
        replays=record.replays,
        replaced_by=fields.get("replaced_by", ""),
        discarded=instant(fields.get("discarded_ms")),
        metadata=record.metadata,
        request=record.request,
        asked=record.asked,
        asked_model=record.asked_model,
        fidelity=record.fidelity,
        lost=tuple(record.lost),
        calls=tuple(calls),
    )
