"""What a submission records: deadlines, assets, dependencies, prices and seeds of the jobs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from darkroom.plans import Plan, PlannedStep
from darkroom.recording import assets_of, single, workflow
from darkroom.terms import Terms
from darkroom_shared.contract.job_record import JobRecord
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.models.catalogue import find_model, seed_of
from tests.support.terms import NOW_MS, terms

NOW = datetime.fromtimestamp(NOW_MS / 1000, UTC)
TITAN = "amazon.titan-image-generator-v2:0"
SHA = "a" * 64
PHOTO = ImageFacts(1024, 768, "PNG", "RGB", 100_000)
JOBS = [f"job_{letter * 26}" for letter in "abc"]


def late() -> Terms:
    return terms(
        TITAN,
        not_before=NOW + timedelta(seconds=60),
        start_within=timedelta(seconds=5),
        finish_by=NOW + timedelta(hours=1),
        job_class="bulk",
    )


def step(name: str, *needs: str, local: bool = False) -> PlannedStep:
    image = f"$steps.{needs[0]}.outputs[0]" if needs else f"asset:{SHA}"
    body: dict[str, object] = {"taskType": "BACKGROUND_REMOVAL", "backgroundRemovalParams": {"image": image}}
    if local:
        body = {"step": {"kind": "flatten"}, "images": [image]}
    planned = PlannedStep(
        name=name,
        kind="local" if local else "bedrock",
        task_type="local.flatten" if local else "BACKGROUND_REMOVAL",
        request=body,
        needs=needs,
        inputs=() if local else (PHOTO,),
        outputs=(),
        images=1,
        price_usd=Decimal(0) if local else Decimal("0.01"),
    )
    return planned if local else late().placed(planned)[0]


def three() -> Plan:
    return Plan((step("cut"), step("flat", "cut", local=True), step("again", "flat")), TITAN, Decimal("0.02"))


def records() -> list[JobRecord]:
    found = workflow(late(), "wf_x", JOBS, three())
    return [JobRecord.from_fields(job.fields) for job in found.jobs]


def test_the_time_to_start_in_counts_from_the_earliest_start() -> None:
    record = JobRecord.from_fields(single(late(), JOBS[0], step("cut")).jobs[0].fields)
    assert (record.not_before_ms, record.start_by_ms) == (NOW_MS + 60_000, NOW_MS + 65_000)
    assert record.finish_by_ms == NOW_MS + 3_600_000


def test_only_the_first_steps_of_a_workflow_can_start_too_late_but_all_must_end_in_time() -> None:
    assert [record.start_by_ms for record in records()] == [NOW_MS + 65_000, 0, 0]
    assert {record.finish_by_ms for record in records()} == {NOW_MS + 3_600_000}


def test_jobs_know_whom_they_need_and_who_waits_for_them() -> None:
    jobs = workflow(late(), "wf_x", JOBS, three()).jobs
    assert [list(job.needs) for job in jobs] == [[], [JOBS[0]], [JOBS[1]]]
    assert [list(job.dependants) for job in jobs] == [[JOBS[1]], [JOBS[2]], []]
    assert [record.needs for record in records()] == [{}, {"cut": JOBS[0]}, {"flat": JOBS[1]}]


def test_a_job_holds_the_assets_it_refers_to() -> None:
    assert [record.inputs for record in records()] == [[SHA], [], []]


def test_assets_are_found_at_any_depth_once() -> None:
    assert assets_of({"a": [f"asset:{SHA}", {"b": f"asset:{SHA}"}], "text": "asset:none", "c": "b" * 64}) == [SHA]


def test_a_local_step_is_free_and_goes_its_own_lane() -> None:
    record = records()[1]
    assert (record.kind, record.lane, record.price_microusd, record.model, record.seed) == ("local", "local", 0, "", None)
    assert record.task_name == "darkroom.step.flatten"


def test_a_paid_step_is_priced_and_goes_its_models_lane() -> None:
    record = records()[0]
    assert (record.kind, record.lane, record.price_microusd) == ("bedrock", TITAN, 10_000)
    assert record.routes == f"us-west-2/{TITAN}"
    assert (record.task_name, record.job_class) == ("darkroom.background_removal", "bulk")


def test_a_workflow_of_local_steps_only_draws_on_no_pool() -> None:
    plan = Plan((step("flat", local=True),), TITAN, Decimal(0))
    assert workflow(late(), "wf_x", JOBS[:1], plan).pools == ()


def test_the_seed_on_record_is_the_one_that_the_service_uses() -> None:
    titan = find_model(TITAN)
    assert seed_of(titan, {"taskType": "TEXT_IMAGE"}) == 42
    assert seed_of(titan, {"taskType": "TEXT_IMAGE", "imageGenerationConfig": {"seed": 0}}) == 0
    assert seed_of(titan, {"taskType": "BACKGROUND_REMOVAL"}) is None
