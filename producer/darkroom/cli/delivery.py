"""The options that say how a job is delivered rather than what it draws: model, tenant, class, deadlines, waiting, saving."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from inspect import Parameter
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated, Final, cast

import typer

from darkroom.cli.exits import BadInput
from darkroom.options import SubmitOptions
from darkroom_shared.contract.job_record import Cache, IfLate, JobClass, OnUnknown, Substitute
from darkroom_shared.core.guardrail import Gate

_UNITS: Final[Mapping[str, float]] = {"ms": 0.001, "s": 1, "": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|)")


@dataclass(frozen=True, slots=True)
class Delivery:
    """The delivery options of one command, as given. `as_json`, `save`, `wait` and `timeout` concern the command line only."""

    model: str | None = None
    substitute: Substitute | None = None
    region: str | None = None
    regions: str | None = None
    tenant: str | None = None
    job_class: JobClass | None = None
    idempotency_key: str | None = None
    metadata: Sequence[str] | None = None
    not_before: str | None = None
    start_within: str | None = None
    finish_by: str | None = None
    if_late: IfLate | None = None
    cache: Cache | None = None
    on_unknown: OnUnknown | None = None
    guardrail: str | None = None
    guardrail_gates: str | None = None
    checks: Sequence[str] | None = None
    rerolls: int | None = None
    wait: bool = False
    timeout: str | None = None
    save: Path | None = None
    as_json: bool = False

    def options(self) -> SubmitOptions:
        """What the client wants.

        Raises:
            BadInput: a time, a duration or a pair cannot be read.
        """
        return SubmitOptions(
            model=self.model,
            substitute=self.substitute,
            region=self.region,
            regions=words(self.regions),
            tenant=self.tenant,
            job_class=self.job_class,
            idempotency_key=self.idempotency_key,
            metadata=pairs(self.metadata),
            not_before=instant("--not-before", self.not_before),
            start_within=None if self.start_within is None else length("--start-within", self.start_within),
            finish_by=instant("--finish-by", self.finish_by),
            if_late=self.if_late,
            cache=self.cache,
            on_unknown=self.on_unknown,
            guardrail=self.guardrail,
            checks=None if self.checks is None else [_check(text) for text in self.checks],
            rerolls=self.rerolls,
            # What is no gate is refused with all else that is wrong with the options.
            guardrail_gates=cast("list[Gate] | None", words(self.guardrail_gates)),
        )

    @property
    def timeout_s(self) -> float | None:
        """How long to wait, in seconds; None for as long as it takes."""
        return None if self.timeout is None else seconds("--timeout", self.timeout)

    @property
    def waits(self) -> bool:
        """Whether the command stays until the job ended; saving and a time-out imply it."""
        return self.wait or self.save is not None or self.timeout is not None


def _check(text: str) -> str | Mapping[str, object]:
    """A check by its name, or as JSON. Raises BadInput."""
    if not text.lstrip().startswith("{"):
        return text
    try:
        return cast("Mapping[str, object]", json.loads(text))
    except ValueError as error:
        raise BadInput(f"--check {text[:80]!r} is no JSON: {error}") from None


def ready_folder(option: str, folder: Path | None) -> None:
    """Makes a folder and tries whether files can be written there, before anything is submitted; does nothing for None.

    Raises:
        BadInput: they cannot.
    """
    if folder is None:
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise BadInput(f"{option} {folder} cannot be written: {error.strerror}. Choose another folder.") from error


def fresh_folder(delivery: Delivery) -> None:
    """As `ready_folder` for `--save`, for what is about to be submitted: pictures of an earlier job would be written over.

    With `--key` the job may be the one that is there already; then `owned_by` looks once its id is known.

    Raises:
        BadInput: the folder holds a job's pictures, or cannot be written.
    """
    if delivery.save is not None and delivery.idempotency_key is None:
        owned_by(None, delivery.save)
    ready_folder("--save", delivery.save)


def owned_by(identity: str | None, folder: Path) -> None:
    """Refuses a folder into which another job or workflow was saved.

    Args:
        identity: whose results are to go there; None for one that is new.

    Raises:
        BadInput: they would lie among those of another, or on top of them.
    """
    for name in ("job.json", "workflow.json"):
        path = folder / name
        if not path.is_file():
            continue
        try:
            told: object = json.loads(path.read_bytes())
        except (OSError, ValueError):
            told = None
        owner = cast("dict[str, object]", told).get("id") if isinstance(told, dict) else None
        if identity is None or owner != identity:
            held = f"the results of {owner}" if isinstance(owner, str) else f"a {name} that is not of darkroom"
            get = f" Get those of {identity} with `darkroom fetch {identity} --out DIR`." if identity else ""
            raise BadInput(f"{folder} holds {held}, which would be written over. Choose another folder.{get}")


def seconds(option: str, text: str) -> float:
    """A duration in seconds: `90`, `90s`, `1.5m`, `2h`, `1d`, `500ms`."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise BadInput(f"{option} {text!r} is no duration. Write for example 90s, 10m or 2h.")
    return float(match[1]) * _UNITS[match[2]]


def length(option: str, text: str) -> timedelta:
    """A duration; see `seconds`."""
    try:
        return timedelta(seconds=seconds(option, text))
    except OverflowError as error:
        raise BadInput(f"{option} {text[:80]!r} is too long.") from error


def _sum(option: str, text: str) -> datetime:
    try:
        return datetime.now(UTC) + length(option, text[1:])
    except OverflowError as error:
        raise BadInput(f"{option} {text[:80]!r} is too far ahead.") from error


def instant(option: str, text: str | None) -> datetime | None:
    """An instant: ISO 8601 (without a zone it is local time), or `+10m` for ten minutes from now."""
    if text is None:
        return None
    if text.startswith("+"):
        return _sum(option, text)
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadInput(f"{option} {text!r} is no time. Write for example 2030-01-31T12:00Z, or +10m for in ten minutes.") from error


def pairs(given: Sequence[str] | None) -> dict[str, str] | None:
    """`NAME=VALUE` words as a dict; None for none."""
    wrong = [word for word in given or () if "=" not in word]
    if wrong:
        raise BadInput(f"--meta {wrong[0]!r} is no pair. Write NAME=VALUE.")
    return dict(word.split("=", 1) for word in given) if given else None


def words(text: str | None) -> list[str] | None:
    """Words with commas between as a list; None for none."""
    return None if text is None else [word.strip() for word in text.split(",") if word.strip()]


_ANNOTATIONS: Final[tuple[tuple[str, object, object], ...]] = (
    (
        "model",
        Annotated[str | None, typer.Option("--model", "-m", help="Model id, as `darkroom models` lists them, or auto.")],
        None,
    ),
    (
        "substitute",
        Annotated[
            Substitute | None,
            typer.Option(help="Whether another model may do it if this one cannot (any more); `darkroom plan` shows which."),
        ],
        None,
    ),
    ("region", Annotated[str | None, typer.Option(help="AWS Region of the calls.")], None),
    (
        "regions",
        Annotated[str | None, typer.Option(metavar="A,B,…", help="AWS Regions to go to, best first: one takes over from another.")],
        None,
    ),
    ("tenant", Annotated[str | None, typer.Option(help="Whose job it is.")], None),
    ("job_class", Annotated[JobClass | None, typer.Option("--class", help="How urgent it is; a new job is standard.")], None),
    (
        "idempotency_key",
        Annotated[str | None, typer.Option("--key", help="Submitting twice under one key makes one job.")],
        None,
    ),
    ("metadata", Annotated[list[str] | None, typer.Option("--meta", metavar="NAME=VALUE", help="Kept with the job.")], None),
    ("not_before", Annotated[str | None, typer.Option(help="Earliest start: an ISO time, or +10m.")], None),
    ("start_within", Annotated[str | None, typer.Option(help="Give up if it has not started after this time, e.g. 10m.")], None),
    ("finish_by", Annotated[str | None, typer.Option(help="Give up if it has not started by then: an ISO time, or +1h.")], None),
    (
        "if_late",
        Annotated[IfLate | None, typer.Option(help="What to do if the start would probably come too late; warn unless set.")],
        None,
    ),
    (
        "cache",
        Annotated[Cache | None, typer.Option(help="Whether an equal job's result is taken over; use unless set.")],
        None,
    ),
    (
        "on_unknown",
        Annotated[
            OnUnknown | None,
            typer.Option(help="A call that may have been billed without an answer: once more, or hold it for `darkroom resolve`."),
        ],
        None,
    ),
    ("guardrail", Annotated[str | None, typer.Option(metavar="ID:VERSION", help="Bedrock guardrail of its calls.")], None),
    (
        "guardrail_gates",
        Annotated[
            str | None,
            typer.Option(metavar="A,B,…", help="What the guardrail is asked about besides the calls: prompt, input, output."),
        ],
        None,
    ),
    (
        "checks",
        Annotated[
            list[str] | None,
            typer.Option(
                "--check", metavar="CHECK", help="A check of each picture: blank, near_duplicate, …, or JSON; repeatable."
            ),
        ],
        None,
    ),
    ("rerolls", Annotated[int | None, typer.Option(help="How often what does not pass is made again, and paid.")], None),
    ("wait", Annotated[bool, typer.Option("--wait", help="Stay until it has ended.")], False),
    (
        "timeout",
        Annotated[str | None, typer.Option(help="Wait at most this long, e.g. 90s; exit code 4 if it still runs.")],
        None,
    ),
    ("save", Annotated[Path | None, typer.Option(metavar="DIR", help="Wait, and put the pictures and job.json there.")], None),
    ("as_json", Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")], False),
)

PARAMETERS: Final[tuple[Parameter, ...]] = tuple(
    Parameter(name, Parameter.KEYWORD_ONLY, annotation=annotation, default=default) for name, annotation, default in _ANNOTATIONS
)
"""The delivery options as parameters of a command."""
