"""TEXT_IMAGE without a condition picture: paints the scene the prompt describes."""

from __future__ import annotations

from darkroom_worker.local_bedrock.engine.encode import encode, with_label
from darkroom_worker.local_bedrock.engine.order import Order, Rendered, as_text
from darkroom_worker.local_bedrock.engine.raster import Pixels, to_bytes
from darkroom_worker.local_bedrock.engine.scene import paint_scene, set_stage
from darkroom_worker.local_bedrock.engine.styles import apply_style, saturated


def render_text_image(order: Order) -> Rendered:
    """All pictures of a TEXT_IMAGE order, labelled, width x height of the order."""
    return Rendered(tuple(encode(with_label(_painted(order, order.seed_of(index)))) for index in range(order.count)))


def _painted(order: Order, seed: int) -> Pixels:
    stage = set_stage(order.text, order.negative, seed, *order.size, fine=order.fine)
    canvas = apply_style(stage, paint_scene(stage), as_text(order.params.get("style")))
    if order.firmness:
        canvas = saturated(canvas, 1 + 0.22 * order.firmness, 1 + 0.06 * order.firmness)
    return to_bytes(canvas)
