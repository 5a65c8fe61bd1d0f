"""Nova's notifications over RabbitMQ: written at once, once each, and whatever the broker does."""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import kombu
import oslo_messaging
import pytest
import sqlalchemy as sa
from oslo_config import cfg

from craton_maintenance.db import nova, tables
from craton_maintenance.db.database import Database, Transaction
from craton_maintenance.engine import listener as listeners
from craton_maintenance.engine.engine import Engine
from craton_maintenance.engine.listener import Endpoint, Listener
from craton_maintenance.inventory.hints import Hints
from craton_maintenance.nova.credentials import Region
from craton_maintenance.service import Service, utcnow
from tests.support import deployment, history
from tests.support.broker import Broker, Wire
from tests.support.deployment import REGION
from tests.support.waiting import until


@pytest.fixture
def kind() -> str:
    """What the database is makes no difference to the bus; here several write at once."""
    return "mariadb"


@pytest.fixture
def service(database: Database, broker: Broker, wire: Wire) -> Service:
    """Synchronised a while ago; Nova is behind the wire."""
    database.write(_synchronised)
    return _service(database, broker, wire)


def _synchronised(transaction: Transaction) -> None:
    nova.lock_sync(transaction, REGION)
    nova.finish_sync(transaction, REGION, {"started_at": utcnow()})


def _service(database: Database, broker: Broker, wire: Wire) -> Service:
    options = {
        ("nova", "notifications_url"): [wire.url],
        ("nova", "notifications_exchange"): broker.exchange,
        ("nova", "notifications_topic"): broker.topic,
        ("nova", "notifications_pool"): f"{broker.topic}-pool",
        ("inventory", "sync"): False,
        ("engine", "poll_seconds"): 0.02,
        ("oslo_messaging_rabbit", "heartbeat_timeout_threshold"): 2,
        ("oslo_messaging_rabbit", "kombu_reconnect_delay"): 0.0,
        ("oslo_messaging_rabbit", "rabbit_retry_backoff"): 0,
        # few, so that two engines share; not one: oslo.messaging leaves a repeated message
        # unanswered, and after a cut the broker repeats what it heard no answer to
        ("oslo_messaging_rabbit", "rabbit_qos_prefetch_count"): 4,
    }
    return deployment.service(database, overrides=options)


class Nova:
    """Sends notifications as Nova does."""

    def __init__(self, broker: Broker) -> None:
        conf = cfg.ConfigOpts()
        conf([])
        self._broker = broker
        self._transport = oslo_messaging.get_notification_transport(conf, url=broker.url)

    def send(self, event_type: str, data: Any, priority: str = "info", **more: Any) -> None:
        message = {
            "message_id": str(uuid.uuid4()),
            "publisher_id": "nova-compute:compute-01",
            "timestamp": str(utcnow().replace(tzinfo=None)),
            "priority": priority.upper(),
            "event_type": event_type,
            "payload": {"nova_object.name": "InstanceActionPayload", "nova_object.data": data},
        }
        target = oslo_messaging.Target(
            exchange=self._broker.exchange, topic=f"{self._broker.topic}.{priority}"
        )
        self._transport._send_notification(target, {}, message | more, version=2.0, retry=0)

    def placed(self, server: str, host: str, project: str = "alpha", **more: Any) -> None:
        """A server is on a host now."""
        data = {"uuid": server, "tenant_id": project, "display_name": server}
        self.send("instance.create.end", data | {"host": host, "state": "active"} | more)

    def close(self) -> None:
        self._transport.cleanup()


@pytest.fixture
def nova_sends(broker: Broker) -> Iterator[Nova]:
    made = Nova(broker)
    yield made
    made.close()


@pytest.fixture
def listen(service: Service, wire: Wire, broker: Broker) -> Iterator[Callable[[], Listener]]:
    """Starts listeners, each in an engine of its own, and ends them."""
    made: list[Listener] = []

    def start() -> Listener:
        made.append(Listener(service, REGION, wire.url))
        made[-1].start()
        return made[-1]

    yield start
    wire.mend()
    for one in made:
        one.stop()
    for one in made:
        until(lambda one=one: one.join(1) and not one._thread.is_alive(), "listener ended")
    with kombu.Connection(broker.url.replace("rabbit://", "amqp://")) as connection:
        connection.channel().queue_delete(f"{broker.topic}-pool")


def _where(service: Service, server: str) -> str | None:
    with service.database.read() as connection:
        found = nova.server(connection, REGION, server)
    return None if found is None else found[1]


def _consumers(broker: Broker) -> int:
    """How many listen to the queue."""
    with kombu.Connection(broker.url.replace("rabbit://", "amqp://")) as connection:
        try:
            declared = connection.channel().queue_declare(f"{broker.topic}-pool", passive=True)
        except connection.channel_errors:
            return 0
        return declared.consumer_count


def _listening(broker: Broker, count: int = 1) -> None:
    until(lambda: _consumers(broker) == count, f"{count} consumers")


def test_a_server_is_where_nova_says_at_once(service, broker, listen, nova_sends, figures):
    listen()
    _listening(broker)
    lags = []
    for number in range(20):
        server = f"new-{number}"
        began = time.monotonic()
        nova_sends.placed(server, "compute-03")
        until(lambda server=server: _where(service, server) == "compute-03", server, every=0.002)
        lags.append(time.monotonic() - began)
    lags.sort()
    figures.append(
        f"Nova's notifications, sent to written: median {lags[10] * 1000:.0f} ms, "
        f"longest {lags[-1] * 1000:.0f} ms of {len(lags)}"
    )
    assert lags[10] < 1.0


def test_projects_of_a_window_are_told_at_once(
    service, operator, broker, wire, listen, nova_sends
):
    engine = Engine(service, [Region(REGION, lambda: None, REGION, "public")])
    window = operator.set_window(["compute-05"])
    engine.start()
    try:
        _listening(broker)
        nova_sends.placed("a-1", "compute-05")
        until(
            lambda: "created" in history.told(service.database, "alpha", window["id"]),
            "alpha is told",
        )
        nova_sends.send("instance.delete.end", {"uuid": "a-1"})
        until(
            lambda: "cancelled" in history.told(service.database, "alpha", window["id"]),
            "alpha is told that it is over",
        )
    finally:
        began = time.monotonic()
        engine.stop()
    assert time.monotonic() - began < 5
    history.assert_complete(service.database)


def test_two_engines_take_each_message_once(service, broker, listen, nova_sends, monkeypatch):
    taken: list[tuple[int, str]] = []
    take = Endpoint._take

    def noted(self: Endpoint, event_type: str, payload: Any, metadata: Any) -> None:
        taken.append((id(self), metadata["message_id"]))
        take(self, event_type, payload, metadata)

    monkeypatch.setattr(Endpoint, "_take", noted)
    listen()
    listen()
    _listening(broker, 2)
    for number in range(100):
        nova_sends.placed(f"new-{number}", "compute-03")
    until(lambda: all(_where(service, f"new-{n}") for n in range(100)), "all written")
    assert len(taken) == len({message for _, message in taken}) == 100
    assert len({engine for engine, _ in taken}) == 2
    with service.database.read() as connection:
        assert nova.sync_of(connection, REGION).generation == 100


def test_others_on_the_topic_still_get_everything(service, broker, listen, nova_sends):
    """The tap is a queue of its own on the same topic, as Ceilometer's would be."""
    listen()
    _listening(broker)
    nova_sends.placed("new", "compute-03")
    until(lambda: _where(service, "new"), "written")
    assert [message.content["event_type"] for message in broker.arrived()] == [
        "instance.create.end"
    ]


def test_a_broker_that_was_away_is_listened_to_again(service, broker, wire, listen, nova_sends):
    listen()
    _listening(broker)
    nova_sends.placed("first", "compute-03")
    until(lambda: _where(service, "first"), "the first")
    wire.cut()
    nova_sends.placed("second", "compute-03")
    until(lambda: _consumers(broker) == 0, "nobody listens")
    wire.mend()
    until(lambda: _where(service, "second"), "the second")


def test_a_broker_that_forgot_the_queue_has_it_made_again(
    service, broker, wire, listen, nova_sends
):
    """As after its restart: queues that are not durable are gone, and so are their bindings."""
    listen()
    _listening(broker)
    wire.cut()
    until(lambda: _consumers(broker) == 0, "nobody listens")
    with kombu.Connection(broker.url.replace("rabbit://", "amqp://")) as connection:
        connection.channel().queue_delete(f"{broker.topic}-pool")
    wire.mend()
    _listening(broker)
    nova_sends.placed("first", "compute-03")
    until(lambda: _where(service, "first"), "the first")


def test_a_broker_that_is_away_at_the_start_is_waited_for(
    service, broker, wire, listen, nova_sends
):
    wire.cut()
    listen()
    time.sleep(0.5)
    wire.mend()
    _listening(broker)
    nova_sends.placed("first", "compute-03")
    until(lambda: _where(service, "first"), "the first")


@pytest.mark.parametrize("when", ["from the start", "later"])
def test_the_end_does_not_wait_for_a_broker_that_is_away(service, broker, wire, listen, when):
    if when == "from the start":
        wire.cut()
    listener = listen()
    if when == "later":
        _listening(broker)
        wire.cut()
    time.sleep(0.3)
    began = time.monotonic()
    listener.stop()
    assert listener.join(10)
    assert time.monotonic() - began < 4


def test_without_the_database_a_notification_is_given_back(
    service, broker, listen, nova_sends, monkeypatch
):
    broken = threading.Event()
    broken.set()
    tries = []
    take = Hints.take

    def fails(self: Hints, fact: Any, sent_at: Any) -> Any:
        tries.append(fact)
        if broken.is_set():
            raise sa.exc.OperationalError("SELECT", {}, Exception("server has gone away"))
        return take(self, fact, sent_at)

    monkeypatch.setattr(Hints, "take", fails)
    listen()
    _listening(broker)
    nova_sends.placed("first", "compute-03")
    until(lambda: len(tries) >= 2, "tried again")
    broken.clear()
    until(lambda: _where(service, "first"), "written")
    # not again and again without a pause
    assert len(tries) < 10


def test_bad_ones_are_logged_once_and_hold_nothing_up(service, broker, listen, nova_sends, caplog):
    listen()
    _listening(broker)
    for _ in range(3):
        nova_sends.send("instance.create.end", None)
        nova_sends.send("instance.create.end", {"uuid": "x"})
        nova_sends.send("service.update", {}, payload="nonsense")
        nova_sends.send("instance.delete.end", {"uuid": "x"}, timestamp=None)
        nova_sends.send("instance.delete.end", {"uuid": "x"}, timestamp="soon")
    nova_sends.placed("good", "compute-03")
    until(lambda: _where(service, "good"), "the good one")
    left_out = [record for record in caplog.records if "left out" in record.message]
    assert len(left_out) == 4


def test_what_a_value_does_to_the_database_is_no_reason_to_repeat(service, monkeypatch):
    endpoint = Endpoint(Hints(service, REGION), threading.Event())

    def fails(self: Hints, fact: Any, sent_at: Any) -> Any:
        raise sa.exc.DataError("INSERT", {}, Exception("too long"))

    monkeypatch.setattr(Hints, "take", fails)
    payload = {"nova_object.data": {"uuid": "a-1"}}
    metadata = {"timestamp": "2030-01-31 22:00:00.000000"}
    result = endpoint.info({}, "nova", "instance.delete.end", payload, metadata)
    assert result == oslo_messaging.NotificationResult.HANDLED


def _conf(*urls: str) -> cfg.ConfigOpts:
    return deployment.conf({("nova", "notifications_url"): list(urls)})


def _regions(*names: str) -> list[Region]:
    return [Region(name, lambda: None, name, "public") for name in names]


def test_which_url_is_which_regions():
    one, two = "rabbit://a:b@h1:5672,a:b@h2:5672/v", "rabbit://h3/?amqp_durable_queues=true"
    assert listeners.urls(_conf(), _regions("R1")) == {}
    assert listeners.urls(_conf(one), _regions("R1")) == {"R1": one}
    both = _conf(f"R1:{one}", f"Région 2:{two}")
    assert listeners.urls(both, _regions("R1", "Région 2")) == {"R1": one, "Région 2": two}
    for conf, regions in (
        (_conf(one), _regions("R1", "R2")),
        (_conf(one), []),
        (_conf(f"R3:{one}"), _regions("R1")),
    ):
        with pytest.raises(cfg.Error):
            listeners.urls(conf, regions)


def test_nothing_is_remembered_of_what_is_not_written(service):
    """A server on a host that the next synchronisation brings."""
    endpoint = Endpoint(Hints(service, REGION), threading.Event())
    data = {"uuid": "n", "tenant_id": "alpha", "host": "unknown", "state": "active"}
    metadata = {"timestamp": str(utcnow().replace(tzinfo=None))}
    endpoint.info({}, "nova", "instance.create.end", {"nova_object.data": data}, metadata)
    with service.database.read() as connection:
        assert not connection.execute(sa.select(tables.nova_heard)).all()
