"""What becomes of a job for each answer of the service, with a real worker and a real endpoint that counts its requests."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

import pytest

from darkroom_shared.storage import open_store
from darkroom_shared.store import ops, reads
from tests.integration.local_bedrock.endpoints import text_image
from tests.support.native_bodies import CORE
from tests.support.stack import PRICE, Stack, new_job_id

Seeds = Callable[[], int]
USD = PRICE / 1_000_000


def test_a_job_becomes_a_stored_picture_with_its_whole_story(fleet: Stack, seed: Seeds) -> None:
    number = seed()
    job = fleet.submit(text_image(seed=number, count=2), images_wanted=2, metadata={"order": "17"})
    view = fleet.wait(job)
    assert (view.state, view.reason, [out.index for out in view.outputs]) == ("succeeded", "", [0, 1])
    [entry] = fleet.calls_of(number)
    [attempt] = view.calls[0].attempts
    assert (attempt.attempt, attempt.outcome, attempt.billed) == (1, "answered", True)
    assert attempt.request_id == entry["request_id"]
    assert [out.sha256 for out in view.outputs] == entry["image_sha256"]
    assert (view.cost.estimated_usd, view.cost.actual_usd, view.cost.uncertain_usd) == (2 * USD, 2 * USD, 0)
    story = fleet.told(job)
    assert (story["id"], story["state"], story["metadata"]) == (job, "succeeded", {"order": "17"})
    assert story["calls"][0]["attempts"][0]["request_id"] == entry["request_id"]
    [folder] = (fleet.folder / "store").rglob(job)
    for out in view.outputs:
        data = (folder / f"{out.index}.png").read_bytes()
        assert (sha256(data).hexdigest(), len(data)) == (out.sha256, out.size_bytes)
    receipts = fleet.folder / "store" / "receipts"
    assert not [path for path in receipts.rglob("*") if job in path.name]


def test_a_refusal_by_the_quota_costs_no_attempt(fleet: Stack, seed: Seeds) -> None:
    fleet.faults("throttle:count=1")
    number = seed()
    view = fleet.wait(fleet.submit(text_image(seed=number)))
    assert view.state == "succeeded"
    assert [(attempt.snoozed, attempt.outcome, attempt.billed) for attempt in view.calls[0].attempts] == [
        (True, "throttled", False),
        (False, "answered", True),
    ]
    assert fleet.ledger.run(reads.call(view.calls[0].id))["attempts"] == "1"
    assert [entry["status"] for entry in fleet.calls_of(number)] == [429, 200]


def test_an_error_of_the_service_is_tried_again(fleet: Stack, seed: Seeds) -> None:
    fleet.faults("error=InternalServerException:count=1")
    number = seed()
    view = fleet.wait(fleet.submit(text_image(seed=number)))
    assert view.state == "succeeded"
    assert [attempt.outcome for attempt in view.calls[0].attempts] == ["provider_unavailable", "answered"]
    assert [entry["status"] for entry in fleet.calls_of(number)] == [500, 200]
    assert (view.cost.actual_usd, view.cost.uncertain_usd) == (USD, 0)


def test_an_error_that_stays_ends_the_job_after_three_attempts(fleet: Stack, seed: Seeds) -> None:
    fleet.faults("error=ServiceUnavailableException")
    number = seed()
    view = fleet.wait(fleet.submit(text_image(seed=number)))
    assert (view.state, view.reason) == ("failed", "attempts_exhausted")
    assert view.error is not None
    assert (view.error.code, view.error.provider_code) == ("provider_unavailable", "ServiceUnavailableException")
    assert [entry["status"] for entry in fleet.calls_of(number)] == [503, 503, 503]
    assert view.cost.actual_usd == 0


def test_an_error_that_no_repetition_mends_ends_the_job_at_once(fleet: Stack, seed: Seeds) -> None:
    fleet.faults("error=AccessDeniedException")
    number = seed()
    view = fleet.wait(fleet.submit(text_image(seed=number)))
    assert (view.state, view.reason, len(fleet.calls_of(number))) == ("failed", "model_access_denied", 1)


def test_a_call_admitted_without_a_message_is_published_again(fleet: Stack, seed: Seeds) -> None:
    """A producer that died between admission and publication, or a broker that lost the message."""
    number, job = seed(), new_job_id()
    accept = ops.accept([ops.NewJob(job, fleet.record(text_image(seed=number)).as_fields())], [])
    fleet.ledger.run(accept)
    fleet.ledger.run(ops.admit({"standard": 0.0}, 1))
    assert fleet.wait(job).state == "succeeded"
    assert len(fleet.calls_of(number)) == 1


def test_a_repeated_message_makes_no_second_call(fleet: Stack, seed: Seeds) -> None:
    fleet.faults("slow=0.5")
    number = seed()
    job = fleet.submit(text_image(seed=number))
    fleet.until_event(job, "call.gate")
    call = fleet.view(job).calls[0]
    assert fleet.publisher.publish([(call.id, call.fence, "darkroom.text_image", "darkroom")] * 3) == 3
    assert fleet.wait(job).state == "succeeded"
    fleet.publisher.publish([(call.id, call.fence, "darkroom.text_image", "darkroom")])
    last = fleet.wait(fleet.submit(text_image(seed=seed())))
    assert last.state == "succeeded", "the repeated messages before it were worked off"
    assert len(fleet.calls_of(number)) == 1


@pytest.mark.parametrize("fault", ["timeout", "reset", "half-body"])
def test_a_lost_answer_is_unknown_and_called_once_more_at_most(fleet: Stack, seed: Seeds, fault: str) -> None:
    fleet.faults(f"{fault}:count=1")
    number = seed()
    job = fleet.submit(text_image(seed=number))
    fleet.until_event(job, "call.doubt")
    view = fleet.wait(job)
    assert [(attempt.outcome, attempt.billed) for attempt in view.calls[0].attempts] == [("unknown", None), ("answered", True)]
    assert (view.state, view.cost.actual_usd, view.cost.uncertain_usd) == ("succeeded", USD, USD)
    fleet.until(lambda: len(fleet.calls_of(number)) >= 2, "the endpoint to log both requests")
    entries = fleet.calls_of(number)
    assert len(entries) == 2, "exactly one HTTP request for each attempt"
    assert sorted(entry["outcome"] for entry in entries) == ["answered", "cut"]
    assert all(entry["billed"] for entry in entries)


def test_two_lost_answers_end_the_job_and_both_are_counted(fleet: Stack, seed: Seeds) -> None:
    fleet.faults("reset")
    number = seed()
    view = fleet.wait(fleet.submit(text_image(seed=number)))
    assert (view.state, view.reason) == ("failed", "provider_timeout_ambiguous")
    assert (view.cost.actual_usd, view.cost.uncertain_usd) == (0, 2 * USD)
    assert len(fleet.calls_of(number)) == 2


@pytest.mark.parametrize(
    ("marker", "state", "code", "pictures", "billed"),
    [
        ("[blocked]", "rejected", "content_filtered_input", 0, 0.0),
        ("[block-output]", "rejected", "content_filtered_output", 0, None),
        ("[block-some]", "partial", "content_filtered_output", 2, 3 * USD),
    ],
)
def test_a_content_filter_is_an_outcome_and_not_an_error(
    fleet: Stack, seed: Seeds, marker: str, state: str, code: str, pictures: int, billed: float | None
) -> None:
    number = seed()
    view = fleet.wait(fleet.submit(text_image(f"a boat {marker}", seed=number, count=3)))
    assert (view.state, len(view.outputs), len(view.rejected), view.error) == (state, pictures, 3 - pictures, None)
    assert {row.code for row in view.rejected} == {code}
    if billed is None:  # AWS does not say whether it bills an answer without pictures
        assert (view.cost.actual_usd, view.cost.uncertain_usd, view.calls[0].attempts[0].billed) == (0, 3 * USD, None)
    else:
        assert view.cost.actual_usd == billed
    assert len(fleet.calls_of(number)) == 1


@pytest.mark.parametrize("marker", ["[blocked]", "[block-image]", "[block-output]"])
def test_a_native_answer_of_which_a_filter_kept_back_all_may_have_been_billed(fleet: Stack, marker: str) -> None:
    body = {"taskType": "STABLE_IMAGE", "prompt": f"a boat {marker}", "seed": 7}
    view = fleet.wait(fleet.submit(body, model=CORE))
    assert (view.state, view.cost.actual_usd, view.cost.uncertain_usd) == ("rejected", 0, view.cost.estimated_usd)
    assert [(attempt.outcome, attempt.billed) for attempt in view.calls[0].attempts] == [("answered", None)]


@pytest.mark.parametrize("fault", ["invalid-json", "bad-base64", "empty-images"])
def test_an_answer_nobody_can_read_is_billed_and_kept_for_inspection(fleet: Stack, seed: Seeds, fault: str) -> None:
    fleet.faults(f"{fault}:count=1")
    number = seed()
    view = fleet.wait(fleet.submit(text_image(seed=number)))
    assert (view.state, view.reason, view.cost.actual_usd) == ("failed", "invalid_answer", USD)
    assert len(fleet.calls_of(number)) == 1
    name = fleet.ledger.run(reads.call(view.calls[0].id))["receipt"]
    store = open_store(fleet.settings.store_url)
    kept = store.get_receipt(name)
    store.close()
    assert kept is not None
    assert len(kept) > 2


def test_a_picture_that_is_not_stored_ends_the_job_before_it_costs_anything(fleet: Stack, seed: Seeds) -> None:
    body = text_image(seed=seed()) | {"taskType": "IMAGE_VARIATION"}
    body["imageVariationParams"] = {"text": "x", "images": ["asset:" + "0" * 64]}
    body.pop("textToImageParams")
    before = fleet.endpoint.stats()["received"]
    view = fleet.wait(fleet.submit(body))
    assert (view.state, view.reason, view.calls[0].attempts) == ("failed", "asset_missing", ())
    assert fleet.endpoint.stats()["received"] == before


def test_a_free_step_works_on_a_picture_that_a_paid_one_made(fleet: Stack, seed: Seeds) -> None:
    first, second = new_job_id(), new_job_id()
    paid = fleet.record(text_image(seed=seed()), step="boat")
    free = fleet.local_record({"kind": "invert"}, ["$steps.boat.outputs[0]"], step="negative", needs={"boat": first})
    jobs = [ops.NewJob(first, paid.as_fields(), dependants=[second]), ops.NewJob(second, free.as_fields(), needs=[first])]
    fleet.ledger.run(ops.accept(jobs, []))
    fleet.admit()
    view = fleet.wait(second)
    assert (view.state, view.cost.actual_usd, view.calls[0].attempts[0].billed) == ("succeeded", 0, False)
    [source], [made] = fleet.view(first).outputs, view.outputs
    assert (made.width, made.height) == (source.width, source.height)
    assert made.sha256 != source.sha256


def test_a_free_step_without_pictures_feeds_the_next(fleet: Stack) -> None:
    first, second = new_job_id(), new_job_id()
    drawn = fleet.local_record({"kind": "palette", "colors": ["#2a9d8f", "#e76f51"], "width": 64, "height": 32}, [], step="palette")
    cut = fleet.local_record(
        {"kind": "cover", "width": 16, "height": 16}, ["$steps.palette.outputs[0]"], step="cover", needs={"palette": first}
    )
    jobs = [ops.NewJob(first, drawn.as_fields(), dependants=[second]), ops.NewJob(second, cut.as_fields(), needs=[first])]
    fleet.ledger.run(ops.accept(jobs, []))
    fleet.admit()
    view = fleet.wait(second)
    assert (view.state, [(out.width, out.height) for out in view.outputs]) == ("succeeded", [(16, 16)])


def test_a_worker_sends_nothing_outside_its_residency_whoever_submitted_it(empty_stack: Stack, seed: Seeds) -> None:
    stack, number = empty_stack, seed()
    with stack.worker(DARKROOM_RESIDENCY="eu-", DARKROOM_REGION="eu-west-1"):
        view = stack.wait(stack.submit(text_image(seed=number)))
    assert (view.state, view.cost.actual_usd, view.cost.uncertain_usd) == ("failed", 0, 0)
    assert view.error is not None
    assert view.error.code == "outside_residency"
    assert stack.calls_of(number) == []
