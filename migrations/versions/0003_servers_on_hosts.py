"""The index of servers by host has their project in it.

Revision: 0003, after 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"

_NAME = "ix_maintenance_nova_servers_host"
_TABLE = "maintenance_nova_servers"


def upgrade() -> None:
    op.drop_index(_NAME, table_name=_TABLE)
    op.create_index(_NAME, _TABLE, ["host", "region", "project_id"])
