"""A host's way through a session: disable, drain, prove empty, work, verify, enable."""

import datetime as dt

from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session import quiet
from craton_maintenance.domain.session.draft import Draft
from craton_maintenance.domain.session.hosts import draining, returning, working
from craton_maintenance.domain.session.hosts.entering import enter
from craton_maintenance.domain.session.hosts.orders import confirm, evacuate, forgive, retry
from craton_maintenance.domain.session.hosts.repeating import again, unreached
from craton_maintenance.domain.session.hosts.returning import fail, give_back, skip
from craton_maintenance.domain.session.records import Host
from craton_maintenance.domain.session.states import UNDER_WAY, Blocker, HostState, State
from craton_maintenance.domain.session.steps import Outcome, Result, Step, StepKind

__all__ = [
    "advance",
    "confirm",
    "due",
    "evacuate",
    "fail",
    "forgive",
    "give_back",
    "retry",
    "skip",
    "step_ended",
    "take",
]


def take(draft: Draft, key: HostKey, phase: State) -> None:
    """A host's turn has come: nothing new is to be put on it from now on."""
    wave = draft.session.waves + 1
    draft.set(waves=wave)
    outside = key not in draft.known.hosts
    host = enter(
        draft,
        key,
        HostState.DRAINING,
        wave=wave,
        phase=phase,
        disabled_by_us=not outside,
        outside_nova=outside,
        foreign=False,
        fenced_by=None,
        forced_down=False,
        reenabled=0,
        surveyed=False,
        proved_at=None,
        problem=None,
        reason=None,
        not_before=None,
        began_at=draft.now,
    )
    if outside:
        draft.block_host(
            key,
            Blocker.WAITING_FOR_OPERATOR,
            f"Nova knows no host {key.name}: there is nothing to drain. Confirm that it may be "
            "worked on",
        )
    else:
        draining.disable(draft, host)


def advance(draft: Draft, key: HostKey, admits: bool) -> None:
    """Do what comes next for a host under way.

    :param admits: nothing stands against beginning something new
    """
    host = draft.hosts[key]
    if host.step is not None:
        return
    if host.not_before is not None and draft.now < host.not_before:
        return
    if host.state is HostState.DRAINING:
        draining.drain(draft, host, admits)
    elif host.state is HostState.DRAINED and admits:
        working.begin(draft, host)
    elif host.state is HostState.DRAINED:
        quiet.lift(draft, host)
    elif host.state is HostState.IN_MAINTENANCE:
        working.go_on(draft, host)
    elif host.state is HostState.VERIFYING:
        returning.bring_back(draft, host)


def step_ended(draft: Draft, step: Step, outcome: Outcome) -> None:
    """A step about a host has ended."""
    host = draft.hosts.get(step.host)
    if host is None or host.step != step.number:
        return
    if outcome.result is Result.UNDER_WAY:
        working.goes_on(draft, host, outcome)
        return
    host = draft.host(host.key, step=None, not_before=None)
    if outcome.result is Result.LATER or (
        outcome.result is Result.UNCLEAR and step.kind is not StepKind.RUN_PLUGIN
    ):
        # reads are repeated, and what changes something in Nova looks before it acts
        draft.block_host(host.key, Blocker.SERVICE_UNAVAILABLE, outcome.words)
        draft.host(host.key, not_before=draft.later(draft.policy.retry_pause))
        again(draft, host, step)
        return
    if host.problem is not None and host.problem.code is Blocker.SERVICE_UNAVAILABLE:
        kept = unreached(host) if step.kind is StepKind.PROVE_EMPTY else None
        host = draft.host(host.key, problem=kept)
    _ENDED[step.kind](draft, host, step, outcome)


_ENDED = {
    StepKind.DISABLE_HOST: draining.disabled,
    StepKind.SURVEY_HOST: draining.surveyed,
    StepKind.PROVE_EMPTY: draining.proved,
    StepKind.CONFIRM_RESIZE: draining.resize_confirmed,
    StepKind.RUN_PLUGIN: working.worked,
    StepKind.VERIFY_HOST: returning.verified,
    StepKind.ENABLE_HOST: returning.enabled,
    StepKind.FORCE_DOWN: draining.forced_down,
    StepKind.UNFORCE_DOWN: draining.forced_down,
}


def due(host: Host) -> list[dt.datetime | None]:
    """When the clock next does something about a host under way."""
    if host.state not in UNDER_WAY or host.step is not None:
        return []
    return [host.not_before, quiet.due(host)]
