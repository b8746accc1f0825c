"""Writes the story of a finished job beside its results: request, result, every attempt, cost, timings."""

from __future__ import annotations

from darkroom_shared.contract.views import CallView, JobView, call_view, job_view
from darkroom_shared.core.lifecycle import CallState
from darkroom_shared.storage.base import AsyncAssetStore, StoryOutput
from darkroom_shared.storage.names import extension
from darkroom_shared.store import reads, upkeep
from darkroom_shared.store.redis import AsyncLedger


async def read_job(ledger: AsyncLedger, job_id: str) -> JobView | None:
    """A job with all its calls and attempts, or None if its records are gone."""
    fields = await ledger.run(reads.job(job_id))
    if not fields:
        return None
    calls: list[CallView] = []
    for index in range(int(fields["calls"])):
        call_id = f"{job_id}.{index}"
        calls.append(call_view(await ledger.run(reads.call(call_id)), await ledger.run(reads.attempts(call_id))))
    return job_view(fields, calls)


async def tell(ledger: AsyncLedger, store: AsyncAssetStore, job_id: str, *, tidy: bool = False) -> None:
    """Writes `job.json` and the outputs beside it, then notes that it is done.

    With `tidy` it first removes the receipts of calls that are done: a worker that died after the commit has left its own.

    Does nothing for a job that goes on; repeating it is harmless.

    Raises:
        StorageUnavailable, AssetMissing, LedgerUnavailable: the reconciler will try again.
    """
    job = await read_job(ledger, job_id)
    if job is not None and not job.is_terminal:
        return
    if job is not None and tidy:
        for receipt in _spent_receipts(job):
            await store.delete_receipt(receipt)
    if job is not None:
        names = [StoryOutput(f"{out.stem}.{extension(out.media_type)}", out.sha256) for out in job.outputs]
        await store.write_story(job_id, job.model_dump_json(indent=2).encode(), names)
    await ledger.run(upkeep.told(job_id))


def _spent_receipts(job: JobView) -> list[str]:
    done = [call for call in job.calls if call.state is CallState.DONE]
    return [f"{call.id}:{attempt.fence}" for call in done for attempt in call.attempts if not attempt.snoozed]
