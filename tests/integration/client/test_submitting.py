"""Submitting against a real ledger: what is recorded, what is published, what is refused without a trace."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from PIL import Image

from darkroom import (
    AssetMissing,
    BackgroundRemoval,
    Darkroom,
    IdempotencyConflict,
    ImageSource,
    ImageVariation,
    Inpainting,
    InvalidRequest,
    JobHandle,
    JobState,
    LedgerUnavailable,
    Misconfigured,
    ModelRetiredWarning,
    Settings,
    TextImage,
    UnknownModel,
)
from darkroom_shared.contract.job_record import JobClass
from darkroom_shared.settings import Quota, Quotas
from darkroom_shared.store import steering
from darkroom_shared.task_types import as_object
from tests.integration.client.hand_worker import HandWorker
from tests.support.bodies import b64, mask, picture
from tests.support.valkey import probe

TITAN = "amazon.titan-image-generator-v2:0"
NOVA = "amazon.nova-canvas-v1:0"


def sent(job: JobHandle) -> Mapping[str, object]:
    """The recorded parameters of a background removal."""
    return as_object(job.status().request["backgroundRemovalParams"])


def keys(settings: Settings) -> int:
    with probe(settings.redis_url) as connection:
        return connection.dbsize()


def stored(settings: Settings) -> int:
    """Files in the asset store."""
    return sum(1 for path in (settings.home_folder / "store").rglob("*") if path.is_file())


def pointers(error: InvalidRequest) -> set[str]:
    return {problem.pointer for problem in error.problems}


def test_a_submitted_job_is_recorded_with_its_call_before_any_worker_lives(room: Darkroom) -> None:
    job = room.submit(TextImage("a red sailboat", seed=7, number_of_images=2), model=TITAN, tenant="acme", metadata={"order": "17"})
    view = job.status()
    assert (view.state, view.sequence, view.images_wanted, view.seed) == (JobState.QUEUED, 1, 2, 7)
    assert (view.model, view.region, view.tenant, view.task_type) == (TITAN, "us-east-1", "acme", "TEXT_IMAGE")
    assert (view.metadata, view.cost.estimated_usd) == ({"order": "17"}, 0.02)
    assert [call.state for call in view.calls] == ["parked"]
    assert view.request == TextImage("a red sailboat", seed=7, number_of_images=2).to_body()


def test_bedrocks_own_body_is_taken_as_it_is(room: Darkroom) -> None:
    body = {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "a red sailboat"}}
    view = room.submit(body, model=NOVA).status()
    assert view.request == body
    # Bedrock's seed is a constant if none is given, so the effective one is known.
    assert view.seed == 12


def test_a_seed_of_zero_is_recorded_as_zero(room: Darkroom) -> None:
    assert room.submit(TextImage("a red sailboat", seed=0)).status().seed == 0


def test_the_message_holds_ids_only(room: Darkroom, worker: HandWorker) -> None:
    job = room.submit(Inpainting(picture(), "a red sailboat", mask_image=mask()), model=TITAN)
    (message,) = worker.messages()
    assert message.task == "darkroom.inpainting"
    assert message.arguments == {"version": 1, "call_id": f"{job.id}.0", "fence": 1}
    assert len(json.dumps(message.arguments)) < 100
    assert len(message.raw.encode()) < 1024
    assert "sailboat" not in message.raw


def test_no_picture_is_anywhere_in_redis_when_assets_are_files(room: Darkroom, settings: Settings, worker: HandWorker) -> None:
    data = picture(512, 512)
    room.submit(Inpainting(data, "a red sailboat", mask_image=mask()), model=TITAN)
    room.chain(BackgroundRemoval(data), ImageVariation(text="evening"))
    dump = b"".join(worker.dump(key) for key in worker.all_keys())
    assert len(dump) > 1000
    for part in (data[:64], data[-64:], base64.b64encode(data)[:64]):
        assert part not in dump


@pytest.mark.parametrize("form", ["bytes", "path", "text path", "base64", "data URL", "asset"])
def test_a_picture_may_be_given_in_any_form_and_becomes_the_same_asset(
    room: Darkroom, settings: Settings, tmp_path: Path, form: str
) -> None:
    data = picture(512, 512)
    path = tmp_path / "photo.png"
    path.write_bytes(data)
    first = room.submit(BackgroundRemoval(data), model=TITAN)
    reference = str(sent(first)["image"])
    source: dict[str, ImageSource] = {"bytes": data, "path": path, "text path": str(path), "asset": reference}
    request = BackgroundRemoval(source[form]) if form in source else None
    raw = {"base64": b64(data), "data URL": f"data:image/png;base64,{b64(data)}"}
    body = {"taskType": "BACKGROUND_REMOVAL", "backgroundRemovalParams": {"image": raw.get(form)}}
    job = room.submit(request or body, model=TITAN)
    assert sent(job) == sent(first)
    assert reference.startswith("asset:")
    assert stored(settings) == 1


def test_an_asset_that_nobody_stored_is_refused(room: Darkroom) -> None:
    with pytest.raises(AssetMissing):
        room.submit(BackgroundRemoval("asset:" + "0" * 64), model=TITAN)


@pytest.mark.parametrize("source", ["https://example.com/a.png", "http://example.com/a.png", "s3://bucket/a.png"])
def test_addresses_are_refused_with_the_place_and_the_way_out(room: Darkroom, source: str) -> None:
    with pytest.raises(InvalidRequest, match="download it") as caught:
        room.submit(BackgroundRemoval(source), model=TITAN)
    assert pointers(caught.value) == {"/backgroundRemovalParams/image"}


@pytest.mark.parametrize("source", ["no-such-file.png", b"", b"GIF89a", 5, "asset:x", "$steps.cut.outputs[0]"])
def test_what_is_no_picture_is_refused_at_its_place(room: Darkroom, source: object) -> None:
    request = BackgroundRemoval(cast("ImageSource", source))
    with pytest.raises(InvalidRequest) as caught:
        room.submit(request, model=TITAN)
    assert pointers(caught.value) == {"/backgroundRemovalParams/image"}


def test_everything_wrong_is_said_at_once_and_nothing_is_stored_or_recorded(room: Darkroom, settings: Settings) -> None:
    body = Inpainting(picture(2000, 1500), "x" * 600, mask_image=picture(512, 512), cfg_scale=99, seed=-1)
    with pytest.raises(InvalidRequest) as caught:
        room.submit(body, model=TITAN)
    assert pointers(caught.value) == {
        "/inPaintingParams/image",
        "/inPaintingParams/maskImage",
        "/inPaintingParams/text",
        "/imageGenerationConfig/cfgScale",
        "/imageGenerationConfig/seed",
    }
    assert (keys(settings), stored(settings)) == (0, 0)


def test_a_json_body_cannot_name_a_file_of_this_machine(room: Darkroom) -> None:
    with pytest.raises(InvalidRequest, match="not valid base64"):
        room.submit({"taskType": "BACKGROUND_REMOVAL", "backgroundRemovalParams": {"image": __file__}}, model=TITAN)


def test_base64_where_a_path_belongs_is_not_repeated_in_the_message(room: Darkroom) -> None:
    text = b64(picture(512, 512))
    with pytest.raises(InvalidRequest, match="is no path") as caught:
        room.submit(BackgroundRemoval(text), model=TITAN)
    assert text[:20] not in str(caught.value)


def test_a_mask_with_greys_is_refused(room: Darkroom) -> None:
    with pytest.raises(InvalidRequest, match="neither pure black nor pure white"):
        room.submit(Inpainting(picture(512, 512), "a boat", mask_image=picture(512, 512, seed=1)), model=TITAN)


def test_a_refusal_that_a_chain_would_mend_says_so(room: Darkroom) -> None:
    with pytest.raises(InvalidRequest, match="in a chain the free step resize"):
        room.submit(BackgroundRemoval(picture(2000, 1500)), model=TITAN)


def test_a_model_that_is_not_in_the_catalogue_is_named(room: Darkroom) -> None:
    with pytest.raises(UnknownModel, match=r"Did you mean amazon\.nova-canvas-v1:0"):
        room.submit(TextImage("a red sailboat"), model="amazon.nova-canvas")


def test_wrong_options_are_refused_all_at_once(room: Darkroom, settings: Settings) -> None:
    with pytest.raises(InvalidRequest) as caught:
        room.submit(
            TextImage("a red sailboat"),
            tenant="a b",
            idempotency_key="",
            metadata={"k": "v" * 600},
            job_class=cast("JobClass", "urgent"),
            start_within=timedelta(0),
            finish_by=datetime(2020, 1, 1, tzinfo=UTC),
        )
    names = ("tenant", "idempotency_key", "metadata", "job_class", "start_within", "finish_by")
    assert pointers(caught.value) == {f"/options/{name}" for name in names}
    assert keys(settings) == 0


def test_an_instant_without_a_time_zone_is_refused(room: Darkroom) -> None:
    with pytest.raises(InvalidRequest, match="no time zone"):
        room.submit(TextImage("a red sailboat"), not_before=datetime(2099, 1, 1))


def test_a_job_for_later_is_scheduled_and_not_published(room: Darkroom, worker: HandWorker) -> None:
    job = room.submit(TextImage("a red sailboat"), not_before=datetime.now(UTC) + timedelta(hours=1))
    assert job.status().state is JobState.SCHEDULED
    assert worker.messages() == []


def test_a_photo_that_lies_on_its_side_is_stored_upright(room: Darkroom, settings: Settings) -> None:
    job = room.submit(BackgroundRemoval(sideways(640, 480)), model=TITAN)
    reference = str(sent(job)["image"])
    (file,) = [path for path in (settings.home_folder / "store").rglob("*") if path.is_file()]
    assert reference.removeprefix("asset:") in file.name
    assert size_of(file.read_bytes()) == (480, 640)


def test_the_same_key_and_request_give_the_same_job(room: Darkroom, worker: HandWorker) -> None:
    first = room.submit(TextImage("a red sailboat"), idempotency_key="order-17")
    again = room.submit(TextImage("a red sailboat"), idempotency_key="order-17", metadata={"try": "2"})
    assert (first.replayed, again.replayed) == (False, True)
    assert again.id == first.id
    assert len(worker.messages()) == 1


def test_the_same_key_with_another_request_is_a_conflict(room: Darkroom) -> None:
    first = room.submit(TextImage("a red sailboat"), idempotency_key="order-17")
    with pytest.raises(IdempotencyConflict, match=first.id):
        room.submit(TextImage("a blue sailboat"), idempotency_key="order-17")
    with pytest.raises(IdempotencyConflict):
        room.submit(TextImage("a red sailboat"), idempotency_key="order-17", model=TITAN)


def test_keys_of_two_tenants_do_not_meet(room: Darkroom) -> None:
    first = room.submit(TextImage("a red sailboat"), idempotency_key="order-17", tenant="one")
    second = room.submit(TextImage("a blue sailboat"), idempotency_key="order-17", tenant="two")
    assert first.id != second.id


def test_fifty_threads_with_one_key_make_one_job(settings: Settings, worker: HandWorker) -> None:
    start = threading.Barrier(50)
    with Darkroom(settings=settings) as room:

        def submit(_: int) -> tuple[str, bool]:
            start.wait()
            handle = room.submit(TextImage("a red sailboat"), idempotency_key="order-17")
            return handle.id, handle.replayed

        with ThreadPoolExecutor(50) as threads:
            answers = list(threads.map(submit, range(50)))
        assert len({job_id for job_id, _ in answers}) == 1
        assert [replayed for _, replayed in answers].count(False) == 1
        assert len(room.jobs()) == 1
    assert len(worker.messages()) == 1


def test_a_submit_without_a_key_always_makes_a_job(room: Darkroom) -> None:
    assert room.submit(TextImage("a red sailboat")) != room.submit(TextImage("a red sailboat"))


def test_a_ledger_that_is_away_is_said_before_anything_is_recorded(settings: Settings, tmp_path: Path) -> None:
    away = settings.model_copy(update={"redis_url": f"unix://{tmp_path}/nobody.sock?db=0"})
    with Darkroom(settings=away) as room, pytest.raises(LedgerUnavailable):
        room.submit(TextImage("a red sailboat"))


def test_a_broker_that_is_away_does_not_fail_a_submit(settings: Settings, worker: HandWorker, tmp_path: Path) -> None:
    deaf = settings.model_copy(update={"broker_url": f"redis+socket://{tmp_path}/nobody.sock?virtual_host=0"})
    with Darkroom(settings=deaf) as room:
        job = room.submit(TextImage("a red sailboat"))
        assert job.status().calls[0].state == "admitted"  # the reconciler publishes it again
    assert worker.messages() == []


def test_a_retired_model_gives_a_warning_against_aws_and_none_against_the_local_endpoint(settings: Settings) -> None:
    aws = settings.model_copy(update={"bedrock_url": ""})
    with Darkroom(settings=aws) as room, pytest.warns(ModelRetiredWarning, match="end of life") as caught:
        job = room.submit(TextImage("a red sailboat"), model=NOVA)
        assert "end of life" in job.status().warnings[0]
    assert caught[0].filename == __file__
    with Darkroom(settings=settings) as room:
        assert room.submit(TextImage("a red sailboat"), model=NOVA).status().warnings == ()


def test_the_pool_gets_the_pace_of_the_settings_else_of_the_catalogue(settings: Settings, worker: HandWorker) -> None:
    cases: tuple[tuple[Quotas, str, str, float | None], ...] = (
        ({NOVA: Quota(rpm=30)}, NOVA, "settings", 30),
        ({NOVA: Quota(rpm=30)}, TITAN, "catalogue", 60),
        ("off", "amazon.titan-image-generator-v1", "off", None),
    )
    for quotas, model, source, quota in cases:
        with Darkroom(settings=settings.model_copy(update={"quotas": quotas})) as room:
            room.submit(TextImage("a red sailboat"), model=model)
        [lane] = worker.ledger.run(steering.lanes(model)).lanes
        [pool] = lane.pools
        cap = None if quota is None else pytest.approx(quota * 0.99)
        assert (pool.pool, pool.source, pool.quota, pool.cap, pool.rate) == (f"us-east-1/{model}", source, quota, cap, cap)


@pytest.mark.parametrize("url", ["https://rooms.example.com", "http://localhost:8000", "ftp://x", "localhost:6379"])
def test_an_address_that_is_no_ledger_says_what_is_allowed(url: str, settings: Settings) -> None:
    with pytest.raises(Misconfigured, match=r"rediss?://"):
        Darkroom(url, settings=settings)


def test_without_address_and_stack_the_way_out_is_said(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="darkroom up"):
        Darkroom(settings=Settings(home=tmp_path, redis_url=""))


def test_validating_says_what_submit_would_refuse_and_records_nothing(room: Darkroom, settings: Settings) -> None:
    assert room.validate(TextImage("a red sailboat"), NOVA) == []
    found = room.validate({"taskType": "TEXT_IMAGE", "textToImageParams": {"text": ""}}, TITAN)
    assert [problem.pointer for problem in found] == ["/textToImageParams/text"]
    assert keys(settings) == 0


def sideways(width: int, height: int) -> bytes:
    """A photograph whose EXIF orientation says: turn me by a quarter."""
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(out, "JPEG", exif=exif)
    return out.getvalue()


def size_of(data: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(data)).size
