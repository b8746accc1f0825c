"""Reads what is to be changed in a request from the command line: `path=value` words, and a file, as one JSON merge patch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from darkroom.cli.exits import BadInput
from darkroom.cli.submit import read_object


def read_changes(words: Sequence[str], file: Path | None) -> dict[str, object]:
    """The merge patch (RFC 7396) that a file and `path=value` words make together; the words win.

    Raises:
        BadInput: the file or a word cannot be read.
    """
    patch = {} if file is None else read_object(file)
    for word in words:
        _put(patch, *_assignment(word))
    return patch


def _assignment(word: str) -> tuple[list[str], object]:
    """`textToImageParams.text=a boat`, or with a JSON pointer, `/textToImageParams/text=a boat`."""
    path, parted, text = word.partition("=")
    names = _pointed(path) if path.startswith("/") else path.split(".")
    if not parted or not all(names):
        raise BadInput(f"--set {word[:80]!r} is no change. Write path=value, for example textToImageParams.text='a blue boat'.")
    if any(name.isdigit() for name in names):
        raise BadInput(
            f"--set {path!r}: a list is replaced as a whole. Write for example {path.rpartition('.')[0] or 'path'}='[…]'."
        )
    try:
        return names, json.loads(text)
    except ValueError:
        return names, text  # no JSON: a plain text


def _pointed(path: str) -> list[str]:
    return [name.replace("~1", "/").replace("~0", "~") for name in path[1:].split("/")]


def _put(patch: dict[str, object], names: Sequence[str], value: object) -> None:
    node = patch
    for name in names[:-1]:
        inner = node.get(name)
        if not isinstance(inner, dict):
            inner = node[name] = cast("dict[str, object]", {})
        node = cast("dict[str, object]", inner)
    node[names[-1]] = value
