"""Which model looks at pictures, and what a check holds back in a plan; no ledger, no endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import pytest

from darkroom.options import SubmitOptions, delivery
from darkroom.planning import Draft, plan_chain
from darkroom.recording import workflow
from darkroom.routing import from_outside
from darkroom.terms import Terms
from darkroom_shared.contract.job_record import JobRecord
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.task_types import Check, Describe, ImageVariation, TextImage
from tests.support.native_bodies import HAIKU
from tests.support.terms import NOVA, NOW_MS, TODAY, settings

PHOTO = from_outside("asset:" + "a" * 64, ImageFacts(1024, 768, "PNG", "RGB", 900_000))
CHECK, VARY = Check(question="a boat is visible").to_body(), ImageVariation(text="evening").to_body()
EU_SONNET = "eu.anthropic.claude-sonnet-4-6"


def under(options: Mapping[str, object], *, chained: bool = False, **known: object) -> Terms:
    told = settings(**known)
    return Terms(told, delivery(cast("SubmitOptions", dict(options)), told, NOW_MS), TODAY, chained=chained)


@pytest.mark.parametrize(
    ("options", "chained", "known", "looks", "draws"),
    [
        ({}, False, {}, None, NOVA),
        ({}, False, {"vision_model": "anthropic.claude-sonnet-4-6", "region": "eu-west-1"}, EU_SONNET, NOVA),
        ({"model": NOVA}, False, {}, NOVA, NOVA),  # named, and so it is told that it cannot do it
        ({"model": NOVA}, True, {}, None, NOVA),
        ({"model": HAIKU}, True, {}, HAIKU, NOVA),
        ({"model": HAIKU}, False, {}, HAIKU, HAIKU),
        ({"model": "auto"}, True, {}, None, None),
    ],
)
def test_one_named_model_is_for_the_requests_of_its_kind(
    options: dict[str, object], chained: bool, known: dict[str, object], looks: str | None, draws: str | None
) -> None:
    terms = under(options, chained=chained, **known)
    for body, wanted in ((CHECK, looks), (TextImage("a boat").to_body(), draws)):
        named = terms.named_for(body)
        assert (None if named is None else named.id) == wanted


def test_steps_behind_a_check_wait_for_it_and_work_on_the_picture_before_it() -> None:
    terms = under({"model": NOVA}, chained=True)
    drafts = [Draft("check", CHECK), Draft("describe", Describe().to_body()), Draft("vary", VARY), Draft("again", CHECK)]
    plan = plan_chain(drafts, terms, [PHOTO])
    assert [(step.name, step.needs, step.after, step.outputs != ()) for step in plan.steps] == [
        ("check", (), (), False),
        ("describe", (), ("check",), False),
        ("vary", (), ("check",), True),
        ("again", ("vary",), ("check",), False),
    ]
    assert plan.steps[2].request["imageVariationParams"] == {"text": "evening", "images": [PHOTO.ref]}
    assert (plan.price_usd, plan.warnings) == (None, ())

    jobs = workflow(terms, "wf_1", ["1", "2", "3", "4"], plan).jobs
    assert [list(job.needs) for job in jobs] == [[], ["1"], ["1"], ["3", "1"]]
    records = [JobRecord.from_fields(job.fields) for job in jobs]
    # Nobody named the model that looks, so another may take over; the one that draws was named.
    assert [(one.model, one.asked_model, one.substitute) for one in records] == [
        (HAIKU, "auto", "equivalent"),
        (HAIKU, "auto", "equivalent"),
        (NOVA, "", "never"),
        (HAIKU, "auto", "equivalent"),
    ]


def test_a_check_of_several_pictures_looks_at_all_of_them() -> None:
    terms = under({"model": NOVA}, chained=True)
    three = TextImage("a boat", number_of_images=3).to_body()
    plan = plan_chain([Draft("draw", three), Draft("check", CHECK), Draft("vary", VARY)], terms)
    assert [len(step.inputs) for step in plan.steps] == [0, 3, 3]
    assert replace(plan.steps[1], after=()).waits_for == ("draw",)
