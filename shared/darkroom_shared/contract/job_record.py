"""The part of a job's record that submit writes: typed on this side, text fields in the ledger."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from darkroom_shared.core.guardrail import Gate

JobClass = Literal["interactive", "standard", "bulk"]
CLASSES: tuple[JobClass, ...] = ("interactive", "standard", "bulk")
"""Most urgent first."""
IfLate = Literal["refuse", "warn", "ignore"]
"""What a submit does if its deadline is likely to be missed."""

AUTO: Final = "auto"
"""In place of a model: whichever living one does it best."""
OnUnknown = Literal["retry", "hold"]
Cache = Literal["use", "no-cache", "no-store", "only-if-cached"]
CACHES: Final[tuple[Cache, ...]] = ("use", "no-cache", "no-store", "only-if-cached")
"""`use`: an equal job's result is taken over, or waited for. `no-cache`: made anew, and others may take it over. `no-store`: made
anew, and shared with nobody. `only-if-cached`: taken over, or nothing is made at all."""
Fidelity = Literal["exact", "equivalent", "approximate"]
"""`exact`: the very request, on a model that takes it. `equivalent`: another model is asked for the same thing, and everything that
can be checked (mask, size, number of pictures) holds. `approximate`: something that was asked for can only be come near to."""
Substitute = Literal["never", "equivalent", "approximate"]
"""How far a plan may go from the request; `never`: not beyond exact routes."""


class JobRecord(BaseModel):
    """What a job is, from submit to its end. State, times, cost and results are added by the ledger's scripts."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Literal["bedrock", "local", "gate"]
    """`local`: a free image operation of darkroom's own; `gate`: a person decides, nothing is called."""
    task_type: str
    """Bedrock's taskType, or `local.<kind>`."""
    task_name: str
    """Celery task that runs the calls."""
    request: dict[str, object]
    """Bedrock's body; places of pictures hold `asset:<sha256>` or `$steps.<name>.outputs[<i>]`. A local step's is
    `{"step": spec, "images": [reference, ...]}`."""
    model: str = ""
    """Model id the body is sent to; empty for local steps."""
    base_model: str = ""
    """The id by whose rules a fine-tuned model is called; empty for any other."""
    region: str = ""
    """The first of the Regions it may go to."""
    routes: str = ""
    """The pools that its calls may use, best first, joined by commas; empty for local steps."""
    asked: dict[str, object] = {}
    """The request as it was asked for, where another one is sent in its place."""
    asked_model: str = ""
    """The model that was named, or `auto`, where that is not `model`."""
    substitute: Substitute = "never"
    named_regions: list[str] = []
    """The Regions that were named at submit; empty if none was: then another model may be called wherever it is offered."""
    fidelity: Fidelity = "exact"
    lost: list[str] = []
    """What is not as it was asked for, in sentences."""
    prepare: dict[str, list[dict[str, object]]] = {}
    """Free steps on the picture at a place of the request, by JSON pointer, before it is sent."""
    finish: list[dict[str, object]] = []
    """Free steps on each picture that came back: `{"step", "images"}`; `$made` is that picture, `$/pointer` one that was sent."""
    tokens: int = 0
    """Tokens that one call is counted for, where a pool counts them."""
    lane: str
    tenant: str
    job_class: JobClass = "standard"
    images_wanted: int = 1
    """By all calls together."""
    images_per_call: int = 0
    """By each call; 0 in records of the first version, whose jobs have one call."""
    price_microusd: int | None = None
    """Price of one call in millionths of a dollar; None where it is not known."""
    price_book: str = ""
    """Version of the table that the price is from; empty for local steps, and for jobs recorded before there was one."""
    retention_ms: int
    dead_retention_ms: int = 0
    """How long it is kept if it fails, where that is longer."""
    on_unknown: OnUnknown = "retry"
    """What follows an attempt whose outcome nobody knows: at most one more call, or waiting for a decision."""
    guardrail: str = ""
    """The guardrail of its calls, `ID:VERSION`; empty for the tenant's or the workers'."""
    guardrail_gates: list[Gate] = []
    """What the guardrail is asked about besides the calls themselves."""
    replays: str = ""
    """The dead letter that this job is to replace."""
    not_before_ms: int = 0
    start_by_ms: int = 0
    finish_by_ms: int = 0
    inputs: list[str] = []
    """SHA-256 of each asset the request refers to."""
    metadata: dict[str, str] = {}
    warnings: list[str] = []
    seed: int | None = None
    workflow: str = ""
    step: str = ""
    needs: dict[str, str] = {}
    """Name of each step whose outputs the request refers to, and its job."""
    soft: dict[str, Literal["gather", "watch"]] = {}
    """Jobs that may end badly without ending this one: `gather`, of which `enough` must give results; `watch`, for `when` alone."""
    enough: int = 0
    """How many of the gathered jobs must give results; 0 for one."""
    wants: dict[str, int] = {}
    """How many outputs a job that it needs must have given, where it is more than one."""
    when: object = None
    """What must hold when all that it waits for has ended: a condition, parsed, with jobs in place of steps (`core.conditions`)."""
    gate_ms: int = 0
    """How long a gate waits for a person, in milliseconds; 0 for as long as it takes."""
    on_timeout: Literal["", "approve"] = ""
    """What a gate does when that time is over: it hands on all it shows; empty for an end as expired."""
    batch: str = ""
    row: int = 0
    """Which row of its batch it stands for, counted from 1; 0 for none."""
    custom_id: str = ""
    """What the row is called by whoever submitted the batch."""
    content: str = ""
    """A hash of all that decides about the result but the pictures of the steps before it; empty for a job that shares nothing."""
    content_refs: list[tuple[str, int]] = []
    """Those pictures: jobs, and numbers of their outputs."""
    cache: Cache | Literal[""] = ""
    """What was said of reuse at submit; empty for the usual."""
    bypass: str = ""
    """Why it looks for no equal job, if known at submit: `no_seed`, `no_store`, `not_before`, `on_unknown`, `text`."""
    checks: list[dict[str, object]] = []
    """Automatic checks of each picture that was made (`contract.checks`), in full."""
    check_pictures: dict[str, str] = {}
    """What they compare with, by name: references as in `request`."""
    rerolls: int = 0
    """How often pictures that do not pass may be made again, all calls together."""
    call_budget: int = 0
    """Attempts in all; 0 for the worker's setting."""

    def as_fields(self) -> dict[str, str]:
        """Text fields of the job hash. `class` is the ledger's name of `job_class`; empty values are left out."""
        fields: dict[str, str] = {}
        for name, value in self.model_dump(mode="json").items():
            # A seed or a price of 0 is known, and not the same as none.
            if value is None or (value in ("", 0, {}, []) and name not in ("request", "seed", "price_microusd")):
                continue
            if value == type(self).model_fields[name].default and name in ("substitute", "fidelity"):
                continue
            fields["class" if name == "job_class" else name] = (
                value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            )
        return fields

    @classmethod
    def from_fields(cls, fields: Mapping[str, str]) -> JobRecord:
        """The inverse of `as_fields`; ignores what the scripts have added."""
        values: dict[str, object] = {}
        for name, text in fields.items():
            field_name = "job_class" if name == "class" else name
            if field_name in cls.model_fields:
                values[field_name] = json.loads(text) if field_name in _JSON_FIELDS else text
        return cls.model_validate(values)


_JSON_FIELDS = frozenset(
    {"request", "images_wanted", "price_microusd", "tokens", "not_before_ms", "start_by_ms", "finish_by_ms"}
    | {"retention_ms", "dead_retention_ms", "inputs", "metadata", "warnings", "seed", "needs"}
    | {"checks", "check_pictures", "rerolls"}
    | {"row", "content_refs", "soft", "enough", "wants", "when", "gate_ms", "call_budget"}
    | {"asked", "lost", "prepare", "finish", "images_per_call", "named_regions", "guardrail_gates"}
)
