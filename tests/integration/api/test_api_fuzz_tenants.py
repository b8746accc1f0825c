"""Requests made from the description of the API, with one tenant's key beside another tenant: nothing of the other's is told.

Unlike in `test_api_fuzz`, a worker runs, names in paths are often those of things that are there, and OpenAI's door is walked, too.
REQUESTS says how many, SEED which.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, seed
from hypothesis import settings as bounded
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode, checks
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi import checks as conformance

from darkroom import Darkroom, Settings
from tests.integration.api.serving import Served
from tests.integration.client.live import bedrock, live, settings, stack
from tests.support.bodies import edited, sample
from tests.support.valkey import redis_url, valkey_server

__all__ = ["bedrock", "live", "redis_url", "settings", "stack", "valkey_server"]

REQUESTS: Final = int(os.environ.get("REQUESTS", "1500"))
SEED: Final = int(os.environ.get("SEED", "1"))
MARK: Final = "zanzibar"
"""Stands in everything of the other tenant, and in no request: an answer that holds it tells what it must not."""
ENDLESS: Final = {"/v1/events", "/v1/jobs/{job_id}/events", "/v1/workflows/{workflow_id}/events"}
"""Streams: they end with what they tell of, or not at all (`test_api_live`)."""
GOOD: Final = [sample(name) for name in ("TEXT_IMAGE", "INPAINTING", "IMAGE_VARIATION", "BACKGROUND_REMOVAL")]
PROMPT_S: Final = 30
CHECKS: Final = [
    checks.not_a_server_error,
    conformance.status_code_conformance,
    conformance.content_type_conformance,
    conformance.response_schema_conformance,
]


@dataclass(slots=True)
class Walk:
    """Who asks, and which names are really there, by the parameter of a path that they fit."""

    url: str
    key: str
    own: dict[str, list[str]]
    foreign: dict[str, list[str]]
    session: requests.Session
    statuses: dict[str, dict[int, int]] = field(default_factory=dict)


def things_of(api: httpx.Client, mark: str, name: str) -> dict[str, list[str]]:
    """One of each thing, with a mark in all that its owner writes but the names that stand in paths."""
    body = edited(sample("TEXT_IMAGE"), "/textToImageParams/text", f"a boat off {mark}")
    job = api.post("/v1/jobs", json={"request": body, "metadata": {"order": mark}}, headers={"Prefer": "wait=20"}).json()
    flow = api.post("/v1/workflows", json={"workflow": {"model": "auto", "steps": {name: {"request": body}}}}).json()
    batch = api.post("/v1/batches", json={"rows": [{"custom_id": mark, "request": body}]}).json()
    api.put(f"/v1/workflow-templates/{name}", json={"steps": {name: {"request": body}}}).raise_for_status()
    hook = api.post("/v1/webhook-endpoints", json={"url": f"https://{mark}.example.com/hook", "name": mark}).json()
    return {
        "job_id": [job["id"]],
        "workflow_id": [flow["id"]],
        "batch_id": [batch["id"]],
        "sha256": [job["outputs"][0]["sha256"]],
        "name": [name],
        "step": [name],
        "endpoint": [hook["id"]],
    }


@pytest.fixture
def walk(served: Served, settings: Settings) -> Iterator[Walk]:
    """A tenant with one of each thing, beside another one."""
    room = Darkroom(settings=settings)
    mine, others = (room.create_key(tenant=tenant, scopes=["submit", "read"]).key for tenant in ("shop", "press"))
    with served.client(headers={"Authorization": f"Bearer {others}"}) as api:
        foreign = things_of(api, MARK, "stonetown")
    with served.client(headers={"Authorization": f"Bearer {mine}"}) as api:
        own = things_of(api, "lisbon", "alfama")
    with requests.Session() as session:
        session.trust_env = False
        yield Walk(served.url, mine, own, foreign, session)


def placed(case: Case, walk: Walk, choice: Any) -> None:
    """Gives it names that are there, or are the other tenant's, in two of three, and now and then a request that can be done."""
    known = choice.draw(st.sampled_from([{}, walk.own, walk.foreign]))
    named = {name: choice.draw(st.sampled_from(known[name])) for name in case.path_parameters if name in known}
    case.path_parameters = {**case.path_parameters, **named}
    if isinstance(case.body, dict) and "request" in case.body and choice.draw(st.booleans()):
        case.body = case.body | {"request": choice.draw(st.sampled_from(GOOD))}
    if "wait" in (case.query or {}):
        case.query = {**case.query, "wait": 0}


def ask(case: Case, walk: Walk, choice: Any) -> None:
    """Sends it, and looks at the answer."""
    placed(case, walk, choice)
    headers = {"Authorization": f"Bearer {walk.key}", "Prefer": "wait=1"}
    answer = case.call(base_url=walk.url, session=walk.session, headers=headers, timeout=PROMPT_S)
    counts = walk.statuses.setdefault(f"{case.method} {case.path}", {})
    counts[answer.status_code] = counts.get(answer.status_code, 0) + 1
    case.validate_response(answer, checks=CHECKS)
    assert MARK.encode() not in answer.content, f"tells of another tenant: {answer.content[:500]!r}"


def walked(operation: APIOperation[Any, Any, Any, Any], walk: Walk, count: int) -> None:
    """So many requests to one operation, one in four of them against the document."""
    right = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
    try:
        wrong = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
        cases = st.one_of(right, right, right, wrong)
    except Exception:  # there is nothing that could be wrong with it
        cases = right

    @seed(SEED)
    @bounded(
        max_examples=count,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[Phase.generate, Phase.shrink] if count < 100 else [Phase.generate],
        suppress_health_check=list(HealthCheck),
        verbosity=Verbosity.quiet,
    )
    @given(cases, st.data())
    def each(case: Case, choice: Any) -> None:
        ask(case, walk, choice)

    each()


@pytest.mark.timeout(36_000 if REQUESTS > 5000 else 600)
def test_no_request_of_one_tenant_is_told_of_another(walk: Walk) -> None:
    document = requests.get(f"{walk.url}/openapi.json", timeout=PROMPT_S).json()
    found = [found.ok() for found in schemathesis.openapi.from_dict(document).get_all_operations()]
    operations = [one for one in found if one.path not in ENDLESS]
    failures: list[str] = []
    for operation in operations:
        try:
            walked(operation, walk, max(1, REQUESTS // len(operations)))
        except (Exception, BaseExceptionGroup) as error:
            failures.append(f"=== {operation.method.upper()} {operation.path}\n{str(error)[:1500]}")
    succeeded = [name for name, counts in walk.statuses.items() if any(status < 300 for status in counts)]
    assert len(succeeded) > len(operations) / 3, f"only these were ever granted: {succeeded}"
    assert not failures, "\n".join([f"{len(failures)} of {len(operations)} operations:", *failures])
