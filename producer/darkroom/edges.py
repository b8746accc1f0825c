"""How a planned step waits for others: which must go well, of which some may fail, and which it only looks at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from darkroom.plans import Edge
from darkroom_shared.core.conditions import Condition, values_in
from darkroom_shared.core.workflow import references
from darkroom_shared.task_types import EACH, image_values, task_type_of


@dataclass(frozen=True, slots=True)
class Edges:
    """What is special about the steps that a step waits for.

    Attributes:
        soft: those that may end badly: `gather` where their pictures are some of several, `watch` where only the condition looks.
        wants: how many outputs a step must have given, where it is more than one.
    """

    soft: Mapping[str, Edge]
    wants: Mapping[str, int]


def listed_pictures(body: Mapping[str, object]) -> list[str]:
    """What stands in those places of a body that hold lists of pictures, if it is more than one."""
    task = task_type_of(body)
    listed = {slot.role for slot in task.slots if slot.many or EACH in slot.path} if task else set[str]()
    found = [str(value) for place, value in image_values(body).items() if place.role in listed]
    return found if len(found) > 1 else []


def edges(request: Mapping[str, object], several: Sequence[str], needs: Sequence[str], when: Condition | None) -> Edges:
    """The edges of a step.

    Args:
        request: as it is recorded.
        several: those of its references that may lead to nothing, as long as one is left.
        needs: steps that must go well, whatever the request takes from them.
        when: the condition under which it runs.
    """
    every = [reference for _, reference in references(request)]
    strict = [reference for reference in every if str(reference) not in several]
    must = {reference.step for reference in strict} | set(needs)
    soft: dict[str, Edge] = {reference.step: "gather" for reference in every if reference.step not in must}
    looked_at = [] if when is None else [str(value["step"]) for value in values_in(when)]
    soft |= {name: "watch" for name in looked_at if name not in must and name not in soft}
    wants: dict[str, int] = {}
    for reference in strict:
        wants[reference.step] = max(wants.get(reference.step, 1), reference.index + 1)
    return Edges(soft, {name: count for name, count in wants.items() if count > 1})
