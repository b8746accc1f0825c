"""The API as a process of its own, over the ledger of a test's settings."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from darkroom_shared.settings import Settings


@dataclass(frozen=True, slots=True)
class Served:
    """A running API."""

    url: str
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        """Its port on 127.0.0.1."""
        return int(self.url.rpartition(":")[2])

    def client(self, **options: Any) -> httpx.Client:
        """A client of it."""
        return httpx.Client(base_url=self.url, timeout=30, trust_env=False, **options)


def environment(settings: Settings) -> dict[str, str]:
    """What a process needs to use the same ledger and pictures."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DARKROOM_", "AWS_"))}
    told = {
        "DARKROOM_REDIS_URL": settings.redis_url,
        "DARKROOM_KEY_PREFIX": settings.key_prefix,
        "DARKROOM_HOME": str(settings.home),
        "DARKROOM_ASSETS_URL": settings.assets_url,
        "DARKROOM_BEDROCK_URL": settings.bedrock_url,
        "DARKROOM_QUOTAS": "off",
        "DARKROOM_REGION": settings.region,
    }
    return kept | told


@contextmanager
def serving(settings: Settings, *options: str, **more: str) -> Generator[Served]:
    """`darkroom serve` on a free port until the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "darkroom", "serve", "--port", "0", "--announce", *options],
        env=environment(settings) | more,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        assert select.select([process.stdout], [], [], 30)[0], "the API did not say that it listens"
        yield Served(json.loads(process.stdout.readline())["url"], process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            process.stdout.close()


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream."""

    kind: str
    id: str
    data: dict[str, Any]


def events(lines: Iterable[str]) -> Generator[Event]:
    """The events of a stream's lines, by the standard: fields up to an empty line; comments are left out."""
    fields: dict[str, str] = {}
    for line in lines:
        if not line:
            if "data" in fields:
                yield Event(fields.get("event", "message"), fields.get("id", ""), json.loads(fields["data"]))
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
