"""What outcomes of steps tell, in the words of :class:`StepKind`."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from craton_maintenance.domain.session.steps import Outcome
from craton_maintenance.nova.reads import host_of

#: What servers' owners may have written, of which we keep nothing else.
_METADATA = ("maintenance:action", "maintenance:flow")
_TAGS = tuple(f"{name}=" for name in _METADATA)


def outcome(ended: Outcome, facts: Mapping[str, Any]) -> Outcome:
    """An action's end with these facts."""
    return dataclasses.replace(ended, facts=facts)


def server_facts(
    server: Mapping[str, Any], migration: int, group_id: str | None
) -> dict[str, Any]:
    """A server, as in the facts of steps on hosts."""
    flavor, metadata = server["flavor"], server.get("metadata") or {}
    return {
        "id": server["id"],
        "project_id": server["tenant_id"],
        "name": server["name"] or "",
        "status": server["status"],
        "task_state": server.get("OS-EXT-STS:task_state"),
        "locked": bool(server.get("locked")),
        "size": [flavor["vcpus"], flavor["ram"], flavor["disk"] + flavor.get("ephemeral", 0)],
        "group_id": group_id,
        "metadata": {name: metadata[name] for name in _METADATA if name in metadata},
        "tags": sorted(tag for tag in server.get("tags") or () if tag.startswith(_TAGS)),
        "migration": migration,
    }


def state_facts(server: Mapping[str, Any] | None) -> dict[str, Any]:
    """How a server was found; None: it is gone."""
    if server is None:
        return {"status": None, "task_state": None, "host": None}
    return {
        "status": server["status"],
        "task_state": server.get("OS-EXT-STS:task_state"),
        "host": host_of(server),
    }
