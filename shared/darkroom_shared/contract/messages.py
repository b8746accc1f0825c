"""The one message of the broker: which call, under which fence. Under 1 KB, never a picture, a prompt or a secret."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION: Final = 1


class CallMessage(BaseModel):
    """Arguments of every Celery task. A worker that does not know the version leaves the call to be published again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = SCHEMA_VERSION
    call_id: Annotated[str, Field(pattern=r"^job_[0-9a-z]{26}\.\d{1,4}$")]
    fence: Annotated[int, Field(ge=1)]

    @property
    def task_id(self) -> str:
        """Celery's id of this delivery: a repeat has the same, a new attempt another."""
        return f"{self.call_id}:{self.fence}"


LOCAL_STEP_PREFIX = "darkroom.step."


def task_name(task_type: str) -> str:
    """The Celery task of a Bedrock task type: `TEXT_IMAGE` is run by `darkroom.text_image`."""
    return f"darkroom.{task_type.lower()}"


def step_task_name(kind: str) -> str:
    """The Celery task of a local step: `flatten` is run by `darkroom.step.flatten`."""
    return LOCAL_STEP_PREFIX + kind
