"""The transition table: what it allows, and what no event may ever do."""

from __future__ import annotations

import pytest

from darkroom_shared.core.lifecycle import (
    LEASED_STATES,
    OPEN_JOB_STATE,
    TERMINAL_CALL_STATES,
    TERMINAL_JOB_STATES,
    TRANSITIONS,
    CallState,
    Event,
    JobState,
    sources,
    target,
)
from darkroom_shared.store.loading import lifecycle_tables

HAPPY = [Event.ADMIT, Event.CLAIM, Event.GATE, Event.RECEIPT, Event.COMMIT]


def test_the_happy_path_leads_from_parked_to_done() -> None:
    seen = [CallState.PARKED]
    for event in HAPPY:
        after = target(event, seen[-1])
        assert after is not None
        seen.append(after)
    assert seen == ["parked", "admitted", "claimed", "calling", "responded", "done"]


@pytest.mark.parametrize("event", list(Event))
def test_no_event_leaves_a_terminal_state(event: Event) -> None:
    assert not TRANSITIONS[event].sources & TERMINAL_CALL_STATES


@pytest.mark.parametrize("state", [state for state in CallState if state not in TERMINAL_CALL_STATES])
def test_every_open_state_can_be_left_and_shows_in_its_job(state: CallState) -> None:
    exits = {target(event, state) for event in Event} - {None}
    assert exits
    assert not OPEN_JOB_STATE[state].is_terminal


@pytest.mark.parametrize("state", list(CallState))
def test_every_state_but_the_first_can_be_reached(state: CallState) -> None:
    reached = {CallState.PARKED}
    while True:
        more = {row.target for row in TRANSITIONS.values() if row.sources & reached} - reached
        if not more:
            break
        reached |= more
    assert state in reached


def test_every_open_state_can_come_to_an_end() -> None:
    ends = set(TERMINAL_CALL_STATES)
    while True:
        more = {state for row in TRANSITIONS.values() if row.target in ends for state in row.sources} - ends
        if not more:
            break
        ends |= more
    assert ends == set(CallState)


def test_money_is_spent_only_behind_the_gate() -> None:
    assert [event for event, row in TRANSITIONS.items() if row.target is CallState.CALLING] == [Event.GATE]
    assert TRANSITIONS[Event.GATE].sources == {CallState.CLAIMED}


def test_a_call_that_may_be_under_way_cannot_be_canceled_or_expire() -> None:
    for event in (Event.CANCEL, Event.EXPIRE):
        assert not TRANSITIONS[event].sources & {CallState.CALLING, CallState.RESPONDED}


def test_only_a_call_in_calling_can_be_unknown() -> None:
    assert TRANSITIONS[Event.DOUBT].sources == {CallState.CALLING}


def test_a_stored_answer_is_adopted_without_a_call() -> None:
    assert target(Event.ADOPT, CallState.ADMITTED) is CallState.RESPONDED
    assert target(Event.GATE, CallState.RESPONDED) is None


def test_a_job_state_is_either_open_or_terminal() -> None:
    assert {state for state in JobState if state.is_terminal} == set(TERMINAL_JOB_STATES)
    assert JobState.CANCELING not in TERMINAL_JOB_STATES
    assert set(OPEN_JOB_STATE) == set(CallState) - TERMINAL_CALL_STATES
    assert set(OPEN_JOB_STATE) >= LEASED_STATES


def test_the_scripts_are_told_the_whole_table() -> None:
    told = lifecycle_tables()
    assert set(told["sources"]) == set(told["targets"]) == {event.value for event in Event}
    for event in Event:
        assert str(told["sources"][event.value]).split() == sources(event)
        assert told["targets"][event.value] == TRANSITIONS[event].target.value
    assert set(told["terminal_states"]) == {state.value for state in TERMINAL_JOB_STATES}
