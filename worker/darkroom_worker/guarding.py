"""Asks a call's guardrail about texts and pictures beside the call itself: before it is paid, and before its results are stored.

It fails closed. A guardrail that cannot be asked puts the call off, for as long as that lasts, and uses up no attempt; one that
does not exist ends it. Nothing is let through unseen.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, cast

from darkroom_shared.core.failure import Failure, FailureKind
from darkroom_shared.core.guardrail import INTERVENED, Gate, Guardrail, parse_guardrail, reason_of
from darkroom_shared.store import ops, upkeep
from darkroom_worker.bedrock.answers import Contents
from darkroom_worker.bedrock.client import Verdict
from darkroom_worker.bedrock.guardrail_pictures import checkable
from darkroom_worker.outcomes import LEASE_LOST, settle
from darkroom_worker.requests import sent_pictures
from darkroom_worker.work import Held, Worker, insist

if TYPE_CHECKING:
    from types_aiobotocore_bedrock_runtime.type_defs import GuardrailContentBlockTypeDef

MOST_PICTURES: Final = 20
"""Pictures that one request may hold, AWS says."""
MOST_BYTES: Final = 12_000_000
"""Bytes of pictures in one request: their base64 stays below what the service model allows a body, 25,000,000."""
THROTTLED: Final = "guardrail_throttled"
UNAVAILABLE: Final = "guardrail_unavailable"
_MISSING: Final = Failure(
    FailureKind.PERMANENT,
    "guardrail_missing",
    "The job names gates of a guardrail, and neither the job, its tenant nor the worker's settings name a guardrail.",
)
PAUSE_S: Final = 4.0
"""A call whose guardrail cannot be asked waits this long, and up to half as long again by chance."""


@dataclass(slots=True)
class _Use:
    """What was asked, as AWS counts it."""

    requests: int = 0
    image_units: int = 0
    text_units: int = 0

    def add(self, verdict: Verdict) -> None:
        """Counts one more request."""
        self.requests += 1
        self.image_units += verdict.image_units
        self.text_units += verdict.text_units

    def as_json(self) -> dict[str, int]:
        """The form that the ledger stores."""
        return {"requests": self.requests, "image_units": self.image_units, "text_units": self.text_units}


@dataclass(frozen=True, slots=True)
class Seen:
    """Results after their gate.

    Attributes:
        refused: why a picture or a document is kept back, by its place among those that came.
    """

    refused: Mapping[int, str] = field(default_factory=dict[int, str])


def guardrail_of(worker: Worker, job: str, tenant: str) -> Guardrail | None:
    """The job's own guardrail, else the tenant's, else the worker's; None if nobody names one."""
    named = job or tenant or worker.settings.guardrail
    return parse_guardrail(named) if named else None


def gates_of(worker: Worker, held: Held) -> frozenset[Gate]:
    """What the guardrail is asked about: what the job says, and for every call that has a guardrail what the settings say."""
    usual = worker.settings.guardrail_gates if held.guardrail else ()
    return frozenset((*held.record.guardrail_gates, *usual))


async def asked_before(worker: Worker, held: Held, request: Mapping[str, object], made: Mapping[str, bytes]) -> str | None:
    """The gates `prompt` and `input`, before anything is paid.

    Args:
        request: with the seed of the call; its pictures as references.
        made: pictures that are not sent as they are stored, by JSON pointer.

    Returns:
        None if the call may be made; else it is settled or put off, and this is a word for the log.

    Raises:
        AssetMissing, StorageUnavailable, ImageRefused.
    """
    gates = gates_of(worker, held)
    if not gates:
        return None
    if held.guardrail is None:
        return await settle(worker, held, _MISSING)
    texts = list(texts_of(request)) if "prompt" in gates else []
    pictures = await sent_pictures(request, held.inputs, worker.store, made) if "input" in gates else []
    contents = [await asyncio.to_thread(checkable, picture) for picture in pictures]
    use = _Use()
    outcome = await _ask(worker, held, "INPUT", _batches(texts, contents), use)
    await _count(worker, held, "before", use)
    if isinstance(outcome, Failure):
        return await _away(worker, held, outcome, billed=False)
    if outcome is None:
        return None
    return await settle(worker, held, Failure(FailureKind.FILTERED, INTERVENED, reason_of("the request", outcome), billed=False))


async def asked_after(worker: Worker, held: Held, contents: Contents) -> Seen | str:
    """The gate `output`: each picture or text is asked about by itself, so that one of several can be kept back.

    Vectors pass: there is nothing in them that a guardrail could read.

    Returns:
        What it refused; or a word for the log, if the guardrail could not be asked: the call is put off then, and its stored answer
        stays to be adopted.

    Raises:
        ImageRefused.
    """
    if "output" not in gates_of(worker, held):
        return Seen()
    if held.guardrail is None:  # it was taken away since the call
        return await settle(worker, held, replace(_MISSING, billed=True))
    use, refused = _Use(), dict[int, str]()
    outcome: list[object] | Failure | None = None
    for place, (what, content) in enumerate([block async for block in _blocks(contents)]):
        outcome = None if content is None else await _ask(worker, held, "OUTPUT", [[content]], use)
        if isinstance(outcome, Failure):
            break
        if outcome is not None:
            refused[place] = reason_of(what, outcome)
    await _count(worker, held, "after", use)
    return await _away(worker, held, outcome, billed=True) if isinstance(outcome, Failure) else Seen(refused)


async def _blocks(contents: Contents) -> AsyncIterator[tuple[str, GuardrailContentBlockTypeDef | None]]:
    """Each result in a guardrail's form, and what to call it; None for one that holds nothing to look at."""
    for picture in contents.images:
        yield "the picture", await asyncio.to_thread(checkable, picture)
    for document in contents.documents:
        yield "the answer", None if document.role == "embedding" else {"text": {"text": document.text}}


def texts_of(value: object, *, named: bool = False) -> Iterator[str]:
    """The texts that say what is to be drawn, where, or embedded, by the names of their fields, which hold `text` or `prompt`.

    Negative ones are left out, those of a negative weight as well: they name what is not to be seen.

    Args:
        named: whether the value stands in such a field: a list of texts, or an object whose `value` is one.
    """
    if isinstance(value, str):
        if named and value.strip():
            yield value
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from texts_of(item, named=named)
    elif isinstance(value, dict):
        members = cast("dict[str, object]", value)
        weight = members.get("weight")
        for name, member in members.items() if not isinstance(weight, int | float) or weight >= 0 else ():
            told = re.search("text|prompt", name.casefold()) or (named and name == "value")
            yield from texts_of(member, named=bool(told) and not name.casefold().startswith("negative"))


def _batches(
    texts: Iterable[str], pictures: Sequence[GuardrailContentBlockTypeDef]
) -> Iterator[Sequence[GuardrailContentBlockTypeDef]]:
    """The contents of the requests: all texts with the first pictures, the others behind them."""
    batch: list[GuardrailContentBlockTypeDef] = [{"text": {"text": text}} for text in texts]
    count = size = 0
    for picture in pictures:
        length = _length(picture)
        if count and (count == MOST_PICTURES or size + length > MOST_BYTES):
            yield batch
            batch, count, size = [], 0, 0
        batch.append(picture)
        count, size = count + 1, size + length
    if batch:
        yield batch


def _length(picture: GuardrailContentBlockTypeDef) -> int:
    data = picture.get("image", {}).get("source", {}).get("bytes", b"")
    return len(data) if isinstance(data, bytes) else 0


async def _ask(
    worker: Worker,
    held: Held,
    source: Literal["INPUT", "OUTPUT"],
    batches: Iterable[Sequence[GuardrailContentBlockTypeDef]],
    use: _Use,
) -> list[object] | Failure | None:
    """The assessments of the first request in which the guardrail stepped in; None if it lets everything pass."""
    assert held.guardrail is not None
    for batch in batches:
        verdict = await worker.bedrock.apply_guardrail(held.destination[0], held.guardrail, source, batch)
        if isinstance(verdict, Failure):
            return verdict
        use.add(verdict)
        if verdict.intervened:
            return [verdict.assessments]
    return None


async def _count(worker: Worker, held: Held, gate: Literal["before", "after"], use: _Use) -> None:
    if use.requests:
        await insist(worker, upkeep.guarded(held.id, held.fence, gate, use.as_json()))


async def _away(worker: Worker, held: Held, failure: Failure, *, billed: bool) -> str:
    """The guardrail gave no verdict. A call to the model was not refused by this, so its pool hears nothing of it."""
    told = replace(failure, billed=billed, http_status=None, message=f"Asking the guardrail: {failure.message}")
    if failure.kind in (FailureKind.PERMANENT, FailureKind.FILTERED):
        code = failure.code if failure.code.startswith("guardrail_") else "guardrail_refused_to_look"
        return await settle(worker, held, replace(told, kind=FailureKind.PERMANENT, code=code))
    told = replace(told, kind=FailureKind.RETRY, code=THROTTLED if failure.kind is FailureKind.THROTTLED else UNAVAILABLE)
    delay_ms = round(PAUSE_S * (1 + random.random() / 2) * 1000)
    kept = await insist(worker, ops.snooze(held.id, held.fence, delay_ms=delay_ms, reason=told.code, failure=told, counts=False))
    return "snoozed" if kept else LEASE_LOST
