"""What the event history has to be, whatever happened."""

from collections import defaultdict
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db.database import Database
from craton_maintenance.db.tables import event_head, event_seqs, events


def rows(database: Database) -> list[Any]:
    """All events in the order of their positions."""
    with database.read() as connection:
        return list(connection.execute(sa.select(events).order_by(events.c.position)))


def told(database: Database, project_id: str, window_id: str | None = None) -> list[str]:
    """What a project was told (of a window), in order: ``created``, ``opened``, ..."""
    return [
        row.event_type.rpartition(".")[2]
        for row in rows(database)
        if row.project_id == project_id and window_id in (None, row.window_id)
    ]


def assert_complete(database: Database) -> list[Any]:
    """Positions have no gap, nor have the numbers of any project, and the heads agree.

    :returns: all events
    """
    all_events = rows(database)
    assert [row.position for row in all_events] == list(range(1, len(all_events) + 1))
    numbers = defaultdict(list)
    for row in all_events:
        numbers[row.project_id].append(row.seq)
    for project_id, found in numbers.items():
        assert found == list(range(1, len(found) + 1)), project_id
    with database.read() as connection:
        position = connection.execute(sa.select(event_head.c.position)).scalar_one()
        heads = {row.project_id: row.seq for row in connection.execute(sa.select(event_seqs))}
    assert position == len(all_events)
    assert heads == {project_id: len(found) for project_id, found in numbers.items()}
    assert len({row.id for row in all_events}) == len(all_events)
    return all_events


def assert_delivered(stored: list[Any], arrived: list[Any]) -> int:
    """Everything stored arrived, each project's first deliveries in order, repeats the same.

    :param stored: rows of events
    :param arrived: :class:`tests.support.broker.Message`, in the order of arrival
    :returns: how many messages were repeats
    """
    first: dict[str, Any] = {}
    numbers = defaultdict(list)
    for message in arrived:
        seen = first.setdefault(message.id, message)
        assert (seen.content, seen.context) == (message.content, message.context)
        if seen is message:
            numbers[message.project_id].append(message.seq)
    for project_id, found in numbers.items():
        assert found == list(range(1, len(found) + 1)), project_id
    assert {row.id for row in stored} == first.keys()
    for row in stored:
        message = first[row.id]
        assert (message.project_id, message.seq) == (row.project_id, row.seq)
        assert message.content["event_type"] == row.event_type
    return len(arrived) - len(first)
