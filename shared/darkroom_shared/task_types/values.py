"""The closed sets of values that Bedrock's Amazon image models accept, named once for the classes and the schemas.

Source: the Titan and Nova Canvas request pages of the AWS documentation.
"""

from __future__ import annotations

from typing import Literal

Quality = Literal["standard", "premium"]
ControlMode = Literal["CANNY_EDGE", "SEGMENTATION"]
OutpaintingMode = Literal["DEFAULT", "PRECISE"]
Style = Literal[
    "3D_ANIMATED_FAMILY_FILM",
    "DESIGN_SKETCH",
    "FLAT_VECTOR_ILLUSTRATION",
    "GRAPHIC_NOVEL_ILLUSTRATION",
    "MAXIMALISM",
    "MIDCENTURY_RETRO",
    "PHOTOREALISM",
    "SOFT_DIGITAL_PAINTING",
]

MaskType = Literal["IMAGE", "GARMENT", "PROMPT"]
MaskShape = Literal["CONTOUR", "BOUNDING_BOX", "DEFAULT"]
GarmentClass = Literal[
    "UPPER_BODY",
    "LOWER_BODY",
    "FULL_BODY",
    "FOOTWEAR",
    "LONG_SLEEVE_SHIRT",
    "SHORT_SLEEVE_SHIRT",
    "NO_SLEEVE_SHIRT",
    "OTHER_UPPER_BODY",
    "LONG_PANTS",
    "SHORT_PANTS",
    "OTHER_LOWER_BODY",
    "LONG_DRESS",
    "SHORT_DRESS",
    "FULL_BODY_OUTFIT",
    "OTHER_FULL_BODY",
    "SHOES",
    "BOOTS",
    "OTHER_FOOTWEAR",
]
LongSleeveStyle = Literal["SLEEVE_DOWN", "SLEEVE_UP"]
TuckingStyle = Literal["UNTUCKED", "TUCKED"]
OuterLayerStyle = Literal["CLOSED", "OPEN"]
Preserve = Literal["ON", "OFF", "DEFAULT"]
MergeStyle = Literal["BALANCED", "SEAMLESS", "DETAILED"]
