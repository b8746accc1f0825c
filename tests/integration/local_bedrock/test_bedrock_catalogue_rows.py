"""Every model with every sample body: checked, planned, sent as a worker sends it, and its answer decoded."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Mapping
from datetime import date

import pybase64
import pytest
from PIL import Image

from darkroom_shared.checking import check_request
from darkroom_shared.core.failure import Failure
from darkroom_shared.models.catalogue import gives_documents, image_count, operation_of, output_size, wire_body
from darkroom_shared.models.model import Body, Model
from darkroom_shared.plan.choosing import Wish, choose
from darkroom_shared.settings import Settings
from darkroom_shared.task_types import image_values, replace_at
from darkroom_worker.bedrock.answers import read_answer
from darkroom_worker.bedrock.client import Answer, BedrockClient
from tests.integration.local_bedrock.endpoints import Running
from tests.support.bodies import sample
from tests.support.rows import pairs

WHILE_ALL_LIVED = date(2025, 1, 1)


def test_every_sample_is_checked_planned_sent_and_decoded_on_every_model_that_takes_it(
    canned: Running, subtests: pytest.Subtests, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in canned.sdk_environment().items():
        monkeypatch.setenv(name, value)

    async def ask_all() -> None:
        client = BedrockClient(Settings(bedrock_url=canned.url))
        try:
            for model, name in pairs():
                with subtests.test(model=model.id, sample=name):
                    await _ask(client, model, sample(name))
        finally:
            await client.close()

    asyncio.run(ask_all())


async def _ask(client: BedrockClient, model: Model, body: Body) -> None:
    checked = check_request(body, model)
    assert checked.problems == ()
    route = choose(Wish(body, checked.facts, model, "never", model.regions, WHILE_ALL_LIVED))
    assert (route.model, route.fidelity, route.translation.body) == (model, "exact", body)
    answer = await client.ask(route.model.id, route.regions[0], _sent(model, route.translation.body))
    assert isinstance(answer, Answer), answer
    contents = read_answer(model, answer.body, image_count(body), body)
    assert not isinstance(contents, Failure), contents
    if gives_documents(model):
        assert [document.role for document in contents.documents if document.data] != []
        return
    assert (len(contents.images), contents.missing, contents.mask is not None) == (image_count(body), 0, _wants_mask(body))
    for picture in contents.images:
        with Image.open(io.BytesIO(picture)) as opened:
            opened.load()
            assert opened.size == (output_size(model, body, checked.facts) or opened.size)
            assert opened.format == str(body.get("output_format", "png")).upper()


def _sent(model: Model, body: Body) -> bytes | dict[str, object]:
    if operation_of(model) == "invoke":
        return json.dumps(wire_body(model, body)).encode()
    pictures = {place.pointer.removesuffix("/source/bytes"): str(value) for place, value in image_values(body).items()}
    told = {where: {"format": "png", "source": {"bytes": pybase64.b64decode(value)}} for where, value in pictures.items()}
    return dict(wire_body(model, replace_at(body, told)))


def _wants_mask(body: Body) -> bool:
    return any(isinstance(value, Mapping) and value.get("returnMask") is True for value in body.values())
