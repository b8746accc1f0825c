"""What a call needs while it is worked on, and the two steps that paid and free calls share: the gate, and storing the results."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from darkroom_shared import failpoints
from darkroom_shared.contract.job_record import JobRecord
from darkroom_shared.contract.views import EXCERPT_CHARS
from darkroom_shared.core.errors import LedgerUnavailable, StorageUnavailable
from darkroom_shared.core.guardrail import Guardrail
from darkroom_shared.core.quota import split_pool
from darkroom_shared.core.retry import History
from darkroom_shared.failpoints import Point
from darkroom_shared.images import measure
from darkroom_shared.models.answers import Document, TokenUsage
from darkroom_shared.models.custom import called_model
from darkroom_shared.models.model import Model
from darkroom_shared.settings import Settings
from darkroom_shared.storage.base import AsyncAssetStore
from darkroom_shared.store import ops
from darkroom_shared.store.operation import Operation
from darkroom_shared.store.redis import AsyncLedger
from darkroom_worker.bedrock.client import BedrockClient
from darkroom_worker.lease import LeaseKeeper
from darkroom_worker.requests import Outputs
from darkroom_worker.steps.runner import StepRunner

T = TypeVar("T")

INSIST_PAUSE_S = 1.0
PUT_AGAIN_PAUSE_S = 0.2
PUT_AGAIN_TRIES = 50
"""Ten seconds: removing one file takes far less."""


@dataclass(frozen=True, slots=True)
class Worker:
    """Everything a call needs; one of it in a process."""

    settings: Settings
    name: str
    ledger: AsyncLedger
    store: AsyncAssetStore
    bedrock: BedrockClient
    steps: StepRunner
    leases: LeaseKeeper

    @property
    def lease_ms(self) -> int:
        """How long a silent worker keeps a call, in milliseconds."""
        return int(self.settings.lease.total_seconds() * 1000)


@dataclass(frozen=True, slots=True)
class Made:
    """A picture or a document to be stored.

    Attributes:
        role: `image`, `original` (what an image was made of) or `mask`; of a document `text`, `json` or `embedding`.
        data: the file's bytes.
        index: its place among the call's results of that kind, from 0; a mask's is behind all of them.
        seed: what the answer says; None where it does not.
        document: what is stored, if it is no picture.
    """

    role: str
    data: bytes
    index: int
    seed: int | None = None
    document: Document | None = None


@dataclass(frozen=True, slots=True)
class Remarks:
    """What is recorded of an answer besides its results.

    Attributes:
        rejected: a row for each result that was kept back.
        reason: why results are missing; empty if none is.
        warnings: what a person should know, in sentences.
        refused: whether the results are kept and count for nothing, for `reason`.
        usage: the tokens that the model counted.
        answer: the answer in JSON, as text, where it is short enough for conditions to look into.
        failed: a row for each picture that did not pass its checks.
    """

    rejected: Sequence[dict[str, object]] = ()
    reason: str = ""
    warnings: Sequence[str] = ()
    refused: bool = False
    usage: TokenUsage | None = None
    answer: str | None = None
    failed: Sequence[dict[str, object]] = ()


NO_REMARKS: Final = Remarks()


@dataclass(frozen=True, slots=True)
class Held:
    """A call under its lease."""

    id: str
    fence: int
    job_id: str
    record: JobRecord
    fields: Mapping[str, str]
    inputs: Outputs
    unwanted: bool = False
    """The job was canceled, and the pictures of a paid call are not wanted."""
    retired: bool = False
    """The model that it would go to is marked as retired."""
    guardrail: Guardrail | None = None
    """What its calls are held against: the job's own, else the tenant's, else the worker's."""
    keeps: int = 0
    """How many pictures of a stored answer are this call's, if it was asked for more before its job was put on another way."""
    notes: tuple[str, ...] = ()
    """What was done to its pictures before they were sent, in sentences."""
    siblings: tuple[str, ...] = ()
    """SHA-256 of the pictures that its job had when it was claimed."""

    @property
    def number(self) -> int:
        """Which of its job's calls it is, counted from 0."""
        return int(self.id.rpartition(".")[2])

    @property
    def images_wanted(self) -> int:
        """How many pictures this attempt is asked for."""
        return len(self.todo) or self._of_call

    @property
    def _of_call(self) -> int:
        return self.record.images_per_call or self.record.images_wanted

    @property
    def todo(self) -> tuple[int, ...]:
        """The places, among all pictures of the job, of those that are to be made again; empty the first time."""
        return tuple(json.loads(self.fields.get("todo", "[]")))

    @property
    def rerolls(self) -> int:
        """How often pictures of this call were made again, this time included."""
        return int(self.fields.get("rerolls", "0"))

    def index_of(self, place: int) -> int:
        """Where a picture of the answer stands among those of the job; masks stand behind all of the call."""
        return self.todo[place] if place < len(self.todo) else self.number * self._of_call + place

    def price_microusd(self, images: int) -> int | None:
        """What an attempt for so many pictures costs, in millionths of a dollar; None if not known."""
        whole = self.record.price_microusd
        return None if whole is None else -(-whole * images // self._of_call)

    @property
    def destination(self) -> tuple[str, str]:
        """Region and model id of the pool that the call was let go to."""
        pool = self.fields.get("pool", "")
        # Jobs of the first version had no routes, and other names of pools.
        return split_pool(pool) if pool and self.record.routes else (self.record.region, self.record.model)

    @property
    def model(self) -> Model:
        """The model of that pool, by whose rules the call is made."""
        return called_model(self.destination[1], self.record.base_model)

    @property
    def history(self) -> History:
        """What the call had been through when it was claimed."""
        return History(int(self.fields["attempts"]), int(self.fields["unknowns"]), int(self.fields["snoozes"]))


async def open_gate(worker: Worker, held: Held) -> tuple[str, int]:
    """The ledger's last word before a paid call; also opens the attempt of a free local step."""
    settings, record = worker.settings, held.record
    region, model = held.destination
    return await insist(
        worker,
        ops.gate(
            held.id,
            held.fence,
            # Not longer than the read time-out: the heartbeat renews it, and a crash must not leave the call waiting for minutes.
            lease_ms=worker.lease_ms,
            call_budget=record.call_budget or settings.call_budget,
            price_microusd=held.price_microusd(held.images_wanted),
            spend_per_day=settings.spend_per_day_microusd,
            attempt={"worker": worker.name, "region": region, "model": model, "guardrail": str(held.guardrail or "")},
        ),
    )


async def insist(worker: Worker, operation: Operation[T]) -> T:
    """Runs one of a call's operations; while the ledger is away it asks again, for as long as the lease may last.

    Giving up early would let the reconciler take a call that was answered, or never sent, for one whose outcome nobody knows, and
    pay again. The scripts it is used for may be repeated.

    Raises:
        LedgerUnavailable: it stayed away.
    """
    clock = asyncio.get_running_loop().time
    until = clock() + worker.settings.lease.total_seconds()
    while True:
        try:
            return await worker.ledger.run(operation)
        except LedgerUnavailable:
            if clock() >= until:
                raise
            await asyncio.sleep(INSIST_PAUSE_S)


async def store_results(worker: Worker, held: Held, results: Sequence[Made]) -> list[dict[str, object]]:
    """Stores pictures and documents byte for byte and describes them for the ledger.

    Args:
        results: in the order of the outputs.

    Raises:
        ImageRefused: the bytes are no picture.
        StorageUnavailable: try again later; nothing is lost, the receipt is kept.
    """
    rows: list[dict[str, object]] = []
    for made in results:
        told, media_type = _described(made)
        asset = await worker.store.put(made.data, media_type)
        row: dict[str, object] = {"index": held.index_of(made.index), "sha256": asset.sha256, "role": made.role}
        rows.append({**row, **told, "media_type": asset.media_type, "size_bytes": asset.size_bytes})
    return rows


def _described(made: Made) -> tuple[dict[str, object], str]:
    """What a row tells of a picture or of a document alone, and the media type. Raises ImageRefused."""
    document = made.document
    if document is None:
        size = measure(made.data)
        told: dict[str, object] = {"width": size.width, "height": size.height, "seed": made.seed}
        return told, f"image/{size.format.lower()}"
    # The numbers of a vector tell a person nothing.
    return {} if document.role == "embedding" else {"excerpt": document.text[:EXCERPT_CHARS]}, document.media_type


async def commit_results(
    worker: Worker,
    held: Held,
    results: Sequence[Made],
    remarks: Remarks = NO_REMARKS,
    *,
    end_attempt: Mapping[str, object] | None = None,
) -> tuple[bool, str]:
    """Stores pictures and documents and records them as the call's result.

    Returns:
        Whether the result was taken (False: the lease is lost), and the job's state.

    Raises:
        ImageRefused, StorageUnavailable: see `store_results`.
    """
    stored_ms: int | None = None
    for _ in range(PUT_AGAIN_TRIES):
        outputs = await store_results(worker, held, results)
        failpoints.reach(Point.PICTURES_STORED)
        what = ops.commit(
            held.id,
            held.fence,
            outputs=outputs,
            rejected=remarks.rejected,
            reason=remarks.reason or None,
            end_attempt=end_attempt,
            stored_ms=stored_ms,
            usage=None if remarks.usage is None else remarks.usage.as_json(),
            warnings=remarks.warnings,
            refused=remarks.refused,
            answer=remarks.answer,
            failed=remarks.failed,
            again_microusd=held.price_microusd(len(remarks.failed)),
        )
        commit = await insist(worker, what)
        if commit.verdict is not ops.Committed.PUT_AGAIN:
            return commit.verdict is ops.Committed.DONE, commit.state
        stored_ms = commit.at_ms
        await asyncio.sleep(PUT_AGAIN_PAUSE_S)
    raise StorageUnavailable("Equal results of another job are being removed for very long; trying again later.")
