"""The canned engine's pictures."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
from collections.abc import Mapping

import pytest
from PIL import Image

from darkroom_shared.core.image_facts import ImageFacts
from darkroom_worker.local_bedrock.canned import CannedEngine
from darkroom_worker.local_bedrock.pictures import Pictures, Request

NOVA = "amazon.nova-canvas-v1:0"
CORE = "stability.stable-image-core-v1:1"


def request(
    task_type: str, body: Mapping[str, object], *, count: int = 1, facts: Mapping[str, ImageFacts] | None = None
) -> Request:
    return Request("nova-canvas", NOVA, task_type, {"taskType": task_type, **body}, {}, facts or {}, count)


def text_image(seed: int, *, count: int = 1, width: int = 640, height: int = 320) -> Request:
    config = {"seed": seed, "numberOfImages": count, "width": width, "height": height}
    return request("TEXT_IMAGE", {"textToImageParams": {"text": "a cat"}, "imageGenerationConfig": config}, count=count)


def draw(wanted: Request) -> Pictures:
    return asyncio.run(CannedEngine().draw(wanted))


def opened(encoded: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(base64.b64decode(encoded, validate=True)))
    image.load()
    return image


def test_a_picture_is_a_whole_png_of_the_size_asked_for() -> None:
    image = opened(draw(text_image(1)).encoded[0])
    assert (image.format, image.mode, image.size) == ("PNG", "RGB", (640, 320))
    assert "LOCAL PREVIEW" in str(image.info["Comment"])


def test_the_hash_is_that_of_the_bytes() -> None:
    drawn = draw(text_image(1, count=3))
    assert [hashlib.sha256(base64.b64decode(one)).hexdigest() for one in drawn.encoded] == list(drawn.sha256)


def test_equal_requests_give_equal_bytes_and_every_seed_and_image_its_own() -> None:
    assert draw(text_image(7, count=2)) == draw(text_image(7, count=2))
    hashes = [*draw(text_image(7, count=2)).sha256, *draw(text_image(8, count=2)).sha256]
    assert len(set(hashes)) == 4


def test_the_order_of_keys_makes_no_difference() -> None:
    one = request("TEXT_IMAGE", {"textToImageParams": {"text": "a", "negativeText": "b"}})
    other = request("TEXT_IMAGE", {"textToImageParams": {"negativeText": "b", "text": "a"}})
    assert draw(one) == draw(other)


def test_background_removal_gives_a_cut_out_of_the_inputs_size() -> None:
    facts = {"/backgroundRemovalParams/image": ImageFacts(200, 100, "PNG", "RGB", 1)}
    image = opened(draw(request("BACKGROUND_REMOVAL", {"backgroundRemovalParams": {"image": "x"}}, facts=facts)).encoded[0])
    assert (image.mode, image.size) == ("RGBA", (200, 100))
    assert image.getchannel("A").getextrema() == (0, 255)


@pytest.mark.parametrize("wanted", [True, False])
def test_the_mask_comes_when_it_was_asked_for(wanted: bool) -> None:
    facts = {"/inPaintingParams/image": ImageFacts(333, 321, "PNG", "RGB", 1)}
    mask = draw(request("INPAINTING", {"inPaintingParams": {"image": "x", "returnMask": wanted}}, facts=facts)).mask
    assert (mask is not None) == wanted
    if mask is not None:
        image = opened(mask)
        assert image.size == (333, 321)
        assert {color for _, color in image.getcolors() or []} == {(0, 0, 0), (255, 255, 255)}


@pytest.mark.parametrize("size", [(320, 320), (321, 323), (1173, 640), (4096, 1024)])
def test_every_size_can_be_joined_from_its_parts(size: tuple[int, int]) -> None:
    assert opened(draw(text_image(1, width=size[0], height=size[1])).encoded[0]).size == size


def native(model: str, task_type: str, *, seed: int = 7, facts: Mapping[str, ImageFacts] | None = None, **body: object) -> Request:
    return Request("stability-services", model, task_type, {"taskType": task_type, **body}, {}, facts or {}, 1, seed)


def service(slug: str, task_type: str, size: tuple[int, int], *, seed: int = 7, **body: object) -> Request:
    facts = {"/image": ImageFacts(*size, "PNG", "RGB", 1), "/init_image": ImageFacts(*size, "PNG", "RGB", 1)}
    places = {"init_image": "x", "style_image": "x"} if task_type == "STYLE_TRANSFER" else {"image": "x"}
    return native(f"us.stability.{slug}-v1:0", task_type, seed=seed, facts=facts, **places, **body)


@pytest.mark.parametrize(
    ("wanted", "size"),
    [
        (native(CORE, "STABLE_IMAGE", prompt="x", aspect_ratio="16:9"), (1344, 768)),
        (native(CORE, "STABLE_IMAGE", prompt="x"), (1024, 1024)),
        (
            native("stability.stable-diffusion-xl-v1", "SDXL_IMAGE", text_prompts=[{"text": "x"}], width=1216, height=832),
            (1216, 832),
        ),
        (native("stability.stable-diffusion-xl-v1", "SDXL_IMAGE", text_prompts=[{"text": "x"}]), (1024, 1024)),
        (service("stable-image-inpaint", "STABLE_INPAINT", (333, 222), prompt="x"), (333, 222)),
        (service("stable-outpaint", "STABLE_OUTPAINT", (333, 222), left=10, up=7), (343, 229)),
        (service("stable-image-control-sketch", "CONTROL_SKETCH", (333, 222), prompt="x"), (333, 222)),
        (service("stable-image-style-guide", "STYLE_GUIDE", (333, 222), prompt="x", aspect_ratio="9:21"), (640, 1536)),
        (service("stable-style-transfer", "STYLE_TRANSFER", (333, 222)), (333, 222)),
        (service("stable-fast-upscale", "FAST_UPSCALE", (333, 222)), (1332, 888)),
        (service("stable-creative-upscale", "CREATIVE_UPSCALE", (300, 200), prompt="x"), (3762, 2508)),
        (service("stable-conservative-upscale", "CONSERVATIVE_UPSCALE", (500, 200), prompt="x"), (4096, 1638)),
    ],
    ids=lambda value: value.task_type if isinstance(value, Request) else "x".join(map(str, value)),
)
def test_a_native_picture_has_the_size_that_its_task_gives(wanted: Request, size: tuple[int, int]) -> None:
    assert opened(draw(wanted).encoded[0]).size == size


def test_a_native_cut_out_is_transparent_around_its_subject() -> None:
    image = opened(draw(service("stable-image-remove-background", "REMOVE_BACKGROUND", (200, 100))).encoded[0])
    assert (image.mode, image.size) == ("RGBA", (200, 100))


@pytest.mark.parametrize("file_format", ["jpeg", "png", "webp"])
@pytest.mark.parametrize("size", [(320, 320), (321, 323), (64, 65)])
def test_every_file_format_is_whole_hashed_and_differs_by_seed(file_format: str, size: tuple[int, int]) -> None:
    def ask(seed: int) -> Request:
        return service("stable-image-inpaint", "STABLE_INPAINT", size, seed=seed, prompt="x", output_format=file_format)

    one, again, other = draw(ask(1)), draw(ask(1)), draw(ask(2))
    image = opened(one.encoded[0])
    assert (str(image.format).lower(), image.size) == (file_format, size)
    assert hashlib.sha256(base64.b64decode(one.encoded[0])).hexdigest() == one.sha256[0]
    assert one == again
    assert one.sha256 != other.sha256
