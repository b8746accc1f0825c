"""What is kept of a workflow to go on with it later: its steps as they were asked for, and the options that hold for all of them.

The plan is made anew from this when a workflow is resumed or forked, as models and prices may be others by then.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Final, cast

from darkroom.options import SubmitOptions
from darkroom.planning import Draft
from darkroom.plans import StepPolicy
from darkroom.routing import Source
from darkroom.terms import Terms
from darkroom_shared.contract.gates import Gate
from darkroom_shared.contract.steps import parse_step
from darkroom_shared.core.conditions import Condition

FIELD: Final = "drafts"
"""Where the ledger's record of a workflow keeps it."""
_OPTIONS: Final = (
    "model",
    "regions",
    "tenant",
    "job_class",
    "on_unknown",
    "substitute",
    "guardrail",
    "guardrail_gates",
    "cache",
    "metadata",
)


def drafted(drafts: Sequence[Draft], terms: Terms, *, start: Sequence[Source] | None = None) -> dict[str, str]:
    """The drafts as a field of the workflow's record.

    Args:
        start: for a chain, the pictures that its first step works on; None for a graph, whose steps name what they take.
    """
    told = terms.delivery
    options = {name: getattr(told, name) for name in _OPTIONS if getattr(told, name)}
    if not told.model_named:
        del options["model"]
    if not told.regions_named:
        del options["regions"]
    whole = {
        "options": options,
        "drafts": [_as_json(draft) for draft in drafts],
        **({} if start is None else {"start": [source.ref for source in start]}),
    }
    return {FIELD: json.dumps(whole, ensure_ascii=False)}


def _as_json(draft: Draft) -> Mapping[str, object]:
    request = draft.request
    if isinstance(request, Gate):
        kind: Mapping[str, object] = {"gate": request.model_dump(exclude_none=True)}
    elif isinstance(request, Mapping):
        kind = {"request": request}
    else:
        kind = {"step": request.model_dump(exclude_none=True)}
    rest = {
        "images": list(draft.images),
        "documents": list(draft.documents),
        "feeds": None if draft.feeds is None else list(draft.feeds),
        "needs": list(draft.needs),
        "when": draft.when,
        "enough": draft.enough,
        "policy": {name: value for name, value in asdict(draft.policy).items() if value not in (None, 0, ())},
        "of": draft.of,
    }
    return {
        "name": draft.name,
        **kind,
        **{name: value for name, value in rest.items() if value or (value == [] and name == "feeds")},
    }


def read_drafts(text: str) -> tuple[list[Draft], SubmitOptions, list[str] | None]:
    """The drafts, without the facts of their pictures; the options; of a chain the references to the pictures it began with."""
    whole = cast("Mapping[str, object]", json.loads(text))
    drafts = [_draft(row) for row in cast("list[Mapping[str, object]]", whole["drafts"])]
    return drafts, cast("SubmitOptions", whole["options"]), cast("list[str] | None", whole.get("start"))


def _draft(row: Mapping[str, object]) -> Draft:
    if "gate" in row:
        request: object = Gate.model_validate(row["gate"])
    else:
        request = row["request"] if "request" in row else parse_step(row["step"])
    feeds = cast("list[str] | None", row.get("feeds"))
    return Draft(
        name=str(row["name"]),
        request=cast("Mapping[str, object]", request),
        images=tuple(cast("list[str]", row.get("images", []))),
        documents=tuple(cast("list[str]", row.get("documents", []))),
        feeds=None if feeds is None else tuple(feeds),
        needs=tuple(cast("list[str]", row.get("needs", []))),
        when=cast("Condition | None", row.get("when")),
        enough=cast("int", row.get("enough", 0)),
        policy=StepPolicy(**cast("dict[str, str]", row.get("policy", {}))),  # type: ignore[arg-type]
        of=str(row.get("of", "")),
    )
