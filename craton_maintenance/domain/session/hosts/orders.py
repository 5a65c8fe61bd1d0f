"""An operator's word about a host."""

from craton_maintenance.domain.session import quiet, survey
from craton_maintenance.domain.session.draft import Draft
from craton_maintenance.domain.session.hosts.entering import enter
from craton_maintenance.domain.session.records import Host
from craton_maintenance.domain.session.states import Blocker, HostState


def confirm(draft: Draft, host: Host) -> None:
    """The operator says that what is waited for, or unclear, is done."""
    if host.problem is None:
        if host.state is HostState.IN_MAINTENANCE:
            survey.accept(draft, host.key)
        return
    code = host.problem.code
    if host.state is HostState.IN_MAINTENANCE and code in (
        Blocker.WAITING_FOR_OPERATOR,
        Blocker.STEP_UNCLEAR,
        Blocker.HOST_WORK_FAILED,
    ):
        draft.host(host.key, work_done=host.work_done + 1, problem=None)
    elif code is Blocker.SERVICE_UNAVAILABLE and host.work_step is not None:
        draft.host(
            host.key,
            work_done=host.work_done + 1,
            work_step=None,
            not_before=None,
            problem=None,
        )
    elif host.state is HostState.IN_MAINTENANCE and code in (
        Blocker.NOT_EMPTY,
        Blocker.LATE_SERVER,
        Blocker.UNCONFIRMED_RESIZE,
    ):
        # what was found may be there while the next action is done
        draft.host(host.key, proved_at=draft.now, problem=None, not_before=None)
    elif code is Blocker.NOT_OURS_TO_ENABLE:
        draft.host(host.key, disabled_by_us=False, problem=None)
    elif code is Blocker.VERIFY_FAILED:
        draft.host(host.key, verified=True, problem=None)
    elif host.outside_nova and host.state is HostState.DRAINING:
        enter(draft, host.key, HostState.DRAINED, proved_at=draft.now, problem=None)


def evacuate(draft: Draft, host: Host, actor: str) -> bool:
    """The operator's word that a host that is down is off: its servers are started elsewhere.

    :returns: False where it is not down: nothing is done
    """
    if host.problem is None or host.problem.code is not Blocker.HOST_DOWN:
        return False
    draft.host(host.key, fenced_by=actor, problem=None)
    return True


def forgive(draft: Draft, host: Host) -> None:
    """The operator knows that somebody has enabled it: we disable it once more."""
    if host.problem is not None and host.problem.code is Blocker.HOST_ENABLED:
        draft.host(host.key, problem=None, reenabled=0)


def retry(draft: Draft, host: Host) -> None:
    """The operator has mended something: try again at once."""
    forgive(draft, host)
    quiet.retry(draft, host)
    draft.host(host.key, problem=None, not_before=None)
    if host.state is HostState.VERIFYING:
        draft.host(host.key, verify_until=draft.later(draft.policy.verify_timeout))
