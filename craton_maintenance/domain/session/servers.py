"""Servers on a host being drained: from the decision what happens to them to its end.

A step only begins an action; that it has worked is seen in what Nova shows, and of a
move in both: the server is elsewhere, and its migration's record has ended.
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session import actions, budget, capacity, notices, plan, telling
from craton_maintenance.domain.session.draft import Draft
from craton_maintenance.domain.session.model import (
    FLOW,
    HOST_OVER,
    SERVER_OVER,
    Action,
    Blocker,
    Chosen,
    Host,
    HostState,
    Move,
    NoticeStatus,
    Outcome,
    Result,
    Seen,
    Server,
    ServerState,
    State,
    Step,
    StepKind,
)

#: A host in one of these is being emptied, or is empty.
_EMPTIED = frozenset({HostState.DRAINING, HostState.DRAINED})

#: How a migration's record ends when it has failed.
_FAILED = frozenset({"error", "failed", "cancelled"})
#: How it ends when it has worked.
_WORKED = frozenset({"completed", "confirmed"})

#: How a move's record is when the server is elsewhere.
_RECORDED = _WORKED | {"finished"}

#: Seconds until it counts as a failure that a move has worked and its server is where it was.
_DOUBT = 10.0

_RUN = "run_plugin:"

#: Nova's policy of groups whose members share no host.
_APART = "anti-affinity"

_MOVES = frozenset(
    {
        StepKind.LIVE_MIGRATE.value,
        StepKind.COLD_MIGRATE.value,
        StepKind.EVACUATE_SERVER.value,
    }
)

#: Steps that take a server away from its users; they are not begun after the window's end.
_TAKES_OUT = _MOVES | {StepKind.STOP_SERVER.value, StepKind.OFFLOAD_SERVER.value}

#: Moves that a target may be named for; an evacuation goes where the scheduler says.
_TO_A_TARGET = frozenset({StepKind.LIVE_MIGRATE.value, StepKind.COLD_MIGRATE.value})

#: Steps that bring to an end what was begun: they are repeated until they work.
_FINISHING = frozenset({StepKind.CONFIRM_RESIZE.value, StepKind.START_SERVER.value})


# -- found on a host -----------------------------------------------------------------


def found(
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
            _gone(draft, server)
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


# -- what Nova shows -----------------------------------------------------------------


def observe(draft: Draft) -> None:
    """Bring servers up to date with what is known of them now."""
    for server in list(draft.servers.values()):
        if server.state is ServerState.ACTING:
            _observe_acting(draft, server)
        elif server.state not in SERVER_OVER:
            seen = draft.known.servers.get(server.id)
            if seen is None or seen.host != server.host:
                _gone(draft, server)
            elif seen.status != server.status:
                draft.server(server.id, status=seen.status)


def _observe_acting(draft: Draft, server: Server) -> None:
    if server.step is not None or not server.todo:
        return
    seen = draft.known.servers.get(server.id)
    move = draft.known.moves.get(server.id)
    if move is not None and move.id <= server.migration_before:
        move = None
    kind = server.todo[0]
    if seen is None:
        _gone(draft, server)  # deleted, by its owner
    elif _has_worked(kind, server, seen, move):
        _next(draft, draft.server(server.id, status=seen.status))
    elif _has_left(kind, server, seen, move):
        _gone(draft, server)
    elif _has_failed(kind, server, seen, move):
        words = f"{kind} of {server.id} ended as {move.status if move else seen.status}"
        failed(draft, draft.server(server.id, status=seen.status), words)
    elif _contradicts(kind, server, seen, move):
        _doubt(draft, server, f"Nova has {kind} of {server.id} as over, and shows it where it was")
    elif server.awaits_until is not None and draft.now >= server.awaits_until:
        _stuck(draft, server)


def _has_worked(kind: str, server: Server, seen: Seen, move: Move | None) -> bool:
    away = seen.host != server.host
    match kind:
        case StepKind.LIVE_MIGRATE:
            # the server shows its new host before its record has ended, and may be lost yet
            return away and move is not None and move.status in _WORKED
        case StepKind.COLD_MIGRATE:
            resized = move is not None and move.status in ("finished", "confirmed")
            return away and resized and seen.status in (actions.VERIFY_RESIZE, "ACTIVE", "SHUTOFF")
        case StepKind.EVACUATE_SERVER:
            evacuated = move is not None and move.status in ("done", "completed")
            return away and evacuated and seen.status != "REBUILD"
        case StepKind.CONFIRM_RESIZE:
            return seen.status not in (actions.VERIFY_RESIZE, "RESIZE") and (
                move is None or move.status in _WORKED
            )
        case StepKind.STOP_SERVER:
            return seen.status == "SHUTOFF"
        case StepKind.START_SERVER:
            return seen.status == "ACTIVE"
        case StepKind.OFFLOAD_SERVER:
            return seen.host is None
    return True


def _has_left(kind: str, server: Server, seen: Seen, move: Move | None) -> bool:
    """Somebody else has moved it while it was to be stopped, or to be moved in another way."""
    if seen.host == server.host:
        return False
    if kind in (StepKind.STOP_SERVER, StepKind.OFFLOAD_SERVER):
        return True
    other: Mapping[str, str] = {
        StepKind.LIVE_MIGRATE: "finished",
        StepKind.COLD_MIGRATE: "completed",
    }
    return move is not None and move.status == other.get(kind)


def _has_failed(kind: str, server: Server, seen: Seen, move: Move | None) -> bool:
    if kind in _MOVES:
        has_failed = move is not None and move.status in _FAILED
        return has_failed or (kind in _TO_A_TARGET and seen.status == "ERROR")
    return kind != StepKind.CONFIRM_RESIZE and seen.status == "ERROR" and server.status != "ERROR"


def _contradicts(kind: str, server: Server, seen: Seen, move: Move | None) -> bool:
    """A move's record says that it has worked, and the server is where it was.

    So it ends where nova-compute dies with a migration asked for, and comes back.
    """
    return (
        kind in _TO_A_TARGET
        and move is not None
        and move.status in _RECORDED
        and seen.host == server.host
    )


def _doubt(draft: Draft, server: Server, words: str) -> None:
    """The one may be known earlier than the other: only what stays so is a failure."""
    known = server.problem is not None and server.problem.code is Blocker.MOVE_FAILED
    if not known:
        draft.block_server(server.id, Blocker.MOVE_FAILED, words, awaits_until=draft.later(_DOUBT))
    elif server.awaits_until is not None and draft.now >= server.awaits_until:
        failed(draft, server, words)


def _next(draft: Draft, server: Server) -> None:
    """A part of the action has worked."""
    kind, todo = server.todo[0], server.todo[1:]
    draft.server(server.id, todo=todo, awaits_until=None, problem=None)
    seen = draft.known.servers.get(server.id)
    if todo:
        _begin(draft, draft.servers[server.id])
    elif kind == StepKind.CONFIRM_RESIZE and seen is not None and seen.host == server.host:
        # its owner's resize, not ours: it can be acted on now
        draft.server(server.id, state=ServerState.READY)
    else:
        _finished(draft, draft.servers[server.id])


def _finished(draft: Draft, server: Server) -> None:
    """All of the action has worked."""
    seen = draft.known.servers.get(server.id)
    if seen is not None and seen.host == server.host:
        if server.stopped_by_us and seen.status == "ACTIVE":
            # it was started again, on the host that has returned
            draft.server(server.id, state=ServerState.LEFT, stopped_by_us=False)
            _back(draft, server.id)
            _tell_done(draft, server)
        elif server.action == Action.NOTHING or _is_flow(server):
            draft.server(server.id, state=ServerState.LEFT)
        else:
            # a flow, say, that leaves it where it is: what follows is somebody's decision
            _blocked_in_place(draft, server)
    else:
        _gone(draft, server)


def _blocked_in_place(draft: Draft, server: Server) -> None:
    draft.block_server(
        server.id,
        Blocker.MOVE_FAILED,
        f"{server.action} of {server.id} ended, and it is still on the host",
        state=ServerState.BLOCKED,
    )
    _back(draft, server.id)


def _is_flow(server: Server) -> bool:
    return (server.action or "").startswith(FLOW)


def _gone(draft: Draft, server: Server) -> None:
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
    _back(draft, server.id)
    if by_us:
        _tell_done(draft, server)
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


def _tell_done(draft: Draft, server: Server) -> None:
    if not draft.servers[server.id].told:
        draft.server(server.id, told=True)
        telling.action_done(draft, server.id, server.project_id)


def _back(draft: Draft, server_id: str) -> None:
    server = draft.servers[server_id]
    if server.out and server.back_at is None:
        draft.server(server_id, back_at=draft.now)
        budget.tick(draft)


# -- acting --------------------------------------------------------------------------


def start(draft: Draft, host: Host) -> None:
    """Begin what is decided, as far as time, budget and limits allow."""
    acting = sum(1 for server in draft.servers_of(host.key) if server.state is ServerState.ACTING)
    for server in draft.servers_of(host.key):
        if server.state is not ServerState.READY:
            continue
        if server.not_before is not None and draft.now < server.not_before:
            continue
        if server.action == Action.OWN_ACTION:
            _leave_to_owner(draft, server)
            continue
        steps = actions.steps(server.action or "", server.status, draft.known.flows)
        if isinstance(steps, Blocker):
            _cannot(draft, server, steps)
            continue
        if not steps:
            draft.server(server.id, state=ServerState.LEFT, problem=None)
            continue
        if acting >= draft.policy.parallel_moves:
            continue
        if not budget.allows(draft, server):
            draft.block_server(
                server.id, Blocker.BUDGET, f"group {server.group_id} can't lose a member now"
            )
            continue
        acting += 1
        draft.server(
            server.id,
            state=ServerState.ACTING,
            todo=steps,
            problem=None,
            told=False,
            **_out(draft, server),
        )
        _begin(draft, draft.servers[server.id])


def _out(draft: Draft, server: Server) -> dict[str, Any]:
    return {"out": True, "out_since": server.out_since or draft.now, "back_at": None}


def evacuate(draft: Draft, host: Host) -> None:
    """Their host is off, so they are down already: no budget, and nobody to wait for."""
    for server in draft.servers_of(host.key):
        if server.state in SERVER_OVER or server.state is ServerState.ACTING:
            continue
        if server.state is ServerState.BLOCKED and server.attempts:
            continue
        if server.not_before is not None and draft.now < server.not_before:
            continue
        draft.server(
            server.id,
            state=ServerState.ACTING,
            todo=(StepKind.EVACUATE_SERVER.value,),
            problem=None,
            told=False,
            **_out(draft, server),
        )
        _begin(draft, draft.servers[server.id])


def _leave_to_owner(draft: Draft, server: Server) -> None:
    draft.server(server.id, state=ServerState.OWN_ACTION, problem=None)


def _cannot(draft: Draft, server: Server, why: Blocker) -> None:
    """It can't be done in the server's state: wait, do as policy says, or ask."""
    words = f"{server.id} is {server.status}: {server.action} is not possible"
    if why is Blocker.SERVER_BUSY:
        draft.block_server(server.id, why, f"{server.id} is busy ({server.status})")
    elif why is Blocker.UNCONFIRMED_RESIZE:
        if draft.policy.unconfirmed_resize == "confirm":
            draft.server(
                server.id,
                state=ServerState.ACTING,
                todo=(StepKind.CONFIRM_RESIZE.value,),
                problem=None,
                action=server.action,
            )
            _begin(draft, draft.servers[server.id])
        else:
            draft.block_server(
                server.id,
                why,
                f"the owner of {server.id} has to confirm or revert its resize, or you do",
            )
    elif draft.policy.unmovable == "nothing" and not isinstance(
        actions.steps(Action.NOTHING, server.status, {}), Blocker
    ):
        draft.server(server.id, action=Action.NOTHING.value, chosen_by=Chosen.OPERATOR)
    else:
        draft.block_server(
            server.id, why, f"{words}; bring it into another state, or choose another action"
        )


def _begin(draft: Draft, server: Server) -> None:
    """Have the first step of what is left done."""
    kind = server.todo[0]
    params: dict[str, Any] = {}
    if kind in _MOVES:
        # what is newer than this is ours
        newest = _newest_migration(draft, server)
        draft.server(server.id, migration_before=newest)
        params["migration"] = newest
    if kind in _TO_A_TARGET:
        target = _target(draft, server)
        if target is not None:
            params["target"] = target
    if kind in _TAKES_OUT:
        params |= _not_after(draft)
    if kind.startswith(_RUN):
        flow = draft.known.flows.get((server.action or "").removeprefix(FLOW))
        index = int(kind.removeprefix(_RUN))
        if flow is None or index >= len(flow.plugins):
            failed(draft, server, f"flow {server.action} is not in the catalogue any more")
            return
        params.update(flow.plugins[index])
        number = draft.do(StepKind.RUN_PLUGIN, server.host, server.id, params)
    else:
        number = draft.do(StepKind(kind), server.host, server.id, params)
    draft.server(server.id, step=number)


def _not_after(draft: Draft) -> dict[str, Any]:
    """Whoever does a step late, as another engine has died at it, begins nothing after the end."""
    closes = draft.known.window.closes
    return {} if closes is None else {"not_after": closes.isoformat()}


def _newest_migration(draft: Draft, server: Server) -> int:
    move = draft.known.moves.get(server.id)
    return max(server.migration_before, 0 if move is None else move.id)


def _target(draft: Draft, server: Server) -> str | None:
    """Where it should go: the window's target, else a host that is done or not concerned.

    If the scheduler did not agree with that it chooses itself at the next try.
    """
    if server.attempts and server.anywhere:
        return None
    wanted = draft.known.window.target
    free = plan.clean_free(fleet(draft))
    taken = _on_the_way(draft, server)
    if wanted is not None:
        there = draft.session.capacity.get("free", {}).get(wanted.name)
        if there is None:
            return wanted.name
        left = tuple(there)
        for size in taken.get(wanted.name, ()):
            left = capacity.less(left, size)
        if capacity.fits(server.size, left):
            _goes_to(draft, server, wanted.name)
            return wanted.name
        telling.session(
            draft,
            "TARGET_FULL",
            f"{server.id} does not fit on {wanted.name} any more: it goes elsewhere",
        )
        return None
    for host, sizes in taken.items():
        for size in sizes:
            if host in free:
                free[host] = capacity.less(free[host], size)
    for host in (server.host.name, *_of_members(draft, server)):
        free.pop(host, None)
    target = capacity.place({server.id: server.size}, free).get(server.id)
    if target is not None:
        _goes_to(draft, server, target)
    return target


def _of_members(draft: Draft, server: Server) -> set[str]:
    """Hosts that others of its group are on, or on their way to."""
    there = {
        seen.host.name
        for member in server.apart
        if (seen := draft.known.servers.get(member)) is not None and seen.host is not None
    }
    sent = draft.session.capacity.get("sent", ())
    return there | {host for member, host, _ in sent if member in server.apart}


def _on_the_way(draft: Draft, but: Server) -> dict[str, list[tuple[int, int, int]]]:
    """Sizes of other servers sent to hosts since their capacity was looked at."""
    found: dict[str, list[tuple[int, int, int]]] = {}
    for server_id, host, size in draft.session.capacity.get("sent", ()):
        if server_id != but.id:
            found.setdefault(host, []).append(tuple(size))
    return found


def _goes_to(draft: Draft, server: Server, host: str) -> None:
    """It counts there from now on, and no more where it was sent at an earlier try."""
    sent = [one for one in draft.session.capacity.get("sent", ()) if one[0] != server.id]
    sent.append([server.id, host, list(server.size)])
    draft.set(capacity={**draft.session.capacity, "sent": sent})


def fleet(draft: Draft) -> plan.Fleet:
    """The session's hosts in the region surveyed last, and the capacity of all there."""
    known = draft.session.capacity
    region = known.get("region")
    return plan.Fleet(
        planned=[
            host.key for host in draft.hosts_in(HostState.PLANNED) if host.key.region == region
        ],
        unclean=[
            key
            for key, host in draft.hosts.items()
            if key.region == region and host.state not in (HostState.RETURNED, HostState.SKIPPED)
        ],
        used={host: tuple(size) for host, size in known.get("used", {}).items()},
        free={host: tuple(size) for host, size in known.get("free", {}).items()},
    )


def step_ended(draft: Draft, step: Step, outcome: Outcome) -> None:
    """A step about a server has ended."""
    server = draft.servers.get(step.server_id or "")
    if server is None or server.step != step.number:
        return
    server = draft.server(server.id, step=None)
    if server.state is not ServerState.ACTING:
        return
    if step.kind in (StepKind.ABORT_MIGRATION, StepKind.FORCE_COMPLETE):
        _escalated(draft, server, step.kind, outcome)
        return
    match outcome.result:
        case Result.DONE:
            _begun(draft, server, step, outcome)
        case Result.LATER:
            _pause_and_retry(draft, server, step, outcome.words)
        case Result.UNCLEAR:
            _unclear(draft, server, step, outcome.words)
        case Result.REFUSED:
            _refused(draft, server, step, outcome)


def _begun(draft: Draft, server: Server, step: Step, outcome: Outcome) -> None:
    """Its effect is waited for, if it has one that Nova shows."""
    facts = outcome.facts
    values: dict[str, Any] = {
        "awaits_until": draft.later(_timeout(draft, step.kind)),
        "problem": None,
    }
    if not facts.get("already"):
        if "migration" in facts:
            values["migration_before"] = int(facts["migration"])
        if step.kind is StepKind.STOP_SERVER:
            values["stopped_by_us"] = True
    draft.server(server.id, **values)
    if step.kind is StepKind.RUN_PLUGIN:
        _next(draft, draft.servers[server.id])
    elif step.kind in _MOVES and facts.get("already"):
        seen = draft.known.servers.get(server.id)
        if seen is None or seen.host != server.host:
            _gone(draft, draft.servers[server.id])


def _timeout(draft: Draft, kind: StepKind) -> float:
    policy = draft.policy
    return {
        StepKind.LIVE_MIGRATE: policy.live_timeout,
        StepKind.COLD_MIGRATE: policy.cold_timeout,
    }.get(kind, policy.power_timeout)


def _pause_and_retry(draft: Draft, server: Server, step: Step, words: str) -> None:
    """It had no effect, and may have one later; this is no failed attempt."""
    if step.kind in _FINISHING or step.kind is StepKind.RUN_PLUGIN:
        draft.block_server(server.id, Blocker.SERVICE_UNAVAILABLE, words)
        _once_more(draft, server, step)
        return
    draft.block_server(
        server.id,
        Blocker.SERVICE_UNAVAILABLE,
        words,
        state=ServerState.READY,
        not_before=draft.later(draft.policy.retry_pause),
    )
    _back(draft, server.id)


def _unclear(draft: Draft, server: Server, step: Step, words: str) -> None:
    """Nova's steps look before they act: done again, it is found out what happened."""
    if step.kind is StepKind.RUN_PLUGIN:
        draft.block_server(server.id, Blocker.STEP_UNCLEAR, words, state=ServerState.BLOCKED)
        return
    draft.block_server(server.id, Blocker.SERVICE_UNAVAILABLE, words)
    _once_more(draft, server, step)


def _once_more(draft: Draft, server: Server, step: Step) -> None:
    """The same step after a pause, which looks first what came of the one before."""
    params = {**step.params, "again": True, "step": step.params.get("step", step.number)}
    at = draft.later(draft.policy.retry_pause)
    number = draft.do(step.kind, step.host, step.server_id, params, not_before=at)
    draft.server(server.id, step=number)


def _refused(draft: Draft, server: Server, step: Step, outcome: Outcome) -> None:
    if step.kind in _FINISHING and outcome.code != "NOT_FOUND":
        draft.block_server(server.id, Blocker.MOVE_FAILED, outcome.words)
        _once_more(draft, server, step)
    elif outcome.code in ("SERVER_BUSY", "SERVER_STATE"):
        status = outcome.facts.get("status", server.status)
        draft.block_server(
            server.id,
            Blocker.SERVER_BUSY,
            outcome.words,
            state=ServerState.READY,
            status=status,
            not_before=draft.later(draft.policy.retry_pause),
        )
        _back(draft, server.id)
    elif outcome.code == "NOT_FOUND":
        seen = draft.known.servers.get(server.id)
        if seen is None:
            _gone(draft, server)
        else:
            _pause_and_retry(draft, server, step, outcome.words)
    else:
        failed(draft, server, outcome.words, anywhere=outcome.code != "CONFLICT")


def failed(draft: Draft, server: Server, words: str, anywhere: bool = True) -> None:
    """A try has failed, and the server is where it was: again, or another way, or ask.

    :param anywhere: where it was to go may have been the reason
    """
    attempts = server.attempts + 1
    seen = draft.known.servers.get(server.id)
    in_error = seen is not None and seen.status == "ERROR" and server.status != "ERROR"
    values: dict[str, Any] = {
        "attempts": attempts,
        "anywhere": anywhere,
        "todo": (),
        "awaits_until": None,
        "status": seen.status if seen is not None else server.status,
    }
    if attempts < draft.policy.max_attempts and not in_error:
        pause = draft.policy.retry_pause * 2 ** (attempts - 1)
        if (
            attempts == draft.policy.max_attempts - 1
            and server.action == Action.LIVE_MIGRATE
            and actions.may_go_cold(draft.known, server)
        ):
            values["action"] = Action.MIGRATE.value
        draft.block_server(
            server.id,
            Blocker.MOVE_FAILED,
            words,
            state=ServerState.READY,
            not_before=draft.later(pause),
            **values,
        )
    else:
        draft.block_server(
            server.id, Blocker.MOVE_FAILED, words, state=ServerState.BLOCKED, **values
        )
        if server.aborted and not server.asked_again:
            _ask_again(draft, server)
    _back(draft, server.id)


def _ask_again(draft: Draft, server: Server) -> None:
    """A move that did not end was aborted: its owner may choose something else."""
    host = draft.hosts[server.host]
    again = draft.server(server.id, asked_again=True)
    notices.ask_servers(draft, host.phase or State.PLANNED_MAINTENANCE, server.host, [again])


def _stuck(draft: Draft, server: Server) -> None:
    """Its effect did not come in time."""
    kind = server.todo[0]
    seen = draft.known.servers.get(server.id)
    if kind in _TAKES_OUT and seen is not None and seen.host != server.host:
        # it was elsewhere before we asked
        _gone(draft, server)
        return
    if kind != StepKind.LIVE_MIGRATE:
        draft.block_server(
            server.id,
            Blocker.MOVE_FAILED,
            f"{kind} of {server.id} does not end; it is still waited for",
        )
        draft.server(server.id, awaits_until=draft.later(_timeout(draft, StepKind(kind))))
        if kind == StepKind.START_SERVER:
            draft.server(server.id, state=ServerState.BLOCKED)
        return
    force = actions.may_force(draft.known, server)
    what = StepKind.FORCE_COMPLETE if force else StepKind.ABORT_MIGRATION
    number = draft.do(what, server.host, server.id)
    draft.server(server.id, step=number)
    draft.block_server(
        server.id, Blocker.MOVE_FAILED, f"the live migration of {server.id} does not end"
    )


def _escalated(draft: Draft, server: Server, kind: StepKind, outcome: Outcome) -> None:
    """An abort or a forced completion was asked for: what comes of it is seen as ever."""
    if kind is StepKind.ABORT_MIGRATION and outcome.result is Result.DONE:
        # it ends as cancelled; then nothing more is tried without somebody's word
        draft.server(server.id, attempts=draft.policy.max_attempts, aborted=True)
    pause = draft.policy.retry_pause if outcome.result is not Result.DONE else 60.0
    draft.server(server.id, awaits_until=draft.later(pause))


# -- the owner's, and the clock ------------------------------------------------------


def tick(draft: Draft) -> None:
    """What the clock brings."""
    for server in list(draft.servers.values()):
        if (
            server.state is ServerState.OWN_ACTION
            and server.own_until is not None
            and draft.now >= server.own_until
            and server.problem is None
        ):
            if draft.policy.own_action_late == "default":
                draft.server(
                    server.id,
                    state=ServerState.READY,
                    action=draft.policy.default_action,
                    chosen_by=Chosen.OPERATOR,
                    not_before=None,
                )
            else:
                draft.block_server(
                    server.id,
                    Blocker.OWN_ACTION_LATE,
                    f"{server.id} was to be moved by its owner, and is still there",
                )


def retry(draft: Draft, server: Server, action: str | None) -> None:
    """An operator has it tried again, or something else done."""
    if server.state in SERVER_OVER or server.step is not None:
        return
    host = draft.hosts[server.host]
    if host.state in HOST_OVER and server.stopped_by_us:
        start_again(draft, server)
        return
    if host.state not in _EMPTIED:
        return
    if server.state is ServerState.ACTING:
        _again(draft, server)
        return
    values: dict[str, Any] = {}
    if action is not None:
        values = {"action": action, "chosen_by": Chosen.OPERATOR}
    elif server.action is None:
        choice = actions.choose(draft.known, server, None)
        values = {"action": choice.action, "chosen_by": choice.by}
    draft.server(
        server.id,
        state=ServerState.READY,
        attempts=0,
        problem=None,
        not_before=None,
        todo=(),
        awaits_until=None,
        **values,
    )


def _again(draft: Draft, server: Server) -> None:
    """What is under way is ours to bring to its end: the step that it is at looks once more.

    Whatever else is wished for has to wait: a move that nobody follows any more would never
    be confirmed.
    """
    if not server.todo or server.todo[0].startswith(_RUN):
        return
    kind = StepKind(server.todo[0])
    # a move is known by its number; the others see from the server whether they have to act
    params = _not_after(draft) if kind in _TAKES_OUT else {}
    if kind in _MOVES:
        params |= {"again": True, "migration": server.migration_before}
    number = draft.do(kind, server.host, server.id, params)
    draft.server(server.id, step=number, problem=None, awaits_until=None)


def hand_back(draft: Draft, host: HostKey) -> None:
    """A drain stops: nothing more happens to servers that are not being acted on."""
    asked = [one for one in notices.open_ones(draft) if one.host == host]
    notices.close(draft, asked, NoticeStatus.OVERRIDDEN)
    for server in draft.servers_of(host):
        if server.state in (ServerState.ASKED, ServerState.READY, ServerState.BLOCKED) or (
            server.state is ServerState.OWN_ACTION
        ):
            del draft.servers[server.id]
            draft.changes += 1
        elif server.state is ServerState.LEFT and server.stopped_by_us:
            start_again(draft, server)


def start_again(draft: Draft, server: Server) -> None:
    """A server that we stopped is started, as its host has returned."""
    draft.server(
        server.id,
        state=ServerState.ACTING,
        todo=(StepKind.START_SERVER.value,),
        problem=None,
        step=None,
    )
    _begin(draft, draft.servers[server.id])


def due(draft: Draft, server: Server) -> list[dt.datetime | None]:
    """When the clock next does something about a server."""
    found = [budget.recovered_at(draft, server)] if server.out else []
    if server.state is ServerState.READY:
        found.append(server.not_before)
    elif server.state is ServerState.ACTING and server.step is None:
        found.append(server.awaits_until)
    elif server.state is ServerState.OWN_ACTION and server.problem is None:
        found.append(server.own_until)
    return found
