"""The embedding models: Titan's `embedding`, Nova's `embeddings` of objects, Cohere's lists of vectors.

The vectors are local previews, which the header of the answer says: see `embedding`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, cast
from uuid import UUID

import numpy as np
import orjson
from numpy.typing import NDArray

from darkroom_shared.core.problems import Problem, pointer
from darkroom_shared.models.cohere_embedding import cohere_dimension
from darkroom_shared.models.nova_embedding import nova_dimension
from darkroom_shared.models.titan_embedding import titan_dimension
from darkroom_shared.task_types import NOVA_EMBEDDING, as_array, as_object
from darkroom_worker.local_bedrock.dialects.dialect import Told
from darkroom_worker.local_bedrock.embedding import Item, token_count
from darkroom_worker.local_bedrock.filters import Filter
from darkroom_worker.local_bedrock.pictures import Request
from darkroom_worker.local_bedrock.wire import MESSAGES, ServiceError
from darkroom_worker.local_bedrock.wording import refusal_text

Body = Mapping[str, object]
Vectors = Sequence[NDArray[np.float32]]


class Form(Protocol):
    """Where the answers of the families differ."""

    def dimension(self, body: Body) -> int:
        """Numbers of a vector."""
        ...

    def items(self, request: Request) -> list[Item]:
        """What the vectors of a request are of, in order."""
        ...

    def body(self, request: Request, vectors: Vectors) -> dict[str, object]:
        """The answer."""
        ...

    def failed(self, message: str) -> dict[str, object]:
        """An answer of status 200 without vectors."""
        ...


@dataclass(frozen=True, slots=True)
class EmbeddingDialect:
    """What `Dialect` is for pictures. No content filter is documented for these models, and none is played."""

    form: Form

    def malformed(self, problems: Sequence[Problem], body: Body, schema: Body | None) -> str:
        """See Dialect."""
        return refusal_text(problems, body, schema, titan=False)

    def refused(self, kind: Filter) -> ServiceError | Told | None:
        """See Dialect."""
        return None

    def embedded(self, request: Request) -> Told:
        """The vectors. Takes as long as decoding the pictures: run it beside the loop."""
        from darkroom_worker.local_bedrock.embedding.vectors import embed  # loads OpenCV

        vectors = embed(self.form.items(request), self.form.dimension(request.body), request.family)
        return Told(_json(self.form.body(request, vectors)))

    def intervened(self, added: Mapping[str, object]) -> bytes:
        """See Dialect."""
        return _json(dict(added))

    def without_images(self, seed: int | None) -> bytes:
        """An answer that should hold vectors and holds none."""
        return _json(self.form.failed(""))

    def not_base64(self, seed: int | None) -> bytes:
        """An answer with something else in the place of a vector."""
        return _json({name: ["*** this is no number ***"] for name in self.form.failed("")})

    def inference_error(self, seed: int | None) -> bytes:
        """See Dialect; only Titan has a place for it."""
        return _json(self.form.failed(MESSAGES["ModelErrorException"]))


class Titan:
    """See Form."""

    def dimension(self, body: Body) -> int:
        """See Form."""
        return titan_dimension(body)

    def items(self, request: Request) -> list[Item]:
        """Of both, one vector."""
        text = request.body.get("inputText")
        return [Item((text,) if isinstance(text, str) else (), tuple(request.images.values()))]

    def body(self, request: Request, vectors: Vectors) -> dict[str, object]:
        """See Form."""
        tokens = token_count(str(request.body.get("inputText", "")))
        return {"embedding": vectors[0], "inputTextTokenCount": tokens, "message": None}

    def failed(self, message: str) -> dict[str, object]:
        """See Form."""
        return {"embedding": None, "inputTextTokenCount": 0, "message": message or None}


class Nova:
    """See Form."""

    def dimension(self, body: Body) -> int:
        """See Form."""
        return nova_dimension(body)

    def items(self, request: Request) -> list[Item]:
        """One text or one picture."""
        text = as_object(as_object(request.body.get(NOVA_EMBEDDING.params_key)).get("text")).get("value")
        return [Item((text,) if isinstance(text, str) else (), tuple(request.images.values()))]

    def body(self, request: Request, vectors: Vectors) -> dict[str, object]:
        """See Form."""
        kind = "IMAGE" if request.images else "TEXT"
        return {"embeddings": [{"embeddingType": kind, "embedding": vector} for vector in vectors]}

    def failed(self, message: str) -> dict[str, object]:
        """See Form."""
        return {"embeddings": []}


class Cohere:
    """See Form."""

    def dimension(self, body: Body) -> int:
        """See Form."""
        return cohere_dimension(body)

    def items(self, request: Request) -> list[Item]:
        """Texts, pictures, or mixtures."""
        body = request.body
        mixtures = [
            _mixture(as_array(as_object(item).get("content")), pointer(("inputs", number, "content")), request.images)
            for number, item in enumerate(as_array(body.get("inputs")))
        ]
        texts = [Item((str(text),)) for text in as_array(body.get("texts"))]
        plain = [Item((), (request.images[f"/images/{number}"],)) for number in range(len(as_array(body.get("images"))))]
        return texts + plain + mixtures

    def body(self, request: Request, vectors: Vectors) -> dict[str, object]:
        """Lists by the types of their numbers, if types were named, else one list of vectors."""
        types = [str(name) for name in as_array(request.body.get("embedding_types"))]
        by_type = {name: [_NUMBERS[name](vector) for vector in vectors] for name in types}
        told = {"id": str(UUID(bytes=_digest(request), version=4)), "texts": list(as_array(request.body.get("texts")))}
        if not types:
            return {**told, "embeddings": list(vectors), "response_type": "embeddings_floats"}
        return {**told, "embeddings": by_type, "response_type": "embeddings_by_type"}

    def failed(self, message: str) -> dict[str, object]:
        """See Form."""
        return {"embeddings": []}


def _mixture(parts: Sequence[object], at: str, images: Mapping[str, bytes]) -> Item:
    texts = tuple(str(as_object(part)["text"]) for part in parts if "text" in as_object(part))
    return Item(texts, tuple(data for where, data in images.items() if where.startswith(f"{at}/")))


def _digest(request: Request) -> bytes:
    """Equal for equal requests: the endpoint's answers are."""
    return hashlib.sha256(orjson.dumps(request.body, option=orjson.OPT_SORT_KEYS)).digest()[:16]


def _eighths(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """-1 to 1 of the vector's own largest number: what is kept of it in a byte."""
    return vector / np.float32(max(float(np.abs(vector).max()), 1e-9))


_NUMBERS: Final[Mapping[str, Callable[[NDArray[np.float32]], NDArray[np.generic]]]] = {
    "float": lambda vector: vector,
    "int8": lambda vector: np.round(_eighths(vector) * 127).astype(np.int8),
    "uint8": lambda vector: (np.round(_eighths(vector) * 127) + 128).astype(np.uint8),
    "binary": lambda vector: (np.packbits(vector > 0).astype(np.int16) - 128).astype(np.int8),
    "ubinary": lambda vector: np.packbits(vector > 0),
}
"""How each type of numbers is made; Cohere documents the types, not the scales."""


def _json(value: Mapping[str, object]) -> bytes:
    return orjson.dumps(cast("object", value), option=orjson.OPT_SERIALIZE_NUMPY)
