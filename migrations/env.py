"""Alembic's environment: runs on the connection that ``db.migrate`` gives it."""

from alembic import context

from craton_maintenance.db.migrate import VERSION_TABLE
from craton_maintenance.db.tables import metadata


def _ours(name: str | None, kind: str, parents: object) -> bool:
    """Only tables of ours are compared: Craton's are not ours to change."""
    return kind != "table" or (name or "").startswith("maintenance_")


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    include_name=_ours,
    compare_type=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
