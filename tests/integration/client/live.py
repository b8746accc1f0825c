"""For tests of the client with everything else real, too: a local endpoint, a Celery worker, and a ledger that both colours share.

Use in a test module: `from tests.integration.client.live import bedrock, live, settings, stack`, with these names in its `__all__`;
the fixture `room` of this folder then talks to the live stack.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from darkroom import Darkroom, JobHandle, Settings, TextImage
from tests.integration.local_bedrock.endpoints import Running, running_endpoint
from tests.support.stack import Stack
from tests.support.valkey import Server

__all__ = ["CENTS", "bedrock", "boat", "live", "settings", "stack"]

CENTS = 0.04
"""What a picture of Nova Canvas in the size of `boat` costs, in dollars."""
_numbers = itertools.count(5000)


@pytest.fixture(scope="module")
def bedrock() -> Iterator[Running]:
    """An endpoint with prepared pictures and no quotas."""
    with running_endpoint("--engine", "canned", "--quota", "off") as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def live(valkey_server: Server, bedrock: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with one worker, for all tests of a module."""
    stack = Stack(valkey_server.url, bedrock, tmp_path_factory.mktemp("live"), f"live{next(_numbers)}:")
    with stack.worker():
        yield stack
    stack.close()


@pytest.fixture
def stack(live: Stack) -> Iterator[Stack]:
    """The stack; faults end with the test."""
    yield live
    live.faults()


@pytest.fixture
def settings(stack: Stack) -> Settings:
    """The client's settings for the live stack."""
    return stack.settings.model_copy(update={"bedrock_url": stack.endpoint.url})


def boat(room: Darkroom, **options: str) -> tuple[JobHandle, int]:
    """Submits a small picture; the job, and its seed, by which the endpoint's log finds its calls."""
    seed = next(_numbers)
    request = TextImage("a red sailboat", seed=seed, width=512, height=512)
    if options.get("on_unknown") == "hold":
        return room.submit(request, on_unknown="hold"), seed
    return room.submit(request), seed
