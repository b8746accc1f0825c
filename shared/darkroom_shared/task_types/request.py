"""What all typed requests have in common: the protocol, the kinds of image source, and the form of the body."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import Field, fields
from typing import Any, ClassVar, Protocol, TypeAlias

ImageSource: TypeAlias = bytes | os.PathLike[str] | str
"""A picture as callers name it: its encoded bytes; a path; or a string, which is a data URL, `asset:<sha256>`, `s3://...`,
`https://...` or `$steps.<name>.outputs[<i>]`, and otherwise the path of a file."""


class ImageRequest(Protocol):
    """One request to an image model, in the caller's words."""

    task_type: ClassVar[str]
    """The value of Bedrock's `taskType`."""

    def to_body(self) -> dict[str, object]:
        """Bedrock's body. Image places hold the caller's ImageSource untouched, fields left at None are absent."""
        ...


def given(fields: Mapping[str, object]) -> dict[str, object]:
    """The fields that were given: without those that are None."""
    return {name: value for name, value in fields.items() if value is not None}


def body_of(
    task_type: str, params_key: str, params: Mapping[str, object], config: Mapping[str, object] | None = None
) -> dict[str, object]:
    """Puts a body together; an `imageGenerationConfig` in which nothing was given is left out."""
    body: dict[str, object] = {"taskType": task_type, params_key: given(params)}
    settings = given(config or {})
    return {**body, "imageGenerationConfig": settings} if settings else body


class NativeRequest(Protocol):
    """A typed request whose fields are named as the service names them."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    task_type: ClassVar[str]


def native_body(request: NativeRequest) -> dict[str, object]:
    """The tagged body of a task whose fields stand at the top: `taskType`, and beside it every field that was given."""
    return {"taskType": request.task_type, **given({field.name: getattr(request, field.name) for field in fields(request)})}
