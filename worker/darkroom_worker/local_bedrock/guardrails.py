"""Plays Bedrock's guardrails: what one objects to, and how it says so. Each is known by its id, in the versions DRAFT and 1.

    [guard-prompt]    in any text of a request: the guardrail steps in
    [guard-image]     in the bytes of a picture (a PNG text chunk, for example): it steps in
    [guard-output]    in a text: the call is made, and the guardrail steps in before its pictures come out
    [guard-picture]   in a text: the call passes, and the first picture that it makes is one that ApplyGuardrail objects to later

Besides, it steps in at every picture that is nearly all magenta: shrunk to 32x32, each pixel lies within 24 of (255, 0, 255) in
each channel. All of it is reported as the content filter VIOLENCE with the confidence HIGH.

A fault with `model=` and a guardrail's id strikes ApplyGuardrail: an error, or for every other kind a cut connection.

The real service bills a guardrail's work apart from the call; the log says nothing of that.
"""

from __future__ import annotations

import hashlib
import io
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Final, Literal, cast

import orjson
import pybase64
from PIL import Image

from darkroom_worker.local_bedrock.filters import prompts_in
from darkroom_worker.local_bedrock.wire import GUARDRAIL_INVALID, GUARDRAIL_UNKNOWN, Headers, ServiceError, validation_error

VERSIONS: Final = frozenset(("DRAFT", "1"))
MOST_PICTURES: Final = 20
MOST_PICTURE_BYTES: Final = 4_000_000
MOST_SIDE: Final = 8000
Stage = Literal["input", "outputs"]

_ID_HEADER: Final = b"x-amzn-bedrock-guardrailidentifier"
_VERSION_HEADER: Final = b"x-amzn-bedrock-guardrailversion"
_TRACE_HEADER: Final = b"x-amzn-bedrock-trace"
_PROMPT, _IMAGE, _OUTPUT, _PICTURE = "[guard-prompt]", b"[guard-image]", "[guard-output]", "[guard-picture]"
_MAGENTA: Final = (255, 0, 255)
_NEAR: Final = 24
_REMEMBERED: Final = 10_000
_UNITS: Final = ("topicPolicyUnits", "wordPolicyUnits", "sensitiveInformationPolicyUnits", "sensitiveInformationPolicyFreeUnits")
_ASSESSMENT: Final[dict[str, object]] = {
    "contentPolicy": {
        "filters": [{"type": "VIOLENCE", "confidence": "HIGH", "filterStrength": "HIGH", "action": "BLOCKED", "detected": True}]
    }
}
BLOCKED: Final = "Guardrail blocked."


class Guardrails:
    """The guardrails of the account.

    Args:
        ids: of those that there are.
    """

    def __init__(self, ids: frozenset[str]) -> None:
        self._ids = ids
        self._bad: OrderedDict[str, None] = OrderedDict()

    def of_call(self, headers: Headers) -> str | None:
        """The guardrail of a call, None if its headers name none.

        Raises:
            ServiceError: a ValidationException if only one of the headers is there, or if there is no such guardrail.
        """
        told = dict(headers)
        name, version = (told.get(header, b"").decode("latin-1") for header in (_ID_HEADER, _VERSION_HEADER))
        return self._named(name, version)

    def of_conversation(self, config: object) -> str | None:
        """The guardrail of a call of Converse, whose body names it; raises as `of_call`."""
        told = cast("dict[str, object]", config) if isinstance(config, dict) else {}
        return self._named(*(str(told.get(name, "")) for name in ("guardrailIdentifier", "guardrailVersion")))

    def _named(self, name: str, version: str) -> str | None:
        if not name and not version:
            return None
        if not name or not version:
            raise validation_error("Guardrail identifier and version must both be specified.")
        if not self._has(name, version):
            raise validation_error(GUARDRAIL_UNKNOWN)
        return _bare(name)

    def strikes(self, body: object, images: Iterable[bytes]) -> Stage | None:
        """Where a guardrail steps in during a call with this body; None if it lets it pass."""
        text = "\n".join(prompts_in(body))
        if _PROMPT in text or any(self.objects(data) for data in images):
            return "input"
        return "outputs" if _OUTPUT in text else None

    def remember(self, body: object, sha256: tuple[str, ...]) -> None:
        """Notes a picture to which ApplyGuardrail is to object later; the last 10,000 are known."""
        if sha256 and _PICTURE in "\n".join(prompts_in(body)):
            self._bad[sha256[0]] = None
            while len(self._bad) > _REMEMBERED:
                self._bad.popitem(last=False)

    def objects(self, data: bytes) -> bool:
        """Whether a picture is one of those that a guardrail objects to."""
        return _IMAGE in data or hashlib.sha256(data).hexdigest() in self._bad or _is_magenta(data)

    def apply(self, name: str, version: str, body: Mapping[str, object] | None) -> bytes:
        """The answer of ApplyGuardrail.

        Raises:
            ServiceError: there is no such guardrail (ResourceNotFoundException), or the request is wrong (ValidationException).
        """
        if not self._has(name, version):
            raise ServiceError("ResourceNotFoundException", GUARDRAIL_UNKNOWN)
        if body is None or body.get("source") not in ("INPUT", "OUTPUT"):
            raise validation_error(GUARDRAIL_INVALID.format(what="source is INPUT or OUTPUT"))
        texts, pictures = _contents(body.get("content"))
        struck = any(_PROMPT in text for text in texts) or any(self.objects(data) for data in pictures)
        usage = dict.fromkeys(_UNITS, 0) | {"contextualGroundingPolicyUnits": 0}
        usage |= {"contentPolicyUnits": sum(-(-len(text) // 1000) for text in texts), "contentPolicyImageUnits": len(pictures)}
        coverage = {"images": {"guarded": len(pictures), "total": len(pictures)}}
        told: dict[str, object] = {
            "usage": usage,
            "action": "GUARDRAIL_INTERVENED" if struck else "NONE",
            "actionReason": BLOCKED if struck else "No action.",
            "outputs": [{"text": "The guardrail stepped in."}] if struck else [],
            "assessments": [_ASSESSMENT] if struck else [{}],
            "guardrailCoverage": coverage,
        }
        return orjson.dumps(told)

    def _has(self, name: str, version: str) -> bool:
        return _bare(name) in self._ids and version in VERSIONS


def _bare(name: str) -> str:
    """The id that an ARN ends in, or that stands alone."""
    return name.rpartition("/")[2]


def members(name: str | None, stage: Stage | None, headers: Headers) -> dict[str, object]:
    """What a call's guardrail adds to its answer; nothing without one.

    Args:
        name: the guardrail's id.
        stage: where it stepped in.
        headers: of the request; they say whether the trace is wanted.
    """
    if name is None:
        return {}
    told: dict[str, object] = {"amazon-bedrock-guardrailAction": "NONE" if stage is None else "INTERVENED"}
    if dict(headers).get(_TRACE_HEADER, b"").upper() in (b"ENABLED", b"ENABLED_FULL"):
        found = {name: {} if stage is None else _ASSESSMENT}
        trace: dict[str, object] = {"outputs": [found]} if stage == "outputs" else {"input": found}
        told["amazon-bedrock-trace"] = {"guardrail": trace | ({} if stage is None else {"actionReason": BLOCKED})}
    return told


def traced(name: str | None, stage: Stage | None, config: object) -> dict[str, object]:
    """What a guardrail adds to an answer of Converse: its trace, if the call's `guardrailConfig` asks for it."""
    told = cast("dict[str, object]", config) if isinstance(config, dict) else {}
    if name is None or told.get("trace") not in ("enabled", "enabled_full"):
        return {}
    found: dict[str, object] = {name: {} if stage is None else _ASSESSMENT}
    trace: dict[str, object] = {"outputAssessments": {name: [_ASSESSMENT]}} if stage == "outputs" else {"inputAssessment": found}
    return {"trace": {"guardrail": trace | ({} if stage is None else {"actionReason": BLOCKED})}}


def _contents(content: object) -> tuple[list[str], list[bytes]]:
    texts: list[str] = []
    pictures: list[bytes] = []
    for item in cast("list[object]", content) if isinstance(content, list) else ():
        block = cast("dict[str, object]", item) if isinstance(item, dict) else {}
        text, image = block.get("text"), block.get("image")
        if isinstance(text, dict) and isinstance(said := cast("dict[str, object]", text).get("text"), str):
            texts.append(said)
        elif isinstance(image, dict):
            pictures.append(_picture(cast("dict[str, object]", image)))
        else:
            raise validation_error(GUARDRAIL_INVALID.format(what="a block of content holds a text or an image"))
    if len(pictures) > MOST_PICTURES:
        raise validation_error(GUARDRAIL_INVALID.format(what=f"at most {MOST_PICTURES} images"))
    if not texts and not pictures:
        raise validation_error(GUARDRAIL_INVALID.format(what="content must not be empty"))
    return texts, pictures


def _picture(image: Mapping[str, object]) -> bytes:
    """The bytes of an image block, within the service's limits."""
    source = image.get("source")
    encoded = cast("dict[str, object]", source).get("bytes") if isinstance(source, dict) else None
    try:
        data = pybase64.b64decode(encoded if isinstance(encoded, str) else "", validate=True)
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as opened:
            kind, size = str(opened.format).lower(), opened.size
    except (ValueError, OSError, SyntaxError):
        raise validation_error(GUARDRAIL_INVALID.format(what="the image is no PNG or JPEG")) from None
    if kind != image.get("format") or len(data) > MOST_PICTURE_BYTES or max(size) > MOST_SIDE:
        what = f"an image has the format it says, at most {MOST_PICTURE_BYTES} bytes and {MOST_SIDE}x{MOST_SIDE} pixels"
        raise validation_error(GUARDRAIL_INVALID.format(what=what))
    return data


def _is_magenta(data: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(data)) as opened:
            opened.draft("RGB", (64, 64))
            small = opened.convert("RGB").resize((32, 32))
    except (ValueError, OSError, SyntaxError):
        return False
    pixels = small.tobytes()
    return all(abs(value - _MAGENTA[place % 3]) <= _NEAR for place, value in enumerate(pixels))
