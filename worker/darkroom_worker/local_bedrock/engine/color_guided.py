"""COLOR_GUIDED_GENERATION: the scene of the prompt, or a reference picture's structure, in a given palette."""

from __future__ import annotations

from darkroom_worker.local_bedrock.engine.control import fit
from darkroom_worker.local_bedrock.engine.encode import decode, encode, with_label
from darkroom_worker.local_bedrock.engine.noise import fractal
from darkroom_worker.local_bedrock.engine.oklab import parse_hex
from darkroom_worker.local_bedrock.engine.order import Order, Rendered, as_texts
from darkroom_worker.local_bedrock.engine.palette import recolour
from darkroom_worker.local_bedrock.engine.raster import Canvas, Pixels, bilateral, mix, to_bytes, to_float
from darkroom_worker.local_bedrock.engine.scene import finish, paint_scene, set_stage
from darkroom_worker.local_bedrock.engine.stage import Stage

_SPREAD = 0.16


def render_color_guided(order: Order) -> Rendered:
    """All pictures of a COLOR_GUIDED_GENERATION order, labelled, width x height of the order."""
    data = order.picture("referenceImage")
    reference = None if data is None else fit(decode(data), *order.size)
    return Rendered(tuple(encode(with_label(_painted(order, reference, order.seed_of(index)))) for index in range(order.count)))


def _painted(order: Order, reference: Pixels | None, seed: int) -> Pixels:
    stage = set_stage(order.text, order.negative, seed, *order.size, fine=order.fine)
    colours = tuple(parse_hex(text) for text in as_texts(order.params.get("colors")))
    picture = paint_scene(stage, finished=False) if reference is None else _over(stage, reference)
    spread = fractal(stage.rng("palette spread"), stage.width, stage.height, 2, 3) - 0.5
    amount = 0.86 + 0.08 * order.firmness
    return to_bytes(finish(stage, recolour(picture, colours, amount, spread * _SPREAD)))


def _over(stage: Stage, reference: Pixels) -> Canvas:
    """The reference, smoothed like paint, with a breath of the prompt's scene."""
    smooth = to_float(bilateral(reference, 7, 50, 7))
    return mix(smooth, paint_scene(stage, things=False, finished=False), 0.18)
