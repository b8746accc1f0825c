"""The part of a job's record that says which way its calls go: written at submit, and anew if its model retires."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from darkroom_shared.core.quota import pool_name
from darkroom_shared.models.catalogue import seed_of, tokens_of
from darkroom_shared.models.model import Body, Facts
from darkroom_shared.plan.route import Route

ROUTE_FIELDS: Final = (
    "request",
    "model",
    "base_model",
    "region",
    "routes",
    "lane",
    "price_microusd",
    "price_book",
    "tokens",
    "images_per_call",
    "asked",
    "asked_model",
    "fidelity",
    "lost",
    "prepare",
    "finish",
    "seed",
)
"""What another route changes of a job; all else stays as it was submitted."""


def route_fields(
    route: Route,
    request: Body,
    *,
    asked: Body,
    asked_model: str,
    calls: int,
    images: int,
    price_usd: Decimal | None,
    price_book: str,
    facts: Facts,
) -> dict[str, object]:
    """These fields for calls on a route.

    Args:
        request: what is sent, with references.
        asked: the request as it was asked for, where that is another; else empty.
        asked_model: the model that was named, or `auto`, where that is not the route's; else empty.
        calls: how many there are, 1 or more.
        images: wanted of all of them together.
        price_usd: for all of them together; None if it is not known.
        price_book: version of the prices that it is from.
        facts: of the pictures that are sent, as far as they are known.
    """
    told, model = route.translation, route.model
    return {
        "request": dict(request),
        "model": model.id,
        "base_model": model.base,
        "region": route.regions[0],
        "routes": ",".join(pool_name(region, model.id) for region in route.regions),
        "lane": model.id,
        "price_microusd": None if price_usd is None else int(price_usd * 1_000_000 / calls),
        "price_book": price_book,
        "tokens": tokens_of(model, request, facts),
        "images_per_call": images // calls,
        "asked": dict(asked),
        "asked_model": asked_model,
        "fidelity": told.fidelity,
        "lost": list(told.lost),
        "prepare": {place: [spec.model_dump(exclude_none=True) for spec in specs] for place, specs in told.prepare.items()},
        "finish": [finish.as_json() for finish in told.finish],
        "seed": seed_of(model, request),
    }
