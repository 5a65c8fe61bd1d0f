"""Delivery to RabbitMQ: in a form that others know, in order, and nothing is ever lost."""

import queue
import re
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import oslo_messaging
import pytest
from oslo_messaging.notify.messaging import MessagingV2Driver

from craton_maintenance import schema
from craton_maintenance.db import sinks
from craton_maintenance.engine.bus import Bus, NotTaken
from craton_maintenance.engine.engine import Engine
from craton_maintenance.engine.relay import Outcome, Relay
from craton_maintenance.service import Service
from tests.support import deployment, history
from tests.support.broker import Broker, Wire
from tests.support.waiting import until

WINDOWS = 20


@pytest.fixture
def kind() -> str:
    """What the database is makes no difference to the bus."""
    return "sqlite"


@pytest.fixture
def service(database, broker: Broker, wire: Wire) -> Service:
    options = broker.options(wire.url) | {
        ("engine", "lease_seconds"): 1.0,
        ("engine", "poll_seconds"): 0.02,
        ("events", "service_user_id"): "service-user",
        ("events", "admin_project_id"): "operators",
    }
    return deployment.service(database, overrides=options)


@pytest.fixture
def bus(service: Service) -> Iterator[Bus]:
    made = Bus(service.conf)
    yield made
    made.close()


@pytest.fixture
def relay(service: Service, bus: Bus) -> Relay:
    return Relay(service, bus, "engine-1")


def test_a_listener_gets_an_event_in_the_form_that_it_knows(service, operator, broker):
    """oslo.messaging's own listener, as Ceilometer and Mistral run it."""
    got: queue.Queue[tuple[Any, ...]] = queue.Queue()

    class Endpoint:
        def info(self, ctxt, publisher_id, event_type, payload, metadata) -> None:
            got.put((ctxt, publisher_id, event_type, payload, metadata))

    transport = oslo_messaging.get_notification_transport(service.conf, url=broker.url)
    listener = oslo_messaging.get_notification_listener(
        transport,
        [oslo_messaging.Target(exchange=broker.exchange, topic=broker.topic)],
        [Endpoint()],
        executor="threading",
    )
    listener.start()
    try:
        operator.set_window(["compute-01"], announcement="new disks", reason="secret")
        bus = Bus(service.conf)
        assert Relay(service, bus, "engine-1").drain()
        bus.close()
        stored = {row.id: row for row in history.rows(service.database)}
        received = [got.get(timeout=20) for _ in stored]
    finally:
        listener.stop()
        listener.wait()
        transport.cleanup()
    assert {item[4]["message_id"] for item in received} == stored.keys()
    for context, publisher, event_type, payload, metadata in received:
        row = stored[metadata["message_id"]]
        assert publisher == "craton-maintenance"
        assert event_type == row.event_type
        assert context["project_id"] == context["tenant_id"] == row.project_id
        assert context["user_id"] == "service-user"
        assert context["request_id"] == f"req-{row.id}"
        whose = "admin" if row.project_id == "operators" else "project"
        schema.check(f"event-window-{whose}", payload)
        assert payload["seq"] == row.seq
        assert uuid.UUID(metadata["message_id"])
        if whose == "project":
            assert "secret" not in str(payload)
            assert "compute-01" not in str(payload)


def test_everything_arrives_once_and_in_order(service, operator, relay, broker):
    stored = _make_events(service, operator)
    assert relay.drain()
    assert history.assert_delivered(stored, broker.arrived()) == 0
    assert relay.drain()
    assert broker.arrived() == []


def test_a_broker_that_was_away_gets_everything_in_order(service, operator, relay, broker, wire):
    wire.cut()
    stored = _make_events(service, operator)
    assert relay.step() is Outcome.NOT_TAKEN
    assert relay.step() is Outcome.NOT_TAKEN
    wire.mend()
    assert relay.drain()
    history.assert_delivered(stored, broker.arrived())


def test_a_broker_that_comes_and_goes_gets_everything_in_order(
    service, operator, relay, broker, wire, figures
):
    """The wire is cut again and again while the relay delivers."""
    stored = _make_events(service, operator)
    arrived: list[Any] = []
    cuts = 0
    ended = False
    while not ended:
        cutter = threading.Thread(target=_cut_after, args=[wire, broker, arrived, 9])
        cutter.start()
        while (outcome := relay.step()) is Outcome.DELIVERED:
            pass
        ended = outcome is Outcome.NOTHING
        wire.cut()
        cutter.join(20)
        wire.mend()
        cuts += 1
        assert cuts < 100
    arrived += broker.arrived()
    repeats = history.assert_delivered(stored, arrived)
    figures.append(f"bus: {len(stored)} events over {cuts} cut connections, {repeats} repeats")
    assert cuts > 2


def test_a_frozen_broker_takes_nothing_until_it_thaws(service, operator, relay, broker, wire):
    _make_events(service, operator, 1)
    assert relay.drain()
    first = broker.arrived()
    wire.freeze()
    stored = _make_events(service, operator, 3)
    assert relay.step() is Outcome.NOT_TAKEN
    assert broker.arrived() == []
    wire.mend()
    assert relay.drain()
    history.assert_delivered(stored, first + broker.arrived())


def test_without_a_broker_readiness_shows_the_oldest_event_and_why(
    service, operator, relay, broker, wire
):
    assert operator.call("GET", "/ready").status_code == 200
    wire.cut()
    stored = _make_events(service, operator, 2)
    relay.step()
    answer = operator.call("GET", "/ready")
    assert answer.status_code == 503
    check = answer.json["checks"]["bus"]
    assert (check["ok"], check["waiting"]) == (False, len(stored))
    assert check["oldest"][:19] == stored[0].created_at.isoformat()[:19]
    assert check["oldest_seconds"] >= 0
    # whatever the network said: it differs with the moment of the cut
    assert re.match(r"\w+: \S", check["error"])
    wire.mend()
    assert relay.drain()
    answer = operator.call("GET", "/ready")
    assert answer.status_code == 200
    assert answer.json["checks"]["bus"] == {"ok": True, "waiting": 0}


def test_a_port_where_nobody_listens_is_not_taken(database, broker):
    options = broker.options("rabbit://guest:guest@127.0.0.1:1")
    service = deployment.service(database, overrides=options)
    _make_events(service, deployment.api(service), 1)
    bus = Bus(service.conf)
    assert Relay(service, bus, "engine-1").step() is Outcome.NOT_TAKEN
    bus.close()


def test_what_the_broker_refuses_is_sent_again(service, operator, bus, relay, broker):
    """Publisher confirms are on: a ``nack`` is not taken for a hand-over."""
    stored = _make_events(service, operator, 1)
    with broker.refusing():
        with pytest.raises(NotTaken):
            bus.send(stored[0], "service-user")
        assert relay.step() is Outcome.NOT_TAKEN
    assert relay.drain()
    history.assert_delivered(stored, broker.arrived())


def test_an_exchange_that_others_declared_otherwise_is_told_and_mended(database, broker, wire):
    """Settings that differ from those of other declarers; the operator puts them right."""
    other = broker.exchange + "-durable"
    options = broker.options(wire.url) | {("events", "exchange"): other}
    service = deployment.service(database, overrides=options)
    _make_events(service, deployment.api(service), 1)
    bus = Bus(service.conf)
    relay = Relay(service, bus, "engine-1")
    with broker.durable(other):
        assert relay.step() is Outcome.NOT_TAKEN
        with database.read() as connection:
            assert "PRECONDITION_FAILED" in sinks.get(connection, "bus").error
    assert relay.drain()
    broker.forget(other)
    bus.close()


def test_the_call_to_the_transport_is_the_one_of_oslos_own_driver(
    service, operator, bus, monkeypatch
):
    """What is called here is not public: this test tells when it changes."""
    calls: list[tuple[Any, Any]] = []

    def record(*arguments: Any, **named: Any) -> None:
        calls.append((arguments, named))

    event = _make_events(service, operator, 1)[0]
    monkeypatch.setattr(bus._transport, "_send_notification", record)
    bus.send(event, "service-user")
    driver = MessagingV2Driver(
        service.conf,
        topics=service.conf.oslo_messaging_notifications.topics,
        transport=bus._transport,
    )
    driver.notify(dict(bus.context(event, "service-user")), bus.message(event), "INFO", retry=0)
    (ours, our_names), (theirs, their_names) = calls
    assert our_names == their_names == {"version": 2.0, "retry": 0}
    assert ours[1:] == theirs[1:]
    # theirs takes the exchange from the transport's default
    assert ours[0](exchange=None) == theirs[0]
    assert ours[0].exchange == service.conf.events.exchange


def test_the_message_is_the_one_of_oslos_own_notifier(service, operator, bus, monkeypatch):
    """Keys and kinds of values, as ``oslo_messaging.Notifier`` makes them."""
    made: list[dict[str, Any]] = []
    monkeypatch.setattr(
        bus._transport,
        "_send_notification",
        lambda target, context, message, **named: made.append(message),
    )
    event = _make_events(service, operator, 1)[0]
    bus.send(event, "service-user")
    notifier = oslo_messaging.Notifier(
        bus._transport, "craton-maintenance", driver="messagingv2", topics=["topic"]
    )
    notifier.info({}, event.event_type, {"a": 1})
    ours, theirs = made
    assert ours.keys() == theirs.keys()
    different = {key for key in ours if ours[key] != theirs[key]}
    assert different == {"message_id", "timestamp", "payload"}
    assert len(ours["timestamp"]) == len(theirs["timestamp"])


def test_publisher_confirms_are_asked_for(bus):
    with bus._transport._driver._get_connection(
        oslo_messaging._drivers.common.PURPOSE_SEND
    ) as connection:
        assert connection.connection.connection.transport_options["confirm_publish"] is True


def test_of_two_engines_one_delivers_and_the_other_takes_over(service, operator, broker):
    """Both are whole engines; the first ends without giving up what it holds."""
    engines = [Engine(service), Engine(service)]
    for engine in engines:
        engine.start()
    try:
        stored = _make_events(service, operator)
        arrived: list[Any] = []

        def everything() -> bool:
            arrived.extend(broker.arrived())
            return len({message.id for message in arrived}) >= len(stored)

        until(everything, "all events arrive")
        assert history.assert_delivered(stored, arrived) == 0
        engines.pop(0).stop()
        stored = _make_events(service, operator)
        until(everything, "the other engine delivers")
        assert history.assert_delivered(stored, arrived) == 0
    finally:
        for engine in engines:
            engine.stop()


def _make_events(service: Service, operator: Any, windows: int = WINDOWS) -> list[Any]:
    """Set and finish windows; all events that are stored by then."""
    for number in range(windows):
        window = operator.set_window([f"compute-{number % 2 + 1:02}"], allow_overlap=True)
        operator.call("POST", f"/v1/maintenance-windows/{window['id']}/finish")
    return history.assert_complete(service.database)


def _cut_after(wire: Wire, broker: Broker, arrived: list[Any], count: int) -> None:
    """Cut the wire when so many further messages have arrived, or it was cut anyway."""
    enough = len(arrived) + count

    def come() -> bool:
        arrived.extend(broker.arrived())
        return len(arrived) >= enough or not wire.is_whole

    until(come, "messages arrive", every=0.001)
    wire.cut()
