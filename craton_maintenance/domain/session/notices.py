"""Notices: asking projects, their deadlines, their answers, and what silence means.

The time to answer runs from the confirmed hand-over: the broker has taken the notice, or
the project has read it.  Until then nothing is decided by default.
"""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Sequence

from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session import actions, telling
from craton_maintenance.domain.session.draft import Draft
from craton_maintenance.domain.session.inputs import Reply
from craton_maintenance.domain.session.known import Constraint
from craton_maintenance.domain.session.records import Notice, Server
from craton_maintenance.domain.session.states import (
    SERVER_OVER,
    Blocker,
    Chosen,
    NoticeStatus,
    ServerState,
    State,
    Workflow,
)

#: Part of the time to answer after which a notice is sent once more.
_REMIND_AFTER = 0.5

#: Application managers scale in again on every copy of it.
_NEVER_REPEATED = frozenset({State.SCALE_IN.value})


def seconds_for(draft: Draft, state: str) -> float:
    """The time to answer a notice of this state."""
    policy = draft.policy
    return {
        State.MAINTENANCE.value: policy.reply_maintenance,
        State.SCALE_IN.value: policy.reply_scale_in,
        State.MAINTENANCE_COMPLETE.value: policy.reply_complete,
    }.get(state, policy.reply_actions)


def ask_project(
    draft: Draft,
    state: State,
    project_id: str,
    servers: Sequence[str],
    actions_at: dt.datetime | None = None,
) -> Notice:
    """Ask a project about all of its servers in the session."""
    seconds = seconds_for(draft, state.value)
    one = Notice(
        id=draft.new_notice_id(),
        project_id=project_id,
        state=state.value,
        servers=tuple(servers),
        created_at=draft.now,
        reply_seconds=seconds,
        reply_at=draft.later(seconds),
        actions_at=actions_at,
    )
    return _send(draft, one)


def inform(draft: Draft, state: State, project_id: str, servers: Sequence[str]) -> None:
    """Tell a project something that needs no answer."""
    one = Notice(
        id=draft.new_notice_id(),
        project_id=project_id,
        state=state.value,
        servers=tuple(servers),
        created_at=draft.now,
        status=NoticeStatus.INFORMATION,
    )
    _send(draft, one)


def ask_servers(draft: Draft, state: State, host: HostKey, servers: Iterable[Server]) -> None:
    """Ask the owners of servers on a host what is to happen to each.

    One notice for a project, or under workflow ``vnf`` for each server.
    """
    by_notice: dict[tuple[str, str | None], list[Server]] = {}
    for server in sorted(servers, key=lambda one: one.id):
        alone = server.id if draft.session.workflow is Workflow.VNF else None
        by_notice.setdefault((server.project_id, alone), []).append(server)
    for (project_id, server_id), some in sorted(
        by_notice.items(), key=lambda one: (one[0][0], one[0][1] or "")
    ):
        seconds = seconds_for(draft, state.value)
        if any(server.late for server in some):
            seconds = min(seconds, draft.policy.late_server_wait)
        lead = max(lead_time(draft, server.id) for server in some)
        one = Notice(
            id=draft.new_notice_id(),
            project_id=project_id,
            state=state.value,
            servers=tuple(server.id for server in some),
            created_at=draft.now,
            server_id=server_id,
            host=host,
            reply_seconds=seconds,
            reply_at=draft.later(seconds),
            actions_at=draft.later(seconds + lead),
            actions=actions.offered(draft.known, project_id),
        )
        _send(draft, one)
        for server in some:
            draft.server(server.id, state=ServerState.ASKED, notice_id=one.id, problem=None)


def lead_time(draft: Draft, server_id: str) -> float:
    """Seconds of notice that a server's owner has asked for, as granted."""
    return draft.known.constraints.get(server_id, Constraint()).lead_time


def _send(draft: Draft, one: Notice) -> Notice:
    draft.notices[one.id] = one
    draft.changes += 1
    known = draft.projects.get(one.project_id, ())
    draft.projects[one.project_id] = tuple(sorted({*known, *one.servers}))
    telling.notice(draft, one)
    return one


def open_ones(draft: Draft, *states: State) -> list[Notice]:
    """Notices that may still be answered, of these states or all."""
    wanted = {state.value for state in states}
    return [
        one
        for _, one in sorted(draft.notices.items())
        if one.status is NoticeStatus.OPEN and (not wanted or one.state in wanted)
    ]


def close(draft: Draft, notices: Iterable[Notice], status: NoticeStatus) -> None:
    """Nobody has to answer these any more."""
    for one in notices:
        draft.notice(one.id, status=status)


# -- what comes in -------------------------------------------------------------------


def take_reply(draft: Draft, reply: Reply) -> None:
    """An answer, which was checked against its deadline when it was taken."""
    if reply.said:
        telling.replied(draft, reply)
    one = draft.notices.get(reply.notice_id)
    if one is None or one.status is not NoticeStatus.OPEN:
        return
    if one.state not in telling.ASKS_FOR_ACTIONS:
        _answered(draft, one, reply)
        return
    about = one.servers if reply.server_id is None else (reply.server_id,)
    left = set(one.servers) - set(one.answered)
    for server_id in about:
        if server_id not in left:
            continue
        left.discard(server_id)
        if reply.ack:
            decide(draft, server_id, reply.actions.get(server_id, reply.action), reply.later)
        else:
            refused(draft, one, [server_id])
    answered = tuple(sorted(set(one.servers) - left))
    status = NoticeStatus.OPEN if left else NoticeStatus.ANSWERED
    draft.notice(one.id, answered=answered, status=status)


def _answered(draft: Draft, one: Notice, reply: Reply) -> None:
    draft.notice(one.id, status=NoticeStatus.ANSWERED)
    if not reply.ack:
        refused(draft, one, ())


def stale(draft: Draft, notice_id: str) -> None:
    """It was not published, as its time was over or nearly: ask again, with new deadlines."""
    one = draft.notices.get(notice_id)
    if one is None or one.status is not NoticeStatus.OPEN or one.delivered_at is not None:
        return
    draft.notice(one.id, status=NoticeStatus.SUPERSEDED)
    lead = dt.timedelta()
    if one.actions_at is not None and one.reply_at is not None:
        lead = max(lead, one.actions_at - one.reply_at)
    reply_at = draft.later(one.reply_seconds)
    again = dataclasses.replace(
        one,
        id=draft.new_notice_id(),
        created_at=draft.now,
        reply_at=reply_at,
        actions_at=None if one.actions_at is None else max(one.actions_at, reply_at + lead),
        reminded_at=None,
    )
    _send(draft, again)
    for server_id in one.servers:
        server = draft.servers.get(server_id)
        if server is not None and server.notice_id == one.id:
            draft.server(server_id, notice_id=again.id)


def override(draft: Draft, notices: Iterable[Notice]) -> None:
    """An operator goes on without the answers; the defaults apply at once."""
    for one in notices:
        draft.notice(one.id, status=NoticeStatus.OVERRIDDEN)
        _by_default(draft, one, waits=False)


def tick(draft: Draft) -> None:
    """What the clock brings: reminders, and defaults for those who did not answer."""
    for one in open_ones(draft):
        deadline = one.deadline
        if deadline is None or one.delivered_at is None:
            if not _decides(one) and one.reply_at is not None and draft.now >= one.reply_at:
                # still handed over when that is possible, and waited for no longer
                draft.notice(one.id, status=NoticeStatus.INFORMATION)
            continue
        if draft.now >= deadline:
            draft.notice(one.id, status=NoticeStatus.DEFAULTED)
            silent(draft, one)
        elif one.reminded_at is None and draft.now >= remind_at(one, one.delivered_at):
            draft.notice(one.id, reminded_at=draft.now)
            if one.state not in _NEVER_REPEATED:
                telling.notice(draft, draft.notices[one.id])


def _decides(one: Notice) -> bool:
    """Whether something depends on the answer: that all is done is only told."""
    return one.state != State.MAINTENANCE_COMPLETE.value


def remind_at(one: Notice, delivered_at: dt.datetime) -> dt.datetime:
    """When a notice that nobody has answered is sent once more."""
    return delivered_at + dt.timedelta(seconds=one.reply_seconds * _REMIND_AFTER)


def due(one: Notice) -> dt.datetime | None:
    """When the clock next does something about an open notice."""
    if one.delivered_at is None or one.deadline is None:
        return None if _decides(one) else one.reply_at
    return one.deadline if one.reminded_at else remind_at(one, one.delivered_at)


# -- what it means -------------------------------------------------------------------


def refused(draft: Draft, one: Notice, servers: Sequence[str]) -> None:
    """A project said no."""
    _by_policy(draft, draft.policy.on_nack, one, servers, "said no")


def silent(draft: Draft, one: Notice) -> None:
    """A project did not answer in time."""
    left = [server for server in one.servers if server not in one.answered]
    _by_policy(draft, draft.policy.on_silence, one, left, "did not answer in time")


def _by_policy(draft: Draft, policy: str, one: Notice, servers: Sequence[str], what: str) -> None:
    """Never by failing everything: the default, without the host, or the operator's word."""
    words = f"project {one.project_id} {what} ({one.state})"
    if policy == "pause":
        draft.refusals.append((Blocker.REFUSED_BY_PROJECT, words))
        _by_default(draft, one, waits=True, only=servers)
    elif policy == "skip":
        draft.skip.update(_hosts_of(draft, one))
        _by_default(draft, one, waits=True, only=servers)
    else:
        _by_default(draft, one, waits=True, only=servers)


def _hosts_of(draft: Draft, one: Notice) -> set[HostKey]:
    if one.host is not None:
        return {one.host}
    return {
        seen.host
        for server_id in one.servers
        if (seen := draft.known.servers.get(server_id)) is not None
        and seen.host is not None
        and seen.host in draft.hosts
    }


def _by_default(draft: Draft, one: Notice, waits: bool, only: Sequence[str] | None = None) -> None:
    if one.state not in telling.ASKS_FOR_ACTIONS:
        return
    for server_id in one.servers if only is None else only:
        if server_id in one.answered:
            continue
        decide(draft, server_id, None, None)
        lead = lead_time(draft, server_id)
        if waits and lead and one.delivered_at is not None:
            # who says nothing has the notice that was promised; who agrees waives it
            draft.server(server_id, not_before=one.delivered_at + dt.timedelta(seconds=lead))


def decide(draft: Draft, server_id: str, reply: str | None, later: dt.datetime | None) -> None:
    """What happens to a server is known now."""
    server = draft.servers.get(server_id)
    if server is None or server.state in SERVER_OVER or server.state is ServerState.ACTING:
        return
    choice = actions.choose(draft.known, server, reply)
    if server.asked_again and choice.by is not Chosen.REPLY:
        draft.block_server(
            server_id,
            Blocker.MOVE_FAILED,
            f"the move of {server_id} did not end, and its owner has not chosen another action",
            state=ServerState.BLOCKED,
        )
        return
    not_before = granted(draft, server, later)
    draft.server(
        server_id,
        state=ServerState.READY,
        action=choice.action,
        chosen_by=choice.by,
        not_before=not_before,
        postponed=server.postponed + (not_before is not None),
        problem=None,
        attempts=0,
        aborted=False,
        todo=(),
        own_until=_own_until(draft, server),
    )


def _own_until(draft: Draft, server: Server) -> dt.datetime | None:
    """Until when its owner may act on it: as was said, and while an answer is taken anyway."""
    one = draft.notices.get(server.notice_id or "")
    if one is None or one.actions_at is None:
        return None
    return max(one.actions_at, one.deadline or one.actions_at)


def granted(draft: Draft, server: Server, later: dt.datetime | None) -> dt.datetime | None:
    """A wish for a later time, within the operator's caps and the window."""
    if later is None or later <= draft.now:
        return None
    if server.postponed >= draft.policy.max_postponements:
        return None
    latest = draft.later(draft.policy.max_postpone)
    closes = draft.known.window.closes
    return min(later, latest) if closes is None else min(later, latest, closes)
