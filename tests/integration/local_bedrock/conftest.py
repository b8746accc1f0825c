"""Fixtures: running local Bedrock endpoints."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from PIL import Image

from tests.integration.local_bedrock.endpoints import Running, running_endpoint


@pytest.fixture(scope="session")
def canned() -> Iterator[Running]:
    """An endpoint with prepared pictures and no quotas, shared by tests that do not count."""
    with running_endpoint("--engine", "canned", "--quota", "off") as running:
        yield running


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """Starts endpoints with the given arguments (canned, quotas off unless said); they stop when the test ends."""
    with ExitStack() as stack:

        def begin(*arguments: str) -> Running:
            engine = [] if "--engine" in arguments else ["--engine", "canned"]
            quota = [] if "--quota" in arguments else ["--quota", "off"]
            return stack.enter_context(running_endpoint(*engine, *quota, *arguments))

        yield begin


@pytest.fixture
def picture() -> Callable[..., bytes]:
    """Makes a small PNG or JPEG."""

    def make(width: int = 512, height: int = 512, *, format: str = "PNG", noise: bool = False) -> bytes:
        image = Image.effect_noise((width, height), 90).convert("RGB") if noise else Image.new("RGB", (width, height), "#886644")
        data = io.BytesIO()
        image.save(data, format)
        return data.getvalue()

    return make
