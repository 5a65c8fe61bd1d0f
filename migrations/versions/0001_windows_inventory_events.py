"""Craton's tables where there are none, and ours.

Revision: 0001, the first
"""

import sqlalchemy as sa
from alembic import op

from craton_maintenance.db import types
from craton_maintenance.db.migrate import prepare_craton

revision = "0001"
down_revision = None


def upgrade() -> None:
    prepare_craton(op.get_bind())
    op.create_table(
        "maintenance_event_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", types.BigInt, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "maintenance_event_seqs",
        sa.Column("project_id", types.Name(64), nullable=False),
        sa.Column("seq", types.BigInt, nullable=False),
        sa.PrimaryKeyConstraint("project_id"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "maintenance_events",
        sa.Column("position", types.BigInt, autoincrement=False, nullable=False),
        sa.Column("id", types.Name(36), nullable=False),
        sa.Column("project_id", types.Name(64), nullable=False),
        sa.Column("seq", types.BigInt, nullable=False),
        sa.Column("event_type", sa.String(length=64), nullable=False),
        sa.Column("audience", sa.String(length=16), nullable=False),
        sa.Column("window_id", types.Name(36), nullable=True),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("payload", types.Json(), nullable=False),
        sa.Column("servers", types.Json(), nullable=True),
        sa.PrimaryKeyConstraint("position"),
        sa.UniqueConstraint("id"),
        sa.UniqueConstraint("project_id", "seq", name="uq_maintenance_events_project_seq"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_index(
        op.f("ix_maintenance_events_window_id"), "maintenance_events", ["window_id"], unique=False
    )
    op.create_table(
        "maintenance_idempotency_keys",
        sa.Column("id", types.Name(64), nullable=False),
        sa.Column("request", types.Name(64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("answer", types.Json(), nullable=False),
        sa.Column("headers", types.Json(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_index(
        op.f("ix_maintenance_idempotency_keys_created_at"),
        "maintenance_idempotency_keys",
        ["created_at"],
        unique=False,
    )
    op.create_table(
        "maintenance_leases",
        sa.Column("name", types.Name(255), nullable=False),
        sa.Column("owner", sa.String(length=255), nullable=False),
        sa.Column("fence", types.BigInt, nullable=False),
        sa.Column("expires_at", types.UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "maintenance_locks",
        sa.Column("name", types.Name(64), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
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
    op.create_table(
        "maintenance_nova_hosts",
        sa.Column("region", types.Name(255), nullable=False),
        sa.Column("host", types.Name(255), nullable=False),
        sa.Column("service_id", types.Name(36), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("forced_down", sa.Boolean(), nullable=False),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("zone", types.Name(255), nullable=True),
        sa.Column("aggregates", types.Json(), nullable=False),
        sa.Column("hypervisors", types.Json(), nullable=False),
        sa.Column("hypervisors_count", sa.Integer(), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("missed", sa.Integer(), nullable=False),
        sa.Column("missing_since", types.UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("region", "host"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "maintenance_nova_servers",
        sa.Column("region", types.Name(255), nullable=False),
        sa.Column("id", types.Name(36), nullable=False),
        sa.Column("project_id", types.Name(64), nullable=False),
        sa.Column("host", types.Name(255), nullable=True),
        sa.Column("host_id", types.Name(56), nullable=True),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("region", "id"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_index(
        "ix_maintenance_nova_servers_host",
        "maintenance_nova_servers",
        ["host", "region", "project_id"],
        unique=False,
    )
    op.create_index(
        "ix_maintenance_nova_servers_project",
        "maintenance_nova_servers",
        ["project_id", "host_id"],
        unique=False,
    )
    op.create_table(
        "maintenance_settings",
        sa.Column("name", types.Name(64), nullable=False),
        sa.Column("value", types.Json(), nullable=False),
        sa.Column("updated_at", types.UTCDateTime(), nullable=False),
        sa.Column("updated_by", sa.String(length=255), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "maintenance_sinks",
        sa.Column("name", types.Name(255), nullable=False),
        sa.Column("position", types.BigInt, nullable=False),
        sa.Column("fence", types.BigInt, nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_at", types.UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "maintenance_syncs",
        sa.Column("region", types.Name(255), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("resolved", sa.Integer(), nullable=False),
        sa.Column("started_at", types.UTCDateTime(), nullable=True),
        sa.Column("finished_at", types.UTCDateTime(), nullable=True),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("report", types.Json(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("region"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "maintenance_variables",
        sa.Column("association_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("object", types.Name(600), nullable=False),
        sa.Column("digest", types.Name(64), nullable=True),
        sa.Column("window_id", types.Name(36), nullable=True),
        sa.Column("error", types.Json(), nullable=True),
        sa.PrimaryKeyConstraint("association_id"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "maintenance_window_hosts",
        sa.Column("window_id", types.Name(36), nullable=False),
        sa.Column("region", types.Name(255), nullable=False),
        sa.Column("host", types.Name(255), nullable=False),
        sa.PrimaryKeyConstraint("window_id", "region", "host"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_index(
        "ix_maintenance_window_hosts_host",
        "maintenance_window_hosts",
        ["host", "window_id"],
        unique=False,
    )
    op.create_table(
        "maintenance_window_projects",
        sa.Column("window_id", types.Name(36), nullable=False),
        sa.Column("project_id", types.Name(64), nullable=False),
        sa.Column("servers", types.Json(), nullable=False),
        sa.Column("concerned", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("window_id", "project_id"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_index(
        "ix_maintenance_window_projects_project",
        "maintenance_window_projects",
        ["project_id", "window_id"],
        unique=False,
    )
    op.create_table(
        "maintenance_windows",
        sa.Column("id", types.Name(36), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("start_at", types.UTCDateTime(), nullable=False),
        sa.Column("end_at", types.UTCDateTime(), nullable=True),
        sa.Column("started_at", types.UTCDateTime(), nullable=True),
        sa.Column("finished_at", types.UTCDateTime(), nullable=True),
        sa.Column("cancelled_at", types.UTCDateTime(), nullable=True),
        sa.Column("told_state", sa.String(length=16), nullable=False),
        sa.Column("due_at", types.UTCDateTime(), nullable=True),
        sa.Column("scope", types.Json(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("announcement", sa.Text(), nullable=False),
        sa.Column("impact", sa.String(length=32), nullable=False),
        sa.Column("expected_interruption", sa.Integer(), nullable=True),
        sa.Column("retire", sa.Boolean(), nullable=False),
        sa.Column("target_region", types.Name(255), nullable=True),
        sa.Column("target_host", types.Name(255), nullable=True),
        sa.Column("allow_overlap", sa.Boolean(), nullable=False),
        sa.Column("approved", sa.Boolean(), nullable=False),
        sa.Column("hosts_count", sa.Integer(), nullable=False),
        sa.Column("projects_count", sa.Integer(), nullable=False),
        sa.Column("servers_count", sa.Integer(), nullable=False),
        sa.Column("created_by", sa.String(length=255), nullable=False),
        sa.Column("created_at", types.UTCDateTime(), nullable=False),
        sa.Column("updated_at", types.UTCDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    op.create_index(
        "ix_maintenance_windows_created", "maintenance_windows", ["created_at", "id"], unique=False
    )
    op.create_index(
        op.f("ix_maintenance_windows_told_state"),
        "maintenance_windows",
        ["told_state"],
        unique=False,
    )
    op.create_index(
        op.f("ix_maintenance_windows_due_at"), "maintenance_windows", ["due_at"], unique=False
    )
    op.bulk_insert(
        sa.table("maintenance_event_head", sa.column("id"), sa.column("position")),
        [{"id": 1, "position": 0}],
    )
    op.bulk_insert(sa.table("maintenance_locks", sa.column("name")), [{"name": "admission"}])
