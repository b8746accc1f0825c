"""A worker fleet for tests: real Valkey, real local Bedrock endpoint, real Celery worker processes, and the least of a producer.

    with running_endpoint("--engine", "canned", "--quota", "off") as endpoint:
        stack = Stack(server.url, endpoint, folder, prefix="t1:")
        with stack.worker(DARKROOM_LEASE="PT3S"):
            job = stack.submit(text_image(seed=7))
            assert stack.wait(job).state == "succeeded"

Several stacks share one server and one endpoint: each has its own key prefix. Waiting is done on the jobs' event streams.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from darkroom_shared.broker import Publisher, create_app
from darkroom_shared.contract.job_record import JobRecord
from darkroom_shared.contract.messages import step_task_name, task_name
from darkroom_shared.contract.views import JobView, call_view, job_view
from darkroom_shared.core.ids import call_id, make_id
from darkroom_shared.core.quota import LOCAL_LANE, PoolQuota, pool_name
from darkroom_shared.settings import Settings
from darkroom_shared.store import ops, presence, reads
from darkroom_shared.store.reads import StreamEvent
from darkroom_shared.store.redis import Ledger
from tests.integration.local_bedrock.endpoints import NOVA, Running

__all__ = ["PRICE", "QUICK", "Stack", "WorkerProcess", "new_job_id", "unpaced"]

PRICE = 40_000
QUICK = {
    "DARKROOM_QUOTAS": "off",
    "DARKROOM_READ_TIMEOUT": "PT2S",
    "DARKROOM_CONNECT_TIMEOUT": "PT1S",
    "DARKROOM_LEASE": "PT3S",
    "DARKROOM_HEARTBEAT": "PT1S",
    "DARKROOM_RECONCILE": "PT1S",
    "DARKROOM_REPUBLISH": "PT2S",
    "DARKROOM_STEP_PROCESSES": "1",
}
"""Settings of a worker whose recoveries a test can wait for."""


def unpaced(*jobs: ops.NewJob) -> list[PoolQuota]:
    """The pools of jobs, as the workers' settings have them."""
    return [
        PoolQuota(job.fields["lane"], pool, off=True) for job in jobs for pool in job.fields.get("routes", "").split(",") if pool
    ]


def new_job_id() -> str:
    """A job id as the producer makes it."""
    return make_id("job", int(time.time() * 1000), os.urandom(10))


@dataclass
class WorkerProcess:
    """A worker that runs as a process of its own."""

    process: subprocess.Popen[bytes]
    log: Path

    def said(self) -> str:
        """Everything it logged so far."""
        return self.log.read_text()

    def kill(self) -> None:
        """Ends it as the out-of-memory killer would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self, within_s: float = 30) -> int:
        """Asks it to stop as a supervisor would; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(within_s)


@dataclass
class Stack:
    """One ledger, its workers, and the endpoint that they call.

    Attributes:
        redis_url: server of ledger and broker.
        endpoint: the local Bedrock endpoint.
        folder: home of the assets and the workers' logs.
        prefix: of every key, so that stacks can share the server.
    """

    redis_url: str
    endpoint: Running
    folder: Path
    prefix: str
    ledger: Ledger = field(init=False)
    settings: Settings = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.settings = Settings(redis_url=self.redis_url, key_prefix=self.prefix, home=self.folder, quotas="off")
        self.ledger = Ledger(self.redis_url, self.prefix)
        self.publisher = Publisher(create_app(self.settings))

    def close(self) -> None:
        """Gives the connections back."""
        self.publisher.close()
        self.ledger.close()

    @contextmanager
    def worker(self, *options: str, **environment: str) -> Generator[WorkerProcess]:
        """Runs a worker with QUICK settings until the end of the block, and waits until it is registered."""
        worker = self.start_worker(*options, **environment)
        process = worker.process
        try:
            self.until(lambda: process.poll() is not None or self.is_registered(process.pid), "the worker to register")
            assert process.poll() is None, worker.said()
            yield worker
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise

    def is_registered(self, pid: int) -> bool:
        """True once the worker process has told the ledger of itself."""
        return str(pid) in {row["pid"] for row in self.ledger.run(presence.fleet())}

    def start_worker(self, *options: str, **environment: str) -> WorkerProcess:
        """Starts a worker with QUICK settings, in a process group of its own, and leaves its life to the caller."""
        log = self.folder / f"worker-{time.monotonic_ns()}.log"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DARKROOM_", "AWS_"))}
        told = {"DARKROOM_REDIS_URL": self.redis_url, "DARKROOM_KEY_PREFIX": self.prefix, "DARKROOM_HOME": str(self.folder)}
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "darkroom_worker", "worker", *options],
                env=kept | self.endpoint.sdk_environment() | told | QUICK | environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                process_group=0,
            )
        return WorkerProcess(process, log)

    def until(self, happened: Callable[[], object], what: str, within_s: float = 30) -> None:
        """Waits for what has no event stream (a process, another program's log), looking every few milliseconds."""
        deadline = time.monotonic() + within_s
        while not happened():
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {within_s} s for {what}")
            time.sleep(0.01)

    def faults(self, *specs: str) -> None:
        """Replaces the endpoint's faults, in the grammar of its `--fault`."""
        answer = self.endpoint.request("PUT", "/_darkroom/faults", json.dumps(specs).encode())
        assert answer.status == 200, answer.body

    def calls_of(self, *seeds: int) -> list[dict[str, Any]]:
        """What the endpoint logged of requests with these seeds, in the order they ended."""
        return [entry for entry in self.endpoint.log() if entry["seed"] in seeds]

    def record(self, body: Mapping[str, Any], **fields: Any) -> JobRecord:
        """The record that a producer would make of Bedrock's own body."""
        images = int(body.get("imageGenerationConfig", {}).get("numberOfImages", 1))
        known: dict[str, Any] = {
            "kind": "bedrock",
            "task_type": body["taskType"],
            "task_name": task_name(str(body["taskType"])),
            "request": dict(body),
            "model": NOVA,
            "region": "us-east-1",
            "routes": pool_name(fields.get("region", "us-east-1"), fields.get("model", NOVA)),
            "lane": fields.get("model", NOVA),
            "tenant": "t",
            "images_wanted": images,
            "price_microusd": PRICE * images,
            "retention_ms": 3_600_000,
            "seed": body.get("imageGenerationConfig", {}).get("seed"),
        }
        return JobRecord.model_validate(known | fields)

    def local_record(self, spec: Mapping[str, Any], images: Sequence[str], **fields: Any) -> JobRecord:
        """The record of a free local step on stored pictures or other steps' outputs."""
        request = {"step": dict(spec), "images": list(images)}
        names = {"task_type": f"local.{spec['kind']}", "task_name": step_task_name(str(spec["kind"])), "kind": "local"}
        blank = {"model": "", "region": "", "routes": "", "lane": LOCAL_LANE, "price_microusd": None, "seed": None}
        return self.record({"taskType": "TEXT_IMAGE"}, **(blank | names | {"request": request} | fields))

    def submit(self, body: Mapping[str, Any], **fields: Any) -> str:
        """Accepts one job and lets it go; its id."""
        job = ops.NewJob(new_job_id(), self.record(body, **fields).as_fields())
        self.accept([job])
        return job.job_id

    def accept(self, jobs: Sequence[ops.NewJob]) -> None:
        """Accepts jobs, then lets go and publishes what may go, as a producer does."""
        for job in jobs:
            self.ledger.run(ops.accept([job], unpaced(job)))
        self.admit()

    def admit(self) -> list[ops.Hint]:
        """Lets go and publishes what may go now."""
        hints = list(self.ledger.run(ops.admit(Settings().class_floors, 2000)).hints)
        self.publisher.publish([(hint.call_id, hint.fence, hint.task_name, hint.queue) for hint in hints])
        return hints

    def events(self, job_id: str, until: Callable[[StreamEvent], bool], within_s: float = 30) -> list[StreamEvent]:
        """The job's events up to the first that fits."""
        seen: list[StreamEvent] = []
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            after = seen[-1].sequence if seen else 0
            for event in self.ledger.run(reads.events(job_id, after=after, block_ms=1000)):
                seen.append(event)
                if until(event):
                    return seen
        raise AssertionError(f"after {within_s} s {job_id} has come to {[event.type for event in seen]}")

    def until_event(self, job_id: str, kind: str, within_s: float = 30) -> StreamEvent:
        """Waits for an event by its type."""
        return self.events(job_id, lambda event: event.type == kind, within_s)[-1]

    def wait(self, job_id: str, within_s: float = 30) -> JobView:
        """Waits for the job's end."""
        self.events(job_id, lambda event: event.is_terminal, within_s)
        return self.view(job_id)

    def view(self, job_id: str) -> JobView:
        """The job as its owner sees it."""
        fields = self.ledger.run(reads.job(job_id))
        names = [call_id(job_id, n) for n in range(int(fields["calls"]))]
        return job_view(fields, [call_view(self.ledger.run(reads.call(n)), self.ledger.run(reads.attempts(n))) for n in names])

    def told(self, job_id: str) -> dict[str, Any]:
        """Waits until the job's story is written, and reads it."""
        self.until(lambda: job_id not in self.ledger.run(reads.untold()), "the story")
        [path] = (self.folder / "store").rglob(f"{job_id}/job.json")
        return dict(json.loads(path.read_text()))
