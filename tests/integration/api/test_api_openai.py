"""The `openai` package, unmodified, against the image endpoints, with a real worker and the local endpoint."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator

import httpx
import openai
import pytest
from openai import OpenAI
from PIL import Image, ImageDraw

from darkroom import Darkroom, Settings
from darkroom.api.openai.wording import inverted_alpha
from darkroom_shared.core.errors import ImageRefused
from tests.integration.api.serving import Served
from tests.integration.client.live import bedrock, live, settings, stack
from tests.support.bodies import picture
from tests.support.valkey import redis_url, valkey_server

__all__ = ["bedrock", "live", "redis_url", "settings", "stack", "valkey_server"]

NOVA = "amazon.nova-canvas-v1:0"


@pytest.fixture
def client(served: Served) -> Iterator[OpenAI]:
    """The package as its users make it, but for the address."""
    with httpx.Client(trust_env=False) as transport:
        yield OpenAI(base_url=f"{served.url}/v1", api_key="unused", http_client=transport, max_retries=0)


def opened(encoded: str | None) -> Image.Image:
    assert encoded is not None
    image = Image.open(io.BytesIO(base64.b64decode(encoded)))
    image.load()
    return image


def hole(width: int = 512, height: int = 512) -> bytes:
    """A mask in OpenAI's form: transparent where it is to be edited."""
    mask = Image.new("RGBA", (width, height), (0, 0, 0, 255))
    ImageDraw.Draw(mask).rectangle((100, 100, 300, 300), fill=(0, 0, 0, 0))
    out = io.BytesIO()
    mask.save(out, "PNG")
    return out.getvalue()


def test_pictures_are_made_from_words(client: OpenAI, settings: Settings) -> None:
    found = client.images.generate(model=NOVA, prompt="a red sailboat", n=2, size="1024x1024", user="user-7")
    assert found.data is not None
    assert [opened(one.b64_json).size for one in found.data] == [(1024, 1024)] * 2
    job = Darkroom(settings=settings).job(str(found.model_extra["job"])).status()  # type: ignore[index]
    assert (job.metadata, job.job_class, job.cost.actual_usd) == ({"user": "user-7"}, "interactive", pytest.approx(0.08))


def test_a_name_of_openais_stands_for_any_model_that_can_do_it(client: OpenAI) -> None:
    found = client.images.generate(model="gpt-image-1", prompt="a jar", size="1024x1024", output_format="webp")
    assert found.data is not None
    image = opened(found.data[0].b64_json)
    assert (image.format, image.size) == ("WEBP", (1024, 1024))


def test_a_link_opens_without_a_key(client: OpenAI) -> None:
    found = client.images.generate(model="dall-e-3", prompt="a cactus", size="1024x1024")
    assert found.data is not None
    url = found.data[0].url
    assert url is not None
    answer = httpx.get(url, trust_env=False)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")


def test_a_picture_is_edited_where_its_mask_is_transparent(client: OpenAI) -> None:
    found = client.images.edit(model=NOVA, image=("a.png", picture()), mask=("m.png", hole()), prompt="a flower pot")
    assert found.data is not None
    assert opened(found.data[0].b64_json).size == (512, 512)


def test_several_pictures_without_a_mask_make_one_in_their_likeness(client: OpenAI) -> None:
    images = [("a.png", picture()), ("b.png", picture(seed=1))]
    found = client.images.edit(model=NOVA, image=images, prompt="both at sea", size="512x512")
    assert found.data is not None
    assert opened(found.data[0].b64_json).size == (512, 512)


@pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # the package's word for what others still call
def test_a_picture_is_varied(client: OpenAI) -> None:
    found = client.images.create_variation(model=NOVA, image=("a.png", picture()), n=2, size="512x512", response_format="b64_json")
    assert found.data is not None
    assert len(found.data) == 2


def test_what_is_wrong_is_told_in_openais_form(client: OpenAI) -> None:
    with pytest.raises(openai.UnprocessableEntityError) as caught:
        client.images.generate(model=NOVA, prompt="a boat", size="1x1")  # type: ignore[call-overload]
    assert (caught.value.code, caught.value.type) == ("invalid_input", "invalid_request_error")
    with pytest.raises(openai.UnprocessableEntityError, match="transparent"):
        client.images.edit(model=NOVA, image=("a.png", picture()), mask=("m.png", picture()), prompt="x")
    for told in ({"background": "transparent"}, {"n": 9}, {"extra_body": {"colour": 1}}, {"model": "nobody"}):
        with pytest.raises(openai.UnprocessableEntityError):
            client.images.generate(**{"model": NOVA, "prompt": "a boat", **told})  # type: ignore[call-overload]


def test_what_a_filter_refuses_is_no_server_error(client: OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        client.images.generate(model=NOVA, prompt="a boat [blocked]", size="512x512")
    assert (caught.value.status_code, caught.value.code) == (400, "content_policy_violation")
    assert caught.value.response.headers["x-should-retry"] == "false"


def test_a_repeat_under_the_same_key_pays_once(client: OpenAI) -> None:
    headers = {"Idempotency-Key": "order-7"}
    first, second = (client.images.generate(model=NOVA, prompt="a kite", size="512x512", extra_headers=headers) for _ in range(2))
    assert first.model_extra == second.model_extra


def test_a_key_is_asked_for_once_there_are_keys(settings: Settings, served: Served) -> None:
    key = Darkroom(settings=settings).create_key(tenant="shop", scopes=["submit", "read"])
    with httpx.Client(trust_env=False) as transport:
        stranger = OpenAI(base_url=f"{served.url}/v1", api_key="dk_no", http_client=transport, max_retries=0)
        with pytest.raises(openai.AuthenticationError):
            stranger.images.generate(prompt="a boat")
        shop = OpenAI(base_url=f"{served.url}/v1", api_key=key.key, http_client=transport, max_retries=0)
        found = shop.images.generate(model=NOVA, prompt="a boat", size="512x512")
    assert Darkroom(settings=settings).job(str(found.model_extra["job"])).status().tenant == "shop"  # type: ignore[index]


def test_a_mask_without_a_hole_is_refused() -> None:
    with pytest.raises(ImageRefused, match="no transparent part"):
        inverted_alpha(picture(mode="RGBA"))
    with Image.open(io.BytesIO(inverted_alpha(hole()))) as mask:
        assert (mask.getpixel((200, 200)), mask.getpixel((5, 5))) == ((0, 0, 0), (255, 255, 255))
