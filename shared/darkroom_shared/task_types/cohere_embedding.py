"""COHERE_EMBEDDING: vectors for many texts or pictures in one call (Cohere Embed v4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import EACH, ImageSlot, TaskType
from darkroom_shared.task_types.request import ImageSource, given, native_body
from darkroom_shared.task_types.values import EmbeddingInput, EmbeddingType, TruncatedSide

COHERE_EMBEDDING = TaskType(
    name="COHERE_EMBEDDING",
    slug="cohere_embedding",
    params_key="",
    slots=(
        ImageSlot(("images",), "image", many=True, data_url=True, instead=(("texts",), ("inputs",)), chained_most=20),
        # AWS's page had the address itself first, and has an object with `url` now.
        ImageSlot(("inputs", EACH, "content", EACH, "image_url"), "image", data_url=True),
        ImageSlot(("inputs", EACH, "content", EACH, "image_url", "url"), "image", data_url=True),
    ),
    takes_config=False,
)


@dataclass(frozen=True, slots=True)
class CohereEmbedding:
    """Turns texts, pictures, or mixtures of both into one vector each. Exactly one of `texts`, `images` and `inputs` is given.

    Attributes:
        texts: one text, or up to 96.
        images: pictures of at most 5 MB each, at most 20; in a chain without texts the previous step's outputs.
        inputs: mixtures, as the service writes them: `{"content": [{"type": "text", "text": ...}, {"type": "image_url",
            "image_url": {"url": <a picture>}}]}`; at most 96.
        input_type: what the vectors are for: `search_document` (the default) is stored, `search_query` is searched with; also
            `classification` and `clustering`.
        embedding_types: in which numbers: `float` (the service's default), `int8`, `uint8`, `binary`, `ubinary`, or several.
        output_dimension: numbers of a vector: 256, 512, 1024, or 1536 (the service's default).
        truncate: which end of a text that is too long for the model is cut off, or NONE to have it refused.
        max_tokens: tokens of an input that are read, at most 128,000.
    """

    texts: str | Sequence[str] | None = None
    images: Sequence[ImageSource] | None = field(default=None, repr=False)
    _: KW_ONLY
    inputs: Sequence[Mapping[str, object]] | None = field(default=None, repr=False)
    input_type: EmbeddingInput = "search_document"
    embedding_types: EmbeddingType | Sequence[EmbeddingType] | None = None
    output_dimension: int | None = None
    truncate: TruncatedSide | None = None
    max_tokens: int | None = None

    task_type: ClassVar[str] = COHERE_EMBEDDING.name

    def to_body(self) -> dict[str, object]:
        """The tagged COHERE_EMBEDDING body."""
        return {**native_body(self), **given({"texts": _listed(self.texts), "embedding_types": _listed(self.embedding_types)})}


def _listed(value: str | Sequence[str] | None) -> list[str] | None:
    """One alone as a list of one."""
    return [value] if isinstance(value, str) else None if value is None else list(value)
