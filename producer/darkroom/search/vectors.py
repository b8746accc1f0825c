"""Has vectors made by embedding jobs: submits them, waits, reads. The jobs are like any other, but kept for an hour."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from darkroom import flows
from darkroom.effects import Flow
from darkroom.launching import Recorded, Scene
from darkroom.options import SubmitOptions
from darkroom.search.index import Space
from darkroom.search.questions import DEFAULT_DIMENSION, DEFAULT_MODEL, checked, request_for
from darkroom.watching import Clock, embeddings_of, raise_for, status, until_terminal
from darkroom_shared.contract.views import JobView
from darkroom_shared.core.errors import InvalidRequest, StillRunning
from darkroom_shared.core.lifecycle import JobState
from darkroom_shared.models.model import Model
from darkroom_shared.task_types import ImageSource

MARK: Final = "darkroom.search"
"""In the metadata of the jobs that are submitted here: what a free step made of a picture for its vector is not indexed itself."""
KEPT: Final = timedelta(hours=1)
"""Whatever the settings' retention: a vector must be there until it is in the index, and 100,000 pictures must not leave as many
records for a week."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Whose vectors are wanted, by which model.

    Attributes:
        scene: the client's, with a retention of its own.
        space: tenant, model, dimension.
        model: the model.
    """

    scene: Scene
    space: Space
    model: Model

    def options(self, *, urgent: bool = False, key: str | None = None) -> SubmitOptions:
        """How a job is submitted."""
        return SubmitOptions(
            model=self.space.model,
            tenant=self.space.tenant,
            job_class="interactive" if urgent else "bulk",
            idempotency_key=key,
            metadata={MARK: "query" if urgent else "index"},
        )


def asking(scene: Scene, tenant: str | None, model_id: str | None, dimension: int | None) -> Asking:
    """What is wanted, with defaults for what was left out. Raises UnknownModel, InvalidRequest."""
    settings = scene.settings
    model = settings.find_model(model_id or DEFAULT_MODEL)
    space = Space(tenant or settings.tenant, model.id, dimension or DEFAULT_DIMENSION)
    checked(model, space.dimension)
    brief = settings.model_copy(update={"retention": KEPT, "idempotency_life": min(settings.idempotency_life, KEPT)})
    return Asking(replace(scene, settings=brief), space, model)


def submitted(told: Asking, text: str | None, image: ImageSource | None, *, urgent: bool, key: str | None = None) -> Flow[str]:
    """The id of a job that makes the vector of a text or a picture.

    A picture that the model would refuse, for its size or its format, is made fit by free steps before it. A job that is there
    under the key and ended badly is not waited for: a new one takes its place.

    Args:
        urgent: for somebody who waits for an answer; else it is one of many for an index.
    """
    done = yield from _recorded(told, text, image, told.options(urgent=urgent, key=key))
    if done.replayed:
        view = yield from status(done.id)
        if view.is_terminal and view.state not in (JobState.SUCCEEDED, JobState.PARTIAL):
            done = yield from _recorded(told, text, image, told.options(urgent=urgent))
    return done.id


def _recorded(told: Asking, text: str | None, image: ImageSource | None, options: SubmitOptions) -> Flow[Recorded]:
    asks = options.get("job_class") == "interactive"
    try:
        return (yield from flows.submit(told.scene, request_for(told.model, text, image, told.space.dimension, asks=asks), options))
    except InvalidRequest:
        if image is None:
            raise
    bare = request_for(told.model, None, None, told.space.dimension, asks=asks)
    done = yield from flows.chain(told.scene, [bare], image, options)
    return replace(done, id=list(done.jobs.values())[-1])


def finished(job_id: str, clock: Clock) -> Flow[JobView]:
    """The job once it has ended, however. Raises StillRunning, UnknownJob."""
    while True:
        view = yield from status(job_id)
        if view.is_terminal:
            return view
        if not (yield from until_terminal(clock, job_id, view.sequence)):
            raise StillRunning(job_id, view.state.value, clock.waited_s)


def vector_of(view: JobView) -> Flow[list[float]]:
    """The one vector of a job that has ended. Raises as `raise_for`, AssetMissing."""
    [vector] = yield from embeddings_of(raise_for(view))
    return vector
