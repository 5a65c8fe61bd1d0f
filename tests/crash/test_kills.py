"""Kills at random moments while windows are set and the broker comes and goes.

Afterwards no acknowledged window is lost and none is there twice, every history is
complete and without gaps, and the bus has taken every event, the first deliveries
in order and the repeats under the same id.
"""

import os
import random
import threading
import time
from collections import defaultdict

import pytest
import sqlalchemy as sa

from craton_maintenance.db import sinks
from craton_maintenance.db.database import Database
from craton_maintenance.db.tables import window_projects, windows
from tests.crash.installation import WAYS, Installation, installed
from tests.crash.operators import Operator, Record
from tests.support import broker as brokers
from tests.support import history
from tests.support.broker import Wire
from tests.support.waiting import until

pytestmark = pytest.mark.services

FULL = os.environ.get("CRATON_MAINTENANCE_FULL") == "1"

#: of each way to run
KILLS = 100 if FULL else 10

SEED = int(os.environ.get("CRATON_MAINTENANCE_TEST_SEED", "2016"))

OPERATORS = 3

#: seconds within which something has to go on, however busy the machine is
DEADLINE = 60.0


@pytest.mark.parametrize("way", WAYS)
def test_nothing_is_lost_doubled_or_out_of_order(way, tmp_path, figures):
    print(f"seed {SEED}: set CRATON_MAINTENANCE_TEST_SEED to repeat it")
    chance = random.Random(f"{SEED}-{way}")
    began = time.monotonic()
    record = Record()
    with (
        brokers.broker() as broker,
        brokers.wire(broker.url) as wire,
        installed(way, tmp_path, broker.options(wire.url)) as installation,
    ):
        operators = [
            Operator(f"operator-{number}", installation.url, record, SEED)
            for number in range(OPERATORS)
        ]
        weather = Weather(wire, random.Random(f"{SEED}-{way}-weather"))
        _start(installation, operators, weather)
        try:
            kills = _kill_at_random(installation, record, chance)
            # those who are left get everything done, and the bus gets everything
            record.wait_for(len(record.done) + OPERATORS, DEADLINE, installation.check)
        finally:
            weather.end()
            for operator in operators:
                operator.stop()
        for operator in operators:
            operator.join(DEADLINE)
        assert record.faults == []
        database = installation.database
        until(lambda: _all_taken(database), "the bus takes everything", DEADLINE)
        installation.stop()
        stored = history.assert_complete(database)
        _assert_windows_are_those_acknowledged(database, record)
        _assert_everybody_was_told(database, record, stored)
        arrived = broker.arrived()
        repeats = history.assert_delivered(stored, arrived)
    figures.append(
        f"crash, {way} on {WAYS[way][0]}: seed {SEED}, {kills} kills, {weather.changes} times "
        f"the broker went, {len(record.done)} windows, {record.unanswered} requests unanswered, "
        f"{len(stored)} events, {len(arrived)} messages, {repeats} repeats, "
        f"{time.monotonic() - began:.0f} s"
    )


class Weather(threading.Thread):
    """The broker goes away, or freezes, and comes back, at random times."""

    def __init__(self, wire: Wire, chance: random.Random) -> None:
        super().__init__(name="weather", daemon=True)
        self._wire = wire
        self._chance = chance
        self._ending = threading.Event()
        self.changes = 0

    def run(self) -> None:
        while not self._ending.wait(self._chance.uniform(0.2, 2.0)):
            self._chance.choice((self._wire.cut, self._wire.freeze))()
            self.changes += 1
            self._ending.wait(self._chance.uniform(0.1, 1.0))
            self._wire.mend()

    def end(self) -> None:
        """The broker is there, for good."""
        self._ending.set()
        self.join()
        self._wire.mend()


def _start(installation: Installation, operators: list[Operator], weather: Weather) -> None:
    for role in installation.roles:
        installation.start(role)
    for thread in (*operators, weather):
        thread.start()


def _kill_at_random(installation: Installation, record: Record, chance: random.Random) -> int:
    """Kill one process or several, in the middle of work or of their start, and start anew."""
    kills = 0
    while kills < KILLS:
        if chance.random() < 0.8:
            enough = len(record.done) + chance.randint(1, 6)
            record.wait_for(enough, DEADLINE, installation.check)
        # somewhere within a request, or within a start
        threading.Event().wait(chance.uniform(0, 0.1 if chance.random() < 0.8 else 1.5))
        victims = chance.sample(
            installation.roles, chance.randint(1, min(len(installation.roles), KILLS - kills))
        )
        installation.kill(victims)
        kills += len(victims)
        for role in victims:
            installation.start(role)
    return kills


def _all_taken(database: Database) -> bool:
    with database.read() as connection:
        return any(sink["waiting"] == 0 for sink in sinks.backlog(connection))


def _assert_windows_are_those_acknowledged(database: Database, record: Record) -> None:
    with database.read() as connection:
        there = sorted(connection.execute(sa.select(windows.c.id)).scalars())
    assert there == sorted(done.window_id for done in record.done)


def _assert_everybody_was_told(database: Database, record: Record, stored: list) -> None:
    """Operators and every project concerned know each window's whole story."""
    told = defaultdict(list)
    for row in stored:
        told[row.window_id, row.project_id].append(row.event_type.rpartition(".")[2])
    with database.read() as connection:
        concerned = defaultdict(set)
        for row in connection.execute(sa.select(window_projects)):
            concerned[row.window_id].add(row.project_id)
    expected = {
        (done.window_id, project): done.told
        for done in record.done
        for project in {"operators", *concerned[done.window_id]}
    }
    assert told == expected
    # somebody besides the operators was concerned
    assert len({project for _, project in told}) > 2
