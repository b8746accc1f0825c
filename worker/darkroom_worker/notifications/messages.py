"""What a webhook says: enough to know what happened and where to look. No prompt, no picture, no token stands in it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from darkroom_shared.contract.views import JobView, instant, job_view
from darkroom_shared.contract.workflow_views import workflow_view
from darkroom_shared.store import batches, reads
from darkroom_shared.store.reads import Record
from darkroom_shared.store.redis import AsyncLedger

MOST_OUTPUTS: Final = 50
MOST_TEXT: Final = 500
MOST_BYTES: Final = 20_000
_SHORT: Final = (
    "id",
    "state",
    "reason",
    "sequence",
    "task_type",
    "model",
    "tenant",
    "workflow",
    "step",
    "batch",
    "cost",
    "error",
    "path",
)
"""What is left of a message that would be too long."""
Data = dict[str, object]


async def body_of(ledger: AsyncLedger, delivery: Record) -> str:
    """The message as JSON, made of what the ledger knows now. Raises LedgerUnavailable."""
    kind, subject = delivery["type"], delivery["subject"]
    at = instant(delivery["created_ms"])
    data: Data = {"id": subject}
    if kind.startswith("job."):
        data |= _job(await ledger.run(reads.job(subject)))
    elif kind == "workflow.waiting":
        data |= _gate(await ledger.run(reads.job(subject)))
    elif kind.startswith("workflow."):
        data |= await _workflow(ledger, subject)
    elif kind.startswith("batch."):
        data |= _batch(await ledger.run(batches.batch(subject)))
    told = {"type": kind, "timestamp": at.isoformat() if at else None, "data": data}
    text = _written(told)
    if len(text.encode()) > MOST_BYTES:
        # What a caller wrote may be long; the path leads to all of it.
        short: Data = {name: data[name] for name in _SHORT if name in data}
        text = _written({**told, "data": {**short, "is_cut": True}})
    return text


def _written(told: Mapping[str, object]) -> str:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _job(fields: Record) -> Data:
    if not fields:
        return {"gone": True}
    view = job_view(fields)
    return {
        "state": view.state.value,
        "reason": view.reason,
        "sequence": view.sequence,
        "task_type": view.task_type,
        "model": view.model,
        "tenant": view.tenant,
        **({"workflow": view.workflow, "step": view.step} if view.workflow else {}),
        **({"batch": view.batch} if view.batch else {}),
        "metadata": dict(view.metadata),
        "outputs": _outputs(view),
        "rejected": len(view.rejected),
        "cost": {"actual_usd": view.cost.actual_usd, "uncertain_usd": view.cost.uncertain_usd},
        **({"error": {"code": view.error.code, "message": view.error.message[:MOST_TEXT]}} if view.error else {}),
        "path": f"/v1/jobs/{view.id}",
    }


def _outputs(view: JobView) -> list[Mapping[str, object]]:
    return [
        {
            "index": output.index,
            "role": output.role,
            "sha256": output.sha256,
            "media_type": output.media_type,
            "width": output.width,
            "height": output.height,
            "path": f"/v1/assets/{output.sha256}/content",
        }
        for output in view.outputs[:MOST_OUTPUTS]
    ]


def _gate(fields: Record) -> Data:
    if not fields:
        return {"gone": True}
    view = job_view(fields)
    workflow = view.workflow or ""
    return {"workflow": workflow, "step": view.step, "tenant": view.tenant, "path": f"/v1/workflows/{workflow}/gates"}


async def _workflow(ledger: AsyncLedger, workflow_id: str) -> Data:
    record = await ledger.run(reads.workflow(workflow_id))
    ids = [job_id for _, job_id in json.loads(record["steps"])] if record else []
    found = [fields for start in range(0, len(ids), reads.MOST_RECORDS) for fields in await _some(ledger, ids, start)]
    steps = [job_view(fields) for fields in found if fields]
    if not steps:
        return {"gone": True}
    view = workflow_view(record, steps)
    return {
        "state": view.state.value,
        "name": view.name,
        "tenant": steps[0].tenant,
        "steps": {step.step: step.state.value for step in steps[:MOST_OUTPUTS]},
        "cost": {"actual_usd": view.cost.actual_usd, "uncertain_usd": view.cost.uncertain_usd},
        "path": f"/v1/workflows/{workflow_id}",
    }


async def _some(ledger: AsyncLedger, ids: list[str], start: int) -> list[Record]:
    return await ledger.run(reads.records(ids[start : start + reads.MOST_RECORDS]))


def _batch(record: Record) -> Data:
    if not record:
        return {"gone": True}
    ended = {name.removeprefix("ended:"): int(count) for name, count in record.items() if name.startswith("ended:")}
    return {
        "state": record["state"],
        "reason": record.get("reason", ""),
        "name": record.get("name", ""),
        "tenant": record["tenant"],
        "total": int(record["total"]),
        "ended": ended,
        "path": f"/v1/batches/{record['id']}",
    }
