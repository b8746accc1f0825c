"""`darkroom submit`: one subcommand for each task type, made from the typed requests, and Bedrock's own bodies with --json-body."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from darkroom.cli.delivery import PARAMETERS, Delivery, fresh_folder
from darkroom.cli.exits import BadInput
from darkroom.cli.follow import finish
from darkroom.cli.invocation import Invocation
from darkroom.cli.pictures import existing
from darkroom.request_fields import REQUESTS, RequestField, picture_field, request_fields
from darkroom_shared.task_types import AnyRequest

_DELIVERY = {parameter.name for parameter in PARAMETERS}
_FEW_CHOICES = 3
_BODY = Annotated[
    Path | None,
    typer.Option("--json-body", metavar="FILE", help="Bedrock's own request body; - reads it from standard input."),
]


def add_to(app: typer.Typer) -> None:
    """Adds `submit` and its subcommands."""
    group = typer.Typer(help="Submit one job.", rich_markup_mode=None)
    group.callback(invoke_without_command=True)(with_signature(_submit_body, [_body_parameter()], _SUBMIT_HELP))
    for name, request in REQUESTS.items():
        summary = (request.__doc__ or "").strip().splitlines()[0]
        command = with_signature(_submitter(request), [_parameter(field) for field in request_fields(request)], summary)
        group.command(name, help=summary)(command)
    app.add_typer(group, name="submit")


_SUBMIT_HELP = """Submit one job: `darkroom submit TASK-TYPE ...`, or Bedrock's own body with --json-body FILE --model MODEL."""


def with_signature(
    run: Callable[..., None], own: Sequence[Parameter], doc: str, delivery: Sequence[Parameter] = PARAMETERS
) -> Callable[..., None]:
    """A command whose options are known only now; Typer reads them from the signature."""
    context = Parameter("context", Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    ordered = sorted(own, key=lambda parameter: parameter.default is not Parameter.empty)

    def command(*args: Any, **kwargs: Any) -> None:
        run(*args, **kwargs)

    signature = Signature([context, *(part.replace(kind=Parameter.KEYWORD_ONLY) for part in ordered), *delivery])
    command.__doc__ = doc
    command.__signature__ = signature  # type: ignore[attr-defined]
    command.__annotations__ = {name: part.annotation for name, part in signature.parameters.items()}
    return command


def _body_parameter() -> Parameter:
    return Parameter("json_body", Parameter.KEYWORD_ONLY, annotation=_BODY, default=None)


def _parameter(field: RequestField) -> Parameter:
    """A field as an option; the prompt as the plain word of the command."""
    kinds: dict[str, type[object]] = {"int": int, "float": float, "bool": bool, "images": list[str], "words": list[str]}
    plain = kinds.get(field.kind, str)
    many = len(field.choices) > _FEW_CHOICES
    told = f"{field.help[:1].upper()}{field.help[1:]}" + (f" One of {', '.join(field.choices)}." if many else "")
    if field.is_prompt:
        info: object = typer.Argument(metavar="TEXT" if field.required else "[TEXT]", help=told, show_default=False)
    elif field.kind == "bool":
        info = typer.Option(f"--{field.option}/--no-{field.option}", help=told)
    else:
        choices = "NAME" if many else "|".join(field.choices) or None
        metavar = "FILE" if field.kind in ("image", "images", "json") else choices
        short = ("-n",) if field.name == "number_of_images" else ()
        info = typer.Option(f"--{field.option}", *short, help=told, metavar=metavar)
    annotation = Annotated[plain if field.required else plain | None, info]  # type: ignore[valid-type]
    return Parameter(field.name, Parameter.KEYWORD_ONLY, annotation=annotation, default=Parameter.empty if field.required else None)


def _submitter(request: type[AnyRequest]) -> Callable[..., None]:
    def run(context: typer.Context, **given: object) -> None:
        delivery = Delivery(**cast("dict[str, Any]", {name: given.pop(name) for name in _DELIVERY & given.keys()}))
        built, place = build(request, given), picture_field(request)
        if place is not None and not getattr(built, place.name):
            raise BadInput(f"There is no picture to work on. Add --{place.option} FILE.")
        _submit(Invocation.of(context), built, delivery)

    return run


def build(request: type[AnyRequest], given: dict[str, object]) -> AnyRequest:
    """The typed request from fields as the command line gives them; those that are None are left out.

    Raises:
        BadInput: a file is not there, or the fields do not go together.
    """
    kinds = {field.name: field for field in request_fields(request)}
    values = {name: value for name, value in given.items() if value is not None and value != []}
    for name, value in values.items():
        if kinds[name].kind == "image":
            existing(str(value))
        elif kinds[name].kind == "images":
            for item in cast("list[str]", value):
                existing(item)
        elif kinds[name].kind == "json":
            values[name] = read_object(Path(str(value)))
        elif kinds[name].kind == "choice":
            values[name] = _choice(kinds[name], str(value))
    try:
        return request(**cast("dict[str, Any]", values))
    except (TypeError, ValueError) as error:
        raise BadInput(f"{error}.") from error


def _choice(field: RequestField, value: str) -> str:
    for choice in field.choices:
        if choice.lower().replace("-", "_") == value.lower().replace("-", "_"):
            return choice
    raise BadInput(f"--{field.option} {value!r} is not one of {', '.join(field.choices)}.")


def _submit_body(context: typer.Context, json_body: Path | None, **given: object) -> None:
    delivery = Delivery(**cast("dict[str, Any]", given))
    if context.invoked_subcommand is not None:
        if json_body is not None or delivery != Delivery():
            raise BadInput(f"Write the options behind the task type: `darkroom submit {context.invoked_subcommand} … --option`.")
        return
    if json_body is None:
        raise BadInput(f"Name a task type ({', '.join(REQUESTS)}) or give --json-body FILE. See `darkroom submit --help`.")
    _submit(Invocation.of(context), read_object(json_body), delivery)


def read_object(path: Path) -> dict[str, object]:
    """A JSON object from a file, or from standard input for `-`.

    Raises:
        BadInput: the file cannot be read or holds something else.
    """
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        value: object = json.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}.") from error
    except ValueError as error:
        raise BadInput(f"{path} is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise BadInput(f"{path} holds a JSON {type(value).__name__}; a request body is an object.")
    return cast("dict[str, object]", value)


def _submit(invocation: Invocation, request: AnyRequest | dict[str, object], delivery: Delivery) -> None:
    with invocation.room() as room:
        fresh_folder(delivery)
        finish(invocation, room.submit(request, **delivery.options()), delivery)
