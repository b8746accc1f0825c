"""Fixtures: the API on a real Valkey, and a worker worked by hand."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from darkroom import Settings
from tests.integration.api.serving import Served, serving
from tests.integration.client.conftest import redis_url, settings, valkey_server, worker

__all__ = ["redis_url", "settings", "valkey_server", "worker"]


@pytest.fixture
def served(settings: Settings) -> Iterator[Served]:
    with serving(settings) as found:
        yield found


@pytest.fixture
def api(served: Served) -> Iterator[httpx.Client]:
    """A client of a served API."""
    with served.client() as client:
        yield client
