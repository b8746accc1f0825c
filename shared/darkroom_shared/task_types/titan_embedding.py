"""TITAN_EMBEDDING: a vector for a text, a picture, or both (Titan Multimodal Embeddings G1)."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, TaskType
from darkroom_shared.task_types.request import ImageSource, given

TITAN_EMBEDDING = TaskType(
    name="TITAN_EMBEDDING",
    slug="titan_embedding",
    params_key="",
    slots=(ImageSlot(("inputImage",), "image", instead=(("inputText",),)),),
    takes_config=False,
)


@dataclass(frozen=True, slots=True)
class TitanEmbedding:
    """Turns a text, a picture, or both into one vector; the vector of both is the average of the two.

    Attributes:
        text: what to embed; at most 256 tokens, which Amazon counts.
        image: a PNG or JPEG picture of at most 2048x2048 pixels; in a chain without a text the previous step's output.
        dimension: numbers of the vector: 256, 384, or 1024 (the default).
    """

    text: str | None = None
    image: ImageSource | None = field(default=None, repr=False)
    _: KW_ONLY
    dimension: int | None = None

    task_type: ClassVar[str] = TITAN_EMBEDDING.name

    def to_body(self) -> dict[str, object]:
        """The tagged TITAN_EMBEDDING body."""
        config = None if self.dimension is None else {"outputEmbeddingLength": self.dimension}
        return given({"taskType": self.task_type, "inputText": self.text, "inputImage": self.image, "embeddingConfig": config})
