"""A part of RabbitMQ of a test's own, a tap on it, and a wire to it that can be cut or frozen."""

import contextlib
import dataclasses
import json
import select
import socket
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import kombu
import sqlalchemy as sa

from tests.support import reachable
from tests.support.reachable import RABBITMQ

_CONTEXT = "_context_"


@dataclasses.dataclass(frozen=True, slots=True)
class Message:
    """A notification as it was on the bus."""

    #: what was sent, without its context
    content: dict[str, Any]
    context: dict[str, Any]

    @property
    def id(self) -> str:
        return self.content["message_id"]

    @property
    def payload(self) -> dict[str, Any]:
        return self.content["payload"]

    @property
    def project_id(self) -> str:
        return self.payload["project_id"]

    @property
    def seq(self) -> int:
        return self.payload["seq"]


class Broker:
    """An exchange and a topic of one's own, and a queue that gets everything sent there."""

    def __init__(self) -> None:
        name = f"maintenance-test-{uuid.uuid4().hex[:12]}"
        self.url = RABBITMQ.url
        self.exchange = name
        self.topic = name
        self._queue = f"{name}-tap"
        self._connection = kombu.Connection(self.url.replace("rabbit://", "amqp://"))
        self._connection.ensure_connection(max_retries=1, timeout=5)
        exchange = kombu.Exchange(name, type="topic", durable=False)
        self._tap = kombu.Queue(
            self._queue, exchange, routing_key=f"{name}.info", durable=False, auto_delete=False
        )(self._connection.channel())
        self._tap.declare()

    def options(self, url: str | None = None) -> dict[tuple[str | None, str], object]:
        """Configuration of a service that delivers here; through ``url`` if given."""
        return {
            ("events", "exchange"): self.exchange,
            ("oslo_messaging_notifications", "transport_url"): url or self.url,
            ("oslo_messaging_notifications", "topics"): [self.topic],
            # a frozen broker is noticed within two of these seconds
            ("oslo_messaging_rabbit", "heartbeat_timeout_threshold"): 2,
            ("oslo_messaging_rabbit", "kombu_reconnect_delay"): 0.0,
            ("events", "retry_seconds"): 0.2,
        }

    def arrived(self) -> list[Message]:
        """What has arrived since the last call, in order."""
        found = []
        while (got := self._tap.get(no_ack=True)) is not None:
            # kombu has decoded the envelope, if it says that it is JSON
            body = got.payload if isinstance(got.payload, dict) else json.loads(got.payload)
            sent = json.loads(body["oslo.message"])
            found.append(
                Message(
                    {key: value for key, value in sent.items() if not key.startswith("_")},
                    {
                        key.removeprefix(_CONTEXT): value
                        for key, value in sent.items()
                        if key.startswith(_CONTEXT)
                    },
                )
            )
        return found

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """A second queue that takes no message at all: the broker answers ``nack``."""
        queue = kombu.Queue(
            f"{self._queue}-full",
            self._tap.exchange,
            routing_key=f"{self.topic}.info",
            durable=False,
            queue_arguments={"x-max-length": 0, "x-overflow": "reject-publish"},
        )(self._connection.channel())
        queue.declare()
        try:
            yield
        finally:
            queue.delete()

    @contextlib.contextmanager
    def durable(self, exchange: str) -> Iterator[None]:
        """A durable exchange of this name, where ours is to be transient."""
        kombu.Exchange(exchange, type="topic", durable=True)(self._connection.channel()).declare()
        try:
            yield
        finally:
            self.forget(exchange)

    def forget(self, exchange: str) -> None:
        """Delete an exchange."""
        self._connection.channel().exchange_delete(exchange)

    def close(self) -> None:
        channel = self._connection.channel()
        for queue in (self._queue, f"{self.topic}.info"):
            channel.queue_delete(queue)
        channel.exchange_delete(self.exchange)
        self._connection.close()


@contextlib.contextmanager
def broker() -> Iterator[Broker]:
    """A :class:`Broker`, taken away at the end. Skips the test where there is no RabbitMQ."""
    reachable.need(RABBITMQ)
    made = Broker()
    try:
        yield made
    finally:
        made.close()


class Wire:
    """A TCP relay before the broker: what happens to it happens to nobody else."""

    def __init__(self, url: str) -> None:
        parsed = sa.make_url(url)
        self._target = (parsed.host or "127.0.0.1", parsed.port or 5672)
        self._whole = threading.Event()
        self._flowing = threading.Event()
        self._ended = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        port = self._server.getsockname()[1]
        #: the broker's address through this wire
        self.url = parsed.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
        self._carriers: list[threading.Thread] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self.mend()
        self._thread.start()

    @property
    def is_whole(self) -> bool:
        """Whether it has not been cut."""
        return self._whole.is_set()

    def cut(self) -> None:
        """End every connection, and every new one at once."""
        self._whole.clear()
        self._flowing.set()

    def freeze(self) -> None:
        """Connections stay, and new ones are taken, but nothing gets through either way."""
        self._flowing.clear()

    def mend(self) -> None:
        """Let everything through; also what a freeze has held up."""
        self._whole.set()
        self._flowing.set()

    def close(self) -> None:
        self._ended.set()
        self.cut()
        # wakes the thread that accepts
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()
        for carrier in self._carriers:
            carrier.join()

    def _accept(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(OSError):
                client, _ = self._server.accept()
                carrier = threading.Thread(target=self._carry, args=[client], daemon=True)
                self._carriers.append(carrier)
                carrier.start()

    def _carry(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            self._flowing.wait()
            if not self._whole.is_set():
                return
            with socket.create_connection(self._target) as far:
                other = {client: far, far: client}
                while self._whole.is_set():
                    readable, _, _ = select.select([client, far], [], [], 0.05)
                    self._flowing.wait()
                    if not self._whole.is_set():
                        return
                    for end in readable:
                        data = end.recv(65536)
                        if not data:
                            return
                        other[end].sendall(data)


@contextlib.contextmanager
def wire(url: str) -> Iterator[Wire]:
    """A whole :class:`Wire` to the broker at ``url``."""
    made = Wire(url)
    try:
        yield made
    finally:
        made.close()
