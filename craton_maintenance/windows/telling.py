"""Events of a window: its row and the projects' parts, said to each in its words."""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from craton_maintenance.domain import event, window
from craton_maintenance.domain.event import Cause, Event, Type, WindowFacts


@dataclasses.dataclass(frozen=True, slots=True)
class Speaker:
    """Who events for operators are addressed to, and where links in events lead."""

    #: Keystone's id of the project that operators listen in
    admin_project_id: str
    #: our address, ending in ``/v1``
    public_url: str

    def url(self, window_id: str) -> str:
        return f"{self.public_url}/maintenance-windows/{window_id}"


def facts(row: Mapping[str, Any], state: window.State) -> WindowFacts:
    """What events say of a window.

    :param row: columns of ``maintenance_windows``
    """
    return WindowFacts(
        id=row["id"],
        revision=row["revision"],
        state=state,
        start=row["start_at"],
        end=row["end_at"],
        announcement=row["announcement"],
        reason=row["reason"],
        impact=row["impact"],
        expected_interruption=row["expected_interruption"],
        retire=row["retire"],
        scope={
            kind: [entry["name"] for entry in entries] for kind, entries in row["scope"].items()
        },
    )


def to_projects(
    speaker: Speaker,
    told: Type,
    said: WindowFacts,
    parts: Mapping[str, Iterable[str]],
    cause: Cause,
) -> list[Event]:
    """The same event for each of these projects, with its own servers."""
    url = speaker.url(said.id)
    return [
        event.for_project(told, said, project_id, tuple(servers), url, cause)
        for project_id, servers in sorted(parts.items())
    ]


def to_admin(
    speaker: Speaker,
    told: Type,
    said: WindowFacts,
    row: Mapping[str, Any],
    cause: Cause,
    actor: str,
) -> Event:
    """The event for operators."""
    counts = {name: row[name] for name in ("hosts_count", "projects_count", "servers_count")}
    return event.for_admin(
        told, said, speaker.admin_project_id, counts, speaker.url(said.id), cause, actor
    )


def reached(
    speaker: Speaker,
    states: Iterable[window.State],
    row: Mapping[str, Any],
    parts: Mapping[str, Iterable[str]],
    cause: Cause,
    actor: str,
) -> list[Event]:
    """Events for everybody that a window has reached these states, in order."""
    events: list[Event] = []
    for state in states:
        said = facts(row, state)
        told = event.OF_STATE[state]
        events.append(to_admin(speaker, told, said, row, cause, actor))
        events += to_projects(speaker, told, said, parts, cause)
    return events


def now_in(times: window.Times, now: dt.datetime) -> tuple[window.State, ...]:
    """The states to tell of a window that is new: scheduled, and what already came of it."""
    return (
        window.State.SCHEDULED,
        *window.path(window.State.SCHEDULED, window.state(times, now)),
    )
