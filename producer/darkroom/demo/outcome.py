"""What came of the demo: every job with its files, and the summary that `darkroom demo --json` prints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from darkroom.demo.jobs import DemoJob
from darkroom_shared.contract.views import JobView, Output, total_usd
from darkroom_shared.core.lifecycle import JobState


@dataclass(frozen=True, slots=True)
class OutputFile:
    """One result on disk.

    Attributes:
        path: relative to the demo's folder, with `/`.
        output: the ledger's record of it.
        transparent: True if it shows what lies under it.
        proven: True if the file's SHA-256 is the recorded one.
    """

    path: str
    output: Output
    transparent: bool
    proven: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One job as it ended.

    Attributes:
        view: the job.
        files: its results.
        inserted: True for a local step that the chain put in by itself.
        reason: why it did.
    """

    view: JobView
    files: tuple[OutputFile, ...]
    inserted: bool = False
    reason: str = ""

    @property
    def ok(self) -> bool:
        """Everything that was wanted is there, byte for byte."""
        wanted = [file for file in self.files if file.output.role == "image" or file.output.is_document]
        whole = self.view.kind == "local" or len(wanted) == self.view.images_wanted
        return self.view.state is JobState.SUCCEEDED and whole and bool(self.files) and all(file.proven for file in self.files)

    @property
    def pictures(self) -> tuple[OutputFile, ...]:
        """Its files that a page can show."""
        return tuple(file for file in self.files if not file.output.is_document)

    @property
    def queue_s(self) -> float | None:
        """Seconds from submit to the first call."""
        times = self.view.timings
        return None if times.started is None else max(0.0, (times.started - times.created).total_seconds())

    @property
    def seconds(self) -> float | None:
        """Seconds from submit to the end."""
        times = self.view.timings
        return None if times.finished is None else (times.finished - times.created).total_seconds()

    def as_json(self, name: str, out: Path) -> dict[str, object]:
        """Its line in the summary; `out` is the demo's folder, so that paths are whole there."""
        return {
            "id": self.view.id,
            "name": name,
            "task_type": self.view.task_type,
            "state": self.view.state.value,
            "model": self.view.model,
            "cost_usd": self.view.cost.actual_usd,
            "seconds": self.seconds,
            "inserted": self.inserted,
            "outputs": [
                {
                    "path": str(out / file.path),
                    "sha256": file.output.sha256,
                    "width": file.output.width,
                    "height": file.output.height,
                }
                for file in self.files
            ],
        }


@dataclass(frozen=True, slots=True)
class Result:
    """One entry of the demo: a job, or a chain with its steps in order."""

    job: DemoJob
    steps: tuple[Step, ...]

    @property
    def ok(self) -> bool:
        """All steps ended well."""
        return bool(self.steps) and all(step.ok for step in self.steps)


@dataclass(frozen=True, slots=True)
class Summary:
    """The whole demo.

    Attributes:
        results: in the order of the page.
        page: the page's file.
        seconds: from the start of the stack to the written page.
    """

    results: Sequence[Result]
    page: Path
    seconds: float

    @property
    def ok(self) -> bool:
        """Everything ended well."""
        return bool(self.results) and all(result.ok for result in self.results)

    @property
    def steps(self) -> list[Step]:
        """Every job of every entry."""
        return [step for result in self.results for step in result.steps]

    @property
    def pictures(self) -> int:
        """How many pictures the models were asked for and gave."""
        return sum(len(step.pictures) for step in self.steps if step.view.kind == "bedrock")

    @property
    def cost_usd(self) -> float | None:
        """List price of all calls; None if that of one is not known."""
        return total_usd(step.view.cost.actual_usd for step in self.steps)

    @property
    def sentence(self) -> str:
        """The outcome for a person."""
        bad = [result.job.name for result in self.results if not result.ok]
        told = f"{len(self.steps)} jobs, {self.pictures} pictures in {self.seconds:.0f} s"
        price = "nothing was paid" if self.cost_usd is None else f"at Bedrock's list price ${self.cost_usd:.2f}; nothing was paid"
        return f"{told}; {price}." if not bad else f"{told}, but not everything went well: {', '.join(bad)}."

    def as_json(self) -> dict[str, object]:
        """The summary for machines."""
        out = self.page.resolve().parent
        jobs = [
            step.as_json(result.job.name if len(result.steps) == 1 else f"{result.job.name}/{step.view.step}", out)
            for result in self.results
            for step in result.steps
        ]
        return {"ok": self.ok, "jobs": jobs, "page": str(self.page.resolve()), "seconds": round(self.seconds, 2)}
