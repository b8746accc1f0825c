"""The graph of a workflow: references, order, circles, names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom_shared.core.workflow import (
    CycleError,
    Reference,
    dependants,
    free_name,
    is_reference,
    needs_of,
    order,
    parse_reference,
    references,
)


def test_a_reference_is_read_back_as_it_was_written() -> None:
    assert parse_reference(str(Reference("cut_2", 13))) == Reference("cut_2", 13)


@pytest.mark.parametrize(
    "text",
    ["$steps.cut.outputs[-1]", "$steps.cut.outputs[]", "$steps.Cut.outputs[0]", "$steps..outputs[0]", "$steps.cut.outputs[0] "],
)
def test_a_misspelt_reference_is_no_reference_but_is_recognised_as_meant(text: str) -> None:
    assert parse_reference(text) is None
    assert is_reference(text)


def test_references_are_found_at_any_depth_with_their_pointers() -> None:
    body = {"a": {"images": ["x", "$steps.one.outputs[0]"], "m/k": "$steps.two.outputs[1]"}, "t": "see $steps.one.outputs[0]"}
    assert list(references(body)) == [("/a/images/1", Reference("one", 0)), ("/a/m~1k", Reference("two", 1))]


def test_a_step_that_is_referred_to_twice_is_needed_once() -> None:
    assert needs_of(["$steps.b.outputs[0]", "$steps.a.outputs[0]", "$steps.b.outputs[1]"]) == ("b", "a")


def test_order_puts_needed_steps_first_and_keeps_the_rest_as_given() -> None:
    assert order({"last": ["mid"], "free": [], "mid": ["first"], "first": []}) == ["free", "first", "mid", "last"]


def test_steps_that_wait_for_each_other_are_named() -> None:
    with pytest.raises(CycleError) as caught:
        order({"start": [], "a": ["start", "b"], "b": ["c"], "c": ["a"]})
    assert caught.value.steps == ("a", "b", "c")


def test_a_step_that_needs_itself_is_a_circle() -> None:
    with pytest.raises(CycleError):
        order({"a": ["a"]})


def test_dependants_are_needs_the_other_way_round() -> None:
    assert dependants({"a": [], "b": ["a"], "c": ["a", "b"]}) == {"a": ["b", "c"], "b": ["c"], "c": []}


def test_a_free_name_fills_the_first_gap() -> None:
    assert free_name("resize", ["resize", "resize_3"]) == "resize_2"


@given(st.lists(st.integers(0, 5), max_size=6, unique=True).flatmap(lambda _: st.permutations(range(6))), st.data())
def test_every_graph_without_circles_is_ordered_so_that_needs_come_first(given_order: list[int], data: st.DataObject) -> None:
    # Edges lead only from larger to smaller numbers, so there is no circle whatever the order of the steps.
    needs = {
        str(step): [str(need) for need in data.draw(st.lists(st.integers(0, step - 1), unique=True))] if step else []
        for step in given_order
    }
    place = {name: index for index, name in enumerate(order(needs))}
    assert sorted(place) == sorted(needs)
    assert all(place[need] < place[name] for name in needs for need in needs[name])
