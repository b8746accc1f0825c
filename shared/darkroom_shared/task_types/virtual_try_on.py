"""VIRTUAL_TRY_ON: a garment or thing from one picture, worn or placed in another (Nova Canvas only)."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field
from typing import ClassVar

from darkroom_shared.task_types.descriptor import ImageSlot, TaskType
from darkroom_shared.task_types.request import ImageSource, body_of, given
from darkroom_shared.task_types.values import (
    GarmentClass,
    LongSleeveStyle,
    MaskShape,
    MaskType,
    MergeStyle,
    OuterLayerStyle,
    Preserve,
    Quality,
    TuckingStyle,
)

VIRTUAL_TRY_ON = TaskType(
    name="VIRTUAL_TRY_ON",
    slug="virtual_try_on",
    params_key="virtualTryOnParams",
    slots=(
        ImageSlot(("virtualTryOnParams", "sourceImage"), "source"),
        ImageSlot(("virtualTryOnParams", "referenceImage"), "reference"),
        ImageSlot(("virtualTryOnParams", "imageBasedMask", "maskImage"), "mask"),
    ),
)


@dataclass(frozen=True, slots=True)
class VirtualTryOn:
    """Puts what the reference shows into the source picture, where a mask, a garment class or a prompt says.

    Attributes:
        source_image: the person or room; left out in a chain, where it is the previous step's output.
        reference_image: the garment or thing.
        mask_type: where the change goes; left out, it follows from which of `mask_image`, `garment_class`, `mask_prompt` is given.
        mask_image: black is changed, white is kept; the same size as the source, pure black and white.
        garment_class: what is worn there now.
        mask_prompt: words for the thing to replace.
        mask_shape: outline of the mask made from a garment class or a prompt.
        long_sleeve_style: sleeves down or up (with a garment class).
        tucking_style: upper garment loose or tucked in (with a garment class).
        outer_layer_style: outer garment closed or open (with a garment class).
        preserve_body_pose: keep the pose; True and False mean ON and OFF.
        preserve_hands: keep the hands; True and False mean ON and OFF.
        preserve_face: keep the face; True and False mean ON and OFF.
        merge_style: how the change is joined to the rest.
        return_mask: whether the answer brings the mask along.
        number_of_images: 1 to 5.
        quality: `standard` or `premium`.
        cfg_scale: 1.1 to 10.
        seed: 0 to 2 147 483 646.

    Raises:
        ValueError: `mask_shape` was given for a mask image, which has its own shape.
    """

    source_image: ImageSource | None = field(default=None, repr=False)
    reference_image: ImageSource | None = field(default=None, repr=False)
    _: KW_ONLY
    mask_type: MaskType | None = None
    mask_image: ImageSource | None = field(default=None, repr=False)
    garment_class: GarmentClass | None = None
    mask_prompt: str | None = None
    mask_shape: MaskShape | None = None
    long_sleeve_style: LongSleeveStyle | None = None
    tucking_style: TuckingStyle | None = None
    outer_layer_style: OuterLayerStyle | None = None
    preserve_body_pose: Preserve | bool | None = None
    preserve_hands: Preserve | bool | None = None
    preserve_face: Preserve | bool | None = None
    merge_style: MergeStyle | None = None
    return_mask: bool | None = None
    number_of_images: int | None = None
    quality: Quality | None = None
    cfg_scale: float | None = None
    seed: int | None = None

    task_type: ClassVar[str] = VIRTUAL_TRY_ON.name

    def __post_init__(self) -> None:
        if self.mask_shape is not None and self._mask_type() not in ("GARMENT", "PROMPT"):
            raise ValueError("mask_shape goes with garment_class or mask_prompt, not with a mask image")

    def to_body(self) -> dict[str, object]:
        """Bedrock's VIRTUAL_TRY_ON body, with its nested mask objects."""
        params: dict[str, object] = {
            "sourceImage": self.source_image,
            "referenceImage": self.reference_image,
            "maskType": self._mask_type(),
            "imageBasedMask": given({"maskImage": self.mask_image}) or None,
            "garmentBasedMask": self._garment_mask() or None,
            "promptBasedMask": self._prompt_mask() or None,
            "maskExclusions": self._exclusions() or None,
            "mergeStyle": self.merge_style,
            "returnMask": self.return_mask,
        }
        config: dict[str, object] = {
            "numberOfImages": self.number_of_images,
            "quality": self.quality,
            "cfgScale": self.cfg_scale,
            "seed": self.seed,
        }
        return body_of(self.task_type, VIRTUAL_TRY_ON.params_key, params, config)

    def _mask_type(self) -> MaskType | None:
        if self.mask_type is not None:
            return self.mask_type
        if self.mask_image is not None:
            return "IMAGE"
        if self.garment_class is not None:
            return "GARMENT"
        return None if self.mask_prompt is None else "PROMPT"

    def _shape_for(self, mask_type: MaskType) -> MaskShape | None:
        return self.mask_shape if self._mask_type() == mask_type else None

    def _garment_mask(self) -> dict[str, object]:
        styling = {
            "longSleeveStyle": self.long_sleeve_style,
            "tuckingStyle": self.tucking_style,
            "outerLayerStyle": self.outer_layer_style,
        }
        return given(
            {
                "maskShape": self._shape_for("GARMENT"),
                "garmentClass": self.garment_class,
                "garmentStyling": given(styling) or None,
            }
        )

    def _prompt_mask(self) -> dict[str, object]:
        return given({"maskShape": self._shape_for("PROMPT"), "maskPrompt": self.mask_prompt})

    def _exclusions(self) -> dict[str, object]:
        return given(
            {
                "preserveBodyPose": _preserve(self.preserve_body_pose),
                "preserveHands": _preserve(self.preserve_hands),
                "preserveFace": _preserve(self.preserve_face),
            }
        )


def _preserve(value: Preserve | bool | None) -> Preserve | None:
    if isinstance(value, bool):
        return "ON" if value else "OFF"
    return value
