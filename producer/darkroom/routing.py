"""Routes pictures to the image places of a step: which picture, made fit by which inserted steps, with which mask."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from darkroom.glue import Repair, judge, mask_of_canvas, mask_of_cutout, repairs, resized_mask
from darkroom_shared.contract.steps import Canvas, Convert, Flatten, Pad, PaletteTransfer, Resize, StepSpec, ZoomOut
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.core.problems import Problem
from darkroom_shared.core.workflow import Reference, free_name, parse_reference
from darkroom_shared.models.catalogue import gives_documents, image_count, mask_polarity, output_size
from darkroom_shared.models.model import Model
from darkroom_shared.task_types import (
    TaskType,
    as_object,
    chain_images,
    image_values,
    replace_at,
    task_type_of,
)

CUT_OUTS: Final = ("BACKGROUND_REMOVAL", "REMOVE_BACKGROUND")
"""Task types whose pictures are transparent where they should be."""
"""Their pictures are cut-outs, but for one asked for as JPEG, which knows no transparency."""
_MASKED: Final = ("INPAINTING", "OUTPAINTING")


@dataclass(frozen=True, slots=True)
class Source:
    """A picture that a step may use.

    Attributes:
        ref: `asset:<sha256>` or `$steps.<name>.outputs[<i>]`.
        facts: None where they cannot be known before the step ran.
        cutout: a picture of the same size whose alpha outlines the subject, if there is one.
        canvas: a mask of the same size that is white around the picture on an enlarged canvas, if there is one.
        is_mask: True for a mask that came along with pictures.
    """

    ref: str
    facts: ImageFacts | None
    cutout: str | None = None
    canvas: str | None = None
    is_mask: bool = False


@dataclass(frozen=True, slots=True)
class Routed:
    """A body with every picture in its place.

    Attributes:
        body: Bedrock's body with references.
        facts: facts of the pictures by JSON pointer, as far as they are known.
        problems: references that lead nowhere.
        warnings: sentences for a person.
        sources: its pictures as they came, in the order of their places, masks left out.
    """

    body: dict[str, object]
    facts: dict[str, ImageFacts]
    problems: list[Problem]
    warnings: list[str]
    sources: list[Source] = field(default_factory=list[Source])


Insert = Callable[[str, StepSpec, Sequence[Source], str], list[Source]]
"""Adds a local step: name, what it does, its pictures, the reason. Gives the pictures it makes."""


def from_outside(ref: str, facts: ImageFacts) -> Source:
    """A stored picture; one with transparent pixels counts as a cut-out."""
    return Source(ref, facts, cutout=ref if facts.transparent else None)


def output_sources(name: str, model: Model, body: Mapping[str, object], facts: Mapping[str, ImageFacts]) -> list[Source]:
    """The pictures that a Bedrock step is expected to give; its mask, if one was asked for, comes last. A document is none."""
    if gives_documents(model):
        return []
    task = task_type_of(body)
    size = None if task is None else output_size(model, body, facts)
    cut = task is not None and task.name in CUT_OUTS and body.get("output_format") != "jpeg"
    seen = None if size is None else ImageFacts(*size, "PNG", "RGBA" if cut else "RGB", 0, transparent=cut)
    refs = [str(Reference(name, index)) for index in range(image_count(body) + 1)]
    sources = [Source(ref, seen, cutout=ref if cut else None) for ref in refs[:-1]]
    if task is not None and as_object(body.get(task.params_key)).get("returnMask") is True:
        mask = None if seen is None else replace(seen, black_and_white=True)
        sources.append(Source(refs[-1], mask, is_mask=True))
    return sources


class Router:
    """Knows every picture of the chain so far.

    Args:
        names: names that are taken.
        insert: adds a local step to the plan.
    """

    def __init__(self, names: Sequence[str], insert: Insert) -> None:
        self._names = list(names)
        self._insert = insert
        self._known: dict[str, Source] = {}
        self._made: dict[tuple[str, StepSpec], list[Source]] = {}

    def learn(self, sources: Sequence[Source]) -> None:
        """From now on these pictures can be referred to."""
        self._known |= {source.ref: source for source in sources}

    def learn_local(
        self, name: str, spec: StepSpec, inputs: Sequence[Source], outputs: Sequence[ImageFacts | None]
    ) -> list[Source]:
        """Learns the pictures of a local step; what outlined its picture before still does where the size stayed."""
        refs = [str(Reference(name, index)) for index in range(len(outputs))]
        sources = [Source(ref, facts) for ref, facts in zip(refs, outputs, strict=True)]
        if isinstance(spec, ZoomOut | Pad | Canvas):
            sources = [replace(sources[0], canvas=refs[1]), replace(sources[1], is_mask=True)]
        elif isinstance(spec, Flatten | Convert | PaletteTransfer) and inputs:
            sources = [replace(sources[0], cutout=inputs[0].cutout, canvas=inputs[0].canvas)]
        seen = sources[0].facts
        if seen is not None and seen.transparent:
            sources[0] = replace(sources[0], cutout=refs[0])
        self.learn(sources)
        return [source for source in sources if not source.is_mask]

    def look_up(self, refs: Mapping[str, str], facts: Mapping[str, ImageFacts]) -> tuple[list[Source], list[Problem]]:
        """The pictures behind references, by pointer, and a problem for each that leads nowhere."""
        sources: list[Source] = []
        problems: list[Problem] = []
        for where, ref in refs.items():
            found = self._known.get(ref)
            if found is None and where in facts:
                found = from_outside(ref, facts[where])
            if found is None and parse_reference(ref):
                problems.append(Problem(where, f"{ref} leads nowhere", sorted(self._known) or "no step before it gives pictures"))
            sources.append(found or Source(ref, None))
        return sources, problems

    def route(
        self, name: str, model: Model, body: Mapping[str, object], facts: Mapping[str, ImageFacts], previous: Sequence[Source]
    ) -> Routed:
        """Fills the empty image place of a body, makes every picture fit, and adds the mask that is missing.

        Args:
            name: of the step, for warnings.
            model: by whose rules the pictures are made fit.
            body: with references in its image places.
            facts: of the pictures from outside by JSON pointer.
            previous: pictures of the step before.
        """
        task = task_type_of(body)
        if task is None:
            return Routed(dict(body), dict(facts), [], [])
        self.learn(previous)
        routed = _fill(name, task, body, previous)
        places = image_values(routed.body)
        refs = {place.pointer: str(value) for place, value in places.items()}
        sources, routed.problems[:] = self.look_up(refs, facts)
        before = {place.role: source for place, source in zip(places, sources, strict=True)}
        fit: dict[str, Source] = {}
        for place, source in zip(places, sources, strict=True):
            is_mask = place.role == "mask"
            fit[place.pointer] = source if is_mask else self._fitted(name, model, routed.body, place.pointer, source)
        main = next((fit[place.pointer] for place in places if place.role in ("image", "source")), None)
        for place in places:
            if place.role == "mask" and main is not None:
                fit[place.pointer] = self._same_size(name, fit[place.pointer], before.get("image") or before["source"], main)
        own = [source for place, source in zip(places, sources, strict=True) if place.role != "mask"]
        whole = replace_at(routed.body, {where: source.ref for where, source in fit.items()})
        known = {where: source.facts for where, source in fit.items() if source.facts is not None}
        return self._with_mask(name, model, task, replace(routed, body=whole, facts=known, sources=own), main)

    def _fitted(self, name: str, model: Model, body: dict[str, object], place: str, source: Source) -> Source:
        """The picture as the model takes it, with what outlines it brought to the same size."""
        if source.facts is None:
            return source
        for repair in repairs(judge(model, body, place), source.facts, model.label):
            old = source
            source = self._repaired(name, repair, old)
            if isinstance(repair.spec, Resize) and old.canvas and source.facts is not None:
                canvas = self._known[old.canvas]
                mask = self._repaired(name, resized_mask(source.facts.width, source.facts.height), canvas)
                source = replace(source, canvas=mask.ref)
        return source

    def _repaired(self, name: str, repair: Repair, source: Source) -> Source:
        """Inserts a step, or finds the one that does the same already."""
        done = self._made.get((source.ref, repair.spec))
        if done is None:
            step = free_name(repair.spec.kind, self._names)
            self._names.append(step)
            done = self._insert(step, repair.spec, [source], f"for {name}: {repair.reason}")
            self._made[source.ref, repair.spec] = done
        return done[0]

    def _same_size(self, name: str, mask: Source, picture: Source, fitted: Source) -> Source:
        """A mask that fitted its picture follows it to another size; another one is left for the check to refuse."""
        if mask.facts is None or picture.facts is None or fitted.facts is None:
            return mask
        size = fitted.facts.width, fitted.facts.height
        mine = mask.facts.width, mask.facts.height
        if mine == size or mine != (picture.facts.width, picture.facts.height):
            return mask
        return self._repaired(name, resized_mask(*size), mask)

    def _with_mask(self, name: str, model: Model, task: TaskType, routed: Routed, main: Source | None) -> Routed:
        params = as_object(routed.body.get(task.params_key))
        if task.name not in _MASKED or main is None or "maskImage" in params or "maskPrompt" in params:
            return routed
        mask = self._outline(name, model, task, main)
        if mask is None:
            return routed
        place = f"/{task.params_key}/maskImage"
        body = {**routed.body, task.params_key: {**params, "maskImage": mask.ref}}
        return replace(routed, body=body, facts=routed.facts | ({place: mask.facts} if mask.facts else {}))

    def _outline(self, name: str, model: Model, task: TaskType, main: Source) -> Source | None:
        if task.name not in model.task_types:
            return None
        polarity = mask_polarity(model, task.name)
        if main.canvas is not None:
            turn = mask_of_canvas(polarity)
            return self._known[main.canvas] if turn is None else self._repaired(name, turn, self._known[main.canvas])
        if main.cutout is not None:
            cutout = self._known.get(main.cutout) or Source(main.cutout, main.facts)
            return self._repaired(name, mask_of_cutout(polarity), cutout)
        return None


def _fill(name: str, task: TaskType, body: Mapping[str, object], previous: Sequence[Source]) -> Routed:
    slot = task.chained_slot
    taken = any(place.role in ("image", "source") for place in image_values(body))
    if slot is None or taken or not previous:
        return Routed(dict(body), {}, [], [])
    filled = chain_images(body, *(source.ref for source in previous))
    most = slot.chained_most
    warnings: list[str] = []
    if len(previous) > most:
        used = "the first" if most == 1 else f"the first {most}"
        warnings.append(f"Step {name!r} works on {used} of the {len(previous)} pictures of the step before it.")
    return Routed(filled, {}, [], warnings)
