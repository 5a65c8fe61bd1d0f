"""A queue of our own on the broker, to see what it has taken."""

import contextlib
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import kombu

from tests.support import reachable
from tests.support.reachable import RABBITMQ

_EXCHANGE = "maintenance"


class Queue:
    """The queue that notifications of one topic end up in."""

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self._name = f"{topic}.info"
        self._connection = kombu.Connection(self.url.replace("rabbit://", "amqp://"))
        self._channel = self._connection.default_channel
        # as oslo.messaging declares them
        exchange = kombu.entity.Exchange(
            _EXCHANGE, "topic", channel=self._channel, durable=False, auto_delete=False
        )
        self._queue = kombu.entity.Queue(
            self._name,
            exchange,
            routing_key=self._name,
            channel=self._channel,
            durable=False,
            auto_delete=False,
        )
        self._queue.declare()

    @property
    def url(self) -> str:
        """What ``transport_url`` is to be."""
        return f"{RABBITMQ.url.rstrip('/')}/"

    @property
    def settings(self) -> str:
        """Lines of a configuration file: notifications go here."""
        return (
            f"[DEFAULT]\ntransport_url = {self.url}\n"
            f"[oslo_messaging_notifications]\ntopics = {self.topic}\n"
        )

    def count(self) -> int:
        """Messages in it; nobody takes them out but :meth:`empty`."""
        return int(self._queue.queue_declare(passive=True).message_count)

    def consumer(
        self, connection: kombu.Connection, heard: Callable[[Any, Any], None]
    ) -> kombu.Consumer:
        """What takes messages out of it, on a connection of its own."""
        queue = kombu.Queue(self._name, durable=False, auto_delete=False)
        return kombu.Consumer(
            connection, queue, callbacks=[heard], no_ack=True, auto_declare=False
        )

    def delete(self, *names: str) -> None:
        """Delete other queues."""
        for name in names:
            self._channel.queue_delete(name)

    def empty(self) -> None:
        self._queue.purge()

    def close(self) -> None:
        self._queue.delete()
        self._connection.release()


@contextlib.contextmanager
def queue() -> Iterator[Queue]:
    """A new queue, deleted at the end; skips where there is no broker."""
    reachable.need(RABBITMQ)
    made = Queue(f"maintenance_bench_{uuid.uuid4().hex[:12]}")
    try:
        yield made
    finally:
        made.close()
