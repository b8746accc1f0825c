"""Keeps assets in Redis or Valkey: for small set-ups and tests, where a second service to run is not worth it.

    dr:asset:sha256:<hash>     the bytes
    dr:asset:receipt:<name>    the raw answer of a call that has not committed
    dr:asset:story:<job_id>    hash: `story`, the document, and `outputs`, a JSON list of names and hashes

Keys have no time to live. The sync and the async class send the same commands, which are built and read by the functions here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Generator, Sequence
from typing import Final, Protocol, Self, cast

import redis as sync_redis
import redis.asyncio as async_redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from darkroom_shared.core.errors import Misconfigured, StorageUnavailable
from darkroom_shared.storage.base import Asset, StoryOutput
from darkroom_shared.storage.names import (
    checked_job,
    checked_outputs,
    checked_receipt,
    checked_sha256,
    is_sha256,
    missing,
    proven,
    sha256_of,
)

PREFIX: Final = "dr:asset:"
CONNECTIONS: Final = 32
"""At most this many at once; further operations wait for one, up to `TIMEOUT_S`."""
TIMEOUT_S: Final = 30.0
HASH_IN_THREAD_BYTES: Final = 1 << 20
"""From here on hashing takes over 1 ms and goes to a thread, off the loop."""

_Command = tuple[str | bytes, ...]


def _asset(sha256: str) -> str:
    return f"{PREFIX}sha256:{sha256}"


def _receipt(name: str) -> str:
    return f"{PREFIX}receipt:{checked_receipt(name)}"


def _story(job_id: str) -> str:
    return f"{PREFIX}story:{checked_job(job_id)}"


def _story_command(job_id: str, story: bytes, outputs: Sequence[StoryOutput]) -> _Command:
    listed = json.dumps([{"name": output.name, "sha256": output.sha256} for output in outputs])
    return ("HSET", _story(job_id), "story", story, "outputs", listed)


def _scan(cursor: str) -> _Command:
    return ("SCAN", cursor, "MATCH", f"{PREFIX}sha256:*", "COUNT", "500")


def _page(reply: object) -> tuple[str, list[bytes]]:
    """One answer of SCAN: where to go on (`0` at the end), and keys. redis-py gives a number or bytes for the former."""
    cursor, keys = cast("tuple[int | bytes, list[bytes]]", reply)
    return (cursor.decode() if isinstance(cursor, bytes) else str(cursor)), keys


def _name(key: bytes) -> str:
    return key.decode().rpartition(":")[2]


def _is_old(idle_s: object, older_than_s: float) -> bool:
    return isinstance(idle_s, int) and idle_s >= older_than_s  # None: it went meanwhile


def _first_missing(outputs: Sequence[StoryOutput], replies: Sequence[object]) -> str | None:
    return next((output.sha256 for output, reply in zip(outputs, replies, strict=True) if not reply), None)


def _bytes_or_none(reply: object) -> bytes | None:
    if reply is None or isinstance(reply, bytes):
        return reply
    raise Misconfigured("the asset store's Redis client decodes replies; remove decode_responses from its URL")


class _Executes(Protocol):
    """The one method of redis-py's clients that is used; its own signature is untyped."""

    def execute_command(self, *command: str | bytes) -> object: ...


class _ExecutesAsync(Protocol):
    async def execute_command(self, *command: str | bytes) -> object: ...


@contextlib.contextmanager
def _redis_errors() -> Generator[None]:
    try:
        yield
    except (AuthenticationError, NoPermissionError) as error:
        raise Misconfigured(f"the asset store's Redis refuses the command: {error}") from error
    except ResponseError as error:
        # Out of memory (noeviction), a read-only replica, its own disk full, still loading.
        raise StorageUnavailable(f"the asset store's Redis cannot store or read now: {error}") from error
    except (RedisError, OSError) as error:
        raise StorageUnavailable(f"the asset store's Redis cannot be reached: {error}") from error


@contextlib.contextmanager
def _url_errors() -> Generator[None]:
    try:
        yield
    except (ValueError, TypeError) as error:
        raise Misconfigured(
            "the asset store's Redis URL is not valid; write redis://host:6379/0 or unix:///path/to.sock?db=0"
        ) from error


class RedisStore:
    """An `AssetStore` in Redis. Safe across threads."""

    def __init__(self, pool: sync_redis.ConnectionPool) -> None:
        self._pool = pool
        self._redis = cast(_Executes, sync_redis.Redis(connection_pool=pool))

    @classmethod
    def from_url(cls, url: str) -> Self:
        """A store on the server and database of a Redis URL; connects at first use. Raises Misconfigured for a bad URL."""
        with _url_errors():
            pool = sync_redis.BlockingConnectionPool.from_url(
                url, max_connections=CONNECTIONS, timeout=TIMEOUT_S, socket_timeout=TIMEOUT_S, socket_connect_timeout=5.0
            )
            return cls(pool)

    def _run(self, *command: str | bytes) -> object:
        with _redis_errors():
            return self._redis.execute_command(*command)

    def put(self, data: bytes, media_type: str) -> Asset:
        """See `AssetStore.put`."""
        sha256 = sha256_of(data)
        self._run("SET", _asset(sha256), data)
        return Asset(sha256, len(data), media_type)

    def get(self, sha256: str) -> bytes:
        """See `AssetStore.get`."""
        data = _bytes_or_none(self._run("GET", _asset(checked_sha256(sha256))))
        if data is None:
            raise missing(sha256)
        return proven(sha256, data)

    def exists(self, sha256: str) -> bool:
        """See `AssetStore.exists`."""
        return is_sha256(sha256) and bool(self._run("EXISTS", _asset(sha256)))

    def delete(self, sha256: str) -> None:
        """See `AssetStore.delete`."""
        self._run("UNLINK", _asset(checked_sha256(sha256)))

    def put_receipt(self, name: str, data: bytes) -> None:
        """See `AssetStore.put_receipt`."""
        self._run("SET", _receipt(name), data)

    def get_receipt(self, name: str) -> bytes | None:
        """See `AssetStore.get_receipt`."""
        return _bytes_or_none(self._run("GET", _receipt(name)))

    def delete_receipt(self, name: str) -> None:
        """See `AssetStore.delete_receipt`."""
        self._run("UNLINK", _receipt(name))

    def write_story(self, job_id: str, story: bytes, outputs: Sequence[StoryOutput]) -> str:
        """See `AssetStore.write_story`. Returns the key of the story's hash."""
        command = _story_command(job_id, story, checked_outputs(outputs))
        absent = _first_missing(outputs, [self._run("EXISTS", _asset(output.sha256)) for output in outputs])
        if absent is not None:
            raise missing(absent)
        self._run(*command)
        return _story(job_id)

    def delete_story(self, job_id: str) -> None:
        """See `AssetStore.delete_story`."""
        self._run("UNLINK", _story(job_id))

    def sweep(self, older_than_s: float) -> list[str]:
        """See `AssetStore.sweep`. An age is the time since the bytes were last written or read; nothing is ever unfinished here."""
        cursor, found = "0", list[str]()
        while True:
            cursor, keys = _page(self._run(*_scan(cursor)))
            found += [_name(key) for key in keys if _is_old(self._run("OBJECT", "IDLETIME", key), older_than_s)]
            if cursor == "0":
                return sorted(found)

    def close(self) -> None:
        """See `AssetStore.close`."""
        self._pool.disconnect()


class AsyncRedisStore:
    """An `AsyncAssetStore` in Redis, for one loop."""

    def __init__(self, pool: async_redis.ConnectionPool) -> None:
        self._pool = pool
        self._redis = cast(_ExecutesAsync, async_redis.Redis(connection_pool=pool))

    @classmethod
    def from_url(cls, url: str) -> Self:
        """A store on the server and database of a Redis URL; connects at first use. Raises Misconfigured for a bad URL."""
        with _url_errors():
            pool = async_redis.BlockingConnectionPool.from_url(
                url, max_connections=CONNECTIONS, timeout=int(TIMEOUT_S), socket_timeout=TIMEOUT_S, socket_connect_timeout=5.0
            )
            return cls(pool)

    async def _run(self, *command: str | bytes) -> object:
        with _redis_errors():
            return await self._redis.execute_command(*command)

    async def put(self, data: bytes, media_type: str) -> Asset:
        """See `AssetStore.put`."""
        sha256 = await asyncio.to_thread(sha256_of, data) if len(data) >= HASH_IN_THREAD_BYTES else sha256_of(data)
        await self._run("SET", _asset(sha256), data)
        return Asset(sha256, len(data), media_type)

    async def get(self, sha256: str) -> bytes:
        """See `AssetStore.get`."""
        data = _bytes_or_none(await self._run("GET", _asset(checked_sha256(sha256))))
        if data is None:
            raise missing(sha256)
        return await asyncio.to_thread(proven, sha256, data) if len(data) >= HASH_IN_THREAD_BYTES else proven(sha256, data)

    async def exists(self, sha256: str) -> bool:
        """See `AssetStore.exists`."""
        return is_sha256(sha256) and bool(await self._run("EXISTS", _asset(sha256)))

    async def delete(self, sha256: str) -> None:
        """See `AssetStore.delete`."""
        await self._run("UNLINK", _asset(checked_sha256(sha256)))

    async def put_receipt(self, name: str, data: bytes) -> None:
        """See `AssetStore.put_receipt`."""
        await self._run("SET", _receipt(name), data)

    async def get_receipt(self, name: str) -> bytes | None:
        """See `AssetStore.get_receipt`."""
        return _bytes_or_none(await self._run("GET", _receipt(name)))

    async def delete_receipt(self, name: str) -> None:
        """See `AssetStore.delete_receipt`."""
        await self._run("UNLINK", _receipt(name))

    async def write_story(self, job_id: str, story: bytes, outputs: Sequence[StoryOutput]) -> str:
        """See `AssetStore.write_story`. Returns the key of the story's hash."""
        command = _story_command(job_id, story, checked_outputs(outputs))
        absent = _first_missing(outputs, [await self._run("EXISTS", _asset(output.sha256)) for output in outputs])
        if absent is not None:
            raise missing(absent)
        await self._run(*command)
        return _story(job_id)

    async def delete_story(self, job_id: str) -> None:
        """See `AssetStore.delete_story`."""
        await self._run("UNLINK", _story(job_id))

    async def sweep(self, older_than_s: float) -> list[str]:
        """See `RedisStore.sweep`."""
        cursor, found = "0", list[str]()
        while True:
            cursor, keys = _page(await self._run(*_scan(cursor)))
            found += [_name(key) for key in keys if _is_old(await self._run("OBJECT", "IDLETIME", key), older_than_s)]
            if cursor == "0":
                return sorted(found)

    async def close(self) -> None:
        """See `AssetStore.close`."""
        await self._pool.disconnect()
