"""What Nova said last: hosts, servers, and how the synchronisation went."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import bulk
from craton_maintenance.db.database import Transaction
from craton_maintenance.db.tables import nova_hosts, nova_servers, syncs

#: Columns of a server that Nova says something about.
SERVER = ("project_id", "host", "host_id", "name", "status")


def lock_sync(transaction: Transaction, region: str) -> sa.Row[Any]:
    """The region's row, held: one writer at a time."""
    bulk.insert_missing(
        transaction,
        syncs,
        [{"region": region, "generation": 0, "resolved": 0, "complete": False, "report": {}}],
    )
    return transaction.execute(
        sa.select(syncs).where(syncs.c.region == region).with_for_update()
    ).one()


def finish_sync(transaction: Transaction, region: str, values: Mapping[str, Any]) -> None:
    transaction.execute(sa.update(syncs).where(syncs.c.region == region).values(**values))


def hosts(connection: sa.Connection, region: str) -> dict[str, dict[str, Any]]:
    """Rows by host name."""
    rows = connection.execute(sa.select(nova_hosts).where(nova_hosts.c.region == region))
    return {row.host: row._asdict() for row in rows}


def servers(connection: sa.Connection, region: str) -> dict[str, tuple[Any, ...]]:
    """By id, the columns of :data:`SERVER`."""
    columns = [nova_servers.c[name] for name in SERVER]
    rows = connection.execute(
        sa.select(nova_servers.c.id, *columns).where(nova_servers.c.region == region)
    )
    return {row[0]: tuple(row[1:]) for row in rows}


def write_hosts(transaction: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    bulk.upsert(transaction, nova_hosts, rows)


def remove_hosts(transaction: Transaction, region: str, names: Iterable[str]) -> None:
    bulk.delete_keys(transaction, nova_hosts.c.host, names, nova_hosts.c.region == region)


def write_servers(
    transaction: Transaction, region: str, rows: Mapping[str, tuple[Any, ...]]
) -> None:
    bulk.upsert(
        transaction,
        nova_servers,
        [
            {"region": region, "id": server_id} | dict(zip(SERVER, values, strict=True))
            for server_id, values in rows.items()
        ],
    )


def remove_servers(transaction: Transaction, region: str, ids: Iterable[str]) -> None:
    bulk.delete_keys(transaction, nova_servers.c.id, ids, nova_servers.c.region == region)


def unresolved(connection: sa.Connection) -> dict[str, int]:
    """Regions whose inventory changed since windows were brought up to date, by generation."""
    rows = connection.execute(
        sa.select(syncs.c.region, syncs.c.generation).where(syncs.c.generation > syncs.c.resolved)
    )
    return {row.region: row.generation for row in rows}


def resolved(transaction: Transaction, generations: Mapping[str, int]) -> None:
    """Windows are up to date with these generations."""
    for region, generation in generations.items():
        transaction.execute(
            sa.update(syncs)
            .where(syncs.c.region == region, syncs.c.resolved < generation)
            .values(resolved=generation)
        )


def sync_of(connection: sa.Connection, region: str) -> sa.Row[Any] | None:
    return connection.execute(sa.select(syncs).where(syncs.c.region == region)).one_or_none()
