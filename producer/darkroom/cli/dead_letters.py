"""`darkroom dead-letters`: jobs that gave up and wait for a person. Look at them, send them again, or let them go."""

from __future__ import annotations

import json
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any, Final, cast

import typer

from darkroom.cli.changes import read_changes
from darkroom.cli.delivery import Delivery, fresh_folder
from darkroom.cli.exits import BAD_INPUT, BadInput, error_document, sentence
from darkroom.cli.follow import finish
from darkroom.cli.invocation import Invocation
from darkroom.cli.stories import dead_letters_table, job_story
from darkroom.cli.submit import with_signature
from darkroom.cli.tables import document
from darkroom_shared.core.errors import NothingToDecide, UnknownJob

_ID = Annotated[str, typer.Argument(metavar="ID", help="A job (job_…).")]
_LIMIT = Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="At most this many.")]
_TENANT = Annotated[str | None, typer.Option(help="Only this tenant's.")]
_AS_JSON = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
_SET = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="PATH=VALUE", help="Change a field, e.g. textToImageParams.text='a blue boat'; null takes it away."
    ),
]
_MERGE = Annotated[
    Path | None, typer.Option("--merge", metavar="FILE", help="A JSON merge patch for the request; - reads it from standard input.")
]
_FEW: Final = 50
_PRIVATE: Final = {"request"}
"""Left out unless asked for: prompts may be personal data."""


def add_to(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(help="Jobs that gave up and wait for a person; alone, `list`.", rich_markup_mode=None)
    group.callback(invoke_without_command=True)(_group)
    group.command("list")(list_dead_letters)
    group.command("show")(show)
    own = [
        Parameter("identity", Parameter.KEYWORD_ONLY, annotation=_ID),
        Parameter("changes", Parameter.KEYWORD_ONLY, annotation=_SET, default=None),
        Parameter("merge", Parameter.KEYWORD_ONLY, annotation=_MERGE, default=None),
    ]
    summary = "Submit a dead letter again as a new, linked job. Model, Region, tenant, class and metadata stay unless given."
    group.command("replay", help=summary)(with_signature(_replay, own, summary))
    group.command("discard")(discard)
    app.add_typer(group, name="dead-letters")


def _group(context: typer.Context, limit: _LIMIT = _FEW, tenant: _TENANT = None, as_json: _AS_JSON = False) -> None:
    """Jobs that gave up and wait for a person. Alone it lists them."""
    if context.invoked_subcommand is None:
        list_dead_letters(context, limit, tenant, as_json)
    elif (limit, tenant, as_json) != (_FEW, None, False):
        raise BadInput(f"Write the options behind the command: `darkroom dead-letters {context.invoked_subcommand} … --option`.")


def list_dead_letters(context: typer.Context, limit: _LIMIT = _FEW, tenant: _TENANT = None, as_json: _AS_JSON = False) -> None:
    """List dead letters, newest first."""
    invocation = Invocation.of(context)
    with invocation.room() as room:
        views = room.dead_letters(limit=limit, tenant=tenant)
    if as_json:
        invocation.document({"dead_letters": [document(view, without=_PRIVATE) for view in views]})
    elif views:
        invocation.out.print(dead_letters_table(views))
        invocation.say(
            "Look at one with `darkroom dead-letters show ID`; then `replay ID` submits it again, `discard ID` lets it go."
        )
    else:
        invocation.say("There are no dead letters.")


def show(
    context: typer.Context,
    identity: _ID,
    request: Annotated[bool, typer.Option("--request", help="Also the request; prompts may be personal data.")] = False,
    as_json: _AS_JSON = False,
) -> None:
    """Show a job with everything about each attempt; also for a job that is no dead letter."""
    invocation = Invocation.of(context)
    with invocation.room() as room:
        view = room.job(identity).status()
    if as_json:
        invocation.document(document(view, without=set() if request else _PRIVATE))
        return
    invocation.out.print(job_story(view))
    if request:
        invocation.line(json.dumps(view.request, indent=2, ensure_ascii=False))


def _replay(context: typer.Context, identity: str, changes: list[str] | None, merge: Path | None, **given: object) -> None:
    invocation = Invocation.of(context)
    delivery = Delivery(**cast("dict[str, Any]", given))
    patch, options = read_changes(changes or [], merge), delivery.options()
    with invocation.room() as room:
        fresh_folder(delivery)
        finish(invocation, room.replay(identity, patch, **options), delivery)


def discard(
    context: typer.Context,
    identities: Annotated[list[str], typer.Argument(metavar="ID...", help="Jobs (job_…).")],
    as_json: _AS_JSON = False,
) -> None:
    """Take jobs off the dead letters. They are then kept no longer than any other job."""
    invocation = Invocation.of(context)
    done: list[str] = []
    refused: list[dict[str, object]] = []
    with invocation.room() as room:
        for identity in identities:
            try:
                room.discard(identity)
            except (NothingToDecide, UnknownJob) as error:
                refused.append({"id": identity, **error_document(error)})
                invocation.say(sentence(error))
            else:
                done.append(identity)
                if not as_json:
                    invocation.line(identity)
    if as_json:
        invocation.document({"discarded": done, "refused": refused})
    if refused:
        raise typer.Exit(BAD_INPUT)
