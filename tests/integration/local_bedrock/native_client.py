"""boto3 against an endpoint in this process, and requests for every native model."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from PIL import Image, ImageDraw

from tests.integration.local_bedrock.endpoints import Running

CORE, ULTRA = "stability.stable-image-core-v1:1", "stability.stable-image-ultra-v1:1"
SD35, SDXL = "stability.sd3-5-large-v1:0", "stability.stable-diffusion-xl-v1"


def service(slug: str) -> str:
    """The profile id of an image service."""
    return f"us.stability.{slug}-v1:0"


def photo(width: int = 320, height: int = 256, *, alpha: bool = False) -> bytes:
    """A PNG of an orange ball on a blue ramp; with alpha, the ball is transparent."""
    image = Image.linear_gradient("L").resize((width, height))
    picture = Image.merge("RGB", (image.point(lambda v: v // 4), image.point(lambda v: v // 3), image.point(lambda v: 90 + v // 2)))
    ball = (width // 3, height // 3, width * 2 // 3, height * 2 // 3)
    ImageDraw.Draw(picture).ellipse(ball, fill=(220, 120, 40))
    if alpha:
        cover = Image.new("L", picture.size, 255)
        ImageDraw.Draw(cover).ellipse(ball, fill=0)
        picture.putalpha(cover)
    return png(picture)


def mask(width: int, height: int, box: tuple[int, int, int, int]) -> bytes:
    """White in the box, black around it."""
    picture = Image.new("RGB", (width, height))
    picture.paste((255, 255, 255), box)
    return png(picture)


def png(picture: Image.Image) -> bytes:
    """The picture's file."""
    data = io.BytesIO()
    picture.save(data, "PNG")
    return data.getvalue()


def text(data: bytes) -> str:
    """As a body carries it."""
    return base64.b64encode(data).decode()


@dataclass(frozen=True)
class Case:
    """A request to one model, and the size that its picture must have."""

    model: str
    body: Mapping[str, object]
    size: tuple[int, int]


def cases() -> list[Case]:
    """Every native model."""
    image = text(photo())
    hole = text(mask(320, 256, (100, 80, 220, 180)))
    same = (320, 256)
    words = {"image": image, "prompt": "a forest"}
    return [
        Case(CORE, {"prompt": "a lake", "aspect_ratio": "16:9"}, (1344, 768)),
        Case(ULTRA, {"prompt": "a lake", "image": image, "strength": 0.6}, same),
        Case(SD35, {"prompt": "a lake", "aspect_ratio": "9:21"}, (640, 1536)),
        Case(SD35, {"prompt": "a lake", "mode": "image-to-image", "image": image, "strength": 0.4}, same),
        Case(
            SDXL, {"text_prompts": [{"text": "a lake"}, {"text": "fog", "weight": -1}], "width": 640, "height": 1536}, (640, 1536)
        ),
        Case(SDXL, {"text_prompts": [{"text": "a lake"}], "init_image": image, "image_strength": 0.5}, same),
        Case(service("stable-image-remove-background"), {"image": image}, same),
        Case(service("stable-image-inpaint"), {**words, "mask": hole}, same),
        Case(service("stable-outpaint"), {"image": image, "left": 30, "down": 12}, (350, 268)),
        Case(service("stable-image-erase-object"), {"image": image, "mask": hole}, same),
        Case(service("stable-image-search-replace"), {**words, "search_prompt": "the ball"}, same),
        Case(service("stable-image-search-recolor"), {"image": image, "prompt": "green", "select_prompt": "orange"}, same),
        Case(service("stable-image-control-sketch"), words, same),
        Case(service("stable-image-control-structure"), words, same),
        Case(service("stable-image-style-guide"), {**words, "aspect_ratio": "5:4"}, (1088, 896)),
        Case(service("stable-style-transfer"), {"init_image": image, "style_image": text(photo(200, 200))}, same),
        Case(service("stable-fast-upscale"), {"image": image}, (1280, 1024)),
        Case(service("stable-conservative-upscale"), words, (3434, 2747)),
        Case(service("stable-creative-upscale"), words, (3434, 2747)),
    ]


def seeded(body: Mapping[str, object], seed: int) -> dict[str, object]:
    """The body with that seed."""
    return {**body, "seed": seed}


def client(running: Running, region: str = "us-west-2") -> Any:
    """A boto3 client that asks once."""
    sdk: Any = boto3
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    config = Config(retries={"total_max_attempts": 1}, read_timeout=120)
    return sdk.client("bedrock-runtime", endpoint_url=running.url, region_name=region, config=config, **keys)


def invoke(running: Running, model: str, body: Mapping[str, object], region: str = "us-west-2") -> Any:
    """The answer's JSON. Raises what boto3 raises."""
    caller = client(running, region)
    try:
        return json.loads(caller.invoke_model(modelId=model, body=json.dumps(body))["body"].read())
    finally:
        caller.close()


def picture_of(answer: Any) -> Image.Image:
    """The one picture of an answer of either form."""
    encoded = answer["artifacts"][0]["base64"] if "artifacts" in answer else answer["images"][0]
    image = Image.open(io.BytesIO(base64.b64decode(encoded, validate=True)))
    image.load()
    return image


def seed_of(answer: Any) -> int:
    """The seed that an answer of either form tells."""
    found = answer["artifacts"][0]["seed"] if "artifacts" in answer else answer["seeds"][0]
    assert isinstance(found, int)
    return found
