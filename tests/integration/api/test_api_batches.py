"""Batches over HTTP: from rows, texts and grids, read in order, begun again."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.integration.client.hand_worker import HandWorker
from tests.support.bodies import edited, sample

BODY = sample("TEXT_IMAGE")
TEMPLATE = edited(BODY, "/textToImageParams/text", "{prompt}")


def row(name: str, seed: int) -> dict[str, Any]:
    return {"custom_id": name, "request": edited(BODY, "/imageGenerationConfig/seed", seed)}


def submitted(api: httpx.Client, **body: Any) -> dict[str, Any]:
    answer = api.post("/v1/batches", json=body)
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


@pytest.mark.parametrize(
    ("source", "total"),
    [
        ({"rows": [row("a", 1), row("b", 2)]}, 2),
        ({"jsonl": "\n".join(json.dumps(row(f"r{n}", n)) for n in range(3))}, 3),
        ({"csv": "prompt\na boat\na jar\n", "template": TEMPLATE}, 2),
        ({"grid": {"groups": [{"prompt": ["a boat", "a jar"]}], "repeats": 2}, "template": TEMPLATE}, 4),
    ],
)
def test_a_batch_comes_from_rows_or_texts_or_a_grid(api: httpx.Client, source: dict[str, Any], total: int) -> None:
    view = submitted(api, **source, name="three ways")
    assert (view["total"], view["name"], view["is_terminal"]) == (total, "three ways", False)
    assert [found["id"] for found in api.get("/v1/batches").json()["items"]] == [view["id"]]
    lines = api.get(f"/v1/batches/{view['id']}/results").text.splitlines()
    assert len(lines) == total


def test_a_dry_run_prices_all_rows_and_tells_the_wrong_ones(api: httpx.Client) -> None:
    rows = [row("a", 1), {"custom_id": "b", "request": edited(BODY, "/textToImageParams/text", "")}]
    plan = api.post("/v1/batches", params={"dry_run": True}, json={"rows": rows}).json()
    assert (plan["rows"], plan["invalid"], plan["price_usd"]) == (1, 1, 0.04)
    assert plan["problems"][0]["pointer"].startswith("/rows/2/")
    assert api.get("/v1/batches").json()["items"] == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        ({"rows": [row("a", 1)], "csv": "prompt\na\n"}, ""),
        ({"rows": [row("a", 1), row("a", 2)]}, "/rows/2/custom_id"),
        ({"csv": "prompt\na\n"}, "/template"),
        ({"rows": [row("a", 1)], "parallel": 0}, "/parallel"),
        ({"rows": [row("a", 1)], "budget_usd": 0.001}, "/budget_usd"),
        ({"rows": [{"taskType": "BACKGROUND_REMOVAL", "backgroundRemovalParams": {"image": "/etc/passwd"}}]}, None),
        (
            {
                "csv": "file\n/etc/passwd\n",
                "template": edited(sample("BACKGROUND_REMOVAL"), "/backgroundRemovalParams/image", "{file}"),
            },
            None,
        ),
    ],
)
def test_a_wrong_batch_is_refused_and_nothing_begins(api: httpx.Client, body: dict[str, Any], pointer: str | None) -> None:
    answer = api.post("/v1/batches", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input"), answer.text
    assert pointer is None or pointer in [found["pointer"] for found in answer.json()["errors"]]
    assert api.get("/v1/batches").json()["items"] == []


def test_a_canceled_batch_is_begun_again_once(api: httpx.Client, worker: HandWorker) -> None:
    view = submitted(api, rows=[row("a", 1), row("b", 2)])
    assert api.post(f"/v1/batches/{view['id']}/retry-failed").json()["code"] == "nothing_to_decide"
    assert api.post(f"/v1/batches/{view['id']}/cancel").json()["outcome"] == "prevented"
    ended = api.get(f"/v1/batches/{view['id']}").json()
    assert (ended["state"], ended["outcome"]) == ("canceled", "none_succeeded")
    again = api.post(f"/v1/batches/{view['id']}/retry-failed")
    assert (again.status_code, again.json()["retry_of"], again.json()["total"]) == (202, view["id"], 2)
    repeat = api.post(f"/v1/batches/{view['id']}/retry-failed")
    assert (repeat.json()["id"], repeat.headers["idempotent-replayed"]) == (again.json()["id"], "true")
    errors = api.get(f"/v1/batches/{view['id']}/results", params={"only": "errors"}).text.splitlines()
    assert [json.loads(line)["custom_id"] for line in errors] == ["a", "b"]
    assert api.get("/v1/batches/bt_01k5w0v7d3e8r9t2y4v6h8j0p2").status_code == 404
