"""`darkroom models` with its marks, and `darkroom models sync` against a control plane on loopback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

import pytest

from darkroom.lifecycles.reading import State, changes, difference, read_state
from darkroom_shared.models.catalogue import MODELS, find_model
from darkroom_shared.store import retirement
from darkroom_shared.store.redis import Ledger
from darkroom_shared.store.retirement import NewMark
from tests.acceptance.running import CommandLine, Done, clean_environment
from tests.integration.client.model_stub import ModelStub, running_stub
from tests.support.valkey import free_port, probe

NOVA, CORE, TITAN_V2 = "amazon.nova-canvas-v1:0", "stability.stable-image-core-v1:1", "amazon.titan-image-generator-v2:0"
ERASE, BARE_ERASE = "us.stability.stable-image-erase-object-v1:0", "stability.stable-image-erase-object-v1:0"
TODAY = date(2026, 11, 21)


@pytest.fixture
def stub() -> Iterator[ModelStub]:
    """The service; every model is active."""
    with running_stub() as stub:
        yield stub


@pytest.fixture
def darkroom(stub: ModelStub, redis_url: str, tmp_path: Path) -> CommandLine:
    """The command line with a ledger and the service."""
    own = clean_environment(DARKROOM_HOME=str(tmp_path / "home"), DARKROOM_REDIS_URL=redis_url, **stub.environment())
    return CommandLine(own, tmp_path)


def rows(done: Done) -> dict[tuple[str, str], dict[str, Any]]:
    """What was told, by model and Region."""
    assert done.code == 0, done.err
    return {(row["model"], row["region"]): row for row in done.json["models"]}


def marked(redis_url: str) -> dict[str, str]:
    """The marks in the ledger: where they come from, by model."""
    with Ledger(redis_url) as ledger:
        return {name: mark.source for name, mark in ledger.run(retirement.marks()).items()}


def test_every_model_is_asked_for_once_in_each_of_its_regions_by_its_own_id(darkroom: CommandLine, stub: ModelStub) -> None:
    told = rows(darkroom("models", "sync", "--dry-run", "--json"))
    wanted = [(model.id, region) for model in MODELS.values() for region in model.regions]
    assert sorted(told) == sorted(wanted)
    assert len(stub.asked) == len(wanted)
    assert ("us-east-2", BARE_ERASE) in stub.asked
    assert not [model for _, model in stub.asked if model.startswith("us.")]


def test_a_model_that_is_gone_everywhere_is_marked_and_one_that_is_left_somewhere_is_not(
    darkroom: CommandLine, stub: ModelStub, redis_url: str
) -> None:
    stub.errors = {
        NOVA: "ResourceNotFoundException",
        BARE_ERASE: "ValidationException",
        f"us-east-1/{TITAN_V2}": "ResourceNotFoundException",
    }
    done = darkroom("models", "sync", "--json")
    assert (done.json["marked"], done.json["revived"], done.json["dry_run"]) == ([NOVA, ERASE], [], False)
    told = rows(done)
    assert told[ERASE, "us-west-2"]["aws"]["state"] == "gone"
    assert told[ERASE, "us-west-2"]["difference"] == "gone before its end"
    assert told[TITAN_V2, "us-west-2"]["difference"] == "still there after its end"
    assert told[NOVA, "us-east-1"]["difference"] == ""
    assert (told[NOVA, "us-east-1"]["mark"], told[CORE, "us-west-2"]["mark"]) == ("set", "")
    assert marked(redis_url) == {NOVA: "aws", ERASE: "aws"}
    again = darkroom("models", "sync", "--json")
    assert (again.json["marked"], rows(again)[NOVA, "us-east-1"]["mark"]) == ([], "was set before")


def test_a_model_that_is_active_again_loses_its_mark_and_one_that_is_legacy_keeps_it(
    darkroom: CommandLine, stub: ModelStub, redis_url: str
) -> None:
    with Ledger(redis_url) as ledger:
        ledger.run(retirement.retire([NewMark(CORE, "worker", "end of life"), NewMark(ERASE, "worker", "Legacy")]))
    stub.lifecycles = {BARE_ERASE: {"status": "LEGACY"}}
    done = darkroom("models", "sync", "--json", "--region", "us-west-2")
    assert (done.json["revived"], rows(done)[CORE, "us-west-2"]["mark"]) == ([CORE], "taken back")
    assert rows(done)[ERASE, "us-west-2"]["difference"] == "Legacy, which the catalogue does not know"
    assert marked(redis_url) == {ERASE: "worker"}


def test_a_model_that_was_not_asked_for_everywhere_is_not_marked(darkroom: CommandLine, stub: ModelStub, redis_url: str) -> None:
    stub.errors = {NOVA: "ResourceNotFoundException", CORE: "ResourceNotFoundException"}
    done = darkroom("models", "sync", "--json", "--region", "us-east-1,us-west-2")
    assert done.json["marked"] == [CORE]
    assert {region for region, _ in stub.asked} == {"us-east-1", "us-west-2"}
    assert marked(redis_url) == {CORE: "aws"}


def test_a_dry_run_writes_nothing_and_needs_no_ledger(darkroom: CommandLine, stub: ModelStub, redis_url: str) -> None:
    stub.errors = {CORE: "ResourceNotFoundException"}
    done = darkroom("models", "sync", "--dry-run", DARKROOM_REDIS_URL="")
    assert done.code == 0, done.err
    [line] = [line.split() for line in done.out.splitlines() if line.startswith(CORE)]
    assert line == [CORE, "us-west-2", "active", "gone", "gone", "before", "its", "end", "would", "be", "set"]
    assert "Nothing was written." in done.err
    with probe(redis_url) as redis:
        assert redis.dbsize() == 0
    assert darkroom("models", "sync", DARKROOM_REDIS_URL="").code == 3


def test_the_table_tells_what_changed(darkroom: CommandLine, stub: ModelStub) -> None:
    stub.errors = {CORE: "ResourceNotFoundException"}
    done = darkroom("models", "sync", "--region", "us-west-2")
    assert done.code == 0, done.err
    assert [CORE, "set"] in [[line.split()[0], line.split()[-1]] for line in done.out.splitlines() if line]
    assert "1 mark has changed in the ledger." in done.err


def test_the_list_shows_a_mark_until_it_is_taken_back(darkroom: CommandLine, redis_url: str) -> None:
    with Ledger(redis_url) as ledger:
        ledger.run(retirement.retire([NewMark(CORE, "worker", "This model version has reached the end of its life.")]))
    told = {model["id"]: model["marked"] for model in darkroom("models", "--json").json["models"]}
    assert (told[CORE]["source"], told[NOVA]) == ("worker", None)
    assert "end of its life" in told[CORE]["text"]
    assert "marked as retired: AWS refused a call" in " ".join(darkroom("models").out.split())
    done = darkroom("models", "revive", CORE)
    assert (done.code, marked(redis_url)) == (0, {})
    assert f"{CORE} is taken for living again" in done.err
    assert f"{CORE} was not marked" in darkroom("models", "revive", CORE).err
    assert darkroom("models", "revive", "no.such-model").code == 2


def test_a_submit_to_a_marked_model_is_told_of_it_and_recorded(darkroom: CommandLine, redis_url: str) -> None:
    (darkroom.folder / "body.json").write_text('{"taskType": "STABLE_IMAGE", "prompt": "a boat"}')
    plain = darkroom("submit", "--json-body", "body.json", "--model", CORE)
    assert (plain.code, "marked" in plain.err) == (0, False)
    with Ledger(redis_url) as ledger:
        ledger.run(retirement.retire([NewMark(CORE, "aws", "gone")]))
    done = darkroom("submit", "--json-body", "body.json", "--model", CORE)
    assert (done.code, done.err.count(f"Warning: {CORE} is marked as retired")) == (0, 1)
    other = darkroom("submit", "--json-body", "body.json", "--model", CORE, "--substitute", "equivalent")
    assert (other.code, "marked" in other.err) == (0, False)


def test_the_list_works_without_a_ledger_and_with_one_that_is_away(darkroom: CommandLine, tmp_path: Path) -> None:
    assert darkroom("models", DARKROOM_REDIS_URL="").code == 0
    away = darkroom("models", "--json", DARKROOM_REDIS_URL=f"unix://{tmp_path}/nobody.sock")
    assert (away.code, len(away.json["models"])) == (0, len(MODELS))
    assert "not known" in away.err
    assert darkroom("models", "--json", "sync", "--dry-run").code == 2


def test_a_missing_permission_is_named_and_nothing_is_written(darkroom: CommandLine, stub: ModelStub, redis_url: str) -> None:
    stub.errors = {CORE: "ResourceNotFoundException", f"us-east-2/{BARE_ERASE}": "AccessDeniedException"}
    done = darkroom("models", "sync", "--json")
    assert (done.code, done.json["error"]["code"]) == (3, "misconfigured")
    assert "bedrock:GetFoundationModel in us-east-2" in done.err
    assert "Traceback" not in done.err
    assert marked(redis_url) == {}


def test_without_credentials_the_command_says_what_to_set(darkroom: CommandLine) -> None:
    bare = CommandLine({name: value for name, value in darkroom.environment.items() if "KEY" not in name}, darkroom.folder)
    done = bare("models", "sync", "--dry-run")
    assert (done.code, done.out) == (3, "")
    assert "AWS_PROFILE" in done.err
    assert "Traceback" not in done.err


def test_a_service_that_is_busy_is_asked_again_and_one_that_is_away_is_told(darkroom: CommandLine, stub: ModelStub) -> None:
    stub.refusals = ["ThrottlingException", "ThrottlingException"]
    assert rows(darkroom("models", "sync", "--dry-run", "--json", "--region", "ap-northeast-1"))[NOVA, "ap-northeast-1"]
    assert stub.asked[:3] == stub.asked[:1] * 3
    gone = darkroom("models", "sync", "--dry-run", AWS_ENDPOINT_URL_BEDROCK=f"http://127.0.0.1:{free_port()}")
    assert (gone.code, "cannot be reached" in gone.err) == (3, True)


@pytest.mark.parametrize(("region", "told"), [("us_east_1", "no AWS Region"), ("mx-central-1", "has no model in mx-central-1")])
def test_a_region_without_models_is_refused_before_anything_is_asked(
    darkroom: CommandLine, stub: ModelStub, region: str, told: str
) -> None:
    done = darkroom("models", "sync", "--dry-run", "--region", region)
    assert (done.code, stub.asked) == (2, [])
    assert told in done.err


_WITHOUT_BOTO3: Final = """
import sys
sys.modules["boto3"] = None
from darkroom.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


def test_without_the_aws_sdk_the_list_works_and_the_sync_says_what_to_install(darkroom: CommandLine) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", _WITHOUT_BOTO3, *arguments]
        return subprocess.run(command, env=darkroom.environment, capture_output=True, text=True, timeout=60, check=False)

    done = run("models", "sync", "--dry-run")
    assert done.returncode == 3
    assert "pip install 'darkroom[worker]'" in done.stderr
    assert run("models").returncode == 0
    assert "bedrock:GetFoundationModel" in darkroom("models", "sync", "--help").out


def test_dates_of_newer_sdks_are_read_as_days_in_utc() -> None:
    late = datetime(2027, 1, 31, 23, 30, tzinfo=timezone(timedelta(hours=-3)))
    told = read_state(CORE, "us-west-2", {"status": "LEGACY", "legacyTime": late, "endOfLifeTime": late, "startOfLifeTime": late})
    assert told == State(CORE, "us-west-2", "legacy", date(2027, 2, 1), date(2027, 2, 1), "LEGACY")
    assert difference(find_model(CORE), told, TODAY) == "Legacy since 2027-02-01, not unknown; end of life 2027-02-01, not unknown"
    assert read_state(CORE, "us-west-2", {}).word == "unknown"


def test_an_unknown_state_neither_marks_nor_revives() -> None:
    told = [State(CORE, "us-west-2", "unknown", text="SLEEPING")]
    assert changes([find_model(CORE)], told) == changes([], [])
