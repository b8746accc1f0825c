"""Batches with a real worker and endpoint: from every source to files, in both colours; retries, cancels, keys, wrong rows."""

from __future__ import annotations

import asyncio
import csv
import json
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from darkroom import AsyncDarkroom, Darkroom, IdempotencyConflict, InvalidRequest, NothingToDecide, Settings, UnknownJob
from tests.integration.client.live import bedrock, live, settings, stack
from tests.support.bodies import picture
from tests.support.stack import Stack
from tests.support.valkey import redis_url, valkey_server

__all__ = ["bedrock", "live", "redis_url", "settings", "stack", "valkey_server"]

NOVA = "amazon.nova-canvas-v1:0"
TEMPLATE = {
    "taskType": "TEXT_IMAGE",
    "textToImageParams": {"text": "{prompt}"},
    "imageGenerationConfig": {"seed": "{seed}", "width": 320, "height": 320},
}
CUT = {"taskType": "BACKGROUND_REMOVAL", "backgroundRemovalParams": {"image": "{file}"}}


@pytest.fixture
def room(settings: Settings) -> Iterator[Darkroom]:
    with Darkroom(settings=settings) as room:
        yield room


def jsonl(folder: Path, count: int, first: int) -> Path:
    """A file of rows whose seeds nobody else has."""
    file = folder / "rows.jsonl"
    lines = [json.dumps({"custom_id": f"n{number}", "prompt": f"jar {number}", "seed": first + number}) for number in range(count)]
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def test_a_file_becomes_results_in_its_order(room: Darkroom, tmp_path: Path) -> None:
    batch = room.batch(jsonl(tmp_path, 30, 41_000), template=TEMPLATE, model=NOVA, parallel=4, budget_usd=2, name="jars")
    view = batch.wait(60)
    assert (view.state, view.outcome, view.total, view.succeeded, view.name) == ("finished", "all_succeeded", 30, 30, "jars")
    assert view.spent_usd == pytest.approx(view.estimated_usd)
    assert [row.custom_id for row in batch.results()] == [f"n{number}" for number in range(30)]
    assert [row.row for row in batch.results(first=29)] == [29, 30]
    assert list(batch.errors()) == []
    jobs = [row.job for row in batch.results()]
    assert all(job is not None and job.job_class == "bulk" and job.batch == batch.id for job in jobs)

    results, errors, manifest, archive, sheet = batch.save(tmp_path / "saved")
    lines = [json.loads(line) for line in results.read_text().splitlines()]
    assert [line["custom_id"] for line in lines] == [f"n{number}" for number in range(30)]
    assert errors.read_text() == ""
    table = list(csv.DictReader(manifest.read_text().splitlines()))
    assert [row["custom_id"] for row in table] == [f"n{number}" for number in range(30)]
    with zipfile.ZipFile(archive) as packed:
        assert packed.namelist() == [row["files"] for row in table]
        assert packed.read("000001-0.png")[:4] == b"\x89PNG"
    assert sheet.read_bytes()[:4] == b"\x89PNG"
    assert [one.id for one in room.batches(1)] == [batch.id]


def test_what_failed_is_begun_again_and_nothing_else(room: Darkroom, stack: Stack, tmp_path: Path) -> None:
    stack.faults("error=ValidationException:count=3")
    batch = room.batch(jsonl(tmp_path, 10, 42_000), template=TEMPLATE, model=NOVA, parallel=1)
    view = batch.wait(60)
    stack.faults()
    assert (view.outcome, view.failed) == ("mixed", 3)
    bad = [row.custom_id for row in batch.errors()]
    again = batch.retry_failed(parallel=2)
    after = again.wait(60)
    assert (after.outcome, after.total, after.retry_of) == ("all_succeeded", 3, batch.id)
    assert [row.custom_id for row in again.results()] == bad
    assert {row.row for row in again.results()} == {1, 2, 3}
    with pytest.raises(NothingToDecide, match="gave results"):
        again.retry_failed()


def test_every_wrong_row_is_told_before_anything_is_begun(room: Darkroom, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("custom_id,prompt,seed\na,jar,1\nb,,2\nc,jar,x\na,jar,4\n")
    with pytest.raises(InvalidRequest) as caught:
        room.batch(file, template=TEMPLATE, model=NOVA)
    assert [problem.message.split(":")[0] for problem in caught.value.problems] == [
        "line 3, column 'prompt'",
        "line 4, column 'seed'",
        "line 5",
    ]
    before = len(room.batches())
    plan = room.plan_batch(file, template=TEMPLATE, model=NOVA)
    assert (plan.rows, plan.invalid, len(plan.problems), plan.calls) == (1, 3, 3, {NOVA: 1})
    assert len(room.batches()) == before
    view = room.batch(file, template=TEMPLATE, model=NOVA, on_invalid="skip").wait(30)
    assert (view.total, view.invalid, view.outcome) == (1, 3, "all_succeeded")
    with pytest.raises(InvalidRequest, match="there are no rows"):
        room.batch([])
    with pytest.raises(InvalidRequest, match="/budget_usd"):
        room.batch(jsonl(tmp_path, 5, 43_000), template=TEMPLATE, model=NOVA, budget_usd=0.01)
    with pytest.raises(InvalidRequest, match="/options/parallel"):
        room.batch(file, template=TEMPLATE, parallel=0)


def test_a_folder_of_pictures_is_a_batch(room: Darkroom, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(picture(320 + 16 * number, 320))
    batch = room.batch(tmp_path, template=CUT, model=NOVA)
    assert batch.wait(60).outcome == "all_succeeded"
    assert [row.custom_id for row in batch.results()] == ["0.png", "1.png", "2.png"]


def test_a_canceled_batch_begins_no_more_rows(room: Darkroom, stack: Stack, tmp_path: Path) -> None:
    stack.faults("slow=0.5")
    batch = room.batch(jsonl(tmp_path, 200, 44_000), template=TEMPLATE, model=NOVA, parallel=2)
    assert next(batch.progress()).total == 200
    assert batch.cancel() in ("prevented", "detached")
    view = batch.wait(30)
    assert view.state == "canceled"
    assert view.fed < 200
    assert batch.cancel() == "finished"
    assert len([row for row in batch.results() if row.job is None]) == 200 - view.fed


def test_a_key_makes_one_batch_of_it(room: Darkroom, tmp_path: Path) -> None:
    file = jsonl(tmp_path, 3, 45_000)
    first = room.batch(file, template=TEMPLATE, model=NOVA, idempotency_key="once")
    again = room.batch(file, template=TEMPLATE, model=NOVA, idempotency_key="once")
    assert (again.id, first.replayed, again.replayed) == (first.id, False, True)
    with pytest.raises(IdempotencyConflict):
        room.batch(jsonl(tmp_path, 4, 45_000), template=TEMPLATE, model=NOVA, idempotency_key="once")
    first.wait(30)
    with pytest.raises(UnknownJob):
        room.find_batch("bt_" + "0" * 26)
    with pytest.raises(UnknownJob):
        room.find_batch("job_x")


def test_the_same_for_asyncio(settings: Settings, tmp_path: Path) -> None:
    asyncio.run(_async_batch(settings, tmp_path))


async def _async_batch(settings: Settings, tmp_path: Path) -> None:
    async with AsyncDarkroom(settings=settings) as room:
        batch = await room.batch(jsonl(tmp_path, 5, 46_000), template=TEMPLATE, model=NOVA)
        assert (await batch.wait(60)).outcome == "all_succeeded"
        rows = [row.custom_id async for row in batch.results()]
        assert rows == [f"n{number}" for number in range(5)]
        assert [row async for row in batch.errors()] == []
        assert [view.is_terminal async for view in batch.progress()] == [True]
        assert len(await batch.save(tmp_path / "saved")) == 5
        assert await batch.cancel() == "finished"
        assert (await (await room.find_batch(batch.id)).status()).total == 5
        assert (await room.plan_batch([], template=TEMPLATE)).rows == 0
        assert batch.id in [view.id for view in await room.batches()]


def test_a_batch_is_begun_again_once_however_often_it_is_asked_for(room: Darkroom, stack: Stack, tmp_path: Path) -> None:
    stack.faults("error=ValidationException:count=2")
    batch = room.batch(jsonl(tmp_path, 4, 43_000), template=TEMPLATE, model=NOVA, parallel=1)
    assert batch.wait(60).failed == 2
    stack.faults()
    first, again = batch.retry_failed(job_class="interactive"), batch.retry_failed()
    assert (again.id, first.replayed, again.replayed) == (first.id, False, True)
    assert first.wait(60).outcome == "all_succeeded"
    assert {row.job.job_class for row in first.results() if row.job} == {"interactive"}


def test_a_batch_that_expired_may_be_begun_again(room: Darkroom, tmp_path: Path) -> None:
    room.pause(lane=NOVA)
    try:
        soon = datetime.now(UTC) + timedelta(seconds=3)
        batch = room.batch(jsonl(tmp_path, 3, 44_000), template=TEMPLATE, model=NOVA, finish_by=soon, if_late="ignore")
        assert batch.wait(60).outcome == "none_succeeded"
    finally:
        room.resume(lane=NOVA)
    assert batch.retry_failed().wait(60).outcome == "all_succeeded"
