"""VIRTUAL_TRY_ON: the garment of the reference picture on the person of the source picture.

The garment is cut out, stretched row by row over the masked area and shaded with the folds of what was worn before. It follows
outlines, not a body model: sleeves are stretched cloth. Pixels outside the mask keep the very bits of the input.
"""

from __future__ import annotations

import numpy as np

from darkroom_worker.local_bedrock.engine.encode import decode, encode, encode_mask
from darkroom_worker.local_bedrock.engine.fill import inner_feather, put_back
from darkroom_worker.local_bedrock.engine.garments import body_area, find_person, garment_group
from darkroom_worker.local_bedrock.engine.masks import black_area, prompted_area
from darkroom_worker.local_bedrock.engine.noise import fractal, generator
from darkroom_worker.local_bedrock.engine.order import CannotRender, Order, Rendered, as_object, as_text
from darkroom_worker.local_bedrock.engine.raster import (
    Canvas,
    Mask,
    Pixels,
    Plane,
    blur,
    bounds,
    close_gaps,
    full_grid,
    grow,
    luma,
    mix,
    sample,
    shrink,
    smoothed_line,
    steps,
    to_float,
)
from darkroom_worker.local_bedrock.engine.subject import foreground, subject_mask

_MERGE: dict[str, tuple[float, float]] = {"BALANCED": (0.012, 0.8), "SEAMLESS": (0.022, 1.0), "DETAILED": (0.006, 0.6)}
_SHARES: dict[str, tuple[float, float]] = {
    "UPPER_BODY": (0.22, 0.62),
    "LOWER_BODY": (0.5, 0.95),
    "FULL_BODY": (0.22, 0.95),
    "FOOTWEAR": (0.86, 1.0),
    "HEAD": (0.0, 0.2),
}
_FOLDS_RADIUS = 0.045
_STRIPE = 0.06


def render_try_on(order: Order) -> Rendered:
    """All pictures of a VIRTUAL_TRY_ON order, each of the source's size."""
    source = decode(order.need("sourceImage"))
    garment, cut = _garment(order, decode(order.need("referenceImage")))
    area = _without_exclusions(order, source, _area(order, source))
    dressed = _on_person(source, area)
    images = tuple(
        encode(_worn(order, source, dressed, garment=garment, cut=cut, seed=order.seed_of(index))) for index in range(order.count)
    )
    return Rendered(images, encode_mask(area) if order.wants_mask else None)


def _area(order: Order, source: Pixels) -> Mask:
    """The area to dress, before exclusions."""
    kind = order.params.get("maskType")
    height, width = source.shape[:2]
    if kind == "IMAGE":
        return black_area(order.need("imageBasedMask", "maskImage"), width, height)
    if kind == "GARMENT":
        options = as_object(order.params.get("garmentBasedMask"))
        name = as_text(options.get("garmentClass"))
        found = body_area(source, name, bare=name == "LONG_SLEEVE_SHIRT" or _sleeves_down(options))
        area = found if found is not None and found.any() else _middle_of_subject(source, name)
    elif kind == "PROMPT":
        options = as_object(order.params.get("promptBasedMask"))
        area = prompted_area(source, as_text(options.get("maskPrompt")))
    else:
        raise CannotRender(f"VIRTUAL_TRY_ON knows maskType IMAGE, GARMENT and PROMPT, not {kind!r}")
    return _shaped(area, as_text(options.get("maskShape")))


def _sleeves_down(options: object) -> bool:
    return as_object(as_object(options).get("garmentStyling")).get("longSleeveStyle") == "SLEEVE_DOWN"


def _middle_of_subject(source: Pixels, name: str) -> Mask:
    """Without a face: the part of the subject where such a garment usually is."""
    subject = subject_mask(source)
    box = bounds(subject)
    if box is None:
        subject = np.ones(source.shape[:2], np.bool_)
        box = (0, 0, source.shape[1], source.shape[0])
    start, end = _SHARES[garment_group(name)]
    tall = box[3] - box[1]
    rows = steps(source.shape[0])[:, None]
    return subject & (rows >= box[1] + start * tall) & (rows < box[1] + end * tall)


def _shaped(area: Mask, shape: str) -> Mask:
    box = bounds(area)
    if box is None:
        return area
    if shape == "BOUNDING_BOX":
        out = np.zeros_like(area)
        out[box[1] : box[3], box[0] : box[2]] = True
        return out
    return area if shape == "CONTOUR" else grow(area, max(1, round(min(area.shape) * 0.004)))


def _on_person(source: Pixels, area: Mask) -> Mask:
    """The part of the area where the person is: a generous box must not put cloth on the wall behind."""
    person = area & grow(subject_mask(source), max(1, round(min(area.shape) * 0.006)))
    return person if person.sum() > 0.3 * area.sum() else area


def _without_exclusions(order: Order, source: Pixels, area: Mask) -> Mask:
    """Face and hands taken out of the area unless the order switches that off; a mask picture is taken as it is."""
    exclusions = as_object(order.params.get("maskExclusions"))
    if order.params.get("maskType") == "IMAGE" and not exclusions:
        return area
    person = find_person(source)
    if person is None:
        return area
    left, top, right, bottom = person.face
    face = np.zeros_like(area)
    face[top:bottom, left:right] = True
    out = area
    if exclusions.get("preserveFace") != "OFF":
        out = out & ~(face & grow(person.skin, 3))
    if exclusions.get("preserveHands") == "ON":
        out = out & ~(person.skin & ~face)
    return out if out.any() else area


def _garment(order: Order, reference: Pixels) -> tuple[Canvas, Mask]:
    """The garment's colours (carried past its edge) and where it is; on a model only the clothes count."""
    name = as_text(as_object(order.params.get("garmentBasedMask")).get("garmentClass")) or "UPPER_BODY"
    worn = body_area(reference, name)
    cut = worn if worn is not None and worn.mean() > 0.04 else subject_mask(reference)
    if cut.mean() < 0.01:
        cut = np.ones(reference.shape[:2], np.bool_)
    cut = close_gaps(cut, max(1, round(min(cut.shape) * _STRIPE)))  # white cloth on white paper is no hole
    inner = shrink(cut, max(1, round(min(cut.shape) * 0.006)))
    cut = inner if inner.any() else cut
    return foreground(to_float(reference), blur(cut.astype(np.float32), 1.0)), cut


def _worn(order: Order, source: Pixels, area: Mask, *, garment: Canvas, cut: Mask, seed: int) -> Pixels:
    if not area.any():
        return source
    feather, folds = _MERGE.get(as_text(order.params.get("mergeStyle")), _MERGE["BALANCED"])
    photo = to_float(source)
    cloth = _draped(garment, cut, area, seed)
    cloth = _in_folds(cloth, photo, area, folds)
    weight = inner_feather(area, max(1.5, min(area.shape) * feather))
    return put_back(mix(photo, cloth, weight), source, area)


def _extent(mask: Mask) -> tuple[Plane, Plane, int, int]:
    """Smoothed left and right border for each row between the first and last row of a mask."""
    box = bounds(mask)
    assert box is not None
    top, bottom = box[1], box[3]
    rows = mask[top:bottom]
    window = max(3, (bottom - top) // 10) | 1
    known = np.asarray(rows.any(axis=1), dtype=np.bool_)
    left = _border(rows.argmax(axis=1).astype(np.float32), known, window)
    right = _border((mask.shape[1] - 1 - rows[:, ::-1].argmax(axis=1)).astype(np.float32), known, window)
    return left, right, top, bottom


def _border(line: Plane, known: Mask, window: int) -> Plane:
    """A border with its empty rows bridged, smoothed."""
    at = steps(len(line))
    return smoothed_line(np.asarray(np.interp(at, at[known], line[known]), dtype=np.float32), window)


def _draped(garment: Canvas, cut: Mask, area: Mask, seed: int) -> Canvas:
    """The garment stretched over the area: each row of the area shows the garment's row at the same relative height."""
    height, width = area.shape
    left, right, top, bottom = _extent(area)
    g_left, g_right, g_top, g_bottom = _extent(cut)
    x, y = full_grid(width, height)
    down = np.clip((y - top) / max(bottom - 1 - top, 1), 0, 1)
    index = np.clip(steps(height) - top, 0, bottom - top - 1).astype(np.int32)
    a, b = left[index][:, None], right[index][:, None]
    across = np.clip((x - a) / np.maximum(b - a, 1), 0, 1)
    # A body is round: cloth is foreshortened towards its sides.
    across = 0.5 + (across - 0.5) * (0.9 + 0.1 * np.abs(across - 0.5) * 2)
    sway = (fractal(generator("drape", seed), width, height, 3, 3) - 0.5) * np.float32(0.012)
    row = np.clip(down + sway, 0, 1) * (g_bottom - 1 - g_top)
    row_index = row.astype(np.int32)
    c, d = g_left[row_index], g_right[row_index]
    u = c + np.clip(across + sway, 0.02, 0.98) * (d - c)
    return np.clip(sample(garment, np.asarray(u, np.float32), np.asarray(row + g_top, np.float32), quality="cubic"), 0, 1).astype(
        np.float32
    )


def _in_folds(cloth: Canvas, photo: Canvas, area: Mask, strength: float) -> Canvas:
    """The cloth under the photograph's light: its folds, the roundness of the body, its exposure."""
    inside = area.astype(np.float32)
    light = luma(photo)
    side = min(area.shape)
    reach = side * _FOLDS_RADIUS
    local = blur(light * inside, reach) / np.maximum(blur(inside, reach), 1e-3)
    # Prints and seams of the old cloth must not show: only soft changes of light pass.
    folds = np.clip(blur(light, side * 0.011) / np.maximum(local, 0.08), 0.62, 1.3)
    mean = float(light[area].mean())
    broad = np.clip(local / max(mean, 0.05), 0.75, 1.25)
    shade = 1 + (folds - 1) * np.float32(strength * 0.75) + (broad - 1) * np.float32(0.45)
    exposure = float(np.clip(0.8 + 0.35 * luma(photo).mean(), 0.75, 1.08))
    return np.asarray(np.clip(cloth * np.asarray(shade * exposure, np.float32)[..., None], 0, 1), dtype=np.float32)
