"""What is known when a session is decided on: read once for the whole decision."""

import datetime as dt
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import bulk, session_holds, session_inputs, suppressions
from craton_maintenance.db import nova as inventory
from craton_maintenance.db import windows as window_store
from craton_maintenance.db.database import Transaction
from craton_maintenance.db.tables import (
    group_constraints,
    instance_constraints,
    nova_hosts,
    nova_migrations,
    nova_servers,
)
from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session.inputs import Input, StepEnded
from craton_maintenance.domain.session.known import (
    Adapter,
    Constraint,
    Flow,
    GroupConstraint,
    Known,
    Move,
    Policy,
    Seen,
    SeenHost,
    Window,
)
from craton_maintenance.domain.session.records import Session
from craton_maintenance.domain.session.states import (
    SERVER_OVER,
    UNDER_WAY,
    HostState,
    ServerState,
    State,
)
from craton_maintenance.domain.session.steps import Result, StepKind
from craton_maintenance.nova.notifications import host_id
from craton_maintenance.windows.telling import Speaker

#: Steps whose facts have ``servers``.
_LOOKED_AT_SERVERS = frozenset({StepKind.SURVEY_HOST, StepKind.PROVE_EMPTY})


# -- what steps have seen ------------------------------------------------------------


def note(transaction: Transaction, inputs: Iterable[Input], now: dt.datetime) -> None:
    """Write what steps saw of servers and services into the inventory.

    It is newer than what the last synchronisation saw; and a server that a survey has
    found must not count as gone because nobody else has seen it yet.
    """
    for one in inputs:
        if not isinstance(one, StepEnded):
            continue
        step, outcome = one.step, one.outcome
        if step.kind in _LOOKED_AT_SERVERS:
            _note_servers(transaction, step.host, outcome.facts.get("servers", ()), now)
            if outcome.facts.get("disabled") is False:
                _note_host(transaction, step.host, "enabled", None, now)
        elif step.kind is StepKind.DISABLE_HOST and outcome.result is Result.DONE:
            changed = bool(outcome.facts.get("changed"))
            reason = step.params["reason"] if changed else outcome.facts.get("reason")
            _note_host(transaction, step.host, "disabled", reason, now)
        elif step.kind is StepKind.ENABLE_HOST and outcome.facts.get("enabled"):
            _note_host(transaction, step.host, "enabled", None, now)


def _note_servers(
    transaction: Transaction, key: HostKey, found: Sequence[Mapping[str, Any]], now: dt.datetime
) -> None:
    rows, changed = {}, False
    for one in found:
        values = (
            one["project_id"],
            key.name,
            host_id(one["project_id"], key.name),
            str(one.get("name") or "")[:255],
            one["status"],
        )
        before = inventory.server(transaction.connection, key.region, one["id"])
        if before != values:
            rows[one["id"]] = values
            changed = changed or before is None or before[1] != key.name
    if not rows:
        return
    inventory.held_sync(transaction, key.region)
    inventory.write_servers(transaction, key.region, rows)
    for server_id in rows:
        _hear(transaction, key.region, inventory.A_SERVER, server_id, now)
    if changed:
        inventory.count_change(transaction, key.region)


def _note_host(
    transaction: Transaction, key: HostKey, status: str, reason: str | None, now: dt.datetime
) -> None:
    inventory.held_sync(transaction, key.region)
    transaction.execute(
        sa.update(nova_hosts)
        .where(nova_hosts.c.region == key.region, nova_hosts.c.host == key.name)
        .values(status=status, disabled_reason=reason)
    )
    _hear(transaction, key.region, inventory.A_HOST, key.name, now)


def _hear(transaction: Transaction, region: str, kind: str, name: str, now: dt.datetime) -> None:
    inventory.hear(
        transaction,
        {
            "region": region,
            "kind": kind,
            "name": name,
            "sent_at": now,
            "heard_at": now,
            "gone": False,
        },
    )


# -- what is known -------------------------------------------------------------------


def known(
    transaction: Transaction,
    session: Session,
    inputs: Sequence[Input],
    window: window_store.Row,
    *,
    now: dt.datetime,
    policy: Policy,
    speaker: Speaker,
    flows: Mapping[str, Flow],
    adapters: Mapping[str, Adapter],
) -> Known:
    """Everything that a decision about a session may depend on, beside the session."""
    connection = transaction.connection
    under_way = [key for key, host in session.hosts.items() if host.state in UNDER_WAY]
    surveyed = [
        fact
        for one in inputs
        if isinstance(one, StepEnded) and one.step.kind in _LOOKED_AT_SERVERS
        for fact in one.outcome.facts.get("servers", ())
    ]
    ids = {server.id for server in session.servers.values()} | {one["id"] for one in surveyed}
    constraints = _constraints(connection, ids)
    groups = _groups(session, surveyed, constraints)
    granted = _group_constraints(connection, groups)
    times = window_store.times_of(window)
    target = None
    if window.target_host is not None:
        target = HostKey(window.target_region, window.target_host)
    return Known(
        now=now,
        window=Window(
            opens=times.opens,
            closes=window.end_at,
            approved=bool(window.approved),
            retire=bool(window.retire),
            target=target,
        ),
        policy=policy,
        public_url=speaker.public_url,
        admin_project_id=speaker.admin_project_id,
        parts=session_inputs.untold(connection, session)
        if session.state is State.MAINTENANCE
        else {},
        servers=_seen(connection, session, under_way, _asked_in_common(session, policy)),
        moves=_moves(connection, session),
        hosts=_hosts(connection, session, under_way),
        constraints=constraints,
        groups=granted,
        elsewhere=_elsewhere(
            session_holds.members_elsewhere(connection, session.id, groups), granted, now
        ),
        held=session_holds.held_by_others(connection, session.id),
        flows=flows,
        adapters=adapters,
        suppressions=suppressions.known(connection, session.id) if adapters else {},
    )


def _asked_in_common(session: Session, policy: Policy) -> set[str]:
    """Servers whose hosts may be left out, as their owner is asked about all of them."""
    if "skip" not in (policy.on_nack, policy.on_silence):
        return set()
    asked = [one.servers for one in session.notices.values() if one.host is None]
    return {server_id for some in asked for server_id in some}


# Decisions are many: what they read with is put together once.
_some: sa.BindParameter[Sequence[str]] = sa.bindparam("some", expanding=True)
_SERVER = sa.select(
    nova_servers.c.region,
    nova_servers.c.id,
    nova_servers.c.project_id,
    nova_servers.c.host,
    nova_servers.c.status,
    nova_servers.c.name,
)
_SERVERS_ON = _SERVER.where(nova_servers.c.host.in_(_some))
_SERVERS = _SERVER.where(nova_servers.c.id.in_(_some))
_MIGRATIONS = sa.select(nova_migrations).where(nova_migrations.c.server_id.in_(_some))
_SERVICES = sa.select(nova_hosts).where(nova_hosts.c.host.in_(_some))
_OF_INSTANCES = sa.select(instance_constraints).where(
    instance_constraints.c.instance_id.in_(_some)
)
_OF_GROUPS = sa.select(group_constraints).where(group_constraints.c.group_id.in_(_some))


def _seen(
    connection: sa.Connection,
    session: Session,
    under_way: Collection[HostKey],
    also: Collection[str],
) -> dict[str, Seen]:
    """Servers on hosts under way, those that were there, and others."""
    rows: list[sa.Row[Any]] = []
    for chunk in bulk.batched_keys(sorted({key.name for key in under_way})):
        rows += connection.execute(_SERVERS_ON, {"some": chunk})
    there = {row.id for row in rows}
    away = {
        server_id
        for server in session.servers.values()
        if server.state is not ServerState.GONE
        for server_id in (server.id, *server.apart)
    }
    for chunk in bulk.batched_keys(sorted((away | set(also)) - there)):
        rows += connection.execute(_SERVERS, {"some": chunk})
    regions = {key.region for key in session.hosts}
    return {
        row.id: Seen(
            row.id,
            row.project_id,
            None if row.host is None else HostKey(row.region, row.host),
            row.status,
            row.name,
        )
        for row in rows
        if row.region in regions
    }


def _moves(connection: sa.Connection, session: Session) -> dict[str, Move]:
    there = sorted(
        server.id for server in session.servers.values() if server.state not in SERVER_OVER
    )
    return {
        row.server_id: Move(row.migration_id, row.type, row.status)
        for chunk in bulk.batched_keys(there)
        for row in connection.execute(_MIGRATIONS, {"some": chunk})
    }


def _hosts(
    connection: sa.Connection, session: Session, under_way: Collection[HostKey]
) -> dict[HostKey, SeenHost]:
    """Services of hosts under way, or where there is none of those that may be taken."""
    wanted = under_way or [
        key for key, host in session.hosts.items() if host.state is HostState.PLANNED
    ]
    return {
        HostKey(row.region, row.host): SeenHost(
            enabled=row.status == "enabled",
            up=row.state == "up" and not row.forced_down,
            disabled_reason=row.disabled_reason,
        )
        for chunk in bulk.batched_keys(sorted({key.name for key in wanted}))
        for row in connection.execute(_SERVICES, {"some": chunk})
    }


def _constraints(connection: sa.Connection, ids: Collection[str]) -> dict[str, Constraint]:
    return {
        row.instance_id: Constraint(
            group_id=row.group_id,
            action=row.data.get("action"),
            lead_time=float(row.data.get("lead_time") or 0.0),
            max_interruption_time=row.data.get("max_interruption_time"),
        )
        for chunk in bulk.batched_keys(sorted(ids))
        for row in connection.execute(_OF_INSTANCES, {"some": chunk})
    }


def _groups(
    session: Session,
    surveyed: Iterable[Mapping[str, Any]],
    constraints: Mapping[str, Constraint],
) -> set[str]:
    found = {server.group_id for server in session.servers.values()}
    found |= {one.get("group_id") for one in surveyed}
    found |= {constraint.group_id for constraint in constraints.values()}
    return {group for group in found if group is not None}


def _elsewhere(
    members: Iterable[tuple[str, dt.datetime | None]],
    groups: Mapping[str, GroupConstraint],
    now: dt.datetime,
) -> dict[str, int]:
    """Members that are out in other sessions, by group: those that rest count, too."""
    found: Counter[str] = Counter()
    for group, back_at in members:
        rest = dt.timedelta(seconds=groups.get(group, GroupConstraint()).recovery_time)
        if back_at is None or now < back_at + rest:
            found[group] += 1
    return found


def _group_constraints(
    connection: sa.Connection, ids: Collection[str]
) -> dict[str, GroupConstraint]:
    return {
        row.group_id: GroupConstraint(
            max_impacted_members=max(1, int(row.data.get("max_impacted_members") or 1)),
            recovery_time=float(row.data.get("recovery_time") or 0.0),
            action=row.data.get("action"),
        )
        for chunk in bulk.batched_keys(sorted(ids))
        for row in connection.execute(_OF_GROUPS, {"some": chunk})
    }
