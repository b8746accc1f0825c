"""A Valkey for the benchmarks."""

from __future__ import annotations

from tests.support.valkey import redis_url, valkey_server

__all__ = ["redis_url", "valkey_server"]
