"""`darkroom models sync` and `revive`: what AWS says of the models' life cycles, and the fleet's marks of retired ones."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Final

import typer
from rich.table import Table
from rich.text import Text

from darkroom.cli.exits import BadInput
from darkroom.cli.invocation import NO_LEDGER, Invocation
from darkroom.cli.programs import require
from darkroom.cli.quotas import REGION_NAME
from darkroom.lifecycles.reading import Changes, State, Word, changes, difference
from darkroom_shared.core.errors import Misconfigured, Unavailable, UnknownModel
from darkroom_shared.models.catalogue import MODELS, find_model
from darkroom_shared.models.model import Model
from darkroom_shared.settings import Settings
from darkroom_shared.store.retirement import Mark

_SYNC_HELP: Final = """Ask AWS in which state the catalogue's models are, in their Regions, and tell the fleet.

A model that is gone in all of its Regions is marked as retired: jobs that allow another model are planned without it. The mark
of one that is active is taken back. Where AWS tells other dates than the catalogue has, that is shown.

It needs the package boto3 (pip install 'darkroom[worker]'), AWS credentials, and the permission bedrock:GetFoundationModel. It
costs nothing. Every Region is asked before anything is written; doing it again is safe."""
_REVIVE_HELP: Final = "Take back the mark by which the fleet takes a model for retired."
_COLOURS: Final[Mapping[Word, str]] = {"active": "green", "legacy": "yellow", "gone": "red", "unknown": ""}


def add_to(group: typer.Typer) -> None:
    """Adds the commands to `darkroom models`."""
    group.command("sync", help=_SYNC_HELP)(sync)
    group.command("revive", help=_REVIVE_HELP)(revive)


def sync(
    context: typer.Context,
    region: Annotated[
        list[str] | None,
        typer.Option("--region", metavar="REGION", help="Only there; may be repeated. Left out: all Regions of each model."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show; write nothing and need no ledger.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """See `_SYNC_HELP`."""
    invocation = Invocation.of(context)
    settings = invocation.settings()
    asked = _asked(region)
    if not dry_run and not settings.redis_url:
        raise Misconfigured(NO_LEDGER.format(home=settings.home_folder))
    require(("boto3",), "worker", "`darkroom models sync`")
    from darkroom.lifecycles.aws import states

    told = [state for name, models in asked.items() for state in states(name, models)]
    found = changes(MODELS.values(), told)
    changed = None if dry_run else _record(settings, found)
    today = datetime.now(UTC).date()
    if as_json:
        invocation.document(
            {
                "models": [_document(state, found, changed, today) for state in told],
                "marked": [mark.model for mark in found.marks if changed is None or mark.model in changed],
                "revived": None if changed is None else [name for name in found.revive if name in changed],
                "dry_run": dry_run,
            }
        )
        return
    _print(invocation, told, found, changed, today)
    if settings.is_local_bedrock:
        invocation.say("Calls go to a local endpoint here, which has models of its own: these are AWS's.")
    if changed is None:
        invocation.say("Nothing was written.")
    else:
        invocation.say(f"{len(changed)} {'mark has' if len(changed) == 1 else 'marks have'} changed in the ledger.")


def revive(
    context: typer.Context, model: Annotated[str, typer.Argument(metavar="MODEL", help="Its id, as `darkroom models` shows it.")]
) -> None:
    """See `_REVIVE_HELP`."""
    invocation = Invocation.of(context)
    settings = invocation.settings()
    try:
        known = find_model(model)
    except UnknownModel as error:
        raise BadInput(str(error)) from error
    if not settings.redis_url:
        raise Misconfigured(NO_LEDGER.format(home=settings.home_folder))
    if _record(settings, Changes((), (known.id,))):
        invocation.say(f"{known.id} is taken for living again, until AWS refuses a call to it.")
    else:
        invocation.say(f"{known.id} was not marked as retired.")


def known_marks(invocation: Invocation) -> Mapping[str, Mark]:
    """The marks in the ledger; none where there is no ledger, or it does not answer: the catalogue can be read without it."""
    from darkroom.lifecycles.record import marks

    settings = invocation.settings()
    if not settings.redis_url:
        return {}
    try:
        return marks(settings)
    except Unavailable as error:
        invocation.say(f"Which models are marked as retired is not known: {error}")
        return {}


def mark_text(mark: Mark) -> Text:
    """A mark in a table."""
    who = "AWS refused a call" if mark.source == "worker" else "gone at AWS"
    return Text(f"marked as retired: {who}, {_instant(mark):%Y-%m-%d}", style="red")


def _instant(mark: Mark) -> datetime:
    return datetime.fromtimestamp(mark.at_ms / 1000, UTC)


def _asked(given: Sequence[str] | None) -> dict[str, list[Model]]:
    """The models to ask for, by Region."""
    names = None if given is None else [name.strip() for word in given for name in word.split(",")]
    for name in names or ():
        if not REGION_NAME.fullmatch(name):
            raise BadInput(f"{name[:60]!r} is no AWS Region; write for example us-east-1.")
    every = dict.fromkeys(region for model in MODELS.values() for region in model.regions)
    regions = every if names is None else dict.fromkeys(names)
    found = {region: [model for model in MODELS.values() if region in model.regions] for region in regions}
    if not any(found.values()):
        raise BadInput(f"The catalogue has no model in {', '.join(regions)}; its Regions are {', '.join(every)}.")
    return {region: models for region, models in found.items() if models}


def _record(settings: Settings, found: Changes) -> list[str]:
    from darkroom.lifecycles.record import record

    return record(settings, found)


def _print(invocation: Invocation, told: Sequence[State], found: Changes, changed: Collection[str] | None, today: date) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("model", "region", "catalogue", "AWS", "difference", "mark"):
        table.add_column(title, no_wrap=title in ("model", "region"), overflow="fold")
    order = {name: place for place, name in enumerate(MODELS)}
    for state in sorted(told, key=lambda state: order[state.model]):
        model = MODELS[state.model]
        word = Text(_aws_word(state), style=_COLOURS[state.word])
        table.add_row(
            model.id, state.region, _catalogue(model), word, difference(model, state, today), _change(model.id, found, changed)
        )
    invocation.out.print(table)


def _catalogue(model: Model) -> str:
    legacy = f"Legacy {model.legacy_since}" if model.legacy_since else ""
    end = f"ends {model.end_of_life}" if model.end_of_life else ""
    return ", ".join(filter(None, (legacy, end))) or "active"


def _aws_word(state: State) -> str:
    legacy = f"Legacy {state.legacy_since}" if state.legacy_since else ""
    end = f"ends {state.end_of_life}" if state.end_of_life else ""
    word = state.text or "no state" if state.word == "unknown" else state.word
    return ", ".join(filter(None, (word, legacy, end)))


def _change(model_id: str, found: Changes, changed: Collection[str] | None) -> str:
    """What happens to the model's mark."""
    if any(mark.model == model_id for mark in found.marks):
        return "would be set" if changed is None else "set" if model_id in changed else "was set before"
    return "taken back" if changed is not None and model_id in changed else ""


def _document(state: State, found: Changes, changed: Collection[str] | None, today: date) -> dict[str, object]:
    model = MODELS[state.model]
    return {
        "model": model.id,
        "region": state.region,
        "catalogue": {"legacy_since": _iso(model.legacy_since), "end_of_life": _iso(model.end_of_life)},
        "aws": {
            "state": state.word,
            "legacy_since": _iso(state.legacy_since),
            "end_of_life": _iso(state.end_of_life),
            "text": state.text,
        },
        "difference": difference(model, state, today),
        "mark": _change(model.id, found, changed),
    }


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
