"""Places where a process can be told to die, freeze or fail, so that tests can reach every moment between two writes.

    DARKROOM_FAILPOINTS="receipt.stored=kill"          the process is killed the first time it gets there
    DARKROOM_FAILPOINTS="gate.opened=stop@3"           it freezes (SIGSTOP) at the third pass
    DARKROOM_FAILPOINTS="claim.taken=memory@every"     MemoryError at every pass
    DARKROOM_FAILPOINTS="commit.done=kill~0.02"        killed with a probability of 2 % at each pass

Several are separated by commas. Without the setting a failpoint is one look into an empty table.
"""

from __future__ import annotations

import logging
import os
import random
import re
import signal
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from darkroom_shared.core.errors import Misconfigured

_log = logging.getLogger("darkroom.failpoints")


class Point(StrEnum):
    """Where a process can be stopped, in the order in which a call passes them."""

    ACCEPT_SENDING = "accept.sending"
    """Producer: pictures are stored, nothing is recorded."""
    ACCEPT_DONE = "accept.done"
    """Producer: the job is recorded, nothing was let go or published."""
    PUBLISH_SENDING = "publish.sending"
    """Producer and worker: calls are admitted, no message was sent."""
    PUBLISH_DONE = "publish.done"
    TASK_RECEIVED = "task.received"
    """Worker: the message is acknowledged, nothing is claimed."""
    CLAIM_TAKEN = "claim.taken"
    """Worker: the lease is held, nothing is paid."""
    GATE_OPENED = "gate.opened"
    """Worker: the ledger says `calling`, nothing was sent."""
    CALL_ANSWERED = "call.answered"
    """Worker: the paid answer is in memory only. From here to the next point a crash costs one more call."""
    RECEIPT_STORED = "receipt.stored"
    """Worker: the answer's bytes are stored, the ledger does not know of them."""
    RECEIPT_NOTED = "receipt.noted"
    PICTURES_STORED = "pictures.stored"
    COMMIT_DONE = "commit.done"
    """Worker: the result is recorded; the receipt is still there and the story is not written."""
    FAILURE_SENDING = "failure.sending"
    """Worker: the attempt failed, the ledger does not know of it."""
    REROUTE_SENDING = "reroute.sending"
    """Worker: its model is retired and another way was found, the ledger does not know of it."""
    REROUTE_DONE = "reroute.done"
    RECONCILE_DONE = "reconcile.done"
    """Worker: repairs are recorded, the messages they ask for were not sent."""


class Action(StrEnum):
    """What happens there."""

    KILL = "kill"
    STOP = "stop"
    MEMORY = "memory"
    ERROR = "error"


EVERY: Final = 0
_GRAMMAR: Final = re.compile(r"(?P<point>[a-z.]+)=(?P<action>[a-z]+)(@(?P<nth>every|[1-9]\d{0,5})|~(?P<chance>0?\.\d+|1(\.0*)?))?")


@dataclass(slots=True)
class Failpoint:
    """One armed place.

    Attributes:
        nth: the pass at which it acts, counted from 1; EVERY for all.
        chance: probability at each pass, which then counts instead of `nth`; None for none.
    """

    action: Action
    nth: int = 1
    chance: float | None = None
    passes: int = field(default=0)

    def is_due(self, draw: float) -> bool:
        """Counts one pass; True if the action is due. `draw` is a random number in [0, 1)."""
        self.passes += 1
        if self.chance is not None:
            return draw < self.chance
        return self.nth in (EVERY, self.passes)


def parse(text: str) -> dict[Point, Failpoint]:
    """Reads the setting.

    Raises:
        Misconfigured: a part of it names no point or no action, or cannot be read.
    """
    found: dict[Point, Failpoint] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = _GRAMMAR.fullmatch(part)
        if match is None or match["point"] not in set(Point) or match["action"] not in set(Action):
            raise Misconfigured(
                f"DARKROOM_FAILPOINTS: {part[:80]!r} is not <point>=<action>[@<n>|@every|~<chance>]. "
                f"Points: {', '.join(Point)}. Actions: {', '.join(Action)}."
            )
        nth = EVERY if match["nth"] == "every" else int(match["nth"] or 1)
        found[Point(match["point"])] = Failpoint(Action(match["action"]), nth, float(match["chance"]) if match["chance"] else None)
    return found


_armed: Mapping[Point, Failpoint] = {}


def arm(text: str) -> None:
    """Sets the failpoints of this process; an empty text takes them all away. Raises Misconfigured."""
    global _armed  # noqa: PLW0603 -- a property of the process, like its signal handlers
    _armed = parse(text)
    if _armed:
        _log.warning("failpoints are armed, this process will not be reliable: %s", text)


def reach(point: Point) -> None:
    """Says that the process is here; returns unless it was told otherwise."""
    armed = _armed.get(point)
    if armed is None or not armed.is_due(random.random()):
        return
    match armed.action:
        case Action.KILL:
            os.kill(os.getpid(), signal.SIGKILL)
        case Action.STOP:
            # To this thread: one that is sent to the process may be taken by another, and this one would run on for a while.
            signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
        case Action.MEMORY:
            raise MemoryError(f"failpoint {point}")
        case Action.ERROR:
            raise RuntimeError(f"failpoint {point}")
