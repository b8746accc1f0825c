"""`darkroom lint-prompt`: what the documents of the image models say about a prompt, without sending it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from darkroom.cli.exits import BAD_INPUT, BadInput
from darkroom.cli.invocation import Invocation
from darkroom.cli.submit import read_object
from darkroom.terms import DIALECT
from darkroom_shared.contract.job_record import AUTO
from darkroom_shared.models.catalogue import MODELS, find_model, tagged
from darkroom_shared.models.model import Model
from darkroom_shared.plan.advice import advise
from darkroom_shared.plan.prompts import prompts_of
from darkroom_shared.task_types import task_type_of


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("lint-prompt")(lint_prompt)


def lint_prompt(
    context: typer.Context,
    text: Annotated[str | None, typer.Argument(metavar="[TEXT]", help="The prompt of a picture.", show_default=False)] = None,
    *,
    json_body: Annotated[
        Path | None,
        typer.Option("--json-body", metavar="FILE", help="Bedrock's own request body; - reads it from standard input."),
    ] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Model id; without it the default model.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit code 2 if there is any advice.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")] = False,
) -> None:
    """Tell what the documents of the image models advise against in a prompt, or in all prompts of a request body."""
    invocation = Invocation.of(context)
    if (text is None) == (json_body is None):
        raise BadInput("Give a prompt, or a request body with --json-body FILE; one of the two.")
    settings = invocation.load_settings()
    named = model or settings.default_model
    judge = None if named == AUTO else settings.find_model(named)
    body = _body_of(text, judge) if text is not None else read_object(json_body or Path("-"))
    body = body if judge is None else dict(tagged(judge, body))
    if task_type_of(body) is None:
        raise BadInput("The body names no task type that is known; name the model of a native body with --model MODEL.")
    judge = _judge(body, judge)
    if not prompts_of(judge, body):
        raise BadInput(f"There is no prompt in this request to {judge.label}.")
    found = advise(judge, body)
    if as_json:
        invocation.document({"model": judge.id, "advice": [asdict(advice) for advice in found]})
    else:
        for advice in found:
            invocation.line(f"{advice.pointer}: {advice.message}\n  {advice.suggestion}")
        if not found:
            invocation.say("Nothing to say against it.")
    if found and strict:
        raise typer.Exit(BAD_INPUT)


def _body_of(text: str, model: Model | None) -> dict[str, object]:
    """A request for a picture from these words, in the dialect of a model."""
    if model is None or "TEXT_IMAGE" in model.task_types:
        return {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": text}}
    task = model.task_types[0]
    if task == "SDXL_IMAGE":
        return {"taskType": task, "text_prompts": [{"text": text}]}
    return {"taskType": task, "prompt": text}


def _judge(body: Mapping[str, object], named: Model | None) -> Model:
    """By whose limits a request is read: the named model's if it does the task, else those of one that does."""
    task = body["taskType"]
    if named is not None and task in named.task_types:
        return named
    able = [model for model in (find_model(DIALECT), *MODELS.values()) if task in model.task_types]
    return able[0]
