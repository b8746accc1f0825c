"""SINGLE_EMBEDDING: a vector for a text or a picture (Amazon Nova Multimodal Embeddings)."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, TaskType
from darkroom_shared.task_types.request import ImageSource, body_of, given
from darkroom_shared.task_types.values import DetailLevel, EmbeddingPurpose, NamedFormat, TruncationMode

_PARAMS = "singleEmbeddingParams"
NOVA_EMBEDDING = TaskType(
    name="SINGLE_EMBEDDING",
    slug="single_embedding",
    params_key=_PARAMS,
    slots=(
        ImageSlot(
            (_PARAMS, "image", "source", "bytes"),
            "image",
            format_at=(_PARAMS, "image", "format"),
            instead=((_PARAMS, "text"),),
        ),
    ),
    takes_config=False,
)


@dataclass(frozen=True, slots=True)
class NovaEmbedding:
    """Turns a text or a picture into one vector.

    Attributes:
        text: what to embed; at most 8,192 characters.
        image: a picture in its place; in a chain without a text the previous step's output.
        purpose: what the vector is for: one that is stored (GENERIC_INDEX), or one that is searched with (GENERIC_RETRIEVAL and the
            others); the default is GENERIC_INDEX.
        dimension: numbers of the vector: 256, 384, 1024, or 3072 (the service's default).
        detail_level: DOCUMENT_IMAGE for a page with small print; the service's default is STANDARD_IMAGE.
        image_format: `png`, `jpeg` or `webp`; left out, the picture itself tells it.
        truncation_mode: which end of a text that is too long for the model is cut off, or NONE to have it refused; the default is
            END.
    """

    text: str | None = None
    image: ImageSource | None = field(default=None, repr=False)
    _: KW_ONLY
    purpose: EmbeddingPurpose = "GENERIC_INDEX"
    dimension: int | None = None
    detail_level: DetailLevel | None = None
    image_format: NamedFormat | None = None
    truncation_mode: TruncationMode | None = None

    task_type: ClassVar[str] = NOVA_EMBEDDING.name

    def to_body(self) -> dict[str, object]:
        """Nova's SINGLE_EMBEDDING body."""
        image = given(
            {
                "detailLevel": self.detail_level,
                "format": self.image_format,
                "source": None if self.image is None else {"bytes": self.image},
            }
        )
        text = None if self.text is None else {"truncationMode": self.truncation_mode or "END", "value": self.text}
        params: dict[str, object] = {
            "embeddingPurpose": self.purpose,
            "embeddingDimension": self.dimension,
            "text": text,
            "image": image or None,
        }
        return body_of(self.task_type, NOVA_EMBEDDING.params_key, params)
