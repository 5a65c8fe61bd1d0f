"""Other systems are kept quiet about a host that is down on purpose.

A decision only says since when they are to be: on the host's record, while the host is proved
empty and about to be worked on, until it is back or done with.  Who sees to it looks at these
records, again and again, and what came of it is known at the next decision.
"""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from craton_maintenance.domain.session import telling
from craton_maintenance.domain.session.draft import Draft
from craton_maintenance.domain.session.inputs import AdapterSaid
from craton_maintenance.domain.session.records import Host
from craton_maintenance.domain.session.states import Blocker, HostState

#: A host in one of these may be one that others are quiet about, and no other host.
QUIET = frozenset({HostState.DRAINED, HostState.IN_MAINTENANCE, HostState.VERIFYING})

#: Between two times of asking: they can be told from each other.
_NEXT = dt.timedelta(microseconds=1)


def entered(state: HostState) -> dict[str, Any]:
    """What becomes of a host's fields when it enters a state."""
    if state in QUIET:
        return {}
    again = {"quiet_waived": None} if state is HostState.PLANNED else {}
    return {"quiet_since": None, "quiet_until": None, **again}


def is_kept(draft: Draft, host: Host) -> bool:
    """Whether work on an empty host may begin, as far as other systems go.

    Asks them to be quiet, if nobody has yet; where there are none, that is all.
    """
    if not any(_concerned(draft, host)):
        return True
    if host.quiet_since is None:
        host = _ask(draft, host, draft.now)
    late = host.quiet_until is None or draft.now >= host.quiet_until
    failed, waits = [], False
    for name, required, is_set, error in _answers(draft, host):
        if is_set:
            continue
        if required and host.quiet_waived is None:
            waits = True
            if error or late:
                failed.append(f"{name} ({error or 'nothing was heard of it yet'})")
        elif not error and not late:
            # what goes wrong there holds up nothing, but it gets the time to be told
            waits = True
    if failed:
        draft.block_host(
            host.key,
            Blocker.ADAPTER_FAILED,
            f"{host.key.name} is not worked on before others are quiet about it: "
            f"{', '.join(failed)}; it is tried again; override goes on without",
        )
    elif host.problem is not None and host.problem.code is Blocker.ADAPTER_FAILED:
        draft.host(host.key, problem=None)
    return not waits


def _concerned(draft: Draft, host: Host) -> Iterator[str]:
    """Names of the systems that may know the host, in order."""
    for name, adapter in sorted(draft.known.adapters.items()):
        if adapter.outside_nova or not host.outside_nova:
            yield name


def _answers(draft: Draft, host: Host) -> Iterator[tuple[str, bool, bool, str]]:
    """Name, whether it is required, whether it has confirmed, and why it failed."""
    known = {
        one.adapter: one
        for one in draft.known.suppressions.get(host.key, ())
        # of an earlier time of asking nothing is known
        if one.asked_at == host.quiet_since
    }
    for name in _concerned(draft, host):
        required, found = draft.known.adapters[name].required, known.get(name)
        if found is None:
            yield name, required, False, ""
        else:
            yield name, required, found.is_set, found.error


def _ask(draft: Draft, host: Host, at: dt.datetime) -> Host:
    patience = max(draft.known.adapters[name].patience for name in _concerned(draft, host))
    return draft.host(host.key, quiet_since=at, quiet_until=draft.later(patience))


def lift(draft: Draft, host: Host) -> Host:
    """It is not about to be worked on any more: nobody has to be quiet about it."""
    if host.problem is not None and host.problem.code is Blocker.ADAPTER_FAILED:
        host = draft.host(host.key, problem=None)
    return draft.host(host.key, quiet_since=None, quiet_until=None)


def retry(draft: Draft, host: Host) -> None:
    """The operator has mended something: others are asked again at once."""
    if host.quiet_since is not None and any(_concerned(draft, host)):
        _ask(draft, host, max(draft.now, host.quiet_since + _NEXT))


def waive(draft: Draft, host: Host, actor: str) -> None:
    """The operator's word that the work may begin though others are not quiet."""
    if host.problem is not None and host.problem.code is Blocker.ADAPTER_FAILED:
        draft.host(host.key, quiet_waived=actor, problem=None)


def due(host: Host) -> dt.datetime | None:
    """When nobody is waited for any more."""
    return host.quiet_until if host.state is HostState.DRAINED else None


def said(draft: Draft, one: AdapterSaid) -> None:
    """Operators hear of what went wrong; what it means for the host is decided as ever."""
    if one.error:
        what = "is back" if one.releases else "is worked on"
        words = f"{one.adapter} could not be told that {one.host.name} {what}: {one.error}"
        telling.session(draft, Blocker.ADAPTER_FAILED.value, words)
