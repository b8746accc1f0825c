"""One endpoint for all, one fleet of one worker for most, and stacks of their own for tests that end workers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.local_bedrock.endpoints import Running, running_endpoint
from tests.support.stack import Stack, WorkerProcess
from tests.support.valkey import Server, valkey_server

__all__ = ["valkey_server"]

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def bedrock() -> Iterator[Running]:
    """A local endpoint with prepared pictures and no quotas."""
    with running_endpoint("--engine", "canned", "--quota", "off") as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def shared_stack(
    valkey_server: Server, bedrock: Running, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Stack, WorkerProcess]]:
    """A stack whose one worker lives as long as the tests."""
    stack = Stack(valkey_server.url, bedrock, tmp_path_factory.mktemp("fleet"), "fleet:")
    with stack.worker() as worker:
        yield stack, worker
    stack.close()


@pytest.fixture
def fleet(shared_stack: tuple[Stack, WorkerProcess]) -> Iterator[Stack]:
    """The stack with a running worker; faults end with the test."""
    stack, worker = shared_stack
    assert worker.process.poll() is None, worker.said()
    yield stack
    stack.faults()


@pytest.fixture
def empty_stack(valkey_server: Server, bedrock: Running, tmp_path: Path) -> Iterator[Stack]:
    """A stack without a worker; faults end with the test."""
    stack = Stack(valkey_server.url, bedrock, tmp_path / "home", f"own{next(_numbers)}:")
    yield stack
    stack.faults()
    stack.close()


@pytest.fixture
def seed() -> Callable[[], int]:
    """Seeds that no other request in this run has, by which the endpoint's log is searched."""
    return lambda: 1000 + next(_numbers)
