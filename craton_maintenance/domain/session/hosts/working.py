"""A host is worked on, while it is watched that nothing comes to it."""

import datetime as dt

from craton_maintenance.domain.session import failures, quiet, survey, telling
from craton_maintenance.domain.session.draft import Draft
from craton_maintenance.domain.session.hosts import draining
from craton_maintenance.domain.session.hosts.entering import enter
from craton_maintenance.domain.session.records import Host
from craton_maintenance.domain.session.states import Blocker, HostState
from craton_maintenance.domain.session.steps import Outcome, Result, Step, StepKind

#: Host work that is nothing, and host work that is somebody's word.
_NOTHING, _WAIT = "none", "wait"

#: What keeps the next action from being begun, and may be over by itself.
_LOOKED_AT_AGAIN = frozenset(
    {
        Blocker.SERVICE_UNAVAILABLE,
        Blocker.NOT_EMPTY,
        Blocker.LATE_SERVER,
        Blocker.UNCONFIRMED_RESIZE,
    }
)


def begin(draft: Draft, host: Host) -> None:
    """It is empty: begin with the work, unless it is not as it was proved to be."""
    if draining.was_enabled(draft, host):
        quiet.lift(draft, draft.hosts[host.key])
        return
    if draining.has_strangers(draft, host):
        enter(draft, host.key, HostState.DRAINING, proved_at=None)
        return
    if not quiet.is_kept(draft, host):
        return
    if not host.outside_nova and _is_old(draft, host.proved_at):
        draining.prove(draft, host)
        return
    host = enter(draft, host.key, HostState.IN_MAINTENANCE, told=True, problem=None)
    if draft.known.window.retire and not draft.session.work:
        retire(draft, host)
    else:
        go_on(draft, host)


def _is_old(draft: Draft, proved_at: dt.datetime | None) -> bool:
    if proved_at is None:
        return True
    return (draft.now - proved_at).total_seconds() > draft.policy.proof_valid


def go_on(draft: Draft, host: Host) -> None:
    """The next action of the host's work, or its end."""
    seen = draft.known.hosts.get(host.key)
    if seen is not None and seen.enabled and host.disabled_by_us and host.reenabled < 2:
        words = f"somebody enabled {host.key.name} while it is worked on; it is disabled again"
        telling.session(draft, Blocker.HOST_ENABLED.value, words)
        draft.host(host.key, reenabled=2)
        draining.disable(draft, draft.hosts[host.key])
        return
    survey.arrived(draft, host.key, draining.strangers(draft, host))
    if host.problem is not None and host.problem.code not in _LOOKED_AT_AGAIN:
        return
    work = draft.session.work
    done = host.work_done
    while done < len(work) and work[done].get("plugin") == _NOTHING:
        done += 1
    host = draft.host(host.key, work_done=done)
    if done >= len(work):
        _end_work(draft, host)
    elif survey.in_the_way(draft, host.key):
        return
    elif not host.outside_nova and _is_old(draft, host.proved_at):
        draining.prove(draft, host)
    elif work[done].get("plugin") == _WAIT:
        message = work[done].get("options", {}).get("message") or "work on the host, then confirm"
        draft.host(host.key, work_began=True)
        draft.block_host(host.key, Blocker.WAITING_FOR_OPERATOR, str(message))
    else:
        # one that was not reached has not begun, and keeps its name
        known = {} if host.work_step is None else {"step": host.work_step}
        number = draft.do(StepKind.RUN_PLUGIN, host.key, params={**work[done], **known})
        problem = host.problem if known else None
        draft.host(host.key, step=number, work_began=True, problem=problem)


def _end_work(draft: Draft, host: Host) -> None:
    if draft.known.window.retire:
        retire(draft, host)
        return
    enter(
        draft,
        host.key,
        HostState.VERIFYING,
        work_ended_at=draft.now,
        verified=False,
        verify_until=draft.later(draft.policy.verify_timeout),
        # no host reports at the moment at which its work ends
        not_before=draft.later(draft.policy.retry_pause),
        problem=None,
    )


def retire(draft: Draft, host: Host) -> None:
    """It stays disabled, and does not come back."""
    enter(draft, host.key, HostState.RETIRED, told=False, ended_at=draft.now, problem=None)


def goes_on(draft: Draft, host: Host, outcome: Outcome) -> None:
    """Work that goes on elsewhere: what is in its way, or is not any more."""
    if outcome.words:
        draft.block_host(host.key, failures.in_its_way(outcome), outcome.words)
    else:
        draft.host(host.key, problem=None)


def worked(draft: Draft, host: Host, step: Step, outcome: Outcome) -> None:
    """The next action has been tried."""
    draft.host(host.key, work_step=None)
    if outcome.result is Result.DONE:
        draft.host(host.key, work_done=host.work_done + 1, problem=None)
    elif outcome.result is Result.UNCLEAR:
        draft.block_host(
            host.key,
            Blocker.STEP_UNCLEAR,
            f"{outcome.words}; confirm if the work is done, retry to have it done again",
        )
    else:
        draft.block_host(
            host.key,
            Blocker.HOST_WORK_FAILED,
            f"{outcome.words}; mend it and retry, confirm if it is done, or skip the host",
        )
