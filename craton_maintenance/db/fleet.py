"""Hosts as Craton and Nova together know them."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import bulk, craton
from craton_maintenance.db.tables import nova_hosts
from craton_maintenance.domain.scope import Host, HostKey, Kind

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
    nova_hosts.c.hypervisors_count,
    nova_hosts.c.zone,
)

#: What is known of a host that Nova does not know: hypervisors, zone and aggregates.
_NOWHERE: tuple[int, str | None, frozenset[str]] = (0, None, frozenset())


def load(
    connection: sa.Connection,
    names: Collection[str] | None = None,
    kinds: Collection[Kind] = frozenset(Kind),
) -> list[Host]:
    """The hosts known, all or those with one of these names; three statements.

    :param kinds: what matters: labels and aggregates are read only where they are among it
    """
    in_craton, labels, in_nova = _CRATON, _LABELS, _NOVA
    if Kind.AGGREGATE in kinds:
        in_nova = in_nova.add_columns(nova_hosts.c.aggregates)
    if names is not None and len(names) <= bulk.ROWS:
        wanted = list(names)
        in_craton = in_craton.where(craton.devices.c.name.in_(wanted))
        labels = labels.where(
            labels_device_in(
                sa.select(craton.devices.c.id).where(craton.devices.c.name.in_(wanted))
            )
        )
        in_nova = in_nova.where(nova_hosts.c.host.in_(wanted))
    of_device: dict[int, set[str]] = {}
    if Kind.LABEL in kinds:
        for device_id, label in connection.execute(labels):
            of_device.setdefault(device_id, set()).add(label)
    nova: dict[HostKey, tuple[int, str | None, frozenset[str]]] = {}
    for row in connection.execute(in_nova):
        nova[HostKey(row[0], row[1])] = row[2], row[3], frozenset(*row[4:])
    hosts = []
    for device_id, name, region, cloud, cell in connection.execute(in_craton):
        key = HostKey(region, name)
        count, zone, aggregates = nova.pop(key, _NOWHERE)
        its_labels = frozenset(of_device.get(device_id, ()))
        hosts.append(Host(key, cloud, cell, its_labels, aggregates, zone, refusal(count)))
    hosts += [
        Host(key, zone=zone, aggregates=aggregates, refused=refusal(count))
        for key, (count, zone, aggregates) in nova.items()
    ]
    # MariaDB compares Craton's names by their collation
    return [host for host in hosts if names is None or host.key.name in names]


def is_empty(connection: sa.Connection) -> bool:
    """Whether no host of Nova's is known."""
    return connection.execute(sa.select(nova_hosts.c.host).limit(1)).first() is None


def labels_device_in(devices: Any) -> sa.ColumnElement[bool]:
    """A condition on labels: those of these devices."""
    return craton.labels.c.device_id.in_(devices)


def refusal(hypervisors: int) -> str | None:
    """Why a Nova service with so many hypervisors can't be maintained, None if it can."""
    if hypervisors > 1:
        return (
            f"its nova-compute has {hypervisors} hypervisors (as with Ironic), so it is not one "
            "host that could be drained"
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


def by_ids(connection: sa.Connection, kind: str, object_ids: Collection[int]) -> list[sa.Row[Any]]:
    """Craton's objects with these ids: ``id``, ``name``, ``region``."""
    if kind not in OBJECTS:
        return []
    table, select = OBJECTS[kind]
    return [
        row
        for chunk in bulk.batched_keys(object_ids)
        for row in connection.execute(select.where(table.c.id.in_(chunk)))
    ]


def by_name(connection: sa.Connection, kind: str, name: str) -> list[sa.Row[Any]]:
    """Craton's objects with exactly this name, whatever the collation thinks."""
    table, select = OBJECTS[kind]
    return [
        row for row in connection.execute(select.where(table.c.name == name)) if row.name == name
    ]
