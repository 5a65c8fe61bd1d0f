"""What other systems were told, as each database keeps it."""

import datetime as dt

import pytest
import sqlalchemy as sa

from craton_maintenance.db import suppressions as store
from craton_maintenance.db.tables import session_holds, session_hosts, session_servers, sessions
from craton_maintenance.domain.scope import HostKey
from tests.support.waiting import together

NOW = dt.datetime(2030, 1, 1, 12, 0, 0, 123456, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(seconds=30)
SESSION = "5e551011-0000-4000-8000-000000000001"
KEY = HostKey("RegionOne", "compute-01")


def wish(asked_at=NOW, servers=()):
    return store.Wanted(KEY, SESSION, asked_at, False, None, servers)


def begin(database, want, fence=1, before=None, now=NOW):
    return database.write(
        lambda transaction: store.begin(
            transaction, "bell", KEY, before, want, fence, now, now + dt.timedelta(seconds=30)
        )
    )


def row(database):
    with database.read() as connection:
        return store.of_adapter(connection, "bell").get(KEY)


def kept(database, fence):
    return database.write(
        lambda transaction: store.kept(
            transaction, "bell", KEY, fence, {"was": False}, "rung", LATER
        )
    )


def failed(database, fence, forget=False):
    return database.write(
        lambda transaction: store.failed(
            transaction, "bell", KEY, fence, "broken", 1, LATER, forget
        )
    )


def test_a_row_goes_its_way(database):
    assert begin(database, wish(servers=("s1",)))
    first = row(database)
    assert (first.status, first.asked_at, first.servers) == (store.SETTING, NOW, ["s1"])
    assert first.reference is None
    assert database.write(
        lambda transaction: store.found(transaction, "bell", KEY, 1, {"was": False})
    )
    assert kept(database, 1)
    with database.read() as connection:
        (known,) = store.known(connection, SESSION)[KEY]
        assert store.adapters(connection) == {"bell"}
    assert (known.is_set, known.asked_at, known.error) == (True, NOW, "")
    # a renewal leaves it as it is, another time of asking does not
    assert begin(database, wish(), before=row(database), now=LATER)
    assert row(database).status == store.SET
    assert begin(database, wish(asked_at=LATER), before=row(database))
    assert (row(database).status, row(database).reference) == (store.SETTING, {"was": False})
    assert begin(database, None, before=row(database))
    assert failed(database, 1)
    with database.read() as connection:
        assert [tuple(one) for one in store.unreleased(connection)] == [("bell", 1)]
    assert database.write(lambda transaction: store.released(transaction, "bell", KEY, 1))
    assert row(database) is None


def test_whoever_is_late_writes_nothing(database):
    assert begin(database, wish(), fence=1)
    before = row(database)
    assert begin(database, wish(), fence=2, before=before, now=LATER)
    assert not begin(database, wish(), fence=1, before=before)
    assert not begin(database, wish(), fence=1)
    assert not kept(database, 1)
    assert not failed(database, 1)
    assert not database.write(lambda transaction: store.released(transaction, "bell", KEY, 1))
    assert row(database).fence == 2
    assert kept(database, 2)


def test_what_was_found_and_is_not_so_any_more_is_not_confirmed(database):
    assert begin(database, wish())
    assert kept(database, 1)
    assert failed(database, 1)
    assert (row(database).status, row(database).reference) == (store.SET, {"was": False})
    assert failed(database, 1, forget=True)
    assert (row(database).status, row(database).reference) == (store.SETTING, None)


@pytest.mark.parametrize("again", [False, True])
def test_of_two_that_begin_at_once_one_does(database, again):
    before = None
    if again:
        assert begin(database, wish())
        before = row(database)
    begun = together(
        [
            lambda number=number: begin(
                database, wish(), number, before, NOW + dt.timedelta(seconds=number)
            )
            for number in range(2, 6)
        ]
    )
    assert sorted(begun) == [False, False, False, True]


def test_what_is_wanted_follows_from_the_sessions(database, operator):
    window = operator.set_window(["compute-01"])
    data = {"quiet_since": NOW.isoformat()}

    def fill(transaction):
        transaction.execute(
            sa.insert(sessions).values(
                id=SESSION,
                window_id=window["id"],
                workflow="default",
                state="PLANNED_MAINTENANCE",
                percent_done=0,
                created_by="admin",
                created_at=NOW,
                data={},
            )
        )
        transaction.execute(
            sa.insert(session_holds).values(region=KEY.region, host=KEY.name, session_id=SESSION)
        )
        transaction.execute(
            sa.insert(session_hosts).values(
                session_id=SESSION, region=KEY.region, host=KEY.name, state="drained", data=data
            )
        )
        for server, state in (("s1", "left"), ("s2", "gone")):
            transaction.execute(
                sa.insert(session_servers).values(
                    session_id=SESSION,
                    server_id=server,
                    project_id="alpha",
                    state=state,
                    data={"host": [KEY.region, KEY.name]},
                )
            )

    database.write(fill)
    with database.read() as connection:
        (found,) = store.wanted(connection).values()
    assert (found.key, found.asked_at, found.servers) == (KEY, NOW, ("s1",))
    for change in ({"state": "draining"}, {"state": "in_maintenance", "data": {}}):
        database.write(
            lambda transaction, change=change: transaction.execute(
                sa.update(session_hosts).values(**change)
            )
        )
        with database.read() as connection:
            assert store.wanted(connection) == {}
