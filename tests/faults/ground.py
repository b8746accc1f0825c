"""What tests of servers, clocks and producers share: servers that can be lost, producers as processes, and the count at the end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import redis

from darkroom.embedded import valkey
from darkroom_shared.broker import Publisher, create_app
from darkroom_shared.contract.messages import CallMessage
from darkroom_shared.settings import Settings
from darkroom_shared.store import presence, reads
from tests.faults.checker import Findings, check
from tests.faults.evidence import gather
from tests.integration.local_bedrock.endpoints import text_image
from tests.support.stack import QUICK, Stack
from tests.support.valkey import Server, free_port

__all__ = [
    "Losable",
    "losable_server",
    "messages_waiting",
    "produced",
    "prove",
    "published_again",
    "quick_settings",
    "register_nobody",
    "submit_all",
    "with_broker",
]

Seeds = Callable[[], int]

PRODUCER = """
import sys
from darkroom import Darkroom, TextImage
with Darkroom() as room:
    for seed in sys.argv[2:]:
        print(room.submit(TextImage("a boat", seed=int(seed)), idempotency_key=sys.argv[1] or None).id, flush=True)
"""


def quick_settings(stack: Stack, **changes: object) -> Settings:
    """The stack's settings for a real producer, with the short times of its workers."""
    return stack.settings.model_copy(update={"republish": timedelta(seconds=2), **changes})


def produced(stack: Stack, *seeds: int, key: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a producer as a process of its own, which submits one job for each seed and prints their ids."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DARKROOM_", "AWS_"))}
    told = {"DARKROOM_REDIS_URL": stack.redis_url, "DARKROOM_KEY_PREFIX": stack.prefix, "DARKROOM_HOME": str(stack.folder)}
    command = [sys.executable, "-W", "ignore", "-c", PRODUCER, key, *map(str, seeds)]
    env = kept | told | QUICK | environment
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


def with_broker(stack: Stack, broker_url: str) -> Stack:
    """Gives the stack's own publisher another broker than the ledger's server; workers are told by DARKROOM_BROKER_URL."""
    stack.publisher.close()
    stack.settings = stack.settings.model_copy(update={"broker_url": broker_url})
    stack.publisher = Publisher(create_app(stack.settings))
    return stack


def submit_all(stack: Stack, seeds: Iterable[int]) -> dict[str, int]:
    """Submits one job for each seed; the seeds by job."""
    return {stack.submit(text_image(seed=number)): number for number in seeds}


def register_nobody(stack: Stack, slots: int = 1000, ttl_ms: int = 600_000) -> None:
    """Makes the ledger believe in a worker, so that it lets calls go although nobody is there."""
    row = {"slots": str(slots), "host": "nowhere", "pid": "1", "started_ms": "1"}
    stack.ledger.run(presence.register("nobody", ttl_ms, row, []))


def messages_waiting(stack: Stack, broker_url: str = "") -> int:
    """Messages in the queue of the broker."""
    with redis.Redis.from_url(broker_url or stack.settings.broker_url or stack.redis_url) as broker:
        return int(broker.llen(f"{stack.prefix}celery:darkroom"))


def published_again(stack: Stack, job_id: str) -> None:
    """Sends the hint of a job's first call once more, as a producer does whose first try timed out after it had worked."""
    call = stack.ledger.run(reads.call(f"{job_id}.0"))
    message = CallMessage(call_id=call["id"], fence=int(call["fence"]))
    assert stack.publisher.publish([(message.call_id, message.fence, "darkroom.text_image", "darkroom")]) == 1


def prove(
    stack: Stack,
    jobs: dict[str, int],
    *,
    extra: Sequence[int] | range = (0,),
    within_s: float = 60,
    call_budget: int = 3,
    after_unknown: int = 1,
    killed: bool = False,
    may_use_up: bool = False,
) -> Findings:
    """Waits for the end of all jobs, checks every promise, and counts.

    Args:
        jobs: seeds by job; no other request may carry them.
        extra: how many calls the endpoint may have seen over one for each job.
        call_budget, after_unknown: the workers' settings.
        killed: workers were killed, so that half files may wait to be swept.
        may_use_up: so much was killed that a job may end as failed, after as many unknown outcomes as it is allowed and one more.

    Returns:
        What the checker found.
    """
    states = Counter(str(stack.wait(job_id, within_s).state) for job_id in jobs)
    evidence = gather(stack, list(jobs), call_budget=call_budget, after_unknown=after_unknown)
    findings = check(evidence, killed=killed)
    assert findings.problems == [], "\n".join([str(findings), *findings.problems[:20]])
    failed = [job for job in evidence.jobs if job.state == "failed"]
    for job in failed if may_use_up else []:
        unknown = [attempt for call in job.calls for attempt in call.attempts if attempt.outcome == "unknown"]
        assert len(unknown) == after_unknown + 1, f"{job.id} failed after {len(unknown)} unknown outcomes"
    used_up = len(failed) if may_use_up else 0
    assert states["succeeded"] == len(jobs) - used_up, states
    seen = Counter(entry["seed"] for entry in stack.calls_of(*jobs.values()))
    assert len(seen) == len(jobs), "every job was called"
    assert seen.total() - len(jobs) in extra, f"calls over one for each job: {seen.total() - len(jobs)}"
    return findings


@dataclass
class Losable:
    """A server whose process a test may end. It comes back on the same address."""

    folder: Path
    tcp_port: int
    server: Server

    @property
    def url(self) -> str:
        """Through TCP."""
        return f"redis://127.0.0.1:{self.tcp_port}/0"

    def kill(self) -> None:
        """SIGKILL."""
        self.signal(signal.SIGKILL)
        assert self.server.process is not None
        self.server.process.wait(10)

    def signal(self, number: signal.Signals) -> None:
        """Any other signal."""
        os.kill(self.server.pid, number)

    def restart(self, *, empty: bool = False) -> None:
        """Starts it again after its death, with what its log of writes holds, or with nothing at all."""
        self.server.stop()
        if empty:
            shutil.rmtree(self.folder / "appendonlydir")
        self.server = valkey.start(self.folder, tcp_port=self.tcp_port)


@contextmanager
def losable_server() -> Generator[Losable]:
    """A server for the length of a `with` block, which writes through at every command."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="dr-lose-") as name:
        losable = Losable(Path(name), port, valkey.start(Path(name), tcp_port=port))
        try:
            yield losable
        finally:
            losable.signal(signal.SIGCONT)
            losable.server.stop()
