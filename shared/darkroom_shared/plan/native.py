"""Translates SDXL 1.0's own body for the text-to-image models that came after it."""

from __future__ import annotations

from darkroom_shared.contract.job_record import Fidelity
from darkroom_shared.models.model import Body, Facts
from darkroom_shared.plan.route import Translation
from darkroom_shared.plan.sizes import brought_to, nearest_ratio, size_losses
from darkroom_shared.task_types import as_array, as_object

USUAL_SIDE = 1024
USUAL_STRENGTH = 0.35
_NOT_TAKEN = ("cfg_scale", "steps", "sampler", "clip_guidance_preset", "extras", "style_preset")


def sdxl_image(body: Body, facts: Facts) -> list[Translation]:
    """SDXL_IMAGE: the positive texts as prompt, the negative ones as negative prompt, the size as an aspect ratio."""
    texts = [as_object(item) for item in as_array(body.get("text_prompts"))]
    wanted = [str(item.get("text", "")) for item in texts if _weight(item) >= 0]
    unwanted = [str(item.get("text", "")) for item in texts if _weight(item) < 0]
    fields: dict[str, object] = {"prompt": ", ".join(wanted)}
    if unwanted:
        fields["negative_prompt"] = ", ".join(unwanted)
    if isinstance(body.get("seed"), int) and body["seed"]:
        fields["seed"] = body["seed"]
    lost = [f"{name} is not taken." for name in _NOT_TAKEN if name in body]
    if any(_weight(item) not in (1, -1) for item in texts):
        lost.append("The weights of the texts are not taken.")
    if body.get("init_image") is not None:
        kept = body.get("image_strength", USUAL_STRENGTH)
        strength = 1 - float(kept) if isinstance(kept, int | float) else 1 - USUAL_STRENGTH
        whole = {"taskType": "STABLE_IMAGE", "image": body["init_image"], "strength": round(strength, 3), **fields}
        with_mode = {**whole, "mode": "image-to-image"}
        return [Translation(one, "approximate" if lost else "equivalent", lost=tuple(lost)) for one in (with_mode, whole)]
    width, height = (side if isinstance(side := body.get(name), int) else USUAL_SIDE for name in ("width", "height"))
    ratio = nearest_ratio(width, height)
    trimmed, far = size_losses(width, height, ratio)
    made = {"taskType": "STABLE_IMAGE", "aspect_ratio": ratio, **fields}
    fidelity: Fidelity = "approximate" if far or lost else "equivalent"
    return [Translation(made, fidelity, finish=(brought_to(width, height),), lost=(*lost, *trimmed))]


def _weight(item: Body) -> float:
    weight = item.get("weight", 1.0)
    return float(weight) if isinstance(weight, int | float) else 1.0
