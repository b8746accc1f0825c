"""A family that nobody has heard of is one record beside the others: the catalogue then finds, checks, prices and reads with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

import pytest

from darkroom_shared.core.errors import UnknownModel
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.core.problems import Problem
from darkroom_shared.models.answers import Reading, TokenUsage, json_document, text_document
from darkroom_shared.models.catalogue import FAMILIES, Catalogue, find_model
from darkroom_shared.models.image_limits import ImageLimits
from darkroom_shared.models.image_rules import all_picture_problems
from darkroom_shared.models.model import Body, Facts, Family, Model, Schema
from darkroom_shared.models.native_rules import check_native_body, native_schema, native_seed, size_of_image
from darkroom_shared.models.schema import integer, picture, text
from tests.support.bodies import NOVA, sample

BRUSH = Model(
    id="us.acme.brush-v3:0",
    family="acme-brush",
    label="Acme Brush",
    regions=("us-east-1",),
    requests_per_minute=5,
    task_types=("ERASE_OBJECT",),
)


def _schemas(model: Model) -> Mapping[str, Schema]:
    return native_schema(model, {"image": picture(), "words": text(1, 20), "seed": integer(0, 9)}, ("image", "words"))


def _check_body(model: Model, body: Body) -> list[Problem]:
    return check_native_body(model, body, _schemas(model), lambda _, __: [])


def _check_images(_: Model, body: Body, facts: Facts) -> list[Problem]:
    return all_picture_problems(body, facts, ImageLimits(formats=("WEBP",), min_side=100))


def _read(answer: Mapping[str, object], wanted: int, _: Body) -> Reading:
    return Reading("pictures", (str(answer["drawing"]),), (4,), None, wanted - 1)


ACME = Family(
    name="acme-brush",
    models=(BRUSH,),
    check_body=_check_body,
    check_images=_check_images,
    schemas=_schemas,
    price_usd=lambda _, __, ___, ____: Decimal("0.5"),
    seed_of=native_seed,
    output_size=lambda _, body, facts: size_of_image(body, facts),
    read_answer=_read,
    mask_polarity={},
    images_a_call=2,
    native=True,
)
CATALOGUE = Catalogue((*FAMILIES.values(), ACME))


@pytest.mark.parametrize(
    "name", [BRUSH.id, "acme.brush-v3", "acme.brush-v3:0", f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/{BRUSH.id}"]
)
def test_it_is_found_by_every_form_of_its_id_and_darkrooms_own_catalogue_knows_nothing_of_it(name: str) -> None:
    assert CATALOGUE.find_model(name) is BRUSH
    with pytest.raises(UnknownModel):
        find_model(name)


def test_its_body_is_tagged_checked_and_sent_without_the_tag() -> None:
    body = {"image": "QQ==", "words": "a boat", "seed": 3}
    inside = CATALOGUE.tagged(BRUSH, body)

    assert CATALOGUE.check_body(BRUSH, inside) == []
    assert CATALOGUE.wire_body(BRUSH, inside) == body
    assert (CATALOGUE.seed_of(BRUSH, inside), CATALOGUE.price_usd(BRUSH, inside, {})) == (3, Decimal("0.5"))
    assert CATALOGUE.images_a_call(BRUSH) == 2


def test_its_limits_are_told_like_any_others() -> None:
    found = CATALOGUE.check_body(BRUSH, {"taskType": "ERASE_OBJECT", "words": "x" * 21, "seed": 10, "more": 1})
    assert {problem.pointer for problem in found} == {"/image", "/words", "/seed", "/more"}

    small = ImageFacts(width=99, height=120, format="PNG", mode="RGB", size_bytes=1)
    body = {"taskType": "ERASE_OBJECT", "image": "QQ=="}
    assert [problem.pointer for problem in CATALOGUE.check_images(BRUSH, body, {"/image": small})] == ["/image", "/image"]
    assert CATALOGUE.output_size(BRUSH, body, {"/image": small}) == (99, 120)


def test_its_answers_are_read_by_it_and_the_others_go_on_as_before() -> None:
    assert CATALOGUE.read_answer(BRUSH, {"drawing": "QQ=="}, 2, {}) == Reading("pictures", ("QQ==",), (4,), None, 1)
    assert CATALOGUE.check_body(CATALOGUE.find_model(NOVA), sample("TEXT_IMAGE")) == []


def test_a_family_may_give_documents_and_be_called_by_another_operation() -> None:
    def read(answer: Mapping[str, object], _: int, body: Body) -> Reading:
        told = json_document({"words": body["words"], "vectors": answer["vectors"]}, "embedding")
        return Reading("document", documents=(told, text_document("half a pair: \ud83d")), usage=TokenUsage(3))

    vectors = replace(BRUSH, id="acme.vectors-v1:0", family="acme-vectors")
    family = replace(ACME, name="acme-vectors", models=(vectors,), read_answer=read, operation="converse", documents=True)
    catalogue = Catalogue((ACME, family))

    reading = catalogue.read_answer(vectors, {"vectors": [[0.5]]}, 1, {"words": "a bœuf"})
    assert [(one.role, one.text) for one in reading.documents] == [
        ("embedding", '{"words":"a bœuf","vectors":[[0.5]]}'),
        ("text", "half a pair: ?"),
    ]
    assert [one.media_type for one in reading.documents] == ["application/json", "text/plain; charset=utf-8"]
    assert (catalogue.gives_documents(vectors), catalogue.operation_of(vectors)) == (True, "converse")
    assert (catalogue.gives_documents(BRUSH), catalogue.operation_of(BRUSH)) == (False, "invoke")
