"""The terms of a submission, for tests of what is planned and recorded."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import cast

from darkroom import Settings
from darkroom.options import SubmitOptions, delivery
from darkroom.terms import Terms

NOW_MS = 1_800_000_000_000
TODAY = date(2026, 11, 21)
NOVA = "amazon.nova-canvas-v1:0"


def settings(**more: object) -> Settings:
    """Settings of a client whose calls go to a local endpoint."""
    given = {"redis_url": "redis://nowhere", "bedrock_url": "http://local", "home": Path("/nowhere"), "region": "us-west-2"}
    return Settings.model_validate({**given, **more})


def terms(model: str = NOVA, today: date = TODAY, known: Settings | None = None, /, **options: object) -> Terms:
    """Terms under which a model is called, as it were on a day of November 2026; `options` are those of a submit."""
    known = known or settings()
    return Terms(known, delivery(cast("SubmitOptions", {"model": model, **options}), known, NOW_MS), today)
