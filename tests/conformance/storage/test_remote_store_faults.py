"""What the Redis and S3 stores answer when the other side is away, full, or says no."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable

import pytest
import redis

from darkroom_shared.core.errors import Misconfigured, StorageUnavailable
from darkroom_shared.storage import AssetStore, open_async_store, open_store
from tests.conformance.storage.backends import BUCKET, Blocking
from tests.support.valkey import free_port

SHA256 = hashlib.sha256(b"x").hexdigest()
OPENERS: list[Callable[[str], AssetStore]] = [open_store, lambda url: Blocking(lambda: open_async_store(url))]
both = pytest.mark.parametrize("opener", OPENERS, ids=["sync", "async"])


@both
def test_a_redis_that_is_away_is_unavailable(opener: Callable[[str], AssetStore]) -> None:
    store = opener(f"redis://:secret@127.0.0.1:{free_port()}/0")
    with pytest.raises(StorageUnavailable, match="cannot be reached") as caught:
        store.put(b"x", "image/png")
    assert "secret" not in str(caught.value)
    store.close()


@both
def test_a_full_redis_is_unavailable_and_keeps_what_it_has(opener: Callable[[str], AssetStore], redis_url: str) -> None:
    store = opener(redis_url)
    kept = store.put(b"kept", "image/png")
    with redis.Redis.from_url(redis_url) as client:
        client.config_set("maxmemory", "1")
        try:
            with pytest.raises(StorageUnavailable, match="maxmemory"):
                store.put(b"x" * 100_000, "image/png")
        finally:
            client.config_set("maxmemory", "0")
    assert store.get(kept.sha256) == b"kept"
    store.close()


@both
def test_a_redis_user_without_rights_is_a_mistake_of_the_set_up(opener: Callable[[str], AssetStore], redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.acl_setuser("reader", enabled=True, nopass=True, keys=["*"], commands=["+get"])
    store = opener(redis_url.replace("unix://", "unix://reader:any@"))
    with pytest.raises(Misconfigured, match="refuses"):
        store.put(b"x", "image/png")
    store.close()


@both
def test_a_missing_bucket_is_a_mistake_of_the_set_up(opener: Callable[[str], AssetStore], s3_environment: None) -> None:
    store = opener("s3://no-such-bucket/prefix")
    with pytest.raises(Misconfigured, match="NoSuchBucket"):
        store.put(b"x", "image/png")
    with pytest.raises(Misconfigured, match="NoSuchBucket"):
        store.get(SHA256)
    store.close()


@both
def test_missing_aws_credentials_are_a_mistake_of_the_set_up(
    opener: Callable[[str], AssetStore], s3_environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    store = opener(f"s3://{BUCKET}")
    with pytest.raises(Misconfigured, match="credentials"):
        store.put(b"x", "image/png")
    store.close()


@both
def test_an_s3_that_is_away_is_unavailable(
    opener: Callable[[str], AssetStore], s3_environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    store = opener(f"s3://{BUCKET}/prefix")
    with pytest.raises(StorageUnavailable, match="cannot be reached"):
        store.get(SHA256)
    store.close()


def test_an_s3_answer_that_ends_early_is_unavailable(s3_environment: None, monkeypatch: pytest.MonkeyPatch) -> None:
    async def cut_off(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nContent-Type: image/png\r\n\r\nhalf")
        await writer.drain()
        writer.close()

    async def read_both() -> None:
        server = await asyncio.start_server(cut_off, "127.0.0.1", 0)
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        async with server:
            store = open_async_store(f"s3://{BUCKET}/prefix")
            with pytest.raises(StorageUnavailable):
                await store.get(SHA256)
            await store.close()
            blocking = open_store(f"s3://{BUCKET}/prefix")
            with pytest.raises(StorageUnavailable):
                await asyncio.to_thread(blocking.get, SHA256)
            blocking.close()

    asyncio.run(read_both())


def test_one_async_s3_store_serves_many_at_once(s3_environment: None, s3_client: object) -> None:
    async def many() -> list[bytes]:
        store = open_async_store(f"s3://{BUCKET}/many")
        assets = await asyncio.gather(*(store.put(bytes([number]), "image/png") for number in range(20)))
        found = await asyncio.gather(*(store.get(asset.sha256) for asset in assets))
        await store.close()
        return list(found)

    assert asyncio.run(many()) == [bytes([number]) for number in range(20)]


def test_one_async_redis_store_serves_more_at_once_than_it_has_connections(redis_url: str) -> None:
    async def many() -> list[bytes]:
        store = open_async_store(redis_url)
        assets = await asyncio.gather(*(store.put(number.to_bytes(2), "image/png") for number in range(200)))
        found = await asyncio.gather(*(store.get(asset.sha256) for asset in assets))
        await store.close()
        return list(found)

    assert asyncio.run(many()) == [number.to_bytes(2) for number in range(200)]
