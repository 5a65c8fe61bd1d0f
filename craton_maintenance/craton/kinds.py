"""Craton's kinds of objects: where they are, what they show, what they hang on."""

import dataclasses
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import craton

#: Of Craton's INTEGER columns.
LARGEST_ID = 2**31 - 1

_STAMPS = ("created_at", "updated_at")


@dataclasses.dataclass(frozen=True, slots=True)
class Kind:
    """One kind of Craton's objects."""

    #: as in messages and in the names of schemas
    name: str
    #: as in paths and in the bodies of lists
    plural: str
    table: sa.Table
    #: what Craton writes into ``variable_association``
    discriminator: str
    #: columns that bodies show
    shown: tuple[str, ...]
    #: columns of a list that a query may name
    filters: tuple[str, ...]
    #: columns that a name is unique within; empty: names are free
    unique: tuple[str, ...] = ()
    #: what has to be gone before it: columns that refer to it
    children: tuple[sa.Column[Any], ...] = ()
    #: whether variables of what it is in count, where a request says nothing
    resolves: bool = False
    #: whether a list by id or name that finds nothing is a 404, as Craton answers
    strict: bool = False

    @property
    def select(self) -> sa.Select[Any]:
        """All of them."""
        found = sa.select(self.table)
        if self is HOST:
            found = found.join(craton.hosts, craton.hosts.c.id == self.table.c.id)
        return found

    @property
    def named_by(self) -> str:
        """The column that holds the name."""
        return "username" if self is USER else "name"


def _referring(column: str, *tables: sa.Table) -> tuple[sa.Column[Any], ...]:
    return tuple(table.c[column] for table in tables)


CLOUD = Kind(
    "cloud",
    "clouds",
    craton.clouds,
    "cloud",
    shown=("id", "project_id", "name", "note", *_STAMPS),
    filters=("id", "name"),
    unique=("project_id",),
    children=_referring("cloud_id", craton.regions, craton.cells, craton.networks, craton.devices),
    strict=True,
)

REGION = Kind(
    "region",
    "regions",
    craton.regions,
    "region",
    shown=("id", "project_id", "cloud_id", "name", "note", *_STAMPS),
    filters=("id", "name", "cloud_id"),
    unique=("cloud_id",),
    children=_referring("region_id", craton.cells, craton.networks, craton.devices),
    resolves=True,
    strict=True,
)

CELL = Kind(
    "cell",
    "cells",
    craton.cells,
    "cell",
    shown=("id", "project_id", "cloud_id", "region_id", "name", "note", *_STAMPS),
    filters=("id", "name", "cloud_id", "region_id"),
    unique=("region_id",),
    children=_referring("cell_id", craton.networks, craton.devices),
    resolves=True,
)

HOST = Kind(
    "host",
    "hosts",
    craton.devices,
    "device",
    shown=(
        *("id", "project_id", "cloud_id", "region_id", "cell_id", "parent_id"),
        *("name", "device_type", "ip_address", "active", "note"),
        *_STAMPS,
    ),
    filters=("id", "name", "cloud_id", "region_id", "cell_id", "device_type", "ip_address"),
    unique=("region_id",),
    children=(craton.devices.c.parent_id, craton.network_interfaces.c.device_id),
    resolves=True,
)

PROJECT = Kind(
    "project",
    "projects",
    craton.projects,
    "project",
    shown=("id", "name", *_STAMPS),
    filters=("name",),
    children=_referring(
        "project_id",
        *(craton.users, craton.clouds, craton.regions, craton.cells, craton.networks),
        *(craton.devices, craton.network_interfaces),
    ),
)

USER = Kind(
    "user",
    "users",
    craton.users,
    "user",
    shown=("id", "project_id", "username", "is_admin", "is_root", *_STAMPS),
    filters=("id", "name"),
    unique=("project_id",),
)

#: What a host is in, by the column that says so; the nearest first, as variables are inherited.
ABOVE = (("cell_id", CELL), ("region_id", REGION), ("cloud_id", CLOUD), ("project_id", PROJECT))
