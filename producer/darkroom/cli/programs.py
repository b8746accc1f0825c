"""`darkroom worker` and `darkroom local-bedrock`: become the program of that name, with the arguments handed on untouched."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import Any, Final, NoReturn

import typer

from darkroom.cli.invocation import Invocation
from darkroom_shared.core.errors import Misconfigured

_AS_THEY_ARE: Final[dict[str, Any]] = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def add_to(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command("worker", context_settings=_AS_THEY_ARE)(worker)
    app.command("local-bedrock", context_settings=_AS_THEY_ARE)(local_bedrock)


def worker(context: typer.Context) -> None:
    """Run a worker against DARKROOM_REDIS_URL (or the running stack) and AWS. `darkroom worker --help` shows its options."""
    invocation = Invocation.of(context)
    environment = dict(invocation.environment)
    if not {"--help", "-h"} & set(context.args):
        environment |= _stack_addresses(invocation)
    _become(("darkroom_worker", "worker"), ("celery", "aioboto3"), "worker", context.args, environment)


def local_bedrock(context: typer.Context) -> None:
    """Run the local Bedrock endpoint. `darkroom local-bedrock --help` shows its options."""
    environment = dict(Invocation.of(context).environment)
    _become(("darkroom_worker.local_bedrock",), ("hypercorn", "h2", "numpy", "cv2"), "local", context.args, environment)


def _stack_addresses(invocation: Invocation) -> dict[str, str]:
    """How a second worker reaches the stack that runs in `home`; nothing if a Redis was named."""
    settings = invocation.load_settings()
    stack = invocation.stack(settings)
    if stack is None:
        return {}
    return {
        "DARKROOM_REDIS_URL": stack.redis_url,
        "DARKROOM_ASSETS_URL": stack.assets_url,
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": stack.bedrock_url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": settings.region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def require(packages: tuple[str, ...], extra: str, what: str) -> None:
    """Checks that an extra is installed.

    Raises:
        Misconfigured: it is not; the text says how to install it.
    """
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise Misconfigured(f"{what} needs {', '.join(missing)}, not installed here. Install with: pip install 'darkroom[{extra}]'")


def _become(
    module: tuple[str, ...], packages: tuple[str, ...], extra: str, arguments: list[str], environment: dict[str, str]
) -> NoReturn:
    require((module[0].partition(".")[0], *packages), extra, f"`darkroom {'worker' if extra == 'worker' else 'local-bedrock'}`")
    sys.stdout.flush()
    # The same process: signals and the exit code need no forwarding.
    os.execve(sys.executable, [sys.executable, "-m", *module, *arguments], environment)  # noqa: S606 - that is what is wanted
