"""The catalogue over HTTP: models, task types, prices, and requests looked at without being made."""

from __future__ import annotations

import httpx
import jsonschema
import pytest

from darkroom_shared.task_types import TASK_TYPES
from tests.support.bodies import edited, sample

BODY = sample("TEXT_IMAGE")
NOVA = "amazon.nova-canvas-v1:0"


def test_models_are_found_by_what_they_can_do_and_where(api: httpx.Client) -> None:
    found = api.get("/v1/models", params={"task": "INPAINTING"}).json()["items"]
    assert NOVA in [model["id"] for model in found]
    assert all("INPAINTING" in model["task_types"] for model in found)
    tokyo = api.get("/v1/models", params={"region": "ap-northeast-1", "task": "TEXT_IMAGE"}).json()["items"]
    assert [model["id"] for model in tokyo] == [NOVA]
    assert tokyo[0]["end_of_life"] == "2026-09-30"
    assert api.get("/v1/models", params={"task": "INPAINTING", "living": True}).json()["items"] == []


def test_what_changes_seldom_has_an_entity_tag(api: httpx.Client) -> None:
    for path in ("/v1/models", "/v1/tasks", "/v1/tasks/TEXT_IMAGE", "/v1/prices"):
        first = api.get(path)
        again = api.get(path, headers={"If-None-Match": first.headers["etag"]})
        assert (first.status_code, again.status_code, again.content) == (200, 304, b""), path


@pytest.mark.parametrize("name", sorted(TASK_TYPES))
def test_a_task_type_has_schemas_that_its_example_keeps(api: httpx.Client, name: str) -> None:
    told = api.get(f"/v1/tasks/{name}").json()
    assert told["schemas"]
    for one in told["schemas"]:
        assert one["models"]
        jsonschema.validate(told["example"], one["schema"])


def test_an_unknown_task_type_is_not_there(api: httpx.Client) -> None:
    assert api.get("/v1/tasks/VIDEO").status_code == 404


def test_a_request_is_judged_with_everything_at_once(api: httpx.Client) -> None:
    assert api.post("/v1/validate", json={"request": BODY, "model": NOVA}).json() == {"valid": True, "problems": []}
    wrong = edited(edited(BODY, "/textToImageParams/text", ""), "/imageGenerationConfig/cfgScale", 99)
    told = api.post("/v1/validate", json={"request": wrong, "model": NOVA}).json()
    assert {problem["pointer"] for problem in told["problems"]} == {
        "/request/imageGenerationConfig/cfgScale",
        "/request/textToImageParams/text",
    }


def test_a_chain_is_planned_with_its_price_and_nothing_is_recorded(api: httpx.Client) -> None:
    steps = [BODY, {"taskType": "BACKGROUND_REMOVAL", "backgroundRemovalParams": {}}]
    plan = api.post("/v1/plan", json={"steps": steps, "model": "auto"}).json()
    assert [step["task_type"] for step in plan["steps"] if not step["inserted"]] == ["TEXT_IMAGE", "BACKGROUND_REMOVAL"]
    assert plan["price_usd"] > 0
    assert api.get("/v1/jobs").json()["items"] == []


def test_prompts_are_advised_on(api: httpx.Client) -> None:
    told = api.post("/v1/lint-prompt", json={"request": edited(BODY, "/textToImageParams/text", "no cars"), "model": NOVA}).json()
    assert told["advice"][0]["pointer"] == "/textToImageParams/text"


def test_the_description_is_open_and_shows_an_example_of_every_task_type(api: httpx.Client) -> None:
    told = api.get("/openapi.json").json()
    assert told["openapi"].startswith("3.1")
    examples = told["paths"]["/v1/jobs"]["post"]["requestBody"]["content"]["application/json"]["examples"]
    assert set(examples) == set(TASK_TYPES)
