"""One order in, pictures out: picks the painter for the task type.

Renders are pure (no clock, no environment, no random state that outlives a call) and run one at a time in a process, because
PatchMatch and OpenCV keep global state.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from darkroom_worker.local_bedrock.engine.background_removal import render_background_removal
from darkroom_worker.local_bedrock.engine.color_guided import render_color_guided
from darkroom_worker.local_bedrock.engine.control import render_controlled
from darkroom_worker.local_bedrock.engine.encode import encode_as
from darkroom_worker.local_bedrock.engine.glyphs import paint_glyph, text_font
from darkroom_worker.local_bedrock.engine.inpainting import render_inpainting
from darkroom_worker.local_bedrock.engine.order import CannotRender, Order, Rendered
from darkroom_worker.local_bedrock.engine.outpainting import render_outpainting
from darkroom_worker.local_bedrock.engine.stability import STABILITY_PAINTERS, Ask
from darkroom_worker.local_bedrock.engine.subject import network_available
from darkroom_worker.local_bedrock.engine.text_image import render_text_image
from darkroom_worker.local_bedrock.engine.try_on import render_try_on
from darkroom_worker.local_bedrock.engine.variation import render_variation

_PAINTERS: dict[str, Callable[[Order], Rendered]] = {
    "TEXT_IMAGE": render_text_image,
    "INPAINTING": render_inpainting,
    "OUTPAINTING": render_outpainting,
    "IMAGE_VARIATION": render_variation,
    "COLOR_GUIDED_GENERATION": render_color_guided,
    "BACKGROUND_REMOVAL": render_background_removal,
    "VIRTUAL_TRY_ON": render_try_on,
}
_one_at_a_time = threading.Lock()


def render(order: Order) -> Rendered:
    """Renders all pictures of an order on the CPU; the same order gives the same bytes on one machine.

    Raises:
        CannotRender: no painter for the task type, or a picture the task needs was not handed over.
    """
    painter = _painter(order)
    with _one_at_a_time:
        return painter(order)


def _painter(order: Order) -> Callable[[Order], Rendered]:
    if order.task_type in STABILITY_PAINTERS:
        return _render_native
    painter = _PAINTERS.get(order.task_type)
    if painter is None:
        known = ", ".join((*_PAINTERS, *STABILITY_PAINTERS))
        raise CannotRender(f"the local engine has no painter for taskType {order.task_type!r}; it has {known}")
    conditioned = order.task_type == "TEXT_IMAGE" and order.picture("conditionImage") is not None
    return render_controlled if conditioned else painter


def _render_native(order: Order) -> Rendered:
    """The one picture of a native body, in the format that it asks for."""
    ask = Ask.of(order)
    return Rendered((encode_as(STABILITY_PAINTERS[order.task_type](ask), ask.format),))


def warm_up() -> None:
    """Loads OpenCV, the subject network and the fonts, so that the first order is as fast as the others."""
    with _one_at_a_time:
        network_available()
        paint_glyph("\u26f5", (0.8, 0.2, 0.2))
        text_font(16)
