"""Every model with every sample body: checked, planned, sent as a worker sends it, and its answer decoded."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Mapping
from datetime import date

import orjson
import pytest
from PIL import Image

from darkroom_shared.checking import check_request
from darkroom_shared.core.failure import Failure
from darkroom_shared.models.catalogue import gives_documents, image_count, output_size, wire_body
from darkroom_shared.models.model import Body, Model
from darkroom_shared.plan.choosing import Wish, choose
from darkroom_shared.settings import Settings
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
    answer = await client.invoke(route.model.id, route.regions[0], json.dumps(wire_body(model, route.translation.body)).encode())
    assert isinstance(answer, Answer), answer
    contents = read_answer(model, answer.body, image_count(body), body)
    assert not isinstance(contents, Failure), contents
    if gives_documents(model):
        assert [document.data for document in contents.documents if orjson.loads(document.data)] != []
        return
    assert (len(contents.images), contents.missing, contents.mask is not None) == (image_count(body), 0, _wants_mask(body))
    for picture in contents.images:
        with Image.open(io.BytesIO(picture)) as opened:
            opened.load()
            assert opened.size == (output_size(model, body, checked.facts) or opened.size)
            assert opened.format == str(body.get("output_format", "png")).upper()


def _wants_mask(body: Body) -> bool:
    return any(isinstance(value, Mapping) and value.get("returnMask") is True for value in body.values())
