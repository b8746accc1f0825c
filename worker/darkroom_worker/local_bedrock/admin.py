"""What the endpoint offers beside the runtime, under `/_darkroom/`: log, sums, health, faults, quotas; and Bedrock's control plane.

GET    /_darkroom/health
GET    /_darkroom/stats
GET    /_darkroom/log?after=N      JSON lines, oldest first
DELETE /_darkroom/log              forgets entries and sums
GET, PUT, DELETE /_darkroom/faults     PUT takes a JSON list of fault texts and replaces the faults in force
GET, PUT /_darkroom/quotas             PUT takes a JSON object of requests a minute by model id (in each Region) or by
                                       `region/model id`: changes these, takes away those that are null, forgets no count
GET    /foundation-models, /foundation-models/{modelId}      the control plane's, for `AWS_ENDPOINT_URL_BEDROCK`
       /model-customization-jobs...                           likewise; see `customization`
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import cast
from urllib.parse import parse_qs, unquote

import orjson

from darkroom_shared.core.errors import UnknownModel
from darkroom_worker.local_bedrock.customization import PATH, Customization
from darkroom_worker.local_bedrock.dialects import EmbeddingDialect
from darkroom_worker.local_bedrock.faults import FaultPlan, parse_fault
from darkroom_worker.local_bedrock.known_models import KnownModel, known_models, quota_limit, quota_name, resolve
from darkroom_worker.local_bedrock.quotas import Quotas
from darkroom_worker.local_bedrock.request_log import RequestLog
from darkroom_worker.local_bedrock.wire import Headers, ServiceError, authentication_error, error_headers, region_of

_JSON: Headers = ((b"content-type", b"application/json"),)
_JSON_LINES: Headers = ((b"content-type", b"application/x-ndjson"),)


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer."""

    status: int
    headers: Headers
    body: bytes


def _json(value: object, status: int = 200) -> Reply:
    return Reply(status, _JSON, orjson.dumps(value))


class Admin:
    """See the module.

    Args:
        log: what `/_darkroom/log` shows.
        faults: what `/_darkroom/faults` changes.
        quotas: what `/_darkroom/quotas` changes.
        tuning: answers for fine-tuning jobs.
        health: the facts of `/_darkroom/health`.
        clock: steady seconds.
        retired: ids of models that are served as past their end of life: not listed.
        legacy: ids of models listed as LEGACY.
    """

    def __init__(
        self,
        log: RequestLog,
        faults: FaultPlan,
        quotas: Quotas,
        tuning: Customization,
        *,
        health: Callable[[], dict[str, object]],
        clock: Callable[[], float],
        retired: frozenset[str] = frozenset(),
        legacy: frozenset[str] = frozenset(),
    ) -> None:
        self._log = log
        self._faults = faults
        self._quotas = quotas
        self._tuning = tuning
        self._health = health
        self._clock = clock
        self._retired = retired
        self._legacy = legacy

    @staticmethod
    def owns(raw_path: bytes) -> bool:
        """Whether this path is served here."""
        first = raw_path.split(b"/", 2)[1:2]
        return raw_path.startswith(b"/_darkroom/") or first in ([b"foundation-models"], [PATH.encode()])

    def reply(self, method: str, raw_path: bytes, query: bytes, body: bytes, headers: Headers = ()) -> Reply:
        """Answers a request."""
        _, *parts = raw_path.decode("latin-1").split("/")
        if parts[0] == PATH:
            return self._tuned(method, parts[1:], query, body, headers)
        if method == "GET" and parts[0] == "foundation-models":
            return self._models() if len(parts) == 1 else self._model(unquote("/".join(parts[1:])))
        served: Mapping[tuple[str, str], Callable[[], Reply]] = {
            ("GET", "health"): lambda: _json(self._health()),
            ("GET", "stats"): lambda: _json(self._log.stats()),
            ("GET", "log"): lambda: self._entries(query),
            ("DELETE", "log"): self._forget,
            ("GET", "faults"): self._faults_in_force,
            ("PUT", "faults"): lambda: self._set_faults(body),
            ("DELETE", "faults"): lambda: self._set_faults(b"[]"),
            ("GET", "quotas"): lambda: _json(self._quotas.per_minute),
            ("PUT", "quotas"): lambda: self._change_quotas(body),
        }
        answer = served.get((method, "/".join(parts[1:])))
        return _error(ServiceError("UnknownOperationException")) if answer is None else answer()

    def _tuned(self, method: str, parts: list[str], query: bytes, body: bytes, headers: Headers) -> Reply:
        if (refused := authentication_error(headers)) is not None:
            return _error(refused)
        try:
            status, value = self._tuning.answer(method, parts, query, body, region_of(headers))
        except ServiceError as error:
            return _error(error)
        return _json(value, status)

    def _forget(self) -> Reply:
        self._log.reset()
        return _json({"last": self._log.last})

    def _faults_in_force(self) -> Reply:
        return _json([asdict(fault) for fault in self._faults.faults])

    def _models(self) -> Reply:
        return _json({"modelSummaries": [self._summary(model) for model in known_models() if model.model_id not in self._retired]})

    def _entries(self, query: bytes) -> Reply:
        after = parse_qs(query.decode("latin-1")).get("after", ["0"])[0]
        if not after.isdecimal():
            return _json({"message": f"after={after} is no entry number"}, 400)
        return Reply(200, _JSON_LINES, b"".join(line + b"\n" for line in self._log.lines(int(after))))

    def _set_faults(self, body: bytes) -> Reply:
        try:
            texts: object = orjson.loads(body)
            if not isinstance(texts, list):
                raise ValueError("a JSON list of fault texts is wanted")
            self._faults.replace([parse_fault(str(text)) for text in cast("list[object]", texts)])
        except ValueError as error:
            return _json({"message": str(error)}, 400)
        return self._faults_in_force()

    def _change_quotas(self, body: bytes) -> Reply:
        try:
            told: object = orjson.loads(body)
            if not isinstance(told, dict):
                raise ValueError("a JSON object of requests a minute by model id is wanted")
            limits = cast("dict[str, object]", told).items()
            changes = {quota_name(name): None if limit is None else quota_limit(limit) for name, limit in limits}
        except (ValueError, UnknownModel) as error:
            return _json({"message": str(error)}, 400)
        self._quotas.change(changes, self._clock())
        return _json(self._quotas.per_minute)

    def _model(self, model_id: str) -> Reply:
        try:
            model = resolve(model_id)
        except UnknownModel:
            return _error(ServiceError("ValidationException", "The provided model identifier is invalid."))
        if model.model_id in self._retired:
            return _error(ServiceError("ResourceNotFoundException"))
        return _json({"modelDetails": self._summary(model)})

    def _summary(self, model: KnownModel) -> dict[str, object]:
        return {
            "modelArn": f"arn:aws:bedrock:us-east-1::foundation-model/{model.bare_id}",
            "modelId": model.bare_id,
            "modelName": model.name,
            "providerName": model.provider,
            "inputModalities": ["TEXT", "IMAGE"],
            "outputModalities": ["EMBEDDING" if isinstance(model.dialect, EmbeddingDialect) else "IMAGE"],
            "responseStreamingSupported": False,
            "customizationsSupported": [],
            "inferenceTypesSupported": ["INFERENCE_PROFILE" if model.needs_profile else "ON_DEMAND"],
            "modelLifecycle": {"status": "LEGACY" if model.model_id in self._legacy else "ACTIVE"},
        }


def _error(error: ServiceError) -> Reply:
    return Reply(error.status, error_headers(error, "00000000-0000-0000-0000-000000000000"), error.body())
