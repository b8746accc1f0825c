"""The control plane's fine-tuning jobs, as far as a client can tell: states that go on with time, names, tokens, refusals.

POST /model-customization-jobs                      CreateModelCustomizationJob
GET  /model-customization-jobs                      ListModelCustomizationJobs
GET  /model-customization-jobs/{name or ARN}        GetModelCustomizationJob
POST /model-customization-jobs/{name or ARN}/stop   StopModelCustomizationJob

Nothing is trained, and no data is read: a job takes as long as AWS's example says (about 5 hours for 8,000 steps), divided by the
time scale, and completes. Answers and words follow the service model of `bedrock`; the words of conflicts are this endpoint's own.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, cast
from urllib.parse import parse_qs, unquote

import orjson

from darkroom_worker.local_bedrock.wire import ServiceError, validation_error

PATH: Final = "model-customization-jobs"
ACCOUNT: Final = "123456789012"
VALIDATION_S: Final = 120.0
PROCESSING_S: Final = 300.0
STEP_S: Final = 2.25
STOPPING_S: Final = 60.0
AUTO_STEPS: Final = 8_000
"""Steps of a job that leaves them to the service."""
_MOST_LISTED: Final = 1000
_BASES: Final = frozenset({"amazon.titan-image-generator-v1:0", "amazon.titan-image-generator-v2:0", "amazon.nova-canvas-v1:0"})
_NAME: Final = r"[a-zA-Z0-9](-*[a-zA-Z0-9\+\-\.])*"
_S3: Final = r"s3://[a-z0-9][-.a-z0-9]{1,61}[a-z0-9](?:/[-!_*'().a-z0-9A-Z]+(?:/[-!_*'().a-z0-9A-Z]+)*)?/?"
_STATUSES: Final = ("InProgress", "Completed", "Failed", "Stopping", "Stopped")


@dataclass(frozen=True, slots=True)
class _Rule:
    """What a member of a request may be: the service model's pattern, the same without slow corners, and the longest text."""

    pattern: str
    quick: re.Pattern[str]
    longest: int


_RULES: Final[Mapping[str, _Rule]] = {
    "jobName": _Rule(_NAME, re.compile(r"[a-zA-Z0-9][a-zA-Z0-9+.-]*"), 63),
    "customModelName": _Rule(r"([0-9a-zA-Z][_-]?){1,63}", re.compile(r"[0-9a-zA-Z]([_-]?[0-9a-zA-Z])*[_-]?"), 63),
    "roleArn": _Rule(
        r"arn:aws(-[^:]+)?:iam::([0-9]{12})?:role/.+", re.compile(r"arn:aws(-[^:]+)?:iam::([0-9]{12})?:role/.+"), 2048
    ),
    "trainingDataConfig.s3Uri": _Rule(_S3, re.compile(_S3), 1024),
    "outputDataConfig.s3Uri": _Rule(_S3, re.compile(_S3), 1024),
    "baseModelIdentifier": _Rule(r"[a-z0-9-]{1,63}[.]{1}[a-z0-9-]{1,63}([:][a-z0-9-]{1,63}){0,2}", re.compile(r"[\w.:/-]+"), 2048),
}


@dataclass(slots=True)
class _Job:
    """A job that was started: what was asked, when (wall clock and steady seconds), and when it was stopped."""

    asked: Mapping[str, object]
    region: str
    arn: str
    created: datetime
    started_s: float
    training_s: float
    stopped_s: float | None = None

    @property
    def name(self) -> str:
        return str(self.asked["jobName"])


class Customization:
    """The fine-tuning jobs of one account.

    Args:
        clock: steady seconds.
        time_scale: seconds of a job in a real second.
        retired: ids of models that nothing can be made of any more.
    """

    def __init__(self, clock: Callable[[], float], time_scale: float, retired: frozenset[str]) -> None:
        self._clock = clock
        self._scale = time_scale
        self._retired = retired
        self._jobs: list[_Job] = []

    def answer(self, method: str, parts: Sequence[str], query: bytes, body: bytes, region: str) -> tuple[int, object]:
        """Status and JSON of the answer.

        Args:
            parts: the path behind `/model-customization-jobs`, still encoded.

        Raises:
            ServiceError: the service refuses it.
        """
        match method, [unquote(part) for part in parts]:
            case "POST", []:
                return 201, {"jobArn": self._create(_read(body), region).arn}
            case "GET", []:
                return 200, self._listed(parse_qs(query.decode("latin-1")), region)
            case "GET", [name]:
                return 200, self._details(self._found(name, region))
            case "POST", [name, "stop"]:
                self._stop(self._found(name, region))
                return 200, {}
            case _:
                raise ServiceError("UnknownOperationException")

    def _create(self, asked: Mapping[str, object], region: str) -> _Job:
        _check(asked)
        token = asked.get("clientRequestToken")
        for job in self._jobs:
            if job.region == region and token is not None and job.asked.get("clientRequestToken") == token:
                if job.asked != asked:
                    raise ServiceError("ConflictException", "The client request token was used for another request.")
                return job
        if any(job.region == region and job.name == asked["jobName"] for job in self._jobs):
            raise ServiceError("ConflictException", f"A model customization job with the name {asked['jobName']} already exists.")
        base = _base(asked)
        if base not in _BASES or base in self._retired or base.removesuffix(":0") in self._retired:
            raise validation_error("The provided model identifier is invalid or does not support customization.")
        given = str(cast("Mapping[str, object]", asked.get("hyperParameters") or {}).get("stepCount", "500"))
        steps = int(given) if given.isdecimal() else AUTO_STEPS
        number = hashlib.sha256(f"{region}/{asked['jobName']}".encode()).hexdigest()[:12]
        arn = f"arn:aws:bedrock:{region}:{ACCOUNT}:model-customization-job/{base}/{number}"
        job = _Job(asked, region, arn, datetime.now(UTC), self._clock(), STEP_S * steps)
        self._jobs.append(job)
        return job

    def _found(self, name: str, region: str) -> _Job:
        for job in self._jobs:
            if job.region == region and name in (job.name, job.arn):
                return job
        raise ServiceError("ResourceNotFoundException", "The provided model customization job identifier could not be found.")

    def _stop(self, job: _Job) -> None:
        status = self._status(job)[0]
        if status == "InProgress":
            job.stopped_s = self._clock()
        elif status != "Stopping":
            raise ServiceError("ConflictException", f"The model customization job is {status} and cannot be stopped.")

    def _age_s(self, job: _Job, at_s: float) -> float:
        return (at_s - job.started_s) * self._scale

    def _status(self, job: _Job) -> tuple[str, float | None]:
        """The job's state, and the age in its own seconds at which it ended; None if it goes on."""
        now, whole = self._age_s(job, self._clock()), VALIDATION_S + PROCESSING_S + job.training_s
        if job.stopped_s is not None:
            end = self._age_s(job, job.stopped_s) + STOPPING_S
            return ("Stopped", end) if now >= end else ("Stopping", None)
        return ("Completed", whole) if now >= whole else ("InProgress", None)

    def _parts(self, job: _Job) -> dict[str, object]:
        status, _ = self._status(job)
        age = self._age_s(job, self._clock() if job.stopped_s is None else job.stopped_s)
        states: dict[str, object] = {}
        begin = 0.0
        lengths = (("validation", VALIDATION_S), ("dataProcessing", PROCESSING_S), ("training", job.training_s))
        for name, length in lengths:
            running = status if job.stopped_s is not None else "InProgress"
            state = "NotStarted" if age < begin else "Completed" if age >= begin + length else running
            begin += length
            states[f"{name}Details"] = {"status": state}
        return states

    def _common(self, job: _Job) -> dict[str, object]:
        status, end = self._status(job)
        told: dict[str, object] = {
            "jobArn": job.arn,
            "jobName": job.name,
            "status": status,
            "statusDetails": self._parts(job),
            "baseModelArn": f"arn:aws:bedrock:{job.region}::foundation-model/{_base(job.asked)}",
            "customizationType": job.asked.get("customizationType", "FINE_TUNING"),
            "creationTime": _instant(job.created),
        }
        if end is not None:
            told["endTime"] = _instant(job.created + timedelta(seconds=end / self._scale))
        return told

    @staticmethod
    def _model_arn(job: _Job) -> str:
        return job.arn.replace(":model-customization-job/", ":custom-model/")

    def _details(self, job: _Job) -> dict[str, object]:
        told = self._common(job)
        same = ("roleArn", "clientRequestToken", "hyperParameters", "trainingDataConfig", "outputDataConfig")
        told |= {name: job.asked[name] for name in same if name in job.asked}
        told |= {"outputModelName": job.asked["customModelName"], "validationDataConfig": {"validators": []}}
        return told | ({"outputModelArn": self._model_arn(job)} if told["status"] == "Completed" else {})

    def _summary(self, job: _Job) -> dict[str, object]:
        told = self._common(job) | {"customModelName": job.asked["customModelName"]}
        return told | ({"customModelArn": self._model_arn(job)} if told["status"] == "Completed" else {})

    def _listed(self, query: Mapping[str, Sequence[str]], region: str) -> dict[str, object]:
        told = {name: values[0] for name, values in query.items()}
        most, token, status = told.get("maxResults", str(_MOST_LISTED)), told.get("nextToken", "0"), told.get("statusEquals")
        if not most.isdecimal() or not 1 <= int(most) <= _MOST_LISTED:
            raise _failed(most, "maxResults", f"Member must have value less than or equal to {_MOST_LISTED}")
        if not token.isdecimal():
            raise validation_error("The provided nextToken is invalid.")
        if status is not None and status not in _STATUSES:
            raise _failed(status, "statusEquals", f"Member must satisfy enum value set: [{', '.join(_STATUSES)}]")
        found = [job for job in self._jobs if job.region == region and told.get("nameContains", "") in job.name]
        found = [job for job in found if status in (None, self._status(job)[0])]
        if told.get("sortOrder", "Descending") == "Descending":
            found.reverse()
        begin, end = int(token), int(token) + int(most)
        page: dict[str, object] = {"modelCustomizationJobSummaries": [self._summary(job) for job in found[begin:end]]}
        return page | ({"nextToken": str(end)} if end < len(found) else {})


def _read(body: bytes) -> Mapping[str, object]:
    try:
        told: object = orjson.loads(body)
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise ServiceError("ValidationException")
    return cast("Mapping[str, object]", told)


def _base(asked: Mapping[str, object]) -> str:
    return str(asked["baseModelIdentifier"]).rpartition("/")[2]


def _check(asked: Mapping[str, object]) -> None:
    """Refuses what breaks the service model, or the hyperparameters' form."""
    for member, rule in _RULES.items():
        value: object = asked
        for name in member.split("."):
            value = cast("Mapping[str, object]", value).get(name) if isinstance(value, dict) else None
        if not isinstance(value, str):
            raise _failed(None, member, "Member must not be null")
        if len(value) > rule.longest:
            raise _failed(value, member, f"Member must have length less than or equal to {rule.longest}")
        if not rule.quick.fullmatch(value):
            raise _failed(value, member, f"Member must satisfy regular expression pattern: {rule.pattern}")
    given: object = asked.get("hyperParameters", {})
    if not isinstance(given, dict):
        raise ServiceError("ValidationException")
    for name, value in cast("Mapping[str, object]", given).items():
        if name not in ("stepCount", "batchSize", "learningRate") or not isinstance(value, str):
            raise validation_error(f"The hyperparameter {name[:100]} is not supported for this model.")


def _failed(value: str | None, member: str, constraint: str) -> ServiceError:
    shown = "null" if value is None else f"'{value[:200]}'"
    return validation_error(f"1 validation error detected: Value {shown} at '{member}' failed to satisfy constraint: {constraint}")


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
