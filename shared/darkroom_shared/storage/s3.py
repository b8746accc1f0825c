"""Keeps assets in an S3 bucket (or in what speaks its protocol).

    <prefix>/assets/<sha256>            the bytes, with their Content-Type; no ending, so that one request finds them
    <prefix>/receipts/<name>            the raw answer of a call that has not committed
    <prefix>/jobs/<job_id>/job.json     the story, its outputs beside it (copied inside S3, no download)

Region, keys and endpoint come from where the AWS SDK looks (`AWS_REGION`, profiles, `AWS_ENDPOINT_URL_S3`). Needs the rights
s3:PutObject, s3:GetObject, s3:DeleteObject and s3:ListBucket (without the last, S3 answers "forbidden" for a missing object).
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Generator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Self

import aioboto3
import aiohttp
import boto3
from aiobotocore.config import AioConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

from darkroom_shared.core.errors import Misconfigured, StorageUnavailable
from darkroom_shared.storage.base import Asset, StoryOutput
from darkroom_shared.storage.names import (
    STORY,
    checked_job,
    checked_outputs,
    is_sha256,
    missing,
    proven,
    sha256_of,
)
from darkroom_shared.storage.s3_place import (
    ATTEMPTS,
    CONNECT_S,
    CONNECTIONS,
    READ_S,
    RECEIPT_TYPE,
    STORY_TYPE,
    Place,
)

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client
    from mypy_boto3_s3.type_defs import CopySourceTypeDef, ListObjectsV2OutputTypeDef
    from types_aiobotocore_s3.client import S3Client as AsyncS3Client
_MISSING: Final = frozenset({"NoSuchKey", "404", "NotFound"})
_NEVER: Final = frozenset(
    {
        "403",
        "AccessDenied",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidBucketName",
        "InvalidToken",
        "NoSuchBucket",
        "PermanentRedirect",
        "SignatureDoesNotMatch",
    }
)
"""Answers that trying again does not change."""
_CONFIG = Config(
    connect_timeout=CONNECT_S,
    read_timeout=READ_S,
    max_pool_connections=CONNECTIONS,
    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
)
_ASYNC_CONFIG = AioConfig(
    connect_timeout=CONNECT_S,
    read_timeout=READ_S,
    max_pool_connections=CONNECTIONS,
    retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
)


class _AbsentError(Exception):
    """S3 has no such object."""


@contextlib.contextmanager
def _s3_errors(place: Place, doing: str) -> Generator[None]:
    try:
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _MISSING:
            raise _AbsentError from error
        text = f"{doing} failed in the bucket {place.bucket}: S3 answered {code}"
        raise (Misconfigured(text) if code in _NEVER else StorageUnavailable(text)) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise Misconfigured(f"S3 needs AWS credentials and found none (bucket {place.bucket})") from error
    except (BotoCoreError, OSError) as error:
        raise StorageUnavailable(f"{doing} failed: S3 cannot be reached (bucket {place.bucket}): {error}") from error


def _older(page: ListObjectsV2OutputTypeDef, before: datetime) -> list[str]:
    """The SHA-256 of a page's objects that were written before an instant."""
    listed = [(item.get("Key", "").rpartition("/")[2], item.get("LastModified")) for item in page.get("Contents", [])]
    return [name for name, written in listed if is_sha256(name) and written is not None and written < before]


class S3Store:
    """An `AssetStore` in S3. Safe across threads; the client is made at first use."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._lock = threading.Lock()
        self._made: S3Client | None = None

    @classmethod
    def from_url(cls, url: str) -> Self:
        """A store in the bucket and prefix of an `s3://` URL. Raises Misconfigured for a bad URL."""
        return cls(Place.from_url(url))

    def _client(self) -> S3Client:
        with self._lock:
            if self._made is None:
                # A session of its own: boto3's default one is not safe across threads.
                self._made = boto3.session.Session().client("s3", config=_CONFIG)
            return self._made

    def _put(self, key: str, data: bytes, media_type: str) -> None:
        with _s3_errors(self._place, f"storing {key}"):
            self._client().put_object(Bucket=self._place.bucket, Key=key, Body=data, ContentType=media_type)

    def _get(self, key: str) -> bytes | None:
        try:
            with _s3_errors(self._place, f"reading {key}"):
                # Not `with body`: that hands out the raw stream, which does not notice an answer cut short.
                body = self._client().get_object(Bucket=self._place.bucket, Key=key)["Body"]
                with contextlib.closing(body):
                    return body.read()
        except _AbsentError:
            return None

    def _delete(self, key: str) -> None:
        with contextlib.suppress(_AbsentError), _s3_errors(self._place, f"deleting {key}"):
            self._client().delete_object(Bucket=self._place.bucket, Key=key)

    def put(self, data: bytes, media_type: str) -> Asset:
        """See `AssetStore.put`."""
        sha256 = sha256_of(data)
        self._put(self._place.asset(sha256), data, media_type)
        return Asset(sha256, len(data), media_type)

    def get(self, sha256: str) -> bytes:
        """See `AssetStore.get`."""
        data = self._get(self._place.asset(sha256))
        if data is None:
            raise missing(sha256)
        return proven(sha256, data)

    def exists(self, sha256: str) -> bool:
        """See `AssetStore.exists`."""
        if not is_sha256(sha256):
            return False
        try:
            with _s3_errors(self._place, f"looking for {sha256}"):
                self._client().head_object(Bucket=self._place.bucket, Key=self._place.asset(sha256))
        except _AbsentError:
            return False
        return True

    def delete(self, sha256: str) -> None:
        """See `AssetStore.delete`."""
        self._delete(self._place.asset(sha256))

    def put_receipt(self, name: str, data: bytes) -> None:
        """See `AssetStore.put_receipt`."""
        self._put(self._place.receipt(name), data, RECEIPT_TYPE)

    def get_receipt(self, name: str) -> bytes | None:
        """See `AssetStore.get_receipt`."""
        return self._get(self._place.receipt(name))

    def delete_receipt(self, name: str) -> None:
        """See `AssetStore.delete_receipt`."""
        self._delete(self._place.receipt(name))

    def write_story(self, job_id: str, story: bytes, outputs: Sequence[StoryOutput]) -> str:
        """See `AssetStore.write_story`. Returns the document's `s3://` address."""
        checked_job(job_id)
        for output in checked_outputs(outputs):
            source: CopySourceTypeDef = {"Bucket": self._place.bucket, "Key": self._place.asset(output.sha256)}
            try:
                with _s3_errors(self._place, f"placing {output.name} of {job_id}"):
                    self._client().copy_object(
                        Bucket=self._place.bucket, Key=self._place.story(job_id, output.name), CopySource=source
                    )
            except _AbsentError as error:
                raise missing(output.sha256) from error
        self._put(self._place.story(job_id, STORY), story, STORY_TYPE)
        return self._place.address(job_id)

    def delete_story(self, job_id: str) -> None:
        """See `AssetStore.delete_story`."""
        with contextlib.suppress(_AbsentError), _s3_errors(self._place, f"looking for the story of {job_id}"):
            found = self._client().list_objects_v2(Bucket=self._place.bucket, Prefix=self._place.story(job_id))
            for key in [item.get("Key", "") for item in found.get("Contents", [])]:
                self._client().delete_object(Bucket=self._place.bucket, Key=key)

    def sweep(self, older_than_s: float) -> list[str]:
        """See `AssetStore.sweep`. Nothing is ever unfinished here: an object is whole or absent."""
        before = datetime.now(UTC) - timedelta(seconds=older_than_s)
        found: list[str] = []
        with _s3_errors(self._place, "listing assets"):
            pages = self._client().get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._place.bucket, Prefix=self._place.assets):
                found += _older(page, before)
        return sorted(found)

    def close(self) -> None:
        """See `AssetStore.close`."""
        with self._lock:
            if self._made is not None:
                self._made.close()
                self._made = None


class AsyncS3Store:
    """An `AsyncAssetStore` in S3, for one loop. The client is made at first use."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._lock = asyncio.Lock()
        self._exit = contextlib.AsyncExitStack()
        self._made: AsyncS3Client | None = None

    @classmethod
    def from_url(cls, url: str) -> Self:
        """A store in the bucket and prefix of an `s3://` URL. Raises Misconfigured for a bad URL."""
        return cls(Place.from_url(url))

    async def _client(self) -> AsyncS3Client:
        async with self._lock:
            made = self._made
            if made is None:
                made = self._made = await self._exit.enter_async_context(aioboto3.Session().client("s3", config=_ASYNC_CONFIG))
            return made

    async def _put(self, key: str, data: bytes, media_type: str) -> None:
        with _s3_errors(self._place, f"storing {key}"):
            await (await self._client()).put_object(Bucket=self._place.bucket, Key=key, Body=data, ContentType=media_type)

    async def _get(self, key: str) -> bytes | None:
        try:
            with _s3_errors(self._place, f"reading {key}"):
                body = (await (await self._client()).get_object(Bucket=self._place.bucket, Key=key))["Body"]
                with contextlib.closing(body):
                    return await body.read()
        except _AbsentError:
            return None
        except aiohttp.ClientPayloadError as error:  # aiobotocore lets this one through
            raise StorageUnavailable(f"reading {key} failed: S3 ended its answer early (bucket {self._place.bucket})") from error

    async def _delete(self, key: str) -> None:
        with contextlib.suppress(_AbsentError), _s3_errors(self._place, f"deleting {key}"):
            await (await self._client()).delete_object(Bucket=self._place.bucket, Key=key)

    async def put(self, data: bytes, media_type: str) -> Asset:
        """See `AssetStore.put`."""
        sha256 = await asyncio.to_thread(sha256_of, data)
        await self._put(self._place.asset(sha256), data, media_type)
        return Asset(sha256, len(data), media_type)

    async def get(self, sha256: str) -> bytes:
        """See `AssetStore.get`."""
        data = await self._get(self._place.asset(sha256))
        if data is None:
            raise missing(sha256)
        return await asyncio.to_thread(proven, sha256, data)

    async def exists(self, sha256: str) -> bool:
        """See `AssetStore.exists`."""
        if not is_sha256(sha256):
            return False
        try:
            with _s3_errors(self._place, f"looking for {sha256}"):
                await (await self._client()).head_object(Bucket=self._place.bucket, Key=self._place.asset(sha256))
        except _AbsentError:
            return False
        return True

    async def delete(self, sha256: str) -> None:
        """See `AssetStore.delete`."""
        await self._delete(self._place.asset(sha256))

    async def put_receipt(self, name: str, data: bytes) -> None:
        """See `AssetStore.put_receipt`."""
        await self._put(self._place.receipt(name), data, RECEIPT_TYPE)

    async def get_receipt(self, name: str) -> bytes | None:
        """See `AssetStore.get_receipt`."""
        return await self._get(self._place.receipt(name))

    async def delete_receipt(self, name: str) -> None:
        """See `AssetStore.delete_receipt`."""
        await self._delete(self._place.receipt(name))

    async def write_story(self, job_id: str, story: bytes, outputs: Sequence[StoryOutput]) -> str:
        """See `AssetStore.write_story`. Returns the document's `s3://` address."""
        checked_job(job_id)
        for output in checked_outputs(outputs):
            source: CopySourceTypeDef = {"Bucket": self._place.bucket, "Key": self._place.asset(output.sha256)}
            try:
                with _s3_errors(self._place, f"placing {output.name} of {job_id}"):
                    await (await self._client()).copy_object(
                        Bucket=self._place.bucket, Key=self._place.story(job_id, output.name), CopySource=source
                    )
            except _AbsentError as error:
                raise missing(output.sha256) from error
        await self._put(self._place.story(job_id, STORY), story, STORY_TYPE)
        return self._place.address(job_id)

    async def delete_story(self, job_id: str) -> None:
        """See `AssetStore.delete_story`."""
        with contextlib.suppress(_AbsentError), _s3_errors(self._place, f"looking for the story of {job_id}"):
            found = await (await self._client()).list_objects_v2(Bucket=self._place.bucket, Prefix=self._place.story(job_id))
            for key in [item.get("Key", "") for item in found.get("Contents", [])]:
                await (await self._client()).delete_object(Bucket=self._place.bucket, Key=key)

    async def sweep(self, older_than_s: float) -> list[str]:
        """See `S3Store.sweep`."""
        before = datetime.now(UTC) - timedelta(seconds=older_than_s)
        found: list[str] = []
        with _s3_errors(self._place, "listing assets"):
            pages = (await self._client()).get_paginator("list_objects_v2")
            async for page in pages.paginate(Bucket=self._place.bucket, Prefix=self._place.assets):
                found += _older(page, before)
        return sorted(found)

    async def close(self) -> None:
        """See `AssetStore.close`."""
        async with self._lock:
            self._made = None
            await self._exit.aclose()
