"""Homes of every kind: a folder, a stand-in for a search module, and a real module where the environment names one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from darkroom.search.index import IndexHome, VectorIndex
from tests.conformance.search.writer import SPACE, home_at
from tests.support.search_module import flush, real_module_server, stand_in
from tests.support.valkey import redis_url, valkey_server

__all__ = ["redis_url", "valkey_server"]


@pytest.fixture(scope="session")
def module_server() -> Iterator[str]:
    """A server with the real module that the environment names."""
    with real_module_server() as url:
        yield url


@pytest.fixture
def module_url(module_server: str) -> str:
    """Its URL, emptied before the test."""
    flush(module_server)
    return module_server


@pytest.fixture
def stand_in_url(redis_url: str) -> Iterator[str]:
    """A stand-in before an empty server."""
    with stand_in(redis_url) as url:
        yield url


@pytest.fixture(params=["stand-in", "module"])
def server_url(request: pytest.FixtureRequest) -> str:
    """A server that keeps vectors, empty."""
    return str(request.getfixturevalue({"stand-in": "stand_in_url", "module": "module_url"}[str(request.param)]))


@pytest.fixture(params=["disk", "stand-in", "module"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty home of each kind is."""
    if request.param == "disk":
        return str(tmp_path / "search")
    return str(request.getfixturevalue({"stand-in": "stand_in_url", "module": "module_url"}[str(request.param)]))


@pytest.fixture
def home(address: str) -> IndexHome:
    """An empty home of each kind."""
    return home_at(address)


@pytest.fixture
def index(home: IndexHome) -> VectorIndex:
    """An empty index."""
    return home.open(SPACE)
