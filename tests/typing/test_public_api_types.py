"""The types that callers see, checked by the type checkers: this module is right if mypy and pyright have nothing to say.

Run by pytest it only shows that the names are there; nothing is called. An ignored error that is none is reported by mypy's
`warn_unused_ignores`, so the wrong uses below are proven wrong.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import assert_type

from darkroom import (
    AsyncDarkroom,
    AsyncJobHandle,
    AsyncWorkflowHandle,
    BackgroundRemoval,
    Composite,
    Darkroom,
    Explanation,
    Found,
    Hit,
    Hold,
    ImageVariation,
    Indexed,
    JobHandle,
    JobState,
    JobView,
    LaneState,
    LocalStep,
    Outpainting,
    Plan,
    PoolState,
    Problem,
    StepEvent,
    StreamEvent,
    SubmitOptions,
    TenantView,
    TextImage,
    WorkerView,
    WorkflowHandle,
    WorkflowView,
    ZoomOut,
)


def sync_use(room: Darkroom) -> None:
    job = room.submit(
        TextImage("a red sailboat", seed=7),
        model="amazon.titan-image-generator-v2:0",
        metadata={"order": "17"},
        not_before=datetime.now(UTC),
        start_within=timedelta(minutes=5),
    )
    assert_type(job, JobHandle)
    assert_type(job.id, str)
    assert_type(job.wait(timeout=60), JobView)
    assert_type(job.wait(timedelta(seconds=60)).state, JobState)
    assert_type(job.images(), list[bytes])
    assert_type(job.text(), str)
    assert_type(job.json(), object)
    assert_type(job.save("out"), list[Path])
    assert_type(job.cancel(), str)
    assert_type(job.events(), Iterator[StreamEvent])
    assert_type(room.submit({"taskType": "TEXT_IMAGE"}), JobHandle)
    assert_type(room.find(job.id), JobHandle | WorkflowHandle)
    assert_type(room.jobs(), list[JobView])
    assert_type(room.index_images(model="m"), Indexed)
    assert_type(room.search_images(image=b"", top=3).hits, tuple[Hit, ...])
    assert_type(room.workers(), list[WorkerView])
    assert_type(room.validate({"taskType": "TEXT_IMAGE"}, "m"), list[Problem])


def sync_chain(room: Darkroom) -> None:
    flow = room.chain(BackgroundRemoval(Path("dog.jpg")), ("beach", Outpainting(text="a beach")), ImageVariation(text="evening"))
    assert_type(flow, WorkflowHandle)
    assert_type(flow.steps, Mapping[str, JobHandle])
    assert_type(flow.wait(), WorkflowView)
    assert_type(flow.events(), Iterator[StepEvent])
    plan = room.plan(ZoomOut(width=1024, height=1024), LocalStep(Composite(), [b"", "asset:x"]), image=b"")
    assert_type(plan, Plan)
    assert_type(plan.price_usd, Decimal | None)


def operators_use(room: Darkroom) -> None:
    told = room.explain("job_1")
    assert_type(told, Explanation)
    assert_type(told.holds, tuple[Hold, ...])
    assert_type(told.start_p50_s, float | None)
    assert_type(room.job("job_1").explain(), Explanation)
    assert_type(room.lanes("m"), list[LaneState])
    assert_type(room.lanes()[0].pools, tuple[PoolState, ...])
    room.pause(lane="m")
    room.drain(tenant="acme")
    room.resume(tenant="acme")
    assert_type(room.tenants(), list[TenantView])
    assert_type(room.tenant("acme"), TenantView)
    assert_type(room.set_tenant("acme", weight=2, running=None, queue_ttl=timedelta(hours=1)), TenantView)


async def async_operators_use(room: AsyncDarkroom) -> None:
    assert_type(await room.explain("job_1"), Explanation)
    assert_type(await room.job("job_1").explain(), Explanation)
    assert_type(await room.lanes(), list[LaneState])
    assert_type(await room.set_tenant("acme", queued=None), TenantView)


async def async_use(room: AsyncDarkroom) -> None:
    job = await room.submit(TextImage("a red sailboat"))
    assert_type(job, AsyncJobHandle)
    assert_type(await job.wait(60), JobView)
    assert_type(await job.images(), list[bytes])
    assert_type(await job.text(), str)
    assert_type(await job.json(), object)
    assert_type(await job.embedding(), list[float])
    assert_type(await room.search_images("a red boat"), Found)
    assert_type(job.events(), AsyncIterator[StreamEvent])
    assert_type(room.job(job.id), AsyncJobHandle)
    assert_type(await room.chain(BackgroundRemoval(b"")), AsyncWorkflowHandle)


def options_may_be_kept(room: Darkroom) -> None:
    options: SubmitOptions = {"tenant": "acme", "job_class": "bulk"}
    room.submit(TextImage("a red sailboat"), **options)


def wrong_uses(room: Darkroom) -> None:
    room.submit(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    room.submit(TextImage("x"), tenant=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    room.submit(TextImage("x"), job_class="urgent")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    room.submit(TextImage("x"), color="red")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    room.submit(TextImage("x"), if_late="never")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    room.set_tenant("acme", running=1.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    room.set_tenant("acme", queue_ttl=60)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    room.pause("m")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    room.chain((5, TextImage("x")))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    TextImage("x", 5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    TextImage("x", style="CUBISM")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_both_colours_have_the_same_names() -> None:
    def names(kind: type) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_")}

    assert names(Darkroom) == names(AsyncDarkroom)
    assert names(JobHandle) == names(AsyncJobHandle)
    assert names(WorkflowHandle) == names(AsyncWorkflowHandle)


def test_what_talks_to_the_ledger_is_awaited_in_the_async_colour() -> None:
    public = [name for name in dir(AsyncDarkroom) if not name.startswith("_")]
    methods = {name: getattr(AsyncDarkroom, name) for name in public}
    plain = {name for name, method in methods.items() if not inspect.iscoroutinefunction(method)}
    iterated = {name for name in plain if inspect.isasyncgenfunction(methods[name])}
    assert (plain - iterated, iterated) == ({"job"}, {"map"})
