"""The loop that delivers webhooks. Any number of workers run it; the ledger hands each message to one of them at a time."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import random
from datetime import timedelta
from typing import Final

import structlog

from darkroom_shared.core import webhook_signing as signing
from darkroom_shared.core.addresses import networks
from darkroom_shared.core.errors import Unavailable
from darkroom_shared.core.webhook_schedule import delay_s, judged
from darkroom_shared.settings import Settings
from darkroom_shared.store import hooks, reads
from darkroom_shared.store.hooks import DueDelivery, Outcome
from darkroom_shared.store.reads import Record
from darkroom_shared.store.redis import AsyncLedger
from darkroom_worker.notifications.messages import body_of
from darkroom_worker.notifications.sending import Sender, Sent

_log: structlog.stdlib.BoundLogger = structlog.get_logger("darkroom.webhooks")

PAUSE_S: Final = 1.0
AT_ONCE: Final = 20
OF_ONE_ENDPOINT: Final = 4
LEASE_MS: Final = 30_000
"""Twice as long as a try may take."""
GIVE_UP: Final = timedelta(days=5)
"""An endpoint that has taken nothing for so long is disabled."""


class Notifier:
    """The deliverer of one process."""

    def __init__(self, settings: Settings, ledger: AsyncLedger) -> None:
        self._ledger = ledger
        self._scale = settings.time_scale
        self._allowed = networks(settings.private_networks)
        self._key: bytes | None = None
        self._under_way: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Delivers until it is canceled; what is under way then is begun anew when its lease is over."""
        sender = Sender(self._allowed)
        try:
            while True:
                if not await self._look(sender):
                    await self._pause()
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)
            await sender.close()

    async def _look(self, sender: Sender) -> int:
        """Begins to deliver what is due, as far as there is room; how much that was."""
        room = AT_ONCE - len(self._under_way)
        if not room:
            return 0
        try:
            found = await self._ledger.run(hooks.due(room, most=OF_ONE_ENDPOINT, lease_ms=LEASE_MS))
        except Unavailable as error:
            _log.warning("ledger_away", error=str(error))
            return 0
        for due in found:
            task = asyncio.create_task(self._guarded(sender, due))
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        return len(found)

    async def _pause(self) -> None:
        """Until there may be something to do: a slow receiver keeps no other waiting."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=PAUSE_S, return_when=asyncio.FIRST_COMPLETED)
        else:
            await asyncio.sleep(PAUSE_S)

    async def _guarded(self, sender: Sender, due: DueDelivery) -> None:
        try:
            await self._deliver(sender, due)
        except Unavailable as error:
            _log.warning("ledger_away", error=str(error))  # it is handed out again when its lease is over
        except Exception:
            # One record that cannot be read must not keep the others from being delivered.
            _log.exception("webhook_failed", delivery=due.delivery.get("id"))

    async def _deliver(self, sender: Sender, due: DueDelivery) -> None:
        delivery, hook = due.delivery, due.hook
        name, tries = delivery["id"], int(delivery["tries"])
        text = delivery.get("body")
        if text is None:
            text = await self._ledger.run(hooks.keep_body(name, await body_of(self._ledger, delivery)))
        now_ms = await self._ledger.run(reads.clock_ms())
        body = text.encode()
        sent = await sender.send(hook["url"], body, await self._headers(delivery, hook, now_ms, body))
        await self._record(name, tries, sent, now_ms)

    async def _headers(self, delivery: Record, hook: Record, now_ms: int, body: bytes) -> dict[str, str]:
        message, at_s = delivery["message"], now_ms // 1000
        secrets = [hook["secret"]]
        if int(hook.get("old_until_ms", "0")) > now_ms:
            secrets.append(hook["old_secret"])
        signatures = [signing.sign(secret, message, at_s, body) for secret in secrets]
        if hook.get("asymmetric") == "1":
            signatures.append(signing.sign_with_key(await self._private_key(), message, at_s, body))
        return {"webhook-id": message, "webhook-timestamp": str(at_s), "webhook-signature": " ".join(signatures)}

    async def _private_key(self) -> bytes:
        if self._key is None:
            drawn = base64.b64encode(os.urandom(32)).decode("ascii")
            self._key = base64.b64decode(await self._ledger.run(hooks.signing_key(drawn)))
        return self._key

    async def _record(self, name: str, tries: int, sent: Sent, at_ms: int) -> None:
        found = judged(sent.status, sent.retry_after)
        wait_s = delay_s(tries, random.random(), found.wait_s)  # to spread, not to hide
        outcome: Outcome = "delivered" if found.verdict == "delivered" else "failed" if wait_s is None else "retry"
        disable = "the receiver answered 410: it wants nothing more" if found.verdict == "gone" else ""
        told = {"error": sent.error, "said": sent.said}
        row = {"try": tries, "at_ms": at_ms, "status": sent.status, "took_ms": round(sent.took_s * 1000), **told}
        delay_ms = round((wait_s or 0) * 1000 / self._scale)
        give_up_ms = round(GIVE_UP.total_seconds() * 1000 / self._scale)
        done = hooks.done(name, tries, json.dumps(row), outcome, delay_ms=delay_ms, disable=disable, give_up_ms=give_up_ms)
        counted = await self._ledger.run(done)
        # Neither the URL, which may hold a token, nor what the receiver said belongs in a log.
        _log.info("webhook_" + outcome, delivery=name, tries=tries, status=sent.status, error=sent.error or None, counted=counted)
