"""Painters for the native bodies of the Stability models: one function for each task type, from an ask to pixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from darkroom_worker.local_bedrock.engine.raster import Pixels
from darkroom_worker.local_bedrock.engine.stability.ask import Ask
from darkroom_worker.local_bedrock.engine.stability.background import paint_cut_out
from darkroom_worker.local_bedrock.engine.stability.control import paint_control_sketch, paint_control_structure
from darkroom_worker.local_bedrock.engine.stability.inpaint import paint_erased, paint_inpaint, paint_search_replace
from darkroom_worker.local_bedrock.engine.stability.outpaint import paint_outpaint
from darkroom_worker.local_bedrock.engine.stability.recolor import paint_search_recolor
from darkroom_worker.local_bedrock.engine.stability.style import paint_style_guide, paint_style_transfer
from darkroom_worker.local_bedrock.engine.stability.text_image import paint_sdxl_image, paint_stable_image
from darkroom_worker.local_bedrock.engine.stability.upscale import (
    paint_conservative_upscale,
    paint_creative_upscale,
    paint_fast_upscale,
)

__all__ = ["STABILITY_PAINTERS", "Ask"]

STABILITY_PAINTERS: Mapping[str, Callable[[Ask], Pixels]] = {
    "STABLE_IMAGE": paint_stable_image,
    "SDXL_IMAGE": paint_sdxl_image,
    "REMOVE_BACKGROUND": paint_cut_out,
    "STABLE_INPAINT": paint_inpaint,
    "STABLE_OUTPAINT": paint_outpaint,
    "ERASE_OBJECT": paint_erased,
    "SEARCH_AND_REPLACE": paint_search_replace,
    "SEARCH_AND_RECOLOR": paint_search_recolor,
    "CONTROL_SKETCH": paint_control_sketch,
    "CONTROL_STRUCTURE": paint_control_structure,
    "STYLE_GUIDE": paint_style_guide,
    "STYLE_TRANSFER": paint_style_transfer,
    "FAST_UPSCALE": paint_fast_upscale,
    "CONSERVATIVE_UPSCALE": paint_conservative_upscale,
    "CREATIVE_UPSCALE": paint_creative_upscale,
}
