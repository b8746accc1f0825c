"""Translates the tasks that make new pictures: TEXT_IMAGE, IMAGE_VARIATION, COLOR_GUIDED_GENERATION."""

from __future__ import annotations

from typing import Final

from darkroom_shared.contract.job_record import Fidelity
from darkroom_shared.contract.steps import Palette, PaletteTransfer
from darkroom_shared.models.model import Facts
from darkroom_shared.plan.route import Finish, Translation
from darkroom_shared.plan.sizes import brought_to, nearest_ratio, size_losses
from darkroom_shared.plan.words import Words
from darkroom_shared.task_types import as_array

USUAL_SIMILARITY: Final = 0.7
USUAL_CONTROL: Final = 0.7
VARIED: Final = "the same picture in another version"
"""Asked for where a variation has no text: the Stability models need some."""
PALETTE_SIDE: Final = 1024
PALETTE_STRENGTH: Final = 0.85
STYLE_FIDELITY: Final = 0.5


def text_image(words: Words, facts: Facts) -> list[Translation]:
    """TEXT_IMAGE: any text-to-image model, or with a condition image the sketch and structure services."""
    prompt, lost = _with_style(words)
    condition = words.params.get("conditionImage")
    width, height = words.size
    if condition is not None:
        structure = words.params.get("controlMode") == "SEGMENTATION"
        seen = facts.get(f"{words.key}/conditionImage")
        cut, far = ([], False) if seen is None else _cut_to(width, height, seen.width, seen.height)
        body = {
            "taskType": "CONTROL_STRUCTURE" if structure else "CONTROL_SKETCH",
            "image": condition,
            "prompt": prompt,
            "control_strength": words.number("controlStrength", USUAL_CONTROL),
            **words.common(),
        }
        fidelity: Fidelity = "approximate" if far else "equivalent"
        return [Translation(body, fidelity, words.images, finish=(brought_to(width, height),), lost=(*lost, *cut))]
    return [_from_text(words, prompt, lost, "STABLE_IMAGE")]


def _from_text(words: Words, prompt: str, lost: list[str], task_type: str, **more: object) -> Translation:
    width, height = words.size
    ratio = nearest_ratio(width, height)
    trimmed, far = size_losses(width, height, ratio)
    return Translation(
        {"taskType": task_type, "prompt": prompt, "aspect_ratio": ratio, **more, **words.common()},
        "approximate" if far else "equivalent",
        words.images,
        finish=(brought_to(width, height),),
        lost=(*lost, *trimmed),
        dear=words.premium,
    )


def _with_style(words: Words) -> tuple[str, list[str]]:
    prompt, lost = words.text("text"), words.lost()
    if style := words.text("style"):
        lost.append("The style is asked for in words.")
        return f"{prompt}, {style.replace('_', ' ').lower()} style", lost
    return prompt, lost


def _cut_to(width: int, height: int, made_width: int, made_height: int) -> tuple[list[str], bool]:
    scale = max(width / made_width, height / made_height)
    kept = width * height / (made_width * scale * made_height * scale)
    if kept > 0.99:
        return [], False
    return [f"{width}x{height} is cut out of a picture of other proportions."], kept < 0.6


def image_variation(words: Words, facts: Facts) -> list[Translation]:
    """IMAGE_VARIATION: image-to-image on the first picture, or a new picture in its style."""
    pictures, lost = words.pictures("images"), words.lost()
    if len(pictures) > 1:
        lost.append(f"Only the first of the {len(pictures)} pictures is looked at.")
    prompt = words.text("text") or VARIED
    similarity = words.number("similarityStrength", USUAL_SIMILARITY)
    width, height = words.size
    seen = facts.get(f"{words.key}/images/0")
    cut, far = ([], False) if seen is None else _cut_to(width, height, seen.width, seen.height)
    fidelity: Fidelity = "approximate" if far or len(pictures) > 1 else "equivalent"
    redrawn = {
        "taskType": "STABLE_IMAGE",
        "image": pictures[0],
        "prompt": prompt,
        "mode": "image-to-image",
        "strength": round(1 - similarity, 3),
        **words.common(),
    }
    without_mode = {name: value for name, value in redrawn.items() if name != "mode"}  # as Ultra takes it
    whole = brought_to(width, height)
    in_style = _from_text(words, prompt, lost, "STYLE_GUIDE", image=pictures[0], fidelity=round(similarity, 3))
    looser = (*in_style.lost, "The picture's style is kept, its arrangement is not.")
    return [
        Translation(redrawn, fidelity, words.images, finish=(whole,), lost=(*lost, *cut)),
        Translation(without_mode, fidelity, words.images, finish=(whole,), lost=(*lost, *cut)),
        Translation(in_style.body, "approximate", words.images, finish=in_style.finish, lost=looser),
    ]


def color_guided(words: Words, facts: Facts) -> list[Translation]:
    """COLOR_GUIDED_GENERATION: a picture in the style of a palette, its colours then moved to the palette."""
    colors = tuple(str(color) for color in as_array(words.params.get("colors")))
    reference = words.params.get("referenceImage")
    width, height = words.size
    lost = [*words.lost(), "The colours are put on after the picture was made; the model only gets a hint of them."]
    moved = Finish(PaletteTransfer(colors=colors, strength=PALETTE_STRENGTH))
    image = reference if reference is not None else PALETTE
    made = _from_text(words, words.text("text"), lost, "STYLE_GUIDE", image=image, fidelity=STYLE_FIDELITY)
    prepare = {} if reference is not None else {"/image": (Palette(colors=colors, width=PALETTE_SIDE, height=PALETTE_SIDE),)}
    return [
        Translation(
            made.body, "approximate", words.images, prepare=prepare, finish=(brought_to(width, height), moved), lost=made.lost
        )
    ]


PALETTE: Final = "$palette"
"""Stands at a place whose picture the first step of its `prepare` makes out of nothing."""
