"""A step about a host is done once more."""

from craton_maintenance.domain.session.draft import Draft
from craton_maintenance.domain.session.records import Host, Problem
from craton_maintenance.domain.session.states import BEFORE_WORK, Blocker
from craton_maintenance.domain.session.steps import Step, StepKind

#: Seconds between two tries of what has been in vain for long, at most.
_LONGEST = 60.0


def again(draft: Draft, host: Host, step: Step) -> None:
    """What changed something, or may have, is done again after a pause; reads begin anew.

    Work that can't be reached does begin anew, under its old name: until then an operator may
    decide otherwise.
    """
    if step.kind is StepKind.RUN_PLUGIN:
        draft.host(
            host.key,
            work_step=step.params.get("step", step.number),
            not_before=draft.later(pause(draft, host)),
        )
    elif step.kind is StepKind.DISABLE_HOST and host.state in BEFORE_WORK and draft.is_closed:
        return  # it is given back
    elif step.kind in (StepKind.DISABLE_HOST, StepKind.ENABLE_HOST):
        number = draft.do(
            step.kind,
            step.host,
            params={
                **step.params,
                # the window's end may be another one by now
                **(draft.not_after() if "not_after" in step.params else {}),
                "again": True,
                "step": step.params.get("step", step.number),
            },
            not_before=draft.later(draft.policy.retry_pause),
        )
        draft.host(host.key, step=number)


def unreached(host: Host) -> Problem | None:
    """That the next action of its work can't be reached, which a look at the host does not end."""
    problem = host.problem
    if problem is None or problem.code is not Blocker.SERVICE_UNAVAILABLE:
        return None
    return None if host.work_step is None else problem


def pause(draft: Draft, host: Host) -> float:
    """Seconds until another try: the longer, the longer the host's problem has lasted."""
    problem = draft.hosts[host.key].problem
    lasts = 0.0 if problem is None else (draft.now - problem.since).total_seconds()
    return max(draft.policy.retry_pause, min(lasts / 2, _LONGEST))
