"""Loads the ledger's scripts: what they share in front of each, and the transition table as their second argument."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final, cast

from darkroom_shared.core import lifecycle

SHARED: Final = ("base", "pacing", "parking", "transitions")
"""The parts in their order: each uses only what stands before it."""


@cache
def source(name: str) -> str:
    """The text of `scripts/<name>.lua` with the shared parts in front."""
    folder = resources.files("darkroom_shared.store") / "scripts"
    parts = [*(f"lib/{part}.lua" for part in SHARED), f"{name}.lua"]
    return "".join(folder.joinpath(part).read_text("utf-8") for part in parts)


@cache
def lifecycle_json() -> str:
    """The transition table in the form that the scripts read."""
    rules = {
        event.value: {"sources": lifecycle.sources(event), "target": row.target.value}
        for event, row in lifecycle.TRANSITIONS.items()
    }
    return json.dumps(
        {
            "rules": rules,
            "open_states": {call.value: job.value for call, job in lifecycle.OPEN_JOB_STATE.items()},
            "terminal_states": {state.value: True for state in lifecycle.TERMINAL_JOB_STATES},
        }
    )


def without_nothing(value: object) -> object:
    """The value without any None inside mappings: Lua's JSON has no use for null."""
    if isinstance(value, dict):
        return {str(key): without_nothing(item) for key, item in cast("dict[object, object]", value).items() if item is not None}
    if isinstance(value, list | tuple):
        return [without_nothing(item) for item in cast("list[object]", value)]
    return value


def arguments(args: Mapping[str, object]) -> str:
    """The first argument of a script."""
    return json.dumps(without_nothing(dict(args)), ensure_ascii=False)
