"""Rooms on a real Valkey, once with the sync executor and once with the async one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from darkroom_shared.store.keys import Keys
from tests.conformance.ledger.driver import Room, async_executor, raw_redis, sync_executor
from tests.support.valkey import redis_url, valkey_server

__all__ = ["redis_url", "valkey_server"]


@pytest.fixture(params=["sync", "async"])
def room(request: pytest.FixtureRequest, redis_url: str) -> Iterator[Room]:
    """An empty ledger."""
    executor = {"sync": sync_executor, "async": async_executor}[str(request.param)]
    with raw_redis(redis_url) as raw, executor(redis_url, "dr:") as run:
        yield Room(run, raw, Keys("dr:"))
