"""A host's way through a session: disable, drain, prove empty, work, verify, enable."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session import failures, quiet, servers, survey, telling
from craton_maintenance.domain.session.draft import Draft
from craton_maintenance.domain.session.known import Seen
from craton_maintenance.domain.session.records import Host
from craton_maintenance.domain.session.states import (
    HOST_OVER,
    SERVER_OVER,
    Blocker,
    HostState,
    ServerState,
    State,
)
from craton_maintenance.domain.session.steps import Outcome, Result, Step, StepKind

#: Longest reason of a disabled service that Nova keeps.
_LONGEST_REASON = 255

#: Host work that is nothing, and host work that is somebody's word.
_NOTHING, _WAIT = "none", "wait"

#: A host in one of these is being emptied or is empty, and was not worked on.
BEFORE_WORK = frozenset({HostState.DRAINING, HostState.DRAINED})

#: A host in one of these is worked on, or comes back from it.
IN_WORK = frozenset({HostState.IN_MAINTENANCE, HostState.VERIFYING})

UNDER_WAY = BEFORE_WORK | IN_WORK


def reason(draft: Draft) -> str:
    """Why we disable a host, as Nova shows it: it is how we know our own again.

    It leads to the session for whoever looks at the service.
    """
    text = f"maintenance {draft.session.id} {telling.session_url(draft)}"
    return text if len(text) <= _LONGEST_REASON else f"maintenance {draft.session.id}"


def enter(draft: Draft, key: HostKey, state: HostState, **values: Any) -> Host:
    """A host enters a state; told by an event."""
    host = draft.host(key, state=state, **quiet.entered(state), **values)
    if state in HOST_OVER:
        # what comes next is found by another look at all hosts
        draft.set(capacity_at=None)
    telling.host(draft, host)
    return host


# -- taking a host -------------------------------------------------------------------


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
        _disable(draft, host)


def _disable(draft: Draft, host: Host) -> None:
    number = draft.do(StepKind.DISABLE_HOST, host.key, params={"reason": reason(draft)})
    draft.host(host.key, step=number)


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
        _drain(draft, host, admits)
    elif host.state is HostState.DRAINED and admits:
        _begin_work(draft, host)
    elif host.state is HostState.DRAINED:
        quiet.lift(draft, host)
    elif host.state is HostState.IN_MAINTENANCE:
        _work(draft, host)
    elif host.state is HostState.VERIFYING:
        _return(draft, host)


# -- emptying it ---------------------------------------------------------------------


def _drain(draft: Draft, host: Host, admits: bool) -> None:
    if host.outside_nova or _was_enabled(draft, host):
        return
    if not host.surveyed or _has_strangers(draft, host):
        number = draft.do(StepKind.SURVEY_HOST, host.key)
        draft.host(host.key, step=number)
        return
    if not admits:
        return
    if host.fenced_by is not None and not host.forced_down:
        number = draft.do(StepKind.FORCE_DOWN, host.key)
        draft.host(host.key, step=number)
        return
    seen = draft.known.hosts.get(host.key)
    mine = draft.servers_of(host.key)
    if host.forced_down:
        servers.evacuate(draft, host)
    elif seen is not None and not seen.up and any(s.state not in SERVER_OVER for s in mine):
        draft.block_host(
            host.key,
            Blocker.HOST_DOWN,
            f"nova-compute on {host.key.name} does not answer: servers can't be moved off it. "
            "Bring it up; or make sure that the host is off, then say evacuate",
        )
        return
    if host.problem is not None and host.problem.code is Blocker.HOST_DOWN:
        host = draft.host(host.key, problem=None)
    if not host.forced_down:
        servers.start(draft, host)
    if all(server.state in SERVER_OVER for server in draft.servers_of(host.key)):
        _prove(draft, host)


def _has_strangers(draft: Draft, host: Host) -> bool:
    return bool(_strangers(draft, host))


def _strangers(draft: Draft, host: Host) -> list[Seen]:
    """Servers on it that were not there when it was looked at."""
    found = []
    for _, seen in sorted(draft.known.servers.items()):
        if seen.host != host.key:
            continue
        known = draft.servers.get(seen.id)
        if known is None or known.host != host.key or known.state is ServerState.GONE:
            found.append(seen)
    return found


def _prove(draft: Draft, host: Host) -> None:
    left = [s.id for s in draft.servers_of(host.key) if s.state is ServerState.LEFT]
    number = draft.do(StepKind.PROVE_EMPTY, host.key, params={"left": left})
    draft.host(host.key, step=number)


def _was_enabled(draft: Draft, host: Host) -> bool:
    """Somebody else has enabled a host that we disabled: again once, then a pause."""
    seen = draft.known.hosts.get(host.key)
    if seen is None or not seen.enabled or not host.disabled_by_us or not host.surveyed:
        return False
    words = f"somebody enabled {host.key.name} while it is drained"
    if host.reenabled:
        draft.block_host(host.key, Blocker.HOST_ENABLED, words)
        draft.refusals.append((Blocker.HOST_ENABLED, words))
        return True
    host = draft.host(host.key, reenabled=1, proved_at=None)
    telling.session(draft, Blocker.HOST_ENABLED.value, words)
    _disable(draft, host)
    return True


# -- working on it -------------------------------------------------------------------


def _begin_work(draft: Draft, host: Host) -> None:
    if _was_enabled(draft, host):
        quiet.lift(draft, draft.hosts[host.key])
        return
    if _has_strangers(draft, host):
        enter(draft, host.key, HostState.DRAINING, proved_at=None)
        return
    if not quiet.is_kept(draft, host):
        return
    if not host.outside_nova and _is_old(draft, host.proved_at):
        _prove(draft, host)
        return
    host = enter(draft, host.key, HostState.IN_MAINTENANCE, told=True, problem=None)
    if draft.known.window.retire and not draft.session.work:
        _retire(draft, host)
    else:
        _work(draft, host)


def _is_old(draft: Draft, proved_at: dt.datetime | None) -> bool:
    if proved_at is None:
        return True
    return (draft.now - proved_at).total_seconds() > draft.policy.proof_valid


def _work(draft: Draft, host: Host) -> None:
    """The next action of the host's work, or its end."""
    seen = draft.known.hosts.get(host.key)
    if seen is not None and seen.enabled and host.disabled_by_us and host.reenabled < 2:
        words = f"somebody enabled {host.key.name} while it is worked on; it is disabled again"
        telling.session(draft, Blocker.HOST_ENABLED.value, words)
        draft.host(host.key, reenabled=2)
        _disable(draft, draft.hosts[host.key])
        return
    survey.arrived(draft, host.key, _strangers(draft, host))
    if host.problem is not None and host.problem.code is not Blocker.SERVICE_UNAVAILABLE:
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
    elif work[done].get("plugin") == _WAIT:
        message = work[done].get("options", {}).get("message") or "work on the host, then confirm"
        draft.host(host.key, work_began=True)
        draft.block_host(host.key, Blocker.WAITING_FOR_OPERATOR, str(message))
    else:
        number = draft.do(StepKind.RUN_PLUGIN, host.key, params=dict(work[done]))
        draft.host(host.key, step=number, work_began=True, problem=None)


def _end_work(draft: Draft, host: Host) -> None:
    if draft.known.window.retire:
        _retire(draft, host)
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


def _retire(draft: Draft, host: Host) -> None:
    enter(draft, host.key, HostState.RETIRED, told=False, ended_at=draft.now, problem=None)


# -- bringing it back ----------------------------------------------------------------


def _verify(draft: Draft, host: Host) -> None:
    since = host.work_ended_at or draft.now
    number = draft.do(StepKind.VERIFY_HOST, host.key, params={"since": since.isoformat()})
    draft.host(host.key, step=number)


def _return(draft: Draft, host: Host) -> None:
    """It is well; it takes servers again, unless somebody else had it disabled."""
    if host.problem is not None and host.problem.code is Blocker.NOT_OURS_TO_ENABLE:
        return
    if host.forced_down:
        number = draft.do(StepKind.UNFORCE_DOWN, host.key)
        draft.host(host.key, step=number)
    elif not host.verified and not host.outside_nova:
        _verify(draft, host)
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


# -- giving it back without work -----------------------------------------------------


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


# -- ends of steps -------------------------------------------------------------------


def step_ended(draft: Draft, step: Step, outcome: Outcome) -> None:
    """A step about a host has ended."""
    host = draft.hosts.get(step.host)
    if host is None or host.step != step.number:
        return
    if outcome.result is Result.UNDER_WAY:
        _goes_on(draft, host, outcome)
        return
    host = draft.host(host.key, step=None, not_before=None)
    if outcome.result is Result.LATER or (
        outcome.result is Result.UNCLEAR and step.kind is not StepKind.RUN_PLUGIN
    ):
        # reads are repeated, and what changes something in Nova looks before it acts
        draft.block_host(host.key, Blocker.SERVICE_UNAVAILABLE, outcome.words)
        draft.host(host.key, not_before=draft.later(draft.policy.retry_pause))
        _again(draft, host, step)
        return
    if host.problem is not None and host.problem.code is Blocker.SERVICE_UNAVAILABLE:
        host = draft.host(host.key, problem=None)
    _ENDED[step.kind](draft, host, step, outcome)


def _goes_on(draft: Draft, host: Host, outcome: Outcome) -> None:
    """Work that goes on elsewhere: what is in its way, or is not any more."""
    if outcome.words:
        draft.block_host(host.key, failures.in_its_way(outcome), outcome.words)
    else:
        draft.host(host.key, problem=None)


def _again(draft: Draft, host: Host, step: Step) -> None:
    """What changed something, or may have, is done again after a pause; reads begin anew."""
    if step.kind in (StepKind.DISABLE_HOST, StepKind.ENABLE_HOST, StepKind.RUN_PLUGIN):
        number = draft.do(
            step.kind,
            step.host,
            params={**step.params, "again": True, "step": step.params.get("step", step.number)},
            not_before=draft.later(draft.policy.retry_pause),
        )
        draft.host(host.key, step=number)


def _disabled(draft: Draft, host: Host, step: Step, outcome: Outcome) -> None:
    if outcome.result is Result.REFUSED:
        draft.block_host(host.key, Blocker.SERVICE_UNAVAILABLE, outcome.words)
        draft.host(host.key, not_before=draft.later(draft.policy.retry_pause))
        _again(draft, host, step)
        return
    found = outcome.facts
    if not found.get("changed") and found.get("reason") != step.params["reason"]:
        # somebody else's: it stays disabled afterwards, with the reason that it has
        draft.host(host.key, disabled_by_us=False, foreign=True)


def _surveyed(draft: Draft, host: Host, step: Step, outcome: Outcome) -> None:
    if outcome.result is Result.REFUSED:
        draft.block_host(host.key, Blocker.SERVICE_UNAVAILABLE, outcome.words)
        draft.host(host.key, not_before=draft.later(draft.policy.retry_pause))
        return
    facts = outcome.facts
    survey.appeared(draft, host, facts.get("servers", ()), facts.get("groups", ()))
    draft.host(host.key, surveyed=True)
    if host.surveyed:
        # what is known from elsewhere may be older than this look
        draft.host(host.key, not_before=draft.later(draft.policy.retry_pause))


def _proved(draft: Draft, host: Host, step: Step, outcome: Outcome) -> None:
    facts = outcome.facts
    if outcome.result is Result.DONE and facts.get("disabled") is False:
        _proved_open(draft, host)
        return
    if outcome.result is Result.DONE and facts.get("empty"):
        draft.host(host.key, proved_at=draft.now, problem=None)
        if host.state is HostState.DRAINING:
            enter(draft, host.key, HostState.DRAINED)
        return
    if host.state is HostState.DRAINED:
        enter(draft, host.key, HostState.DRAINING, proved_at=None)
    there, strangers = facts.get("servers", ()), _not_left(step, facts)
    survey.appeared(draft, draft.hosts[host.key], strangers)
    survey.run_again(draft, [one for one in there if one not in strangers])
    draft.host(host.key, not_before=draft.later(draft.policy.retry_pause))
    facts = {**facts, "servers": strangers}
    if there and not any(facts.get(name) for name in ("servers", "migrations", "allocations")):
        return  # those that were to stay say themselves what is wrong with them
    code, words = _what_is_left(host, facts, outcome)
    draft.block_host(host.key, code, words)
    if code is Blocker.UNCONFIRMED_RESIZE and draft.policy.unconfirmed_resize == "confirm":
        _confirm_resizes(draft, host, facts)


def _proved_open(draft: Draft, host: Host) -> None:
    """It takes servers: whether it is empty at this moment says nothing."""
    draft.host(host.key, proved_at=None)
    if host.foreign:
        # whoever had it disabled has no reason against it any more: we have one
        draft.host(host.key, foreign=False, disabled_by_us=True)
        _disable(draft, draft.hosts[host.key])


def _not_left(step: Step, facts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    left = set(step.params.get("left", ()))
    return [one for one in facts.get("servers", ()) if one["id"] not in left]


def _what_is_left(host: Host, facts: Mapping[str, Any], outcome: Outcome) -> tuple[Blocker, str]:
    found = facts.get("servers", ())
    if found:
        ids = ", ".join(one["id"] for one in found[:5])
        return Blocker.LATE_SERVER, f"still on {host.key.name}: {ids}"
    unconfirmed = [one for one in facts.get("migrations", ()) if one["status"] == "finished"]
    if unconfirmed:
        ids = ", ".join(one["server_id"] for one in unconfirmed[:5])
        return (
            Blocker.UNCONFIRMED_RESIZE,
            f"resizes that nobody has confirmed or reverted: {ids}",
        )
    migrations = ", ".join(
        f"{one['id']} ({one['status']})" for one in facts.get("migrations", ())[:5]
    )
    allocations = ", ".join(facts.get("allocations", ())[:5])
    words = outcome.words or f"{host.key.name} is not empty"
    if any(one["status"] == "done" for one in facts.get("migrations", ())):
        words += "; evacuations end when nova-compute is started there again"
    if migrations:
        words += f"; migrations {migrations}"
    if allocations:
        words += f"; allocations of {allocations}"
    return Blocker.NOT_EMPTY, words


def _confirm_resizes(draft: Draft, host: Host, facts: Mapping[str, Any]) -> None:
    """By policy: its owner was told, as the server was on the host, or its source is."""
    for one in facts.get("migrations", ()):
        if one["status"] == "finished":
            number = draft.do(StepKind.CONFIRM_RESIZE, host.key, one["server_id"])
            draft.host(host.key, step=number)


def _resize_confirmed(draft: Draft, host: Host, step: Step, outcome: Outcome) -> None:
    draft.host(host.key, not_before=draft.later(draft.policy.retry_pause))


def _forced_down(draft: Draft, host: Host, step: Step, outcome: Outcome) -> None:
    if outcome.result is Result.DONE:
        draft.host(host.key, forced_down=step.kind is StepKind.FORCE_DOWN)
        return
    draft.block_host(host.key, Blocker.SERVICE_UNAVAILABLE, outcome.words)
    draft.host(host.key, not_before=draft.later(draft.policy.retry_pause))


def _worked(draft: Draft, host: Host, step: Step, outcome: Outcome) -> None:
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


def _verified(draft: Draft, host: Host, step: Step, outcome: Outcome) -> None:
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


def _enabled(draft: Draft, host: Host, step: Step, outcome: Outcome) -> None:
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
        _again(draft, host, step)
        return
    draft.block_host(
        host.key,
        Blocker.NOT_OURS_TO_ENABLE,
        f"{host.key.name} is disabled for another reason by now "
        f"({outcome.facts.get('reason') or outcome.words}): it stays disabled; enable it, then "
        "confirm",
    )


_ENDED = {
    StepKind.DISABLE_HOST: _disabled,
    StepKind.SURVEY_HOST: _surveyed,
    StepKind.PROVE_EMPTY: _proved,
    StepKind.CONFIRM_RESIZE: _resize_confirmed,
    StepKind.RUN_PLUGIN: _worked,
    StepKind.VERIFY_HOST: _verified,
    StepKind.ENABLE_HOST: _enabled,
    StepKind.FORCE_DOWN: _forced_down,
    StepKind.UNFORCE_DOWN: _forced_down,
}


# -- an operator's word --------------------------------------------------------------


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


def due(host: Host) -> list[dt.datetime | None]:
    """When the clock next does something about a host under way."""
    if host.state not in UNDER_WAY or host.step is not None:
        return []
    return [host.not_before, quiet.due(host)]
