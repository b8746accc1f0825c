"""`darkroom tuning`: fine-tuning of image models: checks and uploads the data, starts, follows and stops jobs on AWS."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.table import Table
from rich.text import Text

from darkroom.cli.exits import BAD_INPUT, FAILED, STILL_RUNNING, BadInput
from darkroom.cli.invocation import Invocation
from darkroom.cli.programs import require
from darkroom.tuning.captions import Finding
from darkroom.tuning.estimate import Estimate, estimate
from darkroom.tuning.folder import Dataset, read_folder
from darkroom.tuning.hyperparameters import BASES, find_base, hyperparameters, value_of
from darkroom.tuning.jobs import TuningJob, TuningRequest, request_problems, uri_problems
from darkroom.tuning.permitted import STATEMENT, check_permitted, closed_since
from darkroom_shared.core.errors import InvalidRequest

_HELP: Final = """Fine-tuning of image models on pictures of one subject. AWS takes no new jobs any more: `darkroom tuning
models` says what is left.

All but `models` and `check` need boto3 (pip install 'darkroom[worker]') and AWS credentials with these rights: manifest:
s3:ListBucket and s3:PutObject; start: s3:GetObject, bedrock:CreateModelCustomizationJob and iam:PassRole for the role; the others:
bedrock:GetModelCustomizationJob, ListModelCustomizationJobs and StopModelCustomizationJob."""
_SHOWN: Final = 200
"""Findings that are printed; --json has all."""
_EVERY_S: Final = 60.0
_AS_JSON = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
_REGION = Annotated[str | None, typer.Option("--region", metavar="REGION", help="Left out: DARKROOM_REGION.")]
_FOLDER = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="With captions.csv, captions.jsonl or NAME.txt beside each picture.")
]
_JOB = Annotated[str, typer.Argument(metavar="JOB", help="Its name or ARN.")]


def add_to(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(help=_HELP, rich_markup_mode=None, no_args_is_help=True)
    for command in (models, check, manifest, start, status, wait, stop):
        group.command()(command)
    group.command("list")(list_jobs)
    app.add_typer(group, name="tuning")


def models(context: typer.Context, as_json: _AS_JSON = False) -> None:
    """Say which models were open to fine-tuning, with which hyperparameters, and what AWS still permits."""
    invocation, today = Invocation.of(context), datetime.now(UTC).date()
    if as_json:
        rows = [
            {
                "model": base.id,
                "regions": list(base.regions),
                "closed_since": None if (day := closed_since(base, today)) is None else day.isoformat(),
                "hyperparameters": {name: str(allowed) for name, allowed in base.ranges.items()},
            }
            for base in BASES
        ]
        invocation.document({"models": rows, "permitted": list(STATEMENT)})
        return
    table = _table("model", "new jobs", "regions", "hyperparameters")
    for base in BASES:
        day = closed_since(base, today)
        state = Text("taken", style="green") if day is None else Text(f"closed since {day}", style="red")
        ranges = "; ".join(f"{name} {allowed}" for name, allowed in base.ranges.items())
        table.add_row(base.id, state, ", ".join(base.regions), ranges)
    invocation.out.print(table)
    for sentence in STATEMENT:
        invocation.say(sentence)


def check(context: typer.Context, folder: _FOLDER, as_json: _AS_JSON = False) -> None:
    """Say everything that is wrong with a folder of pictures and captions; needs no AWS. Exit code 2 if anything is."""
    invocation = Invocation.of(context)
    dataset = _read(folder)
    if as_json:
        invocation.document(_document(dataset))
    else:
        _tell(invocation, dataset)
    if dataset.findings:
        raise typer.Exit(BAD_INPUT)


def manifest(
    context: typer.Context,
    folder: _FOLDER,
    to: Annotated[str, typer.Option("--to", metavar="s3://BUCKET/PREFIX", help="Where pictures and manifest go.")],
    region: _REGION = None,
    as_json: _AS_JSON = False,
) -> None:
    """Check a folder, upload its pictures under the names of their contents, and the manifest. What is there is not sent again."""
    require(("boto3",), "worker", "darkroom tuning manifest")
    from darkroom.tuning import aws

    invocation = Invocation.of(context)
    if problems := uri_problems("--to", to):
        raise InvalidRequest(problems)
    dataset = _read(folder)
    if dataset.findings:
        if as_json:
            invocation.document(_document(dataset))
        else:
            _tell(invocation, dataset)
        raise typer.Exit(BAD_INPUT)
    done = aws.upload(region or invocation.load_settings().region, dataset, to)
    if as_json:
        invocation.document(
            {"manifest": done.manifest_uri, "records": len(dataset.records), "sent": done.sent, "there_already": done.kept}
        )
        return
    invocation.line(done.manifest_uri)
    invocation.say(f"{len(dataset.records)} records; {done.sent} objects sent, {done.kept} were there already.")


def start(  # noqa: PLR0917 - Typer hands its options in by name
    context: typer.Context,
    base: Annotated[str, typer.Option("--base", metavar="MODEL", help="The base model; `darkroom tuning models` lists them.")],
    name: Annotated[str, typer.Option("--name", help="Of the job: letters, digits, +, - and .; never used before.")],
    data: Annotated[str, typer.Option("--manifest", metavar="S3URI", help="What `darkroom tuning manifest` printed.")],
    output: Annotated[str, typer.Option("--output", metavar="S3URI", help="Where metrics go.")],
    role: Annotated[str, typer.Option("--role", metavar="ARN", help="The role that Bedrock reads and writes with.")],
    model_name: Annotated[str | None, typer.Option("--model-name", help="Of the custom model; left out: the job's.")] = None,
    steps: Annotated[str | None, typer.Option("--steps", help="stepCount, or auto for a Titan model.")] = None,
    batch: Annotated[str | None, typer.Option("--batch", help="batchSize.")] = None,
    learning_rate: Annotated[str | None, typer.Option("--learning-rate", help="learningRate, as 0.00001 or 1e-5.")] = None,
    region: _REGION = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Ask AWS though the base model is closed to new jobs.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Start it; without, the estimate is shown and nothing is started.")] = False,
    as_json: _AS_JSON = False,
) -> None:
    """Start a fine-tuning job. The same request again is the same job. Costs money on AWS: shows an estimate and wants --yes."""
    require(("boto3",), "worker", "darkroom tuning start")
    from darkroom.tuning import aws

    invocation = Invocation.of(context)
    known = find_base(base)
    told = {"stepCount": steps, "batchSize": batch, "learningRate": learning_rate}
    sent, problems = hyperparameters(known, {key: value for key, value in told.items() if value is not None})
    request = TuningRequest(
        region or invocation.load_settings().region, known.id, name, model_name or name, role, data, output, sent
    )
    if problems := [*request_problems(request, known), *problems]:
        raise InvalidRequest(problems)
    if not anyway:
        check_permitted(known, datetime.now(UTC).date())
    images = aws.count_records(request.region, data)
    cost = estimate(known, images, value_of(known, sent, "stepCount"), value_of(known, sent, "batchSize"))
    arn = aws.start(request) if yes else None
    if as_json:
        invocation.document({"arn": arn, "started": yes, "records": images, "estimate": cost.as_json()})
    else:
        _tell_cost(invocation, cost, images)
        if arn is not None:
            invocation.line(arn)
    if not yes:
        invocation.say("Nothing was started: say --yes to start it.")
        raise typer.Exit(BAD_INPUT)


def status(context: typer.Context, job: _JOB, region: _REGION = None, as_json: _AS_JSON = False) -> None:
    """Show a job: its state, that of its parts, and the custom model once it is made."""
    require(("boto3",), "worker", "darkroom tuning status")
    from darkroom.tuning import aws

    invocation = Invocation.of(context)
    _show(invocation, aws.job(region or invocation.load_settings().region, job), as_json=as_json)


def wait(  # noqa: PLR0917 - likewise
    context: typer.Context,
    job: _JOB,
    region: _REGION = None,
    timeout: Annotated[float, typer.Option("--timeout", min=0, help="Seconds; exit code 4 if it is still running then.")] = 86_400,
    every: Annotated[float, typer.Option("--every", min=0.05, help="Seconds between looks.")] = _EVERY_S,
    as_json: _AS_JSON = False,
) -> None:
    """Wait until a job is over. Exit code 0: completed; 1: failed or stopped; 4: still running."""
    require(("boto3",), "worker", "darkroom tuning wait")
    from darkroom.tuning import aws

    invocation = Invocation.of(context)
    where = region or invocation.load_settings().region
    found = _until_over(lambda: aws.job(where, job), timeout, every)
    _show(invocation, found, as_json=as_json)
    if not found.is_over:
        raise typer.Exit(STILL_RUNNING)
    if found.status != "Completed":
        raise typer.Exit(FAILED)


def _until_over(look: Callable[[], TuningJob], timeout_s: float, every_s: float) -> TuningJob:
    until = time.monotonic() + timeout_s
    while True:
        found = look()
        left = until - time.monotonic()
        if found.is_over or left <= 0:
            return found
        time.sleep(min(every_s, left))


def stop(context: typer.Context, job: _JOB, region: _REGION = None) -> None:
    """Stop a job. What was trained until then is paid; what came of it is kept as far as AWS can."""
    require(("boto3",), "worker", "darkroom tuning stop")
    from darkroom.tuning import aws

    invocation = Invocation.of(context)
    aws.stop(region or invocation.load_settings().region, job)
    invocation.say(f"AWS was asked to stop {job}; `darkroom tuning wait` tells when it has.")


def list_jobs(
    context: typer.Context,
    region: _REGION = None,
    most: Annotated[int, typer.Option("--most", min=1, max=10_000, help="How many, newest first.")] = 50,
    as_json: _AS_JSON = False,
) -> None:
    """List the jobs of the account in a Region, newest first."""
    require(("boto3",), "worker", "darkroom tuning list")
    from darkroom.tuning import aws

    invocation = Invocation.of(context)
    found = aws.jobs(region or invocation.load_settings().region, most)
    if as_json:
        invocation.document({"jobs": [one.as_json() for one in found]})
        return
    table = _table("job", "status", "base model", "custom model", "created")
    for one in found:
        created = "" if one.created is None else f"{one.created.astimezone(UTC):%Y-%m-%d %H:%M}"
        table.add_row(one.name, one.status, one.base_arn.rpartition("/")[2], one.model_name, created)
    invocation.out.print(table)


def _read(folder: Path) -> Dataset:
    try:
        return read_folder(folder)
    except OSError as error:
        raise BadInput(f"{folder} cannot be listed: {error.strerror}.") from error


def _document(dataset: Dataset) -> dict[str, object]:
    return {
        "records": len(dataset.records),
        "problems": [finding.as_json() for finding in dataset.findings],
        "notes": [finding.as_json() for finding in dataset.notes],
        "ignored": list(dataset.ignored),
    }


def _tell(invocation: Invocation, dataset: Dataset) -> None:
    for finding in dataset.findings[:_SHOWN]:
        invocation.line(_sentence(finding))
    if len(dataset.findings) > _SHOWN:
        invocation.say(f"… and {len(dataset.findings) - _SHOWN} more; --json has all.")
    for note in dataset.notes[:_SHOWN]:
        invocation.say(f"Note: {_sentence(note)}")
    if dataset.ignored:
        invocation.say(f"Not looked at: {', '.join(dataset.ignored[:_SHOWN])}.")
    wrong = len(dataset.findings)
    judged = "nothing is wrong" if not wrong else f"{wrong} thing{'s are' if wrong > 1 else ' is'} wrong"
    invocation.say(f"{len(dataset.records)} pictures with captions can be used; {judged}.")


def _sentence(finding: Finding) -> str:
    return f"{finding.file or 'folder'}: {finding.reason}."


def _tell_cost(invocation: Invocation, cost: Estimate, images: int) -> None:
    training = "not known" if cost.training_usd is None else f"about ${cost.training_usd:,.2f}"
    storage = "not known" if cost.storage_usd_a_month is None else f"${cost.storage_usd_a_month} a month"
    invocation.say(f"{images} records. Training: {training}; keeping the model: {storage}. An estimate, not a bill. {cost.why}")


def _show(invocation: Invocation, job: TuningJob, *, as_json: bool) -> None:
    if as_json:
        invocation.document(job.as_json())
        return
    parts = ", ".join(f"{name} {state}" for name, state in (job.parts or {}).items())
    invocation.line(f"{job.name}  {job.status}{f'  ({parts})' if parts else ''}")
    if job.failure:
        invocation.say(job.failure)
    if job.model_arn:
        invocation.line(job.model_arn)


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, no_wrap=title in ("model", "job"), overflow="fold")
    return table
