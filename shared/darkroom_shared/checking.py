"""Checks a whole request: decodes its pictures, looks at them, and puts every rule of the model to body and pictures at once.

The same check stands behind `darkroom validate`, submit, and the local Bedrock endpoint.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from darkroom_shared.core.errors import ImageRefused, UnknownModel
from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.core.problems import Problem
from darkroom_shared.images import DEFAULT_LIMITS, OpenLimits, inspect
from darkroom_shared.models.catalogue import MODELS, check_body, check_images, find_model, tagged
from darkroom_shared.models.model import Model
from darkroom_shared.task_types import ImagePlace, image_values

REFERENCE_PREFIXES = ("asset:", "s3://", "https://", "$steps.")
"""How strings begin that stand for a picture without being one."""
MOST_PICTURES = 25
"""How many pictures of one request are looked at; more than any task takes. Each may cost a second to decode."""
_RAW = "a PNG, JPEG or WebP file, as the model takes, as raw base64"

_DATA_URL = "a picture as a data URL: data:image/png;base64,..."


@dataclass(frozen=True, slots=True)
class Checked:
    """The outcome of a check.

    Attributes:
        problems: everything that is wrong; empty for a request that may be sent.
        images: decoded pictures by the JSON pointer of their place, untouched (EXIF orientation is not applied to them);
            references and places that could not be decoded are absent.
        facts: facts about the pictures that could be opened, by the same pointers.
        model: the model, None if the catalogue does not know it.
    """

    problems: tuple[Problem, ...]
    images: Mapping[str, bytes] = field(default_factory=dict[str, bytes], repr=False)
    facts: Mapping[str, ImageFacts] = field(default_factory=dict[str, ImageFacts])
    model: Model | None = None

    @property
    def valid(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def check_request(
    body: object, model_id: str | Model, *, allow_references: bool = False, limits: OpenLimits = DEFAULT_LIMITS
) -> Checked:
    """Checks a request body for a model. Never raises, whatever JSON value the body is.

    Args:
        body: Bedrock's body as parsed JSON; for a model of a native family with or without darkroom's tag.
        model_id: an id or ARN as for `find_model`, or the model.
        allow_references: accept `asset:`, `s3://`, `https://` and `$steps.` in image places (they are passed over) and data URLs
            (they are decoded). Bedrock itself takes neither, so a raw body is checked without.
        limits: which pictures are opened at all.
    """
    if not isinstance(body, Mapping):
        return Checked((Problem("", "The body must be a JSON object", "a JSON object"),))
    try:
        model = find_model(model_id) if isinstance(model_id, str) else model_id
    except UnknownModel as error:
        return Checked((Problem("", str(error), list(MODELS)),))
    request = tagged(model, cast("Mapping[str, object]", body))
    pictures = _Pictures()
    places = image_values(request)
    if len(places) > MOST_PICTURES:
        return Checked((too_many(len(places)), *check_body(model, request)), model=model)
    for place, value in places.items():
        if isinstance(value, str) and value and not (allow_references and value.startswith(REFERENCE_PREFIXES)):
            pictures.add(place, value, allow_data_url=allow_references, limits=limits)
    problems = (*check_body(model, request), *pictures.problems, *check_images(model, request, pictures.facts))
    return Checked(problems, pictures.images, pictures.facts, model)


def too_many(pictures: int) -> Problem:
    """What is wrong with a request of more than MOST_PICTURES."""
    return Problem("", f"The request holds {pictures:,} pictures", f"at most {MOST_PICTURES}")


def verdict(request_id: object, checked: Checked) -> dict[str, object]:
    """One line of `darkroom validate`: `{"id", "valid", "errors": [{"pointer", "message", "allowed"}]}`."""
    return {
        "id": request_id,
        "valid": checked.valid,
        "errors": [problem.as_json() for problem in checked.problems],
    }


class _Pictures:
    """Collects what became of each image place."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.images: dict[str, bytes] = {}
        self.facts: dict[str, ImageFacts] = {}

    def add(self, place: ImagePlace, value: str, *, allow_data_url: bool, limits: OpenLimits) -> None:
        wanted = _DATA_URL if place.data_url else _RAW
        data = _decoded(value, allow_data_url=allow_data_url or place.data_url, limits=limits)
        if place.data_url and not allow_data_url and not value.startswith("data:"):
            data = "This is no data URL, and the model takes nothing else here"
        if isinstance(data, str):
            self.problems.append(Problem(place.pointer, data, wanted))
            return
        self.images[place.pointer] = data
        try:
            self.facts[place.pointer] = inspect(data, mask=place.role == "mask", limits=limits)
        except ImageRefused as refused:
            self.problems.append(Problem(place.pointer, str(refused).rstrip("."), wanted))


def _decoded(value: str, *, allow_data_url: bool, limits: OpenLimits) -> bytes | str:
    """The bytes behind a base64 string, or a sentence that says why there are none."""
    if value.startswith("data:"):
        if not allow_data_url:
            return "This is a data URL; Bedrock takes only the base64 text after its comma"
        head, _, value = value.partition(",")
        if not head.endswith(";base64"):
            return "This data URL is not base64"
    elif value.startswith(REFERENCE_PREFIXES):
        return "This is a reference to a picture; here the picture itself is needed"
    if len(value) > most_base64(limits):
        return f"This base64 text has {len(value):,} characters; at most {most_base64(limits):,} are accepted"
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return f"This is not valid base64{_why(value)}"


def most_base64(limits: OpenLimits) -> int:
    """How long the base64 text of the largest file is."""
    return (limits.max_bytes + 2) // 3 * 4


def _why(value: str) -> str:
    if any(char.isspace() for char in value):
        return ": it contains white space or line breaks"
    if not value.isascii():
        return ": it contains characters outside ASCII"
    if "-" in value or "_" in value:
        return ": it uses the URL-safe alphabet, standard base64 has + and / instead of - and _"
    return ": its padding is missing" if len(value) % 4 else ""
