"""Fixtures: a client of each colour on a real Valkey, and a worker worked by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from darkroom import Darkroom, Settings
from tests.integration.client.colours import async_front
from tests.integration.client.hand_worker import HandWorker
from tests.support.valkey import redis_url, valkey_server

__all__ = ["redis_url", "valkey_server"]


@pytest.fixture
def settings(redis_url: str, tmp_path: Path) -> Settings:
    """Settings for the test's own ledger and asset store; calls would go to a local endpoint."""
    return Settings(
        redis_url=redis_url,
        home=tmp_path / "home",
        bedrock_url="http://127.0.0.1:9",
        assets_url="",
        quotas="off",
        region="us-east-1",
    )


@pytest.fixture(params=["sync", "async"])
def room(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Darkroom]:
    """The client, once in each colour."""
    if request.param == "sync":
        with Darkroom(settings=settings) as room:
            yield room
        return
    with asyncio.Runner() as runner:
        front = async_front(settings, runner)
        yield front
        front.close()


@pytest.fixture
def worker(settings: Settings) -> Iterator[HandWorker]:
    """A registered worker that does nothing by itself."""
    worker = HandWorker(settings)
    yield worker
    worker.close()
