"""Windows and events as those who may see them see them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from craton_maintenance.db import windows
from craton_maintenance.domain import times, window
from craton_maintenance.domain.scope import HostKey
from craton_maintenance.service import Service


def _time(value: Any) -> str | None:
    return None if value is None else times.text(value)


class WindowViews:
    """Windows at one moment: all of an answer shows the same."""

    def __init__(self, service: Service) -> None:
        self._now = service.clock()
        self._url = service.public_url

    def _common(self, row: Any) -> dict[str, Any]:
        return {
            "id": row.id,
            "revision": row.revision,
            "state": window.state(windows.times_of(row), self._now).value,
            "start": times.text(row.start_at),
            "end": _time(row.end_at),
            "announcement": row.announcement,
            "impact": row.impact,
            "expected_interruption": row.expected_interruption,
            "retire": bool(row.retire),
            "links": [{"rel": "self", "href": f"{self._url}/maintenance-windows/{row.id}"}],
        }

    def operator(
        self,
        row: Any,
        hosts: Collection[HostKey] | None = None,
        parts: dict[str, tuple[str, ...]] | None = None,
        session: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Everything.

        :param hosts: also the hosts covered
        :param parts: also each project's servers
        :param session: ``id`` and ``state`` of the session that carries it out
        """
        target = None
        if row.target_host is not None:
            target = {"region": row.target_region, "name": row.target_host}
        shown = self._common(row) | {
            "scope": row.scope,
            "reason": row.reason,
            "target_host": target,
            "workflow": row.workflow,
            "approved": bool(row.approved),
            "allow_overlap": bool(row.allow_overlap),
            "started_at": _time(row.started_at),
            "finished_at": _time(row.finished_at),
            "cancelled_at": _time(row.cancelled_at),
            "hosts_count": row.hosts_count,
            "projects_count": row.projects_count,
            "servers_count": row.servers_count,
            "created_by": row.created_by,
            "created_at": times.text(row.created_at),
            "updated_at": _time(row.updated_at),
        }
        if hosts is not None:
            shown["hosts"] = [{"region": key.region, "name": key.name} for key in sorted(hosts)]
        if parts is not None:
            shown["projects"] = [
                {"project_id": project_id, "servers": list(servers)}
                for project_id, servers in sorted(parts.items())
            ]
        return shown | ({"session": dict(session)} if session else {})

    def project(
        self, row: Any, servers: Sequence[str], session: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """A project's part: nothing of hosts, of others, or of the operators' reasons.

        :param session: ``id`` and ``state`` of the session that the project was told of
        """
        shown = self._common(row) | {"servers": list(servers), "servers_count": len(servers)}
        return shown | ({"session": dict(session)} if session else {})

    def state(self, row: Any) -> window.State:
        """The window's state at this answer's moment."""
        return window.State(self._common(row)["state"])


def event(row: Any, is_operator: bool) -> dict[str, Any]:
    """An event of the history."""
    shown = {
        "id": row.id,
        "seq": row.seq,
        "project_id": row.project_id,
        "event_type": row.event_type,
        "time": times.text(row.created_at),
        "payload": row.payload,
    }
    if row.servers is not None:
        shown["servers"] = row.servers
    if is_operator:
        shown["position"] = row.position
    return shown
