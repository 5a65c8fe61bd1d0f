"""Craton projects bound to Nova's.

Revision: 0002, after 0001
"""

import sqlalchemy as sa
from alembic import op

from craton_maintenance.db import types

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "maintenance_project_bindings",
        sa.Column("craton_project", types.Name(32), nullable=False),
        sa.Column("nova_project_id", types.Name(64), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("craton_project"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
        # where it commits by itself, it may be there though the revision is not
        if_not_exists=True,
    )
