"""Rows of Craton's for what Nova has and Craton has not.

Only made, never changed: what an operator writes into Craton stays.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from oslo_config import cfg

from craton_maintenance.db import bulk, craton
from craton_maintenance.db.database import Transaction
from craton_maintenance.nova.listing import Host

_NO_ADDRESS = "0.0.0.0"  # noqa: S104 - Craton wants an address, and Nova gave none


def hosts(
    transaction: Transaction,
    conf: cfg.ConfigOpts.GroupAttr,
    region: str,
    listed: Sequence[Host],
    now: dt.datetime,
) -> int:
    """Make the region and the hosts that Craton lacks.

    :param conf: the options of ``[inventory]``
    :returns: how many hosts were made
    """
    project = conf.create_project.replace("-", "").lower()
    stamp = now.replace(tzinfo=None, microsecond=0)
    region_row = _region(transaction, project, conf.create_cloud, region, stamp)
    names = {host.name for host in listed}
    taken = set(
        transaction.execute(
            sa.select(craton.devices.c.name).where(craton.devices.c.region_id == region_row.id)
        ).scalars()
    )
    # Craton's names are unique as its collation compares them
    folded = {name.casefold() for name in taken}
    missing = [
        host
        for host in listed
        if host.name in names - taken and host.name.casefold() not in folded
    ]
    if not missing:
        return 0
    first = _associations(transaction, "device", len(missing), stamp)
    bulk.insert(
        transaction,
        craton.devices,
        [
            {
                "project_id": region_row.project_id,
                "cloud_id": region_row.cloud_id,
                "region_id": region_row.id,
                "variable_association_id": association,
                "type": "hosts",
                "device_type": "server",
                "name": host.name,
                "ip_address": _address(host),
                "active": True,
                "created_at": stamp,
            }
            for association, host in zip(first, missing, strict=True)
        ],
    )
    made = transaction.execute(
        sa.select(craton.devices.c.id).where(craton.devices.c.variable_association_id.in_(first))
    ).scalars()
    bulk.insert(transaction, craton.hosts, [{"id": device_id} for device_id in made])
    return len(missing)


def _address(host: Host) -> str:
    for hypervisor in host.hypervisors:
        if hypervisor["ip"]:
            return str(hypervisor["ip"])
    return _NO_ADDRESS


def _region(
    transaction: Transaction, project: str, cloud: str, region: str, stamp: dt.datetime
) -> Any:
    """Craton's region of this name; made, with project and cloud, where there is none."""
    columns = (craton.regions.c.id, craton.regions.c.cloud_id, craton.regions.c.project_id)
    find = sa.select(*columns).where(craton.regions.c.name == region)
    found = transaction.execute(find).first()
    if found is not None:
        return found
    _make(
        transaction,
        craton.projects,
        "project",
        stamp,
        {"id": project},
        {"id": project, "name": "craton-maintenance"},
    )
    named = {"project_id": project, "name": cloud}
    cloud_id = _make(transaction, craton.clouds, "cloud", stamp, named, named)
    _make(
        transaction,
        craton.regions,
        "region",
        stamp,
        {"cloud_id": cloud_id, "name": region},
        {"project_id": project, "cloud_id": cloud_id, "name": region},
    )
    return transaction.execute(find).one()


def _make(
    transaction: Transaction,
    table: sa.Table,
    kind: str,
    stamp: dt.datetime,
    key: dict[str, Any],
    values: dict[str, Any],
) -> Any:
    """The id of the row with this key, made if it is not there."""
    find = sa.select(table.c.id).where(*(table.c[name] == value for name, value in key.items()))
    found = transaction.execute(find).scalar_one_or_none()
    if found is None:
        (association,) = _associations(transaction, kind, 1, stamp)
        transaction.execute(
            sa.insert(table).values(
                variable_association_id=association, created_at=stamp, **values
            )
        )
        found = transaction.execute(find).scalar_one()
    return found


def _associations(
    transaction: Transaction, kind: str, count: int, stamp: dt.datetime
) -> list[int]:
    """Make rows that variables can hang on; their ids."""
    table = craton.variable_association
    rows = [{"discriminator": kind, "created_at": stamp}] * count
    made = (
        transaction.execute(sa.insert(table).returning(table.c.id), rows)
        if transaction.dialect != "mysql"
        else None
    )
    if made is not None:
        return list(made.scalars())
    # one INSERT of several rows gets consecutive ids there, the first of which it tells;
    # AUTO_INCREMENT is locked for the statement (innodb_autoinc_lock_mode 0 and 1, and
    # 2 for a simple insert whose number of rows is known)
    result = transaction.execute(sa.insert(table).values(rows))
    step = transaction.connection.exec_driver_sql("SELECT @@auto_increment_increment").scalar_one()
    first = result.lastrowid
    return [first + step * index for index in range(count)]
