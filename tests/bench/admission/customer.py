"""How Bedrock's quotas are usually met from Celery: four tasks, each with one of the usual remedies. `baselines` runs them.

    rate_limit      Celery's own limit, which counts in each worker by itself: the quota divided by the workers
    backoff         no limit: three tries in the SDK, then Celery's exponential back-off with jitter, ten times
    adaptive        botocore's adaptive mode, which learns a rate in each client, and the same back-off behind it
    shared_counter  a GCRA in Redis for all workers; a job that is refused goes back to the queue for as long as it was told

Settings are Celery's defaults except where a line says otherwise. Run as a Celery application, configured by its environment.
"""

from __future__ import annotations

import json
import os
import random
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import boto3
import redis
from botocore.config import Config
from botocore.exceptions import ClientError
from celery import Celery, signals

from tests.integration.local_bedrock.endpoints import NOVA, text_image

if TYPE_CHECKING:
    from types_aiobotocore_bedrock_runtime.client import BedrockRuntimeClient

PREFIX = os.environ["BENCH_PREFIX"]
PER_MINUTE = float(os.environ["BENCH_PER_MINUTE"])
WORKERS = int(os.environ["BENCH_WORKERS"])
SLOTS = int(os.environ["BENCH_SLOTS"])
TRIES = 3
"""Of one call within the SDK, the default of its standard mode."""
BACKOFF: dict[str, Any] = {
    "autoretry_for": (ClientError,),
    "retry_backoff": True,
    "retry_backoff_max": 600,
    "retry_jitter": True,
    "max_retries": 10,
}
"""Celery's exponential back-off: a random time below 1 s, 2 s, 4 s and so on; after ten of them the job is given up."""
FOR_EVER: dict[str, Any] = BACKOFF | {"max_retries": None}

app = Celery("customer", broker=os.environ["BENCH_BROKER_URL"])
app.conf.update(
    task_ignore_result=True,
    task_default_queue="customer",
    worker_prefetch_multiplier=1,  # the usual advice for long tasks; else one worker holds most of the burst, and half of the rate
    broker_transport_options={"global_keyprefix": PREFIX},
    broker_connection_retry_on_startup=True,
)
ledger: redis.Redis = redis.Redis.from_url(os.environ["BENCH_REDIS_URL"])


@signals.task_prerun.connect
def _delivered(**_: Any) -> None:
    ledger.incr(PREFIX + "deliveries")


@signals.task_success.connect
def _done(sender: Any = None, **_: Any) -> None:
    ledger.hset(PREFIX + "ended", str(sender.request.args[0]), "done")


@signals.task_failure.connect
def _lost(args: Any = None, exception: object = None, **_: Any) -> None:
    ledger.hset(PREFIX + "ended", str(args[0]), f"lost: {exception!r}")


@signals.worker_ready.connect
def _ready(**_: Any) -> None:
    ledger.sadd(PREFIX + "ready", os.getpid())


@cache
def client(mode: str, tries: int) -> BedrockRuntimeClient:
    """One for the whole process, as AWS advises; made before there are threads that could make two. It connects when called."""
    retries = {"mode": mode, "total_max_attempts": tries}
    sdk: Any = boto3
    config = Config(retries=retries, max_pool_connections=SLOTS, read_timeout=300)  # type: ignore[arg-type]
    return cast("BedrockRuntimeClient", sdk.client("bedrock-runtime", config=config))


for _mode in ("standard", "adaptive"):
    client(_mode, TRIES)


def paint(mode: str, seed: int) -> None:
    """One picture; ClientError if the service still refuses after the SDK's tries."""
    body: Any = client(mode, TRIES).invoke_model(modelId=NOVA, body=json.dumps(text_image(seed=seed)))
    body["body"].read()


def rate_limit(seed: int) -> None:
    """Held in memory until the worker's own token bucket lets it go. At two a second its timer misses some turns (measured)."""
    paint("standard", seed)


def backoff(seed: int) -> None:
    """Called at once; refused until there is room."""
    paint("standard", seed)


def adaptive(seed: int) -> None:
    """Waits in its slot for the client's own rate."""
    paint("adaptive", seed)


GCRA = """
local now = redis.call('TIME')
local at = now[1] * 1000000 + now[2]
local due = tonumber(redis.call('GET', KEYS[1])) or 0
if due > at then return due - at end
redis.call('SET', KEYS[1], string.format('%.0f', math.max(due, at) + ARGV[1]))
return 0
"""
_take = ledger.register_script(GCRA)


def shared_counter(self: Any, seed: int) -> None:
    """Asks the counter; comes back when it says that there is room, up to a quarter later so that not all come at once."""
    wait_us = cast("int", _take(keys=[PREFIX + "due"], args=[round(60_000_000 / PER_MINUTE)]))
    if wait_us:
        raise self.retry(countdown=wait_us / 1_000_000 * random.uniform(1, 1.25))
    paint("standard", seed)


_register: Any = app.task  # its types do not know options that are passed on
_register(name="rate_limit", rate_limit=f"{PER_MINUTE / WORKERS:g}/m", **BACKOFF)(rate_limit)
_register(name="backoff", **BACKOFF)(backoff)
_register(name="adaptive", **BACKOFF)(adaptive)
_register(name="shared_counter", bind=True, **FOR_EVER)(shared_counter)
