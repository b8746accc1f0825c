"""What an error of Bedrock means for the call: one table, from exception name, status and text to a Failure.

The names and statuses are those of botocore's service model; the texts are the ones seen at the service.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from darkroom_shared.core.failure import Failure, FailureKind

_K = FailureKind


@dataclass(frozen=True, slots=True)
class _Rule:
    provider_code: str
    """AWS's exception name, or `*`."""
    fragment: str
    """Text that must be in the message, compared in lower case; empty for any."""
    kind: FailureKind
    code: str
    billed: bool | None = False


# The first rule that fits decides; the rules with a text stand before those without.
_RULES: Final = (
    _Rule("*", "blocked by our content filters", _K.FILTERED, "content_filtered_input"),
    _Rule("*", "contains filtered words", _K.FILTERED, "content_filtered_input"),
    _Rule("*", "reached the end of its life", _K.PERMANENT, "model_retired"),
    _Rule("*", "marked by provider as legacy", _K.PERMANENT, "model_retired"),
    # Before the rules for models: a model whose guardrail is unknown is not gone.
    _Rule("ValidationException", "guardrail", _K.PERMANENT, "guardrail_not_found"),
    _Rule("ResourceNotFoundException", "guardrail", _K.PERMANENT, "guardrail_not_found"),
    _Rule("AccessDeniedException", "guardrail", _K.PERMANENT, "guardrail_access_denied"),
    _Rule("ValidationException", "model identifier is invalid", _K.PERMANENT, "model_not_found"),
    _Rule("ValidationException", "on-demand throughput", _K.PERMANENT, "inference_profile_needed"),
    _Rule("ValidationException", "", _K.PERMANENT, "invalid_input"),
    # The Marketplace agreement of a new subscription takes minutes; AWS says to come back after 15.
    _Rule("AccessDeniedException", "marketplace", _K.UNREACHED, "model_access_pending"),
    _Rule("AccessDeniedException", "", _K.PERMANENT, "model_access_denied"),
    _Rule("ResourceNotFoundException", "", _K.PERMANENT, "model_not_found"),
    _Rule("ThrottlingException", "", _K.THROTTLED, "throttled"),
    _Rule("ModelNotReadyException", "", _K.THROTTLED, "model_not_ready"),
    _Rule("ServiceQuotaExceededException", "", _K.THROTTLED, "quota_exceeded"),
    _Rule("ModelErrorException", "", _K.RETRY, "model_error", billed=None),
    # The model worked until its own time was over: nobody says that this is free.
    _Rule("ModelTimeoutException", "", _K.UNKNOWN, "model_timeout", billed=None),
    _Rule("InternalServerException", "", _K.RETRY, "provider_unavailable"),
    _Rule("ServiceUnavailableException", "", _K.RETRY, "provider_unavailable"),
    _Rule("FTUFormNotFilled", "", _K.PERMANENT, "model_access_denied"),
    _Rule("InvalidClientTokenId", "", _K.UNREACHED, "credentials_invalid"),
    _Rule("UnrecognizedClientException", "", _K.UNREACHED, "credentials_invalid"),
    _Rule("ExpiredTokenException", "", _K.UNREACHED, "credentials_expired"),
    _Rule("RequestExpired", "", _K.UNREACHED, "clock_skew"),
    _Rule("IncompleteSignature", "", _K.UNREACHED, "credentials_invalid"),
)


def classify(provider_code: str, message: str, http_status: int | None, request_id: str | None) -> Failure:
    """The Failure for an error answer. An unknown name is judged by its status: 429 throttled, 5xx retried, the rest permanent."""
    text = message.lower()
    rule = next((r for r in _RULES if r.provider_code in ("*", provider_code) and r.fragment in text), None)
    if rule is None:
        rule = _by_status(provider_code, http_status)
    return Failure(rule.kind, rule.code, _for_a_person(rule.code, message), rule.billed, provider_code, request_id, http_status)


def _by_status(provider_code: str, status: int | None) -> _Rule:
    if status == 429:
        return _Rule(provider_code, "", _K.THROTTLED, "throttled")
    if status is not None and status >= 500:
        return _Rule(provider_code, "", _K.RETRY, "provider_unavailable")
    return _Rule(provider_code, "", _K.PERMANENT, "provider_error")


def _for_a_person(code: str, message: str) -> str:
    hint = {
        "model_access_denied": " Grant the worker's role bedrock:InvokeModel for this model, and enable the model in the account.",
        "guardrail_not_found": " A guardrail belongs to one account and one Region; check its id and version.",
        "guardrail_access_denied": " Grant the worker's role bedrock:ApplyGuardrail for this guardrail.",
        "credentials_invalid": " Check the worker's AWS credentials.",
        "inference_profile_needed": " Use the model's inference profile id (for example with the prefix `us.`).",
    }.get(code, "")
    # A validator's text may quote the prompt's length, never the prompt; it is cut all the same.
    return message[:400] + hint


def no_connection(detail: str) -> Failure:
    """The endpoint could not be reached: nothing was sent, nothing is billed."""
    return Failure(_K.UNREACHED, "provider_unreachable", f"No connection to the Bedrock endpoint: {detail[:300]}", billed=False)


def no_answer(detail: str) -> Failure:
    """The request went out and the answer never came, or came in half."""
    return Failure(
        _K.UNKNOWN,
        "provider_timeout_ambiguous",
        f"No whole answer arrived; the call may have been billed: {detail[:300]}",
        billed=None,
    )


def not_sent(detail: str) -> Failure:
    """The SDK could not make a request of it (a wrong region, profile or parameter): nothing was sent."""
    return Failure(_K.PERMANENT, "request_not_sent", f"The SDK could not send the request: {detail[:300]}", billed=False)


def no_credentials(detail: str) -> Failure:
    """The SDK found nothing to sign with: nothing was sent."""
    return Failure(
        _K.UNREACHED,
        "credentials_missing",
        f"The worker has no AWS credentials ({detail[:200]}). Give it a role, a profile, or AWS_ACCESS_KEY_ID and "
        "AWS_SECRET_ACCESS_KEY.",
    )
