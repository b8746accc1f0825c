"""API keys over HTTP: who gets in, what each may do, and that a tenant sees only its own."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from darkroom import Darkroom, InvalidRequest, Settings
from darkroom.access import NewKeyView
from darkroom_shared.contract.access import Scope
from darkroom_shared.core.ids import asset_reference
from tests.integration.api.serving import Served
from tests.integration.client.hand_worker import HandWorker
from tests.support.bodies import edited, picture, sample

BODY = sample("TEXT_IMAGE")
Client = Callable[[NewKeyView | None], httpx.Client]


@pytest.fixture
def room(settings: Settings) -> Darkroom:
    return Darkroom(settings=settings)


def key_of(room: Darkroom, tenant: str, *scopes: Scope) -> NewKeyView:
    return room.create_key(tenant=tenant, scopes=scopes or ("submit", "read"))


def shown(key: NewKeyView) -> dict[str, str]:
    return {"Authorization": f"Bearer {key.key}"}


def test_from_the_first_key_on_nobody_gets_in_without_one(room: Darkroom, served: Served) -> None:
    key = key_of(room, "shop")
    with served.client() as anybody, served.client(headers=shown(key)) as shop:
        refused = anybody.get("/v1/jobs")
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
        assert refused.headers["www-authenticate"].startswith("Bearer")
        assert anybody.get("/v1/jobs", headers={"Authorization": "Bearer dk_" + "a" * 12 + "_" + "b" * 52}).status_code == 401
        assert anybody.get("/healthz").status_code == 200
        job = shop.post("/v1/jobs", json={"request": BODY}).json()
        assert job["tenant"] == "shop"
        assert shop.post("/v1/jobs", json={"request": BODY, "tenant": "press"}).json()["code"] == "forbidden"


def test_a_tenant_sees_only_its_own(room: Darkroom, served: Served, worker: HandWorker) -> None:
    shop, press, everybody = key_of(room, "shop"), key_of(room, "press"), key_of(room, "*", "read")
    with served.client(headers=shown(shop)) as mine, served.client(headers=shown(press)) as other:
        job = mine.post("/v1/jobs", json={"request": BODY}).json()["id"]
        flow = mine.post("/v1/workflows", json={"workflow": {"model": "auto", "steps": {"a": {"request": BODY}}}}).json()["id"]
        batch = mine.post("/v1/batches", json={"rows": [{"custom_id": "a", "request": BODY}]}).json()["id"]
        worker.run()
        picture_name = mine.get(f"/v1/jobs/{job}").json()["outputs"][0]["sha256"]
        mine.put("/v1/workflow-templates/boats", json={"steps": {"a": {"request": BODY}}})
        paths = [
            *(f"/v1/jobs/{job}{more}" for more in ("", "/check", "/attempts", "/explain", "/events")),
            *(f"/v1/workflows/{flow}{more}" for more in ("", "/gates")),
            *(f"/v1/batches/{batch}{more}" for more in ("", "/results")),
            *(f"/v1/assets/{picture_name}{more}" for more in ("", "/content")),
            "/v1/workflow-templates/boats",
        ]
        for path in paths:
            assert other.get(path).status_code == 404, path
            with mine.stream("GET", path) as answer:
                assert answer.status_code == 200, path
        assert other.head(f"/v1/assets/by-hash/{picture_name}").status_code == 404
        for path in (f"jobs/{job}/cancel", f"jobs/{job}/retry", f"workflows/{flow}/cancel", f"batches/{batch}/cancel"):
            assert other.post(f"/v1/{path}").status_code == 404, path
        assert other.post("/v1/jobs:cancel", json={"ids": [job]}).json()["items"][0]["status"] == 404
        for path in ("jobs", "batches"):
            assert other.get(f"/v1/{path}").json()["items"] == []
        with served.client(headers=shown(everybody)) as all_of_them:
            assert job in [found["id"] for found in all_of_them.get("/v1/jobs").json()["items"]]
            assert all_of_them.get(f"/v1/workflows/{flow}").status_code == 200


def test_a_picture_of_another_tenant_cannot_be_named(room: Darkroom, served: Served) -> None:
    shop, press = key_of(room, "shop"), key_of(room, "press")
    with served.client(headers=shown(shop)) as mine, served.client(headers=shown(press)) as other:
        name = mine.post("/v1/assets", content=picture()).json()["sha256"]
        request = edited(sample("BACKGROUND_REMOVAL"), "/backgroundRemovalParams/image", asset_reference(name))
        workflow = {"model": "auto", "steps": {"a": {"request": request}}}
        hidden = {
            "model": "auto",
            "parameters": {"name": {"type": "text"}},
            "steps": {"a": {"do": "background-removal", "with": {"image": "asset:${params.name}"}}},
        }
        rows = [{"custom_id": "a", "request": request}]
        bodies: list[tuple[str, dict[str, Any]]] = [
            ("jobs", {"request": request}),
            ("jobs?dry_run=true", {"request": request}),
            ("validate", {"request": request}),
            ("plan", {"steps": [request]}),
            ("workflows", {"workflow": workflow}),
            ("workflows", {"workflow": hidden, "arguments": {"name": name}}),
            ("batches", {"rows": rows}),
            ("batches", {"jsonl": "\n".join(map(json.dumps, rows))}),
        ]
        for path, body in bodies:
            answer = other.post(f"/v1/{path}", json=body)
            assert (answer.status_code in (404, 422), "is not in the store" in answer.text) == (True, True), f"{path} {answer.text}"
            assert other.get("/v1/jobs").json()["items"] == []
        assert mine.post("/v1/jobs", json={"request": request}).status_code == 202
        # Stored by the other, too, it is the other's as well.
        assert other.post("/v1/assets", content=picture()).status_code == 201
        assert other.post("/v1/jobs", json={"request": request}).status_code == 202


def test_a_link_opens_a_picture_for_whoever_has_it(room: Darkroom, served: Served) -> None:
    shop = key_of(room, "shop")
    with served.client() as anybody:
        name = anybody.post("/v1/assets", content=picture(), headers=shown(shop)).json()["sha256"]
        link = anybody.post(f"/v1/assets/{name}/links", headers=shown(shop)).json()["path"]
        assert anybody.get(f"/v1/assets/{name}/content").status_code == 401
        assert anybody.get(link).content == picture()


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [("read", {"list"}), ("submit", {"submit"}), ("operate", set[str]()), ("admin", {"keys"})],
)
def test_a_key_may_do_what_its_scopes_say(room: Darkroom, served: Served, scope: Scope, allowed: set[str]) -> None:
    with served.client(headers=shown(key_of(room, "shop", scope))) as api:
        found = {
            "list": api.get("/v1/jobs").status_code,
            "submit": api.post("/v1/jobs", json={"request": BODY}).status_code,
            "keys": api.get("/v1/keys").status_code,
        }
    assert {name for name, status in found.items() if status < 300} == allowed
    assert {status for name, status in found.items() if name not in allowed} == {403}


def test_a_rotated_key_opens_for_a_while_and_a_revoked_one_no_more(room: Darkroom, served: Served) -> None:
    first = key_of(room, "shop")
    second = room.rotate_key(first.id, overlap=timedelta(hours=1))
    third = room.rotate_key(first.id, overlap=timedelta(0))

    def status(key: NewKeyView) -> int:
        with served.client(headers=shown(key)) as api:
            return api.get("/v1/jobs").status_code

    assert [status(key) for key in (first, second, third)] == [401, 401, 200]
    fourth = room.rotate_key(first.id)
    assert [status(key) for key in (third, fourth)] == [200, 200]
    room.revoke_key(first.id)
    until = time.monotonic() + 10
    while status(fourth) == 200:
        assert time.monotonic() < until, "a revoked key still opens after ten seconds"
    assert status(third) == 401


def test_a_key_that_is_over_opens_nothing(room: Darkroom, served: Served) -> None:
    key = room.create_key(tenant="shop", scopes=["read"], expires_in=timedelta(seconds=1))
    until = time.monotonic() + 10
    with served.client(headers=shown(key)) as api:
        while api.get("/v1/jobs").status_code == 200:
            assert time.monotonic() < until, "a key that is over still opens after ten seconds"
    with pytest.raises(InvalidRequest, match="there is no key"):
        room.rotate_key(key.id)


def test_an_admin_makes_keys_of_its_own_tenant_and_no_stronger_ones(room: Darkroom, served: Served) -> None:
    admin, chief = key_of(room, "shop", "admin", "read"), key_of(room, "*", "admin", "read", "submit", "operate")
    with served.client(headers=shown(admin)) as api, served.client(headers=shown(chief)) as boss:
        made = api.post("/v1/keys", json={"tenant": "shop", "scopes": ["read"], "name": "dashboard"})
        assert (made.status_code, made.headers["cache-control"]) == (201, "no-store")
        assert api.get("/v1/jobs", headers={"Authorization": f"Bearer {made.json()['key']}"}).status_code == 200
        assert api.post("/v1/keys", json={"tenant": "press", "scopes": ["read"]}).status_code == 403
        assert api.post("/v1/keys", json={"tenant": "shop", "scopes": ["submit"]}).status_code == 403
        listed = api.get("/v1/keys").json()["items"]
        assert {view["id"] for view in listed} == {admin.id, made.json()["id"]}
        assert "key" not in listed[0]
        assert api.post(f"/v1/keys/{chief.id}/revoke").status_code == 404
        assert api.get("/v1/audit").status_code == 403
        assert boss.post(f"/v1/keys/{made.json()['id']}/rotate", json={"overlap": 0}).status_code == 200
        actions = boss.get("/v1/audit", params={"limit": 2}).json()["items"]
        assert [(row["action"], row["by"], row["subject"]) for row in actions] == [
            ("key.rotate", chief.id, made.json()["id"]),
            ("key.create", admin.id, made.json()["id"]),
        ]
        assert boss.get("/v1/audit", params={"before": actions[-1]["id"]}).json()["items"][0]["subject"] == chief.id
        strong = key_of(room, "shop", "submit", "read")
        assert api.post(f"/v1/keys/{strong.id}/rotate").status_code == 403, "rotating hands the key out"
        assert api.post(f"/v1/keys/{strong.id}/revoke").status_code == 204


def test_no_secret_is_in_the_ledger_or_in_the_log(room: Darkroom, settings: Settings, served: Served) -> None:
    key = key_of(room, "shop", "read")
    secret = key.key.rpartition("_")[2]
    ledger = room._connection.ledger._redis  # to see what is really there
    for name in ledger.scan_iter("*key*"):
        if ledger.type(name) == b"hash":
            assert secret.encode() not in b"".join(ledger.hvals(name))


def test_a_name_that_is_no_tenant_and_a_scope_that_is_none_are_refused(room: Darkroom) -> None:
    with pytest.raises(InvalidRequest) as caught:
        room.create_key(tenant="a b", scopes=["rule"])  # type: ignore[list-item]
    assert [problem.pointer for problem in caught.value.problems] == ["/tenant", "/scopes"]
    with pytest.raises(InvalidRequest, match="there is no key"):
        room.revoke_key("nobody")
