"""Decides what a request to the runtime is answered: who may ask, quota, faults, rules, filters, pictures - in the service's order.

Knows nothing about sockets; `endpoint` reads the request and delivers the answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Literal, ParamSpec, TypeVar, assert_never, cast

import orjson

from darkroom_shared.core.errors import UnknownModel
from darkroom_worker.local_bedrock.blank import blanked
from darkroom_worker.local_bedrock.checks import checked_request
from darkroom_worker.local_bedrock.config import Config
from darkroom_worker.local_bedrock.dialects import AnyDialect, Drawn, EmbeddingDialect, Told
from darkroom_worker.local_bedrock.embedding import PREVIEW
from darkroom_worker.local_bedrock.faults import Fault, FaultPlan, parse_fault
from darkroom_worker.local_bedrock.filters import find_filter
from darkroom_worker.local_bedrock.guardrails import Guardrails, Stage, members, traced
from darkroom_worker.local_bedrock.known_models import KnownModel, resolve
from darkroom_worker.local_bedrock.pictures import EngineFailed, EngineSlow, PictureEngine, Pictures, Request
from darkroom_worker.local_bedrock.quotas import Quotas
from darkroom_worker.local_bedrock.request_log import Visit
from darkroom_worker.local_bedrock.wire import (
    END_OF_LIFE,
    INVALID_MODEL,
    LEGACY_IDLE,
    PROFILE_NEEDED,
    Headers,
    Operation,
    Route,
    ServiceError,
    authentication_error,
    error_headers,
    operation_error,
    success_headers,
    validation_error,
)

SMALL_BODY_BYTES = 32_768
"""Bodies up to here hold no picture worth a thread: they are checked on the loop."""

P = ParamSpec("P")
T = TypeVar("T")

_LOG = logging.getLogger(__name__)

FAULT_HEADER = b"x-darkroom-fault"
Cut = Literal["all", "half"]
MAX_SEED = 4_294_967_294
"""The highest seed that every Stability model takes."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What to send, when, and what to remember.

    Attributes:
        status: HTTP status.
        headers: without content-length.
        body: the whole body.
        billed: whether pictures were made for it.
        error_code: exception name, None for a 200.
        image_sha256: hashes of the pictures in it.
        ready_s: instant of the steady clock before which it must not be sent.
        cut: send nothing (`all`) or only half of the body (`half`), then close the connection.
    """

    status: int
    headers: Headers
    body: bytes
    billed: bool = False
    error_code: str | None = None
    image_sha256: tuple[str, ...] = ()
    ready_s: float = 0.0
    cut: Cut | None = None


def refusal(error: ServiceError, visit: Visit, *, billed: bool = False) -> Answer:
    """The answer that is this error."""
    return Answer(error.status, error_headers(error, visit.request_id), error.body(), billed, error.code)


class Service:
    """The runtime of one account, in every Region that is called.

    Args:
        config: how it behaves.
        engine: who makes the pictures.
        faults: the faults in force; may be changed from outside.
        quotas: the quotas in force; may be changed from outside.
        clock: steady seconds.
    """

    def __init__(
        self,
        config: Config,
        engine: PictureEngine,
        faults: FaultPlan,
        quotas: Quotas,
        clock: Callable[[], float],
    ) -> None:
        self._config = config
        self._engine = engine
        self._faults = faults
        self._clock = clock
        self._quotas = quotas
        self._guardrails = Guardrails(config.guardrails)
        self._latency = Random(f"latency {config.seed}")
        self._seeds = Random(f"picture seeds {config.seed}")

    async def answer(self, visit: Visit, route: Route, headers: Headers, raw: bytes) -> Answer:
        """Answers one request; fills in what the visit learns about it. Never raises for anything a client can send."""
        try:
            if route.operation == "apply-guardrail":
                return await self._applied(visit, route, headers, raw)
            return await self._answer(visit, route.operation, headers, raw)
        except ServiceError as error:
            return refusal(error, visit)
        except Exception:
            _LOG.exception("request %s to %s failed inside the endpoint", visit.request_id, visit.model)
            return refusal(ServiceError("InternalServerException"), visit)

    async def _applied(self, visit: Visit, route: Route, headers: Headers, raw: bytes) -> Answer:
        """ApplyGuardrail. To faults its model is the guardrail; quotas it has none."""
        body = await _aside(len(raw), _read, visit, raw)
        _refuse(authentication_error(headers))
        fault = self._fault(visit, headers)
        if fault is not None:
            _refuse(ServiceError(fault.code) if fault.kind == "error" else None)
            return Answer(0, (), b"", cut="all")
        told = await _aside(len(raw), self._guardrails.apply, route.model_id, route.version, body)
        return Answer(200, success_headers(visit.request_id, 0, self._engine.name), told)

    async def _answer(self, visit: Visit, operation: Operation, headers: Headers, raw: bytes) -> Answer:
        body = await _aside(len(raw), _read, visit, raw)
        _refuse(authentication_error(headers))
        model = self._model(visit)
        _refuse(operation_error(operation, converses=model.converses))
        if not self._quotas.admit(visit.region, model.model_id, self._clock()):
            raise ServiceError("ThrottlingException")
        fault = self._fault(visit, headers)
        if fault is not None and fault.before_work:
            _refuse(ServiceError(fault.code) if fault.kind == "error" else None)
            return Answer(0, (), b"", cut="all")
        if body is None:
            raise validation_error("Malformed input request, please reformat your input and try again.")
        # Converse names its guardrail in the body, InvokeModel in headers.
        config = body.get("guardrailConfig") if model.converses else None
        guardrail = self._guardrails.of_conversation(config) if model.converses else self._guardrails.of_call(headers)
        if config is not None:
            body = {name: value for name, value in body.items() if name != "guardrailConfig"}
        request = await _aside(len(raw), checked_request, body, model, self._draw_seed)
        added = partial(traced, guardrail, config=config) if model.converses else partial(members, guardrail, headers=headers)
        answer = await self._guarded(visit, request, model.dialect, guardrail, added)
        return answer if fault is None else _spoiled(answer, fault, visit, request, model.dialect)

    def _draw_seed(self) -> int:
        return self._seeds.randint(1, MAX_SEED)

    def _model(self, visit: Visit) -> KnownModel:
        try:
            model = resolve(visit.model, self._config.custom)
        except UnknownModel:
            raise validation_error(INVALID_MODEL) from None
        takes = model.takes(visit.model)
        visit.model = model.model_id
        visit.task_type = model.native_task or visit.task_type
        if not takes:
            raise validation_error(PROFILE_NEEDED.format(model_id=model.bare_id))
        if model.model_id in self._config.end_of_life:
            raise ServiceError("ResourceNotFoundException", END_OF_LIFE)
        if model.model_id in self._config.legacy_idle:
            raise ServiceError("ResourceNotFoundException", LEGACY_IDLE)
        return model

    def _fault(self, visit: Visit, headers: Headers) -> Fault | None:
        text = next((value for name, value in headers if name == FAULT_HEADER), None)
        if text is None:
            fault = self._faults.choose(visit.region, visit.model, visit.task_type)
        else:
            try:
                fault = parse_fault(text.decode("latin-1"))
            except ValueError as error:
                raise validation_error(str(error)) from error
        visit.fault = None if fault is None else fault.kind
        return fault

    async def _guarded(
        self,
        visit: Visit,
        request: Request,
        dialect: AnyDialect,
        guardrail: str | None,
        adds: Callable[[Stage | None], Mapping[str, object]],
    ) -> Answer:
        """The answer as a guardrail leaves it, without any fault; `adds`: what it says in the answer itself."""
        size = sum(map(len, request.images.values())) if guardrail else 0
        stage = None if guardrail is None else await _aside(size, self._guardrails.strikes, request.body, request.images.values())
        added = adds(stage)
        if stage is not None:
            visit.filtered = "guardrail"
            if stage == "outputs" and not isinstance(dialect, EmbeddingDialect):
                await self._draw(request)
            return self._compose(visit, Told(dialect.intervened(added)), billed=stage == "outputs")
        answer = await self._told(visit, request, dialect)
        self._guardrails.remember(request.body, answer.image_sha256)
        return replace(answer, body=answer.body[:-1] + b"," + orjson.dumps(added)[1:]) if added else answer

    async def _told(self, visit: Visit, request: Request, dialect: AnyDialect) -> Answer:
        """The answer without any fault."""
        if isinstance(dialect, EmbeddingDialect):
            return self._compose(visit, await asyncio.to_thread(dialect.embedded, request), billed=True, made_by=PREVIEW)
        kind = find_filter(request.body, request.images.values())
        visit.filtered = kind
        refused = None if kind is None else dialect.refused(kind)
        if isinstance(refused, ServiceError):
            raise refused
        if refused is not None:
            return self._compose(visit, refused, billed=False)
        drawn = Drawn(await self._draw(request), request.seed, kind, request.body)
        filtered_bytes = sum(len(encoded) for encoded in drawn.pictures.encoded) if kind else 0
        return self._compose(visit, await _aside(filtered_bytes, dialect.answer, drawn), billed=True)

    async def _draw(self, request: Request) -> Pictures:
        try:
            return await self._engine.draw(request)
        except EngineSlow as error:
            raise ServiceError("ModelTimeoutException") from error
        except EngineFailed as error:
            raise ServiceError("ModelErrorException", f"The local picture engine failed: {error}") from error

    def _compose(self, visit: Visit, told: Told, *, billed: bool, made_by: str = "") -> Answer:
        ready_s = max(self._clock(), visit.received_s + self._latency.uniform(*self._config.latency_s))
        headers = success_headers(visit.request_id, round((ready_s - visit.received_s) * 1000), made_by or self._engine.name)
        return Answer(200, headers, told.body, billed=billed, image_sha256=told.sha256, ready_s=ready_s)


async def _aside(size: int, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Does work on a body of so many bytes: in a thread if it is long enough to hold up the loop."""
    if size <= SMALL_BODY_BYTES:
        return work(*args, **kwargs)
    return await asyncio.to_thread(work, *args, **kwargs)


def _refuse(error: ServiceError | None) -> None:
    if error is not None:
        raise error


def _spoiled(answer: Answer, fault: Fault, visit: Visit, request: Request, dialect: AnyDialect) -> Answer:
    """The answer as the fault leaves it; the work is done, so it stays billed."""
    match fault.kind:
        case "error-after":
            spoiled = replace(refusal(ServiceError(fault.code), visit, billed=True), ready_s=answer.ready_s)
        case "timeout" | "slow":
            spoiled = replace(answer, ready_s=answer.ready_s + fault.delay_s)
        case "reset":
            spoiled = replace(answer, cut="all")
        case "half-body":
            spoiled = replace(answer, cut="half")
        case "invalid-json":
            spoiled = replace(answer, body=answer.body[:-1] + b",,")
        case "empty-images":
            spoiled = replace(answer, body=dialect.without_images(request.seed), image_sha256=())
        case "bad-base64":
            spoiled = replace(answer, body=dialect.not_base64(request.seed), image_sha256=())
        case "blank":
            spoiled = replace(answer, body=blanked(answer.body), image_sha256=())
        case "inference-error":
            spoiled = replace(answer, body=dialect.inference_error(request.seed), image_sha256=())
        case "error" | "reset-early":
            spoiled = answer  # they struck before the work
        case _:
            assert_never(fault.kind)
    return spoiled


def read_json_object(raw: bytes) -> Mapping[str, object] | None:
    """The body as a JSON object, None if it is none."""
    try:
        value: object = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return cast("dict[str, object]", value) if isinstance(value, dict) else None


def _read(visit: Visit, raw: bytes) -> Mapping[str, object] | None:
    """Reads the body and notes what the log keeps of it."""
    body = read_json_object(raw)
    visit.request_bytes = len(raw)
    visit.body_sha256 = hashlib.sha256(raw).hexdigest()
    if body is None:
        return None
    task_type = body.get("taskType")
    visit.task_type = task_type[:64] if isinstance(task_type, str) else None
    config = body.get("imageGenerationConfig")
    seed = cast("dict[str, object]", config).get("seed") if isinstance(config, dict) else body.get("seed")
    visit.seed = seed if isinstance(seed, int) else None
    return body
