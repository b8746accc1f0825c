"""What a vector is made of, told without touching a pixel."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

PREVIEW: Final = "colours, light and words; no model"
"""Says in the header of an answer what its vectors know."""
_TOKEN: Final = re.compile(r"\w{1,6}|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Item:
    """What one vector is made of: texts and pictures; of several the average."""

    texts: tuple[str, ...] = field(default=(), repr=False)
    images: tuple[bytes, ...] = field(default=(), repr=False)


def token_count(text: str) -> int:
    """About as many tokens as a model would count."""
    return len(_TOKEN.findall(text))
