"""Workflows from documents and templates as methods of the client, in both colours: thin methods over the flows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, Unpack

from darkroom.async_handles import AsyncWorkflowHandle
from darkroom.connection import REAL_SOURCES, AsyncConnection, Connection
from darkroom.effects import Flow, work
from darkroom.graphs import approving, running, templates
from darkroom.graphs.approving import Word
from darkroom.graphs.builder import Graph
from darkroom.graphs.document import WorkflowDocument, read_document, read_file
from darkroom.graphs.running import Asked
from darkroom.graphs.templates import Template
from darkroom.handles import WorkflowHandle
from darkroom.launching import Scene
from darkroom.options import SubmitOptions
from darkroom.plans import Plan

Source: TypeAlias = str | Path | Mapping[str, object] | WorkflowDocument | Graph
"""A workflow: the name of a template (`relight`, `relight@2`), a file of JSON or YAML, a document, or one written in Python."""
Arguments: TypeAlias = Mapping[str, object] | None


@dataclass(frozen=True, slots=True)
class Found:
    """A workflow's document, and what it is called."""

    document: WorkflowDocument
    name: str


def document_of(tenant: str, source: Source) -> Flow[Found]:
    """The document of a source. Raises InvalidRequest: there is no such template, or its form is wrong."""
    if isinstance(source, str):
        found = yield from templates.template(tenant, source)
        return Found(found.document, found.full_name)
    if isinstance(source, Path):
        document = yield from work(lambda: read_file(source))
    elif isinstance(source, Graph):
        document = source.document()
    else:
        document = source if isinstance(source, WorkflowDocument) else read_document(source)
    return Found(document, document.name or "")


def _asked(
    scene: Scene, source: Source, arguments: Arguments, options: SubmitOptions, budget_usd: float | None, *, paths: bool = True
) -> Flow[Asked]:
    found = yield from document_of(options.get("tenant") or scene.settings.tenant, source)
    return Asked(found.document, arguments or {}, found.name, paths, budget_usd)


class Runners:
    """The part of `Darkroom` that runs workflows from documents and templates."""

    _connection: Connection
    _scene: Scene

    def run(
        self,
        source: Source,
        arguments: Arguments = None,
        *,
        budget_usd: float | None = None,
        paths: bool = True,
        **options: Unpack[SubmitOptions],
    ) -> WorkflowHandle:
        """Submits a workflow: everything is checked first, then all of its steps are recorded at once.

        Args:
            source: the name of a template, the path of a JSON or YAML file, a document as a dict, or one written in Python.
            arguments: a value for each of its parameters that has no default; pictures as bytes, paths or `asset:<sha256>`.
            budget_usd: what its calls may cost together, at most; the document's if left out. A call that would go beyond it is
                not made, and its step ends as canceled.
            paths: whether a plain text in the place of a picture is the path of a file; False for arguments that come from
                outside, whose plain texts are base64.
            options: see `SubmitOptions`; what is left out is the document's.

        Raises:
            InvalidRequest: every finding about parameters and steps. Nothing was stored or paid.
            Others as `submit`.
        """
        asked = self._connection.run(_asked(self._scene, source, arguments, options, budget_usd, paths=paths))
        done = self._connection.run(running.run(self._scene, asked, options))
        return WorkflowHandle(done.id, done.jobs, self._connection, REAL_SOURCES, replayed=done.replayed)

    def plan_of(
        self, source: Source, arguments: Arguments = None, *, budget_usd: float | None = None, **options: Unpack[SubmitOptions]
    ) -> Plan:
        """What `run` would do: all steps with the inserted ones, sizes, price. Records nothing; raises as `run`."""
        asked = self._connection.run(_asked(self._scene, source, arguments, options, budget_usd))
        return self._connection.run(running.preview(self._scene, asked, options))

    def templates(self, tenant: str | None = None) -> list[Template]:
        """The workflows that come with darkroom, and the newest version of each that the tenant has saved."""
        return self._connection.run(templates.every(tenant or self._scene.settings.tenant))

    def template(self, name: str, tenant: str | None = None) -> Template:
        """A named workflow, `NAME` or `NAME@VERSION`. Raises InvalidRequest; tells which there are."""
        return self._connection.run(templates.template(tenant or self._scene.settings.tenant, name))

    def save_template(self, source: Source, name: str | None = None, *, tenant: str | None = None) -> str:
        """Saves a workflow under the next version of its name, and gives `NAME@VERSION`; one that is there already keeps its own.

        Raises:
            InvalidRequest: its form is wrong, or it has no name.
        """
        whose = tenant or self._scene.settings.tenant
        found = self._connection.run(document_of(whose, source))
        return self._connection.run(templates.save(whose, found.document, name))[0]

    def approve(self, token: str, *, choose: Sequence[int] | None = None, by: str = "", note: str = "") -> str:
        """Lets a workflow go on from the gate that a token is for, and gives the id of the gate's job.

        Args:
            token: from `WorkflowHandle.gates`.
            choose: numbers of the pictures that are handed on, from 0; None for all that the gate shows.
            by, note: who says so, and what else; kept with the decision.

        Raises:
            InvalidRequest: no token, or a choice that does not fit the gate.
            NothingToDecide: the gate has ended, or is not asked yet.
        """
        return self._connection.run(approving.decide_by_token(REAL_SOURCES, token, Word(True, choose, by, note)))

    def reject(self, token: str, *, by: str = "", note: str = "") -> str:
        """Ends a workflow at a gate: what needs its pictures is canceled. See `approve`."""
        return self._connection.run(approving.decide_by_token(REAL_SOURCES, token, Word(False, None, by, note)))


class AsyncRunners:
    """`Runners` for asyncio."""

    _connection: AsyncConnection
    _scene: Scene

    async def run(
        self,
        source: Source,
        arguments: Arguments = None,
        *,
        budget_usd: float | None = None,
        paths: bool = True,
        **options: Unpack[SubmitOptions],
    ) -> AsyncWorkflowHandle:
        """See `Darkroom.run`."""
        asked = await self._connection.run(_asked(self._scene, source, arguments, options, budget_usd, paths=paths))
        done = await self._connection.run(running.run(self._scene, asked, options))
        return AsyncWorkflowHandle(done.id, done.jobs, self._connection, REAL_SOURCES, replayed=done.replayed)

    async def plan_of(
        self, source: Source, arguments: Arguments = None, *, budget_usd: float | None = None, **options: Unpack[SubmitOptions]
    ) -> Plan:
        """See `Darkroom.plan_of`."""
        asked = await self._connection.run(_asked(self._scene, source, arguments, options, budget_usd))
        return await self._connection.run(running.preview(self._scene, asked, options))

    async def templates(self, tenant: str | None = None) -> list[Template]:
        """See `Darkroom.templates`."""
        return await self._connection.run(templates.every(tenant or self._scene.settings.tenant))

    async def template(self, name: str, tenant: str | None = None) -> Template:
        """See `Darkroom.template`."""
        return await self._connection.run(templates.template(tenant or self._scene.settings.tenant, name))

    async def save_template(self, source: Source, name: str | None = None, *, tenant: str | None = None) -> str:
        """See `Darkroom.save_template`."""
        whose = tenant or self._scene.settings.tenant
        found = await self._connection.run(document_of(whose, source))
        return (await self._connection.run(templates.save(whose, found.document, name)))[0]

    async def approve(self, token: str, *, choose: Sequence[int] | None = None, by: str = "", note: str = "") -> str:
        """See `Darkroom.approve`."""
        return await self._connection.run(approving.decide_by_token(REAL_SOURCES, token, Word(True, choose, by, note)))

    async def reject(self, token: str, *, by: str = "", note: str = "") -> str:
        """See `Darkroom.reject`."""
        return await self._connection.run(approving.decide_by_token(REAL_SOURCES, token, Word(False, None, by, note)))
