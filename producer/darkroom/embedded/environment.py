"""Decides the environment of the stack's child processes: the caller's, cleaned, plus how to reach each other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_NOT_HANDED_ON = ("AWS_", "CELERY_", "FLOWER_")
"""Settings for other systems. Real AWS credentials have no business in a local stack, AWS_IGNORE_CONFIGURED_ENDPOINT_URLS would
send its calls to AWS and be paid, CELERY_BROKER_URL beats the application's own, FLOWER_UNAUTHENTICATED_API opens Flower."""

_OTHER_ADDRESSES = frozenset({"DARKROOM_REDIS_URL", "DARKROOM_BROKER_URL", "DARKROOM_ASSETS_URL", "DARKROOM_BEDROCK_URL"})
"""Addresses of another system: in a stack of its own everything is its own."""

_LOOPBACK = "127.0.0.1,localhost"


def child_environment(
    base: Mapping[str, str],
    *,
    home: Path,
    redis_url: str,
    bedrock_url: str | None = None,
    extra: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """The whole environment for one child.

    Args:
        base: the environment of the command that was called.
        home: the stack's folder; assets lie in its `store`.
        redis_url: the ledger, `unix://...`.
        bedrock_url: the local Bedrock endpoint; None for children that call no model.
        extra: added last, wins over everything else.
    """
    env = {name: value for name, value in base.items() if name not in _OTHER_ADDRESSES and not name.startswith(_NOT_HANDED_ON)}
    env |= {
        "DARKROOM_HOME": str(home),
        "DARKROOM_REDIS_URL": redis_url,
        "DARKROOM_ASSETS_URL": (home / "store").absolute().as_uri(),
        # Logs are files here: without this a child's last words stay in its buffer.
        "PYTHONUNBUFFERED": "1",
        # `python -m` puts the working directory first on its path: a celery.py lying there must not be imported.
        "PYTHONSAFEPATH": "1",
    }
    for name in ("NO_PROXY", "no_proxy"):
        env[name] = f"{_LOOPBACK},{base[name]}" if base.get(name) else _LOOPBACK
    return env | _local_aws(bedrock_url) | dict(extra or {})


def _local_aws(bedrock_url: str | None) -> dict[str, str]:
    """What an AWS SDK needs to talk to the local endpoint, and to it alone."""
    env = {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        # A profile could name another endpoint, or switch ours off.
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    }
    return env | ({"AWS_ENDPOINT_URL_BEDROCK_RUNTIME": bedrock_url} if bedrock_url else {})
