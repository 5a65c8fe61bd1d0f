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
