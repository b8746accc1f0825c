"""Decides whether a body breaks a rule, by the rules that darkroom checks before submit, and refuses it in Bedrock's words."""

from __future__ import annotations

from collections.abc import Mapping

from darkroom_shared.checking import check_request
from darkroom_shared.models.catalogue import image_count, schema_of
from darkroom_worker.local_bedrock.known_models import KnownModel
from darkroom_worker.local_bedrock.pictures import Request
from darkroom_worker.local_bedrock.wire import validation_error
from darkroom_worker.local_bedrock.wording import refusal_text


def checked_request(body: Mapping[str, object], model: KnownModel) -> Request:
    """The request with its pictures decoded. Takes some 100 ms for large pictures: run it beside the loop.

    Raises:
        ServiceError: a ValidationException with the first thing that is wrong.
    """
    checked = check_request(body, model.model_id)
    task_type = str(body.get("taskType"))
    if checked.problems:
        raise validation_error(refusal_text(checked.problems, body, _schema(model, task_type), titan=model.is_titan))
    count = image_count(body)
    return Request(model.family, model.model_id, task_type, body, checked.images, checked.facts, count, model.is_titan)


def _schema(model: KnownModel, task_type: str) -> Mapping[str, object] | None:
    try:
        return schema_of(model.entry, task_type)
    except KeyError:
        return None
