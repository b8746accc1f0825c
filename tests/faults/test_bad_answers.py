"""Case 29: a complete answer with status 200 that is not what was asked for.

It was billed, so it counts as spent; a person can look at its bytes afterwards; and it is not bought again without end.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from darkroom_shared.contract.views import JobView
from darkroom_shared.storage import open_store
from darkroom_shared.store import reads
from tests.faults.checker import check, gather
from tests.faults.crew import PATIENT, crewed, until_told
from tests.faults.spoiler import Spoil, Spoiler, body, edited_json, half, running_spoiler
from tests.integration.local_bedrock.endpoints import text_image
from tests.support.bodies import picture
from tests.support.stack import PRICE, Stack

Seeds = Callable[[], int]
Measured = Callable[[str, str], None]
USD = PRICE / 1_000_000


def with_images(*images: object) -> Spoil:
    """The answer with other pictures in it."""
    return edited_json(lambda answer: {**answer, "images": list(images)})


def b64(data: bytes) -> str:
    """As in an answer."""
    return base64.b64encode(data).decode()


def turned(answer: dict[str, Any]) -> dict[str, Any]:
    """The same pictures as JPEG, with fields around them that nobody has described yet."""
    image = Image.open(io.BytesIO(base64.b64decode(answer["images"][0])))
    out = io.BytesIO()
    image.convert("RGB").save(out, "JPEG")
    return {"created": 1, "images": [b64(out.getvalue())], "usage": {"credits": 3}, "error": None}


UNREADABLE: dict[str, tuple[Spoil, str]] = {
    "no body": (body(b""), "invalid_answer"),
    "an HTML page": (body(b"<html><body>Service Unavailable</body></html>", "text/html"), "invalid_answer"),
    "half of the JSON": (half, "invalid_answer"),
    "a JSON list": (body(b'["images"]'), "invalid_answer"),
    "bytes that are no text": (body(b"\xff\xfe\x00" * 99), "invalid_answer"),
    "no pictures and no word": (body(b'{"images":[]}'), "invalid_answer"),
    "null for pictures": (with_images(None), "invalid_answer"),
    "no base64": (with_images("*** this is not base64 ***"), "invalid_answer"),
    "base64 of a sentence": (with_images(b64(b"this is not a picture, however long it is " * 20)), "image_refused"),
    "base64 of half a picture": (with_images(b64(picture()[: len(picture()) // 2])), "image_refused"),
}
USABLE: dict[str, tuple[Spoil, tuple[int, int, str]]] = {
    "a picture of another size": (with_images(b64(picture(320, 200))), (320, 200, "image/png")),
    "more fields, and another format": (edited_json(turned), (512, 512, "image/jpeg")),
}


def run(stack: Stack, spoiler: Spoiler, numbers: list[int]) -> list[JobView]:
    """A job for each seed on one worker, to its end."""
    with crewed(stack, **PATIENT, **spoiler.environment()):
        jobs = [stack.submit(text_image(seed=number)) for number in numbers]
        views = [stack.wait(job) for job in jobs]
        until_told(stack, jobs)
    return views


def kept_answer(stack: Stack, view: JobView) -> bytes | None:
    """The raw answer that the call's record names."""
    store = open_store(stack.settings.store_url)
    try:
        return store.get_receipt(stack.ledger.run(reads.call(view.calls[0].id))["receipt"])
    finally:
        store.close()


def test_an_answer_that_cannot_be_used_is_billed_once_and_kept_byte_for_byte(stack: Stack, seed: Seeds, measured: Measured) -> None:
    numbers = {name: seed() for name in UNREADABLE}
    good = [seed() for _ in range(8)]
    with running_spoiler(stack.endpoint) as spoiler:
        for name, (way, _) in UNREADABLE.items():
            spoiler.spoil(numbers[name], way)
        views = run(stack, spoiler, [*numbers.values(), *good])
        sent = {number: spoiler.sent[number] for number in numbers.values()}
        assert set(spoiler.requests.values()) == {1}, "nothing was bought twice, and no connection was left unusable"
    for (name, number), view in zip(numbers.items(), views, strict=False):
        assert (view.state, view.reason) == ("failed", UNREADABLE[name][1]), name
        assert (view.cost.actual_usd, view.cost.uncertain_usd) == (USD, 0), name
        [attempt] = view.calls[0].attempts
        assert attempt.billed is True, name
        [wire] = sent[number]
        assert kept_answer(stack, view) == wire, name
    assert {view.state for view in views[len(numbers) :]} == {"succeeded"}, "those around them are not touched"
    assert check(gather(stack, [view.id for view in views[len(numbers) :]], settle_s=0.5)).problems == []
    measured(
        "case 29", f"{len(numbers)} unusable answers: {len(numbers)} calls, all billed, all kept; {len(good)} good ones beside"
    )


@pytest.mark.long
def test_an_answer_that_is_only_unusual_is_delivered_as_it_is(stack: Stack, seed: Seeds) -> None:
    numbers = {name: seed() for name in USABLE}
    with running_spoiler(stack.endpoint) as spoiler:
        for name, (way, _) in USABLE.items():
            spoiler.spoil(numbers[name], way)
        views = run(stack, spoiler, list(numbers.values()))
        assert set(spoiler.requests.values()) == {1}
    for (_, facts), view in zip(USABLE.values(), views, strict=True):
        [out] = view.outputs
        assert (view.state, out.width, out.height, out.media_type) == ("succeeded", *facts)
        assert view.cost.actual_usd == USD


@pytest.mark.long
def test_an_answer_that_is_an_error_each_time_is_bought_as_often_as_the_budget_allows(
    stack: Stack, seed: Seeds, measured: Measured
) -> None:
    always, once = seed(), seed()
    broken = body(json.dumps({"images": [], "error": "An internal error occurred."}).encode())
    with running_spoiler(stack.endpoint) as spoiler:
        spoiler.spoil(always, *[broken] * 9)
        spoiler.spoil(once, broken)
        lost, found = run(stack, spoiler, [always, once])
        assert (spoiler.requests[always], spoiler.requests[once]) == (3, 2)
    assert (lost.state, lost.reason, len(lost.calls[0].attempts)) == ("failed", "attempts_exhausted", 3)
    assert (lost.cost.actual_usd, lost.cost.uncertain_usd) == pytest.approx((3 * USD, 0))
    assert (found.state, len(found.outputs), found.cost.actual_usd) == ("succeeded", 1, 2 * USD)
    measured("case 29", "an error in place of pictures: 3 calls and no more, all billed")


@pytest.mark.long
def test_an_answer_larger_than_the_service_allows_is_billed_and_not_kept(stack: Stack, seed: Seeds) -> None:
    number = seed()
    with running_spoiler(stack.endpoint) as spoiler:
        spoiler.spoil(number, body(b'{"images":["' + b"A" * 25_000_001 + b'"]}'))
        [view] = run(stack, spoiler, [number])
        assert spoiler.requests[number] == 1
    assert (view.state, view.reason, view.cost.actual_usd) == ("failed", "answer_too_large", USD)
    assert not list((stack.folder / "store").rglob("*.png"))
