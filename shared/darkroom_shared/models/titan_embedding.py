"""Titan Multimodal Embeddings G1: a vector for a text, a picture, or both.

Source: "model-parameters-titan-embed-mm" and "titan-multiemb-models" of the Bedrock user guide and the quota page of the AWS
General Reference, read in 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from darkroom_shared.core.problems import Problem
from darkroom_shared.models.answers import Reading
from darkroom_shared.models.embedding_answers import titan_embedding_reading
from darkroom_shared.models.embedding_rules import EmbeddingRules, check_embedded_pictures, embedding_family, one_of
from darkroom_shared.models.image_limits import ImageLimits
from darkroom_shared.models.model import Body, Facts, Family, Model, Schema
from darkroom_shared.models.native_rules import check_native_body, native_schema
from darkroom_shared.models.schema import choice, picture, record
from darkroom_shared.task_types import as_object

TITAN_EMBED: Final = Model(
    id="amazon.titan-embed-image-v1",
    family="titan-embedding",
    label="Titan Multimodal Embeddings G1",
    regions=(
        *("us-east-1", "us-west-2", "ap-south-1", "ap-southeast-2", "ca-central-1", "eu-central-1"),
        *("eu-west-1", "eu-west-2", "eu-west-3", "sa-east-1"),
    ),
    requests_per_minute=2000,
    task_types=("TITAN_EMBEDDING",),
)
_TEXT: Final[Schema] = {"type": "string", "minLength": 1}
"""How many characters it takes is not documented: tokens count."""
DIMENSIONS: Final = (256, 384, 1024)
DEFAULT_DIMENSION: Final = 1024
MOST_TOKENS: Final = 256
_INPUT: Final = ImageLimits(formats=("JPEG", "PNG"), max_side=2048, max_bits=None, opaque=False)


def titan_dimension(body: Body) -> int:
    """Numbers of the vector that a body asks for."""
    given = as_object(body.get("embeddingConfig")).get("outputEmbeddingLength")
    return given if isinstance(given, int) else DEFAULT_DIMENSION


@cache
def _schemas(model: Model) -> Mapping[str, Schema]:
    fields: dict[str, Schema] = {
        "inputText": _TEXT,
        "inputImage": picture(),
        "embeddingConfig": record({"outputEmbeddingLength": choice(DIMENSIONS)}),
    }
    return native_schema(model, fields, ())


def _between(_: Model, body: Body) -> list[Problem]:
    words = body.get("inputText")
    count = len(words.split()) if isinstance(words, str) else 0
    # Amazon's tokens cannot be counted here, but each word is one at least: what has more words is refused for certain.
    long = f"inputText has {count:,} words, and the model takes {MOST_TOKENS} tokens: a word is one at least"
    return [
        *one_of(body, ("inputText", "inputImage"), at_least=True),
        *([Problem("/inputText", long, {"maximum": MOST_TOKENS, "unit": "tokens"})] if count > MOST_TOKENS else []),
    ]


def _check_body(model: Model, body: Body) -> list[Problem]:
    return check_native_body(model, body, _schemas(model), _between)


def _check_images(_: Model, body: Body, facts: Facts) -> list[Problem]:
    return check_embedded_pictures(body, facts, _INPUT)


def _read(answer: Mapping[str, object], _: int, body: Body) -> Reading:
    return titan_embedding_reading(answer, body, titan_dimension(body))


FAMILY: Final[Family] = embedding_family(
    "titan-embedding", (TITAN_EMBED,), EmbeddingRules(_check_body, _check_images, _schemas, _read), native=True
)
