"""Questions about pictures: what a body may hold, which profile a name means, what an answer is, how a picture is made to fit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

import pytest

from darkroom_shared.checking import check_request
from darkroom_shared.contract.steps import Convert, Flatten, Resize, StepSpec
from darkroom_shared.core.errors import NoRoute
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.models.answers import Reading, TokenUsage, json_document, text_document
from darkroom_shared.models.catalogue import FAMILIES, MODELS, find_model, price_usd, profile_regions, read_answer, tokens_of
from darkroom_shared.models.json_schemas import breach, schema_findings
from darkroom_shared.models.model import Body
from darkroom_shared.models.prices import BUILT_IN, Price
from darkroom_shared.models.vision import IMAGE_BYTES
from darkroom_shared.plan.choosing import Wish, choose, routes
from darkroom_shared.plan.fitting import fitting, picture_problems
from darkroom_shared.settings import Settings
from darkroom_shared.task_types import Ask, Check, Describe, Extract, chain_images, image_values, is_check, without_items
from tests.support.bodies import NOVA, b64, edited, picture, sample
from tests.support.native_bodies import HAIKU

BODY = sample("CONVERSE")
TODAY = date(2026, 12, 1)
TOOL = {"toolSpec": {"name": "t", "inputSchema": {"json": {"type": "object"}}}}
FIRST = "/messages/0/content/0"


@pytest.mark.parametrize(
    ("where", "value", "problem"),
    [
        ("/messages/0/role", "assistant", "/messages/0/role"),
        ("/messages/0/content", [], "/messages/0/content"),
        (FIRST, {"text": "a", "image": BODY["messages"][0]["content"][0]["image"]}, FIRST),
        (FIRST, {"document": {"name": "x"}}, f"{FIRST}/document"),
        (f"{FIRST}/image/source", {"s3Location": {"uri": "s3://b/k"}}, f"{FIRST}/image/source/bytes"),
        (f"{FIRST}/image/format", "jpeg", f"{FIRST}/image/format"),
        (f"{FIRST}/image/format", "tiff", f"{FIRST}/image/format"),
        ("/messages/1/content/0", BODY["messages"][0]["content"][0], "/messages/1/content"),
        ("/messages/0/content", [BODY["messages"][0]["content"][0]] * 21, "/messages/0/content"),
        ("/messages", [{"role": "user", "content": [{"text": "no picture"}]}], "/messages"),
        ("/inferenceConfig/maxTokens", 0, "/inferenceConfig/maxTokens"),
        ("/inferenceConfig/temperature", 1.1, "/inferenceConfig/temperature"),
        ("/guardrailConfig", {"guardrailIdentifier": "g"}, "/guardrailConfig"),
        ("/toolConfig", {"tools": [TOOL], "toolChoice": {"tool": {"name": "u"}}}, "/toolConfig/toolChoice/tool/name"),
        ("/toolConfig", {"tools": [edited(TOOL, "/toolSpec/inputSchema/json/type", "list")]}, "/toolConfig/tools/0"),
        ("/toolConfig", {"tools": [edited(TOOL, "/toolSpec/inputSchema/json/properties", 3)]}, "/toolConfig/tools/0"),
        ("/toolConfig", {"tools": [edited(TOOL, "/toolSpec/inputSchema/json/$ref", "http://x/y")]}, "/toolConfig/tools/0"),
        ("/toolConfig", {"tools": [edited(TOOL, "/toolSpec/inputSchema/json/$ref", "#/nowhere")]}, "/toolConfig/tools/0"),
    ],
)
def test_what_converse_refuses_is_found_before_it_is_asked(where: str, value: object, problem: str) -> None:
    found = check_request(edited(BODY, where, value), HAIKU).problems
    assert [one.pointer for one in found if one.pointer.startswith(problem)]


def test_the_typed_requests_without_a_picture_or_words_say_so() -> None:
    for request in (Describe(), Ask([picture()]), Check(picture()), Extract([picture()], {})):
        assert check_request(with_base64(request.to_body()), HAIKU).problems


def with_base64(body: dict[str, object]) -> Body:
    for place, value in image_values(body).items():
        body = edited(body, place.pointer, b64(value) if isinstance(value, bytes) else value)
    return body


def test_a_chain_puts_its_pictures_before_the_words_unless_there_are_some() -> None:
    chained = chain_images(Check(question="a boat is visible").to_body(), "$steps.a.outputs[0]", "$steps.a.outputs[1]")
    pictures = [f"/messages/0/content/{n}/image/source/bytes" for n in (0, 1)]
    assert [(place.pointer, value) for place, value in image_values(chained).items()] == [
        (where, f"$steps.a.outputs[{n}]") for n, where in enumerate(pictures)
    ]
    assert is_check(chained)
    assert chain_images(chained, "asset:other") == chained
    assert list(image_values(without_items(chained, pictures[:1])).values()) == ["$steps.a.outputs[1]"]


BARE = "anthropic.claude-sonnet-4-6"


@pytest.mark.parametrize(
    ("named", "regions", "model"),
    [
        (BARE, ("us-west-2",), f"us.{BARE}"),
        (BARE, ("eu-west-1", "us-west-2"), f"eu.{BARE}"),
        (BARE, ("eu-west-2",), BARE),
        (BARE, ("sa-east-1",), BARE),
        (BARE, (), BARE),
        (f"global.{BARE}", ("eu-west-1",), f"global.{BARE}"),
        ("anthropic.claude-haiku-4-5-20251001-v1", ("ap-northeast-1",), HAIKU.replace("us.", "jp.")),
        ("anthropic.claude-haiku-4-5-20251001-v1:0", (), HAIKU),
    ],
)
def test_a_bare_id_means_the_profile_of_the_jobs_region(named: str, regions: tuple[str, ...], model: str) -> None:
    assert find_model(named, regions).id == model


@pytest.mark.parametrize(
    ("region", "residency", "prefixes"),
    [
        ("us-east-1", (), {"us", "global"}),
        ("us-east-1", ("us-",), {"us"}),
        ("us-east-1", ("us-east-1",), set[str]()),
        ("eu-west-1", ("eu-",), {"eu"}),
        ("eu-west-2", ("eu-west-2",), {"anthropic"}),
        ("ap-northeast-1", ("ap-northeast-",), {"jp"}),
    ],
)
def test_no_profile_is_taken_whose_calls_may_run_outside_the_residency(
    region: str, residency: tuple[str, ...], prefixes: set[str]
) -> None:
    settings = Settings(residency=residency)
    wish = Wish(BODY, {}, None, "never", (region,), TODAY, may_go_to=settings.may_go_to, may_run=settings.may_run)
    assert {route.model.id.split(".")[0] for route in routes(wish) if not route.refused} == prefixes
    if not prefixes:
        with pytest.raises(NoRoute, match="DARKROOM_RESIDENCY"):
            choose(wish)


def test_auto_takes_the_quickest_living_model_from_the_jobs_own_region() -> None:
    wish = Wish(BODY, {}, None, "never", ("eu-west-1",), TODAY, elsewhere=True)
    assert choose(wish).model.id == HAIKU.replace("us.", "eu.")
    assert "us.amazon.nova-premier-v1:0" in {route.model.id for route in routes(wish) if "end of life" in route.refused}
    assert all(profile_regions(model.id) or model.regions == ("eu-west-2",) for model in FAMILIES["vision"].models)


def test_a_price_of_tokens_is_not_known_and_a_price_of_calls_from_a_file_is() -> None:
    assert price_usd(MODELS[HAIKU], BODY, {}) is None
    book = BUILT_IN.under("mine", [Price(HAIKU, Decimal("0.002"), unit="call")])
    assert price_usd(MODELS[HAIKU], BODY, {}, book) == Decimal("0.002")


USAGE = TokenUsage(9, 4)
WORDS = [{"text": "A red "}, {"text": "boat."}]
EXTRACT = Extract([picture()], {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}).to_body()
FORCED = [{"toolUse": {"toolUseId": "1", "name": "darkroom_extract", "input": {"n": 3}}}]
WRONG = [{"toolUse": {"toolUseId": "1", "name": "darkroom_extract", "input": {"n": "a secret"}}}]


@pytest.mark.parametrize(
    ("body", "stop", "content", "outcome", "told"),
    [
        (BODY, "end_turn", WORDS, "document", text_document("A red boat.")),
        (BODY, "stop_sequence", WORDS, "document", text_document("A red boat.")),
        (BODY, "max_tokens", WORDS, "document", "cut off at its longest length (4 tokens)"),
        (BODY, "model_context_window_exceeded", WORDS, "document", "longer than the model can take"),
        (BODY, "tool_use", FORCED, "document", json_document(FORCED)),
        (BODY, "end_turn", [], "unfit", "answered nothing"),
        (BODY, "content_filtered", [{"text": "Blocked."}], "filtered_output", "Blocked."),
        (BODY, "guardrail_intervened", [{"text": "Sorry."}], "intervened", "kept back the answer: content filter HATE (HIGH)"),
        (BODY, "malformed_model_output", [], "unfit", "malformed_model_output"),
        (EXTRACT, "tool_use", FORCED, "document", json_document({"n": 3})),
        (EXTRACT, "max_tokens", [], "cut_short", "cut off"),
        (EXTRACT, "end_turn", WORDS, "unfit", "with words"),
        (EXTRACT, "tool_use", WRONG, "unfit", "/n breaks type"),
        (EXTRACT, "malformed_tool_use", [], "unfit", "malformed_tool_use"),
    ],
)
def test_every_stop_reason_is_understood(body: Body, stop: str, content: list[object], outcome: str, told: object) -> None:
    found = {"filters": [{"type": "HATE", "confidence": "HIGH", "action": "BLOCKED"}]}
    answer: Mapping[str, object] = {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": stop,
        "usage": {"inputTokens": 9, "outputTokens": 4, "totalTokens": 13},
        "trace": {"guardrail": {"outputAssessments": {"g": [{"contentPolicy": found}]}}},
    }
    reading = read_answer(MODELS[HAIKU], answer, 1, body)
    assert (reading.outcome, reading.usage) == (outcome, USAGE)
    assert "secret" not in reading.reason
    if isinstance(told, str):
        assert told in " ".join((reading.reason, *reading.warnings))
    else:
        assert reading == Reading("document", documents=(told,), usage=USAGE)  # type: ignore[arg-type]


MB = 1_000_000


@pytest.mark.parametrize(
    ("facts", "specs"),
    [
        (ImageFacts(8000, 1000, "PNG", "RGB", IMAGE_BYTES), None),
        (ImageFacts(1000, 1000, "WEBP", "RGBA", MB, transparent=True), None),
        (ImageFacts(9000, 100, "PNG", "RGBA", MB, transparent=True), (Resize(max_side=8000),)),
        (ImageFacts(900, 900, "PNG", "RGB", 5 * MB, bits_per_channel=16), (Convert(format="png"),)),
        (
            ImageFacts(4000, 3000, "PNG", "RGBA", 9 * MB, transparent=True),
            (Flatten(), Resize(max_side=8000, max_pixels=1_442_307), Convert(format="jpeg", quality=90)),
        ),
        (
            ImageFacts(4000, 3000, "JPEG", "RGB", 4 * MB),
            (Resize(max_side=8000, max_pixels=1_442_307), Convert(format="jpeg", quality=90)),
        ),
        (ImageFacts(1200, 1000, "PNG", "RGB", 4 * MB), (Convert(format="jpeg", quality=90),)),
    ],
)
def test_a_picture_beyond_the_limits_is_made_smaller_with_a_note(facts: ImageFacts, specs: tuple[StepSpec, ...] | None) -> None:
    place = f"{FIRST}/image/source/bytes"
    body = edited(BODY, f"{FIRST}/image/format", facts.format.lower())
    found = fitting(MODELS[HAIKU], facts)
    assert (None if found is None else found.specs) == specs
    body = edited(body, "/messages/2/content/1", {"text": "one picture"})
    assert picture_problems(MODELS[HAIKU], body, {place: facts}) == []
    wish = Wish(body, {place: facts}, MODELS[HAIKU], "never", ("us-east-1",), TODAY)
    route = choose(wish)
    assert (route.fidelity, len(route.translation.lost)) == ("exact", 0 if specs is None else 1)
    assert route.translation.prepare == ({} if specs is None else {place: specs})


def test_a_strangers_regular_expression_is_left_to_the_model() -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string", "pattern": "(a+)+$"}},
        "patternProperties": {"(a+)+$": {}},
    }

    assert schema_findings("", schema) == []
    assert breach({"name": "a" * 64 + "!"}, schema) == ""
    assert breach({"name": 5}, schema) == "/name breaks type"


def test_a_call_is_counted_for_its_words_its_pictures_and_the_longest_answer_that_it_asks_for() -> None:
    facts = {"/messages/0/content/0/image/source/bytes": ImageFacts(600, 400, "PNG", "RGB", 1)}
    body = {
        "taskType": "CONVERSE",
        "messages": [{"role": "user", "content": [{"image": {"source": {"bytes": "asset:" + "a" * 64}}}, {"text": "x" * 400}]}],
        "inferenceConfig": {"maxTokens": 1000},
    }
    haiku = find_model(HAIKU)

    known = tokens_of(haiku, body, facts)
    assert 1000 + 320 + 100 <= known <= 1000 + 320 + 100 + 50
    assert tokens_of(haiku, body, {}) - known == (1_200_000 - 240_000) // 750
    assert tokens_of(haiku, edited(body, "/inferenceConfig/maxTokens", 2000), facts) - known == 1000
    assert tokens_of(find_model(NOVA), sample("TEXT_IMAGE"), {}) == 0
