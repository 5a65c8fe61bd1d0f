"""A server does not keep its host from being worked on any more."""

from craton_maintenance.domain.session import budget, notices, telling
from craton_maintenance.domain.session.draft import Draft
from craton_maintenance.domain.session.records import Server
from craton_maintenance.domain.session.states import (
    FLOW,
    SERVER_OVER,
    Blocker,
    NoticeStatus,
    ServerState,
)


def blocked_in_place(draft: Draft, server: Server) -> None:
    draft.block_server(
        server.id,
        Blocker.MOVE_FAILED,
        f"{server.action} of {server.id} ended, and it is still on the host",
        state=ServerState.BLOCKED,
    )
    back(draft, server.id)


def is_flow(server: Server) -> bool:
    return (server.action or "").startswith(FLOW)


def gone(draft: Draft, server: Server) -> None:
    """It is not on the host any more, whoever did that."""
    by_us = server.state is ServerState.ACTING or server.state is ServerState.OWN_ACTION
    draft.server(
        server.id,
        state=ServerState.GONE,
        todo=(),
        step=None,
        awaits_until=None,
        problem=None,
        # it runs again, or is others' to start where it is now
        stopped_by_us=False,
    )
    back(draft, server.id)
    if by_us:
        tell_done(draft, server)
    _not_asked_any_more(draft, server.id)


def _not_asked_any_more(draft: Draft, server_id: str) -> None:
    """A notice of which no server is left needs no answer."""
    for one in notices.open_ones(draft):
        if one.state not in telling.ASKS_FOR_ACTIONS or server_id not in one.servers:
            continue
        left = [
            other
            for other in one.servers
            if other not in one.answered and draft.servers[other].state not in SERVER_OVER
        ]
        if not left:
            draft.notice(one.id, status=NoticeStatus.ANSWERED)


def tell_done(draft: Draft, server: Server) -> None:
    if not draft.servers[server.id].told:
        draft.server(server.id, told=True)
        telling.action_done(draft, server.id, server.project_id)


def back(draft: Draft, server_id: str) -> None:
    server = draft.servers[server_id]
    if server.out and server.back_at is None:
        draft.server(server_id, back_at=draft.now)
        budget.tick(draft)
