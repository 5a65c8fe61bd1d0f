"""Hosts as Craton and Nova together know them."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import craton
from craton_maintenance.db.tables import nova_hosts
from craton_maintenance.domain.scope import Host, HostKey

_CRATON = (
    sa.select(
        craton.devices.c.id,
        craton.devices.c.name,
        craton.regions.c.name.label("region"),
        craton.clouds.c.name.label("cloud"),
        craton.cells.c.name.label("cell"),
    )
    .join(craton.hosts, craton.hosts.c.id == craton.devices.c.id)
    .join(craton.regions, craton.regions.c.id == craton.devices.c.region_id)
    .join(craton.clouds, craton.clouds.c.id == craton.devices.c.cloud_id)
    .outerjoin(craton.cells, craton.cells.c.id == craton.devices.c.cell_id)
)

_LABELS = sa.select(craton.labels.c.device_id, craton.labels.c.label)

_NOVA = sa.select(
    nova_hosts.c.region,
    nova_hosts.c.host,
    nova_hosts.c.zone,
    nova_hosts.c.aggregates,
    nova_hosts.c.hypervisors,
)


def load(connection: sa.Connection, names: Collection[str] | None = None) -> list[Host]:
    """The hosts known, all or those with one of these names; three statements."""
    in_craton, labels, in_nova = _CRATON, _LABELS, _NOVA
    if names is not None:
        wanted = list(names)
        in_craton = in_craton.where(craton.devices.c.name.in_(wanted))
        labels = labels.where(
            labels_device_in(
                sa.select(craton.devices.c.id).where(craton.devices.c.name.in_(wanted))
            )
        )
        in_nova = in_nova.where(nova_hosts.c.host.in_(wanted))
    of_device: dict[int, set[str]] = {}
    for device_id, label in connection.execute(labels):
        of_device.setdefault(device_id, set()).add(label)
    nova = {HostKey(row.region, row.host): row for row in connection.execute(in_nova)}
    hosts = []
    for row in connection.execute(in_craton):
        key = HostKey(row.region, row.name)
        hosts.append(_host(key, nova.pop(key, None), row.cloud, row.cell, of_device.get(row.id)))
    hosts += [_host(key, row) for key, row in nova.items()]
    return hosts


def labels_device_in(devices: Any) -> sa.ColumnElement[bool]:
    """A condition on labels: those of these devices."""
    return craton.labels.c.device_id.in_(devices)


def _host(
    key: HostKey,
    nova: Any,
    cloud: str | None = None,
    cell: str | None = None,
    labels: Collection[str] | None = None,
) -> Host:
    return Host(
        key=key,
        cloud=cloud,
        cell=cell,
        labels=frozenset(labels or ()),
        aggregates=frozenset(nova.aggregates) if nova else frozenset(),
        zone=nova.zone if nova else None,
        refused=refusal(nova.hypervisors) if nova else None,
    )


def refusal(hypervisors: Collection[Any]) -> str | None:
    """Why a Nova service can't be maintained as a host, None if it can."""
    if len(hypervisors) > 1:
        return (
            f"its nova-compute has {len(hypervisors)} hypervisors (as with Ironic), so it is not "
            "one host that could be drained"
        )
    return None


#: Craton's objects that a window may be set on, with the columns that name them.
OBJECTS: dict[str, tuple[sa.Table, sa.Select[Any]]] = {
    "clouds": (
        craton.clouds,
        sa.select(craton.clouds.c.id, craton.clouds.c.name, sa.null().label("region")),
    ),
    "regions": (
        craton.regions,
        sa.select(
            craton.regions.c.id, craton.regions.c.name, craton.regions.c.name.label("region")
        ),
    ),
    "cells": (
        craton.cells,
        sa.select(
            craton.cells.c.id, craton.cells.c.name, craton.regions.c.name.label("region")
        ).join(craton.regions, craton.regions.c.id == craton.cells.c.region_id),
    ),
    "hosts": (
        craton.devices,
        sa.select(
            craton.devices.c.id, craton.devices.c.name, craton.regions.c.name.label("region")
        )
        .join(craton.hosts, craton.hosts.c.id == craton.devices.c.id)
        .join(craton.regions, craton.regions.c.id == craton.devices.c.region_id),
    ),
}


def by_id(connection: sa.Connection, kind: str, object_id: int) -> sa.Row[Any] | None:
    """Craton's object with this id: ``id``, ``name``, ``region``; None if there is none."""
    table, select = OBJECTS[kind]
    return connection.execute(select.where(table.c.id == object_id)).one_or_none()


def by_name(connection: sa.Connection, kind: str, name: str) -> list[sa.Row[Any]]:
    """Craton's objects with exactly this name, whatever the collation thinks."""
    table, select = OBJECTS[kind]
    return [
        row for row in connection.execute(select.where(table.c.name == name)) if row.name == name
    ]
