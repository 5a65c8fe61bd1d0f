"""Which host comes next, once it is known where its servers have room."""

from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session import hosts, notices, phases, plan, targets
from craton_maintenance.domain.session.draft import Draft
from craton_maintenance.domain.session.states import Blocker, HostState, State
from craton_maintenance.domain.session.steps import Outcome, Result, Step, StepKind


def take_next(draft: Draft) -> bool:
    """Take the next hosts, or do what has to come before.

    :returns: False: there are none any more
    """
    if not draft.hosts_in(HostState.PLANNED):
        return False
    if not _is_surveyed(draft):
        _survey(draft)
        return True
    waves = plan.waves(targets.fleet(draft))
    able = [wave for wave in waves if wave.hosts[0] not in draft.known.held]
    if not able:
        if waves:
            phases.blocked(
                draft, Blocker.HOST_HELD, f"another session holds {waves[0].hosts[0].name}"
            )
            _survey(draft, draft.policy.retry_pause)
        else:
            _no_room(draft)
        return True
    wave = able[0]
    state = _state_for(draft, wave)
    if state is not draft.session.state:
        phases.enter(draft, state)
    draft.set(problem=None)
    for key in wave.hosts:
        hosts.take(draft, key, _phase(state))
    return True


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
        phases.enter(draft, State.SCALE_IN)
        for project_id, ids in concerned:
            notices.ask_project(draft, State.SCALE_IN, project_id, ids)
        return
    phases.blocked(
        draft,
        Blocker.NO_CAPACITY,
        "the servers of no host have room elsewhere: free capacity, or add some",
    )
    _survey(draft, draft.policy.retry_pause)


def surveyed(draft: Draft, step: Step, outcome: Outcome) -> None:
    """It is known where there is room, or that nobody says so at the moment."""
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
            problem=phases.unless(draft.session.problem, Blocker.SERVICE_UNAVAILABLE),
        )
    else:
        problem = draft.problem(draft.session.problem, Blocker.SERVICE_UNAVAILABLE, outcome.words)
        draft.set(survey=None, problem=problem)
        _survey(draft, draft.policy.retry_pause)
