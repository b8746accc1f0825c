"""The commands of operators, as they type them: explain, lanes, tenants, pause, drain, resume, and late submits."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from darkroom import Darkroom, Settings, TextImage
from tests.acceptance.running import DARKROOM, CommandLine, clean_environment
from tests.integration.client.hand_worker import HandWorker
from tests.support.valkey import redis_url, valkey_server

__all__ = ["redis_url", "valkey_server"]

MODEL = "amazon.nova-canvas-v1:0"
QUOTAS = {MODEL: 2}
"""One call in half a minute: after the first, the others wait longer than a test takes."""


@pytest.fixture
def settings(redis_url: str, tmp_path: Path) -> Settings:
    """A ledger of the test's own; nothing is ever called."""
    return Settings.model_validate(
        {"redis_url": redis_url, "home": tmp_path / "home", "bedrock_url": "http://127.0.0.1:9", "quotas": QUOTAS}
    )


@pytest.fixture
def darkroom(settings: Settings, tmp_path: Path) -> CommandLine:
    """The command line against that ledger."""
    told = {"DARKROOM_HOME": str(settings.home), "DARKROOM_REDIS_URL": settings.redis_url, "DARKROOM_QUOTAS": json.dumps(QUOTAS)}
    return CommandLine(clean_environment(**told, DARKROOM_BEDROCK_URL=settings.bedrock_url), tmp_path)


@pytest.fixture
def jobs(settings: Settings) -> Iterator[list[str]]:
    """Three jobs, of which a worker with two slots has the first."""
    worker = HandWorker(settings, slots=2)
    with Darkroom(settings=settings) as room:
        yield [room.submit(TextImage("a red sailboat"), tenant=name).id for name in ("blue", "green", "red")]
    worker.close()


def test_explain_says_what_holds_a_job_and_what_frees_it(darkroom: CommandLine, jobs: list[str]) -> None:
    done = darkroom("explain", jobs[2])
    assert done.code == 0
    assert f"queue    {MODEL}, standard, tenant red" in done.out
    assert "about 1 call goes first" in done.out
    assert "us-east-1/amazon.nova-canvas-v1:0 lets one call go every 30 s (1.98 a minute, the quota is 2)." in done.out
    assert "-> They go, one after the other. A higher weight gives red more turns." in done.out
    told = darkroom("explain", jobs[2], "--json").json
    assert (told["id"], told["position"], [hold["kind"] for hold in told["holds"]]) == (jobs[2], 1, ["rate", "share"])
    assert 30 < told["start_p50_s"] < told["start_p90_s"]


def test_the_status_of_a_waiting_job_gives_the_same_reasons(darkroom: CommandLine, jobs: list[str]) -> None:
    done = darkroom("status", jobs[1])
    assert "waits for us-east-1/amazon.nova-canvas-v1:0 lets one call go every 30 s" in done.out
    assert f"darkroom explain {jobs[1]}" in done.err


def test_lanes_show_pools_and_queues(darkroom: CommandLine, jobs: list[str]) -> None:
    done = darkroom("lanes")
    assert done.out.splitlines()[0].startswith(f"{MODEL}: active, 2 waiting, oldest ")
    assert "1/2 slots free" in done.out
    lines = [line.split() for line in done.out.splitlines()]
    [pool] = [words for words in lines if words[:1] == ["us-east-1"]]
    assert pool[1:8] == ["1.98", "2", "settings", "1", "0", "1", "closed"]
    assert ["green", "standard", "1", "0", "1"] in lines
    [lane] = darkroom("lanes", MODEL, "--json").json["lanes"]
    assert (lane["lane"], lane["waiting"], lane["pools"][0]["rate"]) == (MODEL, 2, pytest.approx(1.98))
    assert [queue["tenant"] for queue in lane["tenants"]] == ["green", "red"]
    assert len(jobs) == 3


def test_lanes_can_be_watched_until_interrupted(darkroom: CommandLine, jobs: list[str]) -> None:
    command = [str(DARKROOM), "lanes", "--watch", "--json"]
    with subprocess.Popen(command, env=dict(darkroom.environment), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        looks = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
    assert [look["lanes"][0]["waiting"] for look in looks] == [2, 2]
    assert jobs


def test_without_lanes_and_tenants_a_sentence_says_so(darkroom: CommandLine) -> None:
    assert "There are no lanes yet" in darkroom("lanes").err
    assert "Nothing is set for any tenant" in darkroom("tenants").err
    assert darkroom("tenants", "--json").json == {"tenants": []}


def test_a_lane_is_paused_drained_and_resumed_by_its_name_or_model(darkroom: CommandLine, jobs: list[str]) -> None:
    paused = darkroom("pause", "--lane", MODEL)
    assert (paused.code, paused.out) == (0, "paused\n")
    assert f"`darkroom resume --lane {MODEL}` ends it." in paused.err
    assert darkroom("explain", jobs[1], "--json").json["holds"][0]["kind"] == "pause"
    assert darkroom("drain", "--model", "amazon.nova-canvas-v1", "--json").json == {
        "lane": MODEL,
        "tenant": None,
        "mode": "draining",
    }
    refused = darkroom("submit", "text-image", "x")
    assert (refused.code, refused.out) == (3, "")
    assert "is draining" in refused.err
    assert "`darkroom resume` ends it" in refused.err
    assert darkroom("submit", "text-image", "x", "--json").json["error"]["code"] == "draining"
    assert darkroom("resume", "--lane", MODEL).out == "active\n"
    assert darkroom("submit", "text-image", "x").code == 0


def test_a_tenant_is_limited_and_let_free_again(darkroom: CommandLine, jobs: list[str]) -> None:
    done = darkroom("tenants", "set", "red", "--weight", "2.5", "--running", "3", "--queued", "1", "--queue-ttl", "10m")
    assert done.code == 0
    line = ["red", "2.5", *("at", "most", "3"), *("at", "most", "1"), "10", "min", "-", "active", "1"]
    assert done.out.splitlines()[1].split() == line
    assert line in [words.split() for words in darkroom("tenants").out.splitlines()]
    full = darkroom("submit", "text-image", "x", "--tenant", "red")
    assert full.code == 3
    assert "Tenant red has 1 jobs queued and may have 1." in full.err
    free = darkroom("tenants", "set", "red", "--queued", "none", "--queue-ttl", "none", "--json").json
    assert (free["weight"], free["running"], free["queued"], free["queue_ttl"]) == (2.5, 3, None, None)
    assert darkroom("pause", "--tenant", "red").out == "paused\n"
    assert "-> `darkroom resume --tenant red`." in darkroom("explain", jobs[2]).out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("lanes", "no.such"), "there is no lane 'no.such' (allowed: amazon.nova-canvas-v1:0)"),
        (("pause", "--lane", "no.such"), "there is no lane 'no.such' (allowed: amazon.nova-canvas-v1:0)"),
        (("resume",), "Give exactly one of --lane LANE, --model MODEL and --tenant TENANT."),
        (("tenants", "set", "red"), "Nothing is to be set."),
        (("tenants", "set", "red", "--weight", "0"), "/weight: 0.0 is no weight"),
        (("tenants", "set", "red", "--running", "1.5"), "--running '1.5' is no whole number"),
        (("submit", "text-image", "x", "--region", "us-east-1", "--regions", "us-west-2"), "region and regions are both given"),
    ],
)
def test_what_cannot_be_done_ends_with_2_and_a_sentence(
    darkroom: CommandLine, jobs: list[str], arguments: tuple[str, ...], said: str
) -> None:
    done = darkroom(*arguments)
    assert (done.code, done.out) == (2, "")
    assert said in done.err
    assert jobs


def test_a_submit_that_will_be_late_is_told_or_refused(darkroom: CommandLine, jobs: list[str]) -> None:
    late = ("submit", "text-image", "x", "--start-within", "5s")
    warned = darkroom(*late)
    assert warned.code == 0
    assert warned.err.startswith("Warning: Its turn comes in about")
    refused = darkroom(*late, "--if-late", "refuse")
    assert (refused.code, refused.out) == (2, "")
    assert "Nothing was recorded" in refused.err
    quiet = darkroom(*late, "--if-late", "ignore")
    assert (quiet.code, "Warning" in quiet.err) == (0, False)
    told = darkroom("explain", quiet.out.strip(), "--json").json
    assert (told["is_late"], told["holds"][-1]["kind"]) == (True, "deadline")
    assert jobs


def test_a_job_may_go_to_the_regions_that_it_names(darkroom: CommandLine, jobs: list[str]) -> None:
    job = darkroom("submit", "text-image", "x", "--regions", "us-west-2,us-east-1").out.strip()
    pools = [pool["pool"] for pool in darkroom("lanes", MODEL, "--json").json["lanes"][0]["pools"]]
    assert pools == [f"us-east-1/{MODEL}", f"us-west-2/{MODEL}"]
    assert darkroom("explain", job, "--json").json["holds"][0]["kind"] == "admitted"
    assert jobs


def test_the_doctor_tells_of_a_lane_that_is_held_up(darkroom: CommandLine, jobs: list[str]) -> None:
    def about_lanes() -> list[dict[str, str]]:
        return [check for check in darkroom("doctor", "--json").json["checks"] if check["check"] == "lanes"]

    assert [(check["level"], check["found"]) for check in about_lanes()] == [("ok", "2 calls wait in 1 lane; none is held up")]
    darkroom("pause", "--lane", MODEL)
    assert [(check["level"], check["mend"]) for check in about_lanes()] == [("warn", f"`darkroom resume --lane {MODEL}`.")]
    assert jobs
