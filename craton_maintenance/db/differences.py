"""What Nova knows and what Craton knows of the same hosts, and where they differ."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import craton, fleet
from craton_maintenance.db.tables import nova_hosts, syncs
from craton_maintenance.domain import times
from craton_maintenance.domain.scope import HostKey


@dataclasses.dataclass(frozen=True, slots=True)
class Known:
    """One host as both know it."""

    key: HostKey
    nova: Mapping[str, Any] | None
    craton: Mapping[str, Any] | None
    #: ``(code, words)``
    differences: tuple[tuple[str, str], ...]


def load(
    connection: sa.Connection, region: str | None = None, name: str | None = None
) -> list[Known]:
    """All hosts that either knows, in the order of region and name."""
    in_nova = sa.select(nova_hosts)
    in_craton = (
        sa.select(
            craton.devices.c.id,
            craton.devices.c.name,
            craton.devices.c.active,
            craton.devices.c.ip_address,
            craton.regions.c.name.label("region"),
        )
        .join(craton.hosts, craton.hosts.c.id == craton.devices.c.id)
        .join(craton.regions, craton.regions.c.id == craton.devices.c.region_id)
    )
    if region is not None:
        in_nova = in_nova.where(nova_hosts.c.region == region)
        in_craton = in_craton.where(craton.regions.c.name == region)
    if name is not None:
        in_nova = in_nova.where(nova_hosts.c.host == name)
        in_craton = in_craton.where(craton.devices.c.name == name)
    theirs = {HostKey(row.region, row.host): row for row in connection.execute(in_nova)}
    ours = {HostKey(row.region, row.name): row for row in connection.execute(in_craton)}
    return [
        _known(key, theirs.get(key), ours.get(key)) for key in sorted(theirs.keys() | ours.keys())
    ]


def _known(key: HostKey, nova: Any, in_craton: Any) -> Known:
    return Known(
        key,
        None
        if nova is None
        else {
            "service_id": nova.service_id,
            "status": nova.status,
            "state": nova.state,
            "forced_down": bool(nova.forced_down),
            "disabled_reason": nova.disabled_reason,
            "availability_zone": nova.zone,
            "aggregates": nova.aggregates,
            "hypervisors": nova.hypervisors,
            "missing_since": None
            if nova.missing_since is None
            else times.text(nova.missing_since),
        },
        None
        if in_craton is None
        else {
            "id": in_craton.id,
            "active": bool(in_craton.active),
            "ip_address": in_craton.ip_address,
        },
        tuple(_differences(nova, in_craton)),
    )


def _differences(nova: Any, in_craton: Any) -> list[tuple[str, str]]:
    found = []
    if nova is None:
        return [("NOT_IN_NOVA", "Craton has this host, Nova has no nova-compute there.")]
    if in_craton is None:
        found.append(("NOT_IN_CRATON", "Nova has a nova-compute there, Craton has no such host."))
    elif not in_craton.active and nova.status == "enabled":
        found.append(("INACTIVE_IN_CRATON", "Craton says inactive, Nova takes servers there."))
    if nova.missing_since is not None:
        found.append(("MISSING", f"Nova does not list it since {times.text(nova.missing_since)}."))
    refused = fleet.refusal(nova.hypervisors_count)
    if refused:
        found.append(("REFUSED", f"It can't be maintained: {refused}."))
    if not nova.hypervisors:
        found.append(("NO_HYPERVISOR", "Nova lists no hypervisor for its nova-compute."))
    return found


def sync_state(connection: sa.Connection) -> list[dict[str, Any]]:
    """How the last synchronisation of each region went."""
    return [
        {
            "region": row.region,
            "generation": row.generation,
            "complete": bool(row.complete),
            "finished_at": None if row.finished_at is None else times.text(row.finished_at),
            "error": row.error,
        }
        for row in connection.execute(sa.select(syncs).order_by(syncs.c.region))
    ]
