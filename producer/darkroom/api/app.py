"""Puts the API together: its routers, its errors, its bounds, and what lives as long as the process does."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

from fastapi import APIRouter, FastAPI

from darkroom import access
from darkroom.api import problems
from darkroom.api.hub import Hub
from darkroom.api.keyring import Keyring
from darkroom.api.limits import Bounds, Limits
from darkroom.api.openai import routes as openai
from darkroom.api.routes import (
    assets,
    batches,
    bulk,
    catalogue,
    health,
    jobs,
    keys,
    live,
    metrics,
    operations,
    templates,
    webhooks,
    workflows,
)
from darkroom.api.service import Service
from darkroom.connection import AsyncConnection
from darkroom_shared.settings import Settings
from darkroom_shared.store.redis import AsyncLedger

ROUTERS: Final[tuple[APIRouter, ...]] = (
    jobs.router,
    bulk.router,
    assets.router,
    workflows.router,
    templates.router,
    batches.router,
    catalogue.router,
    operations.router,
    keys.router,
    metrics.router,
    openai.router,
    webhooks.router,
    live.router,
    health.router,
)
"""Every router of the API."""
_DESCRIPTION: Final = """A queue for image work on Amazon Bedrock: submit jobs, follow them, fetch what came of them.

Errors are RFC 9457 problems with a stable `code`. Events are `snapshot`, `change` and `reset`; `id` resumes by `Last-Event-ID`.
"""


def create_app(settings: Settings, bounds: Bounds | None = None, *, keys_only: bool = False) -> FastAPI:
    """The API over the ledger and the asset store that the settings name.

    Args:
        settings: with complete addresses.
        bounds: what a request may take.
        keys_only: whether nobody gets in without an API key, even while there is none.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        connection = AsyncConnection(settings)
        ledger = AsyncLedger(settings.redis_url, settings.key_prefix)
        try:
            async with Hub(ledger) as hub:
                keyring = Keyring(lambda key: connection.run(access.verify(key)), always=keys_only)
                app.state.service = Service(settings, connection, hub, keyring)
                yield
        finally:
            await ledger.close()
            await connection.close()

    app = FastAPI(
        title="darkroom",
        version="1",
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # they load scripts from elsewhere
        redoc_url=None,
        openapi_url="/openapi.json",
        separate_input_output_schemas=False,
    )
    for router in ROUTERS:
        app.include_router(router)
    problems.add_to(app)
    app.add_middleware(Limits, bounds=bounds or Bounds())
    return app
