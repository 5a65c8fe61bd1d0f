"""Sessions: loaded whole, saved by their differences; their inputs and their steps.

Whoever decides for a session holds its row.  Locks are taken in the order session,
admission, notices, event head.
"""

import dataclasses
import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import bulk, records, session_holds
from craton_maintenance.db.database import Transaction
from craton_maintenance.db.tables import (
    notices,
    session_hosts,
    session_projects,
    session_servers,
    sessions,
)
from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session.records import Host, Notice, Server, Session
from craton_maintenance.domain.session.states import (
    HostState,
    NoticeStatus,
    ServerState,
    State,
    Workflow,
)

Row = sa.Row[Any]


#: Fields of a session that are columns, or tables of their own.
_COLUMNS = frozenset(
    {
        "id",
        "window_id",
        "workflow",
        "state",
        "percent_done",
        "reason",
        "created_at",
        "finished_at",
        "hosts",
        "servers",
        "projects",
        "notices",
    }
)

_OF_HOST = frozenset({"key", "state"})

_OF_SERVER = frozenset({"id", "project_id", "state"})

_OF_NOTICE = frozenset(
    {"id", "project_id", "server_id", "state", "status", "created_at", "reply_at", "delivered_at"}
)


def insert(transaction: Transaction, session: Session, actor: str) -> None:
    """Store a new session; it is due at once."""
    row = _session_row(session) | {
        "id": session.id,
        "window_id": session.window_id,
        "workflow": session.workflow.value,
        "created_by": actor,
        "created_at": session.created_at,
        "due_at": session.created_at,
    }
    transaction.execute(sa.insert(sessions).values(**row))
    bulk.insert(
        transaction,
        session_hosts,
        [_host_row(session.id, host) for host in session.hosts.values()],
    )


def lock(transaction: Transaction, session_id: str) -> Row | None:
    """The session's row, held until the end of the transaction."""
    return transaction.execute(_LOCKED, {"session": session_id}).one_or_none()


def lock_notices(transaction: Transaction, ids: Iterable[str]) -> None:
    """Hold notices that are about to be closed.

    An answer that comes now waits, and then finds its notice closed; one that was taken
    before is there to be decided on.
    """
    for chunk in bulk.batched_keys(sorted(ids)):
        transaction.execute(
            sa.select(notices.c.id)
            .where(notices.c.id.in_(chunk))
            .order_by(notices.c.id)
            .with_for_update()
        ).all()


_is_open = notices.c.status == NoticeStatus.OPEN.value


#: What a decision reads of a notice: there may be thousands.
_NEEDED = [
    column for column in notices.c if column.name not in ("session_id", "replied_at", "replies")
]


_session: sa.BindParameter[str] = sa.bindparam("session")
_LOCKED = sa.select(sessions).where(sessions.c.id == _session).with_for_update()
_HOSTS = sa.select(session_hosts).where(session_hosts.c.session_id == _session)
_SERVERS = sa.select(session_servers).where(
    session_servers.c.session_id == _session,
    sa.or_(
        session_servers.c.state != ServerState.GONE.value,
        session_servers.c.out_of_group.is_not(None),
    ),
)
_NOTICES = sa.select(*_NEEDED).where(notices.c.session_id == _session, _is_open)
_PROJECTS = sa.select(session_projects).where(session_projects.c.session_id == _session)


# whatever columns it is given are set
_SAVED = sa.update(sessions).where(sessions.c.id == _session)


def load(connection: sa.Connection, row: Row) -> Session:
    """A session as far as decisions need it: servers and notices that are done with stay out."""
    of_session = {"session": row.id}
    hosts = {
        HostKey(one.region, one.host): records.load(
            Host, one.data, key=HostKey(one.region, one.host), state=HostState(one.state)
        )
        for one in connection.execute(_HOSTS, of_session)
    }
    servers = {
        one.server_id: records.load(
            Server,
            one.data,
            id=one.server_id,
            project_id=one.project_id,
            state=ServerState(one.state),
        )
        for one in connection.execute(_SERVERS, of_session)
    }
    asked = {
        one.id: records.load(
            Notice,
            one.data,
            id=one.id,
            project_id=one.project_id,
            server_id=one.server_id,
            state=one.state,
            status=NoticeStatus(one.status),
            created_at=one.created_at,
            reply_at=one.reply_at,
            delivered_at=one.delivered_at,
        )
        for one in connection.execute(_NOTICES, of_session)
    }
    projects = {
        one.project_id: tuple(one.servers) for one in connection.execute(_PROJECTS, of_session)
    }
    return records.load(
        Session,
        row.data,
        id=row.id,
        window_id=row.window_id,
        workflow=Workflow(row.workflow),
        state=State(row.state),
        percent_done=row.percent_done,
        reason=row.reason,
        created_at=row.created_at,
        finished_at=row.finished_at,
        hosts=hosts,
        servers=servers,
        notices=asked,
        projects=projects,
    )


def save(
    transaction: Transaction, before: Session, after: Session, due_at: dt.datetime | None
) -> None:
    """Write what is different, and when the session has to be looked at again."""
    transaction.execute(_SAVED, {**_session_row(after), "due_at": due_at, "session": after.id})
    changed_hosts = _changed(before.hosts, after.hosts)
    bulk.upsert(
        transaction, session_hosts, [_host_row(after.id, host) for host in changed_hosts.values()]
    )
    session_holds.hold(transaction, after.id, before.hosts, changed_hosts)
    changed_servers = _changed(before.servers, after.servers)
    bulk.upsert(
        transaction,
        session_servers,
        [_server_row(after.id, one) for one in changed_servers.values()],
    )
    gone = before.servers.keys() - after.servers.keys()
    if gone:
        bulk.delete_keys(
            transaction,
            session_servers.c.server_id,
            sorted(gone),
            session_servers.c.session_id == after.id,
        )
    changed_projects = _changed(before.projects, after.projects)
    bulk.upsert(
        transaction,
        session_projects,
        [
            {"session_id": after.id, "project_id": project_id, "servers": list(ids)}
            for project_id, ids in sorted(changed_projects.items())
        ],
    )
    _save_notices(transaction, before, after)


def change_hosts(
    transaction: Transaction, session: Session, wanted: Collection[HostKey]
) -> Session:
    """The session with the hosts that its window covers by now; those taken already stay."""
    stays = {
        key: host
        for key, host in session.hosts.items()
        if key in wanted or host.state is not HostState.PLANNED
    }
    new = {key: Host(key) for key in wanted if key not in stays}
    for key in session.hosts.keys() - stays.keys():
        transaction.execute(
            sa.delete(session_hosts).where(
                session_hosts.c.session_id == session.id,
                session_hosts.c.region == key.region,
                session_hosts.c.host == key.name,
            )
        )
    bulk.insert(transaction, session_hosts, [_host_row(session.id, one) for one in new.values()])
    return dataclasses.replace(session, hosts=stays | new)


def _changed(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> dict[Any, Any]:
    """Records are frozen: one that is the same object has not changed."""
    return {key: one for key, one in after.items() if before.get(key) is not one}


def _session_row(session: Session) -> dict[str, Any]:
    return {
        "state": session.state.value,
        "percent_done": session.percent_done,
        "reason": session.reason,
        "finished_at": session.finished_at,
        "data": records.dump(session, _COLUMNS),
    }


def _host_row(session_id: str, host: Host) -> dict[str, Any]:
    return {
        "session_id": session_id,
        "region": host.key.region,
        "host": host.key.name,
        "state": host.state.value,
        "data": records.dump(host, _OF_HOST),
    }


def _server_row(session_id: str, server: Server) -> dict[str, Any]:
    return {
        "session_id": session_id,
        "server_id": server.id,
        "project_id": server.project_id,
        "state": server.state.value,
        "out_of_group": server.group_id if server.out else None,
        "data": records.dump(server, _OF_SERVER),
    }


def _save_notices(transaction: Transaction, before: Session, after: Session) -> None:
    """New ones whole; of others only what is the engine's to write."""
    new, changed = [], []
    for one in _changed(before.notices, after.notices).values():
        row = {"id": one.id, "status": one.status.value, "data": records.dump(one, _OF_NOTICE)}
        if one.id in before.notices:
            changed.append(row)
        else:
            new.append(
                row
                | {
                    "session_id": after.id,
                    "project_id": one.project_id,
                    "server_id": one.server_id,
                    "state": one.state,
                    "created_at": one.created_at,
                    "reply_at": one.reply_at,
                    "delivered_at": None,
                    "replied_at": None,
                    "replies": None,
                }
            )
    bulk.insert(transaction, notices, new)
    _change_notices(transaction, before.notices, changed)


def _change_notices(
    transaction: Transaction, before: Mapping[str, Notice], changed: Sequence[dict[str, Any]]
) -> None:
    """One statement for all of which only the status is another: answers come by thousands."""
    by_status: dict[str, list[str]] = {}
    for row in sorted(changed, key=lambda one: str(one["id"])):
        if row["data"] == records.dump(before[row["id"]], _OF_NOTICE):
            by_status.setdefault(row["status"], []).append(row["id"])
        else:
            transaction.execute(
                sa.update(notices)
                .where(notices.c.id == row["id"])
                .values(status=row["status"], data=row["data"])
            )
    for status, ids in sorted(by_status.items()):
        for chunk in bulk.batched_keys(ids):
            transaction.execute(
                sa.update(notices).where(notices.c.id.in_(chunk)).values(status=status)
            )


def get(connection: sa.Connection, session_id: str) -> Row | None:
    return connection.execute(sa.select(sessions).where(sessions.c.id == session_id)).one_or_none()


def of_window(connection: sa.Connection, window_id: str) -> Row | None:
    return connection.execute(
        sa.select(sessions).where(sessions.c.window_id == window_id)
    ).one_or_none()
