"""Numbers of events: in the order of commits and without gaps, whoever writes at once."""

import contextlib
import threading
from collections import defaultdict

import pytest

from craton_maintenance.db import events
from craton_maintenance.domain.event import Audience, Event, Type
from craton_maintenance.service import utcnow
from tests.support import databases, deployment, history
from tests.support.waiting import together, until

WRITERS = 6
EACH = 5
WINDOW = "00000000-0000-0000-0000-000000000001"


def test_readers_by_cursor_miss_nothing_while_many_write(service, operator):
    """Readers read all the time while windows are set and ended by several writers."""
    done = threading.Event()

    def write(writer: int) -> list:
        for turn in range(EACH):
            shared = "compute-01" if turn % 2 else "compute-02"
            window = operator.set_window([shared, f"compute-{writer + 10}"], allow_overlap=True)
            operator.call("POST", f"/v1/maintenance-windows/{window['id']}/finish")
        return []

    def read_until_done(whose: str, number: str) -> list:
        seen: list = []
        while True:
            last = done.is_set()
            since = seen[-1][number] if seen else 0
            found = operator.get(f"/v1/events?{whose}&since={since}&limit=7")["events"]
            seen += found
            if last and not found:
                return seen

    readers = {
        "all_projects=true": "position",
        "project_id=alpha": "seq",
        "project_id=admin": "seq",
    }
    results: dict[str, list] = {}

    def reader(whose: str, number: str) -> None:
        results[whose] = read_until_done(whose, number)

    threads = [threading.Thread(target=reader, args=item) for item in readers.items()]
    for thread in threads:
        thread.start()
    try:
        together([lambda writer=writer: write(writer) for writer in range(WRITERS)])
    finally:
        done.set()
        for thread in threads:
            thread.join(60)
    stored = history.assert_complete(service.database)
    # created, opened, closed: to operators and to each project with servers there
    assert len(stored) >= WRITERS * EACH * 3 * 2
    assert [event["id"] for event in results["all_projects=true"]] == [row.id for row in stored]
    for project in ("alpha", "admin"):
        theirs = [row.id for row in stored if row.project_id == project]
        assert [event["id"] for event in results[f"project_id={project}"]] == theirs


def test_positions_follow_commits_not_beginnings(database):
    """Who stores first holds the head until its commit; the next waits, and comes after."""
    stored, may_commit = threading.Event(), threading.Event()
    order: list[str] = []

    def first(transaction) -> None:
        events.append(transaction, [_event("alpha")], utcnow(), lambda: "first")
        stored.set()
        assert may_commit.wait(30)
        transaction.after_commit(lambda: order.append("first"))

    def second(transaction) -> None:
        events.append(transaction, [_event("alpha"), _event("beta")], utcnow())
        transaction.after_commit(lambda: order.append("second"))

    threads = [threading.Thread(target=database.write, args=[first])]
    threads[0].start()
    assert stored.wait(30)
    threads.append(threading.Thread(target=database.write, args=[second]))
    threads[1].start()
    # nobody sees a number before all smaller ones are committed
    assert history.rows(database) == []
    may_commit.set()
    for thread in threads:
        thread.join(30)
    assert order == ["first", "second"]
    rows = history.assert_complete(database)
    assert [(row.project_id, row.seq) for row in rows] == [("alpha", 1), ("alpha", 2), ("beta", 1)]
    assert rows[0].id == "first"


def test_a_transaction_that_fails_leaves_no_gap(database):
    class Failed(Exception):
        pass

    def fails(transaction) -> None:
        events.append(transaction, [_event("alpha")] * 3, utcnow())
        raise Failed

    def works(transaction) -> None:
        events.append(transaction, [_event("alpha")], utcnow())

    def attempt(work) -> None:
        with contextlib.suppress(Failed):
            database.write(work)

    together([lambda work=work: attempt(work) for work in [fails, works] * 4])
    rows = history.assert_complete(database)
    assert [row.seq for row in rows] == [1, 2, 3, 4]


def test_first_events_of_new_projects_at_once_are_numbered_one(database):
    def work(transaction) -> None:
        events.append(transaction, [_event(f"project-{n}") for n in range(20)], utcnow())

    together([lambda: database.write(work)] * WRITERS)
    numbers = defaultdict(list)
    for row in history.assert_complete(database):
        numbers[row.project_id].append(row.seq)
    assert set(map(tuple, numbers.values())) == {tuple(range(1, WRITERS + 1))}


def test_an_event_that_breaks_its_promise_is_not_stored(database):
    broken = Event(Type.WINDOW_CREATED, Audience.PROJECT, "alpha", WINDOW, {"host": "compute-01"})
    with pytest.raises(events.schema.Invalid):
        database.write(lambda transaction: events.append(transaction, [broken], utcnow()))
    assert history.assert_complete(database) == []


def test_a_waiting_reader_is_woken_by_another_deployments_writer(service, operator):
    """The reader waits in one process's API; the event is stored by another's."""
    found: list = []
    alpha = operator.as_project("alpha")
    reader = threading.Thread(
        target=lambda: found.extend(alpha.get("/v1/events?since=0&wait=30")["events"])
    )
    reader.start()
    with databases.connected(databases.url_of(service.database)) as elsewhere:
        deployment.api(deployment.service(elsewhere)).set_window(["compute-01"])
    until(lambda: found, "the waiting reader gets the event")
    reader.join(30)
    assert found[0]["seq"] == 1


def _event(project_id: str) -> Event:
    payload = {
        "service": "craton-maintenance",
        "project_id": project_id,
        "window_id": WINDOW,
        "state": "scheduled",
        "revision": 1,
        "start": "2026-01-01T00:00:00Z",
        "impact": "OUTAGE",
        "cause": "OPERATOR",
        "window_url": "http://127.0.0.1:7790/v1/maintenance-windows/1",
        "servers_count": 0,
    }
    return Event(Type.WINDOW_CREATED, Audience.PROJECT, project_id, WINDOW, payload, ())
