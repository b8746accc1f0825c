"""What an embedding model is asked for a picture that is to be found, and for what it is looked for by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from darkroom_shared.core.errors import InvalidRequest
from darkroom_shared.core.problems import Problem
from darkroom_shared.models.catalogue import MODELS
from darkroom_shared.models.cohere_embedding import DIMENSIONS as COHERE_DIMENSIONS
from darkroom_shared.models.model import Model
from darkroom_shared.models.nova_embedding import DIMENSIONS as NOVA_DIMENSIONS
from darkroom_shared.models.titan_embedding import DIMENSIONS as TITAN_DIMENSIONS
from darkroom_shared.models.titan_embedding import TITAN_EMBED
from darkroom_shared.task_types import CohereEmbedding, ImageSource, NovaEmbedding, TitanEmbedding

EmbeddingRequest: TypeAlias = TitanEmbedding | NovaEmbedding | CohereEmbedding
DEFAULT_MODEL: Final = TITAN_EMBED.id
DEFAULT_DIMENSION: Final = 1024
"""Every model has it."""


def _titan(text: str | None, image: ImageSource | None, dimension: int, _: bool) -> EmbeddingRequest:
    return TitanEmbedding(text, image, dimension=dimension)


def _nova(text: str | None, image: ImageSource | None, dimension: int, asks: bool) -> EmbeddingRequest:
    return NovaEmbedding(text, image, purpose="IMAGE_RETRIEVAL" if asks else "GENERIC_INDEX", dimension=dimension)


def _cohere(text: str | None, image: ImageSource | None, dimension: int, asks: bool) -> EmbeddingRequest:
    images = None if image is None else [image]
    return CohereEmbedding(text, images, input_type="search_query" if asks else "search_document", output_dimension=dimension)


_Builder: TypeAlias = Callable[[str | None, ImageSource | None, int, bool], EmbeddingRequest]
_BUILDERS: Final[dict[str, tuple[_Builder, tuple[int, ...]]]] = {
    "TITAN_EMBEDDING": (_titan, TITAN_DIMENSIONS),
    "SINGLE_EMBEDDING": (_nova, NOVA_DIMENSIONS),
    "COHERE_EMBEDDING": (_cohere, COHERE_DIMENSIONS),
}
"""By task type: how a request is built, and the dimensions that there are."""


def request_for(model: Model, text: str | None, image: ImageSource | None, dimension: int, *, asks: bool) -> EmbeddingRequest:
    """The request for the vector of a text or a picture: of one that is looked for (`asks`), or of one that is to be found."""
    return _BUILDERS[model.task_types[0]][0](text, image, dimension, asks)


def checked(model: Model, dimension: int) -> None:
    """Raises InvalidRequest for a model that makes no vectors, and for a dimension that it does not have."""
    known = _BUILDERS.get(model.task_types[0])
    if known is None:
        able = [one.id for one in MODELS.values() if one.task_types[0] in _BUILDERS]
        raise InvalidRequest([Problem("/model", f"{model.id} makes no vectors", able)])
    if dimension not in known[1]:
        raise InvalidRequest([Problem("/dimension", f"{model.label} has no vectors of {dimension} numbers", list(known[1]))])
