"""Rows that have had their time."""

import datetime as dt

import sqlalchemy as sa

from craton_maintenance.db.tables import idempotency_keys
from craton_maintenance.service import Service

_HOURLY = 3600.0


class Housekeeping:
    """Removes expired idempotency keys. Events are never removed: they are the history."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def work(self) -> float:
        """A worker's ``work``."""
        kept = dt.timedelta(hours=self._service.conf.api.idempotency_hours)
        until = self._service.clock() - kept
        self._service.database.write(
            lambda transaction: transaction.execute(
                sa.delete(idempotency_keys).where(idempotency_keys.c.created_at < until)
            )
        )
        return _HOURLY
