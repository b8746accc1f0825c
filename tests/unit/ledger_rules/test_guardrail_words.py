"""What a guardrail found, in words: what it objected to, never what was written."""

from __future__ import annotations

import pytest

from darkroom_shared.core.failure import FailureKind
from darkroom_shared.core.guardrail import Guardrail, findings_of, parse_guardrail, reason_of
from darkroom_worker.bedrock.errors import classify

ASSESSMENT = {
    "topicPolicy": {"topics": [{"name": "weapons", "type": "DENY", "action": "BLOCKED"}]},
    "contentPolicy": {
        "filters": [
            {"type": "VIOLENCE", "confidence": "HIGH", "action": "BLOCKED"},
            {"type": "HATE", "confidence": "LOW", "action": "NONE"},
        ]
    },
    "wordPolicy": {
        "customWords": [{"match": "hush", "action": "BLOCKED"}],
        "managedWordLists": [{"match": "drat", "type": "PROFANITY", "action": "BLOCKED"}],
    },
    "sensitiveInformationPolicy": {
        "piiEntities": [{"match": "Alice", "type": "NAME", "action": "ANONYMIZED"}],
        "regexes": [{"match": "4711", "name": "order", "regex": "[0-9]+", "action": "BLOCKED"}],
    },
}


def test_findings_name_what_was_objected_to_and_no_part_of_the_text() -> None:
    found = findings_of([ASSESSMENT, ASSESSMENT])
    assert sorted(found) == [
        "a word of the guardrail's own list",
        "content filter VIOLENCE (HIGH)",
        "pattern order",
        "personal data NAME",
        "topic weapons",
        "word list PROFANITY",
    ]
    assert not [word for word in ("hush", "drat", "Alice", "4711") if word in reason_of("the request", ASSESSMENT)]


@pytest.mark.parametrize("value", [None, [], {}, "x", {"contentPolicy": None}, {"contentPolicy": {"filters": ["x"]}}], ids=str)
def test_an_assessment_of_another_form_has_no_findings(value: object) -> None:
    assert (findings_of(value), reason_of("the call", value)) == ([], "The guardrail kept back the call.")


def test_a_guardrail_is_written_as_it_is_read() -> None:
    text = "arn:aws:bedrock:us-east-1:123456789012:guardrail/abc1:DRAFT"
    assert parse_guardrail(text) == Guardrail(text.removesuffix(":DRAFT"), "DRAFT")
    assert str(parse_guardrail(text)) == text


@pytest.mark.parametrize(
    ("code", "message", "ours"),
    [
        (
            "ValidationException",
            "The guardrail identifier or version provided in the request does not exist.",
            "guardrail_not_found",
        ),
        ("ResourceNotFoundException", "The guardrail identifier or version does not exist.", "guardrail_not_found"),
        ("AccessDeniedException", "not authorized to perform: bedrock:ApplyGuardrail on resource", "guardrail_access_denied"),
    ],
)
def test_an_error_about_a_guardrail_says_nothing_about_the_model(code: str, message: str, ours: str) -> None:
    failure = classify(code, message, 400, None)
    assert (failure.kind, failure.code, failure.billed) == (FailureKind.PERMANENT, ours, False)
