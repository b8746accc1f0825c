"""`darkroom quotas` against a service on loopback that speaks the protocol of AWS Service Quotas."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from darkroom.quotas.aws import listed_quotas
from darkroom.quotas.names import ListedQuota
from darkroom_shared.core.errors import Misconfigured, Unavailable
from tests.acceptance.running import CommandLine, Done, clean_environment
from tests.integration.client.quota_stub import QuotaStub, Row, quota, running_stub
from tests.support.valkey import free_port, probe

NOVA, TITAN_V1, TITAN_V2 = "amazon.nova-canvas-v1:0", "amazon.titan-image-generator-v1", "amazon.titan-image-generator-v2:0"
INPAINT: Final = "us.stability.stable-image-inpaint-v1:0"
REQUESTS: Final = "On-demand model inference requests per minute for Amazon "
DEFAULTS: Final[list[Row]] = [
    quota("L-1", f"{REQUESTS}Nova Canvas", 100.0),
    quota("L-2", f"{REQUESTS}Titan Image Generator G1", 60.0),
    quota("L-3", f"{REQUESTS}Titan Image Generator G1 V2", 60.0),
    quota("L-4", "On-demand model inference tokens per minute for Amazon Titan Image Generator G1", 2000.0),
    quota("L-5", "Batch inference job size (in GB) for Nova Pro V1", 5.0),
    quota("L-6", "Cross-region model inference requests per minute for Anthropic Claude Instant", 10000.0),
    quota("L-7", "Cross-region model inference requests per minute for Amazon Nova Canvas", 200.0),
]


@pytest.fixture
def stub() -> Iterator[QuotaStub]:
    """The service: defaults for all, and in us-east-1 two values of the account's own."""
    with running_stub() as stub:
        stub.defaults = DEFAULTS
        stub.applied = {
            "us-east-1": [
                quota("L-1", f"{REQUESTS}Nova Canvas", 20.0),
                quota("L-3", f"{REQUESTS}Titan Image Generator G1 V2", 0.0),
                quota("L-5", "Batch inference job size (in GB) for Nova Pro V1", 5.0),
            ],
            "eu-west-1": [],
        }
        yield stub


@pytest.fixture
def aws(stub: QuotaStub, monkeypatch: pytest.MonkeyPatch) -> QuotaStub:
    """The service, with this process's AWS SDK led to it."""
    for name, value in clean_environment(**stub.environment()).items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    return stub


@pytest.fixture
def darkroom(stub: QuotaStub, redis_url: str, tmp_path: Path) -> CommandLine:
    """The command line with a ledger and the service."""
    own = clean_environment(DARKROOM_HOME=str(tmp_path / "home"), DARKROOM_REDIS_URL=redis_url, **stub.environment())
    return CommandLine(own, tmp_path)


def test_every_page_of_both_lists_is_read_and_the_accounts_own_values_replace_defaults(aws: QuotaStub) -> None:
    found = {row.code: row for row in listed_quotas("us-east-1")}
    assert sorted(found) == [f"L-{number}" for number in range(1, 8)]
    assert found["L-1"] == ListedQuota("us-east-1", "L-1", f"{REQUESTS}Nova Canvas", 20.0, is_default=False)
    assert (found["L-2"].value, found["L-2"].is_default) == (60.0, True)
    tokens = [(asked.operation, asked.body.get("NextToken")) for asked in aws.asked]
    first, second = "ListServiceQuotas", "ListAWSDefaultServiceQuotas"
    assert tokens == [(first, None), (first, "at-2"), *((second, token) for token in (None, "at-2", "at-4", "at-6"))]
    assert {(asked.region, asked.body["ServiceCode"]) for asked in aws.asked} == {("us-east-1", "bedrock")}


def test_a_quota_whose_own_value_aws_cannot_tell_now_does_not_become_the_default(aws: QuotaStub) -> None:
    aws.applied = {"us-east-1": [quota("L-1", f"{REQUESTS}Nova Canvas", None)]}
    found = [(row.value, row.is_default) for row in listed_quotas("us-east-1") if row.code == "L-1"]
    assert found == [(None, False)]


def test_a_service_that_is_too_busy_is_asked_again(aws: QuotaStub) -> None:
    aws.refusals = {"ListServiceQuotas": ["TooManyRequestsException"], "ListAWSDefaultServiceQuotas": ["ServiceException"]}
    assert len(listed_quotas("us-east-1")) == len(DEFAULTS)
    assert [asked.operation for asked in aws.asked].count("ListServiceQuotas") == 3


def test_a_service_that_stays_too_busy_is_unavailable_after_four_requests(aws: QuotaStub) -> None:
    aws.for_ever = {"ListServiceQuotas": "TooManyRequestsException"}
    with pytest.raises(Unavailable, match="TooManyRequestsException"):
        listed_quotas("us-east-1")
    assert len(aws.asked) == 4


@pytest.mark.parametrize("operation", ["ListServiceQuotas", "ListAWSDefaultServiceQuotas"])
def test_a_missing_permission_is_named(aws: QuotaStub, operation: str) -> None:
    aws.for_ever = {operation: "AccessDeniedException"}
    with pytest.raises(Misconfigured, match=f"servicequotas:{operation} in us-east-1"):
        listed_quotas("us-east-1")


def test_credentials_that_aws_does_not_know_are_a_wrong_setting(aws: QuotaStub) -> None:
    aws.for_ever = {"ListServiceQuotas": "UnrecognizedClientException"}
    with pytest.raises(Misconfigured, match="does not accept the credentials"):
        listed_quotas("us-east-1")


def test_a_region_without_bedrock_is_a_wrong_setting(aws: QuotaStub) -> None:
    with pytest.raises(Misconfigured, match="no quotas of Bedrock in sa-east-1"):
        listed_quotas("sa-east-1")


def test_a_service_that_is_away_is_unavailable(aws: QuotaStub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SERVICE_QUOTAS", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Unavailable, match="us-east-1 cannot be reached"):
        listed_quotas("us-east-1")
    with pytest.raises(Misconfigured, match="Is that an AWS Region"):
        listed_quotas("us-nowhere-1")


def synced(done: Done) -> dict[str, tuple[float, str]]:
    """Values and where they come from, by pool and measure."""
    return {f"{row['route']} {row['measure']}": (row["value"], row["from"]) for row in done.json["quotas"]}


def unnamed(done: Done) -> list[str]:
    """Pools of Amazon's image models about which AWS says nothing."""
    return [pool for pool in done.json["unnamed"] if pool.partition("/")[2] in (NOVA, TITAN_V1, TITAN_V2)]


def test_a_dry_run_shows_everything_and_writes_nothing(darkroom: CommandLine, redis_url: str) -> None:
    done = darkroom("quotas", "sync", "--dry-run", "--json", "--region", "us-east-1")
    assert done.code == 0, done.err
    assert synced(done) == {
        f"us-east-1/{NOVA} requests_per_minute": (20, "applied"),
        f"us-east-1/us.{NOVA} requests_per_minute": (200, "default"),
        f"us-east-1/{TITAN_V1} requests_per_minute": (60, "default"),
        f"us-east-1/{TITAN_V1} tokens_per_minute": (2000, "default"),
        f"us-east-1/{TITAN_V2} requests_per_minute": (0, "applied"),
    }
    assert (done.json["dry_run"], done.json["changed"], done.json["ignored"], unnamed(done)) == (True, None, 2, [])
    assert "no access" in done.json["warnings"][0]
    with probe(redis_url) as redis:
        assert redis.dbsize() == 0


def test_the_table_tells_kind_value_and_origin_and_ignored_names_when_asked(darkroom: CommandLine) -> None:
    plain = darkroom("quotas", "sync", "--dry-run", "--region", "us-east-1")
    assert plain.code == 0, plain.err
    lines = [line.split() for line in plain.out.splitlines()]
    assert [NOVA, "us-east-1", "on-demand", "20", "requests", "a", "minute", "applied"] in lines
    assert [f"us.{NOVA}", "us-east-1", "cross-region", "200", "requests", "a", "minute", "default"] in lines
    assert "Warning: us-east-1/amazon.titan-image-generator-v2:0" in plain.err
    assert "Nothing was written." in plain.err
    assert "Claude" not in plain.out
    assert "Anthropic Claude Instant" in darkroom("quotas", "sync", "--dry-run", "--region", "us-east-1", "--verbose").out


def test_every_region_that_is_named_is_read_once(darkroom: CommandLine, stub: QuotaStub) -> None:
    done = darkroom("quotas", "sync", "--dry-run", "--json", "--region", "eu-west-1,us-east-1", "--region", "us-east-1")
    assert done.code == 0, done.err
    assert synced(done)[f"eu-west-1/{NOVA} requests_per_minute"] == (100, "default")
    assert list(dict.fromkeys(asked.region for asked in stub.asked)) == ["eu-west-1", "us-east-1"]
    assert len([asked for asked in stub.asked if "NextToken" not in asked.body]) == 4


def test_the_region_comes_from_the_settings(darkroom: CommandLine, stub: QuotaStub) -> None:
    assert darkroom("quotas", "sync", "--dry-run", DARKROOM_REGION="eu-west-1", DARKROOM_REGIONS="us-east-1").code == 0
    assert list(dict.fromkeys(asked.region for asked in stub.asked)) == ["eu-west-1", "us-east-1"]
    wrong = darkroom("quotas", "sync", "--dry-run", DARKROOM_REGIONS="nowhere")
    assert wrong.code == 3
    assert "DARKROOM_REGIONS" in wrong.err


def test_models_without_a_quota_are_named(darkroom: CommandLine, stub: QuotaStub) -> None:
    stub.defaults = ()
    done = darkroom("quotas", "sync", "--dry-run", "--json", "--region", "us-east-1")
    assert (done.code, unnamed(done)) == (0, [f"us-east-1/{TITAN_V1}"])
    assert f"us-east-1/{INPAINT}" in done.json["unnamed"]
    done = darkroom("quotas", "sync", "--dry-run", "--region", "eu-west-1")
    assert (done.code, done.out) == (0, "")
    assert f"eu-west-1/{NOVA}" in done.err


def test_provisioned_throughput_is_named_as_what_aws_lists_no_quota_for(darkroom: CommandLine) -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/boat00000001"
    told = {"DARKROOM_CUSTOM_MODELS": json.dumps({arn: NOVA}), "DARKROOM_QUOTAS": json.dumps({arn: 12})}
    done = darkroom("quotas", "sync", "--dry-run", "--json", "--region", "us-east-1", **told)
    assert (done.code, done.json["provisioned"]) == (0, [f"us-east-1/{arn}"])
    plain = darkroom("quotas", "sync", "--dry-run", "--region", "us-east-1", "--region", "eu-west-1", **told)
    assert f"or it is learned. That is us-east-1/{arn}." in plain.err
    listed = darkroom("quotas", "--json", "--region", "us-east-1", **told).json["quotas"]
    assert [(one["requests_per_minute"], one["from"]) for one in listed if one["model"] == arn] == [(12, "settings")]


def test_one_region_that_refuses_leaves_the_ledger_as_it_was(darkroom: CommandLine, redis_url: str) -> None:
    done = darkroom("quotas", "sync", "--json", "--region", "us-east-1", "--region", "sa-east-1")
    assert (done.code, done.json["error"]["code"]) == (3, "misconfigured")
    assert "sa-east-1" in done.err
    assert "Traceback" not in done.err
    with probe(redis_url) as redis:
        assert redis.dbsize() == 0


def test_without_credentials_the_command_says_what_to_set(darkroom: CommandLine) -> None:
    bare = CommandLine({name: value for name, value in darkroom.environment.items() if "KEY" not in name}, darkroom.folder)
    done = bare("quotas", "sync", "--dry-run", "--region", "us-east-1")
    assert (done.code, done.out) == (3, "")
    assert "AWS_PROFILE" in done.err
    assert "Traceback" not in done.err


def test_without_a_ledger_nothing_is_asked_unless_it_is_a_dry_run(darkroom: CommandLine, stub: QuotaStub) -> None:
    done = darkroom("quotas", "sync", "--region", "us-east-1", DARKROOM_REDIS_URL="")
    assert (done.code, stub.asked) == (3, [])
    assert "DARKROOM_REDIS_URL" in done.err
    assert darkroom("quotas", "sync", "--dry-run", "--region", "us-east-1", DARKROOM_REDIS_URL="").code == 0


@pytest.mark.parametrize("region", ["", "us_east_1", "us-east-1/x", "US-EAST-1", "us-east-1, "])
def test_what_is_no_region_is_refused_before_anything_is_asked(darkroom: CommandLine, stub: QuotaStub, region: str) -> None:
    done = darkroom("quotas", "sync", "--dry-run", "--region", region)
    assert (done.code, stub.asked) == (2, [])
    assert "us-east-1" in done.err


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

    done = run("quotas", "sync", "--dry-run")
    assert done.returncode == 3
    assert "pip install 'darkroom[worker]'" in done.stderr
    assert run("quotas").returncode == 0


def test_the_help_names_the_permissions(darkroom: CommandLine) -> None:
    told = darkroom("quotas", "sync", "--help").out
    assert "servicequotas:ListServiceQuotas" in told
    assert "servicequotas:ListAWSDefaultServiceQuotas" in told


def known(done: Done) -> dict[str, tuple[float | None, str, float | None]]:
    """What calls to Amazon's image models are paced by, who said so, and what AWS said, by pool."""
    assert done.code == 0, done.err
    rows = [row for row in done.json["quotas"] if "titan-image" in row["route"] or "canvas" in row["route"]]
    return {row["route"]: (row["requests_per_minute"], row["from"], row["aws_requests_per_minute"]) for row in rows}


def test_a_sync_reaches_the_ledger_once_and_a_setting_stays_above_it(darkroom: CommandLine) -> None:
    region = ("--region", "us-east-1")
    assert known(darkroom("quotas", "--json", *region))[f"us-east-1/{NOVA}"] == (100, "catalogue", None)
    done = darkroom("quotas", "sync", *region)
    assert done.code == 0, done.err
    assert "4 pools have changed in the ledger." in done.err
    assert darkroom("quotas", "sync", "--json", *region).json["changed"] == 0
    assert known(darkroom("quotas", "--json", *region)) == {
        f"us-east-1/{TITAN_V1}": (60, "aws", 60),
        f"us-east-1/{TITAN_V2}": (0, "aws", 0),
        f"us-east-1/{NOVA}": (20, "aws", 20),
        f"us-east-1/us.{NOVA}": (200, "aws", 200),
    }
    own = known(darkroom("quotas", "--json", *region, DARKROOM_QUOTAS=f'{{"{NOVA}": 7}}'))
    assert own[f"us-east-1/{NOVA}"] == (7, "settings", 20)
    assert "20, 20" in darkroom("quotas", *region).out  # the number, and the year in which AWS said it


def test_a_second_sync_takes_back_what_aws_no_longer_names_and_keeps_what_it_could_not_say(
    darkroom: CommandLine, stub: QuotaStub
) -> None:
    region = ("--region", "us-east-1")
    assert darkroom("quotas", "sync", *region).code == 0
    stub.applied = {"us-east-1": [quota("L-1", f"{REQUESTS}Nova Canvas", None)]}
    stub.defaults = [DEFAULTS[0], quota("L-2", f"{REQUESTS}Titan Image Generator G1", 50.0)]
    done = darkroom("quotas", "sync", "--json", *region)
    assert (done.code, done.json["changed"]) == (0, 3), done.err
    assert "gives no value" in done.json["warnings"][0]
    assert known(darkroom("quotas", "--json", *region)) == {
        f"us-east-1/{TITAN_V1}": (50, "aws", 50),
        f"us-east-1/{TITAN_V2}": (60, "catalogue", None),
        f"us-east-1/{NOVA}": (20, "aws", 20),
        f"us-east-1/us.{NOVA}": (None, "unknown", None),
    }


def test_alone_the_command_lists_what_calls_are_paced_by_and_asks_no_one(darkroom: CommandLine, stub: QuotaStub) -> None:
    assert known(darkroom("quotas", "--json", DARKROOM_REGION="us-east-1", DARKROOM_REDIS_URL=""))[f"us-east-1/{TITAN_V2}"] == (
        60,
        "catalogue",
        None,
    )
    assert "not paced" in darkroom("quotas", DARKROOM_QUOTAS="off").out
    assert darkroom("quotas", "--region", "us-east-1", "sync").code == 2
    assert stub.asked == []
