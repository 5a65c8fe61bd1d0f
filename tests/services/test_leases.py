"""Leases: one engine at a time, by the database's clock, and what fencing stops."""

import datetime as dt

import pytest
import sqlalchemy as sa

from craton_maintenance.db import leases, sinks
from craton_maintenance.db.database import Database
from craton_maintenance.db.tables import leases as table
from craton_maintenance.service import utcnow
from tests.support.waiting import together, until

LEASE = "relay:bus"


def test_a_lease_is_held_by_one_and_prolonged_by_its_holder(database):
    assert leases.hold(database, LEASE, "one", 60) == 1
    assert leases.hold(database, LEASE, "two", 60) is None
    assert leases.hold(database, LEASE, "one", 60) == 1


def test_of_many_who_ask_at_once_one_gets_it(database):
    owners = [f"engine-{number}" for number in range(10)]
    fences = together(
        [lambda owner=owner: leases.hold(database, LEASE, owner, 60) for owner in owners]
    )
    assert sorted(fences, key=str) == [1] + [None] * 9


def test_many_who_ask_at_once_for_an_expired_lease_are_told_apart_by_number(database):
    leases.hold(database, LEASE, "dead", 60)
    _expire(database)
    owners = [f"engine-{number}" for number in range(10)]
    fences = together(
        [lambda owner=owner: leases.hold(database, LEASE, owner, 60) for owner in owners]
    )
    assert sorted(fences, key=str) == [2] + [None] * 9


def test_a_lease_expires_by_itself_and_its_successor_gets_the_next_number(database):
    assert leases.hold(database, LEASE, "one", 0.3) == 1
    until(lambda: leases.hold(database, LEASE, "two", 60) == 2, "the lease expires", 10)
    assert leases.hold(database, LEASE, "one", 60) is None


def test_who_was_late_but_not_followed_keeps_its_number(database):
    leases.hold(database, LEASE, "one", 60)
    _expire(database)
    assert leases.hold(database, LEASE, "one", 60) == 1


def test_the_clock_is_the_databases(database):
    """An engine whose own clock is years off takes nothing from anybody."""
    with database.read() as connection:
        now = database.now(connection)
    assert abs((now - utcnow()).total_seconds()) < 60
    leases.hold(database, LEASE, "one", 60)
    with database.read() as connection:
        expires = connection.execute(sa.select(table.c.expires_at)).scalar_one()
    assert dt.timedelta(seconds=59) <= expires - now <= dt.timedelta(seconds=75)


def test_a_lease_given_up_is_free_at_once_and_others_stay(database):
    leases.hold(database, LEASE, "one", 60)
    leases.hold(database, "sync:RegionOne", "two", 60)
    leases.give_up(database, "one")
    assert leases.hold(database, LEASE, "three", 60) == 2
    assert leases.hold(database, "sync:RegionOne", "three", 60) is None


def test_a_cursor_is_moved_by_its_newest_engine_only(database):
    assert _open(database, fence=1) == 0
    assert _advance(database, 5, fence=1)
    assert _open(database, fence=2) == 5
    assert not _advance(database, 9, fence=1)
    assert _open(database, fence=1) == 5
    assert not _advance(database, 9, fence=1)
    assert _advance(database, 6, fence=2)
    assert _position(database) == 6


def test_a_cursor_never_goes_back(database):
    _open(database, fence=1)
    assert _advance(database, 5, fence=1)
    assert not _advance(database, 4, fence=1)
    assert _position(database) == 5


def test_a_late_engine_does_not_overwrite_the_words_of_its_successor(database):
    _open(database, fence=1)
    _open(database, fence=2)
    for fence, words in ((2, "refused"), (1, "late")):
        database.write(
            lambda transaction, fence=fence, words=words: sinks.failed(
                transaction, "bus", fence, words, utcnow()
            )
        )
    with database.read() as connection:
        assert sinks.get(connection, "bus").error == "refused"


@pytest.mark.parametrize("same", [True, False])
def test_moving_a_cursor_to_where_it_is_counts_as_moved(database, same):
    """MariaDB counts changed rows unless told to count matched ones."""
    _open(database, fence=1)
    assert _advance(database, 5, fence=1)
    assert _advance(database, 5 if same else 6, fence=1)


def _open(database: Database, fence: int) -> int:
    return database.write(lambda transaction: sinks.open_at(transaction, "bus", fence))


def _advance(database: Database, position: int, fence: int) -> bool:
    return database.write(lambda transaction: sinks.advance(transaction, "bus", position, fence))


def _position(database: Database) -> int:
    with database.read() as connection:
        return sinks.get(connection, "bus").position


def _expire(database: Database) -> None:
    long_ago = dt.datetime(2001, 1, 1, tzinfo=dt.UTC)
    database.write(
        lambda transaction: transaction.execute(sa.update(table).values(expires_at=long_ago))
    )
