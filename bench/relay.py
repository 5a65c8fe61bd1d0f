"""The relay beside a bare loop of the same confirmed sends.

Both hand the same messages to the same broker, over one connection each, and wait
for the confirmation of every one.  The relay reads them from MariaDB, keeps its
lease and moves its cursor; the baseline calls oslo.messaging's transport in a loop,
with messages that were made before, and knows no database.
"""

import statistics
import uuid
from collections.abc import Iterator
from typing import Any

from bench import broker, measure, stage
from bench.result import Result
from craton_maintenance.db import events
from craton_maintenance.domain import event, window
from craton_maintenance.engine.bus import Bus
from craton_maintenance.engine.relay import Outcome, Relay
from craton_maintenance.service import Service, utcnow

_EVENTS = 500
_ROUNDS = 15


def run() -> Iterator[Result]:
    with broker.queue() as queue, stage.database("mariadb") as database:
        service = stage.service(database)
        service.conf.set_override("transport_url", queue.url)
        service.conf.set_override("topics", [queue.topic], "oslo_messaging_notifications")
        buses = [Bus(service.conf), Bus(service.conf)]
        try:
            yield _measured(service, queue, *buses)
        finally:
            for bus in buses:
                bus.close()


def _measured(service: Service, queue: broker.Queue, bus: Bus, bare: Bus) -> Result:
    relay = Relay(service, bus, "bench")
    taken: dict[str, list[float]] = {"relay": [], "bare": []}
    for number in range(_ROUNDS + 1):
        start = _store(service)
        with service.database.read() as connection:
            rows = events.after_position(connection, start, _EVENTS)
        messages = [(bare.context(row, "bench"), bare.message(row)) for row in rows]
        queue.empty()
        figures = measure.interleaved(
            {
                "relay": lambda: measure.seconds(lambda: _deliver(relay)),
                "bare": lambda messages=messages: measure.seconds(lambda: _loop(bare, messages)),
            },
            1,
        )
        measure.until(lambda: queue.count() == 2 * _EVENTS)
        if number:  # the first round connects
            for name, values in figures.items():
                taken[name] += values
    return Result(
        f"relay of {_EVENTS} events from mariadb to RabbitMQ",
        _EVENTS / statistics.median(taken["relay"]),
        "events/s",
        baseline=_EVENTS / statistics.median(taken["bare"]),
        ratio=measure.median_ratio(taken["bare"], taken["relay"]),
        ratio_at_least=0.7,
    )


def _deliver(relay: Relay) -> None:
    """As its worker does: until there is nothing, and the lease is kept."""
    while (outcome := relay.step()) is Outcome.DELIVERED:
        pass
    if outcome is not Outcome.NOTHING:
        raise AssertionError(outcome)


def _loop(bus: Bus, messages: list[tuple[Any, dict[str, Any]]]) -> None:
    for context, message in messages:
        for target in bus._targets:
            bus._transport._send_notification(target, dict(context), message, version=2.0, retry=0)


def _store(service: Service) -> int:
    """Store events as a window makes them; the position before them."""
    now = utcnow()
    said = event.WindowFacts(
        id=str(uuid.uuid4()),
        revision=1,
        state=window.State.SCHEDULED,
        start=now,
        end=None,
        announcement="Your servers will be moved to other hosts.",
        reason="",
        impact="DEGRADED",
        expected_interruption=60,
        retire=False,
        scope={"hosts": ["compute-00001"]},
    )
    url = f"{service.public_url}/maintenance-windows/{said.id}"
    made = [
        event.for_project(
            event.Type.WINDOW_CREATED,
            said,
            f"{number:032x}",
            [str(uuid.uuid4()) for _ in range(20)],
            url,
            event.Cause.OPERATOR,
        )
        for number in range(_EVENTS)
    ]
    with service.database.read() as connection:
        before = events.head(connection)
    service.database.write(lambda transaction: events.append(transaction, made, now))
    return before
