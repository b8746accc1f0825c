"""Case 43: ten thousand rows. The process that submits them dies in the middle, and so does the worker that feeds and runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from darkroom import BatchHandle, Darkroom
from tests.support.stack import Stack

ROWS = 10_000
SUBMITTER_MB = 300
SLOTS = "128"
"""Calls take milliseconds here, and a worker that was full asks the broker again after up to a second."""
SUBMIT = """
import json, resource, sys
from darkroom import Darkroom
with Darkroom() as room:
    batch = room.batch(sys.argv[1], model="amazon.nova-canvas-v1:0", parallel=300, idempotency_key="big", budget_usd=1000)
peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"id": batch.id, "peak_mb": peak_kb / 1024, "replayed": batch.replayed}))
"""

pytestmark = pytest.mark.filterwarnings("ignore::darkroom.ModelRetiredWarning")


def rows(folder: Path, first: int) -> Path:
    """A file of requests with seeds from `first` on."""
    file = folder / "rows.jsonl"
    with file.open("w", encoding="utf-8") as out:
        for number in range(ROWS):
            config = {"width": 320, "height": 320, "seed": first + number}
            body = {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": f"jar {number}"}, "imageGenerationConfig": config}
            out.write(json.dumps({"custom_id": f"n{number}", **body}) + "\n")
    return file


def submitter(stack: Stack, file: Path) -> subprocess.Popen[str]:
    told = {"DARKROOM_REDIS_URL": stack.redis_url, "DARKROOM_KEY_PREFIX": stack.prefix, "DARKROOM_HOME": str(stack.folder)}
    told |= {"DARKROOM_BEDROCK_URL": stack.endpoint.url, "DARKROOM_QUOTAS": "off"}
    command = [sys.executable, "-W", "ignore", "-c", SUBMIT, str(file)]
    return subprocess.Popen(command, env={**os.environ, **told}, stdout=subprocess.PIPE, text=True)


@pytest.mark.long(seconds=180)
@pytest.mark.timeout(600)
def test_ten_thousand_rows_outlive_their_submitter_and_their_worker(
    stack: Stack, measured: Callable[[str, str], None], tmp_path: Path
) -> None:
    first = 60_000_000
    file = rows(tmp_path, first)
    with submitter(stack, file) as doomed:
        stack.until(lambda: list(stack.folder.rglob("*.bin")), "rows are being written down", 60)
        doomed.kill()
    with submitter(stack, file) as second:
        told = json.loads(second.communicate(timeout=120)[0])
    assert told["peak_mb"] < SUBMITTER_MB
    with Darkroom(settings=stack.settings.model_copy(update={"bedrock_url": stack.endpoint.url})) as room:
        batch: BatchHandle = room.find_batch(told["id"])
        with stack.worker(DARKROOM_SLOTS=SLOTS) as worker:
            stack.until(lambda: batch.status().done > ROWS // 4, "a quarter of the rows has ended", 120)
            worker.kill()
        in_flight = batch.status().open
        with stack.worker(DARKROOM_SLOTS=SLOTS):
            view = batch.wait(300)
        with submitter(stack, file) as third:
            again = json.loads(third.communicate(timeout=120)[0])
        names = [row.custom_id for row in batch.results()]
    assert (again["id"], again["replayed"]) == (told["id"], True)
    assert (view.state, view.outcome, view.succeeded) == ("finished", "all_succeeded", ROWS)
    assert names == [f"n{number}" for number in range(ROWS)]
    calls = Counter(entry["seed"] for entry in stack.endpoint.log() if first <= (entry.get("seed") or 0) < first + ROWS)
    twice = [seed for seed, count in calls.items() if count > 1]
    assert len(calls) == ROWS
    assert max(calls.values()) <= 2
    assert len(twice) <= int(SLOTS), "only what the killed worker had under way, whose outcome nobody knows"
    seconds = (view.finished - view.created).total_seconds() if view.finished else 0
    told_of = f"{told['peak_mb']:.0f} MB to submit, {in_flight} open at the kill, {len(twice)} called twice"
    measured("case 43", f"{ROWS} rows in {seconds:.0f} s, {told_of}")
