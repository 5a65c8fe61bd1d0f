"""What has to be so once a session is over, whatever happened on the way."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import tables
from craton_maintenance.db.database import Database
from craton_maintenance.domain.session.states import HostState, NoticeStatus, State
from craton_maintenance.domain.session.steps import StepStatus
from tests.sessions.outside import CALLS, CHOICES, HOSTS, Outside
from tests.support import history

#: How often a server moves for what its owner has chosen.
_MOVES = {"LIVE_MIGRATE": 1, "MIGRATE": 1, "NOTHING": 0}

#: Calls of Nova as its records of what was asked of servers have them.
_ACTIONS = {
    "os-migrateLive": "live-migration",
    "migrate": "migrate",
    "confirmResize": "confirmResize",
    "os-stop": "stop",
    "os-start": "start",
}

_ENDS = ("MAINTENANCE_COMPLETE", "MAINTENANCE_FAILED", "RETIRED")


def problems(outside: Outside, database: Database) -> list[str]:
    """What is not as it has to be, in words."""
    found = list(outside.complaints)
    found += _in_the_cloud(outside)
    found += _of_host_work(outside)
    found += _in_the_database(database)
    found += _of_answers(outside, database)
    found += _of_history(outside, database)
    return found


def _in_the_cloud(outside: Outside) -> Iterator[str]:
    cloud = outside.cloud
    for host in cloud.hosts.values():
        if host.disabled:
            yield f"{host.name} is disabled still: {host.disabled_reason!r}"
    us = next(user.id for user in cloud.users.values() if user.name == "maintenance")
    effective = Counter(
        (server.name, action.name)
        for server in cloud.servers.values()
        for action in server.actions
        if action.user_id == us
    )
    wanted = Counter(
        {
            (name, _ACTIONS[action]): 1
            for name, choice in CHOICES.items()
            for action in CALLS[choice]
        }
    )
    if effective != wanted:
        yield f"actions: {effective - wanted} too many, {wanted - effective} too few"
    by_name = {server.name: server for server in cloud.servers.values()}
    for name, choice in CHOICES.items():
        server = by_name.get(name)
        if server is None or server.vm_state != "active" or server.task_state:
            yield f"{name} is {server and (server.vm_state, server.task_state)}"
            continue
        made = [one.status for one in cloud.migrations_of.get(server.id, ())]
        if len(made) != _MOVES[choice] or not set(made) <= {"completed", "confirmed"}:
            yield f"{name} moved {made}"


def _of_host_work(outside: Outside) -> Iterator[str]:
    if sorted(outside.worked_on()) != list(HOSTS):
        yield f"work was done on {outside.worked_on()}"


def _in_the_database(database: Database) -> Iterator[str]:
    with database.read() as connection:
        state = connection.execute(sa.select(tables.sessions.c.state)).scalar_one()
        hosts = connection.execute(sa.select(tables.session_hosts.c.state)).scalars().all()
        steps = connection.execute(sa.select(tables.steps)).all()
        inputs = connection.execute(sa.select(tables.inputs)).all()
        holds = connection.execute(sa.select(tables.session_holds)).all()
        notices = connection.execute(sa.select(tables.notices)).all()
    if state != State.MAINTENANCE_DONE:
        yield f"the session is {state}"
    if hosts != [HostState.RETURNED] * len(HOSTS):
        yield f"hosts are {hosts}"
    left = [
        (one.kind, one.status)
        for one in steps
        if one.status not in (StepStatus.ENDED, StepStatus.DROPPED)
    ]
    if left:
        yield f"steps are left: {left}"
    if inputs or holds:
        yield f"{len(inputs)} inputs and {len(holds)} holds are left"
    unanswered = [
        (one.state, one.status)
        for one in notices
        if one.status
        not in (NoticeStatus.ANSWERED, NoticeStatus.INFORMATION, NoticeStatus.SUPERSEDED)
    ]
    if unanswered:
        yield f"notices: {unanswered}"


def _of_answers(outside: Outside, database: Database) -> Iterator[str]:
    """Each notice that wants an answer got one, which the session has heard once."""
    answered = Counter(
        request.key for request, _, _ in outside.answers if request.key.startswith("answer ")
    )
    twice = [key for key, count in answered.items() if count > 1]
    if twice:
        yield f"answered more than once: {twice}"
    with database.read() as connection:
        ids = connection.execute(
            sa.select(tables.notices.c.id).where(
                tables.notices.c.reply_at.is_not(None),
                tables.notices.c.status != NoticeStatus.SUPERSEDED.value,
            )
        ).scalars()
        for notice in ids:
            if f"answer {notice}" not in answered:
                yield f"notice {notice} was not answered"
        told = Counter(
            row.payload["notice_id"]
            for row in connection.execute(
                sa.select(tables.events.c.payload).where(
                    tables.events.c.event_type == "maintenance.reply"
                )
            )
        )
    if any(count > 1 for count in told.values()):
        yield f"operators heard of an answer more than once: {told}"


def _of_history(outside: Outside, database: Database) -> Iterator[str]:
    try:
        stored = history.assert_complete(database)
        history.assert_delivered(stored, outside.messages)
    except AssertionError as error:
        yield f"history: {error!r:.500}"
        return
    done = Counter(
        outside.names[row.servers[0]]
        for row in stored
        if row.payload.get("state") == "INSTANCE_ACTION_DONE"
    )
    if done != Counter(CHOICES.keys()):
        yield f"told that the action is done: {done}"
    yield from _of_hosts(stored)


def _of_hosts(stored: list[Any]) -> Iterator[str]:
    """``IN_MAINTENANCE`` is followed by exactly one end."""
    said = defaultdict(list)
    for row in stored:
        if row.event_type == "maintenance.host":
            said[row.payload["host"]].append(row.payload["state"])
    for host in HOSTS:
        ends = [state for state in said[host] if state in ("IN_MAINTENANCE", *_ENDS)]
        if ends != ["IN_MAINTENANCE", "MAINTENANCE_COMPLETE"]:
            yield f"told of {host}: {said[host]}"
