"""For walks of admission: time that is moved, the server that judges requests, and a look at all calls at once."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from typing import cast

from tests.conformance.ledger.driver import Raw

MINUTE_US = 60_000_000
_MOVE = """
local by = tonumber(ARGV[1])
for _, pool in ipairs({'east', 'west'}) do
  local key = KEYS[1] .. 'pool:' .. pool
  for _, name in ipairs({'tat', 'tokens', 'rest_until', 'open_until', 'rate', 'cut', 'refused', 'late_at'}) do
    name = name .. '_us'
    local at = redis.call('HGET', key, name)
    if at then redis.call('HSET', key, name, string.format('%.0f', tonumber(at) + by)) end
  end
  for _, name in ipairs({'sent:', 'refused:'}) do
    local log = KEYS[1] .. name .. pool
    for _, member in ipairs(redis.call('ZRANGE', log, 0, -1)) do redis.call('ZINCRBY', log, by, member) end
  end
end
"""
_RECORDS = """
local out = {}
for _, job in ipairs(cjson.decode(ARGV[1])) do
  local c = redis.call('HMGET', KEYS[1] .. 'call:' .. job .. '.0', 'state', 'queue', 'worker', 'tenant', 'pool')
  out[job .. '.0'] = {state = c[1], queue = c[2] or '', worker = c[3] or '', tenant = c[4] or '', pool = c[5] or ''}
end
return cjson.encode(out)
"""


def move_times(raw: Raw, prefix: str, by_us: int) -> None:
    """Moves every time that is noted of the two pools."""
    raw.execute_command("EVAL", _MOVE, 1, prefix, by_us)


def records(raw: Raw, prefix: str, jobs: Sequence[str]) -> dict[str, dict[str, str]]:
    """State, queue, worker, tenant and pool of every job's one call."""
    text = cast("str", raw.execute_command("EVAL", _RECORDS, 1, prefix, json.dumps(list(jobs))))
    return cast("dict[str, dict[str, str]]", json.loads(text)) if jobs else {}


class Judge:
    """The strictest server there is: so many requests in any span of a minute, and a log of all that it took.

    Args:
        rpm: the quota.
    """

    def __init__(self, rpm: int) -> None:
        self.rpm = rpm
        self.log: deque[int] = deque()

    def takes(self, now_us: int) -> bool:
        """Whether it takes a request now; one that it refuses costs nothing."""
        while self.log and self.log[0] <= now_us - MINUTE_US:
            self.log.popleft()
        if len(self.log) >= self.rpm:
            return False
        self.log.append(now_us)
        return True
