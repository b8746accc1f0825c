"""AWS Service Quotas on loopback: the two lists that are read, in pages, in its own protocol (JSON 1.1 over HTTP)."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Literal, cast

Operation = Literal["ListServiceQuotas", "ListAWSDefaultServiceQuotas"]
Row = Mapping[str, object]
_TARGET: Final = "ServiceQuotasV20190624."
_STATUS: Final = {"ServiceException": 500, "TooManyRequestsException": 429}
"""By the service model; every other error is a 400."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived."""

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
    asked: list[Asked] = field(default_factory=list[Asked])

    def answer(self, asked: Asked) -> tuple[int, Mapping[str, object]]:
        """The HTTP status and the document."""
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
        return 200, {"Quotas": rows[start:end], **more}

    def environment(self) -> dict[str, str]:
        """What leads an AWS program here, and nowhere else."""
        return {
            "AWS_ENDPOINT_URL_SERVICE_QUOTAS": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }


def quota(code: str, name: str, value: float | None, **more: object) -> Row:
    """A quota as the service writes it; one without a value has an `ErrorReason` instead."""
    told: Row = (
        {"ErrorReason": {"ErrorCode": "DEPENDENCY_SERVICE_ERROR", "ErrorMessage": "-"}} if value is None else {"Value": value}
    )
    return {"ServiceCode": "bedrock", "QuotaCode": code, "QuotaName": name, "Unit": "None", "Adjustable": False, **told, **more}


def _error(code: str, message: str) -> tuple[int, Mapping[str, object]]:
    return _STATUS.get(code, 400), {"__type": code, "Message": message}


@contextmanager
def running_stub() -> Generator[QuotaStub]:
    """The service for the length of a `with` block, empty: Bedrock is in no Region yet."""
    stub = QuotaStub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/"
            assert self.headers["Content-Type"] == "application/x-amz-json-1.1"
            # AWS4-HMAC-SHA256 Credential=key/date/region/servicequotas/aws4_request, ...
            region = self.headers["Authorization"].split("/")[2]
            operation = self.headers["X-Amz-Target"].removeprefix(_TARGET)
            status, document = stub.answer(Asked(operation, region, json.loads(sent)))
            written = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        stub.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield stub
        finally:
            server.shutdown()
            thread.join(timeout=10)
