"""`darkroom workflow`: run, plan and save workflows from documents and templates; decide at gates; go on with what is missing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from inspect import Parameter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import typer
from rich.table import Table
from rich.text import Text

from darkroom.cli.chain import show_plan
from darkroom.cli.changes import read_changes
from darkroom.cli.delivery import PARAMETERS, Delivery, fresh_folder
from darkroom.cli.exits import BadInput
from darkroom.cli.follow import finish
from darkroom.cli.invocation import Invocation
from darkroom.cli.pictures import existing
from darkroom.cli.submit import with_signature

if TYPE_CHECKING:
    from darkroom import Darkroom, GateView, Template, WorkflowDocument, WorkflowHandle

_SOURCE = Annotated[str, typer.Argument(metavar="WORKFLOW", help="A template (NAME or NAME@VERSION), or a .yaml or .json file.")]
_ID = Annotated[str, typer.Argument(metavar="ID", help="A workflow (wf_…).")]
_ARGUMENTS = Annotated[
    list[str] | None, typer.Option("--param", "-p", metavar="NAME=VALUE", help="A parameter; pictures are paths; lists are JSON.")
]
_BUDGET = Annotated[float | None, typer.Option("--budget", metavar="USD", help="What its calls may cost together, at most.")]
_SET = Annotated[
    list[str] | None, typer.Option("--set", metavar="STEP.PATH=VALUE", help="Change a step's request, e.g. scene.seed=7.")
]
_AFTER = Annotated[str | None, typer.Option("--after", metavar="STEP", help="Run everything anew that comes after this step.")]
_CHOOSE = Annotated[str | None, typer.Option(metavar="N,N", help="The pictures to hand on, counted from 0; all if left out.")]
_BY = Annotated[str, typer.Option(help="Who says so; kept with the decision.")]
_NOTE = Annotated[str, typer.Option(help="Why; kept with the decision.")]
_TENANT = Annotated[str | None, typer.Option(help="Whose.")]
_AS_JSON = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
_WHO = Annotated[str, typer.Argument(metavar="TOKEN", help="The token of a gate (ap_…), or a workflow's id.")]
_STEP = Annotated[str | None, typer.Argument(metavar="[STEP]", help="The gate, where an id was given.")]
_PLANNED: Final = ("model", "substitute", "region", "regions", "tenant", "as_json")


def add_to(app: typer.Typer) -> None:
    """Adds the group."""
    group = typer.Typer(help="Workflows from documents and templates.", rich_markup_mode=None, no_args_is_help=True)
    source = Parameter("source", Parameter.KEYWORD_ONLY, annotation=_SOURCE)
    identity = Parameter("identity", Parameter.KEYWORD_ONLY, annotation=_ID)
    arguments = Parameter("arguments", Parameter.KEYWORD_ONLY, annotation=_ARGUMENTS, default=None)
    budget = Parameter("budget", Parameter.KEYWORD_ONLY, annotation=_BUDGET, default=None)
    changes = Parameter("changes", Parameter.KEYWORD_ONLY, annotation=_SET, default=None)
    after = Parameter("after", Parameter.KEYWORD_ONLY, annotation=_AFTER, default=None)
    some = tuple(parameter for parameter in PARAMETERS if parameter.name in _PLANNED)
    for name, run, own, options, summary in (
        ("run", _run, [source, arguments, budget], PARAMETERS, "Submit a workflow: a template, or a document in a file."),
        ("plan", _plan, [source, arguments, budget], some, "Show what a workflow would do and cost. Nothing is submitted."),
        ("resume", _resume, [identity, changes, budget], PARAMETERS, "Run what is missing of a workflow that has ended."),
        ("fork", _fork, [identity, after, changes, budget], PARAMETERS, "Start a new workflow with what another has finished."),
    ):
        group.command(name, help=summary)(with_signature(run, own, summary, options))
    for command in (list_, show, save, gates, approve, reject):
        group.command(command.__name__.rstrip("_"))(command)
    app.add_typer(group, name="workflow")


def _run(context: typer.Context, source: str, arguments: list[str] | None, budget: float | None, **given: object) -> None:
    invocation, delivery = Invocation.of(context), Delivery(**cast("dict[str, Any]", given))
    with invocation.room() as room:
        fresh_folder(delivery)
        told, values = _asked(room, source, arguments, delivery.tenant)
        finish(invocation, room.run(told, values, budget_usd=budget, **delivery.options()), delivery)


def _plan(
    context: typer.Context, source: str, arguments: list[str] | None, budget: float | None, as_json: bool, **given: object
) -> None:
    invocation, delivery = Invocation.of(context), Delivery(**cast("dict[str, Any]", given))
    with invocation.room() as room:
        told, values = _asked(room, source, arguments, delivery.tenant)
        show_plan(invocation, room.plan_of(told, values, budget_usd=budget, **delivery.options()), as_json=as_json)


def _asked(
    room: Darkroom, source: str, arguments: Sequence[str] | None, tenant: str | None
) -> tuple[WorkflowDocument | str, dict[str, object]]:
    """The workflow, and the values of its parameters by their types."""
    path = Path(source)
    if path.suffix.lower() in (".yaml", ".yml", ".json"):
        document = _from_file(path)
        return document, _values(document, arguments or [])
    return source, _values(room.template(source, tenant).document, arguments or [])


def _from_file(path: Path) -> WorkflowDocument:
    from darkroom.graphs.document import read_file

    try:
        return read_file(path)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror or error}.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} is no text in UTF-8.") from error


def _values(document: WorkflowDocument, words: Sequence[str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for word in words:
        name, parted, text = word.partition("=")
        if not parted:
            raise BadInput(f"--param {word[:80]!r} is no NAME=VALUE.")
        parameter = document.parameters.get(name)
        kind = parameter.type if parameter else "text"
        found[name] = _value(name, kind, text)
    return found


def _value(name: str, kind: str, text: str) -> object:
    """A value as its parameter's type wants it. Raises BadInput."""
    if kind == "image":
        return existing(text)
    if kind in ("text", "color"):
        return text
    try:
        value = cast("object", json.loads(text))
    except ValueError as error:
        if kind in ("images", "texts", "colors"):
            value = text.split("+")
        else:
            raise BadInput(f"--param {name}={text[:80]!r} is no {kind}.") from error
    return [existing(str(item)) for item in cast("list[object]", value)] if kind == "images" and isinstance(value, list) else value


def _resume(context: typer.Context, identity: str, changes: list[str] | None, budget: float | None, **given: object) -> None:
    invocation, delivery = Invocation.of(context), Delivery(**cast("dict[str, Any]", given))
    with invocation.room() as room:
        fresh_folder(delivery)
        handle = _workflow(room, identity)
        finish(invocation, handle.resume(_changes(changes), budget_usd=budget, **delivery.options()), delivery)


def _fork(
    context: typer.Context, identity: str, after: str | None, changes: list[str] | None, budget: float | None, **given: object
) -> None:
    invocation, delivery = Invocation.of(context), Delivery(**cast("dict[str, Any]", given))
    with invocation.room() as room:
        fresh_folder(delivery)
        handle = _workflow(room, identity)
        finish(invocation, handle.fork(after, _changes(changes), budget_usd=budget, **delivery.options()), delivery)


def _workflow(room: Darkroom, identity: str) -> WorkflowHandle:
    return room.workflow(identity)


def _changes(words: Sequence[str] | None) -> dict[str, dict[str, object]]:
    found = read_changes(words or [], None)
    for name, patch in found.items():
        if not isinstance(patch, dict):
            raise BadInput(f"--set {name}=… names no field. Write STEP.PATH=VALUE, e.g. scene.seed=7.")
    return cast("dict[str, dict[str, object]]", found)


def list_(context: typer.Context, tenant: _TENANT = None, as_json: _AS_JSON = False) -> None:
    """List the workflows that come with darkroom, and those that were saved."""
    invocation = Invocation.of(context)
    with invocation.room() as room:
        found = room.templates(tenant)
    if as_json:
        invocation.document({"templates": [_template_document(template) for template in found]})
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("workflow", "parameters", "what it does"):
        table.add_column(title, overflow="fold")
    for template in found:
        required = [name for name, told in template.document.parameters.items() if told.is_required]
        others = [f"[{name}]" for name, told in template.document.parameters.items() if not told.is_required]
        table.add_row(Text(template.full_name), Text(" ".join([*required, *others])), Text(template.document.description))
    invocation.out.print(table)


def _template_document(template: Template) -> dict[str, object]:
    from darkroom.graphs.document import as_json

    return {"name": template.name, "version": template.version, "document": as_json(template.document)}


def show(
    context: typer.Context,
    source: _SOURCE,
    tenant: _TENANT = None,
    as_json: _AS_JSON = False,
) -> None:
    """Show a workflow's document, as YAML unless --json is given."""
    import yaml

    from darkroom.graphs.document import as_json as in_json

    invocation = Invocation.of(context)
    with invocation.room() as room:
        document = in_json(room.template(source, tenant).document)
    if as_json:
        invocation.document(dict(document))
    else:
        invocation.line(yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True).rstrip())


def save(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A .yaml or .json file.")],
    name: Annotated[str | None, typer.Option(help="Its name; the document's own if left out.")] = None,
    tenant: _TENANT = None,
) -> None:
    """Save a document under the next version of its name."""
    invocation = Invocation.of(context)
    document = _from_file(file)
    with invocation.room() as room:
        invocation.line(room.save_template(document, name, tenant=tenant))


def gates(context: typer.Context, identity: _ID, as_json: _AS_JSON = False) -> None:
    """Show the gates of a workflow: what is asked, the pictures, and the token that lets somebody decide."""
    invocation = Invocation.of(context)
    with invocation.room() as room:
        found = _workflow(room, identity).gates()
    if as_json:
        invocation.document({"gates": [_gate_document(gate) for gate in found]})
    elif not found:
        invocation.say(f"{identity} has no gates.")
    for gate in found if not as_json else ():
        invocation.out.print(_gate_table(gate))


def _gate_document(gate: GateView) -> dict[str, object]:
    return {
        "step": gate.step,
        "job_id": gate.job_id,
        "state": gate.state.value,
        "is_asked": gate.is_asked,
        "question": gate.question,
        "choose": gate.choose,
        "until": None if gate.until is None else gate.until.isoformat(),
        "pictures": [picture.model_dump(mode="json") for picture in gate.pictures],
        "decision": gate.decision,
        "token": gate.token,
    }


def _gate_table(gate: GateView) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("gate", Text(gate.step))
    table.add_row("state", "asked now" if gate.is_asked else gate.state.value)
    if gate.question:
        table.add_row("question", Text(gate.question))
    if gate.until is not None:
        table.add_row("until", f"{gate.until:%Y-%m-%d %H:%M:%S} UTC")
    for number, picture in enumerate(gate.pictures):
        table.add_row(f"picture {number}", f"{picture.width}x{picture.height}, {picture.asset}")
    if gate.is_asked:
        choose = f"exactly {gate.choose}" if gate.choose else "any of them, all if nobody chooses"
        table.add_row("choose", choose)
        table.add_row("token", gate.token)
    if gate.decision is not None:
        table.add_row("decision", Text(json.dumps(dict(gate.decision), ensure_ascii=False)))
    return table


def approve(
    context: typer.Context, who: _WHO, step: _STEP = None, *, choose: _CHOOSE = None, by: _BY = "", note: _NOTE = ""
) -> None:
    """Let a workflow go on from a gate."""
    invocation = Invocation.of(context)
    try:
        numbers = None if choose is None else [int(word) for word in choose.split(",")]
    except ValueError as error:
        raise BadInput(f"--choose {choose!r} is no list of numbers. Write for example 0,2.") from error
    with invocation.room() as room:
        if step is None:
            room.approve(who, choose=numbers, by=by, note=note)
        else:
            _workflow(room, who).approve(step, choose=numbers, by=by, note=note)
    invocation.say("Approved: the workflow goes on.")


def reject(context: typer.Context, who: _WHO, step: _STEP = None, *, by: _BY = "", note: _NOTE = "") -> None:
    """End a workflow at a gate: what needs its pictures is canceled."""
    invocation = Invocation.of(context)
    with invocation.room() as room:
        if step is None:
            room.reject(who, by=by, note=note)
        else:
            _workflow(room, who).reject(step, by=by, note=note)
    invocation.say("Rejected: what needs its pictures is canceled.")
