"""Decides whether a word on the command line names a picture that can be sent."""

from __future__ import annotations

from pathlib import Path

from darkroom.cli.exits import BadInput

REFERENCES = ("asset:", "s3://", "https://", "data:", "$steps.")


def is_reference(word: str) -> bool:
    """True for what stands for a picture without being a file here."""
    return word.startswith(REFERENCES)


def existing(word: str) -> str:
    """The word, if it is a reference or the path of a file.

    Raises:
        BadInput: there is no such file.
    """
    if not is_reference(word) and not Path(word).expanduser().is_file():
        raise BadInput(f"There is no picture {word!r}. Give the path of a PNG or JPEG file, or asset:<sha256>.")
    return word
