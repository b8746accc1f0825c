"""Conditions of workflow steps: what can be written, what it means, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from darkroom_shared.core.conditions import Condition, ConditionError, at_path, holds, parse, values_in, with_values

FACTS: Mapping[str, object] = {
    "check.passed": True,
    "cut.passed": False,
    "cut.state": "failed",
    "vary.count": 3,
    "vary.width": 512,
    "ask.json": {"score": 7.5, "ok": False, "tags": ["red", {"deep": "x"}], "none": None, "name": "cat"},
}


def look(asked: Mapping[str, object]) -> object:
    found = FACTS.get(f"{asked['step']}.{asked['value']}")
    path = asked.get("path", [])
    assert isinstance(path, list)
    return at_path(found, path)


@pytest.mark.parametrize(
    ("text", "true"),
    [
        ("$steps.check.passed", True),
        ("$steps.cut.passed", False),
        ("not $steps.cut.passed", True),
        ("$steps.check.passed and $steps.cut.passed", False),
        ("$steps.check.passed or $steps.cut.passed", True),
        ("$steps.check.passed or $steps.cut.passed and $steps.cut.passed", True),
        ("($steps.check.passed or $steps.cut.passed) and $steps.cut.passed", False),
        ("$steps.vary.count >= 3 and $steps.vary.count < 3.5", True),
        ("$steps.vary.count != 3", False),
        ("$steps.vary.width <= -1", False),
        ("$steps.cut.state == 'failed'", True),
        ('$steps.cut.state != "failed"', False),
        ("$steps.ask.json.score > 7", True),
        ("$steps.ask.json.tags.0 == 'red'", True),
        ("$steps.ask.json.tags.1.deep == 'x'", True),
        ("$steps.ask.json.tags.9 == 'x'", False),
        ("$steps.ask.json.ok == false", True),
        ("$steps.ask.json.missing == 0", False),
        ("$steps.ask.json.none != 0", True),
        ("$steps.ask.json.name > 3", False),
        ("$steps.ask.json.tags == 'red'", False),
        ("$steps.check.passed == 1", False),
        ("$steps.vary.count == true", False),
        ("true", True),
        ("3 < 4", True),
    ],
)
def test_a_condition_means_what_it_says(text: str, true: bool) -> None:
    assert holds(parse(text), look) is true


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "ends where a value"),
        ("$steps.check.passed and", "ends where a value"),
        ("$steps.check.pased", "there are passed, state"),
        ("$steps.check", "no value of a step"),
        ("$steps.Check.passed", "no value of a step"),
        ("$steps.check.count.x == 1", "no value of a step"),
        ("$steps.ask.json. == 1", "no value of a step"),
        ("($steps.check.passed", "a ) is missing"),
        ("$steps.check.passed)", "is not expected"),
        ("3", "neither true nor false"),
        ("check.passed", "cannot be read from '.passed'"),
        ("check", "values of steps look like"),
        ("$steps.check.passed = true", "cannot be read from '= true'"),
        ("__import__('os')", "cannot be read"),
        ("not " * 30 + "true", "too deeply"),
        ("true and " * 100 + "true", "at most 500"),
    ],
)
def test_what_is_no_condition_is_refused_with_its_place(text: str, told: str) -> None:
    with pytest.raises(ConditionError) as error:
        parse(text)
    assert told in str(error.value)


def test_the_values_of_a_condition_can_be_found_and_put_differently() -> None:
    condition: Condition = parse("not ($steps.a.passed and $steps.b.count > 2)")
    assert [value["step"] for value in values_in(condition)] == ["a", "b"]
    changed = with_values(condition, lambda value: {"job": f"job of {value['step']}", "value": value["value"]})
    assert [value["job"] for value in values_in(changed)] == ["job of a", "job of b"]
