"""Loads the ledger's scripts: the transition table and what they share in front of each."""

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
    """The text of `scripts/<name>.lua` with the transition table and the shared parts in front.

    Each part is a function inside the one before it: with all their names in one function, making that many closures at the start
    of every run takes Lua longer (measured).
    """
    folder = resources.files("darkroom_shared.store") / "scripts"
    first, *others = (folder.joinpath(f"lib/{part}.lua").read_text("utf-8") for part in SHARED)
    others[-1] += folder.joinpath(f"{name}.lua").read_text("utf-8")
    return f"{_lifecycle_lua()}{first}" + "".join(f"return (function()\n{part}" for part in others) + "end)()\n" * len(others)


def _lifecycle_lua() -> str:
    """The transition table as Lua: as part of the text it costs a run far less than decoding it from JSON would."""
    # In a fixed order: a text that differs is another script to the server, and a set has another order in each process.
    rows = (
        f"{name} = {{{', '.join(f'[{json.dumps(key)}] = {json.dumps(value)}' for key, value in sorted(row.items()))}}}"
        for name, row in lifecycle_tables().items()
    )
    return f"local life = {{{', '.join(rows)}}}\n"


def lifecycle_tables() -> dict[str, dict[str, str | bool]]:
    """What the scripts are told of the life cycle.

    By event its source states, with blanks around them, and its target; what an open call makes of its job; terminal job states.
    """
    return {
        "sources": {event.value: f" {' '.join(lifecycle.sources(event))} " for event in lifecycle.TRANSITIONS},
        "targets": {event.value: row.target.value for event, row in lifecycle.TRANSITIONS.items()},
        "open_states": {call.value: job.value for call, job in lifecycle.OPEN_JOB_STATE.items()},
        "terminal_states": {state.value: True for state in lifecycle.TERMINAL_JOB_STATES},
    }


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
