"""What the catalogue says of models, prices and task types, as JSON: for the command line and for the HTTP API."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Final

from darkroom_shared.models.catalogue import MODELS, gives_documents, lifecycle_warning, price_usd, schema_of
from darkroom_shared.models.model import Model
from darkroom_shared.models.prices import PriceBook
from darkroom_shared.store.retirement import Mark
from darkroom_shared.task_types import TASK_TYPES

SIZES: Final = ((512, 512), (1024, 1024))
QUALITIES: Final = ("standard", "premium")


def model_document(model: Model, today: date, prices: PriceBook, mark: Mark | None) -> dict[str, object]:
    """A model: what it can do, where, how fast, at what price, until when."""
    return {
        "id": model.id,
        "label": model.label,
        "family": model.family,
        "task_types": list(model.task_types),
        "regions": list(model.regions),
        "requests_per_minute": model.requests_per_minute,
        "prices_usd": [
            {"width": width, "height": height, "quality": quality, "price_usd": price(model, width, height, quality, prices)}
            for width, height in SIZES
            for quality in QUALITIES
        ],
        "legacy_since": model.legacy_since.isoformat() if model.legacy_since else None,
        "end_of_life": model.end_of_life.isoformat() if model.end_of_life else None,
        "successors": list(model.successors),
        "warning": lifecycle_warning(model, today),
        "marked": mark_document(mark),
    }


def price(model: Model, width: int, height: int, quality: str, prices: PriceBook) -> float | None:
    """US dollars for one picture of that size, or one call of a model that gives documents; None if not known."""
    if gives_documents(model):
        found = price_usd(model, {"taskType": model.task_types[0]}, {}, prices)
    else:
        config = {"width": width, "height": height, "quality": quality, "numberOfImages": 1}
        body = {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": "-"}, "imageGenerationConfig": config}
        found = price_usd(model, body, {}, prices)
    return None if found is None else float(found)


def mark_document(mark: Mark | None) -> dict[str, object] | None:
    """What says that a model is retired."""
    if mark is None:
        return None
    return {"at": datetime.fromtimestamp(mark.at_ms / 1000, UTC).isoformat(), "source": mark.source, "text": mark.text}


def prices_document(book: PriceBook) -> dict[str, object]:
    """The prices that estimates are made of."""
    return {
        "version": book.version,
        "currency": "USD",
        "prices": [price.as_json() for price in book.prices],
        "without_price": without_price(book),
        "not_in_catalogue": sorted({price.model for price in book.prices} - set(MODELS)),
    }


def without_price(book: PriceBook) -> list[str]:
    """Models of which no price is known."""
    priced = {price.model for price in book.prices if price.usd is not None}
    return [model for model in MODELS if model not in priced]


def task_document(name: str) -> dict[str, object]:
    """A task type: who can do it, where its pictures stand, and the JSON Schema of its body by model. Raises KeyError."""
    task, able = TASK_TYPES[name], [model for model in MODELS.values() if name in model.task_types]
    schemas: list[tuple[list[str], Mapping[str, object]]] = []
    for model in able:  # models with equal rules share one
        schema = schema_of(model, name)
        for models, known in schemas:
            if known == schema:
                models.append(model.id)
                break
        else:
            schemas.append(([model.id], schema))
    return {
        "task_type": name,
        "native": task.native,
        "pictures": [
            {"pointer": "/" + "/".join(slot.path), "role": slot.role, "many": slot.many, "optional": slot.is_optional}
            for slot in task.slots
        ],
        "models": [model.id for model in able],
        "schemas": [{"models": models, "schema": schema} for models, schema in schemas],
    }
