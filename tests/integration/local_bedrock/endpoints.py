"""Local Bedrock endpoints as processes of their own, as users run them, and the least of a client."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import quote, urlsplit

NOVA = "amazon.nova-canvas-v1:0"
TITAN = "amazon.titan-image-generator-v2:0"


def authorization(region: str = "us-east-1") -> str:
    """A header in the shape of a signature for the Region; the endpoint verifies nothing."""
    return f"AWS4-HMAC-SHA256 Credential=A/20260101/{region}/bedrock/aws4_request, SignedHeaders=host, Signature=0"


AUTHORIZATION = authorization()


def text_image(text: str = "a red sailboat", *, seed: int = 7, count: int = 1, size: int = 512) -> dict[str, object]:
    """A small TEXT_IMAGE body that every model takes."""
    config = {"seed": seed, "numberOfImages": count, "width": size, "height": size}
    return {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": text}, "imageGenerationConfig": config}


@dataclass(frozen=True)
class Raw:
    """An answer as it came over the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error_code(self) -> str:
        return self.headers.get("x-amzn-errortype", "").partition(":")[0]


@dataclass(frozen=True)
class Running:
    """A running endpoint."""

    url: str
    process: subprocess.Popen[str]

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or 0

    def request(self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> Raw:
        """One request over HTTP/1.1 without any SDK."""
        connection = http.client.HTTPConnection(self.address[0], self.address[1], timeout=60)
        try:
            connection.request(method, path, body, headers or {})
            response = connection.getresponse()
            return Raw(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        finally:
            connection.close()

    def invoke(
        self, body: object, model: str = NOVA, *, fault: str | None = None, operation: str = "invoke", region: str = "us-east-1"
    ) -> Raw:
        """One request to the runtime; `body` is sent as it is if it is bytes."""
        headers = {"authorization": authorization(region)} | ({"x-darkroom-fault": fault} if fault else {})
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.request("POST", f"/model/{quote(model, safe='')}/{operation}", data, headers)

    def log(self, after: int = 0) -> list[dict[str, Any]]:
        lines = self.request("GET", f"/_darkroom/log?after={after}").body.splitlines()
        return [json.loads(line) for line in lines]

    def stats(self) -> dict[str, Any]:
        return cast("dict[str, Any]", self.request("GET", "/_darkroom/stats").json)

    def change_quotas(self, per_minute: Mapping[str, float | None]) -> dict[str, float]:
        """Changes these quotas, None takes one away; all that are now in force."""
        answer = self.request("PUT", "/_darkroom/quotas", json.dumps(dict(per_minute)).encode())
        assert answer.status == 200, answer.body
        return cast("dict[str, float]", answer.json)

    def sdk_environment(self) -> dict[str, str]:
        """All that an AWS SDK is told: where the endpoint is, some keys, a Region."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return kept | {
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": self.url,
            "AWS_ENDPOINT_URL_BEDROCK": self.url,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }


@contextmanager
def running_endpoint(*arguments: str, expected_status: int = 0) -> Generator[Running]:
    """Runs an endpoint until the end of the block; it must then stop at once, with this exit status."""
    command = [sys.executable, "-m", "darkroom_worker.local_bedrock", "--with-parent", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, f"the endpoint ended with {process.wait(10)} instead of listening"
        yield Running(json.loads(line)["url"], process)
    finally:
        process.terminate()
        try:
            status = process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            if process.stdout is not None:
                process.stdout.close()
    assert status == expected_status
