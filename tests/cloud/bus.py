"""The message bus: notifications made by hand, a tap, and a wire that can be cut."""

import contextlib
import dataclasses
import datetime as dt
import gc
import json
import select
import socket
import threading
import urllib.parse
import uuid
import warnings
from collections.abc import Mapping
from typing import Any

import kombu
import oslo_messaging
from oslo_config import cfg

TOPIC = "notifications.info"


class Sender:
    """Sends notifications in the very form in which the service has to send them."""

    def __init__(self, transport_url: str, exchange: str = "maintenance"):
        oslo_messaging.set_transport_defaults(exchange)
        conf = cfg.ConfigOpts()
        conf([])
        self._transport = oslo_messaging.get_notification_transport(conf, url=transport_url)

    def send(self, event_type: str, payload: Mapping[str, Any], context: Mapping[str, Any]) -> str:
        """Send one notification; its message id."""
        message = {
            "message_id": str(uuid.uuid4()),
            "publisher_id": "craton-maintenance",
            "timestamp": str(dt.datetime.now(dt.UTC).replace(tzinfo=None)),
            "priority": "INFO",
            "event_type": event_type,
            "payload": dict(payload),
        }
        self._transport._send_notification(
            oslo_messaging.Target(topic=TOPIC), dict(context), message, version=2.0, retry=0
        )
        return message["message_id"]

    def close(self) -> None:
        self._transport.cleanup()


def context(project_id: str, user_id: str) -> dict[str, str]:
    """What Aodh and Mistral read in a notification's context."""
    return {
        "project_id": project_id,
        "tenant_id": project_id,
        "user_id": user_id,
        "request_id": f"req-{uuid.uuid4()}",
    }


@dataclasses.dataclass(frozen=True, slots=True)
class Notification:
    """A message as it was on the bus."""

    message: dict[str, Any]
    context: dict[str, Any]

    @property
    def payload(self) -> dict[str, Any]:
        return self.message["payload"]


class Tap:
    """Hears every notification on our exchange, in order, from a queue of its own."""

    def __init__(self, transport_url: str, exchange: str = "maintenance"):
        self.heard: list[Notification] = []
        self._ended = threading.Event()
        self._url = transport_url.replace("rabbit://", "amqp://")
        # oslo.messaging's own form of it
        source = kombu.Exchange(exchange, "topic", durable=False, auto_delete=False)
        self._queue = kombu.Queue(
            f"maintenance-test-{uuid.uuid4()}", source, TOPIC, exclusive=True, auto_delete=True
        )
        self._listen()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def of(self, window_id: str, project_id: str) -> list[Notification]:
        """What one project was told of a window."""
        return [
            one
            for one in list(self.heard)
            if one.payload.get("window_id") == window_id
            and one.payload["project_id"] == project_id
        ]

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._connection.release()

    def _listen(self) -> None:
        self._connection = kombu.Connection(self._url, heartbeat=0)
        self._connection.ensure_connection(interval_start=0.2, interval_max=1.0)
        self._consumer = self._connection.Consumer(
            [self._queue], callbacks=[self._hear], accept=["json"], no_ack=True
        )
        self._consumer.consume()

    def _hear(self, body: dict[str, Any], message: kombu.Message) -> None:
        content = json.loads(body["oslo.message"])
        context = {
            name.removeprefix("_context_"): value
            for name, value in content.items()
            if name.startswith("_context_")
        }
        plain = {name: value for name, value in content.items() if not name.startswith("_")}
        self.heard.append(Notification(plain, context))

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                self._connection.drain_events(timeout=0.2)
            except TimeoutError:
                continue
            except self._connection.connection_errors:
                # the broker is restarted: what is sent meanwhile is not for us
                with contextlib.suppress(OSError):
                    self._connection.release()
                self._listen()


def forget_lost_connections() -> None:
    """Clients of the broker in this process leave sockets behind that it has reset."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


def consumers(transport_url: str, queue: str) -> int:
    """How many consumers a queue has; none where it is not there."""
    with _broker(transport_url) as connection, contextlib.suppress(connection.channel_errors):
        return connection.channel().queue_declare(queue, passive=True).consumer_count
    return 0


def remove_queue(transport_url: str, queue: str) -> None:
    with _broker(transport_url) as connection:
        connection.channel().queue_delete(queue)


def _broker(transport_url: str) -> kombu.Connection:
    return kombu.Connection(transport_url.replace("rabbit://", "amqp://"))


class Wire:
    """A TCP relay before the broker: cutting it takes the broker from us, and from nobody else."""

    def __init__(self, transport_url: str):
        parsed = urllib.parse.urlsplit(transport_url)
        self._target = (parsed.hostname or "127.0.0.1", parsed.port or 5672)
        self._whole = threading.Event()
        self._whole.set()
        self._ended = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        port = self._server.getsockname()[1]
        login = parsed.netloc.rpartition("@")[0]
        netloc = f"{login}@127.0.0.1:{port}" if login else f"127.0.0.1:{port}"
        #: the broker's address through this wire
        self.transport_url = parsed._replace(netloc=netloc).geturl()
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """End every connection and refuse new ones."""
        self._whole.clear()

    def mend(self) -> None:
        self._whole.set()

    def close(self) -> None:
        self._ended.set()
        # wakes the thread that accepts
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join()

    def _accept(self) -> None:
        while not self._ended.is_set():
            with contextlib.suppress(OSError):
                client, _ = self._server.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            if not self._whole.is_set():
                return
            with socket.create_connection(self._target) as broker:
                other = {client: broker, broker: client}
                while self._whole.is_set() and not self._ended.is_set():
                    for readable in select.select([client, broker], [], [], 0.05)[0]:
                        data = readable.recv(65536)
                        if not data:
                            return
                        other[readable].sendall(data)
