"""Cohere Embed v4: vectors for up to 96 texts, pictures, or mixtures of both in one call.

Source: "model-parameters-embed-v4" and the model card of the Bedrock user guide, and the quota page of the AWS General Reference,
read in 2026. The card names the bare id and three profiles, and no Regions in the copy that was read: the bare id has those of
AWS's announcement, a profile those of its geography that have most of Bedrock's models. A refusal by Bedrock costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Final

from darkroom_shared.core.problems import Problem, pointer
from darkroom_shared.models.answers import Reading
from darkroom_shared.models.embedding_answers import cohere_embedding_reading
from darkroom_shared.models.embedding_rules import EmbeddingRules, check_embedded_pictures, embedding_family, one_of
from darkroom_shared.models.image_limits import ImageLimits
from darkroom_shared.models.model import Body, Facts, Family, Model, Schema
from darkroom_shared.models.native_rules import check_native_body, native_schema
from darkroom_shared.models.schema import array, choice, integer, literal_choice, picture, record
from darkroom_shared.task_types import as_array, as_object
from darkroom_shared.task_types.values import EmbeddingInput, EmbeddingType, TruncatedSide

_US: Final = ("us-east-1", "us-east-2", "us-west-2")
_EU: Final = ("eu-central-1", "eu-north-1", "eu-west-1", "eu-west-3")
_IN_REGION: Final = ("us-east-1", "eu-west-1", "ap-northeast-1")
BARE_ID: Final = "cohere.embed-v4:0"


def _model(prefix: str, note: str, regions: tuple[str, ...], requests_per_minute: int) -> Model:
    return Model(
        id=prefix + BARE_ID,
        family="cohere-embedding",
        label=f"Embed v4{note}",
        regions=regions,
        requests_per_minute=requests_per_minute,
        task_types=("COHERE_EMBEDDING",),
    )


# The bare id comes first: it can be called as it is, and it is what the name without a version means.
MODELS: Final = (
    _model("", "", _IN_REGION, 1000),
    _model("us.", " through the US profile", _US, 2000),
    _model("eu.", " through the EU profile", _EU, 2000),
    _model("global.", " through the global profile", (*_US, *_EU, "ap-northeast-1"), 2000),
)
_TEXT: Final[Schema] = {"type": "string", "minLength": 1}
"""How many characters it takes is not documented: tokens count."""
DIMENSIONS: Final = (256, 512, 1024, 1536)
DEFAULT_DIMENSION: Final = 1536
MOST_ITEMS: Final = 96
MOST_IMAGES: Final = 20
"""The service takes 96 pictures as well; here each picture of a request is decoded before it is sent, so there are fewer."""
_KINDS: Final = ("texts", "images", "inputs")
_INPUT: Final = ImageLimits(formats=("JPEG", "PNG", "WEBP"), max_bytes=5_000_000, max_bits=None, opaque=False)
"""What is beyond 2,458,624 pixels the service makes smaller. GIF, which it takes, is not opened here."""


def cohere_dimension(body: Body) -> int:
    """Numbers of each vector that a body asks for."""
    given = body.get("output_dimension")
    return given if isinstance(given, int) else DEFAULT_DIMENSION


@cache
def _schemas(model: Model) -> Mapping[str, Schema]:
    # `_parts` says of each part that it has what its type names; "text" and "image_url" are of different forms.
    part = record({"type": choice(("text", "image_url")), "text": _TEXT, "image_url": {}}, ("type",))
    fields: dict[str, Schema] = {
        "input_type": literal_choice(EmbeddingInput),
        "texts": array(_TEXT, 1, MOST_ITEMS),
        "images": array(picture(), 1, MOST_IMAGES),
        "inputs": array(record({"content": array(part, 1)}, ("content",)), 1, MOST_ITEMS),
        "embedding_types": array(literal_choice(EmbeddingType), 1),
        "output_dimension": choice(DIMENSIONS),
        "truncate": literal_choice(TruncatedSide),
        "max_tokens": integer(1, 128_000),
    }
    return native_schema(model, fields, ("input_type",))


def _between(_: Model, body: Body) -> list[Problem]:
    return [*one_of(body, _KINDS), *_parts(body)]


def _parts(body: Body) -> Iterator[Problem]:
    """What is wrong with the parts of mixtures: each has exactly what its type names."""
    for number, item in enumerate(as_array(body.get("inputs"))):
        for place, part in enumerate(map(as_object, as_array(as_object(item).get("content")))):
            kind, at = str(part.get("type")), pointer(("inputs", number, "content", place))
            other = {"text": "image_url", "image_url": "text"}.get(kind)
            if other is None:
                continue  # the schema has refused it
            if kind not in part:
                yield Problem(f"{at}/{kind}", f"{kind} is required and missing, because type is {kind}", "required")
            elif kind == "image_url" and not _names_a_picture(part[kind]):
                yield Problem(f"{at}/{kind}", "image_url holds no picture", '{"url": <a picture as a data URL>}')
            if other in part:
                yield Problem(f"{at}/{other}", f"{other} does not go with type {kind}", f"only with type {other}")


def _names_a_picture(value: object) -> bool:
    fields = as_object(value)
    url = fields.get("url") if set(fields) == {"url"} else value
    return isinstance(url, str) and bool(url)


def _check_body(model: Model, body: Body) -> list[Problem]:
    return check_native_body(model, body, _schemas(model), _between)


def _check_images(_: Model, body: Body, facts: Facts) -> list[Problem]:
    return check_embedded_pictures(body, facts, _INPUT)


def _read(answer: Mapping[str, object], _: int, body: Body) -> Reading:
    return cohere_embedding_reading(answer, body, cohere_dimension(body))


FAMILY: Final[Family] = embedding_family(
    "cohere-embedding", MODELS, EmbeddingRules(_check_body, _check_images, _schemas, _read), native=True
)
