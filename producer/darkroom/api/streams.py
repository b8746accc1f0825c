"""What a listener is sent: first how things stand, then each change as it happens, and a heartbeat while nothing does.

    event: snapshot   data: the job, the workflow, or the tenant's newest jobs
    event: change     data: {"job", "sequence", "type", "state", "reason", "terminal", "at_ms", …}
    event: reset      changes were missed; a snapshot follows

`id` is what a client gives back as `Last-Event-ID`: a job's sequence, or a place in the feed.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Final

from pydantic import BaseModel

from darkroom import listing, watching, workflows
from darkroom.api.hub import Listener, Lost, Stopped, order
from darkroom.api.service import Service
from darkroom.effects import ask
from darkroom_shared.contract.views import JobView, View
from darkroom_shared.store import feed, reads
from darkroom_shared.store.feed import FeedEvent
from darkroom_shared.store.reads import StreamEvent

HEARTBEAT_S: Final = 15.0
SNAPSHOT_JOBS: Final = 50
"""Jobs of a tenant's snapshot."""
_HEARTBEAT: Final = b": \n\n"


class JobsSnapshot(View):
    """The newest jobs, without their calls."""

    jobs: tuple[JobView, ...]


def event(kind: str, data: BaseModel | Mapping[str, object], identity: str | None) -> bytes:
    """One event in the form of the standard."""
    text = data.model_dump_json() if isinstance(data, BaseModel) else json.dumps(data, separators=(",", ":"))
    head = "" if identity is None else f"id: {identity}\n"
    return f"{head}event: {kind}\ndata: {text}\n\n".encode()


def _change(found: FeedEvent | StreamEvent, job: str, step: str = "") -> Mapping[str, object]:
    return {**found.data, "job": job, "sequence": found.sequence, "type": found.type} | ({"step": step} if step else {})


async def job_events(desk: Service, job_id: str, last: int | None) -> AsyncIterator[bytes]:
    """One job's events up to its last one.

    Args:
        last: the sequence that the client has seen; None for one that knows nothing.
    """
    with desk.hub.listen("job", job_id) as listener:
        while True:
            view = await desk.run(watching.status(job_id))
            if last is None:
                yield event("snapshot", view, str(view.sequence))
                last = view.sequence
            else:
                for missed in await desk.run(ask(reads.events(job_id, last))):
                    last = missed.sequence
                    yield event("change", _change(missed, job_id), str(last))
            if view.is_terminal and last >= view.sequence:
                return
            try:
                async for found in _heard(listener):
                    if found is None:
                        yield _HEARTBEAT
                        continue
                    if found.sequence <= last:
                        continue
                    if found.sequence > last + 1:
                        break  # the job's own events have what is between
                    last = found.sequence
                    yield event("change", _change(found, job_id), str(last))
                    if found.data.get("terminal") is True:
                        return
            except Lost:
                yield event("reset", {"reason": "missed"}, None)
                last = None


async def workflow_events(desk: Service, workflow_id: str) -> AsyncIterator[bytes]:
    """A workflow's events: a snapshot, the changes of its steps, and a last snapshot once it has ended."""
    with desk.hub.listen("workflow", workflow_id) as listener:
        while True:
            view = await desk.run(workflows.status(workflow_id))
            yield event("snapshot", view, None)
            if view.is_terminal:
                return
            try:
                async for found in _heard(listener):
                    if found is None:
                        yield _HEARTBEAT
                        continue
                    yield event("change", _change(found, found.job, found.step), found.place)
                    if found.data.get("terminal") is True and (await desk.run(workflows.status(workflow_id))).is_terminal:
                        break
            except Lost:
                yield event("reset", {"reason": "missed"}, None)


async def tenant_events(desk: Service, tenant: str | None, last: str | None) -> AsyncIterator[bytes]:
    """The events of a tenant's jobs, or of everybody's, without end.

    Args:
        last: the place in the feed that the client has seen; None for one that knows nothing.
    """
    with desk.hub.listen("all" if tenant is None else "tenant", tenant or "") as listener:
        while True:
            end = await desk.run(ask(feed.end()))
            if last is not None and not await _is_kept(desk, last, end):
                yield event("reset", {"reason": "too_old"}, None)
                last = None
            if last is None:
                newest = await desk.run(listing.page(tenant, SNAPSHOT_JOBS))
                yield event("snapshot", JobsSnapshot(jobs=newest.items), end)
                last = end
            else:
                while order(last) < order(end):
                    missed = await desk.run(ask(feed.read(last)))
                    for one in missed:
                        last = one.place
                        if tenant in (None, one.tenant):
                            yield event("change", _change(one, one.job, one.step), last)
                    if not missed:
                        break
            try:
                async for found in _heard(listener):
                    if found is None:
                        yield _HEARTBEAT
                    elif order(found.place) > order(last):
                        last = found.place
                        yield event("change", _change(found, found.job, found.step), last)
            except Lost:
                yield event("reset", {"reason": "missed"}, None)
                last = None


async def until_stopped(events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The events, ended in good order when the process is about to end: the client comes back to another one."""
    try:
        async for found in events:
            yield found
    except Stopped:
        return


async def _heard(listener: Listener) -> AsyncIterator[FeedEvent | None]:
    """Events as they come, and None for each heartbeat's time without one."""
    while True:
        yield await listener.next(HEARTBEAT_S)


async def _is_kept(desk: Service, place: str, end: str) -> bool:
    """Whether all that came after a place can still be told."""
    if order(place) > order(end):
        return False  # of another ledger, or of one that was restored
    return order(await desk.run(ask(feed.beginning()))) <= order(place) or await desk.run(ask(feed.count())) < feed.KEPT
