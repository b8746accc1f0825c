"""The published schemas against the numbers of AWS's pages, written down a second time: what is sent to whom, and in which range.

`test_catalogue_rows` breaks each limit of a schema; this says that they are the right ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from darkroom_shared.models.catalogue import schema_of
from tests.support.bodies import NOVA, TITAN_V1, TITAN_V2
from tests.support.native_bodies import CORE, CORE_BEFORE, SD3, SD35, SDXL, SERVICES, ULTRA, ULTRA_BEFORE
from tests.support.rows import FLAT_ROWS

Limits = dict[str, str]
PICTURE = "picture"
STABILITY_SEED, ONE_MORE = "whole 0..4294967294", "whole 0..4294967295"


def listed(text: str) -> Limits:
    """`name: limit` a line; a `!` behind the name is a field that must be there."""
    return {name.strip(): limit.strip() for name, limit in (line.split(":", 1) for line in text.strip().splitlines())}


def inside(params: str, fields: Limits) -> Limits:
    """The fields of an object that must be there."""
    return {f"{params}.{name}": limit for name, limit in fields.items()}


CONFIG = listed("""
    imageGenerationConfig.numberOfImages: whole 1..5
    imageGenerationConfig.quality: standard|premium
    imageGenerationConfig.cfgScale: 1.1..10
    imageGenerationConfig.seed: whole 0..2147483646
""")
EXCLUSION, SHAPE = "ON|OFF|DEFAULT", "CONTOUR|BOUNDING_BOX|DEFAULT"
TRY_ON = listed(f"""
    sourceImage!: picture
    referenceImage!: picture
    maskType!: IMAGE|GARMENT|PROMPT
    imageBasedMask.maskImage!: picture
    garmentBasedMask.maskShape: {SHAPE}
    garmentBasedMask.garmentClass!: 18 words, UPPER_BODY to OTHER_FOOTWEAR
    garmentBasedMask.garmentStyling.longSleeveStyle: SLEEVE_DOWN|SLEEVE_UP
    garmentBasedMask.garmentStyling.tuckingStyle: UNTUCKED|TUCKED
    garmentBasedMask.garmentStyling.outerLayerStyle: CLOSED|OPEN
    promptBasedMask.maskShape: {SHAPE}
    promptBasedMask.maskPrompt!: 1..1024 characters
    maskExclusions.preserveBodyPose: {EXCLUSION}
    maskExclusions.preserveHands: {EXCLUSION}
    maskExclusions.preserveFace: {EXCLUSION}
    mergeStyle: BALANCED|SEAMLESS|DETAILED
    returnMask: true or false
""")


def amazon(model: str) -> dict[str, Limits]:
    """The tasks of one of Amazon's models."""
    nova = model == NOVA
    prompt, negative = ("1..1024 characters", "1..1024 characters") if nova else ("1..512 characters", "0..512 characters")
    side = "whole 320..4096 by 16" if nova else "whole"
    sides = {"imageGenerationConfig.width": side, "imageGenerationConfig.height": side}
    edited = CONFIG if nova else CONFIG | sides
    needed, words = {"text!": prompt, "negativeText": negative}, {"text": prompt, "negativeText": negative}
    mask = {"maskPrompt": prompt, "maskImage": PICTURE} | ({} if nova else {"returnMask": "true or false"})
    condition = {"conditionImage": PICTURE, "controlMode": "CANNY_EDGE|SEGMENTATION", "controlStrength": "0..1"}
    style = {"style": "3D_ANIMATED_FAMILY_FILM|DESIGN_SKETCH|FLAT_VECTOR_ILLUSTRATION|GRAPHIC_NOVEL_ILLUSTRATION|MAXIMALISM"}
    style["style"] += "|MIDCENTURY_RETRO|PHOTOREALISM|SOFT_DIGITAL_PAINTING"
    text_image = needed | ({} if model == TITAN_V1 else condition) | (style if nova else {})
    outpainting = (words if nova else needed) | mask | {"image!": PICTURE, "outPaintingMode": "DEFAULT|PRECISE"}
    variation = words | {"images!": "1..5 items", "images[]": PICTURE, "similarityStrength": "0.2..1.0"}
    tasks = {
        "TEXT_IMAGE": inside("textToImageParams!", text_image) | CONFIG | sides,
        "INPAINTING": inside("inPaintingParams!", words | mask | {"image!": PICTURE}) | edited,
        "OUTPAINTING": inside("outPaintingParams!", outpainting) | edited,
        "IMAGE_VARIATION": inside("imageVariationParams!", variation) | CONFIG | sides,
    }
    if model == TITAN_V1:
        return tasks
    colors = needed | {"colors!": "1..10 items", "colors[]": "#RRGGBB", "referenceImage": PICTURE}
    tasks["COLOR_GUIDED_GENERATION"] = inside("colorGuidedGenerationParams!", colors) | CONFIG | sides
    tasks["BACKGROUND_REMOVAL"] = {"backgroundRemovalParams!.image!": PICTURE}
    return tasks | ({"VIRTUAL_TRY_ON": inside("virtualTryOnParams!", TRY_ON) | CONFIG} if nova else {})


LONG = "0..10000 characters"
PRESETS = "17 words, 3d-model to tile-texture"
RATIOS = {"aspect_ratio": "16:9|1:1|21:9|2:3|3:2|4:5|5:4|9:16|9:21"}
FORMAT = {"output_format": "jpeg|png|webp"}
SEED = {"seed": STABILITY_SEED}
NEGATIVE, STYLE, PROMPT, IMAGE = {"negative_prompt": LONG}, {"style_preset": PRESETS}, {"prompt!": LONG}, {"image!": PICTURE}
TEXT = PROMPT | NEGATIVE | RATIOS
FROM_IMAGE = {"image": PICTURE, "strength": "0..1"}
FROM_WORDS = {"mode": "text-to-image", "seed": ONE_MORE, "output_format": "jpeg|png|JPEG|PNG"}
DIFFUSION_3 = TEXT | FROM_IMAGE | SEED | FORMAT | {"mode": "text-to-image|image-to-image"}
STYLED = IMAGE | PROMPT | NEGATIVE | STYLE | SEED | FORMAT
MASKED = {"mask": PICTURE, "grow_mask": "whole 0..20"}
SIDE = "whole 0..2000"
STABILITY: Mapping[str, Limits] = {
    CORE: TEXT | FROM_WORDS,
    CORE_BEFORE: TEXT | FROM_WORDS,
    ULTRA: TEXT | FROM_IMAGE | FROM_WORDS,
    ULTRA_BEFORE: TEXT | FROM_IMAGE | FROM_WORDS,
    SD35: DIFFUSION_3,
    SD3: DIFFUSION_3,
    SDXL: listed(f"""
        text_prompts!: 1 or more items
        text_prompts[].text!: 0..2000 characters
        text_prompts[].weight: number
        width: whole
        height: whole
        cfg_scale: 0..35
        steps: whole 10..50
        seed: {ONE_MORE}
        samples: whole 1..1
        clip_guidance_preset: FAST_BLUE|FAST_GREEN|NONE|SIMPLE|SLOW|SLOWER|SLOWEST
        sampler: 10 words, DDIM to K_LMS
        style_preset: {PRESETS}
        extras: object
        init_image: picture
        init_image_mode: IMAGE_STRENGTH|STEP_SCHEDULE
        image_strength: 0..1
        step_schedule_start: 0..1
        step_schedule_end: 0..1
        mask_source: MASK_IMAGE_WHITE|MASK_IMAGE_BLACK|INIT_IMAGE_ALPHA
        mask_image: picture
    """),
    SERVICES["REMOVE_BACKGROUND"]: IMAGE | FORMAT,
    SERVICES["STABLE_INPAINT"]: STYLED | MASKED,
    SERVICES["STABLE_OUTPAINT"]: IMAGE
    | {"left": SIDE, "right": SIDE, "up": SIDE, "down": SIDE, "creativity": "0.1..1.0", "prompt": LONG}
    | STYLE
    | SEED
    | FORMAT,
    SERVICES["ERASE_OBJECT"]: IMAGE | MASKED | SEED | FORMAT,
    SERVICES["SEARCH_AND_REPLACE"]: STYLED | {"search_prompt!": LONG, "grow_mask": "whole 0..20"},
    SERVICES["SEARCH_AND_RECOLOR"]: STYLED | {"select_prompt!": LONG, "grow_mask": "whole 0..20"},
    SERVICES["CONTROL_SKETCH"]: STYLED | {"control_strength": "0..1"},
    SERVICES["CONTROL_STRUCTURE"]: STYLED | {"control_strength": "0..1"},
    SERVICES["STYLE_GUIDE"]: STYLED | RATIOS | {"fidelity": "0..1"},
    SERVICES["STYLE_TRANSFER"]: {"init_image!": PICTURE, "style_image!": PICTURE, "prompt": LONG}
    | {"composition_fidelity": "0..1", "style_strength": "0..1", "change_strength": "0.1..1"}
    | NEGATIVE
    | SEED
    | FORMAT,
    SERVICES["FAST_UPSCALE"]: IMAGE | FORMAT,
    SERVICES["CONSERVATIVE_UPSCALE"]: IMAGE | PROMPT | NEGATIVE | SEED | FORMAT | {"creativity": "0.1..0.5"},
    SERVICES["CREATIVE_UPSCALE"]: STYLED | {"creativity": "0.1..0.5"},
}
KINDS_OF_RETRIEVAL = "|".join(f"{kind}_RETRIEVAL" for kind in ("TEXT", "IMAGE", "VIDEO", "DOCUMENT", "AUDIO"))
EMBEDDING: Mapping[str, Limits] = {
    "TITAN_EMBEDDING": {"inputText": "1 or more characters", "inputImage": PICTURE}
    | {"embeddingConfig.outputEmbeddingLength": "256|384|1024"},
    "SINGLE_EMBEDDING": {"schemaVersion": "nova-multimodal-embed-v1"}
    | inside(
        "singleEmbeddingParams!",
        listed(f"""
            embeddingPurpose!: GENERIC_INDEX|GENERIC_RETRIEVAL|{KINDS_OF_RETRIEVAL}|CLASSIFICATION|CLUSTERING
            embeddingDimension: 256|384|1024|3072
            text.truncationMode: START|END|NONE
            text.value!: 1..8192 characters
            image.detailLevel: STANDARD_IMAGE|DOCUMENT_IMAGE
            image.format: png|jpeg|gif|webp
            image.source!.bytes!: picture
        """),
    ),
    "COHERE_EMBEDDING": listed("""
        input_type!: search_document|search_query|classification|clustering
        texts: 1..96 items
        texts[]: 1 or more characters
        images: 1..20 items
        images[]: picture
        inputs: 1..96 items
        inputs[].content!: 1 or more items
        inputs[].content[].type!: text|image_url
        inputs[].content[].text: 1 or more characters
        inputs[].content[].image_url: anything
        embedding_types: 1 or more items
        embedding_types[]: float|int8|uint8|binary|ubinary
        output_dimension: 256|512|1024|1536
        truncate: NONE|LEFT|RIGHT
        max_tokens: whole 1..128000
    """),
}
DOCUMENTED = {(model, task): limits for model in (TITAN_V1, TITAN_V2, NOVA) for task, limits in amazon(model).items()}
DOCUMENTED |= {(model.id, task): STABILITY[model.id] for model, task in FLAT_ROWS if model.id in STABILITY}
DOCUMENTED |= {(model.id, task): EMBEDDING[task] for model, task in FLAT_ROWS if task in EMBEDDING}


def test_the_schema_of_every_row_has_the_fields_and_limits_that_aws_documents() -> None:
    published = {(model.id, task): dict(described(schema_of(model, task))) for model, task in FLAT_ROWS}

    assert published.keys() == DOCUMENTED.keys()
    for row, limits in published.items():
        assert limits == {"taskType!": row[1]} | DOCUMENTED[row], row


def described(schema: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """The schema's fields and limits as they are written above."""
    fields = schema.get("properties")
    if fields is not None:
        for name, part in fields.items():
            mark = "!" if name in schema["required"] else ""
            yield from described(part, f"{path}.{name}{mark}" if path else f"{name}{mark}")
        return
    yield path, _in_words(schema)
    if "items" in schema:
        yield from described(schema["items"], f"{path.removesuffix('!')}[]")


def _in_words(schema: Mapping[str, Any]) -> str:
    match schema:
        case {"const": value}:
            return str(value)
        case {"enum": values}:
            return "|".join(map(str, values)) if len(values) < 10 else f"{len(values)} words, {values[0]} to {values[-1]}"
        case {"contentEncoding": "base64"}:
            return PICTURE
        case {"minLength": low, "maxLength": high}:
            return f"{low}..{high} characters"
        case {"minLength": low}:
            return f"{low} or more characters"
        case {"minItems": low}:
            return f"{low}..{schema['maxItems']} items" if "maxItems" in schema else f"{low} or more items"
        case {"pattern": _}:
            return "#RRGGBB"
        case {"minimum": low, "maximum": high}:
            kind = "whole " if schema["type"] == "integer" else ""
            return f"{kind}{low}..{high}" + (f" by {schema['multipleOf']}" if "multipleOf" in schema else "")
        case {"type": kind}:
            return {"integer": "whole", "boolean": "true or false"}.get(kind, kind)
        case _ if not schema:
            return "anything"
        case _:
            raise AssertionError(schema)
