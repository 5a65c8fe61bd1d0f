"""What sessions do in a region, as far as Nova has to be watched for it."""

import dataclasses
import enum
from collections.abc import Sequence

import sqlalchemy as sa

from craton_maintenance.db import session_holds
from craton_maintenance.db.tables import nova_migrations, nova_servers, session_servers
from craton_maintenance.domain.session.effects import RUNNING
from craton_maintenance.domain.session.states import Blocker, ServerState


class Work(enum.Enum):
    """What sessions do in a region, as far as Nova has to be watched for it."""

    NOTHING = enum.auto()
    #: hosts are held; servers may come and go there
    HOLDING = enum.auto()
    #: servers are moved, by us or by their owners
    MOVING = enum.auto()
    #: a server has arrived, and its migration's record has not ended
    ARRIVED = enum.auto()


_MOVES = (ServerState.ACTING.value, ServerState.OWN_ACTION.value)


@dataclasses.dataclass(frozen=True, slots=True)
class Mover:
    """A server that is being moved, by us or by its owner."""

    #: name of the host that it leaves
    host: str
    #: it is on another one
    is_away: bool
    #: of the migration, as seen last; None: it was not seen
    status: str | None
    #: its group, if that counts it as out
    group: str | None
    by_us: bool

    @property
    def has_arrived(self) -> bool:
        """Whether it is elsewhere, and its migration's record is not known to have ended."""
        return self.is_away and (self.status is None or self.status in RUNNING)


_region: sa.BindParameter[str] = sa.bindparam("region")

_MOVERS = (
    sa.select(
        session_servers.c.data,
        session_servers.c.state,
        session_servers.c.out_of_group,
        nova_servers.c.host,
        nova_migrations.c.migration_id,
        nova_migrations.c.status,
    )
    .outerjoin(
        nova_servers,
        (nova_servers.c.id == session_servers.c.server_id) & (nova_servers.c.region == _region),
    )
    .outerjoin(
        nova_migrations,
        (nova_migrations.c.server_id == session_servers.c.server_id)
        & (nova_migrations.c.region == _region),
    )
    .where(session_servers.c.state.in_(_MOVES))
)


def movers_in(connection: sa.Connection, region: str) -> list[Mover]:
    """Servers that are moved in a region."""
    rows = connection.execute(_MOVERS, {"region": region})
    return [
        Mover(
            host=row.data["host"][1],
            is_away=row.host not in (None, row.data["host"][1]),
            status=(
                row.status
                if (row.migration_id or 0) > row.data.get("migration_before", 0)
                else None
            ),
            group=row.out_of_group,
            by_us=row.state == ServerState.ACTING.value,
        )
        for row in rows
        if row.data["host"][0] == region
    ]


_READY = sa.select(session_servers.c.data).where(
    session_servers.c.state == ServerState.READY.value
)


@dataclasses.dataclass(frozen=True, slots=True)
class Waiting:
    """What is begun once something that is under way has ended."""

    #: names of hosts with servers that are to be moved and are not yet
    hosts: frozenset[str]
    #: groups of which a member waits until another one is back
    groups: frozenset[str]


def waiting_in(connection: sa.Connection, region: str) -> Waiting:
    """What waits in a region; of groups, what waits in any."""
    found = connection.execute(_READY).scalars().all()
    return Waiting(
        hosts=frozenset(one["host"][1] for one in found if one["host"][0] == region),
        groups=frozenset(
            one["group_id"]
            for one in found
            if one.get("group_id") and (one.get("problem") or {}).get("code") == Blocker.BUDGET
        ),
    )


def is_moved(connection: sa.Connection, server_id: str) -> bool:
    """Whether a session moves a server, or waits for its owner to."""
    found = connection.execute(
        sa.select(session_servers.c.session_id)
        .where(session_servers.c.server_id == server_id, session_servers.c.state.in_(_MOVES))
        .limit(1)
    )
    return found.first() is not None


def work_in(connection: sa.Connection, region: str, movers: Sequence[Mover] | None = None) -> Work:
    """What sessions do in a region.

    :param movers: of the region, if they were read already
    """
    if movers is None:
        movers = movers_in(connection, region)
    if any(one.has_arrived for one in movers):
        return Work.ARRIVED
    if movers:
        return Work.MOVING
    return Work.HOLDING if session_holds.held_in(connection, region) else Work.NOTHING
