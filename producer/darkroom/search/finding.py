"""Answers what is looked for: one embedding job for the question, then the nearest pictures that are still there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from darkroom.effects import Flow, get_asset, work, write_file
from darkroom.launching import Scene
from darkroom.search.homes import home_of
from darkroom.search.index import IndexHome, Neighbour, Space, VectorIndex
from darkroom.search.vectors import Asking, asking, finished, submitted, vector_of
from darkroom.search.views import Found, Hit
from darkroom.watching import Clock, Timeout, story, those_left
from darkroom_shared.contract.job_record import AUTO
from darkroom_shared.contract.views import JobView
from darkroom_shared.core.errors import AssetMissing, InvalidRequest, UnknownModel
from darkroom_shared.core.problems import Problem
from darkroom_shared.plan.prompts import prompts_of
from darkroom_shared.settings import Settings
from darkroom_shared.storage.names import extension
from darkroom_shared.task_types import ImageSource

MOST: Final = 1000
"""Pictures in one answer."""
SPARE: Final = 10
"""Neighbours beyond those that are wanted: some may be gone, some may be the same picture."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for, and where.

    Attributes:
        text: words.
        image: or a picture.
        top: how many pictures are wanted.
        tenant: among whose; None for the settings' tenant.
        model: by which embedding model; None for the one that there is an index of.
        dimension: likewise.
    """

    text: str | None = field(default=None, repr=False)
    image: ImageSource | None = field(default=None, repr=False)
    top: int = 10
    tenant: str | None = None
    model: str | None = None
    dimension: int | None = None


def search_images(scene: Scene, question: Question, timeout: Timeout) -> Flow[Found]:
    """Finds the nearest pictures. Those whose jobs are gone leave the index here.

    Raises:
        InvalidRequest: not exactly one of text and picture, nothing is indexed, or several indexes would do.
        StillRunning: the time is over before the question's vector was there.
        JobFailed: it could not be made.
        UnknownModel, Misconfigured, NoRoute, QueueFull, Draining, StorageUnavailable, LedgerUnavailable.
    """
    _check(question)
    tenant = question.tenant or scene.settings.tenant
    home: IndexHome = yield from work(lambda: home_of(scene.settings))
    spaces = yield from work(lambda: home.spaces(tenant))
    space = chosen(scene.settings, spaces, question, tenant, home.place)
    told = asking(scene, space.tenant, space.model, space.dimension)
    job_id = yield from submitted(told, question.text, question.image, urgent=True)
    view = yield from finished(job_id, Clock(scene.sources, timeout))
    vector = yield from vector_of(view)
    index = yield from work(lambda: home.open(space))
    hits = yield from _hits(told, index, vector, question.top)
    return Found(
        tenant=tenant,
        model=space.model,
        dimension=space.dimension,
        hits=tuple(hits),
        query_job=job_id,
        cost_usd=view.cost.actual_usd,
    )


def _check(question: Question) -> None:
    problems: list[Problem] = []
    if (question.text is None) == (question.image is None):
        problems.append(Problem("", "Either words or a picture are looked for", "exactly one of text and image"))
    if not 1 <= question.top <= MOST:
        problems.append(Problem("/top", f"top is {question.top}", {"minimum": 1, "maximum": MOST}))
    if problems:
        raise InvalidRequest(problems)


def chosen(settings: Settings, spaces: Sequence[Space], question: Question, tenant: str, place: str) -> Space:
    """The index that is asked. Raises InvalidRequest, UnknownModel."""
    wanted = None if question.model is None else settings.find_model(question.model).id
    fitting = [space for space in spaces if wanted in (None, space.model) and question.dimension in (None, space.dimension)]
    if len(fitting) == 1:
        return fitting[0]
    there = [str(space) for space in spaces]
    if not fitting:
        by = f" by {wanted}" if wanted else ""
        text = f"No picture of tenant {tenant} is indexed{by} in {place}: run index_images, or `darkroom index`, first"
        raise InvalidRequest([Problem("/model" if wanted else "/tenant", text, there or None)])
    text = f"Tenant {tenant} has {len(fitting)} indexes, whose vectors cannot be compared: name model and dimension"
    raise InvalidRequest([Problem("/model", text, there)])


def _hits(told: Asking, index: VectorIndex, vector: Sequence[float], top: int) -> Flow[list[Hit]]:
    """The nearest pictures that are there, each once; takes what is gone out of the index."""
    count = top + SPARE
    gone, seen = set[str](), dict[str, JobView]()
    while True:
        near = yield from work(partial(index.nearest, vector, count))
        new = [job_id for job_id in dict.fromkeys(one.entry.job for one in near) if job_id not in seen and job_id not in gone]
        seen.update({view.id: view for view in (yield from those_left(new))})
        gone.update(set(new) - seen.keys())
        hits = _each_once(told, near, seen)
        if len(hits) >= top or len(near) < count:
            break
        count *= 2
    if gone:
        yield from work(lambda: index.remove(gone))
    return hits[:top]


def _each_once(told: Asking, near: Sequence[Neighbour], jobs: dict[str, JobView]) -> list[Hit]:
    found: dict[str, Hit] = {}
    for neighbour in near:
        entry, view = neighbour.entry, jobs.get(neighbour.entry.job)
        # The index is the tenant's own; a record of another one would mean that somebody has mixed up two ledgers.
        if view is not None and view.tenant == told.space.tenant and entry.sha256 not in found:
            found[entry.sha256] = _hit(told.scene.settings, neighbour, view)
    return list(found.values())


def _hit(settings: Settings, neighbour: Neighbour, view: JobView) -> Hit:
    entry = neighbour.entry
    picture = next((one for one in view.pictures if one.index == entry.output), None)
    return Hit(
        job=entry.job,
        output=entry.output,
        sha256=entry.sha256,
        score=round(neighbour.score, 4),
        media_type="" if picture is None else picture.media_type,
        width=None if picture is None else picture.width,
        height=None if picture is None else picture.height,
        prompt=_prompt(settings, view),
    )


def _prompt(settings: Settings, view: JobView) -> str:
    """The words that a picture was made of, as they were asked for; empty if there are none."""
    body = view.asked or view.request
    asked_model = view.asked_model if view.asked and view.asked_model != AUTO else view.model
    try:
        prompts = prompts_of(settings.find_model(asked_model), body) if asked_model else []
    except UnknownModel:
        return ""
    return next((prompt.text for prompt in prompts if prompt.role == "text"), "")


def save_found(found: Found, folder: Path) -> Flow[list[Path]]:
    """Writes the pictures, named by their rank, and `search.json`; a picture that was removed meanwhile is passed over."""
    written: list[Path] = []
    for rank, hit in enumerate(found.hits, start=1):
        try:
            data = yield from get_asset(hit.sha256)
        except AssetMissing:
            continue
        name = f"{rank:02}-{hit.job}-{hit.output}.{extension(hit.media_type)}"
        written.append((yield from write_file(folder / name, data)))
    written.append((yield from write_file(folder / "search.json", story(found))))
    return written
