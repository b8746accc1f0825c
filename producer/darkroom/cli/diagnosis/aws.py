"""Looks at the way to Bedrock: an endpoint that answers, or AWS credentials; and whether the default model still lives."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from darkroom.cli.diagnosis.finding import Finding
from darkroom_shared.core.errors import UnknownModel
from darkroom_shared.models.catalogue import lifecycle_warning
from darkroom_shared.settings import Settings

_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_PROFILE",
    "AWS_BEARER_TOKEN_BEDROCK",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


def check_bedrock(settings: Settings, environment: Mapping[str, str], *, is_stack: bool) -> list[Finding]:
    """Where calls would go. No call is made."""
    if settings.bedrock_url:
        return [_endpoint(settings.bedrock_url, is_stack=is_stack)]
    named = [name for name in _CREDENTIALS if environment.get(name)]
    files = [
        environment.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
        environment.get("AWS_CONFIG_FILE", "~/.aws/config"),
    ]
    there = [name for name in files if Path(name).expanduser().is_file()]
    if named or there:
        told = f"AWS in {settings.region}, credentials from {', '.join(named or there)} (not tried: a call costs money)"
        return [Finding("bedrock", "ok", told)]
    mend = "Set AWS credentials where the worker runs, or DARKROOM_BEDROCK_URL to a local endpoint (`darkroom local-bedrock`)."
    return [Finding("bedrock", "warn", "neither an endpoint nor AWS credentials are set here", mend)]


def _endpoint(url: str, *, is_stack: bool) -> Finding:
    parts = urlsplit(url)
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        with socket.create_connection((parts.hostname or "", port), timeout=3):
            return Finding("bedrock", "ok", f"{url} answers" + (" (local previews, nothing is paid)" if is_stack else ""))
    except (OSError, ValueError) as error:
        return Finding("bedrock", "fail", f"{url} does not answer: {error}", "Start it, or correct DARKROOM_BEDROCK_URL.")


def check_default_model(settings: Settings) -> list[Finding]:
    """Whether AWS still answers for the model of jobs that name none, and whether boto3 is here to call it."""
    try:
        model = settings.find_model(settings.default_model)
    except UnknownModel as error:
        return [
            Finding("default model", "fail", str(error), "Correct DARKROOM_DEFAULT_MODEL; `darkroom models` lists what there is.")
        ]
    warning = None if settings.is_local_bedrock else lifecycle_warning(model, datetime.now(UTC).date())
    if warning:
        return [Finding("default model", "warn", warning, "Set DARKROOM_DEFAULT_MODEL, or name a model in every job.")]
    told = f"{model.id}" + (", answered by the local endpoint" if settings.is_local_bedrock else "")
    if find_spec("aioboto3") is None:
        return [Finding("default model", "ok", f"{told}; this installation only submits")]
    return [Finding("default model", "ok", told)]
