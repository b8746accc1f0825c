"""The space of the local vectors: 128 measures, and how they become a vector of the dimension that was asked for.

Every dimension that a model of Bedrock offers is a multiple of 128. The measures are mixed by a Hadamard matrix and laid side by
side as often as they fit, scaled to length 1: two inputs are exactly as near to each other in 256 numbers as in 3072. The signs
that each family of models mixes with are its own, so that its vectors say nothing to another family's, as it is on Bedrock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float32]

COLOURS: Final = ("red", "orange", "yellow", "green", "teal", "blue", "purple", "pink", "brown", "black", "grey", "white")
LIGHT: Final = ("bright", "contrast", "warm", "vivid", "textured", "subject", "wide")
"""Measures from -1 to 1; the other end of each is dark, flat, cold, muted, smooth, small, tall."""
MEASURES: Final = 128
_WORDS: Final = MEASURES - len(COLOURS) - len(LIGHT)
_OF_COLOUR, _OF_LIGHT, _OF_WORDS = 1.0, 0.35, 0.5
"""What each part weighs."""
_PLACES_OF_A_WORD: Final = 3


def measures(colours: Mapping[str, float], light: Mapping[str, float], words: Mapping[str, float]) -> NDArray[np.float64]:
    """Puts the measures together, of length 1; all 0 where nothing was measured.

    Args:
        colours: how much of each; brought to length 1.
        light: -1 to 1.
        words: weights of any words; brought to length 1.
    """
    parts = np.concatenate(
        (
            _OF_COLOUR * _unit(np.array([colours.get(name, 0.0) for name in COLOURS])),
            _OF_LIGHT * np.array([light.get(name, 0.0) for name in LIGHT]),
            _OF_WORDS * _unit(_hashed(words)),
        )
    )
    return _unit(parts)


def _hashed(words: Mapping[str, float]) -> NDArray[np.float64]:
    """Each word in a few places of its own, with signs of its own: two different words hardly ever look alike."""
    found = np.zeros(_WORDS)
    for word, weight in words.items():
        digest = hashlib.blake2b(word.encode(), digest_size=4 * _PLACES_OF_A_WORD).digest()
        for at in range(0, len(digest), 4):
            number = int.from_bytes(digest[at : at + 4], "big")
            found[(number >> 1) % _WORDS] += weight if number & 1 else -weight
    return found


def mean(parts: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The average of several, of length 1."""
    return _unit(np.mean(parts, axis=0))


def vector(measured: NDArray[np.float64], dimension: int, family: str) -> Vector:
    """The vector of so many numbers, a multiple of 128; of length 1, whatever was measured."""
    if not measured.any():
        measured = np.full(MEASURES, MEASURES**-0.5)  # a vector of length 0 is none: nearest to nothing and far from nothing
    mixed = (_hadamard() @ measured) * _signs(family)
    copies = dimension // MEASURES
    return np.tile(mixed / copies**0.5, copies).astype(np.float32)


@cache
def _hadamard() -> NDArray[np.float64]:
    matrix = np.ones((1, 1))
    while len(matrix) < MEASURES:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return np.asarray(matrix / MEASURES**0.5, np.float64)


@cache
def _signs(family: str) -> NDArray[np.float64]:
    bits = np.unpackbits(np.frombuffer(hashlib.blake2b(family.encode(), digest_size=MEASURES // 8).digest(), np.uint8))
    return np.where(bits, 1.0, -1.0)


def _unit(values: NDArray[np.float64]) -> NDArray[np.float64]:
    length = float(np.linalg.norm(values))
    return np.asarray(values / length, np.float64) if length else values
