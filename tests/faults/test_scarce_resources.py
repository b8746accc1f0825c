"""Cases 19 and 39: too little memory, too few descriptors, no temporary folder. A worker lives on and counts what it spent."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from darkroom_shared.contract.views import JobView
from darkroom_shared.storage import open_store
from darkroom_shared.store import ops, presence
from tests.faults.checker import check
from tests.faults.crew import Hand, crewed
from tests.faults.evidence import gather
from tests.integration.local_bedrock.endpoints import text_image
from tests.support.bodies import picture
from tests.support.stack import PRICE, QUICK, Stack, new_job_id
from tests.support.valkey import Server

Seeds = Callable[[], int]
Measured = Callable[[str, str], None]
USD = PRICE / 1_000_000


def stored(stack: Stack, data: bytes) -> str:
    """Stores a picture; its name."""
    store = open_store(stack.settings.store_url)
    try:
        return store.put(data, "image/png").sha256
    finally:
        store.close()


def local(stack: Stack, spec: dict[str, Any], data: bytes) -> str:
    """Submits a free local step on a picture; the job's id."""
    sha256 = stored(stack, data)
    job = ops.NewJob(new_job_id(), stack.local_record(spec, [f"asset:{sha256}"], inputs=[sha256]).as_fields())
    stack.accept([job])
    return job.job_id


def ran_in(worker: Hand, view: JobView) -> bool:
    """Whether this very process made the job's last attempt."""
    return str(view.calls[0].attempts[-1].worker).endswith(f":{worker.pid}") and worker.process.poll() is None


def test_a_step_whose_child_has_too_little_memory_fails_alone(stack: Stack, measured: Measured) -> None:
    with crewed(stack) as worker:
        first = stack.wait(local(stack, {"kind": "invert"}, picture()))
        assert first.state == "succeeded"
        [child] = worker.step_children()
        size = int(Path(f"/proc/{child}/statm").read_text().split()[0]) * resource.getpagesize()
        allowed = resource.prlimit(child, resource.RLIMIT_AS)
        resource.prlimit(child, resource.RLIMIT_AS, (size + 8_000_000, allowed[1]))
        failed = stack.wait(local(stack, {"kind": "resize", "width": 4096, "height": 4096}, picture(2048, 2048)))
        assert (failed.state, failed.reason) == ("failed", "image_refused")
        failure = failed.calls[0].attempts[0].failure
        assert failure is not None
        assert "memory" in failure.message
        assert failure.billed is False
        assert worker.step_children() == [child]
        resource.prlimit(child, resource.RLIMIT_AS, allowed)
        last = stack.wait(local(stack, {"kind": "resize", "width": 4096, "height": 4096}, picture(2048, 2048)))
        assert last.state == "succeeded"
        assert ran_in(worker, last)
        assert worker.step_children() == [child]
    measured("case 19", "a step out of memory: its job failed with the reason, the next one ran in the same child")


POINTS: dict[str, tuple[str, int, float, float]] = {
    "task.received": ("succeeded", 1, USD, 0),
    "claim.taken": ("succeeded", 1, USD, 0),
    "gate.opened": ("succeeded", 1, USD, USD),
    "call.answered": ("succeeded", 2, USD, USD),
    "receipt.stored": ("succeeded", 1, USD, 0),
    "receipt.noted": ("succeeded", 1, USD, 0),
}
"""State, calls, certain and possible cost of a job in whose way there was a MemoryError once: as if the worker had died there."""


@pytest.mark.parametrize("point", ["gate.opened", *(pytest.param(p, marks=pytest.mark.long) for p in POINTS if p != "gate.opened")])
def test_a_worker_out_of_memory_in_a_call_counts_it_and_goes_on(point: str, stack: Stack, seed: Seeds, measured: Measured) -> None:
    number, after = seed(), seed()
    state, calls, actual, uncertain = POINTS[point]
    with crewed(stack, DARKROOM_FAILPOINTS=f"{point}=memory") as worker:
        job = stack.submit(text_image(seed=number))
        view = stack.wait(job)
        following = stack.wait(stack.submit(text_image(seed=after)))
        assert following.state == "succeeded"
        assert ran_in(worker, following)
        assert view.state == state
        assert len(stack.calls_of(number)) == calls
        assert (view.cost.actual_usd, view.cost.uncertain_usd) == (actual, uncertain)
    spent = f"{actual} USD spent and {uncertain} USD perhaps"
    measured("case 19", f"MemoryError at {point}: {view.state}, {calls} calls, {spent}; the worker made the next call")


ENOUGH = 128
"""Descriptors for 60 calls at once, with all that a worker opens beside. With fewer a heartbeat may miss its turn."""


@contextmanager
def started_by(stack: Stack, *prefix: str, **environment: str) -> Generator[subprocess.Popen[bytes]]:
    """A worker behind a program that takes something from it; asked to stop at the end. Skips if the program may not."""
    log = stack.folder / "scarce.log"
    told = {"DARKROOM_REDIS_URL": stack.redis_url, "DARKROOM_KEY_PREFIX": stack.prefix, "DARKROOM_HOME": str(stack.folder)}
    command = [*prefix, sys.executable, "-m", "darkroom_worker", "worker"]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env=stack.endpoint.sdk_environment() | told | QUICK | environment, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        stack.until(lambda: process.poll() is not None or stack.ledger.run(presence.fleet()), "the worker to register")
        if process.poll() is not None and ("not permitted" in log.read_text() or "permission denied" in log.read_text()):
            pytest.skip(f"case 39 needs root: {log.read_text().strip()}")
        assert process.poll() is None, log.read_text()
        yield process
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


@pytest.mark.long(seconds=45)
@pytest.mark.parametrize("limit", [64, 128])
def test_a_worker_with_few_descriptors_goes_on_and_counts_every_call(
    limit: int, stack: Stack, seed: Seeds, measured: Measured
) -> None:
    numbers = [seed() for _ in range(60)]
    stack.faults("slow=0.5")
    with started_by(stack, "prlimit", f"--nofile={limit}", DARKROOM_SLOTS="60", DARKROOM_READ_TIMEOUT="PT20S") as worker:
        jobs = [stack.submit(text_image(seed=number)) for number in numbers]
        states = [stack.wait(job, 90).state for job in jobs]
        assert worker.poll() is None
    # Too few for heartbeats beside the calls: some are taken for lost, twice at worst, which is what the budget allows.
    assert set(states) == {"succeeded"} if limit >= ENOUGH else set(states) <= {"succeeded", "failed"}
    findings = check(gather(stack, jobs))
    # A receipt whose removal found no descriptor goes with the record of its job.
    assert [problem for problem in findings.problems if "was left behind" not in problem] == []
    said = (stack.folder / "scarce.log").read_text().count("Too many open files")
    measured(
        "case 39",
        f"{limit} descriptors, 60 calls at once: {findings.calls} calls, "
        f"{said} times 'too many open files', {len(findings.problems)} receipts left for the purge",
    )
    repeated = findings.unknown + findings.failed if limit < ENOUGH else 0
    assert len(jobs) <= findings.calls <= len(jobs) + repeated


IN_PRIVATE = 'mount --make-rprivate / && mount -t tmpfs -o ro tmpfs /tmp && exec "$@"'


@pytest.mark.long
def test_a_worker_without_a_temporary_folder_works(durable_server: Server, stack: Stack, seed: Seeds, measured: Measured) -> None:
    if Path(sys.executable).is_relative_to("/tmp"):
        pytest.skip("case 39 hides /tmp, and this interpreter lies in it")
    number = seed()
    with TemporaryDirectory(prefix="darkroom-", dir="/var/tmp") as home:
        away = Stack(f"redis://127.0.0.1:{durable_server.tcp_port}/0", stack.endpoint, Path(home) / "home", f"{stack.prefix}away:")
        with started_by(away, "unshare", "--mount", "sh", "-c", IN_PRIVATE, "sh", TMPDIR="/tmp"):
            paid = away.wait(away.submit(text_image(seed=number)))
            free = away.wait(local(away, {"kind": "invert"}, picture()))
        away.close()
    assert (paid.state, free.state) == ("succeeded", "succeeded")
    assert len(stack.calls_of(number)) == 1
    measured("case 39", "/tmp empty and read-only: a paid call and a local step done")
