"""`darkroom mcp` as its own process, driven by the protocol's own client package, with a real worker behind it."""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp.types import CallToolResult, ImageContent, TextContent
from PIL import Image

from darkroom import Darkroom, Settings
from darkroom.mcp.budget import OverBudget, Purse
from tests.integration.api.serving import environment
from tests.integration.client.live import bedrock, live, settings, stack
from tests.support.bodies import edited, picture, sample
from tests.support.valkey import redis_url, valkey_server

__all__ = ["bedrock", "live", "redis_url", "settings", "stack", "valkey_server"]

pytestmark = pytest.mark.anyio
NOVA = "amazon.nova-canvas-v1:0"
BODY = edited(sample("TEXT_IMAGE"), "/imageGenerationConfig/seed", 4242)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def assistant(settings: Settings, *options: str) -> AsyncGenerator[Client]:
    """A client of a server of its own."""
    server = StdioServerParameters(command=sys.executable, args=["-m", "darkroom", "mcp", *options], env=environment(settings))
    async with Client(server, read_timeout_seconds=60) as client:
        yield client


def structured(result: CallToolResult) -> dict[str, Any]:
    assert not result.is_error, result.content
    assert result.structured_content is not None
    return dict(result.structured_content)


def said(result: CallToolResult) -> str:
    [content] = result.content
    assert isinstance(content, TextContent)
    return content.text


async def test_a_job_is_planned_submitted_waited_for_and_looked_at(settings: Settings) -> None:
    async with assistant(settings) as client:
        names = {tool.name for tool in (await client.list_tools()).tools}
        assert {"submit", "status", "wait", "cancel", "list", "fetch", "plan", "explain", "tasks", "task", "store_picture"} <= names
        plan = structured(await client.call_tool("plan", {"request": BODY, "model": NOVA}))
        assert plan["price_usd"] == 0.04
        job = structured(await client.call_tool("submit", {"request": BODY, "model": NOVA, "wait_s": 60}))
        assert (job["state"], job["is_over"], job["cost_usd"]) == ("succeeded", True, 0.04)
        shown = await client.call_tool("fetch", {"job": job["id"], "width": 128})
        [content] = shown.content
        assert isinstance(content, ImageContent)
        with Image.open(io.BytesIO(base64.b64decode(content.data))) as image:
            assert image.width == 128
        listed = structured(await client.call_tool("list", {}))
        assert job["id"] in [one["id"] for one in listed["result"]]
        assert "prevented" not in said(await client.call_tool("cancel", {"job": job["id"]}))


async def test_what_is_wrong_is_told_with_its_place_and_costs_nothing(settings: Settings) -> None:
    async with assistant(settings) as client:
        result = await client.call_tool("submit", {"request": edited(BODY, "/textToImageParams/text", ""), "model": NOVA})
        assert result.is_error
        assert "/textToImageParams/text" in said(result)
        unknown = await client.call_tool("status", {"job": "job_01k5w0v7d3e8r9t2y4v6h8j0p2"})
        assert (unknown.is_error, "not_found" in said(unknown) or "job_01k5w0v7d3e8r9t2y4v6h8j0p2" in said(unknown)) == (True, True)


async def test_a_session_spends_no_more_than_it_may(settings: Settings) -> None:
    async with assistant(settings, "--max-usd", "0.05") as client:
        first = {"request": edited(BODY, "/imageGenerationConfig/seed", 4243), "model": NOVA, "key": "mcp-1"}
        structured(await client.call_tool("submit", first))
        refused = await client.call_tool("submit", {"request": BODY, "model": NOVA, "key": "mcp-2"})
        assert refused.is_error
        assert "$0.01 of the session's budget" in said(refused)


async def test_files_are_read_from_the_folders_that_are_named_alone(settings: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "photo.png").write_bytes(picture())
    (tmp_path / "secret.png").write_bytes(picture(seed=5))
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    async with assistant(settings) as client:
        assert (await client.call_tool("store_picture", {"path": str(folder / "photo.png")})).is_error
    async with assistant(settings, "--pictures", str(folder)) as client:
        stored = await client.call_tool("store_picture", {"path": str(folder / "photo.png")})
        assert said(stored).startswith("asset:")
        for path in (tmp_path / "secret.png", folder / "link.png", folder / ".." / "secret.png", folder / "nothing.png", folder):
            assert (await client.call_tool("store_picture", {"path": str(path)})).is_error, path


async def test_task_types_are_resources_too(settings: Settings) -> None:
    async with assistant(settings) as client:
        found = await client.read_resource("darkroom://tasks/INPAINTING")
        assert "maskPrompt" in str(found.contents[0])
        assert "example" in said(await client.call_tool("task", {"name": "INPAINTING"}))


async def test_another_tenants_job_is_not_there(settings: Settings) -> None:
    job = Darkroom(settings=settings).submit(BODY, model=NOVA, tenant="press")
    async with assistant(settings, "--tenant", "shop") as client:
        result = await client.call_tool("status", {"job": job.id})
        assert result.is_error
        assert f"There is no job {job.id}." in said(result)


def test_a_price_that_nobody_knows_is_not_paid_out_of_a_budget() -> None:

    Purse().check(None)
    with pytest.raises(OverBudget, match="not known"):
        Purse(Decimal(1)).check(None)
