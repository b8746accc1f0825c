"""Gates of a workflow: a person looks at pictures and decides whether, and with which of them, it goes on."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Gate(BaseModel):
    """What a person is asked, and for how long."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    choose: Annotated[int, Field(ge=1, le=100)] | None = None
    """How many of the pictures are to be chosen; None where any number may be, and all are handed on if nobody chooses."""
    within_s: Annotated[float, Field(gt=0, le=366 * 86400)] | None = None
    """Seconds after which nobody is waited for any more; None for as long as it takes."""
    on_timeout: Literal["end", "approve"] = "end"
    """What happens then: it ends as expired, and with it what needs its pictures; or all pictures are handed on."""
    question: Annotated[str, Field(max_length=500)] = ""
    """What is asked, for the person."""
