"""Workflows from documents against a real ledger: gates, conditions, budgets, going on, forks, templates; worked by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from darkroom import (
    BackgroundRemoval,
    ContactSheet,
    Darkroom,
    FastUpscale,
    Gate,
    Graph,
    ImageVariation,
    InvalidRequest,
    JobState,
    Node,
    NothingToDecide,
    Outpainting,
    UnknownJob,
    WorkflowHandle,
    each,
    group,
    step,
)
from darkroom.graphs.builder import start
from darkroom_shared.core.failure import Failure, FailureKind
from tests.integration.client.hand_worker import HandWorker
from tests.support.bodies import picture

BROKEN = Failure(FailureKind.PERMANENT, "invalid_input", "no", billed=False)
MAKE: Mapping[str, object] = {"do": "text-image", "with": {"text": "a jar", "count": 3}}
ONE: Mapping[str, object] = {"do": "text-image", "with": {"text": "a jar"}}
BIG: Mapping[str, object] = {"do": "fast-upscale"}
SMALL: Mapping[str, object] = {"step": {"kind": "resize", "width": 64, "height": 64}, "needs": ["make"]}


def run(room: Darkroom, steps: Mapping[str, object], **more: object) -> WorkflowHandle:
    return room.run({"model": "auto", "substitute": "approximate", "steps": steps, **more})


def fanned(*arms: Node) -> Graph:
    """A cut-out, steps side by side that work on it, and a sheet of what they made."""
    return start(picture()) | step(BackgroundRemoval(), "cut") | group(*arms) | step(ContactSheet(), "sheet")


def states(flow: WorkflowHandle) -> dict[str, str]:
    return {one.step: one.state.value for one in flow.status().steps}


def finish(worker: HandWorker, *names: str, failure: Failure | None = None) -> list[str]:
    """Ends the calls of these steps, every one that can be had if none is named; the names of all that were claimed."""
    claimed: list[str] = []
    while (claim := worker.claim()) is not None:
        claimed.append(claim.job["step"])
        worker.finish(claim, failure if claim.job["step"] in names else None)
    return claimed


def test_a_diamond_runs_its_arms_side_by_side_and_joins_once(room: Darkroom, worker: HandWorker) -> None:
    scenes = [step(Outpainting(text=f"a beach, {number}"), f"scene_{number}") for number in range(5)]
    flow = room.run(
        start(picture()) | step(BackgroundRemoval(), "cut") | group(*scenes) | step(ContactSheet(), "sheet"), model="auto"
    )
    claimed = finish(worker)
    assert claimed.count("sheet") == 1
    assert set(claimed[-6:-1]) == {f"scene_{number}" for number in range(5)}
    view = flow.result(timeout=5)
    assert view.state is JobState.SUCCEEDED
    assert len([one for one in view.steps if one.state is JobState.SUCCEEDED]) == len(view.steps)


def test_an_arm_that_fails_leaves_the_others_to_the_join(room: Darkroom, worker: HandWorker) -> None:
    arms = [step(Outpainting(text=f"a beach, {number}"), f"arm_{number}") for number in range(3)]
    flow = room.run(
        start(picture()) | step(BackgroundRemoval(), "cut") | group(*arms) | step(ContactSheet(), "sheet"), model="auto"
    )
    finish(worker, "arm_1", failure=BROKEN)
    assert states(flow)["sheet"] == "succeeded"
    assert flow.status().state is JobState.PARTIAL
    assert flow.result(5).state is JobState.PARTIAL, "it gave what it was for"
    assert flow.images() == flow.steps["sheet"].images()


def test_going_on_runs_what_failed_and_what_waited_for_it_and_nothing_else(room: Darkroom, worker: HandWorker) -> None:
    sheet = {"step": {"kind": "contact_sheet"}, "images": "$steps.big.outputs"}
    flow = run(room, {"make": MAKE, "big": {**BIG, "for_each": "$steps.make.outputs"}, "sheet": sheet})
    finish(worker, "big_2", failure=BROKEN)
    assert {name: state for name, state in states(flow).items() if state != "succeeded"} == {"big_2": "failed"}
    again = flow.resume()
    assert again.id == flow.id
    assert finish(worker) == ["big_2", "sheet"]
    assert set(states(again).values()) == {"succeeded"}
    assert again.status().state is JobState.SUCCEEDED
    with pytest.raises(NothingToDecide, match="Nothing is missing"):
        again.resume()
    assert room.dead_letters() == []


def test_going_on_with_a_change_runs_that_step_and_all_after_it_anew(room: Darkroom, worker: HandWorker) -> None:
    flow = run(room, {"make": ONE, "big": BIG, "other": {**ONE, "with": {"text": "a cup"}}})
    finish(worker)
    again = flow.resume({"make": {"textToImageParams": {"text": "a blue jar"}}})
    assert finish(worker) == ["make", "big"]
    assert again.steps["other"].id == flow.steps["other"].id
    made = again.steps["make"].status()
    assert "a blue jar" in str(made.asked or made.request)
    with pytest.raises(InvalidRequest, match="no step 'mak'"):
        again.resume({"mak": {"a": 1}})
    with pytest.raises(InvalidRequest, match="/steps/make"):
        again.resume({"make": {"imageGenerationConfig": {"numberOfImages": 30}}})


def test_a_chain_can_be_gone_on_with_as_well(room: Darkroom, worker: HandWorker) -> None:
    steps = BackgroundRemoval(picture()), Outpainting(text="a beach"), ImageVariation(text="evening")
    flow = room.chain(*steps, model="amazon.nova-canvas-v1:0")
    finish(worker, "outpainting", failure=BROKEN)
    assert states(flow)["variation"] == "canceled"
    flow.resume()
    assert finish(worker) == ["outpainting", "variation"]
    assert flow.status().state is JobState.SUCCEEDED


def test_two_cannot_go_on_with_the_same_workflow(room: Darkroom, worker: HandWorker) -> None:
    flow = run(room, {"make": ONE, "big": BIG})
    finish(worker, "make", failure=BROKEN)
    flow.resume()
    with pytest.raises(NothingToDecide, match="has not ended"):
        flow.resume()
    flow.cancel()
    assert states(flow) == {"make": "canceled", "big": "canceled"}


def test_a_fork_begins_with_what_is_finished_and_leaves_the_first_alone(room: Darkroom, worker: HandWorker) -> None:
    flow = run(room, {"make": ONE, "big": BIG, "small": SMALL})
    finish(worker)
    fork = flow.fork(after="make", changes={"small": {"width": 32}})
    assert fork.id != flow.id
    assert sorted(finish(worker)) == ["big", "small"]
    view = fork.status()
    assert view.forked_from == flow.id
    assert view.state is JobState.SUCCEEDED
    assert fork.steps["make"].id == flow.steps["make"].id
    assert view.cost.actual_usd == pytest.approx(0.01)
    assert "32" in str(fork.steps["small"].status().request)
    assert "64" in str(flow.steps["small"].status().request)
    with pytest.raises(InvalidRequest, match="is no step that gave results"):
        flow.fork(after="nobody")
    with pytest.raises(InvalidRequest, match="every step of"):
        flow.fork()


def test_a_person_chooses_by_the_token_of_a_gate(room: Darkroom, worker: HandWorker) -> None:
    flow = run(room, {"make": MAKE, "pick": {"approve": {"choose": 1, "question": "Which?", "within_s": 600}}, "big": BIG})
    [gate] = flow.gates()
    assert (gate.is_asked, gate.until, gate.pictures) == (False, None, ())
    with pytest.raises(NothingToDecide, match="not asked yet"):
        room.approve(gate.token, choose=[0])
    finish(worker)
    [gate] = flow.gates()
    assert (gate.is_asked, gate.question, gate.choose, len(gate.pictures)) == (True, "Which?", 1, 3)
    assert gate.until is not None
    for wrong in ("ap_x", "äp_", "", gate.token[:-1] + ("0" if gate.token[-1] != "0" else "1"), gate.token.upper()):
        with pytest.raises(InvalidRequest, match="no token of a gate"):
            room.approve(wrong, choose=[0])
    with pytest.raises(InvalidRequest, match="no choice among 3 pictures"):
        room.approve(gate.token)
    assert room.approve(gate.token, choose=[2], by="ann", note="the best light") == gate.job_id
    with pytest.raises(NothingToDecide, match="ended already"):
        room.reject(gate.token)
    assert finish(worker) == ["big"]
    [gate] = flow.gates()
    assert gate.decision is not None
    assert (gate.decision["by"], gate.decision["note"], gate.decision["chosen"]) == ("ann", "the best light", [2])
    assert flow.steps["big"].status().state is JobState.SUCCEEDED


def test_a_rejected_gate_can_be_asked_again(room: Darkroom, worker: HandWorker) -> None:
    flow = run(room, {"make": ONE, "pick": {"approve": {}}, "big": BIG})
    finish(worker)
    flow.reject("pick", by="bob")
    assert states(flow) == {"make": "succeeded", "pick": "rejected", "big": "canceled"}
    flow.resume()
    flow.approve("pick")
    assert finish(worker) == ["big"]
    with pytest.raises(InvalidRequest, match="has no step 'peck'"):
        flow.approve("peck")
    with pytest.raises(UnknownJob):
        flow.approve("make")


def test_a_condition_leaves_steps_out_and_the_workflow_has_succeeded(room: Darkroom, worker: HandWorker) -> None:
    yes = {**BIG, "needs": ["make"], "when": "$steps.make.count == 1"}
    no = {**BIG, "needs": ["make"], "when": "$steps.make.count > 1"}
    flow = run(room, {"make": ONE, "yes": yes, "no": no})
    assert sorted(finish(worker)) == ["make", "yes"]
    assert states(flow)["no"] == "canceled"
    assert flow.result(5).state is JobState.SUCCEEDED
    assert flow.images() == flow.steps["yes"].images()
    assert flow.status().state is JobState.SUCCEEDED
    with pytest.raises(NothingToDecide, match="Nothing is missing"):
        flow.resume()


def test_a_budget_is_kept_and_can_be_raised(room: Darkroom, worker: HandWorker) -> None:
    with pytest.raises(InvalidRequest, match="/budget_usd"):
        run(room, {"a": ONE}, budget_usd=0.03)
    flow = run(room, {"a": ONE}, budget_usd=0.05)
    worker.redis.hset(f"{worker.settings.key_prefix}workflow:{flow.id}", "spent_microusd", 45_000)
    assert worker.claim_only() == "canceled"
    assert [(one.state.value, one.reason) for one in flow.status().steps] == [("canceled", "budget")]
    assert flow.status().budget_usd == 0.05
    with pytest.raises(InvalidRequest, match="/budget_usd"):
        flow.resume()
    flow.resume(budget_usd=1)
    assert finish(worker) == ["a"]


def test_templates_are_kept_by_version_and_run_by_name(room: Darkroom, worker: HandWorker) -> None:
    document: Mapping[str, object] = {
        "name": "jars",
        "model": "auto",
        "parameters": {"text": {"type": "text"}},
        "steps": {"b": {**ONE, "with": {"text": "$params.text"}}, "a": BIG},
    }
    assert room.save_template(document) == "jars@1"
    assert room.save_template(document) == "jars@1", "the same once more"
    assert room.save_template({**document, "description": "better"}) == "jars@2"
    assert room.template("jars").document.description == "better"
    assert room.template("jars@1").document.description == ""
    assert [one.full_name for one in room.templates()][-1] == "jars@2"
    flow = room.run("jars@1", {"text": "a jar"})
    assert finish(worker) == ["b", "a"], "steps keep their order"
    assert flow.status().name == "jars@1"
    for wrong in ("jars@3", "nobody", "Jars", "jars@0"):
        with pytest.raises(InvalidRequest, match="there is no"):
            room.run(wrong)
    with pytest.raises(InvalidRequest, match="comes with darkroom"):
        room.save_template(document, "relight")
    with pytest.raises(InvalidRequest, match="there is no"):
        room.template("jars", tenant="another")
    for image in (picture(), "photo.png"):
        with pytest.raises(InvalidRequest, match="holds pictures"):
            room.save_template(start(image) | step(BackgroundRemoval(), "cut"), "cut")


def test_a_workflow_in_python_is_the_document_that_it_says(room: Darkroom, worker: HandWorker) -> None:
    graph = start(picture()) | step(BackgroundRemoval(), "cut") | Outpainting(text="a beach")
    graph = graph | step(Gate(), "look") | each(FastUpscale())
    document = graph.document(name="py")
    assert list(document.steps) == ["cut", "outpainting", "look", "fast_upscale"]
    assert document.steps["outpainting"].needs == ["cut"]
    assert document.steps["fast_upscale"].for_each == ["$steps.look.outputs"]
    flow = room.run(graph, model="auto")
    finish(worker)
    flow.approve("look")
    assert finish(worker) == ["fast_upscale_1"]
    assert re.fullmatch(r"wf_\w{26}", flow.id)


def test_a_plan_says_what_a_workflow_would_do_and_stores_nothing(room: Darkroom, worker: HandWorker) -> None:
    before = worker.all_keys()
    plan = room.plan_of("relight", {"photo": picture(768, 768)})
    assert [one.name for one in plan.steps] == ["cut", "flatten", "mask_from_alpha", "scene", "vary"]
    assert plan.price_usd is not None
    assert worker.all_keys() == before


def test_the_same_key_gives_the_same_workflow(room: Darkroom, worker: HandWorker) -> None:
    first = room.run({"model": "auto", "steps": {"make": MAKE}}, idempotency_key="k")
    again = room.run({"model": "auto", "steps": {"make": MAKE}}, idempotency_key="k")
    assert (first.id, first.replayed, again.replayed) == (again.id, False, True)
