"""Many rows in few statements, and values that come back as they went in."""

import datetime as dt

import sqlalchemy as sa

from craton_maintenance.db import bulk
from craton_maintenance.db.database import Database
from craton_maintenance.db.tables import nova_servers, settings
from tests.support.statements import counted

#: more than one statement takes
MANY = 4500


def test_thousands_of_rows_are_written_in_a_few_statements(database):
    rows = [_server(f"server-{number}") for number in range(MANY)]
    with counted(database) as statements:
        database.write(lambda transaction: bulk.upsert(transaction, nova_servers, rows))
    assert len(statements.writes) == 3
    assert len(_names(database)) == MANY


def test_rows_that_are_there_are_overwritten_and_others_made(database):
    database.write(lambda transaction: bulk.insert(transaction, nova_servers, [_server("one")]))
    rows = [_server("one", "renamed"), _server("two")]
    database.write(lambda transaction: bulk.upsert(transaction, nova_servers, rows))
    assert _names(database) == {"one": "renamed", "two": "two"}


def test_only_the_columns_given_are_overwritten(database):
    database.write(lambda transaction: bulk.insert(transaction, nova_servers, [_server("one")]))
    row = {key: value for key, value in _server("one", "new").items() if key != "host"}
    database.write(lambda transaction: bulk.upsert(transaction, nova_servers, [row]))
    with database.read() as connection:
        found = connection.execute(
            sa.select(nova_servers).where(nova_servers.c.region == "RegionTwo")
        ).one()
    assert (found.name, found.host) == ("new", "compute-03")


def test_rows_that_are_missing_are_made_and_others_left_alone(database):
    database.write(lambda transaction: bulk.insert(transaction, nova_servers, [_server("one")]))
    rows = [_server("one", "renamed"), _server("two")]
    database.write(lambda transaction: bulk.insert_missing(transaction, nova_servers, rows))
    assert _names(database) == {"one": "one", "two": "two"}


def test_thousands_of_keys_are_removed_and_others_stay(database):
    rows = [_server(f"server-{number}") for number in range(MANY)]
    database.write(lambda transaction: bulk.upsert(transaction, nova_servers, rows))
    gone = [row["id"] for row in rows[1:]]
    with counted(database) as statements:
        database.write(lambda transaction: bulk.delete_keys(transaction, nova_servers.c.id, gone))
    assert len(statements.writes) == 3
    assert set(_names(database)) == {"server-0"}


def test_no_rows_are_no_statements(database):
    def work(transaction) -> None:
        bulk.insert(transaction, nova_servers, [])
        bulk.upsert(transaction, nova_servers, [])
        bulk.insert_missing(transaction, nova_servers, [])
        bulk.delete_keys(transaction, nova_servers.c.id, [])

    with counted(database) as statements:
        database.write(work)
    assert statements.writes == []


def test_names_that_differ_only_in_case_or_accent_are_different(database):
    names = ["host-1", "Host-1", "höst-1", "host-1\N{ROCKET}"]
    rows = [_server(name) for name in names]
    database.write(lambda transaction: bulk.upsert(transaction, nova_servers, rows))
    assert sorted(_names(database)) == sorted(names)


def test_values_come_back_as_they_went_in(database):
    moment = dt.datetime(2026, 2, 28, 23, 59, 59, 123456, tzinfo=dt.UTC)
    value = {"null": None, "text": "\N{ROCKET} ü \\ ' \" %s", "big": 2**60, "list": [1, 1.5, True]}
    row = {"name": "one", "value": value, "updated_at": moment, "updated_by": "\N{ROCKET}"}
    for _ in range(2):
        database.write(lambda transaction: bulk.upsert(transaction, settings, [row]))
    with database.read() as connection:
        assert dict(connection.execute(sa.select(settings)).one()._mapping) == row


def _server(server_id: str, name: str | None = None) -> dict[str, object]:
    return {
        "region": "RegionTwo",
        "id": server_id,
        "project_id": "alpha",
        "host": "compute-03",
        "host_id": None,
        "name": name or server_id,
        "status": "ACTIVE",
    }


def _names(database: Database) -> dict[str, str]:
    with database.read() as connection:
        rows = connection.execute(
            sa.select(nova_servers.c.id, nova_servers.c.name).where(
                nova_servers.c.region == "RegionTwo"
            )
        )
        return {row.id: row.name for row in rows}
