"""200 jobs at 1 s latency through one worker process, beside plain aioboto3 calls against the same endpoint in the same run.

python -m pytest tests/bench -q -s -o python_files='bench_*.py'
"""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import aioboto3
import orjson
import pybase64
import pytest
from aiobotocore.config import AioConfig

from darkroom_shared.store import ops
from tests.integration.local_bedrock.endpoints import NOVA, Running, running_endpoint, text_image
from tests.support.stack import Stack, new_job_id
from tests.support.valkey import Server

JOBS = 200
SLOTS = 100
LATENCY_S = 1.0
IDEAL_S = JOBS / SLOTS * LATENCY_S
BUDGET_S = 10.0


async def _plain_calls(endpoint: Running) -> float:
    """The floor: nothing but the calls, their pictures decoded and thrown away."""
    config = AioConfig(max_pool_connections=SLOTS, retries={"total_max_attempts": 1})
    session = aioboto3.Session("local", "local", region_name="us-east-1")
    left = iter(range(JOBS))
    async with session.client("bedrock-runtime", endpoint_url=endpoint.url, config=config) as client:

        async def caller() -> None:
            for seed in left:
                answer = await client.invoke_model(modelId=NOVA, body=json.dumps(text_image(seed=seed)))
                pybase64.b64decode(orjson.loads(await answer["body"].read())["images"][0], validate=True)

        begin = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(SLOTS)))
        return time.perf_counter() - begin


def _through_the_queue(stack: Stack) -> tuple[float, float]:
    """Seconds until all were submitted, and until all were done."""
    jobs = [ops.NewJob(new_job_id(), stack.record(text_image(seed=n)).as_fields()) for n in range(JOBS)]
    begin = time.perf_counter()
    stack.accept(jobs)
    submitted = time.perf_counter() - begin
    states = {stack.wait(job.job_id, 120).state.value for job in jobs}
    assert states == {"succeeded"}
    return submitted, time.perf_counter() - begin


@pytest.mark.parametrize("round_", [1, 2])
def test_two_hundred_jobs_of_one_second_each(valkey_server: Server, tmp_path: Path, round_: int) -> None:
    with running_endpoint("--engine", "canned", "--quota", "off", "--latency", str(LATENCY_S)) as endpoint:
        plain_s = asyncio.run(_plain_calls(endpoint))
        stack = Stack(valkey_server.url, endpoint, tmp_path / "home", f"bench{round_}:")
        usual = {"DARKROOM_READ_TIMEOUT": "PT300S", "DARKROOM_LEASE": "PT90S", "DARKROOM_HEARTBEAT": "PT15S"}
        with stack.worker(DARKROOM_CONNECT_TIMEOUT="PT5S", DARKROOM_RECONCILE="PT10S", DARKROOM_REPUBLISH="PT30S", **usual):
            stack.wait(stack.submit(text_image(seed=9999)))  # the worker's first call also opens its client
            endpoint.request("DELETE", "/_darkroom/log")
            submitted_s, whole_s = _through_the_queue(stack)
        stats = endpoint.stats()
        stack.close()
    print(
        f"\n{JOBS} jobs, {LATENCY_S:g} s each, {SLOTS} slots: {whole_s:.2f} s (submit {submitted_s:.2f} s),"
        f" {whole_s / IDEAL_S:.2f} x the ideal {IDEAL_S:g} s, {whole_s / plain_s:.2f} x plain aioboto3 ({plain_s:.2f} s);"
        f" in flight {stats['max_in_flight']}"
    )
    assert stats["received"] == JOBS
    assert whole_s < BUDGET_S
