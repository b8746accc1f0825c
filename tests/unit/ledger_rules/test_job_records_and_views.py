"""What stands in the ledger as text, and how it is read again."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from darkroom_shared.contract.job_record import JobRecord
from darkroom_shared.contract.messages import CallMessage, step_task_name, task_name
from darkroom_shared.contract.views import attempts_view, call_view, job_view
from darkroom_shared.contract.workflow_views import workflow_state, workflow_view
from darkroom_shared.core.lifecycle import JobState

JOB = "job_" + "0" * 26
words = st.text(max_size=12)

records = st.builds(
    JobRecord,
    kind=st.sampled_from(["bedrock", "local"]),
    task_type=st.just("TEXT_IMAGE"),
    task_name=st.just("darkroom.text_image"),
    request=st.dictionaries(words, words | st.integers() | st.lists(words, max_size=2), max_size=3),
    model=st.sampled_from(["", "m:0"]),
    region=st.sampled_from(["", "us-east-1"]),
    lane=st.just("lane"),
    tenant=st.just("t"),
    job_class=st.sampled_from(["interactive", "standard", "bulk"]),
    images_wanted=st.integers(1, 5),
    price_microusd=st.none() | st.integers(0, 10**6),
    retention_ms=st.integers(1, 10**9),
    not_before_ms=st.integers(0, 10**13),
    start_by_ms=st.integers(0, 10**13),
    finish_by_ms=st.integers(0, 10**13),
    inputs=st.lists(words, max_size=2),
    metadata=st.dictionaries(words, words, max_size=2),
    warnings=st.lists(words, max_size=2),
    seed=st.none() | st.integers(0, 2**31 - 1),
    workflow=st.sampled_from(["", "wf_1"]),
    step=st.sampled_from(["", "a"]),
    needs=st.dictionaries(words, words, max_size=2),
)


@given(record=records)
def test_a_record_comes_back_from_the_ledger_as_it_went_in(record: JobRecord) -> None:
    fields = record.as_fields()
    assert all(isinstance(text, str) for text in fields.values())
    assert JobRecord.from_fields(fields | {"state": "queued", "sequence": "3", "images": "1"}) == record


def job(**more: str) -> dict[str, str]:
    record = JobRecord(
        kind="bedrock",
        task_type="TEXT_IMAGE",
        task_name="x",
        request={"a": 1},
        lane="l",
        tenant="t",
        retention_ms=1,
        price_microusd=40_000,
    )
    added = {"id": JOB, "state": "queued", "sequence": "1", "calls": "2", "created_ms": "1700000000000"}
    return record.as_fields() | added | more


def test_a_new_job_is_shown_with_what_it_will_cost() -> None:
    view = job_view(job())
    assert (view.state, view.is_terminal, view.outputs, view.error) == ("queued", False, (), None)
    assert (view.cost.estimated_usd, view.cost.actual_usd, view.cost.uncertain_usd) == (0.08, 0, 0)
    assert view.timings.created.isoformat() == "2023-11-14T22:13:20+00:00"
    assert (view.timings.started, view.timings.run_s) == (None, None)


def test_a_finished_job_is_shown_with_cost_times_and_failure() -> None:
    failure = {"code": "x", "message": "y", "kind": "permanent", "billed": None, "new_field": 1}
    times = {"started_ms": "1700000001000", "finished_ms": "1700000003500", "expires_ms": "1700000009000"}
    money = {"actual_microusd": "120000", "uncertain_microusd": "40000"}
    view = job_view(job(state="failed", reason="x", failure=json.dumps(failure), **times, **money))
    assert view.is_terminal
    assert (view.cost.actual_usd, view.cost.uncertain_usd, view.timings.run_s) == (0.12, 0.04, 2.5)
    assert view.error is not None
    assert (view.error.code, view.error.billed) == ("x", None)


def test_a_price_that_is_not_known_is_not_zero() -> None:
    fields = job()
    del fields["price_microusd"]
    assert job_view(fields).cost.estimated_usd is None


def test_attempts_are_in_the_order_of_their_start_and_say_which_were_refusals() -> None:
    raw = {
        "1": json.dumps({"attempt": 1, "fence": 2, "started_ms": 2000, "ended_ms": 3500, "outcome": "answered", "billed": True}),
        "snooze-1": json.dumps({"attempt": 1, "fence": 1, "started_ms": 1000, "ended_ms": 1100, "outcome": "throttled"}),
    }
    first, second = attempts_view(raw)
    assert (first.snoozed, second.snoozed, second.duration_s) == (True, False, 1.5)
    call = call_view({"id": JOB + ".0", "state": "done", "fence": "2"}, raw)
    assert call.attempts == (first, second)


S = JobState


@pytest.mark.parametrize(
    ("states", "whole"),
    [
        ([S.QUEUED, S.WAITING], S.QUEUED),
        ([S.RUNNING, S.WAITING], S.RUNNING),
        ([S.SUCCEEDED, S.QUEUED], S.RUNNING),
        ([S.SUCCEEDED, S.SUCCEEDED], S.SUCCEEDED),
        ([S.PARTIAL, S.SUCCEEDED], S.SUCCEEDED),
        ([S.SUCCEEDED, S.PARTIAL], S.PARTIAL),
        ([S.FAILED, S.CANCELED], S.FAILED),
        ([S.SCHEDULED, S.WAITING], S.SCHEDULED),
        ([S.SUCCEEDED, S.REJECTED, S.CANCELED], S.REJECTED),
    ],
)
def test_the_steps_make_the_state_of_their_workflow(states: list[JobState], whole: JobState) -> None:
    steps = [(f"s{n}", state, "dependency" if state is S.CANCELED else "") for n, state in enumerate(states)]
    assert workflow_state(steps, {}) is whole


FORK = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"], "e": ["b"]}


@pytest.mark.parametrize(
    ("ended", "whole"),
    [
        ({}, S.SUCCEEDED),
        ({"c": (S.REJECTED, "content_filter")}, S.PARTIAL),
        ({"c": (S.REJECTED, "check_not_passed")}, S.SUCCEEDED),
        ({"e": (S.CANCELED, "skipped")}, S.SUCCEEDED),
        ({"e": (S.FAILED, "")}, S.PARTIAL),
        ({"e": (S.PARTIAL, "filtered")}, S.PARTIAL),
        ({"d": (S.CANCELED, "budget"), "e": (S.CANCELED, "budget")}, S.CANCELED),
        ({"b": (S.FAILED, ""), "d": (S.CANCELED, "dependency"), "e": (S.CANCELED, "dependency")}, S.FAILED),
        ({"d": (S.WAITING, "approval")}, S.WAITING),
        ({"b": (S.FAILED, ""), "c": (S.RUNNING, "")}, S.RUNNING),
    ],
)
def test_the_last_steps_of_a_graph_decide_about_it(ended: dict[str, tuple[JobState, str]], whole: JobState) -> None:
    steps = [(name, *ended.get(name, (S.SUCCEEDED, ""))) for name in FORK]
    assert workflow_state(steps, FORK) is whole


def test_a_workflow_adds_up_its_steps() -> None:
    steps = [job_view(job(state="succeeded", actual_microusd="40000")), job_view(job(state="running"))]
    view = workflow_view({"id": "wf_1", "created_ms": "1700000000000"}, steps)
    assert (view.state, view.is_terminal) == ("running", False)
    assert (view.cost.estimated_usd, view.cost.actual_usd) == (0.16, 0.04)


def test_a_message_names_a_call_and_nothing_else() -> None:
    message = CallMessage(call_id=JOB + ".0", fence=3)
    assert message.task_id == f"{JOB}.0:3"
    assert set(message.model_dump()) == {"version", "call_id", "fence"}


@pytest.mark.parametrize(
    "wrong",
    [
        {"call_id": "x", "fence": 1},
        {"call_id": JOB + ".0", "fence": 0},
        {"call_id": JOB + ".0", "fence": 1, "version": 2},
        {"call_id": JOB + ".0", "fence": 1, "prompt": "x"},
    ],
)
def test_a_message_of_another_form_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        CallMessage.model_validate(wrong)


def test_tasks_are_named_after_what_they_run() -> None:
    assert (task_name("TEXT_IMAGE"), step_task_name("flatten")) == ("darkroom.text_image", "darkroom.step.flatten")


def test_a_tenant_may_have_the_name_of_a_policy() -> None:
    record = JobRecord(kind="bedrock", task_type="T", task_name="t", request={}, lane="retry", tenant="retry", retention_ms=1)
    assert JobRecord.from_fields(record.as_fields()) == record
