"""Servers that are found on a host: new ones are asked about, each once."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session import endings, notices, telling
from craton_maintenance.domain.session.draft import Draft
from craton_maintenance.domain.session.known import Seen
from craton_maintenance.domain.session.records import Host, Server
from craton_maintenance.domain.session.states import (
    FLOW,
    SERVER_OVER,
    Action,
    Blocker,
    HostState,
    ServerState,
    State,
)

#: A host in one of these is being emptied, or is empty.
EMPTIED = frozenset({HostState.DRAINING, HostState.DRAINED})

#: Nova's policy of groups whose members share no host.
_APART = "anti-affinity"


def appeared(
    draft: Draft,
    host: Host,
    facts: Sequence[Mapping[str, Any]],
    groups: Sequence[Mapping[str, Any]] = (),
) -> None:
    """A survey, or a failed proof, has shown these servers on a host: ask for the new ones.

    :param groups: Nova's, that have a member among them
    """
    there = {fact["id"] for fact in facts}
    for server in draft.servers_of(host.key):
        if server.id not in there and server.state not in SERVER_OVER:
            endings.gone(draft, server)
    asked = []
    for fact in sorted(facts, key=lambda one: str(one["id"])):
        before = draft.servers.get(fact["id"])
        if before is not None and before.host == host.key and before.state not in SERVER_OVER:
            draft.server(before.id, status=fact["status"], locked=bool(fact.get("locked")))
            continue
        if before is not None and before.host == host.key and before.state is ServerState.LEFT:
            continue
        server = _new(draft, host, fact, groups)
        server = _still_out(before, server)
        draft.add_server(server)
        asked.append(server)
    if asked:
        phase = host.phase or State.PLANNED_MAINTENANCE
        notices.ask_servers(draft, phase, host.key, asked)


def _still_out(before: Server | None, server: Server) -> Server:
    """A server that its group counts as out still does, wherever it has turned up again."""
    if before is None or not before.out:
        return server
    return dataclasses.replace(
        server, out=True, out_since=before.out_since, back_at=before.back_at
    )


def _new(
    draft: Draft, host: Host, fact: Mapping[str, Any], groups: Sequence[Mapping[str, Any]]
) -> Server:
    constraint = draft.known.constraints.get(fact["id"])
    group_id = fact.get("group_id")
    if constraint is not None and constraint.group_id is not None:
        group_id = constraint.group_id
    return Server(
        id=fact["id"],
        project_id=fact["project_id"],
        host=host.key,
        name=fact.get("name") or "",
        status=fact["status"],
        size=tuple(fact.get("size") or (0, 0, 0)),
        group_id=group_id,
        apart=tuple(
            sorted(
                member
                for group in groups
                if group["policy"] == _APART and fact["id"] in group["members"]
                for member in group["members"]
                if member != fact["id"]
            )
        ),
        locked=bool(fact.get("locked")),
        late=host.surveyed,
        hints=_hints(fact),
        migration_before=int(fact.get("migration") or 0),
    )


def _hints(fact: Mapping[str, Any]) -> dict[str, str]:
    """What metadata and tags of a server say about it."""
    found = {}
    metadata = fact.get("metadata") or {}
    if metadata.get("maintenance:flow"):
        found["metadata"] = f"{FLOW}{metadata['maintenance:flow']}"
    elif metadata.get("maintenance:action"):
        found["metadata"] = str(metadata["maintenance:action"]).upper()
    for tag in fact.get("tags") or ():
        key, _, value = str(tag).partition("=")
        if key == "maintenance:flow":
            found["tag"] = f"{FLOW}{value}"
        elif key == "maintenance:action":
            found.setdefault("tag", value.upper())
    return found


def run_again(draft: Draft, facts: Sequence[Mapping[str, Any]]) -> None:
    """Servers that were to stay stopped do not: stopped again, then somebody is asked."""
    for fact in facts:
        server = draft.servers.get(fact["id"])
        if server is None or server.state is not ServerState.LEFT:
            continue
        attempts = server.attempts + 1
        draft.server(server.id, status=fact["status"], attempts=attempts)
        if server.action == Action.NOTHING and attempts < draft.policy.max_attempts:
            draft.server(server.id, state=ServerState.READY)
            continue
        draft.block_server(
            server.id,
            Blocker.SERVER_STATE,
            f"{server.id} was to stay stopped, and is {fact['status']}: its owner may have "
            "started it; stop it, then retry, or choose another action",
            state=ServerState.BLOCKED,
        )


def arrived(draft: Draft, host: HostKey, seen: Sequence[Seen]) -> None:
    """Servers have come to a host that is worked on: the operator has to know of it."""
    for one in seen:
        words = (
            f"{one.id} appeared on {host.name} while it is worked on: have it moved, or confirm "
            "that the work goes on beside it"
        )
        server = Server(
            one.id,
            one.project_id,
            host,
            name=one.name,
            state=ServerState.BLOCKED,
            status=one.status,
            late=True,
            problem=draft.problem(None, Blocker.LATE_SERVER, words),
        )
        draft.add_server(_still_out(draft.servers.get(one.id), server))
        telling.session(draft, Blocker.LATE_SERVER.value, words)


def in_the_way(draft: Draft, host: HostKey) -> list[Server]:
    """Servers beside which nothing more is begun on a host that is worked on."""
    return [one for one in draft.servers_of(host) if one.late and one.state not in SERVER_OVER]


def accept(draft: Draft, host: HostKey) -> None:
    """By the operator's word the work goes on beside them."""
    for server in in_the_way(draft, host):
        draft.server(server.id, state=ServerState.LEFT, problem=None)
