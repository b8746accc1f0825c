"""Embedding jobs and the image search, with a real worker, endpoint and ledger: index, find by words and by picture, forget."""

from __future__ import annotations

import io
import itertools
from datetime import timedelta
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from PIL import Image

from darkroom import (
    CohereEmbedding,
    Convert,
    Darkroom,
    InvalidRequest,
    NovaEmbedding,
    Settings,
    TextImage,
    TitanEmbedding,
    UnknownJob,
    WrongResult,
)
from darkroom.search.homes import home_of
from darkroom.search.index import Entry, Space
from darkroom_shared.core.problems import Problem
from tests.integration.client.live import bedrock, live, settings, stack
from tests.support.search_module import stand_in
from tests.support.stack import Stack

__all__ = ["bedrock", "live", "settings", "stack"]

TITAN, NOVA, COHERE = "amazon.titan-embed-image-v1", "amazon.nova-2-multimodal-embeddings-v1:0", "us.cohere.embed-v4:0"
_numbers = itertools.count(1)


def flat(color: str, size: tuple[int, int] = (96, 64)) -> bytes:
    """A picture of one colour."""
    out = io.BytesIO()
    Image.new("RGB", size, color).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def tenant() -> str:
    """A tenant of this test alone."""
    return f"searcher-{next(_numbers)}"


def put(room: Darkroom, tenant: str, data: bytes) -> str:
    """A job that gives this very picture; a free step, so that the test knows its colours."""
    chain = room.chain(Convert(format="png"), image=data, tenant=tenant)
    chain.result(30)
    [step] = chain.steps.values()
    return step.id


def cosine(one: list[float], other: list[float]) -> float:
    return float(np.dot(one, other) / np.linalg.norm(one) / np.linalg.norm(other))


@pytest.mark.parametrize(
    ("model", "by_words", "by_picture", "dimension"),
    [
        (TITAN, TitanEmbedding("red", dimension=256), lambda data: TitanEmbedding(image=data, dimension=256), 256),
        (NOVA, NovaEmbedding("red"), lambda data: NovaEmbedding(image=data), 3072),
        (COHERE, CohereEmbedding("red"), lambda data: CohereEmbedding(images=[data]), 1536),
    ],
    ids=["titan", "nova", "cohere"],
)
def test_an_embedding_job_gives_vectors_in_which_red_is_nearer_to_red(
    room: Darkroom, model, by_words, by_picture, dimension
) -> None:  # type: ignore[no-untyped-def]
    jobs = [
        room.submit(request, model=model, cache="no-store")
        for request in (by_words, by_picture(flat("red")), by_picture(flat("blue")))
    ]
    for job in jobs:
        view = job.result(30)
    words, red, blue = (job.embedding() for job in jobs)

    assert len(words) == dimension
    assert cosine(words, red) > cosine(words, blue) + 0.3
    assert (view.cost.actual_usd, view.documents[0].role, view.documents[0].media_type) == (None, "embedding", "application/json")
    with pytest.raises(WrongResult):
        jobs[0].images()


def test_several_texts_are_one_call_and_one_document(room: Darkroom) -> None:
    job = room.submit(CohereEmbedding(["red", "blue", "a red boat"], output_dimension=256), model=COHERE)
    view = job.result(30)

    red, blue, boat = job.embeddings()
    assert cosine(red, boat) > cosine(blue, boat)
    assert (len(view.calls), len(view.documents)) == (1, 1)
    with pytest.raises(WrongResult, match="3 vectors"):
        job.embedding()


def test_a_chain_may_end_in_a_vector(room: Darkroom) -> None:
    chain = room.chain(Convert(format="jpeg"), NovaEmbedding(dimension=256), image=flat("red"), model="auto")
    chain.result(30)
    *_, last = chain.steps.values()
    image = cast("dict[str, dict[str, object]]", last.status().request["singleEmbeddingParams"])["image"]

    assert (len(last.embedding()), image) == (256, {"source": {"bytes": "$steps.convert.outputs[0]"}})


def test_pictures_are_found_by_words_and_by_a_picture_and_each_is_paid_once(room: Darkroom, tenant: str, tmp_path: Path) -> None:
    red, blue, green = (put(room, tenant, flat(color)) for color in ("red", "blue", "#30a030"))
    again = put(room, tenant, flat("red"))  # the same bytes from another job
    large = put(room, tenant, flat("yellow", (2100, 40)))  # larger than Titan takes
    sail = room.submit(TextImage("a red sailboat", width=512, height=512), tenant=tenant)
    sail.result(30)

    done = room.index_images(tenant=tenant, timeout=60)
    assert (done.total, done.added, done.copied, done.removed, done.failed, done.cost_usd) == (6, 6, 0, 0, 0, None)
    assert room.index_images(tenant=tenant).model_copy(update={"cost_usd": None}) == done.model_copy(update={"added": 0})

    by_words = room.search_images("something red", tenant=tenant, top=3)
    by_picture = room.search_images(image=flat("#2040ff"), tenant=tenant)
    assert {by_words.hits[0].job} <= {red, again}
    assert [hit.job for hit in by_picture.hits][:1] == [blue]
    assert {hit.job for hit in by_picture.hits} - {red, again} == {blue, green, large, sail.id}
    assert len({hit.sha256 for hit in by_picture.hits}) == len(by_picture.hits) == 5
    assert {hit.job: hit.prompt for hit in by_picture.hits}[sail.id] == "a red sailboat"
    assert (by_words.hits[0].width, by_words.hits[0].media_type, by_words.cost_usd) == (96, "image/png", None)

    paid = [view for view in room.jobs(100, tenant) if view.metadata.get("darkroom.search") == "index" and view.kind == "bedrock"]
    assert len(paid) == 5  # six pictures, five of them different
    assert {view.job_class for view in paid} == {"bulk"}

    saved = room.save_found(by_words, tmp_path / "found")
    assert [path.name for path in saved][-1] == "search.json"
    assert Image.open(saved[0]).getpixel((5, 5)) == (255, 0, 0)


def test_pictures_of_a_removed_job_are_not_found_and_leave_the_index(
    room: Darkroom, settings: Settings, stack: Stack, tenant: str
) -> None:
    kept = put(room, tenant, flat("red"))
    with Darkroom(settings=settings.model_copy(update={"retention": timedelta(seconds=3)})) as brief:
        gone = put(brief, tenant, flat("#e02020"))
    assert room.index_images(tenant=tenant, timeout=60).total == 2

    def is_gone() -> bool:
        try:
            room.find(gone)
        except UnknownJob:
            return True
        return False

    stack.until(is_gone, "the job's retention to end")
    assert [hit.job for hit in room.search_images("red", tenant=tenant).hits] == [kept]
    after = room.index_images(tenant=tenant)
    assert (after.total, after.removed) == (1, 0)  # the search has taken it out already


def test_no_tenant_finds_anothers_pictures_and_no_model_anothers_vectors(room: Darkroom, tenant: str) -> None:
    mine = put(room, tenant, flat("red"))
    put(room, f"{tenant}-other", flat("#f00010"))
    room.index_images(tenant=tenant, timeout=60)
    room.index_images(tenant=f"{tenant}-other", timeout=60)

    assert [hit.job for hit in room.search_images("red", tenant=tenant).hits] == [mine]
    with pytest.raises(InvalidRequest, match="No picture of tenant nobody"):
        room.search_images("red", tenant="nobody")

    room.index_images(tenant=tenant, model=NOVA, dimension=384, timeout=60)
    with pytest.raises(InvalidRequest, match="2 indexes"):
        room.search_images("red", tenant=tenant)
    found = room.search_images("red", tenant=tenant, model=NOVA)
    assert (found.dimension, [hit.job for hit in found.hits]) == (384, [mine])


def refused(room: Darkroom, **options: object) -> list[Problem]:
    with pytest.raises(InvalidRequest) as caught:
        room.search_images(**options)  # type: ignore[arg-type]
    return list(caught.value.problems)


def test_what_cannot_be_looked_for_is_refused_before_anything_is_paid(room: Darkroom, tenant: str) -> None:
    assert [problem.pointer for problem in refused(room, tenant=tenant)] == [""]
    assert [problem.pointer for problem in refused(room, text="red", image=b"x", top=0, tenant=tenant)] == ["", "/top"]
    with pytest.raises(InvalidRequest, match="makes no vectors"):
        room.index_images(tenant=tenant, model="amazon.nova-canvas-v1:0")
    with pytest.raises(InvalidRequest, match="512 numbers"):
        room.index_images(tenant=tenant, dimension=512)


def test_an_indexing_that_was_cut_off_in_the_middle_of_a_job_goes_on_with_the_others_of_its_pictures(
    room: Darkroom, settings: Settings, tenant: str
) -> None:
    job = room.submit(TextImage("a red sailboat", number_of_images=2, width=512, height=512), tenant=tenant)
    first, second = job.result(60).pictures
    index = home_of(settings).open(Space(tenant, TITAN, 1024))
    index.add([Entry(job.id, first.index, first.sha256)], [[1.0] * 1024])

    done = room.index_images(tenant=tenant)
    assert (done.added, done.total, {entry.sha256 for entry in index.entries()}) == (1, 2, {first.sha256, second.sha256})
    assert room.index_images(tenant=tenant).added == 0


def test_where_a_server_has_a_search_module_the_vectors_are_there(settings: Settings, tenant: str, tmp_path: Path) -> None:
    with stand_in(settings.redis_url) as url:
        chosen = settings.model_copy(update={"search_url": url, "search_folder": str(tmp_path / "unused")})
        with Darkroom(settings=chosen) as room:
            red, blue = put(room, tenant, flat("red")), put(room, tenant, flat("blue"))
            done = room.index_images(tenant=tenant, timeout=60)
            assert (done.added, done.total) == (2, 2)
            assert done.place.startswith("the search module of the server at ")
            assert [hit.job for hit in room.search_images(image=flat("#2040ff"), tenant=tenant).hits] == [blue, red]

            again = room.index_images(tenant=tenant, timeout=60, rebuild=True)
            assert (again.removed, again.added, again.total) == (2, 2, 2)
            assert [hit.job for hit in room.search_images("red", tenant=tenant, top=1).hits] == [red]
    assert not (tmp_path / "unused").exists()
