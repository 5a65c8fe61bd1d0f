"""Projects' answers to notices: checked against their deadline, stored, told to operators.

An answer is one short transaction that looks at the notices of one project in one session
only.  It locks the notices, and decides nothing: the engine does, and tells operators.
What the project said of which server stays with the notice, so that a repeated answer is
known again, and a different one refused.
"""

import dataclasses
import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import bulk, session_views
from craton_maintenance.db.database import Transaction
from craton_maintenance.db.tables import inputs, notices
from craton_maintenance.domain import event, times
from craton_maintenance.domain.session.states import NoticeStatus
from craton_maintenance.errors import Code, Problem, bad_field, not_found
from craton_maintenance.service import Service

#: In what a notice keeps of its answers: all servers that are not named.
REST = "*"

# made once: thousands of answers may come in a minute

_FIND = (
    sa.select(notices.c.id)
    .where(
        notices.c.project_id == sa.bindparam("project"),
        notices.c.session_id == sa.bindparam("session"),
        notices.c.state == sa.bindparam("state"),
        notices.c.status.not_in([NoticeStatus.SUPERSEDED.value, NoticeStatus.INFORMATION.value]),
    )
    .order_by(notices.c.id)
)
_FIND_FOR_ONE = _FIND.where(
    sa.or_(notices.c.server_id == sa.bindparam("server"), notices.c.server_id.is_(None))
)
_IN = notices.c.id.in_(sa.bindparam("ids", expanding=True))
_LOCK = sa.select(notices).where(_IN).order_by(notices.c.id).with_for_update()
_NOW = sa.bindparam("now", type_=notices.c.replied_at.type)
_WRITE = (
    sa.update(notices)
    .where(_IN)
    .values(
        replied_at=_NOW,
        replies=sa.bindparam("said", type_=notices.c.replies.type),
        # who answers has it in hand
        delivered_at=sa.func.coalesce(notices.c.delivered_at, _NOW),
    )
)


@dataclasses.dataclass(frozen=True, slots=True)
class Said:
    """An answer as it was sent."""

    session_id: str
    project_id: str
    #: as sent, with ACK_ or NACK_
    state: str
    actor: str
    #: the answer is about this server only
    server_id: str | None
    #: action by server, and for every other one
    actions: Mapping[str, str]
    action: str | None
    not_before: dt.datetime | None

    @property
    def ack(self) -> bool:
        return self.state.startswith("ACK_")

    @property
    def asked(self) -> str:
        """The state that is answered."""
        return self.state.partition("_")[2]

    @classmethod
    def read(
        cls,
        session_id: str,
        project_id: str,
        server_id: str | None,
        body: Mapping[str, Any],
        actor: str,
    ) -> "Said":
        """:param body: valid by ``reply``"""
        wish = body.get("not_before")
        actions = dict(body.get("instance_actions") or {})
        action = body.get("instance_action")
        if server_id is not None:
            foreign = sorted(set(actions) - {server_id})
            if foreign:
                raise _not_asked_about(foreign[0])
            action = actions.pop(server_id, action)
        return cls(
            session_id,
            project_id,
            body["state"],
            actor,
            server_id,
            actions,
            action,
            times.parse(wish) if wish else None,
        )


@dataclasses.dataclass(slots=True)
class _Notice:
    """A notice that is answered, and what becomes of it."""

    row: Any
    servers: tuple[str, ...]
    #: what was said before, by server or REST
    before: dict[str, Any]
    #: what is said now and was not yet
    new: dict[str, Any] = dataclasses.field(default_factory=dict)
    is_late: bool = False

    @property
    def id(self) -> str:
        return str(self.row.id)

    @property
    def after(self) -> dict[str, Any]:
        return self.before | self.new

    def left_by(self, named: Collection[str]) -> bool:
        """Whether there is somebody whom neither this answer nor an earlier one names."""
        return not self.servers or not self.before.keys() | set(named) >= set(self.servers)

    def addressed(self, said: Said) -> list[str]:
        """The servers that this answer is about."""
        return list(self.servers) if said.server_id is None else [said.server_id]


def give(service: Service, said: Said) -> dict[str, Any]:
    """Take an answer.

    :returns: what was taken of it, as ``reply-taken`` has it
    :raises Problem: 404; 400 naming the field; 409 where nothing of the kind is awaited,
        where it is late, and where another answer was taken before
    """
    return service.database.write(lambda transaction: _give(service, transaction, said))


def deadline(row: Any) -> dt.datetime | None:
    """Until when an answer is taken; None: as long as the notice was not handed over.

    :param row: of ``maintenance_notices``
    """
    if row.delivered_at is None or row.reply_at is None:
        return None
    seconds = dt.timedelta(seconds=row.data.get("reply_seconds") or 0)
    return max(row.reply_at, row.delivered_at + seconds)


def _give(service: Service, transaction: Transaction, said: Said) -> dict[str, Any]:
    found = _addressed(transaction, said)
    if not found:
        raise _nothing(transaction, said)
    now = service.clock()
    _check_actions(found, said)
    granted, clipped = _granted(service, transaction, found, said, now)
    for one in found:
        _compare(one, said, granted)
        _look_at_clock(one, now)
    late = [one for one in found if one.is_late]
    taken = [one for one in found if one.new and not one.is_late]
    if late and not taken and not any(one.before and not one.new for one in found):
        raise _late(late[0])
    if taken:
        _store(service, transaction, taken, said, granted, now)
    return _answer(found, said, granted, clipped)


# -- which notices -----------------------------------------------------------------


def _addressed(transaction: Transaction, said: Said) -> list[_Notice]:
    """The notices that an answer is about, locked.

    Those that are open, or else the newest that was: an answer may be sent again, and
    whoever is late is told so.
    """
    of = {"project": said.project_id, "session": said.session_id, "state": said.asked}
    if said.server_id is None:
        ids = transaction.execute(_FIND, of).scalars().all()
    else:
        ids = transaction.execute(_FIND_FOR_ONE, of | {"server": said.server_id}).scalars().all()
    # found first, and locked by key: a look through an index would wait for other
    # servers' answers
    rows = [
        row
        for chunk in bulk.batched_keys(ids)
        for row in transaction.execute(_LOCK, {"ids": chunk})
        if row.status != NoticeStatus.SUPERSEDED.value
    ]
    found = [
        _Notice(row, tuple(row.data.get("servers", ())), dict(row.replies or {})) for row in rows
    ]
    return _relevant(found, said)


def _relevant(found: Sequence[_Notice], said: Said) -> list[_Notice]:
    if said.server_id is not None:
        # an answer for one server is none for all of a project's
        found = [
            one for one in found if said.server_id in one.servers and one.row.data.get("actions")
        ]
    elif said.actions:
        asked = {server for one in found for server in one.servers}
        foreign = sorted(set(said.actions) - asked)
        if found and foreign:
            raise _not_asked_about(foreign[0])
        # what it does not name it may not have heard of yet
        found = [one for one in found if not said.actions.keys().isdisjoint(one.servers)]
        by_server = {
            server: one
            for one in sorted(found, key=_age)
            for server in one.servers
            if server in said.actions
        }
        newest = {one.id for one in by_server.values()}
        return [one for one in found if one.id in newest]
    open_now = [one for one in found if one.row.status == NoticeStatus.OPEN.value]
    if open_now:
        return open_now
    return [max(found, key=_age)] if found else []


def _age(one: _Notice) -> tuple[dt.datetime, str]:
    return one.row.created_at, one.id


# -- what is wrong with it ---------------------------------------------------------


def _check_actions(found: Sequence[_Notice], said: Said) -> None:
    """:raises Problem: 400 naming the field"""
    for one in found:
        offered = one.row.data.get("actions", ())
        named = {
            f"instance_actions/{server}": action
            for server, action in said.actions.items()
            if server in one.servers
        }
        if said.action is not None:
            named["instance_action"] = said.action
        for field, action in named.items():
            if action not in offered:
                raise bad_field(
                    Code.INVALID,
                    field,
                    f"{action!r} is not offered; "
                    + (f"offered: {', '.join(offered)}" if offered else "nothing is, at this"),
                )


def _compare(one: _Notice, said: Said, granted: dt.datetime | None) -> None:
    """Note what is new in an answer.

    :raises Problem: 409 where it says something else than was said before
    """
    now_said = {
        server: _record(said, action, granted)
        for server, action in said.actions.items()
        if server in one.servers
    }
    now_said[said.server_id or REST] = _record(said, said.action, granted)
    for server, record in now_said.items():
        earlier = one.before.get(server)
        if earlier is None and server != REST:
            earlier = one.before.get(REST)
        if earlier is not None:
            if _meaning(earlier) != _meaning(record):
                raise _answered(server)
        elif server != REST or one.left_by(now_said):
            one.new[server] = record
        else:
            _agree(one, record, now_said)


def _agree(one: _Notice, record: Mapping[str, Any], named: Collection[str]) -> None:
    """Whoever is not named now was answered for by name before.

    :raises Problem: 409 where that is something else
    """
    for server, earlier in one.before.items():
        if server in named:
            continue
        same = record["action"] in (None, earlier.get("action"))
        if not same or record["ack"] != earlier.get("ack"):
            raise _answered(server)


def _record(said: Said, action: str | None, granted: dt.datetime | None) -> dict[str, Any]:
    return {
        "ack": said.ack,
        "action": action,
        "not_before": None if said.not_before is None else times.text(said.not_before),
        "later": None if granted is None else times.text(granted),
    }


def _meaning(record: Mapping[str, Any]) -> tuple[Any, ...]:
    return record.get("ack"), record.get("action"), record.get("not_before")


def _look_at_clock(one: _Notice, now: dt.datetime) -> None:
    until = deadline(one.row)
    closed = one.row.status != NoticeStatus.OPEN.value
    one.is_late = bool(one.new) and (closed or (until is not None and now > until))


def _granted(
    service: Service,
    transaction: Transaction,
    found: Sequence[_Notice],
    said: Said,
    now: dt.datetime,
) -> tuple[dt.datetime | None, list[str]]:
    """The later time that may be had, and whether that is less than was wished for."""
    wish = said.not_before
    if wish is None or wish <= now:
        return None, []
    if not said.ack or not any(one.row.data.get("actions") for one in found):
        # there is nothing that could be done later
        return None, ["not_before"]
    about = {server for one in found for server in one.addressed(said)}
    most, end = session_views.postponements(
        transaction.connection, said.session_id, about if len(about) <= bulk.ROWS else ()
    )
    policy = service.conf.sessions
    if most >= policy.max_postponements:
        return None, ["not_before"]
    latest = now.replace(microsecond=0) + dt.timedelta(seconds=policy.max_postpone)
    granted = min(wish, latest) if end is None else min(wish, latest, end)
    return granted, [] if granted == wish else ["not_before"]


# -- what is kept of it ------------------------------------------------------------


def _store(
    service: Service,
    transaction: Transaction,
    taken: Sequence[_Notice],
    said: Said,
    granted: dt.datetime | None,
    now: dt.datetime,
) -> None:
    later = None if granted is None else times.text(granted)
    rows = [
        {
            "session_id": said.session_id,
            "kind": "reply",
            "data": {
                "notice_id": one.id,
                "ack": said.ack,
                "actions": {
                    server: record["action"]
                    for server, record in one.new.items()
                    if server not in (REST, said.server_id) and record["action"] is not None
                },
                "action": said.action,
                "server_id": said.server_id,
                "later": later,
                "said": _for_operators(one, said, later),
            },
            "created_at": now,
        }
        for one in taken
    ]
    bulk.insert(transaction, inputs, rows)
    _write_replies(transaction, taken, now)
    transaction.after_commit(service.session_news.set)


def _for_operators(one: _Notice, said: Said, later: str | None) -> dict[str, Any]:
    """What operators are told of an answer, once the session has decided on it.

    Not here: events are numbered one after the other, and answers come by thousands at the
    same moment.  What was taken is stored all the same.
    """
    told = {
        "from_project": said.project_id,
        "state": said.state,
        "actor": event.cut(said.actor),
        "notice_id": one.id,
        "servers_count": len(one.servers) if REST in one.new else len(one.new),
    }
    return told if later is None else told | {"not_before": later}


def _write_replies(transaction: Transaction, taken: Sequence[_Notice], now: dt.datetime) -> None:
    """One statement for all notices of which the same was said."""
    left = list(taken)
    while left:
        after = left[0].after
        same = [one for one in left if one.after == after]
        left = [one for one in left if one.after != after]
        for chunk in bulk.batched_keys([one.id for one in same]):
            transaction.execute(_WRITE, {"ids": chunk, "now": now, "said": after})


def _answer(
    found: Sequence[_Notice], said: Said, granted: dt.datetime | None, clipped: list[str]
) -> dict[str, Any]:
    """What is on record now, for the servers that were answered about."""
    actions: dict[str, str] = {}
    late: list[str] = []
    later = None if granted is None else times.text(granted)
    for one in found:
        if one.is_late:
            late += [server for server in one.addressed(said) if server not in one.before]
            continue
        for server in one.addressed(said):
            record = one.after.get(server) or one.after.get(REST) or {}
            if record.get("action"):
                actions[server] = record["action"]
            if not one.new and record.get("later"):
                later = record["later"]
    return {
        "session_id": said.session_id,
        "project_id": said.project_id,
        "state": said.state,
        "instance_actions": actions,
        "not_before": later,
        "clipped": clipped,
        "late": sorted(late),
    }


# -- refusals ----------------------------------------------------------------------


def _not_asked_about(server_id: str) -> Problem:
    return bad_field(
        Code.INVALID,
        f"instance_actions/{server_id}",
        "is none of the servers that are asked about",
    )


def _answered(server: str) -> Problem:
    about = "" if server == REST else f" for instance {server}"
    return Problem(
        409,
        Code.ALREADY_ANSWERED,
        f"Another answer was taken before{about}; it stands.",
    )


def _late(one: _Notice) -> Problem:
    if one.row.status == NoticeStatus.OVERRIDDEN.value:
        words = "an operator went on without it"
    else:
        until = deadline(one.row)
        words = "its time was over" + (
            f" at {times.text(until.replace(microsecond=0))}" if until else ""
        )
    return Problem(409, Code.REPLY_LATE, f"The answer comes too late: {words}.")


def _nothing(transaction: Transaction, said: Said) -> Problem:
    """Why there is nothing to answer: what a project was never told of does not exist for it."""
    told = session_views.told(transaction.connection, said.session_id, said.project_id)
    if told is None or (said.server_id is not None and said.server_id not in told):
        return not_found("maintenance session")
    waiting = session_views.open_notices(transaction.connection, said.session_id, said.project_id)
    if said.server_id is not None:
        waiting = [
            row
            for row in waiting
            if said.server_id in row.data.get("servers", ()) and row.data.get("actions")
        ]
    states = list(dict.fromkeys(row.state for row in waiting))
    now = (
        f"awaited now: {' or '.join(f'ACK_{state}, NACK_{state}' for state in states)}"
        if states
        else "nothing is awaited now"
    )
    return Problem(409, Code.NOT_AWAITED, f"No {said.state} is awaited; {now}.")
