"""A failure as a value: what travels across a process border in place of an exception."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FailureKind(StrEnum):
    """What the ledger does with a failed attempt."""

    PERMANENT = "permanent"
    """Trying again cannot help: the call fails."""
    RETRY = "retry"
    """Try again with back-off; uses up the call budget."""
    THROTTLED = "throttled"
    """Not now: snoozed, uses up nothing."""
    UNREACHED = "unreached"
    """Bedrock did not take the request: no connection, no valid credentials. Nothing was paid; tried again until it does."""
    UNKNOWN = "unknown"
    """No answer arrived; the call may have been billed. At most one more call."""
    FILTERED = "filtered"
    """A content filter refused the input or every output: the outcome `rejected`, not an error."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt gave no images.

    Attributes:
        kind: what to do with it.
        code: darkroom's own stable code (`throttled`, `invalid_input`, `model_retired`, `content_filtered_input`, ...).
        message: one sentence for a person; never holds a prompt or a secret.
        billed: True, False, or None where nobody can tell.
        provider_code: AWS's exception name, or None if the failure was not AWS's.
        request_id: AWS's request id, or None.
        http_status: status of the answer, or None if there was none.
    """

    kind: FailureKind
    code: str
    message: str
    billed: bool | None = False
    provider_code: str | None = None
    request_id: str | None = None
    http_status: int | None = None

    def as_json(self) -> dict[str, object]:
        """The form that the ledger stores."""
        return {
            "kind": self.kind.value,
            "code": self.code,
            "message": self.message,
            "billed": self.billed,
            "provider_code": self.provider_code,
            "request_id": self.request_id,
            "http_status": self.http_status,
        }
