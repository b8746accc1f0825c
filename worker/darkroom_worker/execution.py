"""One call, from its message to its stored result: a visible pipeline in which the ledger decides and this module performs.

    claim -> prepare -> guardrail -> gate -> call -> receipt -> decode -> guardrail -> checks -> store -> commit -> story

Nothing here retries, sleeps or keeps state: a failed attempt becomes a Failure, `core.retry.decide` says what that means, and the
ledger records it. A worker that has lost its lease is told so by the gate or by the write itself, and leaves quietly.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import replace

import structlog

from darkroom_shared import failpoints
from darkroom_shared.contract.job_record import JobRecord
from darkroom_shared.contract.messages import CallMessage
from darkroom_shared.core.conditions import LONGEST_ANSWER
from darkroom_shared.core.errors import DarkroomError, RequestRejected, StorageUnavailable
from darkroom_shared.core.failure import Failure, FailureKind
from darkroom_shared.core.guardrail import INTERVENED
from darkroom_shared.core.lifecycle import CHECK_NOT_PASSED
from darkroom_shared.failpoints import Point
from darkroom_shared.models.catalogue import seed_of
from darkroom_shared.models.converse_answers import verdict_of
from darkroom_shared.store import ops
from darkroom_shared.task_types import is_check
from darkroom_worker.adaptation import finished, prepared, small_enough
from darkroom_worker.bedrock.answers import Contents, read_answer
from darkroom_worker.bedrock.client import Answer, Body
from darkroom_worker.guarding import asked_after, asked_before, guardrail_of
from darkroom_worker.local_step import run_local_step
from darkroom_worker.outcomes import LEASE_LOST, settle, tell_if_over
from darkroom_worker.requests import build_body
from darkroom_worker.rerolls import asked_for, passing, pictures_of
from darkroom_worker.rerouting import as_answered, failed, put_on_another_way
from darkroom_worker.work import NO_REMARKS, Held, Made, Remarks, Worker, commit_results, insist, open_gate

_log: structlog.stdlib.BoundLogger = structlog.get_logger("darkroom.execution")

STORAGE_RETRY_S = 5


async def execute(worker: Worker, message: CallMessage) -> str:
    """Runs the call that a message names.

    Returns:
        What became of it, for the log: the claim's or the gate's refusal, or the state the call was left in.

    Raises:
        LedgerUnavailable: the ledger went away in between; the lease runs out and the reconciler takes over.
    """
    claim = await insist(worker, ops.claim(message.call_id, message.fence, worker.name, worker.lease_ms, secrets.token_hex(8)))
    if claim.verdict not in (ops.ClaimVerdict.CLAIMED, ops.ClaimVerdict.ADOPTED):
        return claim.verdict.value
    adopted = claim.verdict is ops.ClaimVerdict.ADOPTED
    record = JobRecord.from_fields(as_answered(claim.job, claim.call) if adopted else claim.job)
    unwanted = "cancel_discard" in claim.job
    keeps = JobRecord.from_fields(claim.job).images_per_call if adopted else 0
    guardrail = guardrail_of(worker, record.guardrail, claim.guardrail)
    held = Held(
        message.call_id,
        message.fence,
        claim.job["id"],
        record,
        claim.call,
        claim.inputs,
        unwanted=unwanted,
        retired=claim.retired,
        guardrail=guardrail,
        keeps=keeps,
        siblings=pictures_of(claim.job),
    )
    with worker.leases.hold(held.id, held.fence), structlog.contextvars.bound_contextvars(call=held.id, fence=held.fence):
        outcome = await _run(worker, held, claim.call.get("receipt"))
        _log.info("call_ended", outcome=outcome, task_type=record.task_type, model=record.model)
        return outcome


async def _run(worker: Worker, held: Held, receipt: str | None) -> str:
    try:
        return await _work(worker, held, receipt)
    except StorageUnavailable as error:
        failure = Failure(FailureKind.RETRY, error.code, str(error))
        snoozed = await worker.ledger.run(
            ops.snooze(held.id, held.fence, delay_ms=STORAGE_RETRY_S * 1000, reason=error.code, failure=failure, counts=False)
        )
        return "snoozed" if snoozed else LEASE_LOST
    except RequestRejected as error:
        # What is wrong before the call ends it there; a picture that is refused here came back, and is paid.
        failure = Failure(FailureKind.PERMANENT, error.code, str(error), held.record.kind == "bedrock")
    except DarkroomError:
        raise
    except MemoryError:
        # It would take the whole process down (Celery's doing). To the ledger it is as if it had: the lease runs out, a stored
        # answer is adopted, and a call that does this to every worker is set aside.
        _log.exception("out_of_memory")
        return "out_of_memory"
    except Exception as error:
        # A bug must not keep the call for ever.
        _log.exception("unexpected")
        # If an attempt is open, nobody can tell whether it was billed; a free step never is.
        billed = False if held.record.kind == "local" else None
        failure = Failure(FailureKind.PERMANENT, "internal_error", f"{type(error).__name__} in the worker.", billed)
    return await settle(worker, held, failure)


async def _work(worker: Worker, held: Held, receipt: str | None) -> str:
    failpoints.reach(Point.CLAIM_TAKEN)
    if receipt is not None:
        return await _adopt(worker, held, receipt)
    if held.record.kind == "local":
        return await run_local_step(worker, held)
    region, model_id = held.destination
    if not (worker.settings.may_go_to(region) and worker.settings.may_run(model_id)):
        # Whoever submitted it has other settings than this worker.
        text = f"The worker's DARKROOM_RESIDENCY lets no call go to {model_id} in {region}; nothing was sent."
        return await settle(worker, held, Failure(FailureKind.PERMANENT, "outside_residency", text))
    if held.retired and held.record.substitute != "never":
        outcome = await put_on_another_way(worker, held, None)
        if isinstance(outcome, str):
            return outcome
        # No other way is left: the mark may be wrong, and a call that is refused costs nothing.
    return await _call(worker, held)


async def _call(worker: Worker, held: Held) -> str:
    request = asked_for(held)
    try:
        made = await prepared(worker, held)
        made, notes = await small_enough(worker, held, request, made)
        refused = await asked_before(worker, held, request, made)
        if refused is not None:
            return refused
        body = await build_body(held.model, request, held.inputs, worker.store, made)
    except RequestRejected as error:
        return await settle(worker, held, Failure(FailureKind.PERMANENT, error.code, str(error), billed=False))
    await worker.bedrock.warm(held.destination[0])  # a worker that dies over it has called nobody: not behind the gate
    asked_s = time.monotonic()
    verdict, attempt = await open_gate(worker, held)
    if verdict != "go":
        await tell_if_over(worker, held)
        return verdict
    answer = await _invoke(worker, held, body, asked_s)
    del body
    if isinstance(answer, Failure):
        return await failed(worker, held, answer, attempt)
    return await _answered(worker, replace(held, notes=notes), answer, attempt)


async def _answered(worker: Worker, held: Held, answer: Answer, attempt: int) -> str:
    """Puts the paid answer where no crash can lose it, then reads it."""
    name = f"{held.id}:{held.fence}"
    try:
        await _keep(worker, name, answer.body)
    except StorageUnavailable as error:
        # Paid, and for minutes no place for the answer: it counts as spent, and the call budget bounds how often this may happen.
        failure = Failure(FailureKind.RETRY, error.code, str(error), True, None, answer.request_id, 200)
        return await settle(worker, held, failure, attempt)
    failpoints.reach(Point.RECEIPT_STORED)
    noted = await insist(worker, ops.receipt(held.id, held.fence, name, answer.request_id, worker.lease_ms))
    if noted is ops.Noted.LOST:
        await worker.store.delete_receipt(name)
        return LEASE_LOST
    if noted is ops.Noted.RECOVERED:
        return noted.value  # late, but in time: the next claimant adopts it
    return await _deliver(worker, replace(held, unwanted=noted is ops.Noted.DISCARD), name, answer, attempt)


async def _invoke(worker: Worker, held: Held, body: Body, gate_asked_s: float) -> Answer | Failure:
    """The paid request, exactly one; `gate_asked_s` is when the gate was asked, on the monotonic clock."""
    failpoints.reach(Point.GATE_OPENED)
    if time.monotonic() - gate_asked_s > worker.settings.lease.total_seconds():
        # Frozen since (a paused machine, a stopped process): by now the call may be another worker's.
        return Failure(FailureKind.UNREACHED, "worker_frozen", "The worker stood still before it called; nothing was sent.")
    region, model = held.destination
    answer = await worker.bedrock.ask(model, region, body, held.guardrail)
    failpoints.reach(Point.CALL_ANSWERED)
    return answer


async def _keep(worker: Worker, name: str, body: bytes) -> None:
    """Stores a paid answer; while the store cannot be written the answer waits in memory, under its lease, and so does its slot."""
    clock = asyncio.get_running_loop().time
    until = clock() + worker.settings.read_timeout.total_seconds()
    while True:
        try:
            return await worker.store.put_receipt(name, body)
        except StorageUnavailable as error:
            if clock() >= until:
                raise
            _log.warning("answer_waits_for_the_store", error=str(error))
            await asyncio.sleep(STORAGE_RETRY_S)


async def _adopt(worker: Worker, held: Held, receipt: str) -> str:
    body = await worker.store.get_receipt(receipt)
    if body is None:
        failure = Failure(FailureKind.PERMANENT, "receipt_lost", "The stored answer is gone from the asset store.", billed=True)
        return await settle(worker, held, failure)
    return await _deliver(worker, held, receipt, Answer(body, None), held.history.attempts)


async def _deliver(worker: Worker, held: Held, receipt: str, answer: Answer, attempt: int) -> str:
    failpoints.reach(Point.RECEIPT_NOTED)
    if held.unwanted:
        return await _finish(worker, held, receipt, [], NO_REMARKS)
    contents = read_answer(held.model, answer.body, held.images_wanted, held.record.request, answer.request_id)
    if isinstance(contents, Failure):
        # The answer itself is the failure: whatever comes next, it is not read a second time.
        outcome = await settle(worker, held, contents, attempt, call_again=True)
        if outcome == "snoozed":
            await worker.store.delete_receipt(receipt)
        return outcome
    if held.keeps and held.keeps < held.images_wanted and not held.todo:
        seeds = contents.seeds[: held.keeps]
        contents = replace(contents, images=contents.images[: held.keeps], seeds=seeds, missing=held.keeps - len(seeds))
    seen = await asked_after(worker, held, contents)
    if isinstance(seen, str):
        return seen
    came = contents.came
    rejected = [_kept_back(held, n, INTERVENED, why, billed=True) for n, why in seen.refused.items()]
    missing = range(came, came + contents.missing)
    rejected += [_kept_back(held, n, "content_filtered_output", contents.reason, billed=None) for n in missing]
    places = [place for place in range(came) if place not in seen.refused]
    made, failed, notes = await passing(worker, held, await _made(worker, held, contents, places))
    remarks = _remarks(held, contents, rejected)
    remarks = replace(remarks, failed=failed, warnings=(*remarks.warnings, *notes))
    return await _finish(worker, held, receipt, made, remarks)


def _remarks(held: Held, contents: Contents, rejected: list[dict[str, object]]) -> Remarks:
    """What is recorded beside the results. A check of a chain that does not pass is a result that lets nothing go on."""
    warnings = (*contents.warnings, *held.notes)
    passes = (
        not (held.record.workflow and contents.documents and is_check(held.record.request)) or verdict_of(contents.documents[0])[0]
    )
    reason = "content_filter" if rejected else "" if passes else CHECK_NOT_PASSED
    first = contents.documents[0] if contents.documents else None
    answer = first.text if first is not None and first.role == "json" and len(first.data) <= LONGEST_ANSWER else None
    return Remarks(rejected, reason, warnings, refused=not passes, usage=contents.usage, answer=answer)


def _kept_back(held: Held, place: int, code: str, why: str, *, billed: bool | None) -> dict[str, object]:
    return {"index": held.index_of(place), "code": code, "message": why, "billed": billed}


async def _made(worker: Worker, held: Held, contents: Contents, places: Sequence[int]) -> list[Made]:
    """The documents; or the pictures as they were asked for, each beside the original where free steps changed it, and the mask.

    Args:
        places: those to keep.
    """
    if contents.documents:
        documents = [(place, contents.documents[place]) for place in places]
        return [Made(document.role, document.data, place, document=document) for place, document in documents]
    kept = [contents.images[place] for place in places]
    pairs = list(zip(places, kept, await finished(worker, held, kept), strict=True))
    # Where the answer does not tell the seed, it is the one that was sent.
    sent = seed_of(held.model, asked_for(held))
    seeds = [sent if seed is None else seed for seed in contents.seeds]
    found = [Made("image", after, place, seeds[place]) for place, _, after in pairs]
    found += [Made("original", before, place, seeds[place]) for place, before, after in pairs if before is not after]
    return found + ([Made("mask", contents.mask, len(contents.images), sent)] if contents.mask else [])


async def _finish(worker: Worker, held: Held, receipt: str, results: list[Made], remarks: Remarks) -> str:
    committed, state = await commit_results(worker, held, results, remarks)
    if not committed:
        return LEASE_LOST  # and the receipt stays: whoever holds the lease now may be about to adopt it
    failpoints.reach(Point.COMMIT_DONE)
    try:
        await worker.store.delete_receipt(receipt)
    except StorageUnavailable as error:
        _log.warning("receipt_stays", error=str(error))  # until its job's records go
    await tell_if_over(worker, held)
    return state
