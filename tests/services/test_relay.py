"""Two engines and one sink: one delivers at a time, and a late one does no harm."""

import threading
from typing import Any

import pytest

from craton_maintenance.db import sinks
from craton_maintenance.engine.bus import NotTaken
from craton_maintenance.engine.relay import Outcome, Relay
from craton_maintenance.service import Service
from tests.support import deployment, history
from tests.support.waiting import together, until

LEASE = 1.0


class Sink:
    """Takes events, and remembers who sent them in which order."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, int]] = []
        #: positions that are not taken
        self.refused: set[int] = set()
        #: who waits before sending this position, until ``go``
        self.stuck: tuple[str, int] | None = None
        self.is_stuck, self.go = threading.Event(), threading.Event()

    def sender(self, name: str) -> Any:
        sink = self

        class Sender:
            def send(self, event: Any, user_id: str) -> None:
                if (name, event.position) == sink.stuck:
                    sink.is_stuck.set()
                    assert sink.go.wait(30)
                if event.position in sink.refused:
                    raise NotTaken("no")
                sink.taken.append((name, event.position))

        return Sender()

    @property
    def first(self) -> list[int]:
        """Positions in the order of their first deliveries."""
        return list(dict.fromkeys(position for _, position in self.taken))


@pytest.fixture
def service(database) -> Service:
    options = {
        ("engine", "lease_seconds"): LEASE,
        ("engine", "poll_seconds"): 0.02,
        ("events", "batch"): 7,
    }
    return deployment.service(database, overrides=options)


@pytest.fixture
def sink() -> Sink:
    return Sink()


@pytest.fixture
def events(service, operator) -> list[int]:
    """Positions of what is to be delivered."""
    for _ in range(5):
        window = operator.set_window(["compute-01"], allow_overlap=True)
        operator.call("POST", f"/v1/maintenance-windows/{window['id']}/finish")
    return [row.position for row in history.rows(service.database)]


def test_while_one_holds_the_lease_the_other_sends_nothing(service, sink, events):
    one, two = _relays(service, sink)
    assert one.step() is Outcome.DELIVERED
    assert two.step() is Outcome.ELSEWHERE
    _finish(one)
    assert two.step() is Outcome.ELSEWHERE
    assert sink.taken == [("one", position) for position in events]


def test_of_many_that_begin_at_once_one_delivers(service, sink, events):
    relays = [Relay(service, sink.sender(name), name) for name in "abcdefgh"]
    outcomes = together([relay.step for relay in relays])
    assert outcomes.count(Outcome.DELIVERED) == 1
    assert len({name for name, _ in sink.taken}) == 1


def test_a_successor_goes_on_after_the_lease_where_the_cursor_is(service, sink, events):
    one, two = _relays(service, sink)
    one.step()
    sent = len(sink.taken)
    until(lambda: two.step() is Outcome.DELIVERED, "the lease of the first expires")
    _finish(two)
    assert sink.taken == [
        *(("one", position) for position in events[:sent]),
        *(("two", position) for position in events[sent:]),
    ]


def test_one_that_gives_up_is_followed_at_once(service, sink, events):
    one, two = _relays(service, sink)
    assert one.drain()
    assert two.step() is Outcome.NOTHING


def test_one_that_was_stuck_beyond_its_lease_is_fenced_off(service, sink, events):
    """It sends what it had begun, which is a repeat by then, and moves no cursor."""
    one, two = _relays(service, sink)
    sink.stuck = ("one", events[3])
    late: list[Outcome] = []
    thread = threading.Thread(target=lambda: late.append(one.step()))
    thread.start()
    assert sink.is_stuck.wait(30)
    until(lambda: two.step() is Outcome.DELIVERED, "the lease of the stuck one expires")
    _finish(two)
    cursor = _cursor(service)
    sink.go.set()
    thread.join(30)
    assert one.step() is Outcome.ELSEWHERE
    assert _cursor(service) == cursor == (events[-1], 2)
    assert sink.first == events
    assert ("one", events[3]) in sink.taken


def test_nothing_behind_a_refused_event_is_sent(service, sink, events):
    one, _ = _relays(service, sink)
    sink.refused = {events[4]}
    assert one.step() is Outcome.NOT_TAKEN
    assert one.step() is Outcome.NOT_TAKEN
    assert sink.first == events[:4]
    assert _cursor(service)[0] == events[3]
    sink.refused = set()
    _finish(one)
    assert [position for _, position in sink.taken] == events


def test_many_relays_that_take_turns_lose_nothing_and_keep_the_order(service, operator, sink):
    """Leases expire all the time, as each is held by one that sleeps."""
    done = threading.Event()

    def deliver(name: str) -> None:
        while not done.is_set():
            relay = Relay(service, sink.sender(name), name)
            relay.step()
            relay._lease.lost()
            service.database.write(lambda transaction: leases_expire(transaction))

    def leases_expire(transaction: Any) -> None:
        transaction.connection.exec_driver_sql(
            "UPDATE maintenance_leases SET expires_at = '2001-01-01 00:00:00'"
        )

    threads = [threading.Thread(target=deliver, args=[name]) for name in "abc"]
    for thread in threads:
        thread.start()
    try:
        for _ in range(15):
            window = operator.set_window(["compute-01"], allow_overlap=True)
            operator.call("POST", f"/v1/maintenance-windows/{window['id']}/finish")
        stored = [row.position for row in history.assert_complete(service.database)]
        until(lambda: _cursor(service)[0] == stored[-1], "everything is delivered")
    finally:
        done.set()
        for thread in threads:
            thread.join(30)
    assert sink.first == stored


def _relays(service: Service, sink: Sink) -> tuple[Relay, Relay]:
    return tuple(Relay(service, sink.sender(name), name) for name in ("one", "two"))


def _finish(relay: Relay) -> None:
    until(lambda: relay.step() is Outcome.NOTHING, "nothing is left")


def _cursor(service: Service) -> tuple[int, int]:
    with service.database.read() as connection:
        row = sinks.get(connection, "bus")
    return (0, 0) if row is None else (row.position, row.fence)
