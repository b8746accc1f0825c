"""`darkroom held` and `darkroom resolve`: calls that may have been billed without an answer, and what is decided about them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Final, Literal

import typer

from darkroom.cli.exits import BadInput
from darkroom.cli.invocation import Invocation
from darkroom.cli.stories import held_table
from darkroom.cli.tables import document

Choice = Literal["retry", "give-up"]

_AS_JSON = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
_DONE: Final = {
    "retry": "It will be called once more; `darkroom watch {id}` follows it.",
    "give-up": "It has failed; `darkroom dead-letters replay {id}` would submit it again.",
    "answer": "The answer will be delivered without another call; `darkroom watch {id}` follows it.",
}


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("held")(held)
    app.command("resolve")(resolve)


def held(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="At most this many.")] = 50,
    as_json: _AS_JSON = False,
) -> None:
    """List jobs with a call that waits for `resolve`, the longest waiting first."""
    invocation = Invocation.of(context)
    with invocation.room() as room:
        views = room.held(limit=limit)
    if as_json:
        invocation.document({"held": [document(view, without={"request"}) for view in views]})
    elif views:
        invocation.out.print(held_table(views))
        invocation.say(
            "These calls went out and no answer came back. `darkroom dead-letters show ID` tells when; look into your invocation "
            "logs and bill for that time, then `darkroom resolve ID retry`, `give-up` or `--answer FILE`."
        )
    else:
        invocation.say("No call is held.")


def resolve(
    context: typer.Context,
    *,
    identity: Annotated[str, typer.Argument(metavar="ID", help="A job (job_…).")],
    decision: Annotated[
        Choice | None, typer.Argument(metavar="DECISION", help="One more call, or no more.", show_default=False)
    ] = None,
    billed: Annotated[
        bool | None, typer.Option("--billed/--not-billed", help="If it has become known whether the lost attempt was billed.")
    ] = None,
    answer: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Deliver this answer (the JSON that Bedrock sent; - for standard input); nothing is paid."
        ),
    ] = None,
    as_json: _AS_JSON = False,
) -> None:
    """Decide about the held calls of a job: retry, give up, or hand over the answer if it was found."""
    invocation = Invocation.of(context)
    if (decision is None) == (answer is None):
        raise BadInput("Give either a decision, retry or give-up, or --answer FILE.")
    if answer is not None and billed is not None:
        raise BadInput("--answer needs no --billed or --not-billed: what was answered was billed.")
    found = None if answer is None else _read(answer)
    with invocation.room() as room:
        calls = room.resolve(identity, found if found is not None else "retry" if decision == "retry" else "give_up", billed=billed)
        state = room.job(identity).status().state.value
    word = decision or "answer"
    if as_json:
        invocation.document({"id": identity, "decision": word, "calls": calls, "state": state})
    else:
        for call in calls:
            invocation.line(call)
        invocation.say(_DONE[word].format(id=identity))


def _read(path: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}.") from error
