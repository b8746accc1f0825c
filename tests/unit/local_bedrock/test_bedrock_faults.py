"""The fault grammar, and which requests a fault falls on."""

from __future__ import annotations

from random import Random

import pytest

from darkroom_worker.local_bedrock.faults import NEVER_S, Fault, FaultPlan, parse_fault

REGION, ELSEWHERE = "us-east-1", "us-west-2"
NOVA = "amazon.nova-canvas-v1:0"
TITAN = "amazon.titan-image-generator-v2:0"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("throttle:0.3", Fault("error", code="ThrottlingException", probability=0.3)),
        ("throttle:p=0.3", Fault("error", code="ThrottlingException", probability=0.3)),
        ("error=ServiceUnavailableException:every=5", Fault("error", code="ServiceUnavailableException", every=5)),
        ("error=InternalServerException:count=2", Fault("error", code="InternalServerException", count=2)),
        ("error-after=ModelErrorException", Fault("error-after", code="ModelErrorException")),
        ("timeout", Fault("timeout", delay_s=NEVER_S)),
        ("timeout=90", Fault("timeout", delay_s=90)),
        ("slow=1.5", Fault("slow", delay_s=1.5)),
        (f"reset:model={NOVA}", Fault("reset", model=NOVA)),
        (f"reset:model={NOVA}:0.5:count=3", Fault("reset", model=NOVA, probability=0.5, count=3)),
        ("half-body:task=INPAINTING:after=2", Fault("half-body", task_type="INPAINTING", after=2)),
        ("reset-early", Fault("reset-early")),
        ("throttle:region=us-west-2:for=1.5", Fault("error", code="ThrottlingException", region="us-west-2", for_s=1.5)),
        ("invalid-json", Fault("invalid-json")),
        ("empty-images", Fault("empty-images")),
        ("bad-base64", Fault("bad-base64")),
        ("blank", Fault("blank")),
    ],
)
def test_a_fault_is_read_as_written(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is none of"),
        ("explode", "is none of"),
        ("reset=3", "is none of"),
        ("error=NoSuchException", "no exception of the service"),
        ("error", "no exception of the service"),
        ("slow", "is no number"),
        ("timeout=soon", "is no number"),
        ("slow=inf", "out of range"),
        ("throttle:1.5", "between 0 and 1"),
        ("throttle:often", "is no number"),
        ("throttle:every=0", "counts from 1"),
        ("throttle:for=ever", "is no number"),
        ("throttle:colour=red", "is no selector"),
        ("throttle:model=", "is no selector"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_fault(text)


def still() -> float:
    """A clock that stands."""
    return 0.0


def struck(text: str, requests: int, *, model: str = NOVA, task_type: str = "TEXT_IMAGE") -> list[int]:
    plan = FaultPlan([parse_fault(text)], Random(1), still)
    return [n for n in range(1, requests + 1) if plan.choose(REGION, model, task_type) is not None]


@pytest.mark.parametrize(
    ("text", "on"),
    [
        ("reset", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        ("reset:every=4", [4, 8]),
        ("reset:count=2", [1, 2]),
        ("reset:after=7", [8, 9, 10]),
        ("reset:after=1:every=3:count=2", [4, 7]),
        ("reset:model=" + TITAN, []),
        ("reset:task=INPAINTING", []),
        ("reset:region=" + ELSEWHERE, []),
        ("reset:region=" + REGION + ":every=5", [5, 10]),
        ("reset:0", []),
    ],
)
def test_selectors_say_which_requests_are_struck(text: str, on: list[int]) -> None:
    assert struck(text, 10) == on


def test_a_probability_is_met_and_repeats_with_the_seed() -> None:
    first, second = struck("throttle:0.3", 2000), struck("throttle:0.3", 2000)
    assert first == second
    assert 500 < len(first) < 700


def test_the_first_fault_that_fires_wins_and_only_its_count_falls() -> None:
    plan = FaultPlan([parse_fault("reset:every=2"), parse_fault("timeout:count=2")], Random(1), still)
    kinds = [fault.kind if (fault := plan.choose(REGION, NOVA, None)) else None for _ in range(6)]
    assert kinds == ["timeout", "reset", "timeout", "reset", None, "reset"]


def test_replacing_the_faults_forgets_their_counts() -> None:
    plan = FaultPlan([parse_fault("reset:count=1")], Random(1), still)
    assert plan.choose(REGION, NOVA, None) is not None
    plan.replace([parse_fault("reset:count=1")])
    assert plan.choose(REGION, NOVA, None) is not None
    plan.replace([])
    assert plan.choose(REGION, NOVA, None) is None


def test_a_region_refuses_for_its_time_and_then_heals() -> None:
    now = [100.0]
    plan = FaultPlan([], Random(1), lambda: now[0])
    plan.replace([parse_fault(f"throttle:region={REGION}:for=15")])
    seen: list[tuple[bool, bool]] = []
    for now[0] in (100.0, 114.9, 115.0, 200.0):
        seen.append((plan.choose(REGION, NOVA, None) is not None, plan.choose(ELSEWHERE, NOVA, None) is not None))
    assert seen == [(True, False), (True, False), (False, False), (False, False)]
