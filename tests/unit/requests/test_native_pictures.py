"""The rules about pictures for Stability's models: formats, sizes, transparency, and masks of any kind."""

from __future__ import annotations

import pytest
from PIL import Image

from darkroom_shared.checking import check_request
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.models.catalogue import check_images, find_model
from tests.support.bodies import b64, cut_out, edited, encoded, grey_mask, picture, sample
from tests.support.native_bodies import SD35, SDXL, SERVICES, STABLE_FROM_IMAGE, ULTRA

STANDARD = tuple(task for task in SERVICES if task not in ("FAST_UPSCALE", "CREATIVE_UPSCALE"))
MASKED = ("STABLE_INPAINT", "ERASE_OBJECT")


def place(task: str) -> str:
    """Where the picture of a sample stands."""
    return "/init_image" if task in ("STYLE_TRANSFER", "SDXL_IMAGE with a mask") else "/image"


def facts(width: int, height: int) -> ImageFacts:
    return ImageFacts(width=width, height=height, format="PNG", mode="RGB", size_bytes=1000)


def found(model: str, name: str, width: int, height: int) -> list[tuple[str, object]]:
    """What is said about a picture of this size: messages, and what is allowed."""
    where = place(name)
    problems = check_images(find_model(model), sample(name), {where: facts(width, height)})
    assert {problem.pointer for problem in problems} <= {where}
    return [(problem.message, problem.allowed) for problem in problems]


@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("task", SERVICES)
def test_every_service_takes_png_jpeg_and_webp(task: str, file_format: str) -> None:
    data = b64(picture(128, 128, file_format=file_format))

    assert check_request(edited(sample(task), place(task), data), SERVICES[task]).problems == ()


@pytest.mark.parametrize("model", STABLE_FROM_IMAGE)
@pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP"])
def test_image_to_image_takes_png_jpeg_and_webp(model: str, file_format: str) -> None:
    data = b64(picture(128, 128, file_format=file_format))

    assert check_request(edited(sample("STABLE_IMAGE from an image"), "/image", data), model).problems == ()


@pytest.mark.parametrize("task", SERVICES)
def test_a_gif_is_no_picture(task: str) -> None:
    gif = b64(encoded(Image.new("RGB", (128, 128)), "GIF"))
    [problem] = check_request(edited(sample(task), place(task), gif), SERVICES[task]).problems

    assert problem.pointer == place(task)


@pytest.mark.parametrize("task", SERVICES)
def test_a_picture_may_be_transparent_and_of_sixteen_bits(task: str) -> None:
    for data in (cut_out(128, 128), encoded(Image.new("I;16", (128, 128), 1000))):
        assert check_request(edited(sample(task), place(task), b64(data)), SERVICES[task]).problems == ()


@pytest.mark.parametrize("task", MASKED)
def test_a_mask_may_have_greys_an_alpha_channel_and_another_size(task: str) -> None:
    for data in (grey_mask(128, 128), cut_out(128, 128), grey_mask(200, 90)):
        assert check_request(edited(sample(task), "/mask", b64(data)), SERVICES[task]).problems == ()


@pytest.mark.parametrize("task", MASKED)
def test_a_mask_that_is_no_picture_is_refused_at_the_mask(task: str) -> None:
    [problem] = check_request(edited(sample(task), "/mask", "QQ=="), SERVICES[task]).problems

    assert problem.pointer == "/mask"


def test_a_mask_of_sdxl_may_have_greys_and_another_size() -> None:
    assert check_request(edited(sample("SDXL_IMAGE with a mask"), "/mask_image", b64(grey_mask(70, 90))), SDXL).problems == ()


@pytest.mark.parametrize("task", STANDARD)
@pytest.mark.parametrize(
    ("width", "height", "says"),
    [
        (64, 64, None),
        (63, 64, ("63x64", "64")),
        (64, 63, ("64x63", "64")),
        (3072, 3072, None),  # 9,437,184
        (3073, 3072, ("9,440,256", "9,437,184")),
        (640, 256, None),
        (641, 256, ("641x256", "2.5")),
        (256, 641, ("256x641", "2.5")),
    ],
)
def test_the_standard_limits_of_a_picture(task: str, width: int, height: int, says: tuple[str, str] | None) -> None:
    told = found(SERVICES[task], task, width, height)

    assert len(told) == (0 if says is None else 1)
    assert all(part in told[0][0] for part in says or ())
    assert all(allowed for _, allowed in told)


def test_the_style_picture_has_the_same_limits() -> None:
    model = find_model(SERVICES["STYLE_TRANSFER"])
    problems = check_images(model, sample("STYLE_TRANSFER"), {"/style_image": facts(63, 100)})

    assert [problem.pointer for problem in problems] == ["/style_image"]


@pytest.mark.parametrize(
    ("task", "width", "height", "says"),
    [
        ("FAST_UPSCALE", 32, 32, None),
        ("FAST_UPSCALE", 31, 40, "32"),
        ("FAST_UPSCALE", 1536, 682, None),
        ("FAST_UPSCALE", 1537, 600, "1536"),
        ("FAST_UPSCALE", 1024, 1024, None),
        ("FAST_UPSCALE", 1025, 1024, "1,048,576"),
        ("CREATIVE_UPSCALE", 64, 64, None),
        ("CREATIVE_UPSCALE", 63, 100, "64"),
        ("CREATIVE_UPSCALE", 16384, 64, None),
        ("CREATIVE_UPSCALE", 1024, 1024, None),
        ("CREATIVE_UPSCALE", 1025, 1024, "1,048,576"),
    ],
)
def test_the_limits_of_the_upscalers(task: str, width: int, height: int, says: str | None) -> None:
    told = found(SERVICES[task], task, width, height)

    assert len(told) == (0 if says is None else 1)
    assert says is None or says in told[0][0]


def test_a_picture_of_too_few_pixels_is_told_apart_from_one_with_a_short_side() -> None:
    told = found(SERVICES["CREATIVE_UPSCALE"], "CREATIVE_UPSCALE", 63, 63)

    assert ["at least 64" in told[0][0], "3,969" in told[1][0], "4,096" in told[1][0]] == [True] * 3
    assert [allowed for _, allowed in told] == [{"minimum": 64}, {"minimum": 4096}]


def test_only_stable_diffusion_documents_a_least_side_for_image_to_image() -> None:
    assert len(found(SD35, "STABLE_IMAGE from an image", 63, 500)) == 1
    assert found(SD35, "STABLE_IMAGE from an image", 64, 500) == []
    assert found(ULTRA, "STABLE_IMAGE from an image", 63, 500) == []
    assert found(SDXL, "SDXL_IMAGE with a mask", 63, 500) == []


def test_a_body_that_gets_too_large_with_its_picture_is_refused() -> None:
    huge = ImageFacts(width=1000, height=1000, format="PNG", mode="RGB", size_bytes=18_800_000)
    body = edited(sample("STABLE_OUTPAINT"), "/image", "asset:" + "0" * 64)
    [problem] = check_images(find_model(SERVICES["STABLE_OUTPAINT"]), body, {"/image": huge})

    assert (problem.pointer, "25,000,000" in problem.message) == ("", True)
