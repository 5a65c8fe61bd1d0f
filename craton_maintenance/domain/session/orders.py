"""What operators order: pause, resume, abort, retry, override, confirm, skip, evacuate."""

from craton_maintenance.domain.session import hosts, notices, phases, quiet, servers, telling
from craton_maintenance.domain.session.draft import Draft
from craton_maintenance.domain.session.inputs import Order
from craton_maintenance.domain.session.states import (
    ABORTED,
    BEFORE_WORK,
    IN_WORK,
    UNDER_WAY,
    Blocker,
    NoticeStatus,
    State,
)


def take(draft: Draft, order: Order) -> None:
    handler = {
        "pause": _pause_ordered,
        "resume": _resume_ordered,
        "abort": _abort_ordered,
        "retry": _retry_ordered,
        "override": _override_ordered,
        "confirm": _confirm_ordered,
        "skip": _skip_ordered,
        "evacuate": _evacuate_ordered,
    }.get(order.command)
    if handler is not None:
        handler(draft, order)


def _pause_ordered(draft: Draft, order: Order) -> None:
    words = f"by {order.actor}" + (f": {order.reason}" if order.reason else "")
    phases.pause(draft, Blocker.PAUSED_BY_OPERATOR, words)


def _resume_ordered(draft: Draft, order: Order) -> None:
    if draft.session.state is State.PAUSED and draft.session.resume_state is not None:
        for host in draft.hosts_in(*BEFORE_WORK):
            hosts.forgive(draft, host)
        phases.go_on(draft, draft.session.resume_state)


def _abort_ordered(draft: Draft, order: Order) -> None:
    if draft.session.aborting:
        return
    words = f"by {order.actor}" + (f": {order.reason}" if order.reason else "")
    draft.set(aborting=True, reason=ABORTED, words=words)
    for one in notices.open_ones(draft):
        draft.notice(one.id, status=NoticeStatus.OVERRIDDEN)


def _retry_ordered(draft: Draft, order: Order) -> None:
    """Try again what is blocked: a server, a host with its servers, or everything."""
    if order.server_id is not None:
        server = draft.servers.get(order.server_id)
        if server is not None:
            servers.retry(draft, server, order.action)
        return
    for key, host in list(draft.hosts.items()):
        if order.host not in (None, key) or host.state not in UNDER_WAY:
            continue
        if host.step is None:
            hosts.retry(draft, host)
        for server in draft.servers_of(key):
            if server.problem is not None:
                servers.retry(draft, server, order.action)
    if order.host is None:
        draft.set(problem=None, scale_in_rounds=0)
        _resume_ordered(draft, order)


def _override_ordered(draft: Draft, order: Order) -> None:
    """Go on without the answers that are waited for; the event of the order is the record."""
    chosen = [
        one
        for one in notices.open_ones(draft)
        if (order.host is None or one.host == order.host)
        and (order.server_id is None or order.server_id in one.servers)
    ]
    notices.override(draft, chosen)
    for key, host in list(draft.hosts.items()):
        if order.host in (None, key) and order.server_id is None:
            quiet.waive(draft, host, order.actor)
    telling.session(draft, "OVERRIDDEN", f"by {order.actor}: {order.reason}")


def _confirm_ordered(draft: Draft, order: Order) -> None:
    for key, host in list(draft.hosts.items()):
        if order.host in (None, key) and host.step is None and host.state in UNDER_WAY:
            hosts.confirm(draft, host)
    telling.session(draft, "CONFIRMED", f"by {order.actor}: {order.reason}")


def _skip_ordered(draft: Draft, order: Order) -> None:
    if order.host is not None and order.host in draft.hosts:
        host = draft.hosts[order.host]
        if host.state in IN_WORK:
            if host.step is None and host.problem is not None:
                hosts.fail(draft, host, f"given up by {order.actor}")
        else:
            draft.skip.add(order.host)


def _evacuate_ordered(draft: Draft, order: Order) -> None:
    host = draft.hosts.get(order.host) if order.host is not None else None
    if host is not None and hosts.evacuate(draft, host, order.actor):
        words = f"{host.key.name} by {order.actor}: {order.reason}"
        telling.session(draft, "EVACUATION", words)
