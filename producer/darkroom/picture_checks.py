"""The automatic checks of a step's pictures, filled in from what the request says itself: its size, its picture, its mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, cast

from darkroom.plans import PlannedStep
from darkroom.routing import CUT_OUTS
from darkroom_shared.contract.checks import CHECK_KINDS, parse_checks, references_of
from darkroom_shared.core.errors import InvalidRequest
from darkroom_shared.core.problems import Problem
from darkroom_shared.models.catalogue import MODELS, gives_documents, mask_polarity, schema_of
from darkroom_shared.models.model import Model
from darkroom_shared.task_types import as_object, image_values

_PICTURES: Final = ("original", "mask")


def checked(step: PlannedStep, checks: Sequence[str | Mapping[str, object]], rerolls: int) -> PlannedStep:
    """The step with its checks in full.

    Args:
        checks: names, or objects with a `kind`.

    Raises:
        InvalidRequest: there is no such check, it does not go with the request (pointers begin with `/checks`), or what does not
            pass would come out the same again (`/rerolls`).
    """
    if not checks:
        return step
    body = step.asked or step.request
    task = str(body.get("taskType", ""))
    able = [model for model in MODELS.values() if task in model.task_types]
    if any(gives_documents(model) for model in able):
        raise InvalidRequest([Problem("/checks", f"{task} makes no pictures that could be checked", "no checks")])
    pictures = _pictures(body)
    problems: list[Problem] = []
    if rerolls and not any(_knows_seed(model, task) for model in able):
        problems = [Problem("/rerolls", f"{task} knows no seed: what it makes would come out the same again", "0")]
    filled: list[dict[str, object]] = []
    for number, check in enumerate(checks):
        told = {"kind": check} if isinstance(check, str) else dict(check)
        full = _filled(told, step, pictures)
        why = _misfit(full, step, task, pictures)
        if why:
            problems.append(Problem(f"/checks/{number}", why[0], why[1]))
        filled.append(full)
    try:
        specs = parse_checks(filled)
    except InvalidRequest as error:
        known = {problem.pointer for problem in problems}
        problems += [
            replace(found, pointer="/checks" + found.pointer)
            for found in error.problems
            if not any(("/checks" + found.pointer).startswith(place) for place in known)
        ]
        specs = ()
    if problems:
        raise InvalidRequest(problems)
    wanted = {name: pictures[name] for name in references_of(specs)}
    return replace(
        step,
        checks=tuple(spec.model_dump(mode="json", exclude_none=True) for spec in specs),
        check_pictures=wanted,
        rerolls=rerolls,
    )


def _knows_seed(model: Model, task: str) -> bool:
    return not {"seed", "imageGenerationConfig"}.isdisjoint(as_object(schema_of(model, task).get("properties")))


def _pictures(body: Mapping[str, object]) -> dict[str, str]:
    """The picture that is edited, and the mask, as the request refers to them."""
    found: dict[str, str] = {}
    for place, value in image_values(body).items():
        found.setdefault("mask" if place.role == "mask" else "original", str(value))
    return found


def _filled(check: Mapping[str, object], step: PlannedStep, pictures: Mapping[str, str]) -> dict[str, object]:
    """What the request says goes without saying in the check."""
    known: dict[str, object] = {}
    facts = step.outputs[0] if step.outputs else None
    if check.get("kind") == "wrong_size" and facts is not None:
        known = {"width": facts.width, "height": facts.height}
    if check.get("kind") == "change_outside_mask" and "mask" in pictures:
        kept = _kept(step)
        known = {} if kept is None else {"kept": kept}
    return {**known, **check}


def _kept(step: PlannedStep) -> str | None:
    """The colour of what a mask keeps, in the words in which the request was made; None where each request says it for itself."""
    task = str((step.asked or step.request).get("taskType", ""))
    model = next(model for model in MODELS.values() if task in model.task_types)
    try:
        return "white" if mask_polarity(model, task) == "black_is_edited" else "black"
    except KeyError:
        return None


def _misfit(
    check: Mapping[str, object], step: PlannedStep, task: str, pictures: Mapping[str, str]
) -> tuple[str, str | Sequence[object]] | None:
    """Why a check does not go with the request, and what would."""
    kind = check.get("kind")
    if kind not in CHECK_KINDS:
        return f"{str(kind)[:80]!r} is no check", list(CHECK_KINDS)
    if kind == "wrong_size" and not {"width", "height"} <= set(check):
        return (
            "the size of what is made is not known before, so the check must name width and height",
            '{"width": 1024, "height": 1024}',
        )
    if kind == "change_outside_mask":
        missing = [name for name in _PICTURES if str(check.get(name, name)) not in pictures]
        if missing:
            return (
                f"the request has no {' and no '.join(missing)} of its own to compare with",
                "a request with a picture and a mask",
            )
    if kind == "missing_alpha" and task not in CUT_OUTS:
        return f"{task} makes no transparent pictures", list(CUT_OUTS)
    if kind == "near_duplicate" and step.images < 2:
        return "the job makes one picture, which has no sibling", "a request for several pictures"
    return None


def under(where: str, error: InvalidRequest) -> InvalidRequest:
    """The same findings, with their pointers below another place."""
    return InvalidRequest([replace(found, pointer=where + found.pointer) for found in cast("Sequence[Problem]", error.problems)])
