"""Settings: defaults, ranges, times that nest, and the forms of addresses."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from darkroom_shared.broker import create_app
from darkroom_shared.settings import QUEUE, Quota, Settings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the person who runs the tests."""
    import os

    for name in list(os.environ):
        if name.startswith(("DARKROOM_", "AWS_")):
            monkeypatch.delenv(name)


def test_the_default_times_nest() -> None:
    settings = Settings()
    gate_lease = settings.read_timeout + settings.lease / 3
    assert settings.connect_timeout < settings.read_timeout < gate_lease
    assert settings.heartbeat * 3 <= settings.lease


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"heartbeat": 50, "lease": 90}, "heartbeat"),
        ({"connect_timeout": 300, "read_timeout": 300}, "connect_timeout"),
        ({"share": 0}, "share"),
        ({"floors": {"bulk": 0.6, "standard": 0.4}}, "floors"),
        ({"floors": {"urgent": 0.1}}, "no class 'urgent'"),
        ({"quotas": {"m:0": 0}}, "quotas"),
        ({"quotas": {"m:0": True}}, "quotas"),
        ({"quotas": {"m:0": {"rpm": 1, "tpm": 2}}}, "quotas"),
        ({"slots": 0}, "slots"),
        ({"reconcile": 0}, "reconcile"),
        ({"lease": 0, "heartbeat": 0}, "lease"),
        ({"retention": -1}, "retention"),
        ({"idempotency_life": 0}, "idempotency_life"),
        ({"spend_per_day": "inf"}, "spend_per_day"),
        ({"spend_per_day": 0}, "spend_per_day"),
        ({"slots": 1001}, "slots"),
        ({"call_budget": 0}, "call_budget"),
        ({"after_unknown": 4}, "after_unknown"),
    ],
)
def test_a_setting_that_cannot_work_stops_the_start(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Settings.model_validate(wrong)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_LEASE", "PT45S")
    monkeypatch.setenv("DARKROOM_QUOTAS", '{"m:0": 12.5, "us-east-1/m:0": null, "n:0": {"rpm": 3, "concurrency": 2}}')
    monkeypatch.setenv("DARKROOM_REGIONS", "eu-west-1, eu-north-1")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    settings = Settings()
    assert (settings.lease, settings.region) == (timedelta(seconds=45), "eu-west-1")
    assert settings.regions == ("eu-west-1", "eu-north-1")
    assert settings.quota("us-west-2/m:0", "m:0") == Quota(rpm=12.5)
    assert settings.quota("us-east-1/m:0", "m:0") == Quota(unknown=True)
    assert settings.quota("us-east-1/n:0", "n:0") == Quota(rpm=3, concurrency=2)
    assert settings.quota("us-east-1/other", "other") == Quota()
    monkeypatch.setenv("DARKROOM_REGION", "us-west-2")
    monkeypatch.setenv("DARKROOM_QUOTAS", "off")
    assert (Settings().region, Settings().quotas) == ("us-west-2", "off")


@pytest.mark.parametrize(("told", "seconds"), [("90", 90), ("45.5", 45.5), ("PT90S", 90), ("P1D", 86400)])
def test_a_duration_is_iso_8601_or_plain_seconds(monkeypatch: pytest.MonkeyPatch, told: str, seconds: float) -> None:
    monkeypatch.setenv("DARKROOM_LEASE", told)
    assert Settings().lease == Settings.model_validate({"lease": seconds}).lease == timedelta(seconds=seconds)


@pytest.mark.parametrize("told", ["soon", "nan", "90 s", ""])
def test_what_is_no_duration_is_refused(monkeypatch: pytest.MonkeyPatch, told: str) -> None:
    monkeypatch.setenv("DARKROOM_LEASE", told)
    with pytest.raises(ValidationError, match=r"LEASE|lease"):
        Settings()


@pytest.mark.parametrize(
    ("redis", "broker", "celery"),
    [
        ("redis://h:6379/2", "", "redis://h:6379/2"),
        ("rediss://u:p@h/0", "", "rediss://u:p@h/0"),
        ("redis://h/0", "redis://other/1", "redis://other/1"),
        ("unix:///tmp/v.sock?db=3", "", "redis+socket:///tmp/v.sock?virtual_host=3"),
        ("unix:///tmp/a b.sock", "", "redis+socket:///tmp/a%20b.sock?virtual_host=0"),
        ("", "", ""),
    ],
)
def test_the_broker_has_the_ledgers_server_in_the_form_of_celery(redis: str, broker: str, celery: str) -> None:
    assert Settings(redis_url=redis, broker_url=broker).celery_broker_url == celery


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("", False),
        ("https://bedrock-runtime.us-east-1.amazonaws.com", False),
        ("https://vpce-1.bedrock-runtime.us-east-1.vpce.amazonaws.com", False),
        ("http://127.0.0.1:8081", True),
    ],
)
def test_an_endpoint_that_is_not_aws_is_local(url: str, local: bool) -> None:
    assert Settings(bedrock_url=url).is_local_bedrock == local


def test_pictures_go_to_the_home_folder_unless_told_otherwise() -> None:
    assert Settings(home=Path("/data/dr")).store_url == "file:///data/dr/store"
    assert Settings(assets_url="s3://b/p").store_url == "s3://b/p"


def test_celery_decides_nothing() -> None:
    conf = create_app(Settings(redis_url="redis://h/0", key_prefix="p:", slots=7)).conf
    off = ("task_reject_on_worker_lost", "task_retry_on_worker_lost", "worker_cancel_long_running_tasks_on_connection_loss")
    assert [conf[name] for name in off] == [False, False, False]
    assert (conf["task_acks_late"], conf["task_ignore_result"], conf["result_backend"]) == (False, True, None)
    assert (conf["worker_prefetch_multiplier"], conf["worker_disable_prefetch"], conf["worker_concurrency"]) == (1, True, 7)
    assert (conf["accept_content"], conf["task_serializer"], conf["task_default_queue"]) == (["json"], "json", QUEUE)
    assert [queue.no_ack for queue in conf["task_queues"]] == [True]
    assert (conf["worker_send_task_events"], conf["broker_transport_options"]["global_keyprefix"]) == (False, "p:celery:")


def test_a_dedicated_worker_reads_its_own_queue_only_however_it_is_started() -> None:
    app = create_app(Settings(redis_url="redis://h/0", lanes=("m:0", "local")))
    assert (list(app.amqp.queues), app.conf["task_default_queue"]) == (["darkroom.local+m:0"], "darkroom.local+m:0")
