"""`/v1/images/generations`, `/edits` and `/variations`, answered when the pictures are there."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, cast

import orjson
from anyio import to_thread
from fastapi import APIRouter, Header, Request
from pydantic import BaseModel, Field
from starlette.datastructures import FormData, UploadFile

from darkroom import flows, watching
from darkroom.api import links
from darkroom.api.bodies import Options, pointing
from darkroom.api.callers import Submitter
from darkroom.api.openai import wording
from darkroom.api.openai.errors import FAULTS, OpenAIRoute, StillWorking
from darkroom.api.openai.wording import Asked
from darkroom.api.problems import Refused
from darkroom.api.routes.assets import secret_of
from darkroom.api.routes.jobs import changed
from darkroom.api.service import Desk, Service
from darkroom.conversion import converted
from darkroom.effects import get_asset
from darkroom_shared.contract.access import Caller
from darkroom_shared.contract.views import JobView, Output
from darkroom_shared.core.errors import InvalidRequest
from darkroom_shared.core.lifecycle import JobState
from darkroom_shared.core.problems import Problem

router = APIRouter(prefix="/v1/images", tags=["openai"], route_class=OpenAIRoute)

LONGEST_WAIT_S: Final = 300
LINK_S: Final = 3600
MOST_PICTURES: Final = 5
Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=255)]
_PROMPTED: Final[dict[str, object]] = {"prompt": {"type": "string"}}
_FIELDS: Final[dict[str, object]] = {
    "model": {"type": "string", "description": "A model id of `GET /v1/models`; `auto` or a name of OpenAI's: any that can do it."},
    "n": {"type": "integer", "minimum": 1, "maximum": wording.MOST_IMAGES, "default": 1},
    "size": {"type": "string", "examples": ["1024x1024"]},
    "quality": {"type": "string", "enum": ["auto", "low", "medium", "high", "standard", "hd"]},
    "response_format": {"type": "string", "enum": ["url", "b64_json"]},
    "output_format": {"type": "string", "enum": ["png", "jpeg", "webp"]},
    "user": {"type": "string"},
}
_FILE: Final = {"type": "string", "format": "binary"}


class ImageData(BaseModel):
    """One picture."""

    b64_json: str | None = None
    url: str | None = None
    """A link that needs no key, for an hour."""


class Images(BaseModel):
    """The answer."""

    created: int
    """Seconds since the epoch."""
    data: list[ImageData]
    output_format: str
    size: str
    job: str = Field(description="The job that made them: `GET /v1/jobs/{id}` tells its cost and its attempts.")


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of the three."""

    desk: Service
    caller: Caller
    request: Request
    key: str | None


def _described(kind: str, needed: Sequence[str], **more: object) -> dict[str, Any]:
    schema = {"type": "object", "required": list(needed), "properties": {**more, **_FIELDS}}
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema}}}}


@router.post(
    "/generations", response_model=Images, responses=FAULTS, openapi_extra=_described("application/json", ["prompt"], **_PROMPTED)
)
async def generations(request: Request, desk: Desk, caller: Submitter, key: Key = None) -> Images:
    """Pictures from words. The call lasts until they are there; hanging up does not cancel the job."""
    fields = await _json(request)
    asked = wording.read(fields, needs_prompt=True)
    return await _made(_Call(desk, caller, request, key), asked, wording.generation(asked))


@router.post(
    "/edits",
    response_model=Images,
    responses=FAULTS,
    openapi_extra=_described("multipart/form-data", ["prompt", "image"], **_PROMPTED, image=_FILE, mask=_FILE),
)
async def edits(request: Request, desk: Desk, caller: Submitter, key: Key = None) -> Images:
    """A picture changed by words: where the mask is fully transparent, or as a whole without a mask."""
    async with request.form(max_files=MOST_PICTURES + 1, max_fields=30) as form:
        asked = wording.read(_words(form), needs_prompt=True)
        images, masks = await _files(form, "image"), await _files(form, "mask")
    if not images:
        raise InvalidRequest([Problem("/image", "a picture is needed", "a PNG, JPEG or WebP file")])
    body = await to_thread.run_sync(wording.edit, asked, images, masks[0] if masks else None)
    return await _made(_Call(desk, caller, request, key), asked, body)


@router.post(
    "/variations",
    response_model=Images,
    responses=FAULTS,
    openapi_extra=_described("multipart/form-data", ["image"], **_PROMPTED, image=_FILE),
)
async def variations(request: Request, desk: Desk, caller: Submitter, key: Key = None) -> Images:
    """Pictures in the likeness of one."""
    async with request.form(max_files=MOST_PICTURES, max_fields=30) as form:
        asked = wording.read(_words(form), needs_prompt=False)
        images = await _files(form, "image")
    if not images:
        raise InvalidRequest([Problem("/image", "a picture is needed", "a PNG, JPEG or WebP file")])
    return await _made(_Call(desk, caller, request, key), asked, wording.variation(asked, images))


async def _json(request: Request) -> Mapping[str, object]:
    try:
        found: object = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise Refused(400, "invalid_json", f"The body is no JSON: {error}.") from None
    if not isinstance(found, dict):
        raise InvalidRequest([Problem("", "the body is no JSON object", "an object")])
    return cast("Mapping[str, object]", found)


def _words(form: FormData) -> dict[str, object]:
    """The fields that are texts; `image[]` is how the libraries name one of several files."""
    return {name: value for name, value in form.multi_items() if isinstance(value, str)}


async def _files(form: FormData, name: str) -> list[bytes]:
    found = [*form.getlist(name), *form.getlist(f"{name}[]")]
    return [await one.read() for one in found if isinstance(one, UploadFile)]


async def _made(call: _Call, asked: Asked, body: dict[str, object]) -> Images:
    """Submits the job, waits for it, and answers with its pictures."""
    desk = call.desk
    told = Options(
        model=asked.model,
        substitute="approximate" if asked.model == "auto" else None,
        job_class="interactive",
        metadata={"user": asked.user} if asked.user else None,
    ).told(call.caller, call.key)
    with pointing("/request"):
        done = await desk.run(flows.submit(desk.scene, body, told))
    view = await changed(desk, await desk.run(watching.status(done.id)), LONGEST_WAIT_S, to_the_end=True)
    if not view.is_terminal:
        raise StillWorking(view.id)
    pictures = view.pictures
    if not pictures:
        raise _without(view)
    data = [await _picture(call, asked, output) for output in pictures]
    size = f"{pictures[0].width}x{pictures[0].height}"
    return Images(created=desk.sources.now_ms() // 1000, data=data, output_format=asked.output_format, size=size, job=view.id)


def _without(view: JobView) -> Refused:
    """Why there are no pictures."""
    headers = {"X-Darkroom-Job": view.id, "X-Should-Retry": "false"}
    if view.state is JobState.REJECTED:
        said = " ".join(dict.fromkeys(row.message for row in view.rejected if row.message)) or "A content filter refused all of it."
        return Refused(400, "content_policy_violation", said, headers=headers)
    code, said = (
        (view.error.code, view.error.message) if view.error else (view.reason or view.state.value, "There are no pictures.")
    )
    return Refused(502 if view.state is JobState.FAILED else 409, code, f"{view.id} {view.state.value}: {said}", headers=headers)


async def _picture(call: _Call, asked: Asked, output: Output) -> ImageData:
    if asked.links:
        until_s = call.desk.sources.now_ms() // 1000 + LINK_S
        path = links.path(await secret_of(call.desk), output.sha256, until_s)
        as_format = "" if asked.output_format == "png" else f"&format={asked.output_format}"
        return ImageData(url=str(call.request.base_url).rstrip("/") + path + as_format)
    data = await call.desk.run(get_asset(output.sha256))
    data, _ = await to_thread.run_sync(converted, data, asked.output_format, None)
    return ImageData(b64_json=base64.b64encode(data).decode("ascii"))
