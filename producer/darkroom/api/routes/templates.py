"""Named workflows: those that come with darkroom, and those that a tenant has saved, each version for good."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from darkroom.api.bodies import Json
from darkroom.api.callers import Reader, Submitter, tenant_for
from darkroom.api.problems import Refused
from darkroom.api.replies import Items, document, problems
from darkroom.api.service import Desk
from darkroom.graphs import templates
from darkroom.graphs.document import as_json, read_document
from darkroom.graphs.templates import Template
from darkroom_shared.contract.views import View
from darkroom_shared.core.errors import InvalidRequest

router = APIRouter(prefix="/v1/workflow-templates", tags=["workflows"])

Whose = Annotated[str | None, Query(alias="tenant", max_length=64)]


class TemplateView(View):
    """A named workflow."""

    id: str
    """`NAME@VERSION`."""
    name: str
    version: str
    """`builtin` for one that comes with darkroom."""
    document: Mapping[str, object]


class Saved(View):
    """Where a document was saved."""

    id: str
    is_new: bool
    """False if that version was there already, word for word."""


@router.get("", response_model=Items[TemplateView], responses=problems())
async def every(desk: Desk, caller: Reader, tenant: Whose = None) -> Response:
    """The workflows that come with darkroom, then the newest version of each that the tenant has saved."""
    whose = tenant_for(caller, tenant) or desk.settings.tenant
    return document(Items[TemplateView](items=[_view(found) for found in await desk.run(templates.every(whose))]))


@router.get("/{name}", response_model=TemplateView, responses=problems())
async def look(
    desk: Desk,
    caller: Reader,
    name: Annotated[str, Path(max_length=80, description="`NAME` or `NAME@VERSION`.")],
    tenant: Whose = None,
) -> Response:
    """One named workflow."""
    try:
        found = await desk.run(templates.template(tenant_for(caller, tenant) or desk.settings.tenant, name))
    except InvalidRequest as error:
        raise Refused(404, "not_found", str(error)) from None
    return document(_view(found))


@router.put("/{name}", status_code=201, response_model=Saved, responses={200: {"model": Saved}, **problems()})
async def save(
    desk: Desk, caller: Submitter, name: Annotated[str, Path(max_length=64)], body: Json, tenant: Whose = None
) -> Response:
    """Save a document under the next version of a name. 200 if the newest says the same word for word."""
    whose = tenant_for(caller, tenant) or desk.settings.tenant
    full_name, is_new = await desk.run(templates.save(whose, read_document(body), name))
    headers = {"Location": f"/v1/workflow-templates/{full_name}"}
    return document(Saved(id=full_name, is_new=is_new), 201 if is_new else 200, headers)


def _view(found: Template) -> TemplateView:
    return TemplateView(id=found.full_name, name=found.name, version=found.version, document=as_json(found.document))
