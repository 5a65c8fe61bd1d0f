"""Events: what is said to whom when a window changes, and what a reader makes of it.

An event is addressed to one project.  What operators learn goes to the
configured admin project.  Payloads are small enough for Aodh, which cuts a trait
at 255 characters; a project's list of servers that does not fit there is read at
``window_url`` or in the history, which has all of it.
"""

import dataclasses
import datetime as dt
import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from craton_maintenance.domain import times
from craton_maintenance.domain.window import FINAL, State

#: Longest ``str()`` of a value of a payload, in characters (Ceilometer cuts there).
LONGEST_VALUE = 255

SERVICE = "craton-maintenance"

_OF_WINDOWS = "maintenance.window."


class Type(enum.StrEnum):
    """Event types, each documented once, here."""

    #: A window was set; to a project: it has servers on the window's hosts.
    WINDOW_CREATED = "maintenance.window.created"
    #: A window, or the servers of the project that it touches, changed.
    WINDOW_UPDATED = "maintenance.window.updated"
    #: A window opened: from now on its hosts may be worked on.
    WINDOW_OPENED = "maintenance.window.opened"
    #: A window closed: its end passed or the operator finished it.
    WINDOW_CLOSED = "maintenance.window.closed"
    #: A window was withdrawn, or does not concern the project any more.
    WINDOW_CANCELLED = "maintenance.window.cancelled"
    #: A project is asked about its servers, or told that an action is done.
    SCHEDULED = "maintenance.scheduled"
    #: A host of a session has entered a state; to operators only.
    HOST = "maintenance.host"
    #: A session has entered a state, or got on; to operators only.
    SESSION = "maintenance.session"
    #: A project has answered what it was asked; to operators only.
    REPLY = "maintenance.reply"
    #: What an operator wrote into Craton's variable was not taken; to operators only.
    VARIABLE_REFUSED = "maintenance.variable.refused"


#: The event that tells that a window has reached a state.
OF_STATE = {
    State.SCHEDULED: Type.WINDOW_CREATED,
    State.OPEN: Type.WINDOW_OPENED,
    State.CLOSED: Type.WINDOW_CLOSED,
    State.CANCELLED: Type.WINDOW_CANCELLED,
}


class Audience(enum.StrEnum):
    """Who an event is written for: decides what it may contain."""

    PROJECT = "project"
    ADMIN = "admin"


class Cause(enum.StrEnum):
    """Why an event was made, for readers that have to tell."""

    #: an operator did it
    OPERATOR = "OPERATOR"
    #: the clock did
    CLOCK = "CLOCK"
    #: servers of the project came to, or left, the window's hosts
    SERVERS_CHANGED = "SERVERS_CHANGED"
    #: the hosts that the window's scope covers changed
    HOSTS_CHANGED = "HOSTS_CHANGED"
    #: the project has no server on the window's hosts any more
    NOT_CONCERNED = "NOT_CONCERNED"


@dataclasses.dataclass(frozen=True, slots=True)
class Event:
    """What happened, for one project, before it has got its numbers."""

    type: Type
    audience: Audience
    #: the project it is addressed to
    project_id: str
    #: None: it is about no window
    window_id: str | None
    #: the payload of the notification; strings, numbers, flat lists and maps only
    payload: Mapping[str, Any]
    #: all the project's servers concerned; None in events for operators
    servers: tuple[str, ...] | None = None
    #: the notice that it hands over: the relay does not publish one that is superseded
    notice_id: str | None = None

    @property
    def schema(self) -> str:
        """The name of the schema that the payload is valid by."""
        return _SCHEMA.get(self.type, f"event-window-{self.audience.value}")


_SCHEMA = {
    Type.SCHEDULED: "event-scheduled",
    Type.HOST: "event-host",
    Type.SESSION: "event-session",
    Type.REPLY: "event-reply",
    Type.VARIABLE_REFUSED: "event-variable",
}


@dataclasses.dataclass(frozen=True, slots=True)
class WindowFacts:
    """What events say of a window."""

    id: str
    revision: int
    state: State
    start: dt.datetime
    end: dt.datetime | None
    announcement: str
    #: for operators only, never in an event for a project
    reason: str
    impact: str
    #: seconds, None: not known
    expected_interruption: int | None
    retire: bool
    #: names by kind, as in the API; for operators only
    scope: Mapping[str, Sequence[str]]


def fits(value: object) -> bool:
    """Whether a value survives Ceilometer uncut."""
    return len(str(value)) <= LONGEST_VALUE


def cut(value: str) -> str:
    """A text that survives Ceilometer, with a sign where it was longer."""
    return value if fits(value) else value[: LONGEST_VALUE - 1] + "…"


def _common(window: WindowFacts, project_id: str, url: str, cause: Cause) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "service": SERVICE,
        "project_id": project_id,
        "window_id": window.id,
        "state": window.state.value,
        "revision": window.revision,
        "start": times.text(window.start),
        "impact": window.impact,
        "cause": cause.value,
        "window_url": url,
    }
    if window.end is not None:
        payload["end"] = times.text(window.end)
    if window.announcement:
        payload["announcement"] = cut(window.announcement)
    if window.expected_interruption is not None:
        payload["expected_interruption"] = window.expected_interruption
    if window.retire:
        payload["retire"] = "true"
    return payload


def for_project(
    event_type: Type,
    window: WindowFacts,
    project_id: str,
    servers: Sequence[str],
    url: str,
    cause: Cause,
) -> Event:
    """A project's part: its servers, and nothing of hosts or of anybody else.

    :param url: where the project reads its part of the window
    """
    payload = _common(window, project_id, url, cause)
    payload["servers_count"] = len(servers)
    # the quotes and the comma of each alone: most lists need not be written out
    if servers and 4 * len(servers) <= LONGEST_VALUE and fits(list(servers)):
        payload["servers"] = list(servers)
    return Event(event_type, Audience.PROJECT, project_id, window.id, payload, tuple(servers))


def for_admin(
    event_type: Type,
    window: WindowFacts,
    project_id: str,
    counts: Mapping[str, int],
    url: str,
    cause: Cause,
    actor: str,
) -> Event:
    """The operators' part.

    :param project_id: the configured admin project
    :param counts: ``hosts_count``, ``projects_count`` and ``servers_count``
    :param actor: who did it
    """
    payload = _common(window, project_id, url, cause) | dict(counts) | {"actor": cut(actor)}
    if window.reason:
        payload["reason"] = cut(window.reason)
    scope = {kind: ",".join(names) for kind, names in window.scope.items() if names}
    if fits(scope):
        payload["scope"] = scope
    return Event(event_type, Audience.ADMIN, project_id, window.id, payload)


def variable_refused(
    project_id: str, kind: str, name: str, region: str | None, code: str, message: str
) -> Event:
    """What an operator wrote into Craton's variable of an object was not taken.

    :param project_id: the configured admin project
    """
    payload: dict[str, Any] = {
        "service": SERVICE,
        "project_id": project_id,
        "kind": kind,
        "name": cut(name),
        "code": code,
        "message": cut(message),
    }
    if region is not None:
        payload["region"] = cut(region)
    return Event(Type.VARIABLE_REFUSED, Audience.ADMIN, project_id, None, payload)


def replay(events: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What a project that has read its whole history knows to be pending.

    This is how a reader is meant to use the history: keep the newest event of
    each window, forget windows that are over.  An event that was seen before
    (delivery is at least once) changes nothing.

    What comes out is what ``GET /v1/events/pending`` shows once the engine has told
    everything, but for ``revision``: an edit that a project does not see (the reason,
    say) makes a new revision and no event, so the one told last may be older.

    :param events: as ``GET /v1/events`` gives them: ``seq``, ``event_type``, ``payload``,
        ``servers``
    :returns: by window id: ``state``, ``revision``, ``start``, ``end``, ``servers``
    """
    pending: dict[str, dict[str, Any]] = {}
    seen = 0
    for event in events:
        if event["seq"] <= seen:
            continue
        seen = event["seq"]
        payload = event["payload"]
        if not event["event_type"].startswith(_OF_WINDOWS):
            continue
        if State(payload["state"]) in FINAL:
            pending.pop(payload["window_id"], None)
            continue
        pending[payload["window_id"]] = {
            "state": payload["state"],
            "revision": payload["revision"],
            "start": payload["start"],
            "end": payload.get("end"),
            "servers": list(event.get("servers") or ()),
        }
    return pending
