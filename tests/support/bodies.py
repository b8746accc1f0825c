"""Pictures and request bodies for tests: small, legal and made on the spot, so that a test changes the one thing it is about.

    body = edited(sample("INPAINTING"), "/inPaintingParams/text", "x" * 513)

`sample(task)` is a body in the shape that AWS documents for the task, with pictures in it.
"""

from __future__ import annotations

import base64
import copy
import io
import random
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

from PIL import Image, ImageDraw

from darkroom_shared.models.catalogue import FAMILIES, MODELS, gives_documents
from tests.support.native_bodies import NATIVE_SAMPLES

TITAN_V1 = "amazon.titan-image-generator-v1"
TITAN_V2 = "amazon.titan-image-generator-v2:0"
NOVA = "amazon.nova-canvas-v1:0"
SAMPLE_SIZE = (512, 512)
Body = dict[str, Any]


def encoded(image: Image.Image, file_format: str = "PNG", **options: Any) -> bytes:
    """The picture as a file."""
    out = io.BytesIO()
    image.save(out, file_format, **options)
    return out.getvalue()


def b64(data: bytes) -> str:
    """Raw base64, as Bedrock takes it."""
    return base64.b64encode(data).decode("ascii")


@cache
def picture(width: int = 512, height: int = 512, mode: str = "RGB", file_format: str = "PNG", seed: int = 0) -> bytes:
    """A file with a gradient and a disc in it: not one flat colour, cheap to make, equal for equal arguments.

    Pictures of modes with alpha are fully opaque.
    """
    draw = random.Random(seed)
    colors = [tuple(draw.randrange(256) for _ in range(3)) for _ in range(3)]
    image = Image.linear_gradient("L").resize((width, height))
    image = Image.composite(Image.new("RGB", image.size, colors[0]), Image.new("RGB", image.size, colors[1]), image)
    ImageDraw.Draw(image).ellipse((width // 4, height // 4, 3 * width // 4, 3 * height // 4), fill=colors[2])
    return encoded(image.convert(mode), file_format)


@cache
def mask(width: int = 512, height: int = 512, file_format: str = "PNG") -> bytes:
    """A pure black rectangle in the middle of pure white."""
    image = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(image).rectangle((width // 4, height // 4, 3 * width // 4, 3 * height // 4), fill="black")
    return encoded(image, file_format)


@cache
def grey_mask(width: int = 512, height: int = 512) -> bytes:
    """A mask with one grey pixel."""
    image = Image.open(io.BytesIO(mask(width, height)))
    image.putpixel((1, 1), (128, 128, 128))
    return encoded(image)


@cache
def cut_out(width: int = 512, height: int = 512) -> bytes:
    """What a background removal returns: a disc on transparent ground."""
    image = Image.open(io.BytesIO(picture(width, height))).convert("RGBA")
    alpha = Image.new("L", image.size, 0)
    ImageDraw.Draw(alpha).ellipse((width // 4, height // 4, 3 * width // 4, 3 * height // 4), fill=255)
    image.putalpha(alpha)
    return encoded(image)


def _config(**changes: object) -> Body:
    config: Body = {"numberOfImages": 1, "quality": "standard", "cfgScale": 8.0, "seed": 42}
    return {**config, **changes}


_SIZE = {"width": 512, "height": 512}


def _text_image() -> Body:
    return {
        "taskType": "TEXT_IMAGE",
        "textToImageParams": {"text": "a red sailboat on a calm lake", "negativeText": "people"},
        "imageGenerationConfig": _config(**_SIZE),
    }


def _conditioned() -> Body:
    body = _text_image()
    body["textToImageParams"] |= {"conditionImage": b64(picture()), "controlMode": "CANNY_EDGE", "controlStrength": 0.7}
    return body


def _inpainting() -> Body:
    params = {"text": "a flower pot", "negativeText": "people", "image": b64(picture()), "maskImage": b64(mask())}
    return {"taskType": "INPAINTING", "inPaintingParams": params, "imageGenerationConfig": _config()}


def _outpainting() -> Body:
    params = {
        "text": "on a beach",
        "negativeText": "people",
        "image": b64(picture()),
        "maskPrompt": "the disc",
        "outPaintingMode": "DEFAULT",
    }
    return {"taskType": "OUTPAINTING", "outPaintingParams": params, "imageGenerationConfig": _config()}


def _inpainting_by_words() -> Body:
    params = {"text": "a flower pot", "negativeText": "people", "image": b64(picture()), "maskPrompt": "the disc"}
    return {"taskType": "INPAINTING", "inPaintingParams": params, "imageGenerationConfig": _config()}


def _outpainting_by_a_mask() -> Body:
    params = {"text": "on a beach", "image": b64(picture()), "maskImage": b64(mask()), "outPaintingMode": "PRECISE"}
    return {"taskType": "OUTPAINTING", "outPaintingParams": params, "imageGenerationConfig": _config()}


def _variation() -> Body:
    params = {"text": "in oil paint", "images": [b64(picture()), b64(picture(seed=1))], "similarityStrength": 0.7}
    return {"taskType": "IMAGE_VARIATION", "imageVariationParams": params, "imageGenerationConfig": _config(**_SIZE)}


def _color_guided() -> Body:
    params = {
        "text": "a jar of salad dressing",
        "negativeText": "people",
        "referenceImage": b64(picture()),
        "colors": ["#ff8080", "#FFB280"],
    }
    return {"taskType": "COLOR_GUIDED_GENERATION", "colorGuidedGenerationParams": params, "imageGenerationConfig": _config(**_SIZE)}


def _background_removal() -> Body:
    return {"taskType": "BACKGROUND_REMOVAL", "backgroundRemovalParams": {"image": b64(picture())}}


def _try_on() -> Body:
    params = {
        "sourceImage": b64(picture()),
        "referenceImage": b64(picture(seed=2)),
        "maskType": "GARMENT",
        "garmentBasedMask": {
            "maskShape": "DEFAULT",
            "garmentClass": "UPPER_BODY",
            "garmentStyling": {"longSleeveStyle": "SLEEVE_DOWN", "tuckingStyle": "UNTUCKED", "outerLayerStyle": "CLOSED"},
        },
        "maskExclusions": {"preserveBodyPose": "ON", "preserveHands": "DEFAULT", "preserveFace": "OFF"},
        "mergeStyle": "BALANCED",
        "returnMask": True,
    }
    return {"taskType": "VIRTUAL_TRY_ON", "virtualTryOnParams": params, "imageGenerationConfig": _config()}


def _try_on_by(mask_type: str, **mask_object: object) -> Body:
    pictures = {"sourceImage": b64(picture()), "referenceImage": b64(picture(seed=2))}
    return {"taskType": "VIRTUAL_TRY_ON", "virtualTryOnParams": {**pictures, "maskType": mask_type, **mask_object}}


def _single_embedding() -> Body:
    text = {"truncationMode": "END", "value": "a red sailboat"}
    params = {"embeddingPurpose": "GENERIC_RETRIEVAL", "embeddingDimension": 1024, "text": text}
    return {"schemaVersion": "nova-multimodal-embed-v1", "taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": params}


def _single_picture_embedding() -> Body:
    image = {"detailLevel": "STANDARD_IMAGE", "format": "png", "source": {"bytes": b64(picture())}}
    params = {"embeddingPurpose": "GENERIC_INDEX", "image": image}
    return {"taskType": "SINGLE_EMBEDDING", "singleEmbeddingParams": params}


_SAMPLES: Mapping[str, Callable[[], Body]] = {
    "TEXT_IMAGE": _text_image,
    "TEXT_IMAGE with conditioning": _conditioned,
    "INPAINTING": _inpainting,
    "INPAINTING by words": _inpainting_by_words,
    "OUTPAINTING": _outpainting,
    "OUTPAINTING by a mask": _outpainting_by_a_mask,
    "IMAGE_VARIATION": _variation,
    "COLOR_GUIDED_GENERATION": _color_guided,
    "BACKGROUND_REMOVAL": _background_removal,
    "VIRTUAL_TRY_ON": _try_on,
    "VIRTUAL_TRY_ON of shoes": lambda: _try_on_by("GARMENT", garmentBasedMask={"garmentClass": "SHOES"}),
    "VIRTUAL_TRY_ON by a mask": lambda: _try_on_by("IMAGE", imageBasedMask={"maskImage": b64(mask())}),
    "VIRTUAL_TRY_ON by words": lambda: _try_on_by("PROMPT", promptBasedMask={"maskPrompt": "the disc", "maskShape": "CONTOUR"}),
    "SINGLE_EMBEDDING": _single_embedding,
    "SINGLE_EMBEDDING of a picture": _single_picture_embedding,
}
SAMPLE_NAMES = (*_SAMPLES, *NATIVE_SAMPLES)
"""What `sample` knows: every task type, and some a second time with pictures that they may also hold."""


def sample(name: str) -> Body:
    """A fresh legal body for a task type: for every model that can do the task. One of a native task has darkroom's tag."""
    if name in NATIVE_SAMPLES:
        return {"taskType": name.split(maxsplit=1)[0], **native_sample(name)}
    return _SAMPLES[name]()


JUDGED: Final = tuple(model for model in MODELS.values() if not gives_documents(model) or model is FAMILIES[model.family].models[0])
"""Every model but those that are judged by the very rules of another: of the profiles of vision models one."""


def native_sample(name: str) -> Body:
    """A fresh legal body for a native task, in the form that is sent."""
    return NATIVE_SAMPLES[name](b64(picture(128, 128)), b64(mask(128, 128)))


ABSENT = object()
"""As a value for `edited`: take the field away."""


def edited(body: Mapping[str, Any], pointer: str, value: object) -> Body:
    """A copy of the body with another value at a JSON pointer; objects on the way are made where they are missing."""
    result: Body = copy.deepcopy(dict(body))
    *way, last = pointer.split("/")[1:]
    node: Any = result
    for key in way:
        node = node.setdefault(key, {}) if hasattr(node, "setdefault") else node[int(key)]
    if value is ABSENT:
        del node[last]
    elif isinstance(node, list):
        node[int(last)] = value
    else:
        node[last] = value
    return result
