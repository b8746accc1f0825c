"""Texts and pictures in, vectors of the asked dimension out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from darkroom_worker.local_bedrock.embedding.items import Item
from darkroom_worker.local_bedrock.embedding.language import read
from darkroom_worker.local_bedrock.embedding.sight import see
from darkroom_worker.local_bedrock.embedding.space import Vector, mean, vector


def embed(items: Sequence[Item], dimension: int, family: str) -> list[Vector]:
    """One vector of length 1 for each item. Takes a few milliseconds, for a large picture as long as decoding it: run it beside
    the loop.

    Args:
        dimension: numbers of a vector, a multiple of 128.
        family: the catalogue's name of the model's family; vectors of two families say nothing to each other.
    """
    return [vector(_measured(item), dimension, family) for item in items]


def _measured(item: Item) -> NDArray[np.float64]:
    return mean([*map(read, item.texts), *map(see, item.images)])
