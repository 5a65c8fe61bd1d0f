"""What follows from what: a session, what came in, and the time, make the next session.

:func:`decide` is the whole of it.  It changes nothing that it is given; what has to happen
outside comes out as commands.  The same input gives the same output, so a decision may be
made again after a crash.
"""

import datetime as dt
from collections.abc import Iterable, Sequence

from craton_maintenance.domain.event import Type
from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session import (
    budget,
    hosts,
    notices,
    plan,
    quiet,
    servers,
    targets,
    telling,
)
from craton_maintenance.domain.session.commands import Command, Finish, Tell
from craton_maintenance.domain.session.draft import Draft
from craton_maintenance.domain.session.inputs import (
    AdapterSaid,
    Input,
    Order,
    Reply,
    Stale,
    StepEnded,
)
from craton_maintenance.domain.session.known import Known
from craton_maintenance.domain.session.records import Host, Problem, Server, Session
from craton_maintenance.domain.session.states import (
    ABORTED,
    HOST_OVER,
    HOSTS_SKIPPED,
    OVER,
    SERVER_OVER,
    WORKING,
    Blocker,
    HostState,
    NoticeStatus,
    ServerState,
    State,
    Workflow,
)
from craton_maintenance.domain.session.steps import Outcome, Result, Step, StepKind

#: A decision leads to others; more in a row than this is a fault of ours.
_LONGEST = 200

#: Seconds after which a session is looked at though nothing is known to be due.
_HEARTBEAT = 30.0


def begin(
    session_id: str,
    window_id: str,
    workflow: str,
    host_keys: Iterable[HostKey],
    now: dt.datetime,
    metadata: dict[str, str],
    work: Sequence[dict[str, object]],
) -> Session:
    """A new session of a window; nobody has been told of it yet."""
    return Session(
        id=session_id,
        window_id=window_id,
        workflow=Workflow(workflow),
        state=State.MAINTENANCE,
        created_at=now,
        metadata=metadata,
        work=tuple(work),
        hosts={key: Host(key) for key in sorted(host_keys)},
    )


def decide(
    session: Session, inputs: Sequence[Input], known: Known
) -> tuple[Session, tuple[Command, ...]]:
    """The next session, and what has to be done.

    :param inputs: what came in since the last decision, in order
    """
    draft = Draft(session, known)
    if session.state in OVER:
        return session, ()
    # it is being decided on now
    draft.set(problem=_unless(session.problem, Blocker.DECISION_FAILED))
    for one in inputs:
        _take(draft, one)
    for _ in range(_LONGEST):
        before = draft.changes
        _advance(draft)
        if draft.changes == before:
            break
    else:
        raise AssertionError("a session decides for ever")
    _progress(draft)
    if draft.session.percent_done != session.percent_done and not _told(draft):
        telling.session(draft)
    return draft.done()


def _told(draft: Draft) -> bool:
    """Whether an event of this decision says where the session stands."""
    return any(isinstance(one, Tell) and one.type == Type.SESSION for one in draft.commands)


def due(session: Session, known: Known) -> dt.datetime | None:
    """When a session has to be looked at though nothing comes in; None: it is over."""
    if session.state in OVER:
        return None
    draft = Draft(session, known)
    found: list[dt.datetime | None] = [known.window.opens, known.window.closes]
    found += [notices.due(one) for one in notices.open_ones(draft)]
    for host in session.hosts.values():
        found += hosts.due(host)
    for server in session.servers.values():
        found += servers.due(draft, server)
    ahead = [moment for moment in found if moment is not None and moment > known.now]
    return min([*ahead, draft.later(_HEARTBEAT)])


# -- what comes in -------------------------------------------------------------------


def _take(draft: Draft, one: Input) -> None:
    match one:
        case Reply():
            notices.take_reply(draft, one)
        case Stale():
            notices.stale(draft, one.notice_id)
        case StepEnded(step, outcome):
            _step_ended(draft, step, outcome)
        case Order():
            _order(draft, one)
        case AdapterSaid():
            quiet.said(draft, one)
    draft.changes += 1


def _step_ended(draft: Draft, step: Step, outcome: Outcome) -> None:
    if step.kind is StepKind.SURVEY_CAPACITY:
        if draft.session.survey == step.number:
            _capacity(draft, step, outcome)
        return
    server = draft.servers.get(step.server_id or "")
    if server is not None and server.step == step.number:
        servers.step_ended(draft, step, outcome)
    else:
        # a host's step may name a server, whose resize it confirms
        hosts.step_ended(draft, step, outcome)


def _capacity(draft: Draft, step: Step, outcome: Outcome) -> None:
    if outcome.result is Result.DONE:
        facts = outcome.facts
        draft.set(
            survey=None,
            capacity={
                "region": step.host.region,
                "free": facts.get("free", {}),
                "used": facts.get("used", {}),
                "sent": [],
            },
            capacity_at=draft.now,
            problem=_unless(draft.session.problem, Blocker.SERVICE_UNAVAILABLE),
        )
    else:
        problem = draft.problem(draft.session.problem, Blocker.SERVICE_UNAVAILABLE, outcome.words)
        draft.set(survey=None, problem=problem)
        _survey(draft, draft.policy.retry_pause)


def _unless(problem: Problem | None, code: Blocker) -> Problem | None:
    return None if problem is not None and problem.code is code else problem


def _order(draft: Draft, order: Order) -> None:
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
    _pause(draft, Blocker.PAUSED_BY_OPERATOR, words)


def _resume_ordered(draft: Draft, order: Order) -> None:
    if draft.session.state is State.PAUSED and draft.session.resume_state is not None:
        for host in draft.hosts_in(*hosts.BEFORE_WORK):
            hosts.forgive(draft, host)
        _go_on(draft, draft.session.resume_state)


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
        if order.host not in (None, key) or host.state not in hosts.UNDER_WAY:
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
        if order.host in (None, key) and host.step is None and host.state in hosts.UNDER_WAY:
            hosts.confirm(draft, host)
    telling.session(draft, "CONFIRMED", f"by {order.actor}: {order.reason}")


def _skip_ordered(draft: Draft, order: Order) -> None:
    if order.host is not None and order.host in draft.hosts:
        host = draft.hosts[order.host]
        if host.state in hosts.IN_WORK:
            if host.step is None and host.problem is not None:
                hosts.fail(draft, host, f"given up by {order.actor}")
        else:
            draft.skip.add(order.host)


def _evacuate_ordered(draft: Draft, order: Order) -> None:
    host = draft.hosts.get(order.host) if order.host is not None else None
    if host is not None and hosts.evacuate(draft, host, order.actor):
        words = f"{host.key.name} by {order.actor}: {order.reason}"
        telling.session(draft, "EVACUATION", words)


# -- what follows --------------------------------------------------------------------


def _advance(draft: Draft) -> None:
    """One round; repeated while it changes something."""
    servers.observe(draft)
    servers.tick(draft)
    budget.tick(draft)
    notices.tick(draft)
    _leave_out(draft)
    if draft.refusals:
        _refused(draft, *draft.refusals[0])
        draft.refusals.clear()
    if draft.session.aborting:
        _abort(draft)
        return
    _window_end(draft)
    match draft.session.state:
        case State.MAINTENANCE:
            _announce(draft)
        case State.SCALE_IN:
            _after_scale_in(draft)
        case State.PREPARE_MAINTENANCE | State.START_MAINTENANCE | State.PLANNED_MAINTENANCE:
            _work(draft)
        case State.MAINTENANCE_COMPLETE:
            _after_complete(draft)
        case State.PAUSED:
            _hosts_go_on(draft, admits=False)


def _enter(draft: Draft, state: State, **values: object) -> None:
    """The session enters a state; told by an event."""
    draft.set(state=state, **values)
    _progress(draft)
    telling.session(draft)


def _pause(draft: Draft, code: Blocker, words: str) -> None:
    if draft.session.state is State.PAUSED or draft.session.aborting:
        return
    _enter(
        draft,
        State.PAUSED,
        resume_state=draft.session.state,
        paused_at=draft.now,
        reason=code.value,
        words=words,
    )


def _refused(draft: Draft, code: Blocker, words: str) -> None:
    """Somebody has to decide, who is told so though the session is paused already."""
    if draft.session.state is not State.PAUSED:
        _pause(draft, code, words)
    elif draft.session.reason == Blocker.PAUSED_BY_OPERATOR:
        draft.set(reason=code.value, words=words)
        telling.session(draft)


def _go_on(draft: Draft, state: State) -> None:
    """The pause is over."""
    _enter(draft, state, resume_state=None, paused_at=None, reason=None, words="")


def _leave_out(draft: Draft) -> None:
    """Hosts that policy or the operator leaves out."""
    for key in sorted(draft.skip):
        host = draft.hosts.get(key)
        if host is None or host.state in HOST_OVER or host.state in hosts.IN_WORK:
            draft.skip.discard(key)
        elif host.state is HostState.PLANNED:
            hosts.skip(draft, host, "left out")
            draft.skip.discard(key)
        else:
            # given back step by step: the record has to outlast this decision
            draft.host(key, reason=host.reason or "left out")
            draft.skip.discard(key)


def _announce(draft: Draft) -> None:
    """Tell everybody who has servers there, and begin once the window is open."""
    known = draft.known
    if not known.window.approved:
        return
    for project_id, ids in sorted(known.parts.items()):
        if project_id not in draft.projects:
            notices.ask_project(draft, State.MAINTENANCE, project_id, ids, known.window.opens)
    if not draft.session.announced:
        draft.set(announced=True)
        telling.session(draft)
    if draft.now < known.window.opens or notices.open_ones(draft):
        return
    _choose_next(draft)


def _after_scale_in(draft: Draft) -> None:
    if notices.open_ones(draft, State.SCALE_IN):
        return
    _choose_next(draft)


def _after_complete(draft: Draft) -> None:
    if notices.open_ones(draft):
        return
    _finish(draft)


# -- working on hosts ----------------------------------------------------------------


def _work(draft: Draft) -> None:
    """Go on with the hosts under way; take the next one when they are through."""
    _hosts_go_on(draft, admits=True)
    if not draft.hosts_in(*hosts.UNDER_WAY):
        _choose_next(draft)


def _hosts_go_on(draft: Draft, admits: bool) -> None:
    for host in draft.hosts_in(*hosts.UNDER_WAY):
        if host.reason and host.state in hosts.BEFORE_WORK:
            hosts.give_back(draft, host, HostState.SKIPPED, host.reason)
        else:
            hosts.advance(draft, host.key, admits)


def _choose_next(draft: Draft) -> None:
    """The next host, or what has to come before it, or the end."""
    planned = [host.key for host in draft.hosts_in(HostState.PLANNED)]
    if not planned:
        _complete(draft)
        return
    if not _is_surveyed(draft):
        _survey(draft)
        return
    waves = plan.waves(targets.fleet(draft))
    able = [wave for wave in waves if wave.hosts[0] not in draft.known.held]
    if not able:
        if waves:
            _blocked(draft, Blocker.HOST_HELD, f"another session holds {waves[0].hosts[0].name}")
            _survey(draft, draft.policy.retry_pause)
        else:
            _no_room(draft)
        return
    wave = able[0]
    state = _state_for(draft, wave)
    if state is not draft.session.state:
        _enter(draft, state)
    draft.set(problem=None)
    for key in wave.hosts:
        hosts.take(draft, key, _phase(state))


def _state_for(draft: Draft, wave: plan.Wave) -> State:
    """START for empty hosts, until the first that has to be emptied after others were done."""
    state = draft.session.state
    if wave.empty:
        return state if state is State.PLANNED_MAINTENANCE else State.START_MAINTENANCE
    if not wave.clean and state is not State.PLANNED_MAINTENANCE:
        return State.PREPARE_MAINTENANCE
    return State.PLANNED_MAINTENANCE


def _phase(state: State) -> State:
    """In which state owners of servers that turn up on a host are asked."""
    return state if state is State.PREPARE_MAINTENANCE else State.PLANNED_MAINTENANCE


def _is_surveyed(draft: Draft) -> bool:
    """Whether capacity was looked at in the region at hand since a host was done last."""
    at = draft.session.capacity_at
    if at is None or draft.session.survey is not None:
        return False
    if draft.session.capacity.get("region") != _next_host(draft).region:
        return False
    ended = [host.ended_at for host in draft.hosts.values() if host.ended_at is not None]
    asked = [one.created_at for one in draft.notices.values() if one.state == State.SCALE_IN.value]
    return not ended or (at >= max(ended) and all(at > moment for moment in asked))


def _next_host(draft: Draft) -> HostKey:
    """The first of those to be taken: one region is done with before the next is begun."""
    return min(host.key for host in draft.hosts_in(HostState.PLANNED))


def _survey(draft: Draft, pause: float = 0.0) -> None:
    if draft.session.survey is None and draft.hosts_in(HostState.PLANNED):
        first = _next_host(draft)
        at = draft.later(pause) if pause else None
        number = draft.do(StepKind.SURVEY_CAPACITY, first, not_before=at)
        draft.set(survey=number)


def _no_room(draft: Draft) -> None:
    """No host's servers have room elsewhere: ask projects to need less, so often."""
    rounds = draft.session.scale_in_rounds
    concerned = [(project_id, ids) for project_id, ids in sorted(draft.projects.items()) if ids]
    if rounds < draft.policy.max_scale_in and concerned:
        draft.set(scale_in_rounds=rounds + 1, capacity_at=None)
        _enter(draft, State.SCALE_IN)
        for project_id, ids in concerned:
            notices.ask_project(draft, State.SCALE_IN, project_id, ids)
        return
    _blocked(
        draft,
        Blocker.NO_CAPACITY,
        "the servers of no host have room elsewhere: free capacity, or add some",
    )
    _survey(draft, draft.policy.retry_pause)


def _blocked(draft: Draft, code: Blocker, words: str) -> None:
    problem = draft.problem(draft.session.problem, code, words)
    draft.set(problem=problem)


# -- ends ----------------------------------------------------------------------------


def _window_end(draft: Draft) -> None:
    """At the window's end no host is begun; what is worked on is finished; then a pause."""
    closes = draft.known.window.closes
    session = draft.session
    paused_by_it = session.state is State.PAUSED and session.reason == Blocker.WINDOW_ENDED
    if closes is None or draft.now < closes:
        if paused_by_it and session.resume_state is not None:
            _go_on(draft, session.resume_state)
        return
    if session.state not in WORKING | {State.MAINTENANCE, State.SCALE_IN, State.PAUSED}:
        return
    for host in draft.hosts_in(*hosts.BEFORE_WORK):
        for one in notices.open_ones(draft):
            if one.host == host.key:
                draft.notice(one.id, status=NoticeStatus.OVERRIDDEN)
        hosts.give_back(draft, host, HostState.PLANNED, "the window's end has passed")
    if session.state is State.PAUSED:
        return
    if not draft.hosts_in(HostState.PLANNED, *hosts.BEFORE_WORK) and session.announced:
        return
    _pause(draft, Blocker.WINDOW_ENDED, "the window's end has passed: extend it, or abort")


def _abort(draft: Draft) -> None:
    """Queued moves are dropped, host work is finished, our own resizes are confirmed."""
    for host in draft.hosts_in(HostState.PLANNED):
        hosts.skip(draft, host, ABORTED)
    for host in draft.hosts_in(*hosts.BEFORE_WORK):
        hosts.give_back(draft, host, HostState.SKIPPED, ABORTED)
    for host in draft.hosts_in(*hosts.IN_WORK):
        hosts.advance(draft, host.key, admits=True)
    if all(host.state in HOST_OVER for host in draft.hosts.values()) and _servers_done(draft):
        _over(draft, State.MAINTENANCE_FAILED, ABORTED, draft.session.words)


def _complete(draft: Draft) -> None:
    """Every host is done with: tell everybody who was told of the maintenance."""
    if not _servers_done(draft):
        return
    _enter(draft, State.MAINTENANCE_COMPLETE, problem=None)
    for project_id, ids in sorted(draft.projects.items()):
        notices.ask_project(draft, State.MAINTENANCE_COMPLETE, project_id, ids)


def _servers_done(draft: Draft) -> bool:
    """Nothing is under way with servers, e.g. those that are started again."""
    return all(
        (server.state in SERVER_OVER and not server.stopped_by_us) or _given_up(draft, server)
        for server in draft.servers.values()
    )


def _given_up(draft: Draft, server: Server) -> bool:
    """Its host is done with, and it does not start: its owner and the operator know."""
    host = draft.hosts.get(server.host)
    if host is None or host.state not in HOST_OVER:
        return False
    if host.state in (HostState.RETIRED, HostState.FAILED):
        return server.state is not ServerState.ACTING
    return server.state is ServerState.BLOCKED


def _finish(draft: Draft) -> None:
    left = [
        host.key.name
        for _, host in sorted(draft.hosts.items())
        if host.state not in (HostState.RETURNED, HostState.RETIRED)
    ]
    if left:
        _over(
            draft,
            State.MAINTENANCE_FAILED,
            HOSTS_SKIPPED,
            f"not returned or retired: {', '.join(left)}",
        )
    else:
        _over(draft, State.MAINTENANCE_DONE, None, "")


def _over(draft: Draft, state: State, reason: str | None, words: str) -> None:
    for one in notices.open_ones(draft):
        draft.notice(one.id, status=NoticeStatus.OVERRIDDEN)
    if state is State.MAINTENANCE_FAILED and reason == ABORTED and draft.session.scale_in_rounds:
        # those who need less for our sake may have it back; nobody waits for an answer
        for project_id, ids in sorted(draft.projects.items()):
            notices.inform(draft, State.MAINTENANCE_COMPLETE, project_id, ids)
    draft.set(finished_at=draft.now, aborting=False, problem=None)
    _enter(draft, state, reason=reason, words=words)
    draft.commands.append(Finish())


# -- progress ------------------------------------------------------------------------

_SHARE = {
    HostState.PLANNED: 0.0,
    HostState.DRAINING: 0.2,
    HostState.DRAINED: 0.5,
    HostState.IN_MAINTENANCE: 0.6,
    HostState.VERIFYING: 0.9,
}


def _progress(draft: Draft) -> None:
    """How much is done, in percent; 100 only when all is over."""
    if draft.session.state in OVER:
        draft.set(percent_done=100)
        return
    if not draft.hosts:
        return
    done = sum(_SHARE.get(host.state, 1.0) for host in draft.hosts.values())
    percent = min(99, int(100 * done / len(draft.hosts)))
    draft.set(percent_done=max(percent, draft.session.percent_done))
