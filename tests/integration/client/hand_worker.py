"""A worker worked by hand: takes real messages out of the broker and moves calls through the real ledger; no Celery, no Bedrock."""

from __future__ import annotations

import base64
import io
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import redis
from PIL import Image

from darkroom_shared.core.failure import Failure, FailureKind
from darkroom_shared.settings import Settings
from darkroom_shared.storage import open_store
from darkroom_shared.store import ops, presence
from darkroom_shared.store.redis import Ledger

LEASE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the broker."""

    raw: str = field(repr=False)
    task: str = ""
    arguments: Mapping[str, object] = field(default_factory=dict[str, object])


class HandWorker:
    """See the module; `run` works off all messages there are, `run_one` the oldest."""

    def __init__(self, settings: Settings, slots: int = 100) -> None:
        self.settings = settings
        self.ledger = Ledger(settings.redis_url, settings.key_prefix)
        self.store = open_store(settings.store_url)
        self._path = settings.redis_url.removeprefix("unix://").partition("?")[0]
        self.redis = redis.Redis(unix_socket_path=self._path, decode_responses=True)
        self.ledger.run(presence.register("hand", LEASE_MS, {"slots": str(slots), "host": "here", "pid": "1"}, []))
        self._hints: list[ops.Hint] = []

    def close(self) -> None:
        """Gives the connections back."""
        self.ledger.close()
        self.store.close()
        self.redis.close()

    def messages(self) -> list[Message]:
        """What waits in the broker, oldest first; nothing is taken out."""
        rows = cast("list[str]", self.redis.lrange(f"{self.settings.key_prefix}celery:darkroom", 0, -1))
        return [self._parsed(row) for row in reversed(rows)]

    @staticmethod
    def _parsed(raw: str) -> Message:
        envelope = json.loads(raw)
        _, arguments, _ = json.loads(base64.b64decode(envelope["body"]))
        return Message(raw, envelope["headers"]["task"], arguments)

    def all_keys(self) -> list[str]:
        """Every key of the server."""
        return cast("list[str]", self.redis.keys("*"))

    def dump(self, key: str) -> bytes:
        """A key's value as the server stores it."""
        with redis.Redis(unix_socket_path=self._path) as raw:
            return cast("bytes", raw.dump(key)) or b""

    def run(self, *, failure: Failure | None = None) -> int:
        """Works until there is nothing more to do; how many calls that were."""
        done = 0
        while (claimed := self.claim()) is not None:
            self.finish(claimed, failure)
            done += 1
        return done

    def claim(self) -> ops.Claim | None:
        """Claims the oldest call that is published (or admitted since) and opens its gate; None if there is none."""
        hint = self._next()
        if hint is None:
            return None
        claim, verdict = self._gated(hint)
        assert verdict == "go", verdict
        return claim

    def claim_only(self) -> str:
        """Claims the oldest call, and what the gate says of it."""
        hint = self._next()
        assert hint is not None
        return self._gated(hint)[1]

    def _gated(self, hint: ops.Hint) -> tuple[ops.Claim, str]:
        claim = self.ledger.run(ops.claim(hint.call_id, hint.fence, "hand", LEASE_MS, secrets.token_hex(8)))
        assert claim.verdict == "claimed", claim.verdict
        attempt = {"worker": "hand", "region": "us-east-1", "model": "m"}
        price = 0 if claim.job["kind"] == "local" else 10_000
        gate = ops.gate(hint.call_id, hint.fence, lease_ms=LEASE_MS, call_budget=3, price_microusd=price, attempt=attempt)
        return claim, self.ledger.run(gate)[0]

    def _next(self) -> ops.Hint | None:
        raw = cast("str | None", self.redis.rpop(f"{self.settings.key_prefix}celery:darkroom"))
        if raw is not None:
            message = self._parsed(raw)
            return ops.Hint(str(message.arguments["call_id"]), int(str(message.arguments["fence"])), message.task)
        if not self._hints:
            self._hints = list(self.ledger.run(ops.admit(Settings().class_floors, 30_000)).hints)
        return self._hints.pop(0) if self._hints else None

    def finish(self, claim: ops.Claim, failure: Failure | None = None) -> None:
        """Ends a call: with the pictures it was asked for, or with a failure."""
        call_id, fence = claim.call["id"], int(claim.call["fence"])
        if failure is not None:
            assert self.ledger.run(ops.fail(call_id, fence, failure, failure.code))
            return
        wanted = int(claim.job.get("images_wanted", "1"))
        outputs = [self._output(index) for index in range(wanted)]
        if '"returnMask": true' in claim.job["request"] or claim.job["task_type"] in _MASKED:
            outputs.append(self._output(wanted, "mask"))
        end = {"outcome": "answered", "billed": True}
        assert self.ledger.run(ops.commit(call_id, fence, outputs=outputs, end_attempt=end)).verdict is ops.Committed.DONE

    def _output(self, index: int, role: str = "image") -> dict[str, object]:
        file = io.BytesIO()
        Image.new("RGB", (64, 48), (index * 40, 90, 120)).save(file, "PNG")
        asset = self.store.put(file.getvalue(), "image/png")
        return {
            "index": index,
            "sha256": asset.sha256,
            "width": 64,
            "height": 48,
            "media_type": "image/png",
            "size_bytes": asset.size_bytes,
            "seed": 7 + index,
            "role": role,
        }


_MASKED = ("local.zoom_out", "local.pad", "local.canvas")
REFUSED = Failure(
    FailureKind.PERMANENT, "model_retired", "The model is past its end of life.", provider_code="ResourceNotFoundException"
)
