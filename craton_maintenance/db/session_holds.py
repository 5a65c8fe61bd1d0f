"""Which session works on a host, and which members of groups sessions have out."""

import datetime as dt
from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from craton_maintenance.db import bulk
from craton_maintenance.db.database import Transaction
from craton_maintenance.db.tables import session_holds, session_hosts, session_servers, sessions
from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session.records import Host
from craton_maintenance.domain.session.states import HOST_OVER, OVER, HostState


def hold(
    transaction: Transaction,
    session_id: str,
    before: Mapping[HostKey, Host],
    changed: Mapping[HostKey, Host],
) -> None:
    """One session holds a host at a time, from when it is taken until it is done with."""
    free = HOST_OVER | {HostState.PLANNED}
    take = [k for k, one in changed.items() if one.state not in free and before[k].state in free]
    give = [k for k, one in changed.items() if one.state in free and before[k].state not in free]
    bulk.insert(
        transaction,
        session_holds,
        [{"region": k.region, "host": k.name, "session_id": session_id} for k in sorted(take)],
    )
    for key in give:
        transaction.execute(
            sa.delete(session_holds).where(
                session_holds.c.session_id == session_id,
                session_holds.c.region == key.region,
                session_holds.c.host == key.name,
            )
        )


_session: sa.BindParameter[str] = sa.bindparam("session")

_HELD_BY_OTHERS = (
    sa.select(session_holds.c.region, session_holds.c.host)
    .join(
        session_hosts,
        (session_hosts.c.host == session_holds.c.host)
        & (session_hosts.c.region == session_holds.c.region),
    )
    .where(session_hosts.c.session_id == _session, session_holds.c.session_id != _session)
)


def held_by_others(connection: sa.Connection, session_id: str) -> frozenset[HostKey]:
    """Hosts of a session that another one holds."""
    rows = connection.execute(_HELD_BY_OTHERS, {"session": session_id})
    return frozenset(HostKey(row.region, row.host) for row in rows)


def members_elsewhere(
    connection: sa.Connection, session_id: str, groups: Iterable[str]
) -> list[tuple[str, dt.datetime | None]]:
    """Members of groups that other sessions have out, or had when they ended.

    :returns: for each its group, and when it was back; None: it is not
    """
    found = []
    for chunk in bulk.batched_keys(sorted(groups)):
        rows = connection.execute(
            sa.select(session_servers.c.out_of_group, session_servers.c.data, sessions.c.state)
            .join(sessions, sessions.c.id == session_servers.c.session_id)
            .where(
                session_servers.c.out_of_group.in_(chunk),
                session_servers.c.session_id != session_id,
            )
        )
        for row in rows:
            text = row.data.get("back_at")
            back_at = dt.datetime.fromisoformat(text) if text else None
            # what a session that is over has not brought back is not on its way any more
            if back_at is not None or row.state not in OVER:
                found.append((row.out_of_group, back_at))
    return found


_HELD_IN = sa.select(session_holds.c.host).where(session_holds.c.region == sa.bindparam("there"))


def held_in(connection: sa.Connection, region: str) -> list[str]:
    """Names of the hosts that sessions hold in a region."""
    return sorted(connection.execute(_HELD_IN, {"there": region}).scalars())
