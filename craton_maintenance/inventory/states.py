"""Craton's variable ``maintenance_state``: where a host in a session stands.

It is only ever ours: what anybody else writes there is overwritten, and removed with the
session's end.
"""

import json
from collections.abc import Mapping

import sqlalchemy as sa

from craton_maintenance.db import object_variables as store
from craton_maintenance.db.database import Transaction
from craton_maintenance.db.tables import session_hosts, sessions
from craton_maintenance.domain.variable import STATE
from craton_maintenance.service import Service

_HOSTS = "hosts"


class States:
    """Shows the states of hosts in sessions."""

    def __init__(self, service: Service) -> None:
        self._service = service
        #: False: nothing is shown, and nothing has to be looked for
        self._shown = True

    def look(self) -> None:
        """Show what is, where it differs."""
        database = self._service.database
        with database.read() as connection:
            wanted = _wanted(connection)
            if not wanted and not self._shown:
                return
            changes = _changes(connection, wanted)
        if changes:
            now = self._service.clock()

            def write(transaction: Transaction) -> None:
                transaction.lock("admission")
                store.put(transaction, STATE, changes, now)

            database.write(write)
        self._shown = bool(wanted)


def _wanted(connection: sa.Connection) -> dict[tuple[str, str], str]:
    """The texts to show, by region and host."""
    rows = connection.execute(
        sa.select(
            session_hosts.c.region,
            session_hosts.c.host,
            session_hosts.c.state,
            session_hosts.c.session_id,
        )
        .join(sessions, sessions.c.id == session_hosts.c.session_id)
        .where(sessions.c.finished_at.is_(None))
        # of two sessions that are to work on a host the older one is shown
        .order_by(sessions.c.created_at.desc(), sessions.c.id)
    )
    return {
        (row.region, row.host): json.dumps(
            {"session_id": row.session_id, "state": row.state}, sort_keys=True
        )
        for row in rows
    }


def _changes(
    connection: sa.Connection, wanted: Mapping[tuple[str, str], str]
) -> dict[int, str | None]:
    """What is to be written, by association; None: removed."""
    there = {one.association_id: text for one, text in store.found(connection, STATE)}
    names = {name for _, name in wanted}
    show = {
        one.association_id: wanted[one.region or "", one.name]
        for one in (store.objects(connection, _HOSTS, names) if names else ())
        if (one.region or "", one.name) in wanted
    }
    changes: dict[int, str | None] = dict.fromkeys(there.keys() - show.keys())
    changes.update((key, text) for key, text in show.items() if there.get(key) != text)
    return changes
