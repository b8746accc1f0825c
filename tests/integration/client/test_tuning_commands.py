"""`darkroom tuning` from a folder to a custom model: the real command line, an S3 server, the local endpoint's control plane."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import boto3
import pytest
from moto.server import ThreadedMotoServer
from PIL import Image

from tests.acceptance.running import CommandLine, clean_environment
from tests.integration.local_bedrock.endpoints import running_endpoint
from tests.support.valkey import free_port

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

TITAN_V1 = "amazon.titan-image-generator-v1:0"
ROLE = "arn:aws:iam::123456789012:role/tuner"


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    """A server that speaks S3."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="module")
def control_url() -> Iterator[str]:
    """The local endpoint; a job of 100 steps takes 0.6 s."""
    with running_endpoint("--engine", "canned", "--time-scale", "1000") as running:
        yield running.url


@pytest.fixture(scope="module")
def s3(s3_url: str) -> S3Client:
    """A client of the test's own."""
    return boto3.session.Session().client(
        "s3", endpoint_url=s3_url, aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
    )


@pytest.fixture
def bucket(s3: S3Client) -> str:
    """An empty bucket."""
    name = f"tuning-{uuid4().hex[:12]}"
    s3.create_bucket(Bucket=name)
    return name


@pytest.fixture
def darkroom(s3_url: str, control_url: str, tmp_path: Path) -> CommandLine:
    """The command line with both services, and a folder `photos` of five pictures."""
    photos = tmp_path / "photos"
    photos.mkdir()
    for number in range(5):
        Image.new("RGB", (512, 512), (50 * number, 80, 120)).save(photos / f"{number}.png")
        (photos / f"{number}.txt").write_text(f"boat number {number}")
    environment = clean_environment(
        DARKROOM_HOME=str(tmp_path / "home"),
        AWS_ENDPOINT_URL_S3=s3_url,
        AWS_ENDPOINT_URL_BEDROCK=control_url,
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_CONFIG_FILE=str(tmp_path / "none"),
        AWS_SHARED_CREDENTIALS_FILE=str(tmp_path / "none"),
        AWS_EC2_METADATA_DISABLED="true",
    )
    return CommandLine(environment, tmp_path)


def keys(s3: S3Client, bucket: str) -> list[str]:
    return sorted(item.get("Key", "") for item in s3.list_objects_v2(Bucket=bucket).get("Contents", []))


def start(manifest: str, *more: str, name: str = "boat-1", base: str = TITAN_V1) -> list[str | Path]:
    """The words of a start."""
    told = (
        "--base",
        base,
        "--name",
        name,
        "--manifest",
        manifest,
        "--output",
        f"{manifest.rpartition('/')[0]}/out",
        "--role",
        ROLE,
    )
    return ["tuning", "start", *told, *more]


def uploaded(darkroom: CommandLine, bucket: str) -> str:
    """The folder in S3; the manifest's address."""
    done = darkroom("tuning", "manifest", "photos", "--to", f"s3://{bucket}/some/prefix")
    assert done.code == 0, done.err
    return done.out.strip()


def test_check_needs_no_aws_and_tells_all_problems(darkroom: CommandLine) -> None:
    fine = darkroom("tuning", "check", "photos", "--json", AWS_ENDPOINT_URL_S3="http://127.0.0.1:9")
    assert (fine.code, fine.json) == (0, {"records": 5, "problems": [], "notes": [], "ignored": []})
    (darkroom.folder / "photos" / "3.txt").unlink()
    (darkroom.folder / "photos" / "4.txt").write_text("x")
    wrong = darkroom("tuning", "check", "photos", "--json")
    assert wrong.code == 2
    assert [problem["file"] for problem in wrong.json["problems"]] == ["3.png", "4.png"]
    told = darkroom("tuning", "check", "photos")
    assert (told.code, len(told.out.splitlines())) == (2, 2)
    assert "2 things are wrong" in told.err
    assert darkroom("tuning", "check", "no-such-folder").code == 2


def test_the_manifest_lies_beside_its_pictures_and_nothing_is_sent_twice(darkroom: CommandLine, s3: S3Client, bucket: str) -> None:
    where = ("tuning", "manifest", "photos", "--to", f"s3://{bucket}/some/prefix/", "--json")
    first = darkroom(*where)
    assert first.code == 0, first.err
    assert (first.json["records"], first.json["sent"], first.json["there_already"]) == (5, 6, 0)
    name = first.json["manifest"].removeprefix(f"s3://{bucket}/")
    rows = [json.loads(line) for line in s3.get_object(Bucket=bucket, Key=name)["Body"].read().splitlines()]
    assert [row["caption"] for row in rows] == [f"boat number {number}" for number in range(5)]
    refs = [row["image-ref"].removeprefix(f"s3://{bucket}/") for row in rows]
    assert keys(s3, bucket) == sorted([name, *refs])
    assert s3.get_object(Bucket=bucket, Key=refs[2])["Body"].read() == (darkroom.folder / "photos" / "2.png").read_bytes()

    again = darkroom(*where)
    assert (again.json["sent"], again.json["there_already"], again.json["manifest"]) == (0, 6, first.json["manifest"])
    s3.put_object(Bucket=bucket, Key=refs[0], Body=b"cut short")
    (darkroom.folder / "photos" / "4.txt").write_text("another boat")
    third = darkroom(*where)
    assert (third.json["sent"], third.json["there_already"]) == (2, 4)  # the picture that was not whole, and a new manifest
    assert s3.get_object(Bucket=bucket, Key=refs[0])["Body"].read() == (darkroom.folder / "photos" / "0.png").read_bytes()


def test_nothing_is_uploaded_of_a_folder_with_a_problem(darkroom: CommandLine, s3: S3Client, bucket: str) -> None:
    (darkroom.folder / "photos" / "0.txt").unlink()
    done = darkroom("tuning", "manifest", "photos", "--to", f"s3://{bucket}")
    assert (done.code, keys(s3, bucket)) == (2, [])
    assert "0.png: it has no caption" in done.out


def test_a_wrong_place_in_s3_is_told_in_a_sentence(darkroom: CommandLine) -> None:
    assert darkroom("tuning", "manifest", "photos", "--to", "bucket/prefix").code == 2
    absent = darkroom("tuning", "manifest", "photos", "--to", "s3://no-such-bucket-here/x")
    assert absent.code == 3
    assert "NoSuchBucket" in absent.err
    away = darkroom("tuning", "manifest", "photos", "--to", "s3://bucket/x", AWS_ENDPOINT_URL_S3=f"http://127.0.0.1:{free_port()}")
    assert away.code == 3
    assert "cannot be reached" in away.err


def test_a_start_is_refused_by_date_before_aws_is_asked(darkroom: CommandLine) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    words = start("s3://bucket/m.jsonl", "--steps", "100", "--yes", "--json")
    done = darkroom(*words, AWS_ENDPOINT_URL_S3=nowhere, AWS_ENDPOINT_URL_BEDROCK=nowhere)
    assert (done.code, done.json["error"]["code"]) == (2, "not_permitted")
    for sentence in ("past its end of life", "bought before", "no on-demand deployment", "--anyway"):
        assert sentence in done.json["error"]["message"]


def test_a_start_tells_all_that_is_wrong_at_once(darkroom: CommandLine) -> None:
    words = start("nowhere", "--steps", "5", "--batch", "9", "--region", "eu-west-1", "--json")
    done = darkroom(*words)
    assert done.code == 2
    assert {problem["pointer"] for problem in done.json["error"]["problems"]} == {
        "/trainingDataConfig/s3Uri",
        "/outputDataConfig/s3Uri",
        "/region",
        "/hyperParameters/stepCount",
        "/hyperParameters/batchSize",
    }


def test_without_yes_the_estimate_is_shown_and_nothing_is_started(darkroom: CommandLine, bucket: str) -> None:
    manifest = uploaded(darkroom, bucket)
    done = darkroom(*start(manifest, "--steps", "100", "--anyway", "--json", name="never"))
    assert done.code == 2
    assert (done.json["started"], done.json["arn"], done.json["records"]) == (False, None, 5)
    assert done.json["estimate"]["training_usd"] == 2.5  # 5 pictures x 100 steps x $0.005
    assert "never" not in darkroom("tuning", "list").out
    unknown = darkroom(*start(manifest, "--anyway", "--json", base="amazon.nova-canvas-v1:0"))
    assert unknown.json["estimate"]["training_usd"] is None


def test_a_job_is_started_once_followed_to_its_model_and_listed(darkroom: CommandLine, bucket: str) -> None:
    manifest, name = uploaded(darkroom, bucket), f"boat-{uuid4().hex[:8]}"
    words = start(manifest, "--steps", "100", "--learning-rate", "1e-5", "--anyway", "--yes", "--json", name=name)
    first, again = darkroom(*words), darkroom(*words)
    assert (first.code, again.code) == (0, 0), first.err + again.err
    assert first.json["arn"] == again.json["arn"]

    done = darkroom("tuning", "wait", name, "--every", "0.05", "--timeout", "30", "--json")
    assert (done.code, done.json["status"]) == (0, "Completed"), done.err
    assert ":custom-model/" in done.json["model_arn"]
    assert done.json["hyperparameters"] == {"stepCount": "100", "learningRate": "0.00001"}
    assert set(done.json["parts"].values()) == {"Completed"}
    by_arn = darkroom("tuning", "status", first.json["arn"])
    assert (by_arn.code, by_arn.out.splitlines()[1]) == (0, done.json["model_arn"])
    listed = [job for job in darkroom("tuning", "list", "--json").json["jobs"] if job["name"] == name]
    assert [(job["status"], job["model_arn"]) for job in listed] == [("Completed", done.json["model_arn"])]
    other = darkroom(*start(manifest, "--steps", "200", "--anyway", "--yes", name=name))
    assert (other.code, "ConflictException" in other.err) == (2, True)
    assert darkroom("tuning", "stop", name).code == 2


def test_a_wait_ends_with_4_while_the_job_runs_and_with_1_when_it_was_stopped(darkroom: CommandLine, bucket: str) -> None:
    manifest, name = uploaded(darkroom, bucket), f"long-{uuid4().hex[:8]}"
    assert darkroom(*start(manifest, "--steps", "40000", "--anyway", "--yes", name=name)).code == 0
    running = darkroom("tuning", "wait", name, "--timeout", "0", "--json")
    assert (running.code, running.json["status"]) == (4, "InProgress")
    assert darkroom("tuning", "stop", name).code == 0
    stopped = darkroom("tuning", "wait", name, "--every", "0.05", "--timeout", "30", "--json")
    assert (stopped.code, stopped.json["status"], stopped.json["model_arn"]) == (1, "Stopped", None)


def test_an_unknown_job_and_missing_credentials_are_told_in_a_sentence(darkroom: CommandLine) -> None:
    unknown = darkroom("tuning", "status", "nobody")
    assert unknown.code == 2
    assert "ResourceNotFoundException" in unknown.err
    nobody = darkroom("tuning", "list", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert nobody.code == 3
    assert "credentials" in nobody.err


def test_models_says_plainly_what_is_left_and_needs_no_aws(darkroom: CommandLine) -> None:
    told = darkroom("tuning", "models", "--json", AWS_ENDPOINT_URL_BEDROCK="http://127.0.0.1:9").json
    assert all(row["closed_since"] for row in told["models"])
    assert any("no on-demand deployment" in sentence for sentence in told["permitted"])
