"""When two jobs are equal: what of a job decides about its result, as one hash.

Only a result that would come out the same again is shared: of models that take a seed, with a seed that was given; of those that
make vectors; of free steps. Which pictures the steps before it make is not known when a job is recorded: the ledger adds them when
the job begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, cast

from darkroom_shared.contract.job_record import JobRecord
from darkroom_shared.core.idempotency import fingerprint
from darkroom_shared.core.workflow import Reference, parse_reference
from darkroom_shared.models.catalogue import MODELS, gives_documents
from darkroom_shared.task_types import CONVERSE, as_object

VERSION: Final = 1
"""Of this form; results of another are not found under it."""


def has_fixed_seed(request: Mapping[str, object]) -> bool:
    """Whether a request, as it is sent, names the seed. 0 has Stability's models draw one, and Amazon's use it."""
    config = as_object(request.get("imageGenerationConfig"))
    seed = request.get("seed")
    return isinstance(config.get("seed"), int) or (isinstance(seed, int) and seed != 0)


def bypass_of(record: JobRecord) -> str:
    """Why the job shares nothing, one of the words of `JobRecord.bypass`; empty if its result would come out the same again.

    A job that holds an unknown outcome for a person is not to keep others waiting for that person.
    """
    if record.kind == "local":
        return ""
    if record.task_type == CONVERSE.name:
        return "text"
    if record.on_unknown == "hold":
        return "on_unknown"
    makes_vectors = any(gives_documents(model) for model in MODELS.values() if record.task_type in model.task_types)
    return "" if makes_vectors or has_fixed_seed(record.request) else "no_seed"


def content_of(record: JobRecord) -> tuple[str, list[tuple[str, int]]]:
    """The hash, and the outputs of other jobs that belong to it, in the order in which the request mentions them."""
    mentioned: list[Reference] = []
    request = _plain(record.request, mentioned)
    around = _plain([record.prepare, record.finish], mentioned)
    conditions = {
        "version": VERSION,
        "task_type": record.task_type,
        "model": [record.model, record.base_model],
        "images": [record.images_wanted, record.images_per_call],
        "around": around,
        "guardrail": [record.guardrail, list(record.guardrail_gates)],
    }
    if record.checks:
        conditions["checks"] = [record.checks, record.rerolls]
    return fingerprint(cast("Mapping[str, object]", request), **conditions), [
        (record.needs[ref.step], ref.index) for ref in mentioned
    ]


def _plain(value: object, mentioned: list[Reference]) -> object:
    """The value with a number in place of each reference: what a step is called says nothing about its picture."""
    if isinstance(value, str):
        reference = parse_reference(value)
        if reference is None:
            return value
        if reference not in mentioned:
            mentioned.append(reference)
        return f"${mentioned.index(reference)}"
    if isinstance(value, Mapping):
        return {name: _plain(item, mentioned) for name, item in cast("Mapping[str, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_plain(item, mentioned) for item in cast("list[object]", value)]
    return value
