"""The specifications of the checks: what is refused before a picture is looked at."""

from __future__ import annotations

import json

import pytest

from darkroom_shared.contract.checks import (
    CHECK_KINDS,
    CHECK_TYPES,
    MOST_CHECKS,
    Blank,
    ChangeOutsideMask,
    MissingAlpha,
    NearDuplicate,
    NearUniform,
    WrongSize,
    parse_checks,
    references_of,
)
from darkroom_shared.core.errors import InvalidRequest
from darkroom_worker.checks import MODULES

EVERY = (
    Blank(),
    NearUniform(most=0.9, tolerance=4),
    WrongSize(width=640, height=480, aspect_within=0.02),
    ChangeOutsideMask(original="before", mask="area", kept="white", mean=3),
    MissingAlpha(least=0.2),
    NearDuplicate(least=20),
)


def test_every_kind_is_read_back_from_its_json() -> None:
    assert [type(check) for check in EVERY] == list(CHECK_TYPES)
    assert parse_checks(json.loads(json.dumps([check.model_dump(exclude_none=True) for check in EVERY]))) == EVERY


def test_every_kind_has_a_module() -> None:
    assert tuple(MODULES) == CHECK_KINDS


def test_the_pictures_to_compare_with_are_named_once() -> None:
    assert references_of(EVERY) == ("before", "area")
    assert references_of([ChangeOutsideMask(kept="black", mask="area"), *EVERY]) == ("original", "area", "before")


def test_everything_that_is_wrong_is_answered_at_once_with_its_place_and_what_is_allowed() -> None:
    checks = [
        {"kind": "blank", "most": 1},
        {"kind": "near_uniform", "most": 0.4},
        {"kind": "wrong_size", "width": 0},
        {"kind": "sharpness"},
        {"kind": "change_outside_mask", "kept": "grey", "mean": 256},
        "blank",
        {"kind": "missing_alpha", "least": 0},
        {"kind": "near_duplicate"},
    ]
    with pytest.raises(InvalidRequest) as caught:
        parse_checks(checks)
    found = {problem.pointer: problem.allowed for problem in caught.value.problems}
    assert list(found) == [
        "/0/most",
        "/1/most",
        "/2/width",
        "/2/height",
        "/3/kind",
        "/4/kept",
        "/4/mean",
        "/5",
        "/6/least",
    ]
    assert found["/0/most"] == ["kind"]
    assert found["/1/most"] == {"type": "number", "minimum": 0.5, "exclusiveMaximum": 1}
    assert found["/3/kind"] == list(CHECK_KINDS)


@pytest.mark.parametrize("value", [None, {"kind": "blank"}, "blank", 3])
def test_checks_are_a_list(value: object) -> None:
    with pytest.raises(InvalidRequest, match="checks are a list"):
        parse_checks(value)


def test_there_is_a_most() -> None:
    assert len(parse_checks([{"kind": "blank"}] * MOST_CHECKS)) == MOST_CHECKS
    with pytest.raises(InvalidRequest) as caught:
        parse_checks([{"kind": "blank"}] * (MOST_CHECKS + 1))
    assert caught.value.problems[0].allowed == {"minItems": 0, "maxItems": MOST_CHECKS}
