"""Decides what the demo shows: one job of every kind on both models, and the two chains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from darkroom.demo.pictures import Picture, Samples
from darkroom_shared.contract.steps import StepSpec, ZoomOut
from darkroom_shared.task_types import (
    AnyRequest,
    BackgroundRemoval,
    ColorGuidedGeneration,
    ImageVariation,
    Inpainting,
    Outpainting,
    TextImage,
    VirtualTryOn,
)

TITAN: Final = "amazon.titan-image-generator-v2:0"
NOVA: Final = "amazon.nova-canvas-v1:0"
_SIZE: Final = 512
_WIDE: Final = 768


@dataclass(frozen=True, slots=True, eq=False)
class DemoJob:
    """One thing that the demo shows.

    Attributes:
        name: file name and anchor, unique.
        section: heading of the page under which it stands.
        title: headline on the page.
        note: one sentence on what to look at.
        model: model id.
        steps: one request for a job; more for a chain.
        inputs: the pictures handed in, in the order of the page.
        photo: the picture that a chain starts from.
    """

    name: str
    section: str
    title: str
    note: str
    model: str
    steps: tuple[AnyRequest | StepSpec, ...]
    inputs: tuple[Picture, ...] = ()
    photo: Picture | None = None

    @property
    def is_chain(self) -> bool:
        """True if it is more than one job."""
        return len(self.steps) > 1


def demo_jobs(samples: Samples) -> Sequence[DemoJob]:
    """All jobs, in the order of the page."""
    return (*_from_words(samples), *_edits(samples), *_surroundings(samples), *_looks(samples), *_chains(samples))


def _from_words(samples: Samples) -> tuple[DemoJob, ...]:
    still = samples.still_life
    return (
        DemoJob(
            "text-image",
            "From words",
            "A picture from words",
            "Two pictures from one call: the same request and seed always give the same two.",
            NOVA,
            (
                TextImage(
                    "a red sailboat on a calm lake at sunset, mountains behind",
                    seed=7,
                    number_of_images=2,
                    width=_SIZE,
                    height=_SIZE,
                ),
            ),
        ),
        DemoJob(
            "text-image-canny",
            "From words",
            "Words that follow the edges of a picture",
            "CANNY_EDGE keeps the outlines of the picture given and paints the rest anew.",
            TITAN,
            (
                TextImage(
                    "an espresso cup in cool blue winter light",
                    condition_image=still.data,
                    control_mode="CANNY_EDGE",
                    control_strength=0.8,
                    seed=11,
                    width=_SIZE,
                    height=_SIZE,
                ),
            ),
            (still,),
        ),
        DemoJob(
            "text-image-segmentation",
            "From words",
            "Words that follow the areas of a picture",
            "SEGMENTATION keeps the layout of areas, not the outlines.",
            NOVA,
            (
                TextImage(
                    "a cup of tea on a green summer meadow",
                    condition_image=still.data,
                    control_mode="SEGMENTATION",
                    control_strength=0.7,
                    seed=12,
                    width=_SIZE,
                    height=_SIZE,
                ),
            ),
            (still,),
        ),
    )


def _edits(samples: Samples) -> tuple[DemoJob, ...]:
    portrait, still = samples.portrait, samples.still_life
    return (
        DemoJob(
            "inpainting-mask-image",
            "Edits",
            "Something new where a mask says",
            "In-painting repaints the black part of the mask; every other pixel stays as it was.",
            TITAN,
            (Inpainting(still.data, "a croissant", mask_image=samples.thing_mask.data, seed=21),),
            (still, samples.thing_mask),
        ),
        DemoJob(
            "inpainting-mask-prompt",
            "Edits",
            "Something new where words say",
            "No mask picture: the words of the mask prompt find the part to repaint.",
            NOVA,
            (Inpainting(portrait.data, "a dark blue night sky with stars", mask_prompt="background", seed=22),),
            (portrait,),
        ),
        DemoJob(
            "object-removal",
            "Edits",
            "Something taken away",
            "In-painting without words removes what the mask covers and continues the background.",
            TITAN,
            (Inpainting(portrait.data, mask_image=samples.object_mask.data, seed=23),),
            (portrait, samples.object_mask),
        ),
    )


def _surroundings(samples: Samples) -> tuple[DemoJob, ...]:
    portrait, still = samples.portrait, samples.still_life
    return (
        DemoJob(
            "outpainting-default",
            "New surroundings",
            "A new background, joined softly",
            "Out-painting keeps what the mask prompt names; DEFAULT may change its edge for a smooth join.",
            TITAN,
            (
                Outpainting(
                    portrait.data, "a tropical beach in bright daylight", mask_prompt="the astronaut", mode="DEFAULT", seed=31
                ),
            ),
            (portrait,),
        ),
        DemoJob(
            "outpainting-precise",
            "New surroundings",
            "A new background, true to the mask",
            "PRECISE keeps every pixel under the black part of the mask bit for bit.",
            NOVA,
            (
                Outpainting(
                    still.data, "a green meadow on a sunny day", mask_image=samples.frame_mask.data, mode="PRECISE", seed=32
                ),
            ),
            (still, samples.frame_mask),
        ),
    )


def _looks(samples: Samples) -> tuple[DemoJob, ...]:
    portrait, still = samples.portrait, samples.still_life
    return (
        DemoJob(
            "image-variation",
            "New looks",
            "Variations of a picture",
            "Two variations; a lower similarity strength lets them stray further.",
            TITAN,
            (
                ImageVariation(
                    still.data, "an espresso cup", similarity_strength=0.6, number_of_images=2, seed=41, width=_SIZE, height=_SIZE
                ),
            ),
            (still,),
        ),
        DemoJob(
            "color-guided",
            "New looks",
            "A picture in given colours",
            "The palette is followed, the reference picture lends its content.",
            TITAN,
            (
                ColorGuidedGeneration(
                    "an espresso cup on a table",
                    ["#0b3954", "#087e8b", "#bfd7ea", "#ff5a5f"],
                    reference_image=still.data,
                    seed=42,
                    width=_SIZE,
                    height=_SIZE,
                ),
            ),
            (still,),
        ),
        DemoJob(
            "background-removal",
            "New looks",
            "A subject cut out",
            "The result is a PNG with transparency, shown over a checkerboard.",
            NOVA,
            (BackgroundRemoval(portrait.data),),
            (portrait,),
        ),
        DemoJob(
            "virtual-try-on",
            "New looks",
            "A garment tried on",
            "The garment of the second picture is put on the person of the first, where the mask (or a garment class) says.",
            NOVA,
            (_try_on(samples),),
            (portrait, samples.garment, *([samples.suit_mask] if samples.suit_mask else [])),
        ),
    )


def _try_on(samples: Samples) -> VirtualTryOn:
    """By the mask that was drawn for the sample portrait; on another photograph the model finds the garment."""
    portrait, garment, mask = samples.portrait.data, samples.garment.data, samples.suit_mask
    if mask is not None:
        return VirtualTryOn(portrait, garment, mask_image=mask.data, merge_style="BALANCED", seed=43)
    return VirtualTryOn(portrait, garment, garment_class="UPPER_BODY", preserve_face=True, merge_style="BALANCED", seed=43)


def _chains(samples: Samples) -> tuple[DemoJob, ...]:
    return (
        DemoJob(
            "zoom-out",
            "Chains",
            "Zoom out: the picture shrinks, its surroundings are painted",
            "A free local step lays the picture on a larger canvas and makes the mask; out-painting fills the rest.",
            TITAN,
            (ZoomOut(width=_WIDE, height=_WIDE, scale=0.62), Outpainting(text="a wooden table in a cafe", mode="PRECISE", seed=51)),
            (samples.still_life,),
            samples.still_life,
        ),
        DemoJob(
            "chain",
            "Chains",
            "Cut out, put on a beach, vary three times",
            "The cut-out is transparent and out-painting needs a mask: both are mended by local steps put in between.",
            NOVA,
            (
                BackgroundRemoval(),
                Outpainting(text="a beach at sunset with palm trees", mode="DEFAULT", seed=52),
                ImageVariation(text="on a beach", similarity_strength=0.75, number_of_images=3, seed=53, width=_SIZE, height=_SIZE),
            ),
            (samples.portrait,),
            samples.portrait,
        ),
    )
