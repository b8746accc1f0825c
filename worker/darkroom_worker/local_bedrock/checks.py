"""Decides whether a body breaks a rule, by the rules that darkroom checks before submit, and refuses it in Bedrock's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from darkroom_shared.checking import check_request
from darkroom_shared.models.catalogue import image_count, schema_of, seed_of, tagged
from darkroom_shared.task_types import as_object, has_value, image_places
from darkroom_worker.local_bedrock.known_models import KnownModel
from darkroom_worker.local_bedrock.pictures import Request
from darkroom_worker.local_bedrock.wire import validation_error
from darkroom_worker.local_bedrock.wording import malformed


def checked_request(body: Mapping[str, object], model: KnownModel, draw_seed: Callable[[], int]) -> Request:
    """The request with its pictures decoded. Takes some 100 ms for large pictures: run it beside the loop.

    Args:
        draw_seed: gives a seed where the body leaves it to the service.

    Raises:
        ServiceError: a ValidationException with the first thing that is wrong.
    """
    if model.native_task is not None and "taskType" in body:
        raise validation_error(malformed("#: extraneous key [taskType] is not permitted"))
    body = tagged(model.entry, body)
    checked = check_request(body, model.entry)
    task_type = str(body.get("taskType"))
    if model.converses:
        _refuse_unnamed_formats(body)
    if checked.problems:
        raise validation_error(model.dialect.malformed(checked.problems, body, _schema(model, task_type)))
    seed = _seed(model, body, draw_seed) if model.native_task else None
    drawn_as = model.entry.base or model.model_id
    return Request(model.family, drawn_as, task_type, body, checked.images, checked.facts, image_count(body), seed)


def _refuse_unnamed_formats(body: Mapping[str, object]) -> None:
    """The service insists on the format of a picture, which a request to darkroom may leave out."""
    for place in image_places(body):
        where = place.pointer.removesuffix("/source/bytes")
        if not has_value(body, f"{where}/format"):
            raise validation_error(malformed(f"#{where}: required key [format] not found"))


def _seed(model: KnownModel, body: Mapping[str, object], draw_seed: Callable[[], int]) -> int:
    """The body's seed, a drawn one for 0 or none, and 0 for a task that knows no seed: its picture does not depend on one."""
    schema = _schema(model, str(body.get("taskType"))) or {}
    if "seed" not in as_object(schema.get("properties")):
        return 0
    told = seed_of(model.entry, body)
    return draw_seed() if told is None else told


def _schema(model: KnownModel, task_type: str) -> Mapping[str, object] | None:
    try:
        return schema_of(model.entry, task_type)
    except KeyError:
        return None
