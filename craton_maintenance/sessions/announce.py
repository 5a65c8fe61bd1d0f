"""A window, with the session that carries it out, in one transaction."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import windows as store
from craton_maintenance.db.database import Transaction
from craton_maintenance.db.tables import nova_hosts
from craton_maintenance.domain.scope import Kind
from craton_maintenance.errors import Code, Problem, bad_field
from craton_maintenance.service import Service
from craton_maintenance.sessions import flows
from craton_maintenance.windows.upkeep import found

#: Keys of a session's request that a window's has under the same name.
_SAME = (
    "workflow",
    "metadata",
    "reason",
    "announcement",
    "impact",
    "expected_interruption",
    "retire",
    "allow_overlap",
)


def window(
    service: Service, transaction: Transaction, body: Mapping[str, Any], actor: str
) -> tuple[store.Row, str | None]:
    """Set a window; where it names a workflow, with its session.

    :param body: valid by ``window-create``
    :returns: the window, and the id of its session
    :raises Problem: 400 naming the field, 409 for an overlap
    """
    workflow = body.get("workflow")
    if workflow is None:
        for name in ("metadata", "actions"):
            if body.get(name):
                raise bad_field(
                    Code.INVALID, name, "is for a session: say which workflow it follows"
                )
        return service.windows.set(transaction, body, actor), None
    work = flows.work(service, body.get("actions", ()))
    row = service.windows.set(transaction, body, actor)
    store.update(transaction, row.id, {"workflow": workflow})
    session_id = service.sessions.create(
        transaction, row, workflow, dict(body.get("metadata", {})), work, actor
    )
    return found(store.get(transaction.connection, row.id)), session_id


def from_fenix(connection: sa.Connection, body: Mapping[str, Any]) -> dict[str, Any]:
    """The window that a request for a session asks for.

    :param body: valid by ``session-create``
    :returns: valid by ``window-create``
    :raises Problem: 400 naming the field
    """
    if body.get("download"):
        raise bad_field(
            Code.INVALID,
            "download",
            "nothing is downloaded: whoever runs the service installs plugins",
        )
    window = {name: body[name] for name in _SAME if name in body}
    window.setdefault("workflow", "default")
    for ours, theirs in (("start", "maintenance_at"), ("end", "maintenance_end")):
        if body.get(theirs) is not None:
            window[ours] = body[theirs]
    if body.get("target_host") is not None:
        window["target_host"] = body["target_host"]
    window["actions"] = list(body.get("actions", ()))
    window["scope"] = _scope(connection, body)
    return window


def _scope(connection: sa.Connection, body: Mapping[str, Any]) -> dict[str, Any]:
    hosts, region = body.get("hosts"), body.get("region")
    if "scope" in body:
        if hosts or region is not None:
            other = "hosts" if hosts else "region"
            raise bad_field(Code.INVALID, other, "does not go with scope")
        return dict(body["scope"])
    if hosts is None:
        # never everything because something was forgotten
        raise bad_field(
            Code.INVALID, "hosts", "is missing: name hosts, or [] for all computes; or say scope"
        )
    if not hosts:
        return {Kind.REGION.value: _all_regions(connection, region)}
    if region is None:
        return {Kind.HOST.value: list(hosts)}
    return {Kind.HOST.value: [{"name": name, "region": region} for name in hosts]}


def _all_regions(connection: sa.Connection, region: str | None) -> list[str]:
    known = sorted(connection.execute(sa.select(nova_hosts.c.region).distinct()).scalars())
    if region is not None:
        # whether there is one is looked at where all names are
        return [region]
    if not known:
        raise bad_field(Code.UNKNOWN_NAME, "hosts", "the inventory has no compute host yet")
    return known


def renamed(problem: Problem, body: Mapping[str, Any]) -> Problem:
    """The same with the field as a request for a session calls it."""
    if len(problem.fields) != 1:
        return problem
    field = problem.fields[0].field
    names = {"start": "maintenance_at", "end": "maintenance_end"}
    if "scope" not in body:
        names["scope/regions/0"] = "region"
        names |= {
            f"scope/hosts/{index}": f"hosts/{index}"
            for index in range(len(body.get("hosts") or ()))
        }
    if field not in names:
        return problem
    return bad_field(problem.code, names[field], problem.fields[0].message)
