"""The tools and resources of the MCP server. Everything that costs goes through `submit`, within the session's budget."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from mcp.server import MCPServer
from mcp.server.mcpserver import Image
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations
from pydantic import BaseModel, Field

from darkroom import describing
from darkroom.client import AsyncDarkroom
from darkroom.conversion import converted
from darkroom.examples import example
from darkroom.mcp.budget import OverBudget, Purse
from darkroom_shared.contract.views import JobView
from darkroom_shared.core.errors import DarkroomError, InvalidRequest, StillRunning
from darkroom_shared.models.catalogue import MODELS
from darkroom_shared.task_types import TASK_TYPES

T = TypeVar("T")
LONGEST_WAIT_S: Final = 300
MOST_FILE_BYTES: Final = 50_000_000
_READS: Final = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_PAYS: Final = ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=False, open_world_hint=True)
_ENDS: Final = ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False)
_INSTRUCTIONS: Final = """Image work on Amazon Bedrock, in a queue.

Ask `tasks` what can be done and `task` how a request looks, check it with `plan` (costs nothing), then `submit` it and `wait`, or
ask `status`. `fetch` shows a picture. A request names pictures as `asset:<sha256>`: outputs of jobs have such names, and
`store_picture` gives one to a file."""

Request = Annotated[
    dict[str, Any], Field(description="Bedrock's own body with its taskType; `task` has the schema and an example.")
]
Model = Annotated[str, Field(description="A model id, or `auto` for any that can do it.")]
JobId = Annotated[str, Field(description="`job_...`")]


class Picture(BaseModel):
    """One result."""

    index: int
    asset: str
    width: int | None
    height: int | None
    media_type: str


class Job(BaseModel):
    """How a job stands."""

    id: str
    state: str
    reason: str
    is_over: bool
    task_type: str
    model: str
    outputs: list[Picture]
    rejected: list[str]
    error: str | None
    warnings: list[str]
    cost_usd: float | None
    """What was paid; null where it is not known."""


class Plan(BaseModel):
    """What would be done."""

    price_usd: float | None
    model: str
    steps: list[str]
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class Session:
    """What the server of one session knows.

    Attributes:
        room: the client.
        tenant: whose jobs it submits and sees.
        purse: what it may spend.
        folders: where files may be read that are stored as pictures; none: no file is read.
    """

    room: AsyncDarkroom
    tenant: str
    purse: Purse = field(default_factory=Purse)
    folders: Sequence[Path] = ()


def create_server(session: Session) -> MCPServer[Any]:
    """The server, to be run over stdio or any other transport."""
    server: MCPServer[Any] = MCPServer("darkroom", instructions=_INSTRUCTIONS, log_level="ERROR")
    _add_work(server, session)
    _add_looking(server, session)
    _add_catalogue(server)
    return server


def _add_work(server: MCPServer[Any], session: Session) -> None:
    room = session.room

    @server.tool(annotations=_PAYS)
    async def submit(
        request: Request,
        model: Model = "auto",
        substitute: Literal["never", "equivalent", "approximate"] | None = None,
        wait_s: Annotated[float, Field(ge=0, le=LONGEST_WAIT_S, description="Seconds to wait for its end.")] = 0,
        key: Annotated[
            str | None, Field(description="Submitted again under the same key it is the same job.", max_length=255)
        ] = None,
    ) -> Job:
        """Submit one image job. It costs money: `plan` tells how much. Returns at once, or when it ended within wait_s."""
        found = await _told(room.plan(request, model=model, substitute=substitute, tenant=session.tenant))
        try:
            session.purse.check(found.price_usd)
        except OverBudget as error:
            raise ToolError(str(error)) from None
        handle = await _told(
            room.submit(
                request, model=model, substitute=substitute, tenant=session.tenant, idempotency_key=key, metadata={"by": "mcp"}
            )
        )
        if not handle.replayed:
            session.purse.pay(found.price_usd)
        return await _waited(session, handle.id, wait_s)

    @server.tool(annotations=_READS)
    async def plan(
        request: Request, model: Model = "auto", substitute: Literal["never", "equivalent", "approximate"] | None = None
    ) -> Plan:
        """What a request would do and cost. Costs nothing, records nothing; tells everything that is wrong with it."""
        found = await _told(room.plan(request, model=model, substitute=substitute, tenant=session.tenant))
        steps = [f"{step.name}: {step.task_type} on {step.model or 'this machine'}" for step in found.steps]
        price = None if found.price_usd is None else float(found.price_usd)
        return Plan(price_usd=price, model=found.model, steps=steps, warnings=list(found.warnings))

    @server.tool(annotations=_ENDS)
    async def cancel(job: JobId) -> str:
        """Cancel a job: `prevented` (nothing is called), `detached` (a paid call goes on) or `finished` (too late)."""
        await _own(session, job)
        return await _told(room.cancel(job))

    @server.tool(
        annotations=ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
    )
    async def store_picture(path: Annotated[str, Field(description="A PNG, JPEG or WebP file.")]) -> str:
        """Store a file of this machine as a picture; gives the `asset:...` by which a request names it."""
        data = await asyncio.to_thread(_read, Path(path), session.folders)
        return (await _told(room.store_picture(data, tenant=session.tenant))).id


def _add_looking(server: MCPServer[Any], session: Session) -> None:
    room = session.room

    @server.tool(annotations=_READS)
    async def status(job: JobId) -> Job:
        """How a job stands, and what came of it."""
        return _job(await _own(session, job))

    @server.tool(annotations=_READS)
    async def wait(job: JobId, seconds: Annotated[float, Field(ge=0, le=LONGEST_WAIT_S)] = 60) -> Job:
        """Wait until a job has ended, or so long; then how it stands."""
        await _own(session, job)
        return await _waited(session, job, seconds)

    @server.tool(annotations=_READS)
    async def explain(job: JobId) -> str:
        """Why a job waits, what would free it, and when it may start."""
        await _own(session, job)
        found = await _told(room.explain(job))
        return "\n".join(f"{hold.what} {hold.frees}".strip() for hold in found.holds) or "Nothing holds it."

    @server.tool(name="list", annotations=_READS)
    async def list_jobs(limit: Annotated[int, Field(ge=1, le=100)] = 20) -> list[Job]:
        """The newest jobs."""
        return [_job(view) for view in await _told(room.jobs(limit, session.tenant))]

    @server.tool(annotations=_READS, structured_output=False)
    async def fetch(
        job: JobId,
        index: Annotated[int, Field(ge=0, le=10_000, description="Which of its outputs.")] = 0,
        width: Annotated[int, Field(ge=64, le=2048, description="At most so many pixels wide.")] = 768,
    ) -> Image:
        """Look at a picture that a job made."""
        view = await _own(session, job)
        found = next((output for output in view.pictures if output.index == index), None)
        if found is None:
            raise ToolError(f"{job} has no picture {index}; it is {view.state.value} and has {len(view.pictures)}.")
        data = await _told(room.picture(found.sha256))
        shown, media_type = await asyncio.to_thread(converted, data, None, width)
        return Image(data=shown, format=media_type.removeprefix("image/"))


def _add_catalogue(server: MCPServer[Any]) -> None:
    @server.tool(annotations=_READS)
    async def tasks() -> dict[str, list[str]]:
        """The task types, and for each the models that can do it."""
        return {name: [model.id for model in MODELS.values() if name in model.task_types][:8] for name in TASK_TYPES}

    @server.tool(annotations=_READS, structured_output=False)
    async def task(name: Annotated[str, Field(description="E.g. TEXT_IMAGE.")]) -> str:
        """How the request of a task type looks: JSON Schema by model, where its pictures stand, an example."""
        return _task(name)

    @server.resource("darkroom://tasks/{name}", mime_type="application/json")
    async def task_resource(name: str) -> str:
        """A task type: JSON Schema, places of pictures, an example."""
        return _task(name)


def _task(name: str) -> str:
    if name not in TASK_TYPES:
        raise ToolError(f"There is no task type {name[:64]!r}; there are {', '.join(TASK_TYPES)}.")
    return json.dumps({**describing.task_document(name), "example": example(name)}, ensure_ascii=False)


async def _told(work: Awaitable[T]) -> T:
    """What the client answers; its errors with every finding, as the protocol wants them."""
    try:
        return await work
    except InvalidRequest as error:
        found = [f"{problem.pointer}: {problem.message}" + _allowed(problem.allowed) for problem in error.problems]
        raise ToolError("\n".join(found)) from None
    except DarkroomError as error:
        raise ToolError(f"{error.code}: {error}") from None


def _allowed(allowed: object) -> str:
    return "" if allowed is None else f" (allowed: {allowed if isinstance(allowed, str) else json.dumps(allowed, default=str)})"


async def _own(session: Session, job_id: str) -> JobView:
    view = await _told(session.room.job(job_id).status())
    if view.tenant != session.tenant:
        raise ToolError(f"There is no job {job_id}.")
    return view


async def _waited(session: Session, job_id: str, seconds: float) -> Job:
    handle = session.room.job(job_id)
    try:
        return _job(await handle.wait(seconds))
    except StillRunning:
        return _job(await handle.status())


def _job(view: JobView) -> Job:
    return Job(
        id=view.id,
        state=view.state.value,
        reason=view.reason,
        is_over=view.is_terminal,
        task_type=view.task_type,
        model=view.model,
        outputs=[
            Picture(index=one.index, asset=one.asset, width=one.width, height=one.height, media_type=one.media_type)
            for one in view.outputs
        ],
        rejected=[f"{row.index}: {row.message or row.code}" for row in view.rejected],
        error=f"{view.error.code}: {view.error.message}" if view.error else None,
        warnings=list(view.warnings),
        cost_usd=view.cost.actual_usd,
    )


def _read(path: Path, folders: Sequence[Path]) -> bytes:
    """A file within the folders that are allowed, links followed first. Raises ToolError."""
    if not folders:
        raise ToolError("No file may be read: start the server with --pictures FOLDER.")
    try:
        real = path.expanduser().resolve(strict=True)
    except OSError:
        raise ToolError(f"There is no file {str(path)[:200]!r}.") from None
    if not any(real.is_relative_to(folder.resolve()) for folder in folders):
        raise ToolError(f"Files are read from {', '.join(map(str, folders))} only.")
    if not real.is_file() or real.stat().st_size > MOST_FILE_BYTES:
        raise ToolError(f"{str(path)[:200]!r} is no file of at most {MOST_FILE_BYTES:,} bytes.")
    return real.read_bytes()
