"""Reads the answers of the embedding models into one form: a document with all vectors of the call.

    {"dimension": 1024, "type": "float", "embeddings": [[...], ...], "inputs": ["text", "image", "text and image"]}

`type` is that of the numbers; further ones that Cohere was asked for stand under `also`, by their names. In `binary` and `ubinary`
a number holds eight dimensions. Nova adds `truncated_characters` where it cut a text off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, cast, get_args

from darkroom_shared.models.answers import Reading, TokenUsage, json_document
from darkroom_shared.task_types import as_array, as_object
from darkroom_shared.task_types.values import EmbeddingType

Vectors = list[list[float]]
PACKED: Final = ("binary", "ubinary")
BOTH: Final = "text and image"


def titan_embedding_reading(answer: Mapping[str, object], body: Mapping[str, object], dimension: int) -> Reading:
    """Titan: `embedding`, `inputTextTokenCount`, and `message` where it failed."""
    message, tokens = answer.get("message"), answer.get("inputTextTokenCount")
    vector = _vector(answer.get("embedding"))
    if vector is None and isinstance(message, str) and message:
        return Reading("model_error", missing=1, reason=message)
    kinds = [kind for kind, name in (("text", "inputText"), ("image", "inputImage")) if name in body]
    usage = TokenUsage(tokens) if isinstance(tokens, int) else None
    return _reading(None if vector is None else [vector], [" and ".join(kinds)], dimension, usage=usage)


def nova_embedding_reading(answer: Mapping[str, object], dimension: int) -> Reading:
    """Nova: `embeddings`, each with `embeddingType`, `embedding`, and `truncatedCharLength` where a text was cut off."""
    found = [as_object(item) for item in as_array(answer.get("embeddings"))]
    vectors = [_vector(item.get("embedding")) for item in found]
    cut = [item["truncatedCharLength"] for item in found if isinstance(item.get("truncatedCharLength"), int)]
    more = {"truncated_characters": cut} if cut else {}
    kinds = [str(item.get("embeddingType", "")).lower() for item in found]
    return _reading(_all(vectors) if len(found) == 1 else None, kinds, dimension, more=more)


def cohere_embedding_reading(answer: Mapping[str, object], body: Mapping[str, object], dimension: int) -> Reading:
    """Cohere: `embeddings`, a list of vectors, or an object of such lists by the type of their numbers."""
    told = answer.get("embeddings")
    by_type = as_object(told) or {"float": told}
    types = [name for name in get_args(EmbeddingType) if name in by_type]
    vectors = {name: _all([_vector(item) for item in as_array(by_type[name])]) for name in types}
    kinds = _kinds_of(body)
    if not types or any(found is None or len(found) != len(kinds) for found in vectors.values()):
        return _reading(None, kinds, dimension)
    first, *others = types
    more = {"also": {name: vectors[name] for name in others}} if others else {}
    return _reading(vectors[first], kinds, dimension, number_type=first, more=more)


def _kinds_of(body: Mapping[str, object]) -> list[str]:
    """What each vector is of, in the order of the request."""
    plain = ["text"] * len(as_array(body.get("texts"))) + ["image"] * len(as_array(body.get("images")))
    return plain + [_kind_of(as_object(item)) for item in as_array(body.get("inputs"))]


def _kind_of(item: Mapping[str, object]) -> str:
    types = {str(as_object(part).get("type")) for part in as_array(item.get("content"))}
    return BOTH if len(types) > 1 else "image" if types == {"image_url"} else "text"


def _reading(
    vectors: Vectors | None,
    kinds: Sequence[str],
    wanted: int,
    *,
    number_type: str = "float",
    usage: TokenUsage | None = None,
    more: Mapping[str, object] | None = None,
) -> Reading:
    if not vectors:
        return Reading("unreadable", reason="it does not hold one vector for each input")
    dimension = len(vectors[0]) * (8 if number_type in PACKED else 1)
    if dimension != wanted or len({len(vector) for vector in vectors}) != 1:
        return Reading("unreadable", reason=f"its vectors have {dimension:,} numbers, {wanted:,} were asked for")
    document = {"dimension": dimension, "type": number_type, "embeddings": vectors, "inputs": list(kinds), **(more or {})}
    return Reading("document", documents=(json_document(document, "embedding"),), usage=usage)


def _all(vectors: Sequence[list[float] | None]) -> Vectors | None:
    found = [vector for vector in vectors if vector is not None]
    return found if len(found) == len(vectors) else None


def _vector(value: object) -> list[float] | None:
    """A list of numbers, None for anything else; JSON as it is read here has no number that is not finite."""
    numbers = as_array(value)
    whole = all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers)
    return list(cast("Sequence[float]", numbers)) if numbers and whole else None
