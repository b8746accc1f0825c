"""Every error of the reference, and what it means for the call. The texts are the ones seen at the service."""

from __future__ import annotations

import pytest

from darkroom_worker.bedrock.errors import classify, no_answer, no_connection, no_credentials, not_sent

FILTERS = (
    "This request has been blocked by our content filters. Our filters automatically flagged this prompt because it may conflict"
    " our AUP or AWS Responsible AI Policy. Please adjust your text prompt to submit a new request."
)
EOL = "This model version has reached the end of its life. Please refer to the AWS documentation for more details."
LEGACY = (
    "Access denied. This Model is marked by provider as Legacy and you have not been actively using the model in the last 15 days."
)
MARKETPLACE = "Access denied: the AWS Marketplace subscription is being completed. Try again after 15 minutes."
PROFILE = (
    "Invocation of model ID amazon.nova-canvas-v1:0 with on-demand throughput isn't supported. Retry your request with the ID or"
    " ARN of an inference profile that contains this model."
)
TOO_LONG = "Malformed input request: #/textToImageParams/text: expected maxLength: 512, actual: 536, please reformat your input"
EXTRA = "Malformed input request: #: extraneous key [x] is not permitted, please reformat your input"
SIZE = "400 Bad Request: Value of (width, height) is not valid. Given: (1280, 720)."
SDXL = "invalid_prompts: One or more prompts contains filtered words"

TABLE = [
    ("ValidationException", 400, "anything", "permanent", "invalid_input", False),
    ("ValidationException", 400, TOO_LONG, "permanent", "invalid_input", False),
    ("ValidationException", 400, TOO_LONG.replace("512", "1024"), "permanent", "invalid_input", False),
    ("ValidationException", 400, EXTRA, "permanent", "invalid_input", False),
    ("ValidationException", 400, SIZE, "permanent", "invalid_input", False),
    ("ValidationException", 400, "Failed to buffer the request body: length limit exceeded", "permanent", "invalid_input", False),
    ("ValidationException", 400, FILTERS, "filtered", "content_filtered_input", False),
    ("ValidationException", 400, SDXL, "filtered", "content_filtered_input", False),
    ("ValidationException", 400, "The provided model identifier is invalid.", "permanent", "model_not_found", False),
    ("ValidationException", 400, PROFILE, "permanent", "inference_profile_needed", False),
    ("AccessDeniedException", 403, "no", "permanent", "model_access_denied", False),
    ("AccessDeniedException", 403, MARKETPLACE, "unreached", "model_access_pending", False),
    ("ResourceNotFoundException", 404, "Could not resolve the model", "permanent", "model_not_found", False),
    ("ResourceNotFoundException", 404, EOL, "permanent", "model_retired", False),
    ("ResourceNotFoundException", 404, LEGACY, "permanent", "model_retired", False),
    ("ModelTimeoutException", 408, "too long", "unknown", "model_timeout", None),
    ("ModelErrorException", 424, "broken", "retry", "model_error", None),
    ("ThrottlingException", 429, "Too many requests", "throttled", "throttled", False),
    ("ModelNotReadyException", 429, "not ready", "throttled", "model_not_ready", False),
    ("ServiceQuotaExceededException", 400, "quota", "throttled", "quota_exceeded", False),
    ("InternalServerException", 500, "oops", "retry", "provider_unavailable", False),
    ("ServiceUnavailableException", 503, "busy", "retry", "provider_unavailable", False),
    ("FTUFormNotFilled", 404, "form", "permanent", "model_access_denied", False),
    ("InvalidClientTokenId", 403, "token", "unreached", "credentials_invalid", False),
    ("UnrecognizedClientException", 403, "token", "unreached", "credentials_invalid", False),
    ("IncompleteSignature", 400, "signature", "unreached", "credentials_invalid", False),
    ("ExpiredTokenException", 403, "expired", "unreached", "credentials_expired", False),
    ("RequestExpired", 400, "clock", "unreached", "clock_skew", False),
    ("SomethingNew", 429, "x", "throttled", "throttled", False),
    ("SomethingNew", 502, "x", "retry", "provider_unavailable", False),
    ("SomethingNew", 418, "x", "permanent", "provider_error", False),
    ("ModelStreamErrorException", 424, "x", "permanent", "provider_error", False),
    ("", None, "", "permanent", "provider_error", False),
]


@pytest.mark.parametrize(("name", "status", "text", "kind", "code", "billed"), TABLE)
def test_each_error_means_what_the_reference_says(
    name: str, status: int | None, text: str, kind: str, code: str, billed: bool | None
) -> None:
    failure = classify(name, text, status, "req-1")
    assert (failure.kind, failure.code, failure.billed) == (kind, code, billed)
    assert (failure.provider_code, failure.request_id, failure.http_status) == (name, "req-1", status)


def test_an_error_that_a_person_can_mend_says_how() -> None:
    assert "bedrock:InvokeModel" in classify("AccessDeniedException", "no", 403, None).message
    assert "inference profile id" in classify("ValidationException", PROFILE, 400, None).message


def test_a_long_message_is_cut() -> None:
    assert len(classify("ValidationException", "x" * 5000, 400, None).message) <= 400


def test_only_a_lost_answer_may_have_been_billed() -> None:
    assert (no_answer("x").kind, no_answer("x").billed) == ("unknown", None)
    assert (no_connection("x").kind, no_connection("x").billed) == ("unreached", False)
    assert (no_credentials("x").kind, no_credentials("x").billed) == ("unreached", False)
    assert (not_sent("x").kind, not_sent("x").billed) == ("permanent", False)
