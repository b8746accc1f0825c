"""`darkroom validate`: checks Bedrock bodies without sending them; one verdict a line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, cast

import typer

from darkroom.cli.exits import BAD_INPUT, BadInput
from darkroom.cli.invocation import Invocation
from darkroom_shared.checking import Checked, check_request, verdict
from darkroom_shared.core.errors import UnknownModel
from darkroom_shared.core.problems import Problem
from darkroom_shared.models.catalogue import MODELS
from darkroom_shared.models.custom import find_any_model


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("validate")(validate)


def validate(
    context: typer.Context,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Model id, for lines without their own.")] = None,
    body: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="One request body; - reads it from standard input.")
    ] = None,
) -> None:
    """Check request bodies without sending them. Prints a line {"id", "valid", "errors"} for each; exit code 2 if one is not valid.

    Without --json, lines {"id", "model_id", "body"} are read from standard input.
    """
    invocation = Invocation.of(context)
    if body is not None and model is None:
        raise BadInput("Name the model with --model MODEL; `darkroom models` lists them.")
    custom = invocation.load_settings().custom_models
    verdicts = [_one(body, cast("str", model), custom)] if body is not None else _many(model, custom)
    all_valid = True
    for told in verdicts:
        invocation.line(json.dumps(told, ensure_ascii=False))
        all_valid = all_valid and told["valid"] is True
    if not all_valid:
        raise typer.Exit(BAD_INPUT)


def _one(path: Path, model: str, custom: Mapping[str, str]) -> dict[str, object]:
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}.") from error
    identity = None if str(path) == "-" else path.name
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        return _refused(identity, f"This is not JSON: {error}", "a JSON object")
    return verdict(identity, _checked(value, model, custom))


def _many(model: str | None, custom: Mapping[str, str]) -> Iterator[dict[str, object]]:
    for number, line in enumerate(sys.stdin, start=1):
        if line.strip():
            yield _line(number, line, model, custom)


def _line(number: int, line: str, model: str | None, custom: Mapping[str, str]) -> dict[str, object]:
    """The verdict on one line; a line that cannot be read gets one too, so that the others are still judged."""
    try:
        value: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        return _refused(None, f"Line {number} is not JSON: {error}", 'a JSON object with "id", "model_id" and "body"')
    row = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    if "body" not in row:
        return _refused(row.get("id"), f'Line {number} has no "body"', 'a JSON object with "id", "model_id" and "body"')
    model_id = row.get("model_id", model)
    if not isinstance(model_id, str):
        return _refused(row.get("id"), f'Line {number} has no "model_id"', "a model id, here or with --model")
    return verdict(row.get("id"), _checked(row["body"], model_id, custom))


def _checked(body: object, model_id: str, custom: Mapping[str, str]) -> Checked:
    """The check by the rules of the model, be it a fine-tuned one of the settings."""
    try:
        return check_request(body, find_any_model(model_id, custom))
    except UnknownModel as error:
        return Checked((Problem("", str(error), [*MODELS, *custom]),))


def _refused(identity: object, message: str, allowed: str) -> dict[str, object]:
    return verdict(identity, Checked((Problem("", message, allowed),)))
