"""Reading, waiting for, saving and canceling jobs, and the lists; written once for both colours."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final, cast

from darkroom.effects import Flow, Sources, ask, get_asset, write_file
from darkroom_shared.contract.views import CallView, JobView, Output, View, call_view, job_view
from darkroom_shared.core.errors import (
    InvalidRequest,
    JobCanceled,
    JobExpired,
    JobFailed,
    JobRejected,
    StillRunning,
    UnknownJob,
    WrongResult,
)
from darkroom_shared.core.ids import JOB_ID, call_id
from darkroom_shared.core.lifecycle import CHECK_NOT_PASSED, JobState
from darkroom_shared.core.problems import Problem
from darkroom_shared.storage.names import extension
from darkroom_shared.store import presence, reads, upkeep
from darkroom_shared.store.reads import StreamEvent

LONGEST_BLOCK_S: Final = 10.0
"""One blocking read at most: a wait without end still notices a closed client, and a record whose retention is over."""

Timeout = float | timedelta | None
"""Seconds, or None for as long as it takes."""

_ENDINGS: Final[Mapping[JobState, type[JobFailed]]] = {
    JobState.REJECTED: JobRejected,
    JobState.CANCELED: JobCanceled,
    JobState.EXPIRED: JobExpired,
}


class WorkerView(View):
    """A worker process that is registered with the ledger."""

    id: str
    slots: int = 0
    """Calls it works on at once."""
    host: str = ""
    pid: str = ""


class Clock:
    """How much of a time-out is left."""

    def __init__(self, sources: Sources, timeout: Timeout) -> None:
        self._now = sources.monotonic_s
        self._began = self._now()
        self._length = _length_s(timeout)

    @property
    def waited_s(self) -> float:
        """Seconds since the start."""
        return round(self._now() - self._began, 1)

    def next_block_ms(self, longest_s: float = LONGEST_BLOCK_S) -> int | None:
        """How long the next blocking read may take; None if the time is over."""
        left = longest_s if self._length is None else min(longest_s, self._length - (self._now() - self._began))
        return max(1, round(left * 1000)) if left > 0 else None


def _length_s(timeout: object) -> float | None:
    """A time-out in seconds. Raises InvalidRequest for what is none."""
    if timeout is None:
        return None
    if isinstance(timeout, timedelta):
        return timeout.total_seconds()
    if isinstance(timeout, int | float) and not math.isnan(timeout):
        return timeout
    allowed = "seconds as a number, a timedelta, or None"
    raise InvalidRequest([Problem("/timeout", f"{str(timeout)[:80]!r} is no time to wait", allowed)])


def checked_job(job_id: str) -> str:
    """The id itself. Raises UnknownJob for a text that is no job id."""
    if not JOB_ID.fullmatch(job_id):
        raise UnknownJob(f"{job_id[:80]!r} is no job id; one looks like job_01k… with 26 characters after job_")
    return job_id


def gone(identity: str) -> UnknownJob:
    return UnknownJob(f"There is no {identity}: it never was, or its retention is over.")


def brief(job_id: str) -> Flow[JobView]:
    """The job without its calls. Raises UnknownJob."""
    record = yield from ask(reads.job(job_id))
    if not record:
        raise gone(job_id)
    return job_view(record)


def status(job_id: str) -> Flow[JobView]:
    """The job with calls and attempts. Raises UnknownJob."""
    record = yield from ask(reads.job(checked_job(job_id)))
    if not record:
        raise gone(job_id)
    calls: list[CallView] = []
    for index in range(int(record.get("calls", "1"))):
        name = call_id(job_id, index)
        call = yield from ask(reads.call(name))
        if call:
            calls.append(call_view(call, (yield from ask(reads.attempts(name)))))
    return job_view(record, calls)


def wait(sources: Sources, job_id: str, timeout: Timeout) -> Flow[JobView]:
    """The job once it is terminal, however it ended.

    Raises:
        StillRunning: the time-out is over.
        UnknownJob: its retention ended meanwhile.
    """
    clock = Clock(sources, timeout)
    while True:
        # The record first, the events after its sequence second: what happens in between is not missed.
        view = yield from status(job_id)
        if view.is_terminal:
            return view
        seen = view.sequence
        if not (yield from until_terminal(clock, job_id, seen)):
            raise StillRunning(job_id, view.state.value, clock.waited_s)


def until_terminal(clock: Clock, job_id: str, seen: int) -> Flow[bool]:
    """Reads events until one is terminal, or one block passed in silence; False if the time is over."""
    while True:
        block_ms = clock.next_block_ms()
        if block_ms is None:
            return False
        events = yield from ask(reads.events(job_id, seen, block_ms))
        if not events or any(event.is_terminal for event in events):
            return True
        seen = events[-1].sequence


def raise_for(view: JobView) -> JobView:
    """The view itself if it has results.

    Raises:
        StillRunning, JobRejected, JobCanceled, JobExpired, JobFailed.
    """
    if not view.is_terminal:
        raise StillRunning(view.id, view.state.value, 0)
    if view.state in (JobState.SUCCEEDED, JobState.PARTIAL):
        return view
    kind = _ENDINGS.get(view.state, JobFailed)
    if view.reason == CHECK_NOT_PASSED:
        told = view.documents[0].excerpt if view.documents else "its verdict is gone"
        raise kind(f"{view.id} did not pass its check: {told}", job_id=view.id, reason=view.reason)
    why = view.error.message if view.error else view.reason.replace("_", " ")
    raise kind(f"{view.id} was {_PAST.get(view.state, 'not done')}: {why}", job_id=view.id, reason=view.reason)


_PAST: Final[Mapping[JobState, str]] = {
    JobState.FAILED: "given up",
    JobState.REJECTED: "refused by the content filter",
    JobState.CANCELED: "canceled",
    JobState.EXPIRED: "not started in time",
}


def images(job_id: str) -> Flow[list[bytes]]:
    """The pictures byte for byte as Bedrock returned them, without masks.

    Raises:
        WrongResult: it gave a document.
        AssetMissing, and what `raise_for` raises.
    """
    return (yield from images_of(raise_for((yield from status(job_id)))))


def images_of(view: JobView) -> Flow[list[bytes]]:
    """The pictures of a job that ended well. Raises WrongResult, AssetMissing."""
    if view.documents and not view.pictures:
        raise WrongResult(f"{view.id} gave no pictures but a document ({view.documents[0].role}): ask for text() or json().")
    return (yield from contents(view.pictures))


def text(job_id: str) -> Flow[str]:
    """The first document as text. Raises as `images`; WrongResult if the job gave pictures."""
    return (yield from text_of(_with_document((yield from status(job_id)))))


def text_of(view: JobView) -> Flow[str]:
    """The first document of a job that ended well, as text. Raises WrongResult, AssetMissing."""
    return (yield from contents([_document(view)]))[0].decode()


def parsed(job_id: str) -> Flow[object]:
    """The first document as a value. Raises as `text`; WrongResult for words that are no JSON."""
    return (yield from parsed_of(_with_document((yield from status(job_id)))))


def _with_document(view: JobView) -> JobView:
    """The view itself if it has a document, be it a verdict that ended the job; else as `raise_for`."""
    return view if view.is_terminal and view.documents else raise_for(view)


def parsed_of(view: JobView) -> Flow[object]:
    """The first document of a job that ended well, as a value of JSON. Raises WrongResult, AssetMissing."""
    if _document(view).role == "text":
        raise WrongResult(f"{view.id} gave words, not JSON: ask for text().")
    return json.loads((yield from text_of(view)))


def embeddings(job_id: str) -> Flow[list[list[float]]]:
    """The vectors of a job, in the order of its inputs. Raises WrongResult if it gave none, and as `images`."""
    return (yield from embeddings_of(raise_for((yield from status(job_id)))))


def embeddings_of(view: JobView) -> Flow[list[list[float]]]:
    """The vectors of a job that ended well. Raises WrongResult, AssetMissing."""
    if not view.documents or view.documents[0].role != "embedding":
        raise WrongResult(f"{view.id} gave no vectors: it is a {view.task_type} job.")
    document = cast("Mapping[str, list[list[float]]]", (yield from parsed_of(view)))
    return document["embeddings"]


def embedding(job_id: str) -> Flow[list[float]]:
    """The one vector of a job. Raises WrongResult if there are several, and as `embeddings`."""
    vectors = yield from embeddings(job_id)
    if len(vectors) != 1:
        raise WrongResult(f"{job_id} gave {len(vectors)} vectors: ask for embeddings().")
    return vectors[0]


def _document(view: JobView) -> Output:
    if not view.documents:
        raise WrongResult(f"{view.id} gave pictures, no text: ask for images().")
    return view.documents[0]


def contents(outputs: Sequence[Output]) -> Flow[list[bytes]]:
    """The bytes of results, in order. Raises AssetMissing."""
    found: list[bytes] = []
    for output in outputs:
        found.append((yield from get_asset(output.sha256)))
    return found


def save(job_id: str, folder: Path) -> Flow[list[Path]]:
    """Writes pictures, masks, documents and `job.json` into a folder. Raises AssetMissing, and what `raise_for` raises."""
    view = raise_for((yield from status(job_id)))
    return (yield from save_view(view, folder))


def save_view(view: JobView, folder: Path) -> Flow[list[Path]]:
    written: list[Path] = []
    data = yield from contents(view.outputs)
    for name, content in zip(file_names(view.outputs), data, strict=True):
        written.append((yield from write_file(folder / name, content)))
    written.append((yield from write_file(folder / "job.json", story(view))))
    return written


def story(view: View) -> bytes:
    return (json.dumps(view.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n").encode()


def file_names(outputs: Sequence[Output]) -> list[str]:
    """`0.png`, `1.png`, … for images, `0-original.png` for what one was made of, `mask.png` for a mask, `0.txt` or `0.json` for a
    document; in the outputs' order."""
    return [f"{output.stem}.{extension(output.media_type)}" for output in outputs]


def cancel(job_id: str, keep: bool) -> Flow[str]:
    """Cancels a job: `prevented`, `detached` or `finished`. Raises UnknownJob."""
    outcome, _ = yield from ask(upkeep.cancel(checked_job(job_id), discard=not keep))
    if outcome == "gone":
        raise gone(job_id)
    return outcome


def next_events(job_id: str, seen: int, block_ms: int | None) -> Flow[tuple[list[StreamEvent], bool]]:
    """Events after a sequence number, and whether those were the last. Raises UnknownJob if there is no such job any more."""
    events = yield from ask(reads.events(job_id, seen, block_ms))
    if events:
        return events, events[-1].is_terminal
    view = yield from brief(job_id)
    return [], view.is_terminal and view.sequence <= seen


def jobs(limit: int, tenant: str | None) -> Flow[list[JobView]]:
    """The newest jobs, newest first, without calls."""
    return (yield from those_left((yield from ask(reads.jobs(tenant, limit)))))


def those_left(job_ids: Sequence[str]) -> Flow[list[JobView]]:
    """Those of the jobs whose retention has not ended, in their order, without calls; many in one round trip."""
    found: list[JobView] = []
    for start in range(0, len(job_ids), reads.MOST_RECORDS):
        records = yield from ask(reads.records(job_ids[start : start + reads.MOST_RECORDS]))
        found += [job_view(record) for record in records if record]
    return found


def workers() -> Flow[list[WorkerView]]:
    """Registered workers."""
    fleet = yield from ask(presence.fleet())
    return [WorkerView.model_validate({**record, "id": record["worker"]}) for record in fleet]
