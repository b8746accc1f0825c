"""The feeder of batches: rows that cannot be read keep no other batch from running."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any, cast

from darkroom_shared.settings import Settings
from darkroom_shared.storage import open_async_store
from darkroom_shared.store import batches, presence
from darkroom_shared.store.redis import AsyncLedger
from darkroom_worker.batches import Feeder
from tests.conformance.ledger.driver import new_job_id
from tests.support.stack import Stack
from tests.support.valkey import redis_url, valkey_server

__all__ = ["redis_url", "valkey_server"]


def test_rows_that_are_gone_keep_no_other_batch_waiting(redis_url: str, tmp_path: Path) -> None:
    asyncio.run(_fed(Settings(redis_url=redis_url, key_prefix="feeding:", home=tmp_path)))


async def _fed(settings: Settings) -> None:
    ledger, store = AsyncLedger(settings.redis_url, settings.key_prefix), open_async_store(settings.store_url)
    feeder = Feeder(ledger, store, cast("Any", None))
    try:
        await ledger.run(presence.register("w", 60_000, {"slots": "10"}, []))
        for batch, chunk in (("bt_gone", "0" * 64), ("bt_good", (await store.put(_row("bt_good"), "application/jsonl")).sha256)):
            told = {"tenant": "t", "total": "1", "parallel": "1", "retention_ms": "600000"}
            await ledger.run(batches.open_batch(batch, told))
            await ledger.run(batches.add_rows(batch, chunk, 1, []))
            await ledger.run(batches.start(batch))
        assert await feeder.feed() == 1
        assert (await ledger.run(batches.batch("bt_good")))["fed"] == "1"
        assert (await ledger.run(batches.batch("bt_gone")))["stuck_row"] == "1"
    finally:
        await store.close()
        await ledger.close()


def _row(batch: str) -> bytes:
    record = Stack.record(cast("Any", None), {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a jar"}}, batch=batch, row=1)
    job = {"id": new_job_id(), "fields": record.as_fields(), "calls": 1, "needs": [], "dependants": []}
    return json.dumps({"custom_id": "a", "line": 1, "jobs": [job], "pools": []}).encode()
