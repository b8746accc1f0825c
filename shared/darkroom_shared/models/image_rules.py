"""Rules about the pictures of a request, judged from their facts alone: formats, sizes, transparency, masks."""

from __future__ import annotations

from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.core.problems import Problem
from darkroom_shared.models.image_limits import ImageLimits
from darkroom_shared.models.model import Body, Facts
from darkroom_shared.task_types import ImagePlace, image_places

_MODES_WITH_ALPHA = frozenset(("RGBA", "RGBa", "LA", "La", "PA"))


def picture_problems(place: ImagePlace, facts: ImageFacts, limits: ImageLimits) -> list[Problem]:
    """What is wrong with one picture taken by itself."""
    found = [
        *_encoding(facts, limits),
        *_size(facts, limits),
        *(_mask(facts, limits) if place.role == "mask" else _transparency(facts, limits)),
    ]
    return [Problem(place.pointer, message, allowed) for message, allowed in found]


_Found = list[tuple[str, str | list[str] | dict[str, float]]]


def _encoding(facts: ImageFacts, limits: ImageLimits) -> _Found:
    found: _Found = []
    if facts.format not in limits.formats:
        found.append((f"The picture is a {facts.format} file", list(limits.formats)))
    if limits.max_bits is not None and facts.bits_per_channel > limits.max_bits:
        found.append((f"The picture has {facts.bits_per_channel} bits per channel", f"{limits.max_bits} bits per channel"))
    if limits.max_bytes is not None and facts.size_bytes > limits.max_bytes:
        message = f"The picture's file has {facts.size_bytes:,} bytes, at most {limits.max_bytes:,} are allowed"
        found.append((message, {"maximum": limits.max_bytes}))
    return found


def _size(facts: ImageFacts, limits: ImageLimits) -> _Found:
    short, long = sorted((facts.width, facts.height))
    size = f"The picture is {facts.width}x{facts.height} pixels"
    found: _Found = []
    if limits.max_side is not None and long > limits.max_side:
        found.append((f"{size}, its longer side may have at most {limits.max_side}", {"maximum": limits.max_side}))
    if limits.min_side is not None and short < limits.min_side:
        found.append((f"{size}, its shorter side must have at least {limits.min_side}", {"minimum": limits.min_side}))
    if limits.max_pixels is not None and short * long > limits.max_pixels:
        message = f"{size}, which makes {short * long:,}, and at most {limits.max_pixels:,} are allowed"
        found.append((message, {"maximum": limits.max_pixels}))
    if limits.min_pixels is not None and short * long < limits.min_pixels:
        message = f"{size}, which makes {short * long:,}, and at least {limits.min_pixels:,} are needed"
        found.append((message, {"minimum": limits.min_pixels}))
    if limits.max_aspect is not None and long > short * limits.max_aspect:
        message = f"{size}, one side is more than {limits.max_aspect:g} times the other"
        found.append((message, f"aspect ratios from 1:{limits.max_aspect:g} to {limits.max_aspect:g}:1"))
    return found


def _transparency(facts: ImageFacts, limits: ImageLimits) -> _Found:
    if limits.opaque and facts.transparent:
        return [("The picture has transparent or translucent pixels", "only opaque pixels")]
    return []


def _mask(facts: ImageFacts, limits: ImageLimits) -> _Found:
    found: _Found = []
    if not limits.strict_masks:
        return found
    if facts.black_and_white is False:
        found.append(("The mask has pixels that are neither pure black nor pure white", ["(0,0,0)", "(255,255,255)"]))
    if facts.transparent or (not limits.mask_alpha and facts.mode in _MODES_WITH_ALPHA):
        found.append(("The mask has an alpha channel", "a mask without alpha channel"))
    return found


def mask_size_problems(body: Body, facts: Facts) -> list[Problem]:
    """The problem of a mask that has another size than the picture it is for."""
    places = {place.role: place for place in image_places(body)}
    mask, image = places.get("mask"), places.get("image") or places.get("source")
    if mask is None or image is None or mask.pointer not in facts or image.pointer not in facts:
        return []
    found, wanted = facts[mask.pointer], facts[image.pointer]
    if (found.width, found.height) == (wanted.width, wanted.height):
        return []
    message = f"The mask is {found.width}x{found.height} pixels, but its picture is {wanted.width}x{wanted.height}"
    return [Problem(mask.pointer, message, {"width": wanted.width, "height": wanted.height})]


def all_picture_problems(body: Body, facts: Facts, limits: ImageLimits) -> list[Problem]:
    """Every picture with facts by itself, and a strict mask against its picture."""
    alone = [
        problem
        for place in image_places(body)
        if place.pointer in facts
        for problem in picture_problems(place, facts[place.pointer], limits)
    ]
    return alone + (mask_size_problems(body, facts) if limits.strict_masks else [])
