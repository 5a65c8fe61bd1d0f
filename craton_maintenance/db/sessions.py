"""Sessions: loaded whole, saved by their differences; their inputs and their steps.

Whoever decides for a session holds its row.  Locks are taken in the order session,
admission, notices, event head.
"""

import dataclasses
import datetime as dt
import enum
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import bulk, records
from craton_maintenance.db.database import Transaction
from craton_maintenance.db.tables import (
    inputs,
    notices,
    nova_migrations,
    nova_servers,
    session_holds,
    session_hosts,
    session_projects,
    session_servers,
    sessions,
    steps,
    window_projects,
)
from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session.model import (
    HOST_OVER,
    OVER,
    Blocker,
    Host,
    HostState,
    Input,
    Notice,
    NoticeStatus,
    Order,
    Outcome,
    Problem,
    Reply,
    Server,
    ServerState,
    Session,
    Stale,
    State,
    Step,
    StepEnded,
    StepKind,
    StepStatus,
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


# -- a session -----------------------------------------------------------------------


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
    return transaction.execute(
        sa.select(sessions).where(sessions.c.id == session_id).with_for_update()
    ).one_or_none()


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


def load(connection: sa.Connection, row: Row) -> Session:
    """A session as far as decisions need it: servers and notices that are done with stay out."""
    of_session = row.id
    hosts = {
        HostKey(one.region, one.host): records.load(
            Host, one.data, key=HostKey(one.region, one.host), state=HostState(one.state)
        )
        for one in connection.execute(
            sa.select(session_hosts).where(session_hosts.c.session_id == of_session)
        )
    }
    servers = {
        one.server_id: records.load(
            Server,
            one.data,
            id=one.server_id,
            project_id=one.project_id,
            state=ServerState(one.state),
        )
        for one in connection.execute(
            sa.select(session_servers).where(
                session_servers.c.session_id == of_session,
                sa.or_(
                    session_servers.c.state != ServerState.GONE.value,
                    session_servers.c.out_of_group.is_not(None),
                ),
            )
        )
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
        for one in connection.execute(
            sa.select(*_NEEDED).where(notices.c.session_id == of_session, _is_open)
        )
    }
    projects = {
        one.project_id: tuple(one.servers)
        for one in connection.execute(
            sa.select(session_projects).where(session_projects.c.session_id == of_session)
        )
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
    transaction.execute(
        sa.update(sessions)
        .where(sessions.c.id == after.id)
        .values(**_session_row(after), due_at=due_at)
    )
    changed_hosts = _changed(before.hosts, after.hosts)
    bulk.upsert(
        transaction, session_hosts, [_host_row(after.id, host) for host in changed_hosts.values()]
    )
    _hold(transaction, after.id, before.hosts, changed_hosts)
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


# -- holding hosts -------------------------------------------------------------------


def _hold(
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


def held_by_others(connection: sa.Connection, session_id: str) -> frozenset[HostKey]:
    """Hosts of a session that another one holds."""
    rows = connection.execute(
        sa.select(session_holds.c.region, session_holds.c.host)
        .join(
            session_hosts,
            (session_hosts.c.host == session_holds.c.host)
            & (session_hosts.c.region == session_holds.c.region),
        )
        .where(session_hosts.c.session_id == session_id, session_holds.c.session_id != session_id)
    )
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


# -- what comes in -------------------------------------------------------------------


def add_input(
    transaction: Transaction, session_id: str, kind: str, data: Mapping[str, Any], now: dt.datetime
) -> None:
    """Store something that a session has to decide on.

    :param kind: ``reply``, ``stale``, ``order`` or ``step``
    """
    transaction.execute(
        sa.insert(inputs).values(session_id=session_id, kind=kind, data=dict(data), created_at=now)
    )


def take_inputs(transaction: Transaction, session_id: str) -> list[Input]:
    """Everything that waits, in order; it is gone with the commit."""
    rows = transaction.execute(
        sa.select(inputs).where(inputs.c.session_id == session_id).order_by(inputs.c.id)
    ).all()
    if rows:
        bulk.delete_ids(transaction, inputs.c.id, [row.id for row in rows])
    return [_INPUT[row.kind](row.data) for row in rows]


def is_answered(transaction: Transaction, session_id: str, ids: Collection[str]) -> bool:
    """Whether an answer to one of these notices waits."""
    return bool(ids) and any(
        row.data["notice_id"] in ids
        for row in transaction.execute(
            sa.select(inputs.c.data).where(
                inputs.c.session_id == session_id, inputs.c.kind == "reply"
            )
        )
    )


def _reply(data: Mapping[str, Any]) -> Reply:
    return records.load(Reply, data)


def _stale(data: Mapping[str, Any]) -> Stale:
    return records.load(Stale, data)


def _order(data: Mapping[str, Any]) -> Order:
    return records.load(Order, data)


def _step_ended(data: Mapping[str, Any]) -> StepEnded:
    return StepEnded(records.load(Step, data["step"]), records.load(Outcome, data["outcome"]))


_INPUT: Mapping[str, Any] = {
    "reply": _reply,
    "stale": _stale,
    "order": _order,
    "step": _step_ended,
}


def to_decide(connection: sa.Connection, now: dt.datetime, limit: int) -> Mapping[str, bool]:
    """Sessions that something came in for, or whose time has come.

    :returns: by id, whether it is answers only: more of them may follow at once
    """
    others = sa.func.sum(sa.case((inputs.c.kind == "reply", 0), else_=1))
    waiting = connection.execute(
        sa.select(inputs.c.session_id, others).group_by(inputs.c.session_id).limit(limit)
    ).all()
    due = connection.execute(
        sa.select(sessions.c.id).where(sessions.c.due_at <= now).limit(limit)
    ).scalars()
    return {row[0]: not row[1] for row in waiting} | dict.fromkeys(due, False)


def cannot_decide(
    transaction: Transaction, session_id: str, words: str, now: dt.datetime, again_at: dt.datetime
) -> None:
    """A decision has failed by a fault of ours: say so, and do not try again at once.

    What came in waits.  The record is not loaded: it may be what is wrong.
    """
    data = transaction.execute(
        sa.select(sessions.c.data)
        .where(sessions.c.id == session_id, sessions.c.due_at.is_not(None))
        .with_for_update()
    ).scalar_one_or_none()
    if data is None:
        return
    problem = records.dump(Problem(Blocker.DECISION_FAILED, words, now))
    before = data.get("problem") or {}
    if before.get("code") == problem["code"]:
        problem["since"] = before["since"]
    transaction.execute(
        sa.update(sessions)
        .where(sessions.c.id == session_id)
        .values(data={**data, "problem": problem}, due_at=again_at)
    )


def untold(connection: sa.Connection, session: Session) -> dict[str, tuple[str, ...]]:
    """Projects concerned by a session's window that it has told nothing yet; their servers."""
    told = sa.select(session_projects.c.project_id).where(
        session_projects.c.session_id == session.id,
        session_projects.c.project_id == window_projects.c.project_id,
    )
    rows = connection.execute(
        sa.select(window_projects.c.project_id, window_projects.c.servers).where(
            window_projects.c.window_id == session.window_id,
            window_projects.c.concerned,
            sa.not_(told.exists()),
        )
    )
    return {row.project_id: tuple(row.servers) for row in rows}


def next_due(connection: sa.Connection) -> dt.datetime | None:
    """When a session has to be looked at next."""
    return connection.execute(sa.select(sa.func.min(sessions.c.due_at))).scalar_one()


def wake(transaction: Transaction, region: str, now: dt.datetime) -> None:
    """What Nova shows has changed: sessions that work in a region are looked at."""
    working = sa.select(session_holds.c.session_id).where(session_holds.c.region == region)
    transaction.execute(
        sa.update(sessions)
        .where(sessions.c.due_at.is_not(None), sessions.c.due_at > now)
        .where(sessions.c.id.in_(working))
        .values(due_at=now)
    )


class Work(enum.Enum):
    """What sessions do in a region, as far as Nova has to be watched for it."""

    NOTHING = enum.auto()
    #: hosts are held; servers may come and go there
    HOLDING = enum.auto()
    #: servers are moved, by us or by their owners
    MOVING = enum.auto()
    #: a server has arrived, and its migration's record has not ended
    ARRIVED = enum.auto()


#: States of migrations that will end by themselves.
_RUNNING = ("accepted", "queued", "preparing", "running", "pre-migrating", "migrating")
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
        return self.is_away and self.status in (None, *_RUNNING)


def movers_in(connection: sa.Connection, region: str) -> list[Mover]:
    """Servers that are moved in a region."""
    rows = connection.execute(
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
            (nova_servers.c.id == session_servers.c.server_id) & (nova_servers.c.region == region),
        )
        .outerjoin(
            nova_migrations,
            (nova_migrations.c.server_id == session_servers.c.server_id)
            & (nova_migrations.c.region == region),
        )
        .where(session_servers.c.state.in_(_MOVES))
    )
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


@dataclasses.dataclass(frozen=True, slots=True)
class Waiting:
    """What is begun once something that is under way has ended."""

    #: names of hosts with servers that are to be moved and are not yet
    hosts: frozenset[str]
    #: groups of which a member waits until another one is back
    groups: frozenset[str]


def waiting_in(connection: sa.Connection, region: str) -> Waiting:
    """What waits in a region; of groups, what waits in any."""
    found = [
        row.data
        for row in connection.execute(
            sa.select(session_servers.c.data).where(
                session_servers.c.state == ServerState.READY.value
            )
        )
    ]
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
    return Work.HOLDING if held_in(connection, region) else Work.NOTHING


def held_in(connection: sa.Connection, region: str) -> list[str]:
    """Names of the hosts that sessions hold in a region."""
    held = sa.select(session_holds.c.host).where(session_holds.c.region == region)
    return sorted(connection.execute(held).scalars())


def get(connection: sa.Connection, session_id: str) -> Row | None:
    return connection.execute(sa.select(sessions).where(sessions.c.id == session_id)).one_or_none()


def of_window(connection: sa.Connection, window_id: str) -> Row | None:
    return connection.execute(
        sa.select(sessions).where(sessions.c.window_id == window_id)
    ).one_or_none()


def touch(transaction: Transaction, session_id: str, now: dt.datetime) -> None:
    """Have a session looked at now."""
    _touch(transaction, sessions.c.id == session_id, now)


def touch_window(transaction: Transaction, window_id: str, now: dt.datetime) -> None:
    """Have a window's session looked at now: the window has changed."""
    _touch(transaction, sessions.c.window_id == window_id, now)


def _touch(transaction: Transaction, which: sa.ColumnElement[bool], now: dt.datetime) -> None:
    transaction.execute(
        sa.update(sessions).where(which, sessions.c.due_at.is_not(None)).values(due_at=now)
    )


# -- steps ---------------------------------------------------------------------------


def add_steps(
    transaction: Transaction, session_id: str, made: Sequence[Step], now: dt.datetime
) -> None:
    bulk.insert(
        transaction,
        steps,
        [
            {
                "session_id": session_id,
                "number": one.number,
                "kind": one.kind.value,
                "region": one.host.region,
                "host": one.host.name,
                "server_id": one.server_id,
                "params": dict(one.params),
                "status": StepStatus.WAITING.value,
                "not_before": one.not_before,
                "attempts": 0,
                "created_at": now,
            }
            for one in made
        ],
    )


_UNENDED = (StepStatus.WAITING.value, StepStatus.CLAIMED.value)


def unended_steps(
    connection: sa.Connection, limit: int, session_id: str | None = None
) -> Sequence[Row]:
    """Steps that have not ended, of one session or all, the oldest first."""
    found = sa.select(steps).where(steps.c.status.in_(_UNENDED))
    if session_id is not None:
        found = found.where(steps.c.session_id == session_id)
    return connection.execute(
        found.order_by(steps.c.created_at, steps.c.session_id, steps.c.number).limit(limit)
    ).all()


def claim(
    transaction: Transaction, row: Row, fence: int, now: dt.datetime, must_end_by: dt.datetime
) -> bool:
    """Begin a step under a fencing number, before its effect.

    :param row: as it was read; whoever claimed it meanwhile has it
    :returns: False if it is not to be begun by us any more
    """
    result = transaction.execute(
        sa.update(steps)
        .where(
            steps.c.session_id == row.session_id,
            steps.c.number == row.number,
            steps.c.status == row.status,
            steps.c.attempts == row.attempts,
        )
        .values(
            status=StepStatus.CLAIMED.value,
            attempts=row.attempts + 1,
            fence=fence,
            began_at=now,
            must_end_by=must_end_by,
        )
    )
    return result.rowcount == 1


def end(
    transaction: Transaction,
    step: Step,
    session_id: str,
    fence: int,
    outcome: Outcome,
    now: dt.datetime,
) -> bool:
    """A step has ended: its row, and the input that tells its session.

    :returns: False if another engine has it by now; nothing was written
    """
    result = transaction.execute(
        sa.update(steps)
        .where(
            steps.c.session_id == session_id,
            steps.c.number == step.number,
            steps.c.status == StepStatus.CLAIMED.value,
            steps.c.fence == fence,
        )
        .values(
            status=StepStatus.ENDED.value,
            ended_at=now,
            result=outcome.result.value,
            outcome=records.dump(outcome),
        )
    )
    if result.rowcount != 1:
        return False
    data = {"step": records.dump(step), "outcome": records.dump(outcome)}
    add_input(transaction, session_id, "step", data, now)
    return True


def drop(transaction: Transaction, session_id: str, numbers: Sequence[int]) -> None:
    """Withdraw steps that nobody has begun."""
    bulk_numbers = list(numbers)
    if bulk_numbers:
        transaction.execute(
            sa.update(steps)
            .where(
                steps.c.session_id == session_id,
                steps.c.number.in_(bulk_numbers),
                steps.c.status == StepStatus.WAITING.value,
            )
            .values(status=StepStatus.DROPPED.value)
        )


def step_of(row: Row) -> Step:
    """A step from its row."""
    return Step(
        number=row.number,
        kind=StepKind(row.kind),
        host=HostKey(row.region, row.host),
        server_id=row.server_id,
        params=row.params,
        not_before=row.not_before,
    )
