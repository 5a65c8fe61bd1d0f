"""What Nova's notifications said last, and when a synchronisation began.

Revision: 0004, after 0003
"""

import sqlalchemy as sa
from alembic import op

from craton_maintenance.db import types

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("maintenance_syncs", sa.Column("started_at", types.UTCDateTime(), nullable=True))
    op.create_table(
        "maintenance_nova_heard",
        sa.Column("region", types.Name(255), nullable=False),
        sa.Column("kind", types.Name(16), nullable=False),
        sa.Column("name", types.Name(255), nullable=False),
        sa.Column("sent_at", types.UTCDateTime(), nullable=False),
        sa.Column("heard_at", types.UTCDateTime(), nullable=False),
        sa.Column("gone", sa.Boolean(create_constraint=False), nullable=False),
        sa.PrimaryKeyConstraint("region", "kind", "name"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
