"""What the database selects, against what the domain says: on each kind of database."""

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from craton_maintenance.db import search, tables
from craton_maintenance.db import windows as store
from craton_maintenance.db.bulk import insert
from craton_maintenance.db.database import Database
from craton_maintenance.domain import window
from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.window import FINAL, State, Times
from tests.property.samples import any_times, examples, plausible_times, second
from tests.support import databases


@pytest.fixture(scope="module", params=databases.KINDS)
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    with databases.migrated(request.param, tmp_path_factory.mktemp("state")) as made:
        yield made


def row(number: int, times: Times, told: State = State.SCHEDULED) -> dict[str, Any]:
    """A window of which only the times matter."""
    plain = {sa.Boolean: False, sa.Integer: 0, sa.Text: "", sa.String: ""}
    others = {
        column.name: next(value for kind, value in plain.items() if isinstance(column.type, kind))
        for column in tables.windows.columns
        if not column.nullable and isinstance(column.type, tuple(plain))
    }
    return others | {
        "id": str(uuid.UUID(int=number)),
        "revision": 1,
        "start_at": times.start,
        "end_at": times.end,
        "started_at": times.started_at,
        "finished_at": times.finished_at,
        "cancelled_at": times.cancelled_at,
        "told_state": told.value,
        "due_at": window.due(times, told),
        "scope": {},
        "impact": "OUTAGE",
        "created_at": second(0),
    }


def emptied(database: Database) -> None:
    """Without windows and hosts."""

    def work(transaction: Any) -> None:
        for table in (tables.windows, tables.window_hosts, tables.nova_hosts):
            transaction.execute(sa.delete(table))

    database.write(work)


def fill(database: Database, rows: list[dict[str, Any]], hosts: Any = ()) -> None:
    def work(transaction: Any) -> None:
        insert(transaction, tables.windows, rows)
        insert(transaction, tables.window_hosts, list(hosts))

    emptied(database)
    database.write(work)


@examples(12, 300, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@given(st.lists(any_times, min_size=1, max_size=30), st.integers(0, 21))
def test_a_list_by_state_holds_the_windows_that_are_in_that_state(database, facts, number):
    # between two seconds, and at one
    for now in (second(number), second(number) + dt.timedelta(microseconds=1)):
        expected = {state: set() for state in State}
        for index, times in enumerate(facts):
            expected[window.state(times, now)].add(str(uuid.UUID(int=index)))
        fill(database, [row(index, times) for index, times in enumerate(facts)])
        with database.read() as connection:
            for state in State:
                select = search.select({"state": state.value}, now)
                assert {found.id for found in connection.execute(select)} == expected[state]
            both = search.select({"state": "open,scheduled"}, now)
            found = {found.id for found in connection.execute(both)}
            assert found == expected[State.OPEN] | expected[State.SCHEDULED]


@examples(12, 300, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(plausible_times(), st.sampled_from("ab")), max_size=12),
    plausible_times(),
    st.integers(0, 20),
)
def test_windows_on_the_same_host_are_found_where_they_share_a_moment(
    database, others, mine, number
):
    """As at the moment ``number``: windows that are over, as was told, are in nobody's way."""
    now = second(number)
    rows, hosts, expected = [], [{"window_id": str(uuid.UUID(int=0)), "host": "a"}], set()
    for index, (times, host) in enumerate(others, 1):
        # facts lie in the past
        known = Times(
            times.start,
            times.end,
            *(
                moment if moment and moment <= now else None
                for moment in (times.started_at, times.finished_at, times.cancelled_at)
            ),
        )
        told = window.state(known, now)
        rows.append(row(index, known, told))
        hosts.append({"window_id": rows[-1]["id"], "host": host})
        if host == "a" and told not in FINAL and window.overlap(mine, known):
            expected.add(rows[-1]["id"])
    fill(database, rows, [host | {"region": "r"} for host in hosts])
    with database.read() as connection:
        found = store.overlapping(connection, str(uuid.UUID(int=0)), mine)
    # the first ten are told
    assert {other.id for other in found} <= expected
    assert len(found) == min(10, len(expected))
    assert all(HostKey(other.region, other.host) == HostKey("r", "a") for other in found)


@examples(12, 300, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(plausible_times(), st.sampled_from(State)), max_size=12), st.integers(0, 20)
)
def test_the_engine_finds_every_window_whose_state_has_not_been_told(database, told, number):
    now = second(number)
    rows = [row(index, times, state) for index, (times, state) in enumerate(told)]
    fill(database, rows)
    with database.read() as connection:
        due = set(store.due(connection, now, 1000))
        assert store.next_due(connection) == min(
            (one["due_at"] for one in rows if one["due_at"]), default=None
        )
        assert connection.execute(
            sa.select(sa.func.count()).select_from(tables.windows)
        ).scalar() == len(rows)
    for one, (times, state) in zip(rows, told, strict=True):
        if state in FINAL:
            assert one["id"] not in due
        elif state is State.SCHEDULED and window.state(times, now) is not State.SCHEDULED:
            assert one["id"] in due
