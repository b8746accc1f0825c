"""What a submit says about prompts, and by which prices it estimates: as warnings, and in the job's own record."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TypeVar

import pytest

from darkroom import Flatten, Outpainting, PromptWarning, Settings, StableInpaint, TextImage
from darkroom.effects import Ask, Flow, Sources, Work
from darkroom.flows import chain, preview, submit
from darkroom.launching import Scene
from darkroom.options import SubmitOptions
from darkroom.requests import NamedStep, Request
from darkroom_shared.contract.job_record import JobRecord
from darkroom_shared.contract.views import job_view
from darkroom_shared.models.prices import BUILT_IN
from darkroom_shared.store import ops, steering
from darkroom_shared.store.operation import Operation, Script
from darkroom_shared.task_types import as_array, as_object
from tests.support.bodies import mask, picture

T = TypeVar("T")
NOVA, CORE = "amazon.nova-canvas-v1:0", "stability.stable-image-core-v1:1"
DRAWS = Sources(now_ms=lambda: 1_800_000_000_000, monotonic_s=lambda: 0.0, randomness=bytes)
NO_CARS = TextImage("a secret street at dawn with no cars")


def scene(**more: object) -> Scene:
    given = {"redis_url": "redis://nowhere", "bedrock_url": "http://local", "home": Path("/nowhere"), "region": "us-west-2"}
    return Scene(Settings.model_validate({**given, **more}), DRAWS)


def drive(flow: Flow[T]) -> tuple[T, list[JobRecord]]:
    """Grants every wish; the flow's result, and the jobs as they were recorded."""
    jobs: list[JobRecord] = []
    answer: object = None
    while True:
        try:
            wish = flow.send(answer)
        except StopIteration as stop:
            return stop.value, jobs
        answer = wish.function() if isinstance(wish, Work) else None
        if isinstance(wish, Ask):
            operation: Operation[object] = wish.operation
            if not isinstance(operation, Script):
                answer = {}  # no model is marked as retired
                continue
            jobs += [_record(row) for row in as_array(operation.args.get("jobs"))]
            answers = {"accept": ops.Accepted(ops.Verdict.ACCEPTED, "job_x"), "admit": ops.Admission((), None, "")}
            answer = {**answers, "lanes": steering.Overview(0, 0, (), {})}[operation.name]


def _record(row: object) -> JobRecord:
    fields = as_object(as_object(row)["fields"])
    return JobRecord.from_fields({name: str(value) for name, value in fields.items()})


def submitted(request: Request, known: Scene | None = None, options: SubmitOptions | None = None) -> JobRecord:
    *_, job = drive(submit(known or scene(), request, options or {}))[1]
    return job


def test_advice_is_a_warning_and_stands_in_the_job_without_the_prompt() -> None:
    with pytest.warns(PromptWarning, match='/textToImageParams/text: image models do not understand "no"') as caught:
        job = submitted(NO_CARS)
    assert [str(one.message) for one in caught] == job.warnings
    assert "secret" not in job.warnings[0]


def test_a_prompt_without_fault_and_a_short_one_warn_nobody() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert submitted(TextImage("a red sailboat on a calm sea")).warnings == []
        assert submitted(TextImage("boat")).warnings == []


def test_advice_can_be_switched_off() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert submitted(NO_CARS, scene(advice=False)).warnings == []
    assert "DARKROOM_ADVICE" not in str(Settings())


def test_a_native_body_gets_advice_at_its_own_places() -> None:
    with pytest.warns(PromptWarning, match="/prompt: it begins with an order"):
        job = submitted(
            StableInpaint(picture(), "add a hat to the man", mask=mask()),
            options={"model": "us.stability.stable-image-inpaint-v1:0"},
        )
    assert len(job.warnings) == 1


def test_advice_is_about_the_request_as_it_was_asked_for_when_another_model_does_it() -> None:
    with pytest.warns(PromptWarning, match="/textToImageParams/text") as caught:
        job = submitted(NO_CARS, options={"model": "auto", "substitute": "equivalent"})
    assert (job.model, len(caught)) == (CORE, 1)
    assert job.warnings == [str(caught[0].message)]


STEPS: list[NamedStep] = [("first", NO_CARS), ("second", Outpainting(text="a wide beach", mask_prompt="it"))]


def test_each_step_of_a_chain_has_its_own_advice() -> None:
    with pytest.warns(PromptWarning) as caught:
        _, jobs = drive(chain(scene(), STEPS, None, {"model": NOVA}))
    assert [str(one.message).partition(":")[0] for one in caught] == ["Step 'first'", "Step 'second'"]
    assert {job.step: len(job.warnings) for job in jobs} == {"first": 1, "second": 1}


def test_a_plan_shows_the_advice_and_warns_nobody() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plan, _ = drive(preview(scene(), STEPS, None, {"model": NOVA}))
    assert [text.partition(":")[0] for text in plan.warnings] == ["Step 'first'", "Step 'second'"]


def test_a_job_says_by_which_prices_it_was_estimated() -> None:
    job = submitted(TextImage("a red sailboat at sea"))
    assert (job.price_microusd, job.price_book) == (40_000, BUILT_IN.version)


def test_the_deployments_own_prices_are_those_of_the_plan_and_of_the_job(tmp_path: Path) -> None:
    file = tmp_path / "prices.json"
    rows = [{"model": NOVA, "usd": 0.05}, {"model": CORE, "usd": None}]
    file.write_text(json.dumps({"version": "studio-1", "prices": rows}))
    known = scene(prices=file)
    wish = TextImage("a red sailboat at sea", number_of_images=2)
    job = submitted(wish, known)
    assert (job.price_microusd, job.price_book) == (100_000, f"{BUILT_IN.version}+studio-1")
    plan, _ = drive(preview(known, [("boat", wish)], None, {"model": NOVA}))
    assert plan.price_usd is not None
    assert float(plan.price_usd) == pytest.approx(0.1)

    unknown = submitted(wish, known, {"model": "auto", "substitute": "equivalent"})
    added = {"id": "job_x", "state": "queued", "sequence": "1", "calls": "2", "created_ms": "1700000000000"}
    cost = job_view(unknown.as_fields() | added).cost
    assert (unknown.model, unknown.price_microusd) == (CORE, None)
    assert (cost.estimated_usd, cost.actual_usd, cost.price_book) == (None, 0, f"{BUILT_IN.version}+studio-1")


def test_a_free_step_names_no_prices() -> None:
    steps: list[NamedStep] = [("boat", TextImage("a red sailboat at sea")), ("flat", Flatten())]
    _, jobs = drive(chain(scene(), steps, None, {"model": NOVA}))
    assert {job.step: (job.price_microusd, bool(job.price_book)) for job in jobs} == {"boat": (40_000, True), "flat": (0, False)}
