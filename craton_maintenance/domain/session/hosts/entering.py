"""A host enters a state of its way through a session."""

from typing import Any

from craton_maintenance.domain.scope import HostKey
from craton_maintenance.domain.session import quiet, telling
from craton_maintenance.domain.session.draft import Draft
from craton_maintenance.domain.session.records import Host
from craton_maintenance.domain.session.states import HOST_OVER, HostState

#: Longest reason of a disabled service that Nova keeps.
_LONGEST_REASON = 255


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
