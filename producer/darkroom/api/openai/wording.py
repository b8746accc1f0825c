"""From the words of OpenAI's image endpoints to Bedrock's bodies. Pure but for masks, whose pixels are read.

What a model on Bedrock has no counterpart for is refused, not dropped: a caller that asks for a transparent ground must not pay for
a picture without one.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from darkroom_shared.core.errors import ImageRefused, InvalidRequest, UnknownModel
from darkroom_shared.core.problems import Problem
from darkroom_shared.images import inspect
from darkroom_shared.models.catalogue import find_model

MOST_IMAGES: Final = 5
"""Of one call of Nova Canvas and Titan."""
_THEIRS: Final = re.compile(r"(gpt-image|chatgpt-image|dall-e)[\w.-]*")
_BY_LINK: Final = re.compile(r"dall-e[\w.-]*")
_SIZE: Final = re.compile(r"(\d{2,5})x(\d{2,5})")
_NOT_HERE: Final[Mapping[str, tuple[object, ...]]] = {
    "background": ("auto", "opaque"),
    "stream": (False, "false"),
    "partial_images": (0, "0"),
    "moderation": ("auto", "low"),
    "input_fidelity": ("low", "high"),
    "style": ("vivid", "natural"),
}
"""Fields that say nothing on Bedrock, with the values that ask for nothing."""
KNOWN: Final = frozenset(
    {"prompt", "model", "n", "size", "quality", "response_format", "user", "output_format", "output_compression", *_NOT_HERE}
)
Format = Literal["png", "jpeg", "webp"]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call asks for, in its own words, checked.

    Attributes:
        prompt: what to paint; may be empty for a variation.
        model: a model id of the catalogue, or `auto` for a name of OpenAI's.
        count: pictures.
        size: width and height; None for the model's usual one.
        premium: whether the better quality is wanted.
        links: whether the answer has links in place of the pictures.
        output_format: of the pictures.
        user: whatever the caller calls its own user.
    """

    prompt: str
    model: str
    count: int
    size: tuple[int, int] | None
    premium: bool
    links: bool
    output_format: Format
    user: str


def read(fields: Mapping[str, object], *, needs_prompt: bool) -> Asked:
    """The fields of a call. Raises InvalidRequest with everything that is wrong."""
    problems = [Problem(f"/{name}", "there is no such parameter", sorted(KNOWN)) for name in fields if name not in KNOWN]
    for name, allowed in _NOT_HERE.items():
        if fields.get(name) is not None and fields[name] not in allowed:
            problems.append(
                Problem(f"/{name}", f"{str(fields[name])[:80]!r} cannot be had on Bedrock", [str(one) for one in allowed])
            )
    prompt, model = _text(fields, "prompt", problems), _text(fields, "model", problems)
    if needs_prompt and not prompt:
        problems.append(Problem("/prompt", "a prompt is needed", "a text"))
    count = _count(fields.get("n"), problems)
    size = _size(fields.get("size"), problems)
    quality = fields.get("quality") or "auto"
    if quality not in ("auto", "standard", "low", "medium", "hd", "high"):
        problems.append(
            Problem("/quality", f"{str(quality)[:80]!r} is no quality", ["auto", "low", "medium", "high", "standard", "hd"])
        )
    told = fields.get("response_format")
    if told not in (None, "url", "b64_json"):
        problems.append(Problem("/response_format", f"{str(told)[:80]!r} is no form of an answer", ["url", "b64_json"]))
    wanted = fields.get("output_format") or "png"
    if wanted not in ("png", "jpeg", "webp"):
        problems.append(Problem("/output_format", f"{str(wanted)[:80]!r} is no format", ["png", "jpeg", "webp"]))
    own = _model(model, problems)
    user = _text(fields, "user", problems)
    if problems:
        raise InvalidRequest(problems)
    links = told == "url" or (told is None and _BY_LINK.fullmatch(model) is not None)
    found: Format = "webp" if wanted == "webp" else "jpeg" if wanted == "jpeg" else "png"
    return Asked(prompt, own, count, size, quality in ("hd", "high"), links, found, user[:200])


def _text(fields: Mapping[str, object], name: str, problems: list[Problem]) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        problems.append(Problem(f"/{name}", f"a {type(value).__name__} is no text"))
        return ""
    return value


def _count(value: object, problems: list[Problem]) -> int:
    text = "1" if value is None else str(value)
    count = int(text) if text.isdecimal() and len(text) < 4 else 0
    if not 1 <= count <= MOST_IMAGES or isinstance(value, bool):
        problems.append(Problem("/n", f"{text[:80]} is no number of pictures", {"minimum": 1, "maximum": MOST_IMAGES}))
    return count


def _size(value: object, problems: list[Problem]) -> tuple[int, int] | None:
    if value in (None, "auto"):
        return None
    match = _SIZE.fullmatch(str(value))
    if match is None:
        problems.append(Problem("/size", f"{str(value)[:80]!r} is no size", "WIDTHxHEIGHT, such as 1024x1024, or auto"))
        return None
    return int(match[1]), int(match[2])


def _model(name: str, problems: list[Problem]) -> str:
    """Names of OpenAI's own models stand for any model that can do it."""
    if name in ("", "auto") or _THEIRS.fullmatch(name):
        return "auto"
    try:
        return find_model(name).id
    except UnknownModel as error:
        problems.append(Problem("/model", str(error), "a model id of the catalogue, or auto"))
        return "auto"


def _config(asked: Asked) -> dict[str, object]:
    sides = {} if asked.size is None else {"width": asked.size[0], "height": asked.size[1]}
    return {"numberOfImages": asked.count, **sides, **({"quality": "premium"} if asked.premium else {})}


def generation(asked: Asked) -> dict[str, object]:
    """The body for a picture from words."""
    return {"taskType": "TEXT_IMAGE", "textToImageParams": {"text": asked.prompt}, "imageGenerationConfig": _config(asked)}


def edit(asked: Asked, images: Sequence[bytes], mask: bytes | None) -> dict[str, object]:
    """The body for an edit: within a mask that is in-painting, without one the whole picture is made anew in its likeness.

    Raises:
        InvalidRequest, ImageRefused.
    """
    if mask is None:
        return variation(asked, images)
    if len(images) != 1:
        raise InvalidRequest([Problem("/mask", f"a mask belongs to one picture, and {len(images)} are given", "one picture")])
    if asked.size is not None and asked.size != _size_of(images[0]):
        raise InvalidRequest(
            [Problem("/size", "with a mask the picture keeps its size", f"auto, or {'x'.join(map(str, _size_of(images[0])))}")]
        )
    params = {"image": _b64(images[0]), "maskImage": _b64(inverted_alpha(mask)), "text": asked.prompt}
    config = {name: value for name, value in _config(asked).items() if name not in ("width", "height")}
    return {"taskType": "INPAINTING", "inPaintingParams": params, "imageGenerationConfig": config}


def variation(asked: Asked, images: Sequence[bytes]) -> dict[str, object]:
    """The body for pictures in the likeness of others."""
    params: dict[str, object] = {"images": [_b64(image) for image in images], "text": asked.prompt or "the same scene once more"}
    return {"taskType": "IMAGE_VARIATION", "imageVariationParams": params, "imageGenerationConfig": _config(asked)}


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _size_of(data: bytes) -> tuple[int, int]:
    facts = inspect(data)
    return facts.width, facts.height


def inverted_alpha(mask: bytes) -> bytes:
    """A mask of OpenAI's (what is fully transparent is edited) as Amazon's (what is black is edited), as PNG.

    Raises:
        ImageRefused: it is no picture, or has no transparent part.
    """
    from PIL import Image

    facts = inspect(mask)
    with Image.open(io.BytesIO(mask), formats=(facts.format,)) as image:
        if not image.has_transparency_data:
            raise ImageRefused("The mask has no transparent part: what is to be edited must be fully transparent.")
        alpha = image.convert("RGBA").getchannel("A").point([0] + [255] * 255)
    if alpha.getextrema() == (255, 255):
        raise ImageRefused("The mask has no transparent part: what is to be edited must be fully transparent.")
    out = io.BytesIO()
    alpha.convert("RGB").save(out, "PNG")
    return out.getvalue()
