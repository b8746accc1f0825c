"""Turns the outcome of the demo into one page without anything from elsewhere; the pictures are files beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Final, cast

from jinja2 import Environment, PackageLoader, StrictUndefined

from darkroom.demo.outcome import OutputFile, Result, Step, Summary
from darkroom.demo.pictures import Picture, Samples
from darkroom_shared.contract.views import total_usd
from darkroom_shared.models.catalogue import find_model
from darkroom_shared.task_types import as_object, image_values, replace_at, task_type_of

_SHORTEST_REFERENCE: Final = 20
_WORDS: Final = {
    "text": "Prompt",
    "negativeText": "Without",
    "maskPrompt": "Mask prompt",
    "colors": "Colours",
    "controlMode": "Control",
    "controlStrength": "Control strength",
    "outPaintingMode": "Mode",
    "similarityStrength": "Similarity",
    "garmentClass": "Garment class",
    "mergeStyle": "Merge style",
    "maskType": "Mask type",
    "preserveFace": "Keep the face",
    "preserveHands": "Keep the hands",
}
_SECTIONS: Final = {
    "From words": "A description becomes a picture, alone or led by the layout of another one.",
    "Edits": "Part of a photograph is repainted: where a mask picture says, where words say, or away altogether.",
    "New surroundings": "The subject stays, everything around it is painted anew.",
    "New looks": "Variations, palettes, cut-outs and clothes.",
    "Chains": "Several steps as one piece of work. Steps with a dashed frame were put in between because the next one needs them.",
}


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture of the page.

    Attributes:
        path: relative to the page.
        alt: what it shows, for those who do not see it.
        caption: a short line below it.
        width, height: pixels.
        transparent: True to lay it over a checkerboard.
    """

    path: str
    alt: str
    caption: str
    width: int | None
    height: int | None
    transparent: bool = False


@dataclass(frozen=True, slots=True)
class Panel:
    """One job, or one step of a chain, as the page shows it."""

    name: str
    title: str
    note: str
    task_type: str
    state: str
    ok: bool
    model: str
    prompt: str
    facts: Sequence[tuple[str, str]]
    colors: Sequence[str]
    results: Sequence[Shot]
    inputs: Sequence[Shot]
    error: str
    request: str
    is_local: bool
    inserted: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One job with its panel, or a chain with a panel for each step."""

    name: str
    title: str
    note: str
    is_chain: bool
    panels: Sequence[Panel]
    source: Shot | None
    facts: Sequence[tuple[str, str]]


def write_page(summary: Summary, samples: Samples) -> None:
    """Writes `summary.page`."""
    environment = Environment(
        loader=PackageLoader("darkroom.demo", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    groups = [
        (name, _SECTIONS.get(name, ""), [_entry(result) for result in results])
        for name, results in groupby(summary.results, key=lambda result: result.job.section)
    ]
    steps = summary.steps
    text = environment.get_template("page.html.j2").render(
        groups=groups,
        inputs=[_input_shot(picture) for picture in samples.all],
        credit=samples.credit,
        ok=summary.ok,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        totals=[
            (str(len(steps)), "jobs"),
            (str(summary.pictures), "pictures"),
            (str(len({step.view.model for step in steps if step.view.model})), "models"),
            (f"{summary.seconds:.0f} s", "from start to page"),
            (_usd(summary.cost_usd, 2), "list price, not paid"),
        ],
    )
    summary.page.write_text(text, encoding="utf-8")


def _entry(result: Result) -> Entry:
    job = result.job
    panels = [_panel(result, step) for step in result.steps]
    source = None if job.photo is None else _input_shot(job.photo)
    return Entry(job.name, job.title, job.note, job.is_chain, panels, source, _chain_facts(result) if job.is_chain else ())


def _chain_facts(result: Result) -> list[tuple[str, str]]:
    views = [step.view for step in result.steps]
    ends = [view.timings.finished for view in views if view.timings.finished]
    took = f"{(max(ends) - min(view.timings.created for view in views)).total_seconds():.1f} s" if ends else "not finished"
    inserted = sum(step.inserted for step in result.steps)
    asked = len(views) - inserted
    return [
        ("Model", _label(result.job.model)),
        ("Steps", f"{asked}, and {inserted} put in between" if inserted else str(asked)),
        ("Time", took),
        ("Cost", _usd(total_usd(view.cost.actual_usd for view in views))),
    ]


def _panel(result: Result, step: Step) -> Panel:
    view, job = step.view, result.job
    body = view.request
    task = task_type_of(body)
    params = as_object(body.get(task.params_key) if task else None)
    return Panel(
        name=job.name if not job.is_chain else f"{job.name}-{view.step}",
        title=job.title if not job.is_chain else view.step.replace("_", " "),
        note=job.note,
        task_type=view.task_type.removeprefix("local."),
        state=view.state.value,
        ok=step.ok,
        model=_label(view.model),
        prompt=str(params.get("text", "")),
        facts=[*_parameters(params), *_run_facts(step)],
        colors=[str(color) for color in cast("Sequence[object]", params.get("colors", ()))],
        results=[_shot(step, file, _alt(result, step, file)) for file in step.pictures],
        inputs=[_input_shot(picture) for picture in job.inputs] if not job.is_chain else (),
        error=f"{view.error.code}: {view.error.message}" if view.error else "",
        request=json.dumps(_readable(body), indent=2, ensure_ascii=False),
        is_local=view.kind == "local",
        inserted=step.inserted,
        reason=step.reason.partition(": ")[2] or step.reason,
    )


def _parameters(params: Mapping[str, object]) -> list[tuple[str, str]]:
    """The options of the task that a person wants to see; nested objects are looked into."""
    found: list[tuple[str, str]] = []
    for name, value in params.items():
        if isinstance(value, Mapping):
            found += _parameters(as_object(cast("object", value)))
        elif name in _WORDS and name not in ("text", "colors"):
            found.append((_WORDS[name], str(value)))
    return found


def _run_facts(step: Step) -> list[tuple[str, str]]:
    view = step.view
    seeds = [str(file.output.seed) for file in step.files if file.output.seed is not None]
    rows = [("Seed", ", ".join(dict.fromkeys(seeds)))] if seeds else []
    rows += (
        [("Size", ", ".join(dict.fromkeys(f"{file.output.width} x {file.output.height}" for file in step.pictures)))]
        if step.pictures
        else []
    )
    queue, run = step.queue_s, view.timings.run_s
    rows += [("Waited", f"{queue:.1f} s")] if queue is not None else []
    rows += [("Ran", f"{run:.1f} s")] if run is not None else []
    calls = sum(len([one for one in call.attempts if not one.snoozed]) for call in view.calls)
    rows += [("Calls", str(calls))] if view.kind == "bedrock" and calls > 1 else []
    return [*rows, ("Cost", "free" if view.kind == "local" else _usd(view.cost.actual_usd))]


def _label(model: str) -> str:
    return find_model(model).label.replace(" Image Generator", "") if model else ""


def _usd(amount: float | None, places: int = 3) -> str:
    told = "not known" if amount is None else f"${amount:.{places}f}"
    return told.removesuffix("0") if places > 2 else told


def _alt(result: Result, step: Step, file: OutputFile) -> str:
    if _is_mask(step, file):
        return f"Mask of {result.job.title}"
    prompt = str(as_object(step.view.request.get(getattr(task_type_of(step.view.request), "params_key", ""))).get("text", ""))
    what = f"“{prompt}”" if prompt else step.view.task_type.removeprefix("local.").lower().replace("_", " ")
    return f"Result {file.output.index + 1} of {result.job.title}: {what}"


def _shot(step: Step, file: OutputFile, alt: str) -> Shot:
    one, count = file.output, len(step.files)
    caption = "mask" if _is_mask(step, file) else f"{one.index + 1} of {count}" if count > 1 and step.view.kind == "bedrock" else ""
    return Shot(file.path, alt, caption, one.width, one.height, file.transparent)


def _is_mask(step: Step, file: OutputFile) -> bool:
    kind = step.view.task_type.removeprefix("local.")
    return file.output.role == "mask" or kind == "mask_from_alpha" or (kind in ("zoom_out", "pad") and file.output.index == 1)


def _input_shot(picture: Picture) -> Shot:
    kind = "mask" if picture.name.startswith("mask") else "garment" if picture.name == "garment" else "photo"
    return Shot(f"inputs/{picture.name}.png", picture.title, kind, 512, 512)


def _readable(body: Mapping[str, object]) -> Mapping[str, object]:
    """The recorded request with its long references shortened."""
    places = {place.pointer: value for place, value in image_values(body).items() if isinstance(value, str)}
    return replace_at(body, {where: _short(value) for where, value in places.items()})


def _short(value: str) -> str:
    return value if not value.startswith("asset:") else value[:_SHORTEST_REFERENCE] + "…"
