"""Webhooks delivered by a real worker to a real receiver."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta

import pytest
from standardwebhooks import Webhook

from darkroom import BackgroundRemoval, Darkroom, Gate, TextImage
from darkroom.connection import REAL_SOURCES
from darkroom.endpoints import DeliveryView, EndpointWish, public_key
from darkroom.webhooks import unwrap
from darkroom_shared.core import webhook_signing
from tests.integration.client.live import bedrock, live, stack
from tests.integration.local_bedrock.endpoints import Running
from tests.support.bodies import picture
from tests.support.receiver import Received, Receiver, receiving
from tests.support.stack import Stack
from tests.support.valkey import Server, redis_url, valkey_server

__all__ = ["bedrock", "live", "redis_url", "stack", "valkey_server"]

_tenants = itertools.count(1)
NOVA = "amazon.nova-canvas-v1:0"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture(scope="module")
def hooked(valkey_server: Server, bedrock: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose worker may reach receivers on this machine, with time a hundred times as fast."""
    stack = Stack(valkey_server.url, bedrock, tmp_path_factory.mktemp("hooked"), "hooked:")
    with stack.worker(DARKROOM_PRIVATE_NETWORKS="127.0.0.1", DARKROOM_TIME_SCALE="100"):
        yield stack
    stack.close()


@pytest.fixture
def room(hooked: Stack) -> Iterator[Darkroom]:
    """A client of a tenant of its own."""
    told = {"private_networks": "127.0.0.1", "tenant": f"hooks{next(_tenants)}", "bedrock_url": hooked.endpoint.url}
    with Darkroom(settings=hooked.settings.model_copy(update=told)) as room:
        yield room


def genuine(received: Received, secret: str) -> dict[str, object]:
    """What a message says, if the reference package and ours both take it for genuine."""
    assert Webhook(secret).verify(received.body, received.headers) is not None
    return unwrap(received.body, received.headers, secret)


def boat() -> TextImage:
    return TextImage("a red sailboat", width=512, height=512)


def test_a_job_that_ends_is_told_with_a_signature_and_without_its_prompt(room: Darkroom, receiver: Receiver) -> None:
    made = room.create_webhook(receiver.url, types=["job.*"])
    job = room.submit(boat(), model=NOVA, metadata={"order": "7"})
    [came] = receiver.until(1)
    told = genuine(came, made.secret)
    assert (told["type"], came.json["data"]["id"], came.json["data"]["metadata"]) == ("job.succeeded", job.id, {"order": "7"})
    [output] = came.json["data"]["outputs"]
    assert output["sha256"] == job.status().outputs[0].sha256
    assert b"sailboat" not in came.body
    assert len(came.body) < 20_000
    [delivery] = until_delivered(room, made.id, 1)
    assert (delivery.state, [one.status for one in delivery.tries]) == ("delivered", [204])


def test_a_long_story_of_a_caller_does_not_make_a_long_message(room: Darkroom, receiver: Receiver) -> None:
    room.create_webhook(receiver.url)
    job = room.submit(boat(), model=NOVA, metadata={f"name{number}": "\u00e9" * 500 for number in range(40)})
    [came] = receiver.until(1)
    assert len(came.body) <= 20_000
    assert (came.json["data"]["id"], came.json["data"]["state"], came.json["data"]["is_cut"]) == (job.id, "succeeded", True)


def until_delivered(room: Darkroom, endpoint: str, count: int) -> list[DeliveryView]:
    while True:
        found = room.deliveries(endpoint)
        if sum(one.state == "delivered" for one in found) >= count:
            return found


def test_workflows_gates_and_batches_are_told_of(room: Darkroom, receiver: Receiver) -> None:
    room.create_webhook(receiver.url, types=["workflow.*", "batch.*"])
    flow = room.workflow() | boat() | Gate(question="Good?")
    view = room.run(flow, model=NOVA)
    [asked] = receiver.until(1)
    assert (asked.json["type"], asked.json["data"]["workflow"]) == ("workflow.waiting", view.id)
    [gate] = view.gates()
    assert gate.token not in asked.body.decode()
    room.approve(gate.token)
    ended = receiver.until(2)[1]
    assert (ended.json["type"], ended.json["data"]["id"], ended.json["data"]["state"]) == (
        "workflow.finished",
        view.id,
        "succeeded",
    )
    batch = room.batch([BackgroundRemoval(picture()).to_body()], model="auto")
    finished = receiver.until(3)[2]
    assert (finished.json["type"], finished.json["data"]["id"], finished.json["data"]["ended"]) == (
        "batch.finished",
        batch.id,
        {"succeeded": 1},
    )


def test_what_is_not_taken_is_sent_again_under_the_same_id_and_says_the_same(room: Darkroom, receiver: Receiver) -> None:
    answers = iter([(500, {}), (302, {"Location": receiver.url}), (503, {"Retry-After": "1"})])
    receiver.answer = lambda _: next(answers, (200, {}))
    made = room.create_webhook(receiver.url)
    room.submit(boat(), model=NOVA)
    came = receiver.until(4)
    assert ({one.message for one in came}, {one.body for one in came}) == ({came[0].message}, {came[0].body})
    for one in came:
        genuine(one, made.secret)
    [delivery] = until_delivered(room, made.id, 1)
    assert [one.status for one in delivery.tries] == [500, 302, 503, 200]


def test_a_receiver_that_is_gone_is_not_asked_again_until_somebody_enables_it(room: Darkroom, receiver: Receiver) -> None:
    receiver.answer = lambda _: (410, {})
    made = room.create_webhook(receiver.url)
    room.send_test_webhook(made.id)
    receiver.until(1)
    while room.webhooks()[0].disabled is None:
        pass
    assert "410" in room.webhooks()[0].disabled_why
    receiver.answer = lambda _: (200, {})
    room.change_webhook(made.id, EndpointWish(enabled=True))
    receiver.until(2)


def test_while_a_secret_is_rotated_messages_are_signed_with_both(room: Darkroom, receiver: Receiver) -> None:
    made = room.create_webhook(receiver.url, asymmetric=True)
    turned = room.rotate_webhook(made.id, overlap=timedelta(hours=1))
    room.send_test_webhook(made.id)
    [came] = receiver.until(1)
    for secret in (made.secret, turned.secret):
        genuine(came, secret)
    assert came.headers["webhook-signature"].count(",") == 3
    public = webhook_signing.written_public_key(room._connection.run(public_key(REAL_SOURCES)))
    assert unwrap(came.body, came.headers, public)["type"] == "endpoint.test"


def test_an_address_of_ones_own_network_is_not_asked(stack: Stack, receiver: Receiver) -> None:
    settings = stack.settings.model_copy(update={"private_networks": "127.0.0.1", "tenant": f"hooks{next(_tenants)}"})
    with Darkroom(settings=settings) as room:
        made = room.create_webhook(receiver.url)
        room.send_test_webhook(made.id)  # the module's worker was told of no networks
        while not (tries := room.deliveries(made.id)[0].tries):
            pass
    assert "refused" in tries[0].error
    assert receiver.came == []


def test_a_message_is_sent_again_on_demand_under_its_id(room: Darkroom, receiver: Receiver) -> None:
    made = room.create_webhook(receiver.url)
    delivery = room.send_test_webhook(made.id)
    receiver.until(1)
    until_delivered(room, made.id, 1)
    room.redeliver(delivery)
    first, second = receiver.until(2)
    assert (first.message, first.body) == (second.message, second.body)
