"""What a picture engine is asked for, and what it gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from darkroom_shared.core.image_facts import ImageFacts
from darkroom_shared.task_types import CONVERSE
from darkroom_worker.local_bedrock.looks import Look


@dataclass(frozen=True, slots=True)
class Request:
    """A checked request.

    Attributes:
        family: the catalogue's name of the model family.
        model_id: the catalogue's id.
        task_type: Bedrock's taskType, or the one task of a model whose bodies name none.
        body: the request body as it was sent; that of such a model with its task type added.
        images: decoded input images by JSON pointer.
        facts: what is known about them, by the same pointers.
        count: how many images are asked for, from 1 on.
        seed: the one to use, drawn where such a model's body leaves it to the service; None where the body says all.
    """

    family: str
    model_id: str
    task_type: str
    body: Mapping[str, object]
    images: Mapping[str, bytes]
    facts: Mapping[str, ImageFacts]
    count: int
    seed: int | None = None

    @property
    def asks(self) -> bool:
        """Whether it is a question about its pictures."""
        return self.task_type == CONVERSE.name


@dataclass(frozen=True, slots=True)
class Pictures:
    """An engine's work.

    Attributes:
        encoded: base64 of each picture.
        sha256: hash of the bytes of each (before base64), in the same order.
        mask: base64 of the mask that was used, if `returnMask` asked for it.
        looks: what was seen in the pictures of a request that asks about them, in order; such a request gets no pictures.
    """

    encoded: tuple[bytes, ...]
    sha256: tuple[str, ...]
    mask: bytes | None = None
    looks: tuple[Look, ...] = ()


class EngineFailed(Exception):
    """The engine could not make the pictures; the text says why."""


class EngineSlow(EngineFailed):
    """The engine took longer than it may."""


class PictureEngine(Protocol):
    """Makes pictures, and looks at them, without blocking the loop."""

    @property
    def name(self) -> str:
        """`procedural` or `canned`."""
        ...

    async def start(self) -> None:
        """Gets ready; requests are accepted before it returns."""
        ...

    async def draw(self, request: Request) -> Pictures:
        """Makes the pictures, or looks at those of a request that asks about them; equal requests give equal bytes.

        Raises:
            EngineFailed: it could not.
        """
        ...

    async def stop(self) -> None:
        """Ends every process that belongs to it."""
        ...
