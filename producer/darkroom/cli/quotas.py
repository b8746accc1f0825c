"""`darkroom quotas`: which quotas calls are paced by; `sync` asks AWS for the account's own and gives them to the ledger."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

import typer
from rich.table import Table
from rich.text import Text

from darkroom.cli.exits import BadInput
from darkroom.cli.invocation import NO_LEDGER, Invocation
from darkroom.cli.programs import require
from darkroom.quotas.known import KnownQuota, PoolRecord, known_quotas
from darkroom.quotas.names import MEASURE_WORDS, ModelQuota, Reading, read_quotas, unnamed
from darkroom_shared.core.errors import Misconfigured
from darkroom_shared.core.quota import pool_name
from darkroom_shared.settings import Settings

_REGIONS = Annotated[
    list[str] | None,
    typer.Option("--region", metavar="REGION", help="May be repeated. Left out: DARKROOM_REGION and DARKROOM_REGIONS."),
]
_AS_JSON = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
REGION_NAME: Final = re.compile(r"[a-z]{2,8}(-[a-z]{2,16}){1,3}-[0-9]{1,2}", re.ASCII)
"""What an AWS Region's name looks like."""
_SYNC_HELP: Final = """Read Bedrock's quotas of this account from AWS Service Quotas and give them to the ledger, which paces
calls by them where DARKROOM_QUOTAS names no number.

It needs the package boto3 (pip install 'darkroom[worker]'), AWS credentials, and two permissions:
servicequotas:ListServiceQuotas and servicequotas:ListAWSDefaultServiceQuotas. It costs nothing. Every Region is read
before anything is written; doing it again is safe."""


def add_to(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(help="Which quotas calls are paced by; `sync` reads the account's own from AWS.", rich_markup_mode=None)
    group.callback(invoke_without_command=True)(_group)
    group.command("sync", help=_SYNC_HELP)(sync)
    app.add_typer(group, name="quotas")


def _group(context: typer.Context, region: _REGIONS = None, as_json: _AS_JSON = False) -> None:
    """Which quotas calls are paced by, and who says so. Alone it lists them; `sync` reads the account's own from AWS."""
    if context.invoked_subcommand is not None:
        if (region, as_json) != (None, False):
            raise BadInput(f"Write the options behind the command: `darkroom quotas {context.invoked_subcommand} … --option`.")
        return
    invocation = Invocation.of(context)
    settings = invocation.settings()
    regions = _regions(settings, region)
    known = known_quotas(settings, regions, _records(settings))
    if as_json:
        invocation.document({"quotas": [_known_document(one) for one in known]})
        return
    table = _table("model", "region", "requests a minute", "from", "AWS said")
    for one in known:
        pace = "not paced" if one.source == "off" else _number(one.requests_per_minute)
        at = f", {_instant(one.aws_ms):%Y-%m-%d %H:%M} UTC" if one.aws_ms is not None else ""
        said = "-" if one.aws_rpm is None else f"{_number(one.aws_rpm)}{at}"
        table.add_row(one.target, one.region, pace, one.source, said)
    invocation.out.print(table)
    if not settings.redis_url:
        invocation.say("There is no ledger here to ask: what AWS said is not known.")
    invocation.say("`darkroom quotas sync` reads this account's quotas from AWS; with `--dry-run` it only shows them.")


def sync(
    context: typer.Context,
    region: _REGIONS = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show; write nothing and need no ledger.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Also list the quotas that concern no model of the catalogue.")
    ] = False,
    as_json: _AS_JSON = False,
) -> None:
    """See `_SYNC_HELP`."""
    invocation = Invocation.of(context)
    settings = invocation.settings()
    regions = _regions(settings, region)
    if not dry_run and not settings.redis_url:
        raise Misconfigured(NO_LEDGER.format(home=settings.home_folder))
    require(("boto3",), "worker", "`darkroom quotas sync`")
    from darkroom.quotas.aws import listed_quotas

    reading = read_quotas([quota for name in regions for quota in listed_quotas(name)])
    missing = unnamed(reading, regions)
    bought = [pool_name(name, model.id) for model in settings.fine_tuned for name in model.regions if name in regions]
    changed = None if dry_run else _record(settings, reading, regions)
    if as_json:
        ignored = [{"region": one.region, "code": one.code, "name": one.name, "value": one.value} for one in reading.ignored]
        invocation.document(
            {
                "quotas": [_document(one) for one in reading.quotas],
                "unnamed": missing,
                "provisioned": bought,
                "ignored": ignored if verbose else len(ignored),
                "warnings": list(reading.warnings),
                "dry_run": dry_run,
                "changed": changed,
            }
        )
        return
    _print(invocation, reading, verbose=verbose)
    for warning in reading.warnings:
        invocation.say(f"Warning: {warning}")
    if missing:
        invocation.say(f"AWS names no quota of {', '.join(missing)}: the settings or the catalogue count there.")
    if bought:
        told = "counts no requests a minute for Provisioned Throughput: DARKROOM_QUOTAS says their pace, or it is learned."
        invocation.say(f"AWS {told} That is {', '.join(bought)}.")
    if settings.is_local_bedrock:
        invocation.say("Calls go to a local endpoint here, whose quotas are its own: these are the AWS account's.")
    if dry_run:
        invocation.say("Nothing was written.")
    else:
        invocation.say(f"{changed} {'pool has' if changed == 1 else 'pools have'} changed in the ledger.")


# The ledger's side is imported where it is used: it costs time that no other command should pay.


def _records(settings: Settings) -> Mapping[str, PoolRecord]:
    from darkroom.quotas.record import pool_records

    return pool_records(settings) if settings.redis_url else {}


def _record(settings: Settings, reading: Reading, regions: Sequence[str]) -> int:
    from darkroom.quotas.record import changes, pool_records, record

    return record(settings, changes(reading, regions, pool_records(settings)))


def _regions(settings: Settings, given: Sequence[str] | None) -> list[str]:
    """Those named, each once, in their order; else the settings'."""
    names = [name.strip() for word in given or (settings.region, *settings.regions) for name in word.split(",")]
    for name in names:
        if not REGION_NAME.fullmatch(name):
            told = f"{name[:60]!r} is no AWS Region; write for example us-east-1."
            raise BadInput(told) if given else Misconfigured(f"DARKROOM_REGION or DARKROOM_REGIONS: {told}")
    return list(dict.fromkeys(names))


def _print(invocation: Invocation, reading: Reading, *, verbose: bool) -> None:
    table = _table("model", "region", "kind", "value", "from")
    for one in reading.quotas:
        value = Text(f"{_number(one.value)} {MEASURE_WORDS[one.meaning.measure]}", style="red" if one.value == 0 else "")
        table.add_row(one.target, one.listed.region, one.meaning.kind, value, _origin(one))
    if reading.quotas:
        invocation.out.print(table)
    else:
        invocation.say("AWS lists no quota of a model of the catalogue.")
    if not verbose:
        return
    others = _table("ignored", "region", "code", "value")
    for quota in reading.ignored:
        others.add_row(Text(quota.name), quota.region, quota.code, _number(quota.value))
    invocation.out.print("", others)


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in titles:
        table.add_column(title, no_wrap=title in ("model", "region"), overflow="fold")
    return table


def _instant(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:,g}" if value < 1e6 else f"{value:,.0f}"


def _origin(quota: ModelQuota) -> str:
    return "default" if quota.listed.is_default else "applied"


def _document(quota: ModelQuota) -> dict[str, object]:
    return {
        "route": quota.route,
        "model": quota.meaning.model.id,
        "region": quota.listed.region,
        "kind": quota.meaning.kind,
        "measure": quota.meaning.measure,
        "value": quota.value,
        "from": _origin(quota),
        "code": quota.listed.code,
        "name": quota.listed.name,
    }


def _known_document(quota: KnownQuota) -> dict[str, object]:
    return {
        "route": quota.route,
        "model": quota.model,
        "region": quota.region,
        "requests_per_minute": quota.requests_per_minute,
        "from": quota.source,
        "aws_requests_per_minute": quota.aws_rpm,
        "aws_said": None if quota.aws_ms is None else _instant(quota.aws_ms).isoformat(),
    }
