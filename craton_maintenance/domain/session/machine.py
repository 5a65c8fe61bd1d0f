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
    choice,
    hosts,
    notices,
    orders,
    phases,
    quiet,
    servers,
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
from craton_maintenance.domain.session.records import Host, Server, Session
from craton_maintenance.domain.session.states import (
    ABORTED,
    BEFORE_WORK,
    HOST_OVER,
    HOSTS_SKIPPED,
    IN_WORK,
    OVER,
    SERVER_OVER,
    UNDER_WAY,
    WORKING,
    Blocker,
    HostState,
    NoticeStatus,
    ServerState,
    State,
    Workflow,
)
from craton_maintenance.domain.session.steps import Outcome, Step, StepKind

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
    draft.set(problem=phases.unless(session.problem, Blocker.DECISION_FAILED))
    for one in inputs:
        _take(draft, one)
    for _ in range(_LONGEST):
        before = draft.changes
        _advance(draft)
        if draft.changes == before:
            break
    else:
        raise AssertionError("a session decides for ever")
    phases.progress(draft)
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
            orders.take(draft, one)
        case AdapterSaid():
            quiet.said(draft, one)
    draft.changes += 1


def _step_ended(draft: Draft, step: Step, outcome: Outcome) -> None:
    if step.kind is StepKind.SURVEY_CAPACITY:
        if draft.session.survey == step.number:
            choice.surveyed(draft, step, outcome)
        return
    server = draft.servers.get(step.server_id or "")
    if server is not None and server.step == step.number:
        servers.step_ended(draft, step, outcome)
    else:
        # a host's step may name a server, whose resize it confirms
        hosts.step_ended(draft, step, outcome)


# -- what follows --------------------------------------------------------------------


def _advance(draft: Draft) -> None:
    """One round; repeated while it changes something."""
    servers.observe(draft)
    servers.tick(draft)
    budget.tick(draft)
    notices.tick(draft)
    _leave_out(draft)
    if draft.refusals:
        phases.refused(draft, *draft.refusals[0])
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


def _leave_out(draft: Draft) -> None:
    """Hosts that policy or the operator leaves out."""
    for key in sorted(draft.skip):
        host = draft.hosts.get(key)
        if host is None or host.state in HOST_OVER or host.state in IN_WORK:
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
    if not draft.hosts_in(*UNDER_WAY):
        _choose_next(draft)


def _hosts_go_on(draft: Draft, admits: bool) -> None:
    for host in draft.hosts_in(*UNDER_WAY):
        if host.reason and host.state in BEFORE_WORK:
            hosts.give_back(draft, host, HostState.SKIPPED, host.reason)
        else:
            hosts.advance(draft, host.key, admits)


def _choose_next(draft: Draft) -> None:
    """The next host, or what has to come before it, or the end."""
    if not choice.take_next(draft):
        _complete(draft)


# -- ends ----------------------------------------------------------------------------


def _window_end(draft: Draft) -> None:
    """At the window's end no host is begun; what is worked on is finished; then a pause."""
    closes = draft.known.window.closes
    session = draft.session
    paused_by_it = session.state is State.PAUSED and session.reason == Blocker.WINDOW_ENDED
    if closes is None or draft.now < closes:
        if paused_by_it and session.resume_state is not None:
            phases.go_on(draft, session.resume_state)
        return
    if session.state not in WORKING | {State.MAINTENANCE, State.SCALE_IN, State.PAUSED}:
        return
    for host in draft.hosts_in(*BEFORE_WORK):
        for one in notices.open_ones(draft):
            if one.host == host.key:
                draft.notice(one.id, status=NoticeStatus.OVERRIDDEN)
        hosts.give_back(draft, host, HostState.PLANNED, "the window's end has passed")
    if session.state is State.PAUSED:
        return
    if not draft.hosts_in(HostState.PLANNED, *BEFORE_WORK) and session.announced:
        return
    phases.pause(draft, Blocker.WINDOW_ENDED, "the window's end has passed: extend it, or abort")


def _abort(draft: Draft) -> None:
    """Queued moves are dropped, host work is finished, our own resizes are confirmed."""
    for host in draft.hosts_in(HostState.PLANNED):
        hosts.skip(draft, host, ABORTED)
    for host in draft.hosts_in(*BEFORE_WORK):
        hosts.give_back(draft, host, HostState.SKIPPED, ABORTED)
    for host in draft.hosts_in(*IN_WORK):
        hosts.advance(draft, host.key, admits=True)
    if all(host.state in HOST_OVER for host in draft.hosts.values()) and _servers_done(draft):
        _over(draft, State.MAINTENANCE_FAILED, ABORTED, draft.session.words)


def _complete(draft: Draft) -> None:
    """Every host is done with: tell everybody who was told of the maintenance."""
    if not _servers_done(draft):
        return
    phases.enter(draft, State.MAINTENANCE_COMPLETE, problem=None)
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
    phases.enter(draft, state, reason=reason, words=words)
    draft.commands.append(Finish())
