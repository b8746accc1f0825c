"""boto3's own `bedrock` client and the local endpoint's fine-tuning jobs, over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.integration.local_bedrock.endpoints import NOVA, Running

ASKED = {
    "jobName": "boat-1",
    "customModelName": "boat",
    "roleArn": "arn:aws:iam::123456789012:role/tuner",
    "baseModelIdentifier": NOVA,
    "trainingDataConfig": {"s3Uri": "s3://bucket/manifest.jsonl"},
    "outputDataConfig": {"s3Uri": "s3://bucket/out/"},
    "hyperParameters": {"stepCount": "100", "batchSize": "8"},
}


def client(running: Running, region: str = "us-east-1") -> Any:
    made: Any = boto3.session.Session().client(
        "bedrock",
        endpoint_url=running.url,
        region_name=region,
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    return made


def refused(call: Callable[[], object]) -> tuple[str, str, int]:
    """Code, text and status of the refusal."""
    with pytest.raises(ClientError) as caught:
        call()
    response: Any = caught.value.response
    return response["Error"]["Code"], response["Error"]["Message"], response["ResponseMetadata"]["HTTPStatusCode"]


def ended(bedrock: Any, job: str) -> Any:
    """The job when it is over; looks for at most 30 s."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        told = bedrock.get_model_customization_job(jobIdentifier=job)
        if told["status"] in ("Completed", "Failed", "Stopped"):
            return told
        time.sleep(0.02)
    raise AssertionError(f"{job} did not end")


def test_a_job_goes_through_its_parts_to_a_custom_model(start: Callable[..., Running]) -> None:
    # 120 + 300 + 225 s of the job in about a second
    bedrock = client(start("--time-scale", "600"))
    arn = bedrock.create_model_customization_job(**ASKED)["jobArn"]
    first = bedrock.get_model_customization_job(jobIdentifier="boat-1")
    assert (first["status"], first["jobArn"], first["hyperParameters"]) == ("InProgress", arn, ASKED["hyperParameters"])
    assert first["statusDetails"]["validationDetails"]["status"] == "InProgress"
    assert first["statusDetails"]["trainingDetails"]["status"] == "NotStarted"
    assert "outputModelArn" not in first
    last = ended(bedrock, arn)
    assert last["status"] == "Completed"
    assert {part["status"] for part in last["statusDetails"].values()} == {"Completed"}
    assert last["outputModelArn"].startswith("arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.nova-canvas-v1:0/")
    assert 0 < (last["endTime"] - last["creationTime"]).total_seconds() < 5
    assert refused(lambda: bedrock.stop_model_customization_job(jobIdentifier=arn))[0] == "ConflictException"


def test_a_job_is_stopped_and_stays_so(start: Callable[..., Running]) -> None:
    bedrock = client(start("--time-scale", "100"))
    bedrock.create_model_customization_job(**ASKED)
    for _ in range(2):
        bedrock.stop_model_customization_job(jobIdentifier="boat-1")
    assert bedrock.get_model_customization_job(jobIdentifier="boat-1")["status"] == "Stopping"
    last = ended(bedrock, "boat-1")
    assert last["status"] == "Stopped"
    assert "outputModelArn" not in last
    assert last["statusDetails"]["trainingDetails"]["status"] == "NotStarted"


def test_the_same_token_is_the_same_job_and_nothing_else_may_use_it(start: Callable[..., Running]) -> None:
    bedrock = client(start())
    one = bedrock.create_model_customization_job(**ASKED, clientRequestToken="token-1")["jobArn"]
    assert bedrock.create_model_customization_job(**ASKED, clientRequestToken="token-1")["jobArn"] == one
    other = {**ASKED, "jobName": "boat-2"}
    assert refused(lambda: bedrock.create_model_customization_job(**other, clientRequestToken="token-1"))[0] == "ConflictException"
    code, text, status = refused(lambda: bedrock.create_model_customization_job(**ASKED, clientRequestToken="token-2"))
    assert (code, status) == ("ConflictException", 400)
    assert "boat-1 already exists" in text
    assert len(bedrock.list_model_customization_jobs()["modelCustomizationJobSummaries"]) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"jobName": "-boat"}, "Value '-boat' at 'jobName' failed to satisfy constraint: Member must satisfy regular expression"),
        ({"customModelName": "a__b"}, "at 'customModelName' failed to satisfy constraint"),
        ({"roleArn": "arn:aws:iam::12:role/x"}, "at 'roleArn' failed to satisfy constraint"),
        ({"outputDataConfig": {"s3Uri": "http://x"}}, "at 'outputDataConfig.s3Uri' failed to satisfy constraint"),
        ({"baseModelIdentifier": "stability.stable-image-core-v1:1"}, "does not support customization"),
        ({"hyperParameters": {"epochCount": "2"}}, "The hyperparameter epochCount is not supported for this model."),
    ],
)
def test_what_breaks_the_service_model_is_refused_in_its_words(canned: Running, change: dict[str, Any], said: str) -> None:
    bedrock = client(canned)
    code, text, status = refused(lambda: bedrock.create_model_customization_job(**{**ASKED, **change}))
    assert (code, status) == ("ValidationException", 400)
    assert said in text


def test_jobs_are_listed_by_region_newest_first_in_pages(start: Callable[..., Running]) -> None:
    running = start()
    bedrock = client(running)
    for number in range(5):
        bedrock.create_model_customization_job(**{**ASKED, "jobName": f"boat-{number}"})
    pages = bedrock.get_paginator("list_model_customization_jobs").paginate(PaginationConfig={"PageSize": 2})
    found = [[row["jobName"] for row in page["modelCustomizationJobSummaries"]] for page in pages]
    assert found == [["boat-4", "boat-3"], ["boat-2", "boat-1"], ["boat-0"]]
    assert len(bedrock.list_model_customization_jobs(nameContains="boat-3")["modelCustomizationJobSummaries"]) == 1
    assert bedrock.list_model_customization_jobs(statusEquals="Failed")["modelCustomizationJobSummaries"] == []
    elsewhere = client(running, "us-west-2")
    assert elsewhere.list_model_customization_jobs()["modelCustomizationJobSummaries"] == []
    code, _, status = refused(lambda: elsewhere.get_model_customization_job(jobIdentifier="boat-1"))
    assert (code, status) == ("ResourceNotFoundException", 404)


def test_a_base_model_past_its_end_of_life_is_refused_where_the_endpoint_is_told_so(start: Callable[..., Running]) -> None:
    bedrock = client(start("--eol", NOVA))
    assert refused(lambda: bedrock.create_model_customization_job(**ASKED))[0] == "ValidationException"


def test_without_credentials_nothing_is_told(canned: Running) -> None:
    answer = canned.request("GET", "/model-customization-jobs")
    assert (answer.status, answer.error_code) == (403, "MissingAuthenticationTokenException")
