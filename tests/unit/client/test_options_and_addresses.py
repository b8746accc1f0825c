"""Options of a submit, times to wait, and how a client finds its ledger: what is wrong is told in one sentence."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from pydantic import ValidationError
from typing_extensions import Unpack

from darkroom import InvalidRequest, Misconfigured, Settings
from darkroom.connection import complete_settings
from darkroom.options import SubmitOptions, delivery
from darkroom.terms import Terms
from darkroom.watching import Clock, Timeout
from tests.unit.client.test_submit_flow import DRAWS

NOW = datetime.fromtimestamp(DRAWS.now_ms() / 1000, UTC)
SETTINGS = Settings(redis_url="redis://nowhere")


def refused(options: dict[str, object]) -> list[str]:
    """Pointers of what is wrong with the options."""
    with pytest.raises(InvalidRequest) as caught:
        delivery(cast("SubmitOptions", options), SETTINGS, DRAWS.now_ms())
    return [problem.pointer for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model", 5),
        ("region", 5),
        ("tenant", 5),
        ("idempotency_key", 5),
        ("job_class", ["bulk"]),
        ("metadata", [1]),
        ("metadata", {"a": 1}),
        ("metadata", {"a": "\ud800"}),
        ("idempotency_key", "a\udfff"),
        ("not_before", "2026"),
        ("not_before", NOW + timedelta(days=367)),
        ("finish_by", 5),
        ("finish_by", NOW + timedelta(days=367)),
        ("start_within", 5),
        ("start_within", timedelta(days=367)),
        ("guardrail", 5),
        *[("guardrail", text) for text in ("", "abc", "abc:0", "ABC:1", "abc:100000000", "abc:draft", "a-b:1", f"{'a' * 2049}:1")],
        *[("guardrail_gates", value) for value in ("prompt", [], ["nothing"], [["prompt"]], ["prompt"] * 4)],
    ],
)
def test_a_wrong_option_is_named_by_its_pointer(name: str, value: object) -> None:
    assert refused({name: value}) == [f"/options/{name}"]


ARN = "arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:guardrail/abc1"


@pytest.mark.parametrize("text", ["abc1:DRAFT", "abc1:99999999", f"{ARN}:7", f"{'a' * 2048}:1"])
def test_a_guardrail_is_an_id_or_an_arn_with_its_version(text: str) -> None:
    assert delivery({"guardrail": text}, SETTINGS, DRAWS.now_ms()).guardrail == text
    assert Settings(redis_url="redis://nowhere", guardrail=text).guardrail == text


def test_gates_come_in_one_order_and_once() -> None:
    told = delivery({"guardrail_gates": ["output", "prompt", "output"]}, SETTINGS, DRAWS.now_ms())
    assert told.guardrail_gates == ("prompt", "output")


@pytest.mark.parametrize("name", ["guardrail", "guardrail_gates"])
def test_a_guardrail_that_is_none_stops_the_program_at_its_start(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"DARKROOM_{name.upper()}", "nonsense")
    with pytest.raises(ValidationError, match=r"nonsense|guardrail"):
        Settings()


def test_only_a_guardrail_that_is_named_makes_another_request_of_it() -> None:
    def fingerprint_of(settings: Settings, **options: Unpack[SubmitOptions]) -> str:
        told = delivery({"idempotency_key": "k", **options}, settings, DRAWS.now_ms())
        known = Terms(settings, told, NOW.date()).idempotency({"taskType": "TEXT_IMAGE"})
        assert known is not None
        return known[1]

    guarded = Settings(redis_url="redis://nowhere", guardrail="abc:1", guardrail_gates=("prompt",))
    plain = fingerprint_of(SETTINGS)
    named = [fingerprint_of(SETTINGS, guardrail=text) for text in ("abc:1", "abc:2")]
    gated = fingerprint_of(SETTINGS, guardrail="abc:1", guardrail_gates=["prompt"])
    assert (fingerprint_of(guarded), len({plain, *named, gated})) == (plain, 4)


def test_all_wrong_options_are_told_at_once() -> None:
    assert refused({"model": 5, "tenant": "a/b", "finish_by": "soon"}) == [
        "/options/model",
        "/options/finish_by",
        "/options/tenant",
    ]


def test_a_year_ahead_is_allowed() -> None:
    year = timedelta(days=366)
    told = delivery({"not_before": NOW + year, "start_within": year}, SETTINGS, DRAWS.now_ms())
    assert told.start_by_ms - told.not_before_ms == told.not_before_ms - DRAWS.now_ms() == year // timedelta(milliseconds=1)


@pytest.mark.parametrize("timeout", ["5", math.nan, [5]])
def test_a_timeout_that_is_no_number_is_refused(timeout: object) -> None:
    with pytest.raises(InvalidRequest, match="no time to wait"):
        Clock(DRAWS, cast("Timeout", timeout))


@pytest.mark.parametrize("address", ["redis://127.0.0.1:abc", "redis://[::1", "redis://127.0.0.1:99999"])
def test_an_address_that_cannot_be_read_is_named_by_its_variable(address: str) -> None:
    with pytest.raises(Misconfigured, match="DARKROOM_REDIS_URL"):
        complete_settings(None, Settings(redis_url=address))


def test_the_tenant_of_the_settings_obeys_the_rule_of_the_option() -> None:
    with pytest.raises(Misconfigured, match="DARKROOM_TENANT"):
        complete_settings(None, Settings(redis_url="redis://nowhere", tenant="a b"))


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Path]:
    """A home folder on which a stack runs, as far as its file and its lock tell."""
    fcntl = pytest.importorskip("fcntl")
    told: dict[str, object] = {"flower_url": None, "pid": os.getpid(), "started_at": NOW.isoformat()}
    told |= {"redis_url": "unix:///v.sock?db=0", "assets_url": "file:///pictures", "bedrock_url": "http://127.0.0.1:1"}
    (tmp_path / "stack.json").write_text(json.dumps(told))
    with (tmp_path / "stack.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield tmp_path


def test_a_running_stack_is_taken_whole(running: Path) -> None:
    own = Settings(home=running, broker_url="redis://other", assets_url="s3://other/x", bedrock_url="http://other")
    found = complete_settings(None, own)
    assert (found.redis_url, found.broker_url) == ("unix:///v.sock?db=0", "")
    assert (found.assets_url, found.bedrock_url) == ("file:///pictures", "http://127.0.0.1:1")
