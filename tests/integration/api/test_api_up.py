"""The API as a part of `darkroom up`: it comes with the stack, answers, and goes first."""

from __future__ import annotations

import os
from pathlib import Path

import httpx

from darkroom.cli.stack_plan import stack_plan
from darkroom.embedded.stack import Stack
from tests.support.bodies import sample


def test_the_stack_serves_the_api(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DARKROOM_", "AWS_"))}
    plan = stack_plan(tmp_path / "home", kept, key_prefix="dr:", with_api=True, endpoint_args=("--engine=canned",))
    said: list[str] = []
    with Stack(plan, said.append) as info:
        assert info.api_url is not None
        with httpx.Client(base_url=info.api_url, trust_env=False, timeout=60) as api:
            assert api.get("/readyz").json()["workers"] == 1
            done = api.post("/v1/jobs", json={"request": sample("TEXT_IMAGE")}, headers={"Prefer": "wait=30"})
    assert (done.status_code, done.json()["state"]) == (201, "succeeded")
