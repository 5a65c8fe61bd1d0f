"""A host is emptied: disabled, its servers moved, and then proved empty."""

from collections.abc import Mapping
from typing import Any

from craton_maintenance.domain.session import servers, survey, telling
from craton_maintenance.domain.session.draft import Draft
from craton_maintenance.domain.session.hosts.entering import enter, reason
from craton_maintenance.domain.session.hosts.repeating import again, pause, unreached
from craton_maintenance.domain.session.known import Seen
from craton_maintenance.domain.session.records import Host
from craton_maintenance.domain.session.states import (
    BEFORE_WORK,
    SERVER_OVER,
    Blocker,
    HostState,
    ServerState,
)
from craton_maintenance.domain.session.steps import Outcome, Result, Step, StepKind

#: Where a proof looks.
_PLACES = ("servers", "migrations", "allocations")


def disable(draft: Draft, host: Host) -> None:
    """Have Nova put nothing new on it, with a reason that is ours."""
    # one that is worked on has to be disabled whenever that is
    ends = draft.not_after() if host.state in BEFORE_WORK else {}
    params = {"reason": reason(draft), **ends}
    number = draft.do(StepKind.DISABLE_HOST, host.key, params=params)
    draft.host(host.key, step=number)


def drain(draft: Draft, host: Host, admits: bool) -> None:
    """What comes next until it is empty.

    :param admits: nothing stands against beginning something new
    """
    if host.outside_nova or was_enabled(draft, host):
        return
    if not host.surveyed or has_strangers(draft, host):
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
        prove(draft, host)


def has_strangers(draft: Draft, host: Host) -> bool:
    """Whether there are servers on it that were not there when it was looked at."""
    return bool(strangers(draft, host))


def strangers(draft: Draft, host: Host) -> list[Seen]:
    """Servers on it that were not there when it was looked at."""
    found = []
    for _, seen in sorted(draft.known.servers.items()):
        if seen.host != host.key:
            continue
        known = draft.servers.get(seen.id)
        if known is None or known.host != host.key or known.state is ServerState.GONE:
            found.append(seen)
    return found


def prove(draft: Draft, host: Host) -> None:
    """Have it looked at in all places where something of it may be."""
    left = [s.id for s in draft.servers_of(host.key) if s.state is ServerState.LEFT]
    number = draft.do(StepKind.PROVE_EMPTY, host.key, params={"left": left})
    draft.host(host.key, step=number)


def was_enabled(draft: Draft, host: Host) -> bool:
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
    disable(draft, host)
    return True


def disabled(draft: Draft, host: Host, step: Step, outcome: Outcome) -> None:
    if outcome.result is Result.REFUSED:
        draft.block_host(host.key, Blocker.SERVICE_UNAVAILABLE, outcome.words)
        draft.host(host.key, not_before=draft.later(draft.policy.retry_pause))
        again(draft, host, step)
        return
    found = outcome.facts
    if not found.get("changed") and found.get("reason") != step.params["reason"]:
        # somebody else's: it stays disabled afterwards, with the reason that it has
        draft.host(host.key, disabled_by_us=False, foreign=True)


def surveyed(draft: Draft, host: Host, step: Step, outcome: Outcome) -> None:
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


def proved(draft: Draft, host: Host, step: Step, outcome: Outcome) -> None:
    """It is known what is on it, and on its way there or from there."""
    facts = outcome.facts
    if host.state is HostState.IN_MAINTENANCE:
        _proved_at_work(draft, host, step, outcome)
        return
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
    facts = {**facts, "servers": strangers}
    if there and not any(facts.get(name) for name in _PLACES):
        # those that were to stay say themselves what is wrong with them
        draft.host(host.key, not_before=draft.later(draft.policy.retry_pause))
        return
    _is_not_empty(draft, host, facts, *_what_is_left(host, facts, outcome))


def _proved_at_work(draft: Draft, host: Host, step: Step, outcome: Outcome) -> None:
    """Between two actions: a server that stays there stopped may be about to leave, say."""
    facts = {**outcome.facts, "servers": _not_left(step, outcome.facts)}
    if outcome.result is Result.DONE and not any(facts.get(name) for name in _PLACES):
        draft.host(host.key, proved_at=draft.now, problem=unreached(host))
        return
    code, words = _what_is_left(host, facts, outcome)
    words += "; confirm that the work goes on all the same"
    _is_not_empty(draft, host, facts, code, words)


def _is_not_empty(
    draft: Draft, host: Host, facts: Mapping[str, Any], code: Blocker, words: str
) -> None:
    """Name what is left, to be looked at again; a resize is confirmed where policy says so."""
    draft.block_host(host.key, code, words)
    # a server that is there is moved, and the host waits for that; others' affairs may take days
    wait = draft.policy.retry_pause if code is Blocker.LATE_SERVER else pause(draft, host)
    draft.host(host.key, not_before=draft.later(wait))
    if code is Blocker.UNCONFIRMED_RESIZE and draft.policy.unconfirmed_resize == "confirm":
        _confirm_resizes(draft, host, facts)


def _proved_open(draft: Draft, host: Host) -> None:
    """It takes servers: whether it is empty at this moment says nothing."""
    draft.host(host.key, proved_at=None)
    if host.foreign:
        # whoever had it disabled has no reason against it any more: we have one
        draft.host(host.key, foreign=False, disabled_by_us=True)
        disable(draft, draft.hosts[host.key])


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


def resize_confirmed(draft: Draft, host: Host, step: Step, outcome: Outcome) -> None:
    draft.host(host.key, not_before=draft.later(pause(draft, host)))


def forced_down(draft: Draft, host: Host, step: Step, outcome: Outcome) -> None:
    if outcome.result is Result.DONE:
        draft.host(host.key, forced_down=step.kind is StepKind.FORCE_DOWN)
        return
    draft.block_host(host.key, Blocker.SERVICE_UNAVAILABLE, outcome.words)
    draft.host(host.key, not_before=draft.later(draft.policy.retry_pause))
