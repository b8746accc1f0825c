"""Run as a program: 50 calls at once through aioboto3 with nothing but environment variables; prints the hashes of the images."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import sys
from typing import Any

import aioboto3
from aiobotocore.config import AioConfig

CALLS = 50


async def call(client: Any, model: str, body: dict[str, Any]) -> str:
    """The hash of the image, or the name of the exception class."""
    try:
        answer = await client.invoke_model(modelId=model, body=json.dumps(body))
    except client.exceptions.ThrottlingException:
        return "ThrottlingException"
    images = json.loads(await answer["body"].read())["images"]
    return hashlib.sha256(base64.b64decode(images[0], validate=True)).hexdigest()


async def main() -> None:
    """Sends the body on standard input 50 times, with seeds 0 to 49."""
    request = json.load(sys.stdin)
    config = AioConfig(retries={"total_max_attempts": 1}, max_pool_connections=CALLS)
    session: Any = aioboto3.Session()
    async with session.client("bedrock-runtime", config=config) as client:
        bodies = [{**request["body"], "imageGenerationConfig": {"seed": seed}} for seed in range(CALLS)]
        json.dump(await asyncio.gather(*(call(client, request["model"], body) for body in bodies)), sys.stdout)


if __name__ == "__main__":
    asyncio.run(main())
