"""Runs the demo: starts a stack, submits everything at once, follows it, stores the pictures, writes the page, stops the stack."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from rich.console import Console

from darkroom import Darkroom, JobHandle, WorkflowHandle
from darkroom.demo.jobs import DemoJob, demo_jobs
from darkroom.demo.outcome import OutputFile, Result, Step, Summary
from darkroom.demo.page import write_page
from darkroom.demo.pictures import Samples, load_samples
from darkroom.demo.progress import Progress, Standing
from darkroom.embedded.stack import Stack, StackPlan
from darkroom.embedded.stack_file import StackInfo
from darkroom_shared.contract.views import JobView
from darkroom_shared.core.errors import Misconfigured
from darkroom_shared.images import inspect
from darkroom_shared.settings import Settings
from darkroom_shared.storage.names import STORY
from darkroom_shared.task_types import AnyRequest

_LOOK_EVERY_S = 0.25
_LONGEST_S = 600.0
Handle = JobHandle | WorkflowHandle


def run_demo(plan: StackPlan, out: Path, photo: Path | None, console: Console, *, quiet: bool) -> Summary:
    """Runs everything and writes `out/index.html`.

    Args:
        plan: the stack to run for it.
        out: folder for page and pictures; made if needed, files of an earlier demo are replaced.
        photo: the caller's photograph, or None for the sample ones.
        console: standard error.
        quiet: say nothing.

    Raises:
        Misconfigured: the sample photographs are missing, the folder cannot be written, or a part of the stack does not start.
        ImageRefused: the photograph is no picture.
    """
    began = time.monotonic()
    samples = load_samples(photo)
    jobs = demo_jobs(samples)
    _write_inputs(out, samples)

    say = _Voice(console, quiet=quiet)
    say("Starting Valkey, the local Bedrock endpoint and a worker …")
    with Stack(plan, say) as info, _room(plan.home, info) as room:
        say(f"Ready after {time.monotonic() - began:.1f} s. Submitting {len(jobs)} jobs and chains.")
        handles = {job: _submit(room, job) for job in jobs}
        with Progress(console, quiet=quiet) as progress:
            _follow(handles, progress)
        results = [_result(job, handle, out) for job, handle in handles.items()]
        # Nothing runs any more: how the stack stops is of no interest.
        say.quiet = True
    summary = Summary(results, out / "index.html", time.monotonic() - began)
    write_page(summary, samples)
    return summary


class _Voice:
    """Says things to a person, until it is quiet."""

    def __init__(self, console: Console, *, quiet: bool) -> None:
        self._console = console
        self.quiet = quiet

    def __call__(self, text: str) -> None:
        if not self.quiet:
            self._console.print(text, markup=False, highlight=False)


@contextmanager
def _room(home: Path, info: StackInfo) -> Generator[Darkroom]:
    """A client of this stack and no other, whatever the environment says."""
    settings = Settings.model_construct(
        home=home, redis_url=info.redis_url, assets_url=info.assets_url, bedrock_url=info.bedrock_url
    )
    with Darkroom(settings=settings) as room:
        yield room


def _write_inputs(out: Path, samples: Samples) -> None:
    try:
        (out / "inputs").mkdir(parents=True, exist_ok=True)
        for picture in samples.all:
            (out / "inputs" / f"{picture.name}.png").write_bytes(picture.data)
    except OSError as error:
        raise Misconfigured(f"The folder {out} cannot be written: {error.strerror}. Choose another one with --out DIR.") from error


def _submit(room: Darkroom, job: DemoJob) -> Handle:
    metadata = {"demo": job.name}
    if job.is_chain:
        image = None if job.photo is None else job.photo.data
        return room.chain(*job.steps, model=job.model, image=image, metadata=metadata)
    request = job.steps[0]
    assert isinstance(request, AnyRequest)
    return room.submit(request, model=job.model, metadata=metadata)


def _follow(handles: Mapping[DemoJob, Handle], progress: Progress) -> None:
    """Looks at the open jobs until all have ended."""
    standing: dict[DemoJob, Standing] = {job: handle.status() for job, handle in handles.items()}
    until = time.monotonic() + _LONGEST_S
    while True:
        progress.show(standing)
        open_jobs = [job for job, view in standing.items() if not view.is_terminal]
        if not open_jobs or time.monotonic() > until:
            return
        time.sleep(_LOOK_EVERY_S)
        standing |= {job: handles[job].status() for job in open_jobs}


def _result(job: DemoJob, handle: Handle, out: Path) -> Result:
    if isinstance(handle, JobHandle):
        return Result(job, (_step(handle.status(), handle, out, f"pictures/{job.name}"),))
    view = handle.status()
    planned = {str(row["name"]): row for row in view.plan}
    steps: list[Step] = []
    for one in view.steps:
        row = planned.get(one.step, {})
        place = f"pictures/{job.name}/{len(steps) + 1}-{one.step}"
        found = _step(handle.steps[one.step].status(), handle.steps[one.step], out, place)
        steps.append(Step(found.view, found.files, bool(row.get("inserted")), str(row.get("reason", ""))))
    return Result(job, tuple(steps))


def _step(view: JobView, handle: JobHandle, out: Path, place: str) -> Step:
    if not view.outputs:
        return Step(view, ())
    for old in (out / place).glob("*"):
        old.unlink()
    return Step(view, tuple(_files(view, handle.save(out / place), out)))


def _files(view: JobView, saved: Sequence[Path], out: Path) -> Iterator[OutputFile]:
    """Finds each output among the saved files by its bytes, which proves them too."""
    found: dict[str, Path] = {}
    data: dict[str, bytes] = {}
    for path in saved:
        content = path.read_bytes()
        name = sha256(content).hexdigest()
        if path.name != STORY:
            found[name], data[name] = path, content
    for output in view.outputs:
        if output.sha256 in found:
            path = found[output.sha256].resolve().relative_to(out.resolve())
            transparent = not output.is_document and inspect(data[output.sha256]).transparent
            yield OutputFile(path.as_posix(), output, transparent, True)
        else:
            yield OutputFile("", output, False, False)
