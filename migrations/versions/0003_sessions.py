"""Sessions: hosts, servers, notices, steps and inputs; constraints of projects.

Revision: 0003, after 0002
"""

import sqlalchemy as sa
from alembic import op

from craton_maintenance.db import types

revision = "0003"
down_revision = "0002"

_UUID = 36


def _json(name: str, nullable: bool = False) -> sa.Column:
    return sa.Column(name, types.Json(), nullable=nullable)


def _time(name: str, nullable: bool = True) -> sa.Column:
    return sa.Column(name, types.UTCDateTime(), nullable=nullable)


def _id(name: str, nullable: bool = False) -> sa.Column:
    return sa.Column(name, types.Name(_UUID), nullable=nullable)


def _project() -> sa.Column:
    return sa.Column("project_id", types.Name(64), nullable=False)


def _host() -> tuple[sa.Column, sa.Column]:
    return (
        sa.Column("region", types.Name(255), nullable=False),
        sa.Column("host", types.Name(255), nullable=False),
    )


def _text(name: str, length: int, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.String(length=length), nullable=nullable)


def _table(name: str, *parts: sa.Column | sa.PrimaryKeyConstraint) -> None:
    # where a change of tables commits by itself, some may be there though the revision is not
    op.create_table(
        f"maintenance_{name}",
        *parts,
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
        if_not_exists=True,
    )


def _index(table: str, name: str, *columns: str) -> None:
    op.create_index(
        f"ix_maintenance_{name}", f"maintenance_{table}", list(columns), if_not_exists=True
    )


def _add(table: str, column: sa.Column) -> None:
    there = {one["name"] for one in sa.inspect(op.get_bind()).get_columns(table)}
    if column.name not in there:
        op.add_column(table, column)


def upgrade() -> None:
    _add("maintenance_windows", _text("workflow", 16, True))
    _add("maintenance_events", _id("notice_id", True))
    _index("events", "events_notice_id", "notice_id")

    _table(
        "sessions",
        _id("id"),
        _id("window_id"),
        _text("workflow", 16),
        _text("state", 32),
        sa.Column("percent_done", sa.Integer(), nullable=False),
        _text("reason", 64, True),
        _time("due_at"),
        _text("created_by", 255),
        _time("created_at", False),
        _time("finished_at"),
        _json("data"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("window_id"),
    )
    _index("sessions", "sessions_due_at", "due_at")
    _index("sessions", "sessions_created", "created_at", "id")

    _table(
        "session_hosts",
        _id("session_id"),
        *_host(),
        _text("state", 16),
        _json("data"),
        sa.PrimaryKeyConstraint("session_id", "region", "host"),
    )
    _table(
        "session_holds",
        *_host(),
        _id("session_id"),
        sa.PrimaryKeyConstraint("region", "host"),
    )
    _index("session_holds", "session_holds_session_id", "session_id")
    _table(
        "session_servers",
        _id("session_id"),
        _id("server_id"),
        _project(),
        _text("state", 16),
        _id("out_of_group", True),
        _json("data"),
        sa.PrimaryKeyConstraint("session_id", "server_id"),
    )
    _index("session_servers", "session_servers_out_of_group", "out_of_group")
    _index("session_servers", "session_servers_project", "project_id", "session_id")
    _table(
        "session_projects",
        _id("session_id"),
        _project(),
        _json("servers"),
        sa.PrimaryKeyConstraint("session_id", "project_id"),
    )
    _index("session_projects", "session_projects_project", "project_id", "session_id")

    _table(
        "notices",
        _id("id"),
        _id("session_id"),
        _project(),
        _id("server_id", True),
        _text("state", 32),
        _text("status", 16),
        _time("created_at", False),
        _time("reply_at"),
        _time("delivered_at"),
        _time("replied_at"),
        _json("replies", True),
        _json("data"),
        sa.PrimaryKeyConstraint("id"),
    )
    _index("notices", "notices_session", "session_id", "status")
    _index("notices", "notices_project", "project_id", "session_id", "status")

    _table(
        "steps",
        _id("session_id"),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        _text("kind", 32),
        *_host(),
        _id("server_id", True),
        _json("params"),
        _text("status", 16),
        _time("not_before"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("fence", types.BigInt, nullable=True),
        _time("must_end_by"),
        _time("created_at", False),
        _time("began_at"),
        _time("ended_at"),
        _text("result", 16, True),
        _json("outcome", True),
        sa.PrimaryKeyConstraint("session_id", "number"),
    )
    _index("steps", "steps_status", "status", "session_id")

    _table(
        "inputs",
        sa.Column("id", types.BigInt, autoincrement=True, nullable=False),
        _id("session_id"),
        _text("kind", 16),
        _json("data"),
        _time("created_at", False),
        sa.PrimaryKeyConstraint("id"),
    )
    _index("inputs", "inputs_session_id", "session_id")

    _table(
        "nova_migrations",
        _host()[0],
        _id("server_id"),
        sa.Column("migration_id", types.BigInt, nullable=False),
        _text("type", 32),
        _text("status", 32),
        _time("updated_at", False),
        sa.PrimaryKeyConstraint("region", "server_id"),
    )

    _table(
        "instance_constraints",
        _id("instance_id"),
        _project(),
        _id("group_id", True),
        _json("data"),
        _time("updated_at", False),
        sa.PrimaryKeyConstraint("instance_id"),
    )
    _index("instance_constraints", "instance_constraints_project_id", "project_id")
    _table(
        "group_constraints",
        _id("group_id"),
        _project(),
        _json("data"),
        _time("updated_at", False),
        sa.PrimaryKeyConstraint("group_id"),
    )
    _index("group_constraints", "group_constraints_project_id", "project_id")
