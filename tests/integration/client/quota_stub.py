"""AWS Service Quotas on loopback: the two lists that are read, in pages, in its own protocol (JSON 1.1 over HTTP)."""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

from tests.integration.client.aws_stub import Asked, Told, leading_to, serving

Operation = Literal["ListServiceQuotas", "ListAWSDefaultServiceQuotas"]
Row = Mapping[str, object]
_TARGET: Final = "ServiceQuotasV20190624."
_JSON: Final = "application/x-amz-json-1.1"
_STATUS: Final = {"ServiceException": 500, "TooManyRequestsException": 429}
"""By the service model; every other error is a 400."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One request for a list."""

    operation: str
    region: str
    body: Mapping[str, Any]


@dataclass(slots=True)
class QuotaStub:
    """What the service says, set by a test, and what it was asked.

    Attributes:
        applied: the account's own values by Region; a Region that is not named has none of Bedrock's.
        defaults: AWS's, in every Region.
        refusals: error codes by operation, one a request, before it answers; the code of `for_ever` never ends.
    """

    url: str = ""
    page: int = 2
    applied: dict[str, Sequence[Row]] = field(default_factory=dict[str, Sequence[Row]])
    defaults: Sequence[Row] = ()
    refusals: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    for_ever: dict[str, str] = field(default_factory=dict[str, str])
    asked: list[Listing] = field(default_factory=list[Listing])

    def answer(self, request: Asked) -> Told:
        """What a request is told."""
        assert (request.path, request.headers["Content-Type"]) == ("/", _JSON)
        operation = request.headers["X-Amz-Target"].removeprefix(_TARGET)
        asked = Listing(operation, request.region, json.loads(request.body))
        self.asked.append(asked)
        waiting = self.refusals.get(asked.operation)
        code = waiting.pop(0) if waiting else self.for_ever.get(asked.operation)
        if code is not None:
            return _error(code, f"the stub says {code}")
        if asked.body["ServiceCode"] != "bedrock" or asked.region not in self.applied:
            return _error("NoSuchResourceException", "The request failed because the specified service does not exist.")
        rows = self.applied[asked.region] if asked.operation == "ListServiceQuotas" else self.defaults
        start = int(cast(str, asked.body.get("NextToken", "at-0")).removeprefix("at-"))
        end = start + min(self.page, int(asked.body.get("MaxResults", 100)))
        more = {"NextToken": f"at-{end}"} if end < len(rows) else {}
        return Told(200, {"Quotas": rows[start:end], **more}, {"Content-Type": _JSON})

    def environment(self) -> dict[str, str]:
        """What leads an AWS program here, and nowhere else."""
        return leading_to(self.url, "SERVICE_QUOTAS")


def quota(code: str, name: str, value: float | None, **more: object) -> Row:
    """A quota as the service writes it; one without a value has an `ErrorReason` instead."""
    told: Row = (
        {"ErrorReason": {"ErrorCode": "DEPENDENCY_SERVICE_ERROR", "ErrorMessage": "-"}} if value is None else {"Value": value}
    )
    return {"ServiceCode": "bedrock", "QuotaCode": code, "QuotaName": name, "Unit": "None", "Adjustable": False, **told, **more}


def _error(code: str, message: str) -> Told:
    return Told(_STATUS.get(code, 400), {"__type": code, "Message": message}, {"Content-Type": _JSON})


@contextmanager
def running_stub() -> Generator[QuotaStub]:
    """The service for the length of a `with` block, empty: Bedrock is in no Region yet."""
    stub = QuotaStub()
    with serving(stub.answer) as stub.url:
        yield stub
