"""What bodies of requests look like: the options of a submit by their names, and Bedrock's own body as it is."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from darkroom.api.callers import tenant_for
from darkroom.options import SubmitOptions
from darkroom_shared.contract.access import Caller
from darkroom_shared.contract.job_record import Cache, IfLate, JobClass, OnUnknown, Substitute
from darkroom_shared.core.errors import InvalidRequest
from darkroom_shared.core.guardrail import Gate


def _seconds(value: object) -> object:
    """Numbers are seconds; texts are ISO 8601 durations. A number too large for a timedelta is left to the type to refuse."""
    return str(value) if isinstance(value, bool) else value


Duration = Annotated[timedelta, BeforeValidator(_seconds)]
Json = dict[str, object]


@contextmanager
def pointing(where: str, **beside: str) -> Generator[None]:
    """What the client finds wrong in the block, with pointers into the body of the call.

    Args:
        where: the place of what the client was given, e.g. `/request`.
        beside: fields of the call beside it, by the first part of the pointer that means them. Options always stand beside it.
    """
    try:
        yield
    except InvalidRequest as error:

        def placed(pointer: str) -> str:
            first = pointer.split("/", 2)[1] if pointer else ""
            if first == "options":
                return pointer.removeprefix("/options")
            return f"/{beside[first]}{pointer.removeprefix(f'/{first}')}" if first in beside else where + pointer

        raise InvalidRequest([replace(found, pointer=placed(found.pointer)) for found in error.problems]) from None


class Body(BaseModel):
    """A body: unknown fields are refused, so that a slip is not taken for a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Options(Body):
    """How a job is delivered; every field may be left out. See the client's `SubmitOptions`."""

    model: str | None = Field(default=None, max_length=2048, description="Model id or ARN, or `auto`.", examples=["auto"])
    substitute: Substitute | None = Field(default=None, description="Whether another model may do it.")
    region: str | None = Field(default=None, max_length=64, description="The one AWS Region of the calls.")
    regions: list[str] | None = Field(default=None, max_length=10, description="AWS Regions that the calls may go to, best first.")
    tenant: str | None = Field(default=None, max_length=64, description="Whose job it is; with a key, the key's tenant.")
    job_class: JobClass | None = None
    metadata: dict[str, str] | None = Field(default=None, max_length=50)
    not_before: datetime | None = Field(default=None, description="Earliest start, with a time zone.")
    start_within: Duration | None = Field(
        default=None, description="Seconds, or ISO 8601: it expires if it has not started by then."
    )
    finish_by: datetime | None = Field(default=None, description="It expires if no call could start by then.")
    if_late: IfLate | None = None
    on_unknown: OnUnknown | None = None
    guardrail: str | None = Field(default=None, max_length=2048, description="Bedrock guardrail, `ID:VERSION`.")
    cache: Cache | None = Field(default=None, description="Whether the result of an equal job is taken over.")
    guardrail_gates: list[Gate] | None = Field(default=None, max_length=3)
    checks: list[str | Json] | None = Field(
        default=None,
        max_length=20,
        description="Automatic checks of each picture, by name or with their fields.",
        examples=[["blank"]],
    )
    rerolls: int | None = Field(default=None, ge=0, le=10, description="How often what does not pass is made again, and paid.")

    def told(self, caller: Caller, key: str | None = None) -> SubmitOptions:
        """The options as the client takes them, for this caller. Raises Refused for another tenant's name."""
        given: dict[str, object] = {name: getattr(self, name) for name in Options.model_fields if name in self.model_fields_set}
        given["tenant"] = tenant_for(caller, self.tenant)
        given["idempotency_key"] = key
        return cast("SubmitOptions", given)


class NewJob(Options):
    """One job."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    request: Json = Field(
        description="Bedrock's own body, or a Stability model's with its `taskType`; pictures as base64, data URL, `asset:…`. "
        "`GET /v1/tasks` has the JSON Schema of each task type."
    )
