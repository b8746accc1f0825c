"""How each family of models speaks: the form of its answers, and what its filters and failures look like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from darkroom_worker.local_bedrock.dialects.amazon import Amazon
from darkroom_worker.local_bedrock.dialects.converse import Conversation
from darkroom_worker.local_bedrock.dialects.dialect import Dialect, Drawn, Told
from darkroom_worker.local_bedrock.dialects.embedding import Cohere, EmbeddingDialect, Nova, Titan
from darkroom_worker.local_bedrock.dialects.sdxl import Sdxl
from darkroom_worker.local_bedrock.dialects.stability import Stability

__all__ = ["DIALECTS", "AnyDialect", "Dialect", "Drawn", "EmbeddingDialect", "Told"]

AnyDialect: TypeAlias = Dialect | EmbeddingDialect
DIALECTS: Mapping[str, AnyDialect] = {
    "titan-image": Amazon(titan=True),
    "nova-canvas": Amazon(titan=False),
    "stable-image": Stability(),
    "stability-services": Stability(),
    "sdxl": Sdxl(),
    "titan-embedding": EmbeddingDialect(Titan()),
    "nova-embedding": EmbeddingDialect(Nova()),
    "cohere-embedding": EmbeddingDialect(Cohere()),
    "vision": Conversation(),
}
"""By the catalogue's name of the family."""
