"""Settings that are made at run time, and so are rows rather than options."""

import datetime as dt
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import bulk
from craton_maintenance.db.database import Transaction
from craton_maintenance.db.tables import settings

#: Where links from Nova point to, set by an administrator.
BASE_URL = "base_url"
#: ``{"project_id", "user_id"}`` of the service's own credentials, as Keystone said last.
IDENTITY = "identity"


_VALUE = sa.select(settings.c.value).where(settings.c.name == sa.bindparam("setting"))


def get(connection: sa.Connection, name: str) -> Any:
    """A setting's value, None if it is not set."""
    return connection.execute(_VALUE, {"setting": name}).scalar_one_or_none()


def put(transaction: Transaction, name: str, value: Any, now: dt.datetime, actor: str) -> None:
    bulk.upsert(
        transaction,
        settings,
        [{"name": name, "value": value, "updated_at": now, "updated_by": actor}],
    )


def remove(transaction: Transaction, name: str) -> None:
    transaction.execute(sa.delete(settings).where(settings.c.name == name))
