"""Case 44: the receiver of webhooks is away for an hour (3.6 s at a thousandfold pace), and every process dies in the meantime."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from standardwebhooks import Webhook

from darkroom import Darkroom
from tests.faults.crew import PATIENCE_S
from tests.faults.fleet import Fleet
from tests.faults.ground import losable_server, submit_all
from tests.integration.local_bedrock.endpoints import Running
from tests.support.receiver import Received, receiving
from tests.support.stack import Stack

AWAY_S = 3.6
JOBS = 60
SCALED = {"DARKROOM_PRIVATE_NETWORKS": "127.0.0.1", "DARKROOM_TIME_SCALE": "1000"}


@pytest.mark.long(seconds=60)
def test_a_receiver_that_was_away_gets_every_message_with_its_own_id(
    bedrock: Running, tmp_path: Path, seed: Callable[[], int], measured: Callable[[str, str], None]
) -> None:
    with losable_server() as server:
        stack = Stack(server.url, bedrock, tmp_path, "hooks:")
        settings = stack.settings.model_copy(update={"private_networks": "127.0.0.1", "tenant": "t"})
        with Fleet(stack, 2, "--slots", "5", **SCALED) as fleet, Darkroom(settings=settings) as room:
            with receiving() as before:
                made = room.create_webhook(before.url, types=["job.*"])
                jobs = set(submit_all(stack, [seed() for _ in range(JOBS // 3)]))
                before.until(5)
                port = int(before.url.split(":")[2].split("/")[0])
            away = time.monotonic()
            jobs |= set(submit_all(stack, [seed() for _ in range(JOBS // 3)]))
            for number in (0, 1):
                fleet.kill(number)
            server.kill()
            server.restart()
            jobs |= set(submit_all(stack, [seed() for _ in range(JOBS // 3)]))
            stack.until(lambda: time.monotonic() - away >= AWAY_S, "the receiver to be away for an hour", PATIENCE_S)
            with receiving(port) as after:
                stack.until(
                    lambda: {one.json["data"]["id"] for one in (*before.came, *after.came)} == jobs,
                    "every message to come",
                    PATIENCE_S,
                )
                stack.until(lambda: settled(room, made.id) == JOBS, "every delivery to be recorded", PATIENCE_S)
                came = [*before.came, *after.came]
            restarts = fleet.restarts
        stack.close()
    check(came, jobs, made.secret)
    twice = len(came) - JOBS
    measured(
        "case 44", f"{JOBS} of {JOBS} messages delivered, {twice} of them twice, {restarts} restarts of 2 workers, 1 of the ledger"
    )


def settled(room: Darkroom, endpoint: str) -> int:
    """How many deliveries are recorded as done."""
    return sum(found.state == "delivered" for found in room.deliveries(endpoint, 200))


def check(came: list[Received], jobs: set[str], secret: str) -> None:
    """Each message is genuine, says one thing, and has an id that no other has."""
    said = defaultdict[str, set[bytes]](set)
    for one in came:
        # The reference package holds the time of signing against the clock; they were signed within the last five minutes.
        assert Webhook(secret).verify(one.body, one.headers) is not None
        said[one.message].add(one.body)
    assert all(len(bodies) == 1 for bodies in said.values()), "a message that is sent again says the same"
    subjects = Counter(one.json["data"]["id"] for one in {one.message: one for one in came}.values())
    assert set(subjects) == jobs
    assert set(subjects.values()) == {1}, "one message for each job"
