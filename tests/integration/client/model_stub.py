"""Bedrock's control plane on loopback, as far as `GetFoundationModel` goes: states and errors by model, set by a test."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final
from urllib.parse import unquote

_STATUS: Final = {"ResourceNotFoundException": 404, "ValidationException": 400, "AccessDeniedException": 403}
_PATH: Final = "/foundation-models/"


@dataclass(slots=True)
class ModelStub:
    """What the service says, and what it was asked.

    Attributes:
        lifecycles: by bare model id, or by `region/id`, which counts first; a model that is not named is ACTIVE.
        errors: the code of an error in place of an answer, by the same names.
        refusals: codes of errors that are answered to the next requests, whatever they ask.
        asked: Region and id of each request.
    """

    url: str = ""
    lifecycles: dict[str, Mapping[str, object]] = field(default_factory=dict[str, Mapping[str, object]])
    errors: dict[str, str] = field(default_factory=dict[str, str])
    refusals: list[str] = field(default_factory=list[str])
    asked: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def answer(self, region: str, model: str) -> tuple[int, str, Mapping[str, object]]:
        """Status, the error's name if it is one, and the document."""
        self.asked.append((region, model))
        names = (f"{region}/{model}", model)
        code = self.refusals.pop(0) if self.refusals else next((self.errors[name] for name in names if name in self.errors), "")
        if code:
            return _STATUS.get(code, 400), code, {"message": f"the stub says {code}"}
        lifecycle = next((self.lifecycles[name] for name in names if name in self.lifecycles), {"status": "ACTIVE"})
        arn = f"arn:aws:bedrock:{region}::foundation-model/{model}"
        return 200, "", {"modelDetails": {"modelArn": arn, "modelId": model, "modelLifecycle": lifecycle}}

    def environment(self) -> dict[str, str]:
        """What leads an AWS program here, and nowhere else."""
        return {
            "AWS_ENDPOINT_URL_BEDROCK": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }


@contextmanager
def running_stub() -> Generator[ModelStub]:
    """The service for the length of a `with` block: every model is ACTIVE everywhere."""
    stub = ModelStub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_GET(self) -> None:
            assert self.path.startswith(_PATH)
            # AWS4-HMAC-SHA256 Credential=key/date/region/bedrock/aws4_request, ...
            region = self.headers["Authorization"].split("/")[2]
            status, code, document = stub.answer(region, unquote(self.path.removeprefix(_PATH)))
            written = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            if code:
                self.send_header("x-amzn-ErrorType", code)
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
