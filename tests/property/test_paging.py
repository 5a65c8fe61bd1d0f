"""Walking all pages gives every row once, in whatever order, with equal keys as well."""

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from craton_maintenance.api.app import create_app
from craton_maintenance.db import tables
from craton_maintenance.db.bulk import insert
from craton_maintenance.domain.window import Times
from craton_maintenance.service import Service
from tests.functional.deployment import Client, configure
from tests.property.samples import examples, second
from tests.property.test_state_in_sql import emptied, row
from tests.support import databases

KEYS = ("created_at", "start", "end", "id")
LIMIT = 10
#: windows without an end come after all others, by their start
ORDER = {
    "created_at": lambda one: one["created_at"],
    "start": lambda one: one["start_at"],
    "end": lambda one: (one["end_at"] is None, one["end_at"] or one["start_at"]),
    "id": lambda one: one["id"],
}


@pytest.fixture(scope="module", params=databases.KINDS)
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("paging")
    with databases.migrated(request.param, folder) as database:
        conf = configure(folder, databases.url_of(database))
        yield Service(conf, database, clock=lambda: second(0))


@pytest.fixture(scope="module")
def operator(service: Service) -> Client:
    return Client(create_app(service), {})


#: few different moments for many windows: most keys are equal
WINDOWS = st.lists(
    st.tuples(st.integers(1, 2), st.none() | st.integers(3, 4), st.integers(0, 1)),
    min_size=9,
    max_size=45,
)


def facts(index: int, start: int, end: int | None, created: int) -> dict[str, Any]:
    times = Times(second(start), None if end is None else second(end))
    # ids in another order than rows
    number = (index * 7919) % 104729
    return row(number, times) | {
        "created_at": second(0) + dt.timedelta(microseconds=created),
        "expected_interruption": None,
    }


def walk(client: Client, path: str, key: str) -> Iterator[list[dict[str, Any]]]:
    """Page by page, following ``next``; each page once."""
    seen: set[str] = set()
    while path:
        assert path not in seen
        seen.add(path)
        answer = client.get(path)
        assert answer.status_code == 200, answer.text
        yield answer.json[key]
        following = [one["href"] for one in answer.json["links"] if one["rel"] == "next"]
        path = ""
        if following:
            parsed = urlsplit(following[0])
            path = f"{parsed.path}?{parsed.query}"
            assert "limit" in parse_qs(parsed.query)


@examples(15, 300, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@given(
    WINDOWS,
    st.lists(st.sampled_from(KEYS), max_size=3).map(",".join),
    st.sampled_from(["asc", "desc"]),
)
def test_all_pages_hold_every_window_once_and_in_order(
    service, operator, windows, keys, direction
):
    rows = [facts(index, *window) for index, window in enumerate(windows)]
    emptied(service.database)
    service.database.write(lambda transaction: insert(transaction, tables.windows, rows))
    path = f"/v1/maintenance-windows?limit={LIMIT}&sort_dir={direction}"
    pages = list(
        walk(operator, path + (f"&sort_keys={keys}" if keys else ""), "maintenance_windows")
    )
    assert all(len(page) == LIMIT for page in pages[:-1])
    assert 0 < len(pages[-1]) <= LIMIT
    found = [one["id"] for page in pages for one in page]
    wanted = [*(keys.split(",") if keys else ["created_at"]), "id"]
    ordered = sorted(
        rows,
        key=lambda one: [ORDER[key](one) for key in wanted],
        reverse=direction == "desc",
    )
    assert found == [one["id"] for one in ordered]


@pytest.mark.parametrize("count", [0, 9, 10, 11, 20, 21])
def test_there_is_a_next_page_only_where_there_is_one(service, operator, count):
    emptied(service.database)
    rows = [facts(index, 1, None, 0) for index in range(count)]
    service.database.write(lambda transaction: insert(transaction, tables.windows, rows))
    pages = list(walk(operator, f"/v1/maintenance-windows?limit={LIMIT}", "maintenance_windows"))
    assert [len(page) for page in pages] == [
        min(LIMIT, count - start) for start in range(0, max(count, 1), LIMIT)
    ]


def test_pages_keep_what_the_list_is_filtered_by(service, operator):
    emptied(service.database)
    rows = [facts(index, 1, None, 0) | {"retire": index % 2 == 0} for index in range(40)]
    service.database.write(lambda transaction: insert(transaction, tables.windows, rows))
    path = f"/v1/maintenance-windows?limit={LIMIT}&retire=true&state=scheduled"
    found = [one for page in walk(operator, path, "maintenance_windows") for one in page]
    assert len(found) == 20
    assert all(one["retire"] for one in found)


def test_a_page_goes_on_after_a_window_that_has_left_the_filter(service, operator):
    emptied(service.database)
    rows = [facts(index, 1, None, 0) for index in range(25)]
    service.database.write(lambda transaction: insert(transaction, tables.windows, rows))
    pages = walk(
        operator, f"/v1/maintenance-windows?limit={LIMIT}&state=scheduled", "maintenance_windows"
    )
    last = next(pages)[-1]["id"]
    operator.delete(f"/v1/maintenance-windows/{last}")
    rest = [one["id"] for page in pages for one in page]
    assert len(rest) == 15
    assert last not in rest


@examples(10, 200, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@given(
    st.sets(
        st.tuples(st.sampled_from(["east", "east/a", "west"]), st.integers(0, 30)), max_size=35
    )
)
def test_all_pages_hold_every_host_once(service, operator, keys):
    emptied(service.database)
    rows = [
        {
            "region": region,
            "host": f"h{number}/x",
            "service_id": str(uuid.uuid4()),
            "status": "enabled",
            "state": "up",
            "forced_down": False,
            "aggregates": [],
            "hypervisors": [],
            "hypervisors_count": 0,
            "created_at": second(0),
            "missed": 0,
        }
        for region, number in keys
    ]
    service.database.write(lambda transaction: insert(transaction, tables.nova_hosts, rows))
    pages = list(walk(operator, f"/v1/nova-hosts?limit={LIMIT}", "nova_hosts"))
    found = [(one["region"], one["name"]) for page in pages for one in page]
    assert found == sorted((one["region"], one["host"]) for one in rows)
