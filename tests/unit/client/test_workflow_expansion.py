"""Documents of workflows: what is read, what becomes of parameters, fan-outs and references, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from darkroom import InvalidRequest, LedgerUnavailable, NoRoute
from darkroom.effects import Ask, Flow, Work
from darkroom.graphs import templates
from darkroom.graphs.document import as_json, read_document, read_text
from darkroom.graphs.running import Asked, preview
from darkroom.launching import Scene
from darkroom.plans import Plan, PlannedStep
from darkroom_shared.core.conditions import written
from darkroom_shared.store.operation import Script
from darkroom_shared.task_types import as_object
from tests.support.bodies import picture
from tests.support.terms import settings
from tests.unit.client.test_submit_flow import DRAWS

MAKE = {"do": "text-image", "with": {"text": "a jar", "count": 3}}


def driven(flow: Flow[Plan]) -> Plan:
    """Runs a flow that asks for little but work; of the ledger it learns that no model is marked, and of its lanes nothing."""
    answer: object = None
    while True:
        try:
            lanes = isinstance(answer, Ask) and isinstance(answer.operation, Script)
            wish = flow.throw(LedgerUnavailable("away")) if lanes else flow.send(answer)
        except StopIteration as stop:
            found: Plan = stop.value
            return found
        if isinstance(wish, Work):
            answer = wish.function()
        else:
            answer = wish if isinstance(wish, Ask) and isinstance(wish.operation, Script) else set[str]()


def planned(steps: Mapping[str, object], arguments: Mapping[str, object] | None = None, **more: object) -> dict[str, PlannedStep]:
    document = read_document({"model": "auto", "substitute": "approximate", **more, "steps": steps})
    plan = driven(preview(Scene(settings(), DRAWS), Asked(document, arguments or {}, ""), {}))
    return {step.name: step for step in plan.steps}


def problems(steps: Mapping[str, object], arguments: Mapping[str, object] | None = None, **more: object) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as caught:
        planned(steps, arguments, **more)
    return {problem.pointer: problem.message for problem in caught.value.problems}


def test_a_step_that_names_nothing_takes_the_pictures_of_the_one_before_it() -> None:
    steps = planned({"make": MAKE, "big": {"do": "fast-upscale"}, "flat": {"step": {"kind": "flatten"}}})
    assert [steps[name].needs for name in ("make", "big", "flat")] == [(), ("make",), ("big",)]


def test_needs_says_whose_pictures_are_taken_whatever_stands_before() -> None:
    steps = planned({"a": MAKE, "b": MAKE, "big": {"do": "fast-upscale", "needs": ["a"]}})
    assert steps["big"].waits_for == ("a",)


def test_the_order_of_steps_may_be_any() -> None:
    steps = planned({"sheet": {"step": {"kind": "contact_sheet"}, "images": "$steps.make.outputs"}, "make": MAKE})
    assert list(steps) == ["make", "sheet"]
    assert steps["make"].needs == ()


def test_a_fan_out_over_pictures_runs_once_for_each_and_is_gathered_behind() -> None:
    steps = planned(
        {
            "make": MAKE,
            "big": {"do": "fast-upscale", "for_each": "$steps.make.outputs"},
            "sheet": {"step": {"kind": "contact_sheet"}, "images": "$steps.big.outputs", "enough": 2},
        }
    )
    assert [steps[f"big_{n}"].request["image"] for n in (1, 2, 3)] == [f"$steps.make.outputs[{n}]" for n in range(3)]
    assert steps["big_3"].wants == {"make": 3}
    assert steps["sheet"].soft == {"big_1": "gather", "big_2": "gather", "big_3": "gather"}
    assert steps["sheet"].enough == 2
    assert {steps[f"big_{n}"].of for n in (1, 2, 3)} == {"big"}


def test_a_fan_out_over_a_list_puts_its_items_in() -> None:
    sizes = [{"w": 320, "name": "small"}, {"w": 640, "name": "large"}]
    steps = planned(
        {
            "make": {
                "for_each": sizes,
                "do": "text-image",
                "with": {"text": "jar ${number} for the ${item.name} ${params.place}", "seed": "$params.seed", "width": "$item.w"},
            },
            "big": {"do": "fast-upscale", "images": ["$steps.make.outputs[1]"]},
        },
        {"seed": 7},
        parameters={"seed": {"type": "integer"}, "place": {"type": "text", "default": "shelf"}},
    )
    asked = [steps[name].asked or steps[name].request for name in ("make_1", "make_2")]
    assert [as_object(body["textToImageParams"])["text"] for body in asked] == [
        "jar 1 for the small shelf",
        "jar 2 for the large shelf",
    ]
    assert [as_object(body["imageGenerationConfig"]) for body in asked] == [{"seed": 7, "width": 320}, {"seed": 7, "width": 640}]
    assert steps["big"].request["image"] == "$steps.make_2.outputs[0]"


def test_what_is_put_in_is_not_read_as_a_reference() -> None:
    body = {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "$params.words"}}
    parameters = {"words": {"type": "text"}}
    for text in ("$steps.make.outputs", "$params.words", "${params.words}"):
        steps = planned({"make": MAKE, "other": {"request": body}}, {"words": text}, parameters=parameters)
        asked = steps["other"].asked or steps["other"].request
        assert as_object(asked["textToImageParams"])["text"] == text


def test_a_condition_of_a_fan_out_looks_at_the_run_with_its_own_number() -> None:
    judge = {"do": "extract", "with": {"prompt": "score it", "schema": {"type": "object"}}, "for_each": "$steps.make.outputs"}
    big = {"do": "fast-upscale", "for_each": "$steps.make.outputs", "when": "$steps.judge.json.score > 5"}
    steps = planned({"make": MAKE, "judge": judge, "big": big})
    when = steps["big_2"].when
    assert when is not None
    assert written(when) == "$steps.judge_2.json.score > 5"
    assert steps["big_2"].soft == {"judge_2": "watch"}
    one = {"do": "fast-upscale", "images": ["$steps.make.outputs[0]"], "when": "$steps.judge_1.passed"}
    first = planned({"make": MAKE, "judge": judge, "one": one})
    assert first["one"].soft == {"judge_1": "watch"}
    wrong = problems({"make": MAKE, "judge": judge, "one": {"do": "fast-upscale", "when": "$steps.judge.passed"}})
    assert "runs 3 times" in wrong["/steps/one/when"]


def test_a_gate_shows_what_stands_before_it_and_hands_on_as_many_as_are_chosen() -> None:
    steps = planned({"make": MAKE, "pick": {"approve": {"choose": 1}}, "big": {"do": "fast-upscale"}})
    assert steps["pick"].request["images"] == [f"$steps.make.outputs[{n}]" for n in range(3)]
    assert steps["pick"].soft == {"make": "gather"}, "a picture that a filter kept back is not shown"
    assert (steps["pick"].kind, steps["pick"].price_usd, steps["pick"].images) == ("gate", 0, 1)
    assert steps["big"].request["image"] == "$steps.pick.outputs[0]"


def test_a_step_with_answers_hands_on_the_pictures_that_it_looked_at() -> None:
    steps = planned({"make": MAKE, "look": {"do": "describe"}, "big": {"do": "fast-upscale"}})
    assert steps["big"].request["image"] == "$steps.make.outputs[0]"


def test_a_step_may_have_a_model_a_class_and_attempts_of_its_own() -> None:
    steps = planned(
        {"make": {**MAKE, "model": "amazon.nova-canvas-v1:0", "class": "bulk", "attempts": 1}, "big": {"do": "fast-upscale"}}
    )
    assert steps["make"].model == "amazon.nova-canvas-v1:0"
    assert (steps["make"].policy.job_class, steps["make"].policy.attempts) == ("bulk", 1)
    assert steps["big"].policy.model is None


@pytest.mark.parametrize(
    ("document", "where", "told"),
    [
        ({"steps": {}}, "/steps", "at least 1 item"),
        ({"steps": {"a": {}}}, "/steps/a", "has none of them"),
        ({"steps": {"a": {**MAKE, "step": {"kind": "flatten"}}}}, "/steps/a", "has do and step"),
        ({"steps": {"A": MAKE}}, "/steps/A", "match pattern"),
        ({"steps": {"a": {**MAKE, "wen": "true"}}}, "/steps/a/wen", "there is no 'wen' here"),
        ({"steps": {"a": {"approve": {"choose": 0}}}}, "/steps/a/approve/choose", "greater than or equal to 1"),
        ({"steps": {"a": {**MAKE, "when": "1 <"}}}, "/steps/a/when", "ends where a value is expected"),
        ({"steps": {"a": {**MAKE, "attempts": 99}}}, "/steps/a/attempts", "less than or equal to 10"),
        ({"steps": {"a": MAKE}, "budget_usd": 0}, "/budget_usd", "greater than 0"),
        ({"steps": {"a": MAKE}, "parameters": {"x": {"type": "picture"}}}, "/parameters/x/type", "'picture'"),
        ("steps", "", "valid dictionary"),
    ],
)
def test_a_document_of_a_wrong_form_is_refused_with_its_place(document: object, where: str, told: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_document(document)
    assert told in {problem.pointer: problem.message for problem in caught.value.problems}[where]


def test_everything_that_is_wrong_with_steps_is_told_at_once() -> None:
    found = problems(
        {
            "a": {"do": "paint", "with": {}},
            "b": {"do": "text-image", "with": {"text": "x", "colour": "red"}},
            "c": {"do": "fast-upscale", "images": ["$steps.nobody.outputs[0]"]},
            "d": {"step": {"kind": "resize", "width": 10}, "images": ["$steps.b.outputs[0]"]},
            "e": {"do": "text-image", "with": {"text": "${params.nothing}"}},
            "f": {"do": "fast-upscale", "for_each": []},
            "g": {"do": "text-image", "with": {"text": "$item"}},
        }
    )
    assert set(found) == {
        "/steps/a/do",
        "/steps/b/with/colour",
        "/steps/c",
        "/steps/d/step",
        "/steps/e/with/text",
        "/steps/f/for_each",
        "/steps/g/with/text",
    } | {where for where in found if where.startswith(("/steps/c/", "/steps/e/", "/steps/g/"))}


def test_sizes_are_checked_through_all_steps() -> None:
    steps = {
        "small": {"step": {"kind": "resize", "width": 200, "height": 200}, "images": ["$params.photo"]},
        "cut": {"step": {"kind": "crop", "x": 100, "y": 0, "width": 101, "height": 50}},
    }
    found = problems(steps, {"photo": picture(512, 512)}, parameters={"photo": {"type": "image"}})
    assert "/steps/cut/step" in next(iter(found))


def test_steps_that_wait_for_each_other_are_refused() -> None:
    steps = {"a": {"do": "fast-upscale", "images": "$steps.b.outputs"}, "b": {"do": "fast-upscale", "images": "$steps.a.outputs"}}
    assert "wait for each other" in problems(steps)["/steps/a"]


def test_the_runs_of_a_step_must_not_be_called_like_another() -> None:
    fan = {"do": "text-image", "with": {"text": "x"}, "for_each": [1, 2]}
    assert "'a_2', and so is another step" in problems({"a": fan, "a_2": MAKE})["/steps/a"]


def test_steps_that_mention_all_before_them_are_read_at_once() -> None:
    """There are 2^99 ways through a hundred steps that each wait for every one before; none may be walked twice."""
    steps: dict[str, object] = {}
    for number in range(100):
        steps[f"s{number}"] = {"step": {"kind": "palette", "colors": ["#ff0000"]}, "images": [], "needs": list(steps)}
    assert len(planned(steps)) == 100


def test_a_workflow_does_not_become_larger_than_the_ledger_takes() -> None:
    fan = {"do": "text-image", "with": {"text": "x"}, "for_each": list(range(300))}
    assert "more than 500 steps" in " ".join(problems({"a": fan, "b": fan}).values())


@pytest.mark.parametrize(
    ("kind", "value", "told"),
    [
        ("integer", "7", "is no integer"),
        ("integer", True, "is no integer"),
        ("integer", 99, "outside its bounds"),
        ("number", "x", "is no number"),
        ("boolean", 1, "is no boolean"),
        ("text", "x" * 11, "11 characters"),
        ("text", 5, "is no text"),
        ("color", "red", "is no color"),
        ("texts", "x", "is no list"),
        ("texts", ["x"] * 11, "11 items"),
        ("image", 5, "is no image"),
        ("image", "$steps.a.outputs[0]", "is no image"),
        ("images", [1], "is no image"),
    ],
)
def test_an_argument_is_checked_against_its_parameter(kind: str, value: object, told: str) -> None:
    parameters = {"x": {"type": kind, "maximum": 10}}
    assert told in problems({"a": MAKE}, {"x": value}, parameters=parameters)["/parameters/x"]


def test_a_missing_argument_and_one_too_many_are_told() -> None:
    found = problems({"a": MAKE}, {"y": 1}, parameters={"x": {"type": "text"}})
    assert found == {"/parameters/y": "there is no parameter 'y'", "/parameters/x": "x must be given"}


def test_a_budget_below_the_price_is_refused() -> None:
    assert "cost $0.1200" in problems({"a": MAKE}, budget_usd=0.1)["/budget_usd"]
    assert planned({"a": MAKE}, budget_usd=0.12)["a"].price_usd is not None
    look = {"do": "describe", "images": ["$steps.a.outputs[0]"]}
    assert "price of look is not known" in problems({"a": MAKE, "look": look}, budget_usd=9)["/budget_usd"]


def test_a_step_for_which_there_is_no_model_is_refused() -> None:
    with pytest.raises(NoRoute):
        remove = {"do": "inpainting", "with": {"image": "$params.photo", "mask_prompt": "the cat"}}
        parameters = {"photo": {"type": "image"}}
        planned({"a": remove}, {"photo": picture(512, 512)}, parameters=parameters, substitute="equivalent")


def test_yaml_and_json_say_the_same() -> None:
    json_text = '{"steps": {"make": {"do": "text-image", "with": {"text": "a jar"}, "when": "true"}}}'
    yaml_text = "steps:\n  make:\n    do: text-image\n    with: {text: a jar}\n    when: 'true'\n"
    assert read_text(json_text, yaml=False) == read_text(yaml_text, yaml=True)
    document = read_text(yaml_text, yaml=True)
    assert read_document(as_json(document)) == document


@pytest.mark.parametrize(
    ("text", "yaml", "told"),
    [
        ("{", False, "line 1, column 2"),
        ("steps: [", True, "line 1"),
        ("a: &x 1\nb: *x\n", True, "an alias"),
        ("a: 1\na: 2\n", True, "stands there twice (line 2, column 1)"),
        ("!!python/object:os.system {}", True, "no YAML"),
        ("[" * 100_000, False, "nested too deeply"),
        ("[" * 600_000, False, "600,000 characters"),
        ("a: 1\n\tb: 2", True, "no YAML"),
    ],
)
def test_a_text_that_cannot_be_read_is_refused_with_line_and_column(text: str, yaml: bool, told: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_text(text, yaml=yaml)
    assert told in caught.value.problems[0].message


ARGUMENTS: Mapping[str, Mapping[str, object]] = {
    "best-of": {"prompt": "a jar"},
    "catalogue-sizes": {"photo": picture(512, 512)},
    "palette-sweep": {"prompt": "a jar"},
    "relight": {"photo": picture(512, 512)},
    "replace-object": {"photo": picture(512, 512), "old": "the cat", "new": "a dog"},
    "zoom-out": {"photo": picture(512, 512)},
}


@pytest.mark.parametrize("name", sorted(templates.builtins()))
def test_a_built_in_workflow_can_be_planned_on_living_models(name: str, tmp_path: Path) -> None:
    template = templates.builtins()[name]
    plan = driven(preview(Scene(settings(), DRAWS), Asked(template.document, ARGUMENTS[name], name), {}))
    assert template.document.name == name
    assert template.document.description
    assert all(step.kind != "bedrock" or step.route is not None for step in plan.steps)
