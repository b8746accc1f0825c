"""The flows of submit, driven by hand without any I/O: in which order they wish for what, and what an outage does to them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from darkroom import IdempotencyConflict, Inpainting, LedgerUnavailable, Settings, StorageUnavailable, TextImage
from darkroom.effects import Ask, Flow, Publish, PutAsset, Sources, Wish, Work
from darkroom.flows import submit
from darkroom.launching import Recorded, Scene
from darkroom_shared.store import ops
from darkroom_shared.store.operation import Operation, Script
from tests.support.bodies import mask, picture

T = TypeVar("T")
TITAN = "amazon.titan-image-generator-v2:0"
HINT = ops.Hint("job_x.0", 1, "darkroom.text_image")
DRAWS = Sources(now_ms=lambda: 1_800_000_000_000, monotonic_s=lambda: 0.0, randomness=bytes)


def scene() -> Scene:
    return Scene(Settings(redis_url="redis://nowhere", bedrock_url="http://local", home=Path("/nowhere")), DRAWS)


def kind(wish: Wish) -> str:
    """A word for a wish: the script's name, or the wish's own."""
    if isinstance(wish, Ask):
        operation: Operation[object] = wish.operation
        return operation.name if isinstance(operation, Script) else "read"
    return type(wish).__name__


def drive(flow: Flow[T], grant: Callable[[str], object]) -> tuple[T, list[str]]:
    """The flow's result and its wishes; `grant` answers each, or raises."""
    asked: list[str] = []
    answer: object = None
    error: Exception | None = None
    while True:
        try:
            wish = flow.send(answer) if error is None else flow.throw(error)
        except StopIteration as stop:
            return stop.value, asked
        if isinstance(wish, Work):
            answer, error = wish.function(), None
            continue
        asked.append(kind(wish))
        try:
            answer, error = grant(asked[-1]), None
        except Exception as raised:
            error = raised


def willing(verdict: ops.Verdict = ops.Verdict.ACCEPTED) -> Callable[[str], object]:
    """Grants everything."""

    def grant(wish: str) -> object:
        return {"accept": ops.Accepted(verdict, "job_x"), "hints": (), "admit": ops.Admission((HINT,), None, "")}.get(wish)

    return grant


def but(failing: str, error: Exception) -> Callable[[str], object]:
    """Grants everything but one wish."""

    def grant(wish: str) -> object:
        if wish == failing:
            raise error
        return willing()(wish)

    return grant


def test_pictures_are_stored_before_the_job_is_recorded_and_the_hint_goes_out_last() -> None:
    flow = submit(scene(), Inpainting(picture(), "a boat", mask_image=mask()), {"model": TITAN})
    assert drive(flow, willing()) == (Recorded("job_x", False), [PutAsset.__name__] * 2 + ["accept", "admit", Publish.__name__])


def test_one_picture_in_two_places_is_stored_once() -> None:
    body = {"taskType": "IMAGE_VARIATION", "imageVariationParams": {"text": "evening", "images": [picture(), picture()]}}
    assert drive(submit(scene(), body, {"model": TITAN}), willing())[1].count("PutAsset") == 1


def test_a_replay_is_admitted_again_because_the_first_try_may_have_died_before_it() -> None:
    done, asked = drive(submit(scene(), TextImage("a boat"), {}), willing(ops.Verdict.REPLAYED))
    assert done == Recorded("job_x", True)
    assert asked == ["accept", "hints", "admit", "Publish"]


@pytest.mark.parametrize("failing", ["admit", "Publish"])
def test_an_outage_behind_the_record_is_no_error(failing: str) -> None:
    done, _ = drive(submit(scene(), TextImage("a boat"), {}), but(failing, LedgerUnavailable("away")))
    assert done.id == "job_x"


def test_a_broker_that_celery_cannot_read_does_not_hide_the_recorded_job(caplog: pytest.LogCaptureFixture) -> None:
    done, _ = drive(submit(scene(), TextImage("a boat"), {}), but("Publish", KeyError("No such transport")))
    assert done.id == "job_x"
    assert "No such transport" in caplog.text


def test_an_outage_at_the_record_is_raised_and_nothing_follows() -> None:
    asked: list[str] = []

    def grant(wish: str) -> object:
        asked.append(wish)
        return but("accept", LedgerUnavailable("away"))(wish)

    with pytest.raises(LedgerUnavailable):
        drive(submit(scene(), TextImage("a boat"), {}), grant)
    assert asked == ["accept"]


def test_nothing_is_recorded_if_a_picture_cannot_be_stored() -> None:
    asked: list[str] = []

    def grant(wish: str) -> object:
        asked.append(wish)
        return but("PutAsset", StorageUnavailable("full"))(wish)

    with pytest.raises(StorageUnavailable):
        drive(submit(scene(), Inpainting(picture(), "a boat", mask_image=mask()), {"model": TITAN}), grant)
    assert asked == ["PutAsset"]


def test_a_conflict_admits_nothing() -> None:
    asked: list[str] = []

    def grant(wish: str) -> object:
        asked.append(wish)
        return willing(ops.Verdict.CONFLICT)(wish)

    with pytest.raises(IdempotencyConflict, match="job_x"):
        drive(submit(scene(), TextImage("a boat"), {"idempotency_key": "k"}), grant)
    assert asked == ["accept"]
