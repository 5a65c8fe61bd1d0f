"""Leases: which engine does what only one may do, by the database's clock."""

import datetime as dt

import sqlalchemy as sa

from craton_maintenance.db import bulk
from craton_maintenance.db.database import Database, Transaction
from craton_maintenance.db.tables import leases

_LONG_AGO = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


_LOCKED = sa.select(leases).where(leases.c.name == sa.bindparam("lease")).with_for_update()


def hold(database: Database, name: str, owner: str, seconds: float) -> int | None:
    """Take a lease that is free or expired, or prolong one's own.

    :param owner: unique to this engine's process
    :returns: the fencing number to write with; None: another engine holds it
    """

    def work(transaction: Transaction) -> int | None:
        bulk.insert_missing(
            transaction, leases, [{"name": name, "owner": "", "fence": 0, "expires_at": _LONG_AGO}]
        )
        row = transaction.execute(_LOCKED, {"lease": name}).one()
        now = database.now(transaction.connection)
        if row.owner != owner and row.expires_at > now:
            return None
        fence = row.fence if row.owner == owner else row.fence + 1
        transaction.execute(
            sa.update(leases)
            .where(leases.c.name == name)
            .values(owner=owner, fence=fence, expires_at=now + dt.timedelta(seconds=seconds))
        )
        return fence

    return database.write(work)


def give_up(database: Database, owner: str) -> None:
    """Let go of everything at an orderly end: nobody has to wait for the expiry."""
    database.write(
        lambda transaction: transaction.execute(
            sa.update(leases).where(leases.c.owner == owner).values(expires_at=_LONG_AGO)
        )
    )
