"""`darkroom chain` and `darkroom plan`: steps that hand their pictures on, with the plan shown first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from darkroom.cli.chain_grammar import LOCAL, is_step, read_step
from darkroom.cli.delivery import PARAMETERS, Delivery, fresh_folder
from darkroom.cli.exits import BadInput
from darkroom.cli.follow import finish
from darkroom.cli.invocation import Invocation
from darkroom.cli.pictures import existing
from darkroom.cli.submit import read_object, with_signature
from darkroom.request_fields import REQUESTS
from darkroom_shared.core.holds import span

if TYPE_CHECKING:
    from darkroom import Plan
    from darkroom.plans import PlannedStep
    from darkroom.requests import NamedStep

HELP: Final = f"""Run steps one after the other, each on the picture of the one before it.

    darkroom chain photo.jpg background-removal 'outpainting:on a beach' 'image-variation:n=3'

A step is KIND or KIND:PART,PART,... A part is NAME=VALUE (the options of `darkroom submit KIND`, n for count, name for the
step's own name) or the prompt. KIND is one of {", ".join(REQUESTS)}, or a free local step: {", ".join(LOCAL)}.
What is missing between two steps (flatten, mask, size) is put in and shown in the plan.
"""
_PARTS = Annotated[
    list[str] | None, typer.Argument(metavar="[PICTURE] STEP...", help="A picture to start from, and steps.", show_default=False)
]
_FILE = Annotated[
    Path | None,
    typer.Option(
        "--file",
        metavar="FILE",
        help='JSON {"steps": [...], "image"?, "model"?}: Bedrock bodies and {"step": {"kind": ...}}, each with "name" if wanted.',
    ),
]
_PLANNED: Final = ("model", "substitute", "region", "regions", "as_json")
_DRY = Annotated[bool, typer.Option("--dry-run", help="Only show the plan.")]


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain as asked for: its steps, the picture it starts from, and the model that its file names."""

    steps: Sequence[NamedStep]
    image: str | None = None
    model: str | None = None


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    parts = Parameter("parts", Parameter.KEYWORD_ONLY, annotation=_PARTS, default=None)
    file = Parameter("file", Parameter.KEYWORD_ONLY, annotation=_FILE, default=None)
    dry = Parameter("dry_run", Parameter.KEYWORD_ONLY, annotation=_DRY, default=False)
    app.command("chain")(with_signature(_chain, [parts, file, dry], HELP, PARAMETERS))
    some = tuple(parameter for parameter in PARAMETERS if parameter.name in _PLANNED)
    summary = (
        "Show what a chain, or a single step, would do: sizes, prices, and for each paid step the models that could do it, what "
        "each costs and what is lost. Nothing is submitted. See `darkroom chain --help` for how steps are written."
    )
    app.command("plan")(with_signature(_plan, [parts, file], summary, some))


def _chain(context: typer.Context, parts: list[str] | None, file: Path | None, dry_run: bool, **given: object) -> None:
    invocation = Invocation.of(context)
    delivery = Delivery(**cast("dict[str, Any]", given))
    wanted = read_chain(parts or [], file)
    with invocation.room() as room:
        options = delivery.options()
        options["model"] = delivery.model or wanted.model
        plan = room.plan(*wanted.steps, image=wanted.image, **options)
        if dry_run:
            show_plan(invocation, plan, as_json=delivery.as_json)
            return
        fresh_folder(delivery)
        if not delivery.as_json:
            invocation.err.print(plan_table(plan))
        _warn(invocation, plan)
        finish(invocation, room.chain(*wanted.steps, image=wanted.image, **options), delivery)


def _plan(context: typer.Context, parts: list[str] | None, file: Path | None, as_json: bool, **given: object) -> None:
    invocation = Invocation.of(context)
    wanted = read_chain(parts or [], file)
    options = Delivery(**cast("dict[str, Any]", given)).options()
    options["model"] = options.get("model") or wanted.model
    with invocation.room() as room:
        plan = room.plan(*wanted.steps, image=wanted.image, **options)
        show_plan(invocation, plan, as_json=as_json)
        if not as_json:
            for step in plan.steps:
                if step.route is not None:
                    invocation.out.print("", route_table(step))


def show_plan(invocation: Invocation, plan: Plan, *, as_json: bool) -> None:
    """Writes a plan and its warnings."""
    if as_json:
        invocation.document(plan.as_json())
    else:
        invocation.out.print(plan_table(plan))
        _warn(invocation, plan)


def _warn(invocation: Invocation, plan: Plan) -> None:
    for warning in plan.warnings:
        invocation.say(f"Warning: {warning}")


def read_chain(parts: Sequence[str], file: Path | None) -> Chain:
    """The chain that words or a file describe.

    Raises:
        BadInput: both or none were given, or one of them cannot be read.
    """
    if file is not None:
        if parts:
            raise BadInput("Give the steps either as words or with --file, not both.")
        return _from_file(file)
    if not parts:
        raise BadInput("There are no steps. See `darkroom chain --help` for how they are written.")
    image = None
    words = list(parts)
    if not is_step(words[0]) or Path(words[0]).is_file():
        image = existing_or_step(words.pop(0))
    if not words:
        raise BadInput("There is a picture but no step. See `darkroom chain --help` for how steps are written.")
    typed = [read_step(word) for word in words]
    return Chain([step.request if step.name is None else (step.name, step.request) for step in typed], image)


def existing_or_step(word: str) -> str:
    """The word as a picture to start from.

    Raises:
        BadInput: it is neither a picture nor a step.
    """
    try:
        return existing(word)
    except BadInput as error:
        raise BadInput(
            f"{word!r} is neither a picture that exists nor a step. Steps are {', '.join([*REQUESTS, *LOCAL])}."
        ) from error


def _from_file(path: Path) -> Chain:
    told = read_object(path)
    rows = told.get("steps")
    if not isinstance(rows, list) or not rows or set(told) - {"steps", "image", "model"}:
        raise BadInput(f'{path} must hold {{"steps": [...]}}, and "image" and "model" if wanted.')
    steps: list[NamedStep] = []
    for row in cast("list[object]", rows):
        if not isinstance(row, dict):
            raise BadInput(f"{path}: a step is a JSON object, not a {type(row).__name__}.")
        body = dict(cast("dict[str, object]", row))
        name = body.pop("name", None)
        steps.append(body if name is None else (str(name), body))
    image, model = told.get("image"), told.get("model")
    return Chain(steps, existing(str(image)) if image is not None else None, None if model is None else str(model))


def route_table(step: PlannedStep) -> Group:
    """The ways in which a paid step can be done, the one that is taken first, those that cannot be taken last."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("model", "fidelity", "calls", "price", "regions", "what to know"):
        table.add_column(title, no_wrap=title != "what to know", overflow="fold")
    for route in step.routes:
        told = route.translation
        known = route.refused or " ".join(told.lost)
        table.add_row(
            Text(route.model.id, style="dim" if route.refused else "bold" if route.model.id == step.model else ""),
            told.fidelity,
            str(told.calls + (told.cutout is not None)),
            "?" if route.price_usd is None else f"${float(route.price_usd):.4g}",
            ", ".join(route.regions),
            Text(known, style="dim" if route.refused else ""),
        )
    return Group(Text(f"Ways to do step {step.name}", style="bold"), table)


def plan_table(plan: Plan) -> Group:
    """The steps of a plan in order; the inserted ones are marked and say why."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("step", "does", "gives", "price", "why"):
        table.add_column(title, no_wrap=title in ("gives", "price"))
    for step in plan.steps:
        sizes = sorted({f"{facts.width}x{facts.height}" for facts in step.outputs if facts is not None})
        table.add_row(
            Text(f"+ {step.name}" if step.inserted else step.name, style="cyan" if step.inserted else ""),
            step.task_type,
            f"{step.images} x {', '.join(sizes) or '?'}" if step.outputs else "words or JSON",
            "free" if step.kind != "bedrock" else "?" if step.price_usd is None else f"${float(step.price_usd):.4g}",
            Text(step.reason, style="dim"),
        )
    return Group(_plan_title(plan), table)


def _plan_title(plan: Plan) -> Text:
    price = "price not known" if plan.price_usd is None else f"${float(plan.price_usd):.4g} in all"
    time = "time not known" if plan.time_s is None else f"about {span(plan.time_s)} at the rates of this moment"
    return Text(f"Plan for {plan.model or 'free steps'}, {price}, {time}; + marks steps put in between", style="bold")
