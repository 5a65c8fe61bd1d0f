"""What other systems were told to be quiet about.

Revision: 0004, after 0003
"""

import sqlalchemy as sa
from alembic import op

from craton_maintenance.db import types

revision = "0004"
down_revision = "0003"

_TABLE = "maintenance_suppressions"


def upgrade() -> None:
    op.create_table(
        _TABLE,
        sa.Column("adapter", types.Name(64), nullable=False),
        sa.Column("region", types.Name(255), nullable=False),
        sa.Column("host", types.Name(255), nullable=False),
        sa.Column("session_id", types.Name(36), nullable=False),
        sa.Column("asked_at", types.UTCDateTime(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("servers", types.Json(), nullable=False),
        sa.Column("reference", types.Json(), nullable=True),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("tried_at", types.UTCDateTime(), nullable=True),
        sa.Column("not_before", types.UTCDateTime(), nullable=True),
        sa.Column("fence", types.BigInt, nullable=True),
        sa.Column("must_end_by", types.UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("adapter", "region", "host"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
        # where it commits by itself, it may be there though the revision is not
        if_not_exists=True,
    )
    op.create_index(
        "ix_maintenance_suppressions_session_id", _TABLE, ["session_id"], if_not_exists=True
    )
