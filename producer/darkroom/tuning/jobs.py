"""A fine-tuning job as it is asked for, and as AWS tells of it. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, Literal

from darkroom.tuning.hyperparameters import Base
from darkroom_shared.core.problems import Problem

Status = Literal["InProgress", "Completed", "Failed", "Stopping", "Stopped"]
ENDED: Final[frozenset[str]] = frozenset({"Completed", "Failed", "Stopped"})
MAX_URI: Final = 1024
MAX_NAME: Final = 63
MAX_ROLE: Final = 2048
# As in AWS's service model, but written so that no text makes them slow.
_JOB_NAME: Final = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9+.-]*", re.ASCII)
_MODEL_NAME: Final = re.compile(r"[0-9a-zA-Z]([_-]?[0-9a-zA-Z])*[_-]?", re.ASCII)
_ROLE: Final = re.compile(r"arn:aws(-[^:]+)?:iam::([0-9]{12})?:role/.+", re.ASCII)
_S3_URI: Final = re.compile(r"s3://[a-z0-9][-.a-z0-9]{1,61}[a-z0-9](/[-!_*'().a-z0-9A-Z]+)*/?", re.ASCII)
_S3_ALLOWED: Final = (
    "s3://bucket/prefix, at most 1,024 characters: the bucket of 3 to 63 small letters, digits, - and . , the rest of letters, "
    "digits and -!_*'()."
)


def uri_problems(place: str, uri: str) -> list[Problem]:
    """What is wrong with an S3 address that a job is to use."""
    if len(uri) <= MAX_URI and _S3_URI.fullmatch(uri):
        return []
    return [Problem(place, f"{uri[:100]!r} is no address in S3 that a job can use", _S3_ALLOWED)]


@dataclass(frozen=True, slots=True)
class TuningRequest:
    """What `CreateModelCustomizationJob` is asked.

    Attributes:
        region: where.
        base: id of the base model.
        job_name: unique in the account and Region for ever, as AWS has it.
        model_name: of the custom model that comes of it.
        role_arn: the role that Bedrock reads the data and writes the metrics with.
        manifest_uri: the JSONL manifest.
        output_uri: where metrics go.
        hyperparameters: as they are sent.
    """

    region: str
    base: str
    job_name: str
    model_name: str
    role_arn: str
    manifest_uri: str
    output_uri: str
    hyperparameters: Mapping[str, str]

    @property
    def token(self) -> str:
        """The same for the same request, so that asking twice starts one job."""
        told = json.dumps({**asdict(self), "hyperparameters": dict(self.hyperparameters)}, sort_keys=True)
        return f"darkroom-{hashlib.sha256(told.encode()).hexdigest()}"


def request_problems(request: TuningRequest, base: Base) -> list[Problem]:
    """Everything that is wrong with a request but its hyperparameters."""
    problems = [*uri_problems("/trainingDataConfig/s3Uri", request.manifest_uri)]
    problems += uri_problems("/outputDataConfig/s3Uri", request.output_uri)
    name = request.job_name
    if len(name) > MAX_NAME or not _JOB_NAME.fullmatch(name):
        problems.append(Problem("/jobName", f"{name[:100]!r} is no name of a job", "1 to 63 letters, digits, +, - and ."))
    if len(request.model_name) > MAX_NAME or not _MODEL_NAME.fullmatch(request.model_name):
        allowed = "1 to 63 letters and digits, with single - and _ between"
        problems.append(Problem("/customModelName", f"{request.model_name[:100]!r} is no name of a model", allowed))
    if len(request.role_arn) > MAX_ROLE or not _ROLE.fullmatch(request.role_arn):
        problems.append(Problem("/roleArn", f"{request.role_arn[:100]!r} is no role", "arn:aws:iam::<account>:role/<name>"))
    if request.region not in base.regions:
        message = f"{base.id} could never be tuned in {request.region}"
        problems.append(Problem("/region", message, list(base.regions)))
    return problems


@dataclass(frozen=True, slots=True)
class TuningJob:
    """A job as AWS tells of it. What AWS does not say is None or empty.

    Attributes:
        parts: `validation`, `data processing` and `training`, and the state of each.
        model_arn: the custom model, once it is made.
    """

    arn: str
    name: str
    status: Status
    base_arn: str
    model_name: str
    created: datetime | None
    ended: datetime | None
    model_arn: str = ""
    failure: str = ""
    hyperparameters: Mapping[str, str] | None = None
    parts: Mapping[str, str] | None = None

    @property
    def is_over(self) -> bool:
        """Whether its state is its last."""
        return self.status in ENDED

    def as_json(self) -> dict[str, object]:
        """The wire form."""
        return {
            "arn": self.arn,
            "name": self.name,
            "status": self.status,
            "base_arn": self.base_arn,
            "model_name": self.model_name,
            "model_arn": self.model_arn or None,
            "created": None if self.created is None else self.created.isoformat(),
            "ended": None if self.ended is None else self.ended.isoformat(),
            "failure": self.failure or None,
            "hyperparameters": None if self.hyperparameters is None else dict(self.hyperparameters),
            "parts": None if self.parts is None else dict(self.parts),
        }
