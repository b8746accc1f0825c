"""Loads the ledger's scripts: the transition table and what each uses of the shared parts in front of it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Final, cast

from darkroom_shared.core import lifecycle

SHARED: Final = ("base", "pacing", "parking", "turns", "hooks", "transitions", "batches", "reuse", "graph")
"""The parts in their order: each uses only what stands before it."""


_FUNCTION: Final = re.compile(r"^(?:local function (\w+)|(\w+) = function)\b(?:[^\n]* end|.*?\nend)\n", re.MULTILINE | re.DOTALL)
_NO_USE: Final = re.compile(r"--.*|'[^']*'|^local [\w, ]+$", re.MULTILINE)
"""Comments, texts, and names that are only made known before their functions."""
_WORD: Final = re.compile(r"\w+")


@cache
def source(name: str) -> str:
    """The text of `scripts/<name>.lua` with the transition table and what it uses of the shared parts in front.

    Each part is a function inside the one before it: with all their names in one function, making that many closures at the start
    of every run takes Lua longer (measured).
    """
    script = (resources.files("darkroom_shared.store") / "scripts" / f"{name}.lua").read_text("utf-8")
    parts, functions, always = _shared()
    kept: set[str] = set()
    found = always | _words(script) & functions.keys()
    while found - kept:
        kept |= found
        found = {word for name in kept for word in functions[name]}
    first, *others = ("".join(text for name, text in part if name is None or name in kept) for part in parts)
    others[-1] += script
    return f"{_lifecycle_lua()}{first}" + "".join(f"return (function()\n{part}" for part in others) + "end)()\n" * len(others)


@cache
def _shared() -> tuple[list[list[tuple[str | None, str]]], dict[str, set[str]], set[str]]:
    """The shared parts, each in pieces: (name of the function, text), the name None between functions.

    Then by function the functions it mentions, and those that are mentioned between functions.

    A run begins by making a closure of every function in its text, called or not; for the small scripts that took longer than what
    they do. A name counts as used wherever it stands outside of comments and texts, so too much may stay, never too little.
    """
    folder = resources.files("darkroom_shared.store") / "scripts"
    parts: list[list[tuple[str | None, str]]] = []
    for part in SHARED:
        text, end = folder.joinpath(f"lib/{part}.lua").read_text("utf-8"), 0
        pieces: list[tuple[str | None, str]] = []
        for match in _FUNCTION.finditer(text):
            pieces += [(None, text[end : match.start()]), (match[1] or match[2], match[0])]
            end = match.end()
        parts.append([*pieces, (None, text[end:])])
    functions = {name: _words(text) for part in parts for name, text in part if name is not None}
    functions = {name: words & functions.keys() for name, words in functions.items()}
    return (
        parts,
        functions,
        {word for part in parts for name, text in part if name is None for word in _words(text) & functions.keys()},
    )


def _words(text: str) -> set[str]:
    return set(_WORD.findall(_NO_USE.sub("", text)))


def _lifecycle_lua() -> str:
    """The transition table as Lua: as part of the text it costs a run far less than decoding it from JSON would.

    A run makes only those of its tables that it looks at.
    """
    # In a fixed order: a text that differs is another script to the server, and a set has another order in each process.
    rows = {
        name: ", ".join(f"[{json.dumps(key)}] = {json.dumps(value)}" for key, value in sorted(row.items()))
        for name, row in lifecycle_tables().items()
    }
    makes = "".join(f"if name == '{name}' then row = {{{row}}} end\n" for name, row in rows.items())
    makes = f"function(life, name)\nlocal row\n{makes}life[name] = row\nreturn row\nend"
    return f"local life = setmetatable({{}}, {{__index = {makes}}})\n"


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
