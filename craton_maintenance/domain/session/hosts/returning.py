"""A host comes back: verified after work on it, or given back without any."""

from craton_maintenance.domain.session import quiet, servers
from craton_maintenance.domain.session.draft import Draft
from craton_maintenance.domain.session.hosts.entering import enter, reason
from craton_maintenance.domain.session.hosts.repeating import again
from craton_maintenance.domain.session.records import Host
from craton_maintenance.domain.session.states import HOST_OVER, Blocker, HostState, ServerState
from craton_maintenance.domain.session.steps import Outcome, Result, Step, StepKind


def verify(draft: Draft, host: Host) -> None:
    since = host.work_ended_at or draft.now
    number = draft.do(StepKind.VERIFY_HOST, host.key, params={"since": since.isoformat()})
    draft.host(host.key, step=number)


def bring_back(draft: Draft, host: Host) -> None:
    """It is well; it takes servers again, unless somebody else had it disabled."""
    if host.problem is not None and host.problem.code is Blocker.NOT_OURS_TO_ENABLE:
        return
    if host.forced_down:
        number = draft.do(StepKind.UNFORCE_DOWN, host.key)
        draft.host(host.key, step=number)
    elif not host.verified and not host.outside_nova:
        verify(draft, host)
    elif host.disabled_by_us:
        number = draft.do(StepKind.ENABLE_HOST, host.key, params={"reason": reason(draft)})
        draft.host(host.key, step=number)
    else:
        _returned(draft, host)


def _returned(draft: Draft, host: Host) -> None:
    enter(
        draft,
        host.key,
        HostState.RETURNED,
        told=False,
        disabled_by_us=False,
        ended_at=draft.now,
        problem=None,
    )
    for server in draft.servers_of(host.key):
        if server.state is ServerState.LEFT and server.stopped_by_us:
            servers.start_again(draft, server)


def give_back(draft: Draft, host: Host, to: HostState, why: str) -> None:
    """A drain stops: the host is enabled again as it was found, once nothing moves there.

    :param to: SKIPPED, or PLANNED where it may be taken again
    """
    if host.step is not None:
        return
    if any(s.state is ServerState.ACTING for s in draft.servers_of(host.key)):
        return
    host = quiet.lift(draft, host)
    if host.not_before is not None and draft.now < host.not_before:
        return
    if host.disabled_by_us:
        if host.problem is not None and host.problem.code is Blocker.NOT_OURS_TO_ENABLE:
            draft.host(host.key, disabled_by_us=False)
        else:
            number = draft.do(StepKind.ENABLE_HOST, host.key, params={"reason": reason(draft)})
            draft.host(host.key, step=number)
        return
    servers.hand_back(draft, host.key)
    ended = draft.now if to in HOST_OVER else None
    problem = None if to is HostState.PLANNED else host.problem
    enter(draft, host.key, to, reason=why, ended_at=ended, surveyed=False, problem=problem)


def skip(draft: Draft, host: Host, why: str) -> None:
    """Leave a host out that nothing was done to yet."""
    enter(draft, host.key, HostState.SKIPPED, reason=why, ended_at=draft.now)


def fail(draft: Draft, host: Host, why: str) -> None:
    """A host that was worked on does not come back; it stays disabled."""
    enter(draft, host.key, HostState.FAILED, reason=why, told=False, ended_at=draft.now, step=None)


def verified(draft: Draft, host: Host, step: Step, outcome: Outcome) -> None:
    if outcome.result is Result.DONE and outcome.facts.get("well"):
        draft.host(host.key, verified=True, problem=None)
        return
    words = str(outcome.facts.get("words") or outcome.words or "it does not answer")
    draft.host(host.key, not_before=draft.later(draft.policy.retry_pause))
    if host.verify_until is not None and draft.now >= host.verify_until:
        draft.block_host(
            host.key,
            Blocker.VERIFY_FAILED,
            f"{host.key.name} is not well after the work: {words}; it stays disabled",
        )
    elif outcome.result is Result.REFUSED:
        draft.block_host(host.key, Blocker.SERVICE_UNAVAILABLE, words)


def enabled(draft: Draft, host: Host, step: Step, outcome: Outcome) -> None:
    if outcome.result is Result.DONE and outcome.facts.get("enabled"):
        draft.host(host.key, disabled_by_us=False)
        if host.state is HostState.VERIFYING:
            _returned(draft, draft.hosts[host.key])
        return
    if outcome.result is Result.REFUSED and not outcome.facts.get("gone"):
        # it is ours, and Nova does not take it
        words = f"{host.key.name} can't be enabled: {outcome.words}"
        draft.block_host(host.key, Blocker.SERVICE_UNAVAILABLE, words)
        draft.host(host.key, not_before=draft.later(draft.policy.retry_pause))
        again(draft, host, step)
        return
    draft.block_host(
        host.key,
        Blocker.NOT_OURS_TO_ENABLE,
        f"{host.key.name} is disabled for another reason by now "
        f"({outcome.facts.get('reason') or outcome.words}): it stays disabled; enable it, then "
        "confirm",
    )
