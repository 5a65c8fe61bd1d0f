"""What operators have put into Craton: cells, labels, other regions."""

from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import craton
from tests.functional.deployment import BEGIN, Deployment

_STAMP = BEGIN.replace(tzinfo=None)


def label(deployment: Deployment, host: str, *labels: str) -> None:
    """Give a host labels."""

    def work(transaction: Any) -> None:
        device = transaction.execute(
            sa.select(craton.devices.c.id).where(craton.devices.c.name == host)
        ).scalar_one()
        for one in labels:
            transaction.execute(
                sa.insert(craton.labels).values(device_id=device, label=one, created_at=_STAMP)
            )

    deployment.service.database.write(work)


def cell(deployment: Deployment, name: str, *hosts: str) -> None:
    """Make a cell, with these hosts."""

    def work(transaction: Any) -> None:
        region = transaction.execute(sa.select(craton.regions)).first()
        association = transaction.execute(
            sa.insert(craton.variable_association).values(discriminator="cell", created_at=_STAMP)
        ).lastrowid
        made = transaction.execute(
            sa.insert(craton.cells).values(
                region_id=region.id,
                cloud_id=region.cloud_id,
                project_id=region.project_id,
                variable_association_id=association,
                name=name,
                created_at=_STAMP,
            )
        ).lastrowid
        transaction.execute(
            sa.update(craton.devices).where(craton.devices.c.name.in_(hosts)).values(cell_id=made)
        )

    deployment.service.database.write(work)


def labels_and_cells(deployment: Deployment) -> None:
    """What the stories find in Craton."""
    label(deployment, "host-a1", "old-firmware", "rack-1")
    label(deployment, "host-b1", "old-firmware")
    cell(deployment, "cell-b", "host-b1", "host-b2", "host-b3")
    cell(deployment, "cell-empty")
