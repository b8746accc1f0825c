"""The closed sets of values that Bedrock's image models accept, named once for the classes and the schemas.

Source: the request pages of Titan, Nova Canvas, Stable Image, SDXL 1.0, the Stability AI Image Services and the embedding models
at AWS.
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

AspectRatio = Literal["16:9", "1:1", "21:9", "2:3", "3:2", "4:5", "5:4", "9:16", "9:21"]
OutputFormat = Literal["jpeg", "png", "webp"]
GenerationMode = Literal["text-to-image", "image-to-image"]
StylePreset = Literal[
    "3d-model",
    "analog-film",
    "anime",
    "cinematic",
    "comic-book",
    "digital-art",
    "enhance",
    "fantasy-art",
    "isometric",
    "line-art",
    "low-poly",
    "modeling-compound",
    "neon-punk",
    "origami",
    "photographic",
    "pixel-art",
    "tile-texture",
]

ClipGuidancePreset = Literal["FAST_BLUE", "FAST_GREEN", "NONE", "SIMPLE", "SLOW", "SLOWER", "SLOWEST"]
Sampler = Literal[
    "DDIM",
    "DDPM",
    "K_DPMPP_2M",
    "K_DPMPP_2S_ANCESTRAL",
    "K_DPM_2",
    "K_DPM_2_ANCESTRAL",
    "K_EULER",
    "K_EULER_ANCESTRAL",
    "K_HEUN",
    "K_LMS",
]
InitImageMode = Literal["IMAGE_STRENGTH", "STEP_SCHEDULE"]
MaskSource = Literal["MASK_IMAGE_WHITE", "MASK_IMAGE_BLACK", "INIT_IMAGE_ALPHA"]

EmbeddingPurpose = Literal[
    "GENERIC_INDEX",
    "GENERIC_RETRIEVAL",
    "TEXT_RETRIEVAL",
    "IMAGE_RETRIEVAL",
    "VIDEO_RETRIEVAL",
    "DOCUMENT_RETRIEVAL",
    "AUDIO_RETRIEVAL",
    "CLASSIFICATION",
    "CLUSTERING",
]
DetailLevel = Literal["STANDARD_IMAGE", "DOCUMENT_IMAGE"]
NamedFormat = Literal["png", "jpeg", "gif", "webp"]
TruncationMode = Literal["START", "END", "NONE"]
EmbeddingInput = Literal["search_document", "search_query", "classification", "clustering"]
EmbeddingType = Literal["float", "int8", "uint8", "binary", "ubinary"]
TruncatedSide = Literal["NONE", "LEFT", "RIGHT"]
