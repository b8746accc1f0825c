"""Case 14, the asset store's part: a disk that is full costs no answer that was paid, and leaves no half file.

Case 39: so does a store that is read-only for a while.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from darkroom import BackgroundRemoval, Darkroom, StorageUnavailable
from darkroom_shared.storage import open_store
from darkroom_shared.storage.names import sha256_of
from tests.faults.checker import check
from tests.faults.crew import crewed
from tests.faults.evidence import gather
from tests.integration.local_bedrock.endpoints import text_image
from tests.support.bodies import picture
from tests.support.stack import PRICE, Stack
from tests.support.valkey import probe

Seeds = Callable[[], int]
Measured = Callable[[str, str], None]
USD = PRICE / 1_000_000
PAGE = 4096
DISK_BYTES = 4 * 1024 * 1024
WAITS = "answer_waits_for_the_store"


def run(*command: str) -> None:
    """Runs a program of the system; the test is skipped with its own words if it may not."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"cases 14 and 39 need root to mount a small disk: {done.stderr.strip()}")


class Disk:
    """A small disk of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ballast = path / "ballast"

    def fill(self, leave: int = 0) -> None:
        """Leaves so many bytes free, rounded up to pages."""
        free = os.statvfs(self.path).f_bavail * os.statvfs(self.path).f_frsize
        self.ballast.write_bytes(bytes(free - (leave + PAGE - 1) // PAGE * PAGE))

    def empty(self) -> None:
        """Makes room again."""
        self.ballast.unlink()

    def read_only(self, on: bool) -> None:
        """Takes the right to write away from everybody, root too, and gives it back."""
        run("mount", "-o", f"remount,{'ro' if on else 'rw'}", str(self.path))

    def files(self) -> list[Path]:
        """What is stored, unfinished files too."""
        return [path for path in self.path.rglob("*") if path.is_file() and path != self.ballast]


@contextmanager
def small_disk(path: Path) -> Generator[Disk]:
    """Mounts a disk until the end of the block."""
    path.mkdir()
    run("mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(path))
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True)


@pytest.fixture
def disk(stack: Stack) -> Generator[Disk]:
    """The stack's asset store on a small disk."""
    with small_disk(stack.folder / "store") as disk:
        yield disk


def keys(stack: Stack) -> list[str]:
    """What the ledger and the broker hold."""
    with probe(stack.redis_url) as connection:
        return list(cast("Any", connection).keys(f"{stack.prefix}*"))


def prove(stack: Stack, job: str) -> None:
    """Every promise holds for a job that has succeeded."""
    assert check(gather(stack, [job])).problems == []


@pytest.mark.parametrize("how", ["full", "read-only"])
def test_a_submit_that_cannot_store_its_picture_records_nothing(how: str, stack: Stack, disk: Disk) -> None:
    settings = stack.settings.model_copy(update={"bedrock_url": stack.endpoint.url})
    with Darkroom(settings=settings) as room:
        disk.fill() if how == "full" else disk.read_only(True)
        with pytest.raises(StorageUnavailable) as refused:
            room.submit(BackgroundRemoval(image=picture()))
        assert ("is full" in str(refused.value)) is (how == "full")
        assert ("Read-only" in str(refused.value)) is (how == "read-only")
        assert disk.files() == []
        assert keys(stack) == []
        disk.empty() if how == "full" else disk.read_only(False)
        assert room.submit(BackgroundRemoval(image=picture())).status().state == "queued"
    assert [file.name for file in disk.files()] == [f"{sha256_of(picture())}.png"]


def test_a_write_that_breaks_off_leaves_no_half_file(stack: Stack, disk: Disk) -> None:
    store = open_store(stack.settings.store_url)
    store.put_receipt("call:1", b"first")
    disk.fill(leave=10 * PAGE)
    for write in (lambda: store.put_receipt("call:1", bytes(100 * PAGE)), lambda: store.put(bytes(100 * PAGE), "image/png")):
        with pytest.raises(StorageUnavailable, match="is full"):
            write()
    assert [file.name for file in disk.files()] == ["call:1"]
    assert store.get_receipt("call:1") == b"first", "the old bytes or the new ones, never half of them"
    store.close()


LIMITED = """
import resource, sys
from darkroom_shared.core.errors import StorageUnavailable
from darkroom_shared.storage import open_store
store = open_store(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
store.put_receipt("small", bytes(9_000))
try:
    store.put_receipt("large", bytes(100_000))
except StorageUnavailable as error:
    print(error)
"""


def test_a_file_that_may_not_grow_is_no_half_file_either(tmp_path: Path) -> None:
    """The limit of a process strikes in the middle of a write, as a quota does."""
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, f"file://{tmp_path}"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, "File too large" in done.stdout) == (0, True), done.stderr
    assert [(path.name, path.stat().st_size) for path in tmp_path.rglob("*") if path.is_file()] == [("small", 9_000)]


@pytest.mark.long
@pytest.mark.parametrize("how", ["full", "read-only"])
def test_a_paid_answer_waits_in_memory_until_it_can_be_stored(
    how: str, stack: Stack, disk: Disk, seed: Seeds, measured: Measured
) -> None:
    number = seed()
    with crewed(stack, DARKROOM_READ_TIMEOUT="PT30S") as worker:
        disk.fill() if how == "full" else disk.read_only(True)
        job = stack.submit(text_image(seed=number))
        stack.until(lambda: WAITS in worker.said(), "the answer to wait")
        assert disk.files() == []
        assert stack.view(job).state == "running"
        disk.empty() if how == "full" else disk.read_only(False)
        view = stack.wait(job)
        assert (view.state, view.cost.actual_usd, view.cost.uncertain_usd) == ("succeeded", USD, 0)
        assert [attempt.outcome for attempt in view.calls[0].attempts] == ["answered"]
        assert len(stack.calls_of(number)) == 1
    prove(stack, job)
    measured("case 14" if how == "full" else "case 39", f"a store that was {how}: the answer waited and was stored, 1 call")


@pytest.mark.long
def test_pictures_without_room_are_stored_later_from_the_receipt(stack: Stack, disk: Disk, seed: Seeds, measured: Measured) -> None:
    """There is room for the answer as it came, and none for the picture in it."""
    number = seed()
    answer = stack.endpoint.invoke(text_image(seed=number)).body
    with crewed(stack) as worker:
        disk.fill(leave=len(answer))
        job = stack.submit(text_image(seed=number))
        stack.until_event(job, "call.snooze")
        [receipt] = disk.files()
        assert receipt.read_bytes() == answer
        disk.empty()
        view = stack.wait(job)
        assert WAITS not in worker.said()
    assert (view.state, view.cost.actual_usd, view.cost.uncertain_usd) == ("succeeded", USD, 0)
    assert len(stack.calls_of(number)) == 2, "one of them was the test's own"
    measured("case 14", "a disk with room for the answer alone: the picture was stored from the receipt, 1 call")


@pytest.mark.long
def test_a_disk_that_stays_full_is_paid_for_no_more_often_than_the_budget_says(
    stack: Stack, disk: Disk, seed: Seeds, measured: Measured
) -> None:
    number = seed()
    with crewed(stack, DARKROOM_READ_TIMEOUT="PT2S", DARKROOM_CALL_BUDGET="2"):
        disk.fill()
        view = stack.wait(stack.submit(text_image(seed=number)), 90)
        assert disk.files() == []
    calls = stack.calls_of(number)
    assert (view.state, len(calls)) == ("failed", 2)
    assert [attempt.billed for attempt in view.calls[0].attempts] == [True, True]
    assert view.cost.actual_usd == 2 * USD
    measured("case 14", f"a disk that stayed full: {len(calls)} calls for a budget of 2, all counted, then `{view.reason}`")
