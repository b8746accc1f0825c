"""Amazon Nova 2 Multimodal Embeddings: a vector for a text or a picture.

Of what the model can do, sound, film, segments (an asynchronous operation) and pictures in S3 are left out.
Source: "embeddings-schema" of the Nova user guide and the quota page of the AWS General Reference, read in 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from darkroom_shared.core.problems import Problem, pointer
from darkroom_shared.models.answers import Reading
from darkroom_shared.models.embedding_answers import nova_embedding_reading
from darkroom_shared.models.embedding_rules import (
    EmbeddingRules,
    check_embedded_pictures,
    embedding_family,
    format_problems,
    one_of,
)
from darkroom_shared.models.image_limits import ImageLimits
from darkroom_shared.models.model import Body, Facts, Family, Model, Schema
from darkroom_shared.models.native_rules import check_native_body, native_schema
from darkroom_shared.models.schema import choice, literal_choice, picture, record, text
from darkroom_shared.task_types import NOVA_EMBEDDING, as_object
from darkroom_shared.task_types.values import DetailLevel, EmbeddingPurpose, NamedFormat, TruncationMode

NOVA_EMBED: Final = Model(
    id="amazon.nova-2-multimodal-embeddings-v1:0",
    family="nova-embedding",
    label="Nova 2 Multimodal Embeddings",
    regions=("us-east-1",),
    requests_per_minute=2000,
    task_types=("SINGLE_EMBEDDING",),
)
DIMENSIONS: Final = (256, 384, 1024, 3072)
DEFAULT_DIMENSION: Final = 3072
_PARAMS: Final = NOVA_EMBEDDING.params_key
_TAKEN: Final = ("text", "image")
_LEFT_OUT: Final = ("audio", "video")
_INPUT: Final = ImageLimits(formats=("JPEG", "PNG", "WEBP"), max_bits=None, opaque=False)
"""AWS states no limits of size; GIF, which it takes, is not opened here."""


def nova_dimension(body: Body) -> int:
    """Numbers of the vector that a body asks for."""
    given = as_object(body.get(_PARAMS)).get("embeddingDimension")
    return given if isinstance(given, int) else DEFAULT_DIMENSION


@cache
def _schemas(model: Model) -> Mapping[str, Schema]:
    source = record({"bytes": picture()}, ("bytes",))
    params = record(
        {
            "embeddingPurpose": literal_choice(EmbeddingPurpose),
            "embeddingDimension": choice(DIMENSIONS),
            "text": record({"truncationMode": literal_choice(TruncationMode), "value": text(1, 8192)}, ("value",)),
            "image": record(
                {"detailLevel": literal_choice(DetailLevel), "format": literal_choice(NamedFormat), "source": source}, ("source",)
            ),
        },
        ("embeddingPurpose",),
    )
    return native_schema(model, {"schemaVersion": choice(("nova-multimodal-embed-v1",)), _PARAMS: params}, (_PARAMS,))


def _between(_: Model, body: Body) -> list[Problem]:
    if not isinstance(body.get(_PARAMS), Mapping):
        return []  # the schema has refused it
    return [*one_of(as_object(body.get(_PARAMS)), _TAKEN, at=f"/{_PARAMS}"), *format_problems(body)]


def _check_body(model: Model, body: Body) -> list[Problem]:
    params = as_object(body.get(_PARAMS))
    left_out = [
        Problem(pointer((_PARAMS, name)), f"darkroom embeds texts and pictures, but no {name}", list(_TAKEN))
        for name in _LEFT_OUT
        if name in params
    ]
    if not left_out:
        return check_native_body(model, body, _schemas(model), _between)
    rest = {**body, _PARAMS: {name: value for name, value in params.items() if name not in _LEFT_OUT}}
    return [*left_out, *check_native_body(model, rest, _schemas(model), lambda _, __: [])]


def _check_images(_: Model, body: Body, facts: Facts) -> list[Problem]:
    return [*check_embedded_pictures(body, facts, _INPUT), *format_problems(body, facts)]


def _read(answer: Mapping[str, object], _: int, body: Body) -> Reading:
    return nova_embedding_reading(answer, nova_dimension(body))


FAMILY: Final[Family] = embedding_family(
    "nova-embedding", (NOVA_EMBED,), EmbeddingRules(_check_body, _check_images, _schemas, _read)
)
