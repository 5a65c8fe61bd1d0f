"""Craton's own tables, exactly as Craton makes them.

Where Craton is, they are there and are never altered; where it is not, our
migrations create the same.  Nothing of ours has a foreign key to them (it would
break Craton's DELETE).  Names of constraints are the database's business.

Facts that are easy to get wrong: project ids are 32 hex digits without dashes;
addresses are text that nobody checked; hosts and network devices share the
``devices`` table and its ids; variables hang on an association row that belongs
to one object; times are naive UTC.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

metadata = sa.MetaData()

#: JSON as Craton stores it: text that holds a JSON document.
_JSON = sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")


def _timestamps() -> tuple[sa.Column[Any], sa.Column[Any]]:
    return (
        sa.Column("created_at", sa.DateTime, nullable=False),
        sa.Column("updated_at", sa.DateTime),
    )


def _id() -> sa.Column[Any]:
    return sa.Column("id", sa.Integer, primary_key=True)


def _variables() -> sa.Column[Any]:
    return sa.Column(
        "variable_association_id",
        sa.Integer,
        sa.ForeignKey("variable_association.id"),
        nullable=False,
    )


def _project() -> sa.Column[Any]:
    return sa.Column(
        "project_id",
        sa.CHAR(32),
        sa.ForeignKey("projects.id", ondelete="CASCADE"),
        index=True,
        nullable=False,
    )


def _parent(name: str, table: str, nullable: bool = False) -> sa.Column[Any]:
    return sa.Column(
        name,
        sa.ForeignKey(f"{table}.id", ondelete="CASCADE"),
        index=True,
        nullable=nullable,
    )


def _table(name: str, *args: sa.Column[Any] | sa.Constraint | sa.Index) -> sa.Table:
    # AUTOINCREMENT: SQLite would give the id of a deleted host to the next one.
    return sa.Table(name, metadata, *args, sqlite_autoincrement=True)


variable_association = _table(
    "variable_association",
    _id(),
    sa.Column("discriminator", sa.String(50), nullable=False),
    *_timestamps(),
)

variables = sa.Table(
    "variables",
    metadata,
    sa.Column(
        "association_id",
        sa.Integer,
        sa.ForeignKey("variable_association.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    sa.Column("key_", sa.String(255), primary_key=True),
    sa.Column("value_", _JSON),
    *_timestamps(),
)

projects = sa.Table(
    "projects",
    metadata,
    sa.Column("id", sa.CHAR(32), primary_key=True),
    sa.Column("name", sa.String(255)),
    _variables(),
    *_timestamps(),
)

users = _table(
    "users",
    _id(),
    _project(),
    _variables(),
    sa.Column("username", sa.String(255)),
    sa.Column("api_key", sa.String(36)),
    sa.Column("is_root", sa.Boolean),
    sa.Column("is_admin", sa.Boolean),
    *_timestamps(),
    sa.UniqueConstraint("username", "project_id", name="uq_user0username0project"),
)

clouds = _table(
    "clouds",
    _id(),
    _project(),
    _variables(),
    sa.Column("name", sa.String(255)),
    sa.Column("note", sa.Text),
    *_timestamps(),
    sa.UniqueConstraint("project_id", "name", name="uq_cloud0projectid0name"),
)

regions = _table(
    "regions",
    _id(),
    _project(),
    _parent("cloud_id", "clouds"),
    _variables(),
    sa.Column("name", sa.String(255)),
    sa.Column("note", sa.Text),
    *_timestamps(),
    sa.UniqueConstraint("cloud_id", "name", name="uq_region0cloudid0name"),
)

cells = _table(
    "cells",
    _id(),
    _parent("region_id", "regions"),
    _parent("cloud_id", "clouds"),
    _project(),
    _variables(),
    sa.Column("name", sa.String(255)),
    sa.Column("note", sa.Text),
    *_timestamps(),
    sa.UniqueConstraint("region_id", "name", name="uq_cell0regionid0name"),
)

networks = _table(
    "networks",
    _id(),
    _project(),
    _parent("cloud_id", "clouds"),
    _parent("region_id", "regions"),
    _parent("cell_id", "cells", nullable=True),
    _variables(),
    sa.Column("name", sa.String(255)),
    sa.Column("cidr", sa.String(255)),
    sa.Column("gateway", sa.String(255)),
    sa.Column("netmask", sa.String(255)),
    sa.Column("ip_block_type", sa.String(255)),
    sa.Column("nss", sa.String(255)),
    *_timestamps(),
    sa.UniqueConstraint("name", "project_id", "region_id", name="uq_name0projectid0regionid"),
)

devices = _table(
    "devices",
    _id(),
    _project(),
    _parent("cloud_id", "clouds"),
    _parent("region_id", "regions"),
    _parent("cell_id", "cells", nullable=True),
    sa.Column("parent_id", sa.Integer, sa.ForeignKey("devices.id")),
    _variables(),
    sa.Column("type", sa.String(50), nullable=False),
    sa.Column("device_type", sa.String(255), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("ip_address", sa.String(50), nullable=False),
    sa.Column("active", sa.Boolean),
    sa.Column("note", sa.Text),
    *_timestamps(),
    sa.UniqueConstraint("region_id", "name", name="uq_device0regionid0name"),
)

hosts = sa.Table(
    "hosts",
    metadata,
    sa.Column("id", sa.Integer, sa.ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True),
)

network_devices = sa.Table(
    "network_devices",
    metadata,
    sa.Column("id", sa.Integer, sa.ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("model_name", sa.String(255)),
    sa.Column("os_version", sa.String(255)),
    sa.Column("vlans", _JSON),
)

labels = sa.Table(
    "labels",
    metadata,
    sa.Column(
        "device_id", sa.Integer, sa.ForeignKey("devices.id", ondelete="CASCADE"), primary_key=True
    ),
    sa.Column("label", sa.String(255), primary_key=True),
    *_timestamps(),
    sa.Index("devices_labels", "label", "device_id"),
)

network_interfaces = _table(
    "network_interfaces",
    _id(),
    _project(),
    _variables(),
    sa.Column("name", sa.String(255)),
    sa.Column("interface_type", sa.String(255)),
    sa.Column("vlan_id", sa.Integer),
    sa.Column("port", sa.Integer),
    sa.Column("vlan", sa.String(255)),
    sa.Column("duplex", sa.String(255)),
    sa.Column("speed", sa.Integer),
    sa.Column("link", sa.String(255)),
    sa.Column("cdp", sa.String(255)),
    sa.Column("security", sa.String(255)),
    sa.Column("ip_address", sa.String(50), nullable=False),
    _parent("device_id", "devices"),
    _parent("network_id", "networks", nullable=True),
    *_timestamps(),
    sa.UniqueConstraint("device_id", "name", name="uq_netinter0deviceid0name"),
)

#: What we read and write; checked before anything runs beside a Craton.
REQUIRED = (
    projects,
    users,
    clouds,
    regions,
    cells,
    devices,
    hosts,
    labels,
    variable_association,
    variables,
)
