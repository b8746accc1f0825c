"""Run as a program: uses boto3 with nothing but environment variables; reads requests from standard input, prints the outcomes."""

from __future__ import annotations

import base64
import hashlib
import json
import sys
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


def outcome(client: Any, request: dict[str, Any]) -> dict[str, Any]:
    """What one call gave: hashes of images, or the class of the exception and its text."""
    operation = getattr(client, request.get("operation", "invoke_model"))
    arguments = {"modelId": request["model"]}
    if "messages" in request:
        arguments["messages"] = request["messages"]
    else:
        arguments["body"] = json.dumps(request["body"])
    try:
        answer = operation(**arguments)
    except ClientError as error:
        response: Any = error.response
        return {
            "exception": type(error).__name__,
            "typed": isinstance(error, getattr(client.exceptions, response["Error"]["Code"], ())),
            "status": response["ResponseMetadata"]["HTTPStatusCode"],
            "request_id": response["ResponseMetadata"]["RequestId"],
            "message": response["Error"]["Message"],
        }
    body = json.loads(answer["body"].read())
    images = [base64.b64decode(image, validate=True) for image in body["images"]]
    return {
        "images": [hashlib.sha256(image).hexdigest() for image in images],
        "png": all(image.startswith(b"\x89PNG") for image in images),
        "error": body.get("error"),
        "mask": "maskImage" in body,
        "request_id": answer["ResponseMetadata"]["RequestId"],
        "content_type": answer["contentType"],
    }


def main() -> None:
    """Answers every request of the list on standard input."""
    sdk: Any = boto3
    client = sdk.client("bedrock-runtime", config=Config(retries={"total_max_attempts": 1}))
    json.dump([outcome(client, request) for request in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    main()
