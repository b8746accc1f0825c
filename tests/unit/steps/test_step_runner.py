"""Steps in child processes: a step that goes wrong takes neither the caller nor the next step with it."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from darkroom_shared.contract.steps import Crop, Flatten, Invert, Resize
from darkroom_shared.core.errors import ImageRefused, InvalidRequest
from darkroom_worker.steps import run_step
from darkroom_worker.steps.runner import StepRunner
from tests.unit.steps.pictures import noise, png

PICTURE = png(noise(32, 24))
MIB = 1024**2


@asynccontextmanager
async def running(workers: int = 1, memory_bytes: int = 2048 * MIB) -> AsyncGenerator[StepRunner, None]:
    runner = StepRunner(workers, memory_bytes)
    try:
        yield runner
    finally:
        await runner.close()


def test_a_child_makes_the_same_bytes_as_the_step_itself() -> None:
    async def main() -> list[bytes]:
        async with running() as runner:
            return await runner.run(Resize(longest_side=16), [PICTURE])

    assert asyncio.run(main()) == run_step(Resize(longest_side=16), [PICTURE])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to RLIMIT_AS and has /proc")
def test_a_step_that_wants_too_much_memory_is_refused_and_the_next_one_works() -> None:
    async def main() -> None:
        async with running() as unlimited:
            await unlimited.run(Invert(), [PICTURE])
            idle = _address_space(unlimited.child_pids()[0])
        async with running(memory_bytes=idle + 40 * MIB) as runner:
            await runner.run(Invert(), [PICTURE])
            before = runner.child_pids()
            with pytest.raises(ImageRefused, match="needs more memory"):
                # The result alone takes 64 MiB, 4 bytes a pixel.
                await runner.run(Resize(width=4096, height=4096), [PICTURE])
            assert await runner.run(Invert(), [PICTURE]) == run_step(Invert(), [PICTURE])
            assert runner.child_pids() == before

    asyncio.run(main())


def _address_space(pid: int) -> int:
    """Bytes of address space of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(next(line for line in status.splitlines() if line.startswith("VmSize:")).split()[1])


def test_a_step_whose_child_is_killed_gets_another_child() -> None:
    async def main() -> None:
        async with running() as runner:
            await runner.run(Invert(), [PICTURE])
            [pid] = runner.child_pids()
            os.kill(pid, signal.SIGSTOP)
            step = asyncio.create_task(runner.run(Flatten(), [PICTURE]))
            await asyncio.sleep(0)
            os.kill(pid, signal.SIGKILL)
            assert await step == run_step(Flatten(), [PICTURE])
            assert pid not in runner.child_pids()

    asyncio.run(main())


def test_a_child_that_died_idle_is_replaced_without_a_word() -> None:
    async def main() -> None:
        async with running() as runner:
            await runner.run(Invert(), [PICTURE])
            [pid] = runner.child_pids()
            os.kill(pid, signal.SIGKILL)
            assert await runner.run(Invert(), [PICTURE]) == run_step(Invert(), [PICTURE])
            assert pid not in runner.child_pids()

    asyncio.run(main())


def test_a_step_that_takes_down_every_child_is_refused() -> None:
    async def main() -> None:
        # Too little for a child even to begin: each one dies.
        async with running(memory_bytes=20 * MIB) as runner:
            for _ in range(2):
                with pytest.raises(ImageRefused, match="flatten died 2 times"):
                    await runner.run(Flatten(), [PICTURE])

    asyncio.run(main())


def test_what_is_wrong_with_a_request_crosses_the_border_whole() -> None:
    async def main() -> None:
        async with running() as runner:
            with pytest.raises(InvalidRequest) as caught:
                await runner.run(Crop(x=0, y=0, width=33, height=25), [PICTURE])
            assert [problem.pointer for problem in caught.value.problems] == ["/width", "/height"]
            with pytest.raises(ImageRefused, match="neither a PNG"):
                await runner.run(Flatten(), [b"not a picture"])

    asyncio.run(main())


def test_more_steps_than_workers_wait_their_turn() -> None:
    async def main() -> None:
        async with running(workers=2) as runner:
            results = await asyncio.gather(*(runner.run(Invert(), [PICTURE]) for _ in range(12)))
            assert results == [run_step(Invert(), [PICTURE])] * 12
            assert len(runner.child_pids()) == 2

    asyncio.run(main())


def test_a_canceled_wait_gives_its_worker_back_only_when_the_child_is_free() -> None:
    async def main() -> None:
        async with running() as runner:
            await runner.run(Invert(), [PICTURE])
            [pid] = runner.child_pids()
            os.kill(pid, signal.SIGSTOP)
            step = asyncio.create_task(runner.run(Flatten(), [PICTURE]))
            await asyncio.sleep(0)
            step.cancel()
            with pytest.raises(asyncio.CancelledError):
                await step
            os.kill(pid, signal.SIGCONT)
            assert await runner.run(Invert(), [PICTURE]) == run_step(Invert(), [PICTURE])
            assert runner.child_pids() == [pid]

    asyncio.run(main())


def test_ctrl_c_does_not_end_a_child() -> None:
    async def main() -> None:
        async with running() as runner:
            await runner.run(Invert(), [PICTURE])
            [pid] = runner.child_pids()
            os.kill(pid, signal.SIGINT)
            await runner.run(Invert(), [PICTURE])
            assert runner.child_pids() == [pid]

    asyncio.run(main())


PARENT = """
import asyncio, sys, os
from darkroom_shared.contract.steps import Invert
from darkroom_worker.steps.runner import StepRunner

async def main():
    runner = StepRunner(1)
    await runner.run(Invert(), [sys.stdin.buffer.read()])
    print(runner.child_pids()[0], flush=True)
    os.kill(os.getpid(), 9)

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_a_child_ends_when_its_worker_is_killed() -> None:
    # The child holds the pipe that is read here to its end: coming back means that it has ended. It would wait for ever.
    parent = subprocess.run([sys.executable, "-c", PARENT], input=PICTURE, capture_output=True, check=False, timeout=30)
    assert parent.returncode == -signal.SIGKILL, parent.stderr.decode()
    assert int(parent.stdout) > 0


def test_a_runner_without_workers_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        StepRunner(0)
