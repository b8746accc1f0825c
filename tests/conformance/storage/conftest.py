"""Every store, sync and async, behind the one sync surface that the conformance tests speak."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import boto3
import pytest
from moto.server import ThreadedMotoServer

from darkroom_shared.storage import AssetStore, open_async_store, open_store
from tests.conformance.storage.backends import BUCKET, Backend, Blocking, file_backend, redis_backend, s3_backend
from tests.support.valkey import redis_url, valkey_server

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

__all__ = ["redis_url", "valkey_server"]


@pytest.fixture(scope="session")
def moto_endpoint() -> Iterator[str]:
    """Endpoint of a real HTTP server that speaks S3."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def s3_client(moto_endpoint: str) -> S3Client:
    """A client of the tests' own; the bucket exists."""
    client = boto3.session.Session().client(
        "s3", endpoint_url=moto_endpoint, aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
    )
    client.create_bucket(Bucket=BUCKET)
    return client


@pytest.fixture
def s3_environment(moto_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables the AWS SDK reads, pointed at the local server."""
    for name, value in {
        "AWS_ENDPOINT_URL_S3": moto_endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(tmp_path / "no-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "no-credentials"),
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.fixture(params=["file", "redis", "s3"])
def backend(request: pytest.FixtureRequest, tmp_path: Path) -> Backend:
    """One storage of each kind, empty."""
    if request.param == "file":
        return file_backend(tmp_path / "root")
    if request.param == "redis":
        return redis_backend(str(request.getfixturevalue("redis_url")))
    request.getfixturevalue("s3_environment")
    client: S3Client = request.getfixturevalue("s3_client")
    return s3_backend(client, f"some/{uuid4().hex}")


@pytest.fixture(params=["sync", "async"])
def store(request: pytest.FixtureRequest, backend: Backend) -> Iterator[AssetStore]:
    """An open store in each colour."""
    opened: AssetStore = open_store(backend.url) if request.param == "sync" else Blocking(lambda: open_async_store(backend.url))
    yield opened
    opened.close()
