"""The states of a session as a whole: entered, left, and how much is done."""

from craton_maintenance.domain.session import telling
from craton_maintenance.domain.session.draft import Draft
from craton_maintenance.domain.session.records import Problem
from craton_maintenance.domain.session.states import OVER, Blocker, HostState, State


def enter(draft: Draft, state: State, **values: object) -> None:
    """The session enters a state; told by an event."""
    draft.set(state=state, **values)
    progress(draft)
    telling.session(draft)


def pause(draft: Draft, code: Blocker, words: str) -> None:
    """Nothing new is begun; what moves is let move on."""
    if draft.session.state is State.PAUSED or draft.session.aborting:
        return
    enter(
        draft,
        State.PAUSED,
        resume_state=draft.session.state,
        paused_at=draft.now,
        reason=code.value,
        words=words,
    )


def refused(draft: Draft, code: Blocker, words: str) -> None:
    """Somebody has to decide, who is told so though the session is paused already."""
    if draft.session.state is not State.PAUSED:
        pause(draft, code, words)
    elif draft.session.reason == Blocker.PAUSED_BY_OPERATOR:
        draft.set(reason=code.value, words=words)
        telling.session(draft)


def go_on(draft: Draft, state: State) -> None:
    """The pause is over."""
    enter(draft, state, resume_state=None, paused_at=None, reason=None, words="")


_SHARE = {
    HostState.PLANNED: 0.0,
    HostState.DRAINING: 0.2,
    HostState.DRAINED: 0.5,
    HostState.IN_MAINTENANCE: 0.6,
    HostState.VERIFYING: 0.9,
}


def progress(draft: Draft) -> None:
    """How much is done, in percent; 100 only when all is over."""
    if draft.session.state in OVER:
        draft.set(percent_done=100)
        return
    if not draft.hosts:
        return
    done = sum(_SHARE.get(host.state, 1.0) for host in draft.hosts.values())
    percent = min(99, int(100 * done / len(draft.hosts)))
    draft.set(percent_done=max(percent, draft.session.percent_done))


def blocked(draft: Draft, code: Blocker, words: str) -> None:
    """Why the session as a whole does not go on now."""
    problem = draft.problem(draft.session.problem, code, words)
    draft.set(problem=problem)


def unless(problem: Problem | None, code: Blocker) -> Problem | None:
    """A problem, unless it is this one, which is over."""
    return None if problem is not None and problem.code is code else problem
