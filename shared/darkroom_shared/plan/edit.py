"""Translates the tasks that change a picture: INPAINTING, OUTPAINTING, BACKGROUND_REMOVAL.

Amazon's in-painting changes black and keeps white, its out-painting the other way round; Stability's services change white.
"""

from __future__ import annotations

from typing import Final

from darkroom_shared.contract.job_record import Fidelity
from darkroom_shared.contract.steps import Invert, MaskFromAlpha, PasteBack
from darkroom_shared.models.model import Facts
from darkroom_shared.plan.route import CUTOUT, Finish, Translation
from darkroom_shared.plan.sizes import brought_to
from darkroom_shared.plan.words import Words

EMPTY: Final = "empty background that continues the surroundings"
"""What a named thing is replaced by where it is to be removed: the service that finds things by name needs some text."""
AROUND: Final = "the surroundings of the picture, continued naturally"
"""What is painted around a picture where no text says."""


def inpainting(words: Words, facts: Facts) -> list[Translation]:
    """INPAINTING: by mask in-paint or erase, by mask prompt search and replace."""
    image, text, mask = words.params.get("image"), words.text("text"), words.params.get("maskImage")
    done = _same_size(words, facts)
    if mask is not None:
        body = {"taskType": "STABLE_INPAINT" if text else "ERASE_OBJECT", "image": image, "mask": mask}
        fields = words.common()
        if text:
            body["prompt"] = text
        else:
            fields.pop("negative_prompt", None)
        return [
            Translation(
                {**body, **fields}, calls=words.images, prepare={"/mask": (Invert(),)}, finish=done, lost=tuple(words.lost())
            )
        ]
    lost = words.lost()
    if not text:
        lost.append("The thing is not erased but replaced by background: the eraser needs a mask.")
    body = {
        "taskType": "SEARCH_AND_REPLACE",
        "image": image,
        "prompt": text or EMPTY,
        "search_prompt": words.text("maskPrompt"),
        **words.common(),
    }
    fidelity: Fidelity = "equivalent" if text else "approximate"
    return [Translation(body, fidelity, words.images, finish=done, lost=tuple(lost))]


def outpainting(words: Words, facts: Facts) -> list[Translation]:
    """OUTPAINTING: in-paint of everything but the subject; the subject from the mask, or cut out first."""
    precise = words.params.get("outPaintingMode") == "PRECISE"
    image, mask, lost = words.params.get("image"), words.params.get("maskImage"), words.lost()
    text = words.text("text")
    if not text:
        lost.append(f'Without a text the model is asked for "{AROUND}".')
    body = {
        "taskType": "STABLE_INPAINT",
        "image": image,
        "mask": CUTOUT if mask is None else mask,
        "prompt": text or AROUND,
        **({"grow_mask": 0} if precise else {}),
        **words.common(),
    }
    kept = (Finish(PasteBack(kept="black"), ("$made", "$/image", "$/mask")),) if precise else ()
    finish = (*_same_size(words, facts), *kept)
    if mask is not None:
        return [Translation(body, calls=words.images, finish=finish, lost=tuple(lost))]
    lost.append("The subject is what the background remover takes for it; the mask prompt is not looked at.")
    return [
        Translation(
            body,
            "approximate",
            words.images,
            prepare={"/mask": (MaskFromAlpha(subject="black"),)},
            finish=finish,
            lost=tuple(lost),
            cutout={"taskType": "REMOVE_BACKGROUND", "image": image},
        )
    ]


def background_removal(words: Words, facts: Facts) -> list[Translation]:
    """BACKGROUND_REMOVAL: the service of that name."""
    body = {"taskType": "REMOVE_BACKGROUND", "image": words.params.get("image"), "output_format": "png"}
    return [Translation(body, finish=_same_size(words, facts))]


def _same_size(words: Words, facts: Facts) -> tuple[Finish, ...]:
    """Amazon's edits have the size of their picture; where that is known it is made sure of."""
    seen = facts.get(f"{words.key}/image")
    return () if seen is None else (brought_to(seen.width, seen.height),)
