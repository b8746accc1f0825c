"""Decides how the embedded stack is run for `up` and `demo`: with which environment, and when its worker counts as ready."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from darkroom.cli.programs import require
from darkroom.embedded.stack import StackPlan
from darkroom_shared.core.errors import LedgerUnavailable
from darkroom_shared.store import presence
from darkroom_shared.store.redis import Ledger


def stack_plan(
    home: Path,
    environment: Mapping[str, str],
    *,
    key_prefix: str,
    with_flower: bool = False,
    flower_port: int | None = None,
    with_api: bool = False,
    api_port: int | None = None,
    endpoint_args: tuple[str, ...] = (),
    extra_env: Mapping[str, str] | None = None,
) -> StackPlan:
    """A plan for a stack in `home`.

    Raises:
        Misconfigured: the extra `local` is not installed.
    """
    require(("darkroom_worker", "hypercorn", "h2", "numpy", "cv2", "celery", "aioboto3"), "local", "The embedded stack")
    return StackPlan(
        home=home,
        base_env=environment,
        wait_for_worker=lambda url, pid: worker_is_registered(url, pid, key_prefix),
        with_flower=with_flower,
        flower_port=flower_port,
        with_api=with_api,
        api_port=api_port,
        endpoint_args=endpoint_args,
        extra_env=extra_env or {},
    )


def worker_is_registered(redis_url: str, pid: int, key_prefix: str) -> bool:
    """True once the worker with this process id stands in the ledger."""
    try:
        with Ledger(redis_url, key_prefix) as ledger:
            return any(worker.get("pid") == str(pid) for worker in ledger.run(presence.fleet()))
    except LedgerUnavailable:
        return False
