"""Uploads training data to S3, and asks Bedrock's control plane for fine-tuning jobs.

Credentials and endpoints come from where the SDK looks (`AWS_PROFILE`, roles, `AWS_ENDPOINT_URL_BEDROCK`, `AWS_ENDPOINT_URL_S3`).
`darkroom tuning --help` names the rights that are used.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, cast
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError

from darkroom.aws import CONFIG, Asking, error_of
from darkroom.tuning.folder import Dataset
from darkroom.tuning.jobs import Status, TuningJob, TuningRequest
from darkroom.tuning.manifest import Record, manifest
from darkroom_shared.core.errors import Misconfigured, RequestRejected

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

UPLOADS: Final = 4
"""Pictures on their way at once; each may have 50 MB."""
_MOST_MANIFEST: Final = 100_000_000
"""Bytes of a manifest that is read: 10,000 records of the longest captions and addresses are half of it."""
_BEDROCK: Final = Asking("Bedrock's control plane", "fine-tuning jobs", "bedrock", "darkroom tuning")
_S3: Final = Asking("S3", "training data", "s3", "darkroom tuning")
_REFUSED: Final = frozenset(
    {
        "ConflictException",
        "ResourceNotFoundException",
        "ServiceQuotaExceededException",
        "TooManyTagsException",
        "ValidationException",
    }
)
_NO_PLACE: Final = frozenset({"NoSuchBucket", "NoSuchKey", "404", "PermanentRedirect", "InvalidBucketName"})
_PARTS: Final[Mapping[str, str]] = {
    "validationDetails": "validation",
    "dataProcessingDetails": "data processing",
    "trainingDetails": "training",
}


class TuningRefused(RequestRejected):
    """AWS does not take the request; asking again does not change that."""

    code = "tuning_refused"


@dataclass(frozen=True, slots=True)
class Uploaded:
    """What an upload did.

    Attributes:
        manifest_uri: the manifest's `s3://` address.
        sent, kept: how many objects were sent, and how many were there already, the manifest among them.
    """

    manifest_uri: str
    sent: int
    kept: int


def upload(region: str, dataset: Dataset, prefix: str) -> Uploaded:
    """Brings the pictures of a checked folder, then their manifest, below a prefix. What is there already is not sent again.

    Args:
        prefix: `s3://bucket/prefix`.

    Raises:
        Misconfigured: no credentials, no right, or no such bucket.
        Unavailable: S3 cannot be reached, or refuses for now.
        TuningRefused: a picture is another one than when it was checked.
    """
    prefix = prefix.rstrip("/")
    bucket, start = _place(prefix)
    document = manifest(dataset.records, prefix)
    name = f"{start}manifests/{hashlib.sha256(document).hexdigest()}.jsonl"
    pictures = {f"{start}{record.object_name}": record for record in dataset.records}
    with _s3_client(region) as client:
        there = {**_sizes(client, bucket, f"{start}images/"), **_sizes(client, bucket, f"{start}manifests/")}
        # One that is not as long as it should be is no such picture: it is written over.
        missing = [(key, record) for key, record in pictures.items() if there.get(key) != record.size_bytes]
        with ThreadPoolExecutor(UPLOADS) as pool:
            # The first error ends it: what was not begun is not begun any more.
            sending = [pool.submit(_send, client, bucket, key, dataset.folder, record) for key, record in missing]
            try:
                for one in sending:
                    one.result()
            finally:
                pool.shutdown(cancel_futures=True)
        new = there.get(name) != len(document)
        if new:
            client.put_object(Bucket=bucket, Key=name, Body=document, ContentType="application/jsonl")
    return Uploaded(f"s3://{bucket}/{name}", len(missing) + new, len(pictures) - len(missing) + (not new))


def _send(client: S3Client, bucket: str, key: str, folder: Path, record: Record) -> None:
    try:
        data = (folder / record.file).read_bytes()
    except OSError as error:
        raise TuningRefused(f"{record.file} cannot be read any more: {error.strerror}.") from error
    if hashlib.sha256(data).hexdigest() != record.sha256:
        raise TuningRefused(f"{record.file} was changed while it was uploaded. Do it again; what is in S3 stays right.")
    client.put_object(Bucket=bucket, Key=key, Body=data, ContentType=f"image/{record.format.lower()}")


def _sizes(client: S3Client, bucket: str, start: str) -> dict[str, int]:
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=start)
    return {item.get("Key", ""): item.get("Size", -1) for page in pages for item in page.get("Contents", [])}


def count_records(region: str, manifest_uri: str) -> int:
    """How many records a manifest in S3 has. Raises as `upload`; TuningRefused for one that is far too long."""
    bucket, key = _place(manifest_uri)
    if not key:
        raise TuningRefused(f"{manifest_uri} names a bucket, no manifest in it.")
    with _s3_client(region) as client:
        answer = client.get_object(Bucket=bucket, Key=key.rstrip("/"))
        with contextlib.closing(answer["Body"]) as body:
            if answer["ContentLength"] > _MOST_MANIFEST:
                raise TuningRefused(f"{manifest_uri} has {answer['ContentLength']:,} bytes: that is no manifest.")
            return sum(1 for line in body.read().splitlines() if line.strip())


def _place(uri: str) -> tuple[str, str]:
    """Bucket, and what keys begin with: nothing, or a prefix with a slash at its end."""
    parts = urlsplit(uri)
    start = parts.path.strip("/")
    return parts.netloc, f"{start}/" if start else ""


@contextlib.contextmanager
def _s3_client(region: str) -> Generator[S3Client]:
    with _S3.told(region), _place_told():
        # A session of its own: boto3's default one would keep the credentials of the first call.
        client = boto3.session.Session().client("s3", region_name=region, config=CONFIG)
        with contextlib.closing(client):
            yield client


@contextlib.contextmanager
def _place_told() -> Generator[None]:
    try:
        yield
    except ClientError as error:
        code, said = error_of(error)
        if code not in _NO_PLACE:
            raise
        raise Misconfigured(
            f"S3 has no such place ({code}: {said.rstrip('.')}). Look at the address, and at the Region."
        ) from error


class _Client(Protocol):
    """The part of boto3's `bedrock` client that is used: its types are not installed."""

    def create_model_customization_job(self, **fields: object) -> Mapping[str, str]: ...
    def get_model_customization_job(self, *, jobIdentifier: str) -> Mapping[str, object]: ...  # noqa: N803
    def stop_model_customization_job(self, *, jobIdentifier: str) -> Mapping[str, object]: ...  # noqa: N803
    def list_model_customization_jobs(self, **fields: object) -> Mapping[str, object]: ...
    def close(self) -> None: ...


def start(request: TuningRequest) -> str:
    """Starts a job, at most once for one request; its ARN.

    Raises:
        TuningRefused: AWS does not take it; the text is AWS's.
        Misconfigured: no credentials, no right to ask, or no such Region.
        Unavailable: Bedrock cannot be reached, or refuses for now.
    """
    with _client(request.region) as client:
        answer = client.create_model_customization_job(
            jobName=request.job_name,
            customModelName=request.model_name,
            roleArn=request.role_arn,
            baseModelIdentifier=request.base,
            customizationType="FINE_TUNING",
            clientRequestToken=request.token,
            trainingDataConfig={"s3Uri": request.manifest_uri},
            outputDataConfig={"s3Uri": request.output_uri},
            hyperParameters=dict(request.hyperparameters),
        )
    return answer["jobArn"]


def job(region: str, identifier: str) -> TuningJob:
    """A job by its ARN or name. Raises as `start`."""
    with _client(region) as client:
        return read_job(client.get_model_customization_job(jobIdentifier=identifier))


def stop(region: str, identifier: str) -> None:
    """Asks AWS to stop a job; what was trained until then is paid. Raises as `start`."""
    with _client(region) as client:
        client.stop_model_customization_job(jobIdentifier=identifier)


def jobs(region: str, most: int) -> list[TuningJob]:
    """The newest jobs of a Region, at most so many, newest first. Raises as `start`."""
    found: list[TuningJob] = []
    with _client(region) as client:
        for page in _pages(client.list_model_customization_jobs, most):
            rows = cast("Sequence[Mapping[str, object]]", page.get("modelCustomizationJobSummaries", ()))
            found += [read_job(row) for row in rows]
    return found[:most]


def _pages(ask: Callable[..., Mapping[str, object]], most: int) -> Iterator[Mapping[str, object]]:
    token: dict[str, object] = {}
    left = most
    while left > 0:
        size = min(left, 100)
        page = ask(sortBy="CreationTime", sortOrder="Descending", maxResults=size, **token)
        yield page
        left -= size
        if not page.get("nextToken"):
            return
        token = {"nextToken": page["nextToken"]}


def read_job(told: Mapping[str, object]) -> TuningJob:
    """A job out of the answer of Get or a row of List, which name some things differently."""

    def text(*names: str) -> str:
        return next((str(told[name]) for name in names if told.get(name)), "")

    def instant(name: str) -> datetime | None:
        value = told.get(name)
        return value if isinstance(value, datetime) else None

    details = cast("Mapping[str, Mapping[str, object]]", told.get("statusDetails") or {})
    parts = {word: str(details[name].get("status", "")) for name, word in _PARTS.items() if name in details}
    given = cast("Mapping[str, str] | None", told.get("hyperParameters"))
    return TuningJob(
        arn=text("jobArn"),
        name=text("jobName"),
        status=cast("Status", text("status")),
        base_arn=text("baseModelArn"),
        model_name=text("outputModelName", "customModelName"),
        created=instant("creationTime"),
        ended=instant("endTime"),
        model_arn=text("outputModelArn", "customModelArn"),
        failure=text("failureMessage"),
        hyperparameters=given,
        parts=parts or None,
    )


@contextlib.contextmanager
def _client(region: str) -> Generator[_Client]:
    with _BEDROCK.told(region), _refusals_told():
        client = cast("_Client", boto3.session.Session().client("bedrock", region_name=region, config=CONFIG))
        with contextlib.closing(client):
            yield client


@contextlib.contextmanager
def _refusals_told() -> Generator[None]:
    try:
        yield
    except ClientError as error:
        code, said = error_of(error)
        if code not in _REFUSED:
            raise
        raise TuningRefused(f"AWS refused {error.operation_name} ({code}): {said}") from error
