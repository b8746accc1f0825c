"""The storages as the outside sees them: where they are, and ways to look at them and damage them behind a store's back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import redis

from darkroom_shared.storage import Asset, AsyncAssetStore, StoryOutput

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

BUCKET = "darkroom-test"


class Blocking:
    """An async store driven from a test: one loop of its own, one operation after the other."""

    def __init__(self, open_it: Callable[[], AsyncAssetStore]) -> None:
        self._runner = asyncio.Runner()
        self._runner.get_loop()
        self._store = open_it()

    def put(self, data: bytes, media_type: str) -> Asset:
        return self._runner.run(self._store.put(data, media_type))

    def get(self, sha256: str) -> bytes:
        return self._runner.run(self._store.get(sha256))

    def exists(self, sha256: str) -> bool:
        return self._runner.run(self._store.exists(sha256))

    def delete(self, sha256: str) -> None:
        self._runner.run(self._store.delete(sha256))

    def put_receipt(self, name: str, data: bytes) -> None:
        self._runner.run(self._store.put_receipt(name, data))

    def get_receipt(self, name: str) -> bytes | None:
        return self._runner.run(self._store.get_receipt(name))

    def delete_receipt(self, name: str) -> None:
        self._runner.run(self._store.delete_receipt(name))

    def write_story(self, job_id: str, story: bytes, outputs: Sequence[StoryOutput]) -> str:
        return self._runner.run(self._store.write_story(job_id, story, outputs))

    def delete_story(self, job_id: str) -> None:
        self._runner.run(self._store.delete_story(job_id))

    def sweep(self, older_than_s: float) -> list[str]:
        return self._runner.run(self._store.sweep(older_than_s))

    def close(self) -> None:
        self._runner.run(self._store.close())
        self._runner.close()


@dataclass(frozen=True)
class Backend:
    """One storage."""

    url: str
    spoil: Callable[[str, bytes], None]
    """Replaces the stored bytes of an asset."""
    story_parts: Callable[[str], dict[str, bytes]]
    """What a person finds in the place that `write_story` named."""


def file_backend(root: Path) -> Backend:
    """A directory that need not exist yet."""

    def spoil(sha256: str, data: bytes) -> None:
        next(root.glob(f"assets/*/{sha256}.*")).write_bytes(data)

    def parts(location: str) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in Path(location).iterdir()} if Path(location).exists() else {}

    return Backend(f"file://{root}", spoil, parts)


def redis_backend(url: str) -> Backend:
    """A database of a running server."""
    client = redis.Redis.from_url(url)

    def spoil(sha256: str, data: bytes) -> None:
        client.set(f"dr:asset:sha256:{sha256}", data)

    def parts(location: str) -> dict[str, bytes]:
        story = client.hget(location, "story")
        return {"job.json": story} if isinstance(story, bytes) else {}

    return Backend(url, spoil, parts)


def s3_backend(client: S3Client, prefix: str) -> Backend:
    """A prefix of the test bucket."""

    def spoil(sha256: str, data: bytes) -> None:
        client.put_object(Bucket=BUCKET, Key=f"{prefix}/assets/{sha256}", Body=data)

    def parts(location: str) -> dict[str, bytes]:
        folder = location.removeprefix(f"s3://{BUCKET}/").removesuffix("job.json")
        keys = [item.get("Key", "") for item in client.list_objects_v2(Bucket=BUCKET, Prefix=folder).get("Contents", [])]
        return {key.removeprefix(folder): client.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}

    return Backend(f"s3://{BUCKET}/{prefix}", spoil, parts)
