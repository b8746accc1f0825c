"""A worker seen from outside: how many calls it makes at once, and what its logs and events give away."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress

from darkroom_shared.broker import create_app
from tests.integration.local_bedrock.endpoints import text_image
from tests.support.stack import Stack, WorkerProcess
from tests.support.valkey import Probe, Server, probe

Seeds = Callable[[], int]


def test_one_process_has_a_hundred_calls_in_flight(empty_stack: Stack, seed: Seeds) -> None:
    stack = empty_stack
    stack.faults("slow=6")  # longer than all submits take on a busy machine
    stack.endpoint.request("DELETE", "/_darkroom/log")
    with stack.worker(DARKROOM_READ_TIMEOUT="PT20S", DARKROOM_LEASE="PT20S"):
        jobs = [stack.submit(text_image(seed=seed())) for _ in range(110)]
        states = {stack.wait(job, 60).state for job in jobs}
    assert states == {"succeeded"}
    stats = stack.endpoint.stats()
    assert (stats["max_in_flight"], stats["received"], stats["billed"]) == (100, 110, 110)


def test_a_hint_costs_the_broker_no_acknowledgement(valkey_server: Server, fleet: Stack, seed: Seeds) -> None:
    with probe(valkey_server.url) as server:
        fleet.wait(fleet.submit(text_image(seed=seed())))  # until then a new worker may be busy with Celery's beginnings
        before = transactions(server)
        assert fleet.wait(fleet.submit(text_image(seed=seed()))).state == "succeeded"
        assert transactions(server) == before


def transactions(server: Probe) -> int:
    """How many the server has run; kombu makes two for a message that is acknowledged, and the ledger none."""
    return server.info("commandstats").get("cmdstat_exec", {}).get("calls", 0)


def test_neither_logs_nor_celery_events_hold_a_prompt(shared_stack: tuple[Stack, WorkerProcess], fleet: Stack, seed: Seeds) -> None:
    worker, seen = shared_stack[1], list[Mapping[str, object]]()
    app = create_app(fleet.settings)
    with app.connection_for_read() as first:
        receiver = app.events.Receiver(first, handlers={"*": seen.append})
        with receiver.consumer_context(wakeup=False) as (connection, _, _):

            def count(kind: str) -> int:
                with suppress(TimeoutError):
                    connection.drain_events(timeout=0.1)
                return sum(event["type"] == kind for event in seen)

            fleet.until(lambda: count("worker-heartbeat"), "Celery's events")
            app.control.enable_events()  # as Flower does; before somebody asks, a task tells nothing
            for marker in ("", "[blocked]", "[block-some]"):
                fleet.wait(fleet.submit(text_image(f"SECRETPROMPT {marker}", seed=seed())))
            fleet.faults("error=ValidationException:count=1")
            fleet.wait(fleet.submit(text_image("SECRETPROMPT", seed=seed())))
            fleet.until(lambda: count("task-succeeded") >= 4, "the tasks' last events")
    said = worker.said()
    assert "call_ended" in said
    assert "SECRETPROMPT" not in said
    text = json.dumps(seen, default=str)
    assert "darkroom.text_image" in text
    assert "SECRETPROMPT" not in text
