"""Servers on a host being drained: from the decision what happens to them to its end.

A step only begins an action; that it has worked is seen in what Nova shows, and of a
move in both: the server is elsewhere, and its migration's record has ended.
"""

import datetime as dt
from typing import Any

from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session import (
    actions,
    budget,
    effects,
    endings,
    failures,
    notices,
    survey,
    targets,
)
from craton_maintenance.domain.session.draft import Draft
from craton_maintenance.domain.session.records import Host, Server
from craton_maintenance.domain.session.states import (
    FLOW,
    HOST_OVER,
    SERVER_OVER,
    Action,
    Blocker,
    Chosen,
    NoticeStatus,
    ServerState,
)
from craton_maintenance.domain.session.steps import Outcome, Result, Step, StepKind


def observe(draft: Draft) -> None:
    """Bring servers up to date with what is known of them now."""
    for server in list(draft.servers.values()):
        if server.state is ServerState.ACTING:
            _observe_acting(draft, server)
        elif server.state not in SERVER_OVER:
            seen = draft.known.servers.get(server.id)
            if seen is None or seen.host != server.host:
                endings.gone(draft, server)
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
        endings.gone(draft, server)  # deleted, by its owner
    elif effects.has_worked(kind, server, seen, move):
        _next(draft, draft.server(server.id, status=seen.status))
    elif effects.has_left(kind, server, seen, move):
        endings.gone(draft, server)
    elif effects.has_failed(kind, server, seen, move):
        words = f"{kind} of {server.id} ended as {move.status if move else seen.status}"
        failures.failed(draft, draft.server(server.id, status=seen.status), words)
    elif effects.contradicts(kind, server, seen, move):
        failures.doubt(
            draft, server, f"Nova has {kind} of {server.id} as over, and shows it where it was"
        )
    elif server.awaits_until is not None and draft.now >= server.awaits_until:
        failures.stuck(draft, server)


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
            endings.back(draft, server.id)
            endings.tell_done(draft, server)
        elif server.action == Action.NOTHING or endings.is_flow(server):
            draft.server(server.id, state=ServerState.LEFT)
        else:
            # a flow, say, that leaves it where it is: what follows is somebody's decision
            endings.blocked_in_place(draft, server)
    else:
        endings.gone(draft, server)


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
        if _is_arriving(draft, server):
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


def _is_arriving(draft: Draft, server: Server) -> bool:
    """Whether it has come by a migration whose record has not ended yet.

    That takes Nova a second or so.  What is known of it may be out of date: so it is not waited
    for long, and Nova refuses what really can't be done.
    """
    move, problem = draft.known.moves.get(server.id), server.problem
    if move is None or move.id != server.migration_before or move.status not in effects.RUNNING:
        return False
    waits_since = draft.now
    if problem is not None and problem.code is Blocker.SERVER_BUSY:
        waits_since = problem.since
    if (draft.now - waits_since).total_seconds() >= 2 * draft.policy.retry_pause:
        return False
    words = f"migration {move.id} of {server.id} has not ended"
    draft.block_server(server.id, Blocker.SERVER_BUSY, words)
    draft.server(server.id, not_before=draft.later(draft.policy.retry_pause))
    return True


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
    if kind in effects.MOVES:
        # what is newer than this is ours
        newest = _newest_migration(draft, server)
        draft.server(server.id, migration_before=newest)
        params["migration"] = newest
    if kind in effects.TO_A_TARGET:
        target = targets.target(draft, server)
        if target is not None:
            params["target"] = target
    if kind in effects.TAKES_OUT:
        params |= draft.not_after()
    if kind.startswith(effects.RUN):
        flow = draft.known.flows.get((server.action or "").removeprefix(FLOW))
        index = int(kind.removeprefix(effects.RUN))
        if flow is None or index >= len(flow.plugins):
            failures.failed(
                draft, server, f"flow {server.action} is not in the catalogue any more"
            )
            return
        params.update(flow.plugins[index])
        number = draft.do(StepKind.RUN_PLUGIN, server.host, server.id, params)
    else:
        number = draft.do(StepKind(kind), server.host, server.id, params)
    draft.server(server.id, step=number)


def _newest_migration(draft: Draft, server: Server) -> int:
    move = draft.known.moves.get(server.id)
    return max(server.migration_before, 0 if move is None else move.id)


def step_ended(draft: Draft, step: Step, outcome: Outcome) -> None:
    """A step about a server has ended."""
    server = draft.servers.get(step.server_id or "")
    if server is None or server.step != step.number:
        return
    if outcome.result is Result.UNDER_WAY:
        failures.goes_on(draft, server, outcome)
        return
    server = draft.server(server.id, step=None)
    if server.state is not ServerState.ACTING:
        return
    if step.kind in (StepKind.ABORT_MIGRATION, StepKind.FORCE_COMPLETE):
        failures.escalated(draft, server, step.kind, outcome)
        return
    match outcome.result:
        case Result.DONE:
            _begun(draft, server, step, outcome)
        case Result.LATER:
            failures.pause_and_retry(draft, server, step, outcome.words)
        case Result.UNCLEAR:
            failures.unclear(draft, server, step, outcome.words)
        case Result.REFUSED:
            failures.refused(draft, server, step, outcome)


def _begun(draft: Draft, server: Server, step: Step, outcome: Outcome) -> None:
    """Its effect is waited for, if it has one that Nova shows."""
    facts = outcome.facts
    values: dict[str, Any] = {
        "awaits_until": draft.later(failures.timeout(draft, step.kind)),
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
    elif step.kind in effects.MOVES and facts.get("already"):
        seen = draft.known.servers.get(server.id)
        if seen is None or seen.host != server.host:
            endings.gone(draft, draft.servers[server.id])
        elif facts.get("status") is None:
            # it was seen there a moment ago: the next look shows whether it is really gone
            words = f"Nova does not find {server.id}, which was seen on {server.host.name}"
            failures.pause_and_retry(draft, draft.servers[server.id], step, words)


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
    if host.state not in survey.EMPTIED:
        return
    if server.state is ServerState.ACTING:
        _again(draft, server)
        return
    if server.state is ServerState.ASKED:
        # its owner has time to answer; to go on without is another order, and on record
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
        # the pause before another try is over; a time that its owner was granted is not
        not_before=None if server.problem is not None else server.not_before,
        todo=(),
        awaits_until=None,
        **values,
    )


def _again(draft: Draft, server: Server) -> None:
    """What is under way is ours to bring to its end: the step that it is at looks once more.

    Whatever else is wished for has to wait: a move that nobody follows any more would never
    be confirmed.
    """
    if not server.todo or server.todo[0].startswith(effects.RUN):
        return
    kind = StepKind(server.todo[0])
    # a move is known by its number; the others see from the server whether they have to act
    params = draft.not_after() if kind in effects.TAKES_OUT else {}
    if kind in effects.MOVES:
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
