"""Celery as the carrier of hints: the one application object, its settings, and how a hint is published.

The settings and the reasons are measured: Celery on Redis loses and repeats messages by itself, so a message is only a hint, and
every setting that would let Celery decide something (retries, results, ETA, revocation by killing) is off.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import cache
from typing import Final

from celery import Celery
from kombu import Exchange, Producer, Queue
from kombu.exceptions import KombuError, OperationalError

from darkroom_shared.contract.messages import CallMessage
from darkroom_shared.settings import QUEUE, Settings

_log = logging.getLogger("darkroom.broker")

UNUSED_HEADERS: Final = ("shadow", "eta", "expires", "group", "group_index", "parent_id", "stamped_headers")
"""Celery sends them empty; they belong to ETA, canvas and stamping, which are not used here."""
PATIENCE_S: Final = 15.0
"""How long a worker waits for an answer of the broker: longer than a blocking read of kombu takes."""


def create_app(settings: Settings, *, patience_s: float = PATIENCE_S, tries: int = 4) -> Celery:
    """The Celery application of both sides. Makes no connection.

    Args:
        patience_s: how long one answer of the broker may take. Less than kombu's blocking reads is for those who only publish.
        tries: how often a message is sent to a broker that does not take it.
    """
    app = Celery("darkroom", broker=settings.celery_broker_url or None, set_as_current=False)
    app.conf.update(
        # A message is only a hint: a lost one is published again from the ledger. Late acknowledgement adds nothing to that, and
        # with it kombu 5.7 ends the worker when Redis comes back while calls are running (measured).
        task_acks_late=False,
        task_reject_on_worker_lost=False,
        task_retry_on_worker_lost=False,
        task_acks_on_failure=True,
        task_acks_on_timeout=True,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_enable_prefetch_count_reduction=True,
        worker_eta_task_limit=100,
        worker_pool="threads",
        worker_concurrency=settings.slots,
        # Whoever looks asks for them: Flower tells the workers so every 5 s. Two more messages a call, sent while its task starts,
        # made the way to the request a millisecond longer.
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        task_send_sent_event=False,
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        result_backend=None,
        accept_content=["json"],
        task_serializer="json",
        result_serializer="json",
        event_serializer="json",
        # Its own only, also without Celery's `--queues`: a dedicated worker must not take the calls of other lanes.
        task_default_queue=settings.queue,
        task_queues=[_queue(settings.queue)],
        task_create_missing_queues=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_channel_error_retry=True,
        broker_pool_acquire_timeout=min(10, patience_s),
        task_publish_retry=True,
        task_publish_retry_policy={"max_retries": tries - 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 1},
        broker_transport_options={
            "socket_timeout": patience_s,
            "socket_connect_timeout": min(5, patience_s),
            "socket_keepalive": True,
            "health_check_interval": 10,
            "max_connections": 50,
            "global_keyprefix": settings.key_prefix + "celery:",
            "client_name": "darkroom-celery",
            "queue_order_strategy": "priority",
        },
        enable_utc=True,
        timezone="UTC",
    )
    return app


@cache
def _queue(name: str) -> Queue:
    # No acknowledgement: a hint is gone when a worker takes it, and if the worker dies over it, it is published again from the
    # ledger. kombu's own bookkeeping is two more transactions a task, one of them before it starts, for the same hint in an hour.
    return Queue(name, Exchange(QUEUE, type="direct"), routing_key=name, no_ack=True)


class Publisher:
    """Sends hints. A hint that could not be sent is not an error: the reconciler sends it again from the ledger."""

    def __init__(self, app: Celery) -> None:
        self._app = app

    def publish(self, hints: Iterable[tuple[str, int, str, str]]) -> int:
        """Sends `(call id, fence, task name, queue)` hints.

        Returns:
            How many were handed to the broker. Fewer than given means "maybe sent": harmless, for a claim lets only one through.
        """
        sent = 0
        try:
            with self._app.producer_pool.acquire(block=True, timeout=self._app.conf.broker_pool_acquire_timeout) as producer:
                for call_id, fence, task_name, queue in hints:
                    self._send(producer, CallMessage(call_id=call_id, fence=fence), task_name, queue)
                    sent += 1
        except (OperationalError, KombuError, OSError) as error:
            _log.warning("published %d hints, then the broker failed: %s", sent, error)
        return sent

    def _send(self, producer: Producer, message: CallMessage, task_name: str, queue: str) -> None:
        # Not `send_task`: it puts every option into the message's properties a second time, which makes it half as long again.
        amqp = self._app.amqp
        task = amqp.as_task_v2(
            message.task_id,
            task_name,
            kwargs=message.model_dump(),
            argsrepr=f"({message.call_id} fence={message.fence})",
            kwargsrepr="{}",
            origin="darkroom",
            ignore_result=True,
        )
        for header in UNUSED_HEADERS:
            task.headers.pop(header, None)
        # Nothing is declared: a queue in Redis is a list, which the first message makes.
        amqp.send_task_message(producer, task_name, task, queue=_queue(queue), declare=[])

    def close(self) -> None:
        """Gives the broker connections back."""
        self._app.close()
