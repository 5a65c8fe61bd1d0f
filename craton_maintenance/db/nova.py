"""What Nova said last: hosts, servers, and how the synchronisation went."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import bulk
from craton_maintenance.db.database import Transaction
from craton_maintenance.db.tables import (
    nova_heard,
    nova_hosts,
    nova_migrations,
    nova_servers,
    syncs,
)

#: Columns of a server that Nova says something about.
SERVER = ("project_id", "host", "host_id", "name", "status")

#: Columns of a host that notifications say something about.
SERVICE = ("status", "state", "forced_down", "disabled_reason")

#: Columns of a server's newest migration.
MIGRATION = ("migration_id", "type", "status", "updated_at")

#: What notifications are of.
A_SERVER, A_HOST = "server", "host"


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


def held_sync(transaction: Transaction, region: str) -> sa.Row[Any] | None:
    """The region's row, held; None: nobody has synchronised with it yet."""
    return transaction.execute(
        sa.select(syncs).where(syncs.c.region == region).with_for_update()
    ).one_or_none()


def count_change(transaction: Transaction, region: str) -> None:
    """The inventory has changed: windows have to be brought up to date."""
    transaction.execute(
        sa.update(syncs).where(syncs.c.region == region).values(generation=syncs.c.generation + 1)
    )


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


def host(connection: sa.Connection, region: str, name: str) -> dict[str, Any] | None:
    """One host's row."""
    row = connection.execute(
        sa.select(nova_hosts).where(nova_hosts.c.region == region, nova_hosts.c.host == name)
    ).one_or_none()
    return None if row is None else row._asdict()


def server(connection: sa.Connection, region: str, server_id: str) -> tuple[Any, ...] | None:
    """One server's columns of :data:`SERVER`."""
    row = connection.execute(
        sa.select(*(nova_servers.c[name] for name in SERVER)).where(
            nova_servers.c.region == region, nova_servers.c.id == server_id
        )
    ).one_or_none()
    return None if row is None else tuple(row)


def servers_of(
    connection: sa.Connection, region: str, ids: Iterable[str]
) -> dict[str, tuple[Any, ...]]:
    """Of these servers, the columns of :data:`SERVER` by id."""
    return _by_key(connection, nova_servers, "id", SERVER, region, ids)


def hosts_known(connection: sa.Connection, region: str, names: Iterable[str]) -> set[str]:
    """Those of these hosts that the inventory has."""
    return set(_by_key(connection, nova_hosts, "host", (), region, names))


def _by_key(
    connection: sa.Connection,
    table: sa.Table,
    key: str,
    names: Sequence[str],
    region: str,
    keys: Iterable[str],
    *where: Any,
) -> dict[str, tuple[Any, ...]]:
    columns = [table.c[name] for name in (key, *names)]
    found: dict[str, tuple[Any, ...]] = {}
    for chunk in bulk.batched_keys(keys):
        rows = connection.execute(
            sa.select(*columns).where(table.c.region == region, table.c[key].in_(chunk), *where)
        )
        found |= {row[0]: tuple(row[1:]) for row in rows}
    return found


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


def heard(connection: sa.Connection, region: str, kind: str, name: str) -> sa.Row[Any] | None:
    """The newest notification of a server or a host."""
    return connection.execute(
        sa.select(nova_heard).where(
            nova_heard.c.region == region, nova_heard.c.kind == kind, nova_heard.c.name == name
        )
    ).one_or_none()


def hear(transaction: Transaction, row: Mapping[str, Any]) -> None:
    """Note the newest notification of a server or a host."""
    hear_all(transaction, [row])


def heard_since(connection: sa.Connection, region: str, since: dt.datetime) -> dict[str, set[str]]:
    """Names of what notifications were written of, by kind."""
    found: dict[str, set[str]] = {A_SERVER: set(), A_HOST: set()}
    for row in connection.execute(
        sa.select(nova_heard.c.kind, nova_heard.c.name).where(
            nova_heard.c.region == region, nova_heard.c.heard_at >= since
        )
    ):
        found[row.kind].add(row.name)
    return found


def heard_of_servers(
    connection: sa.Connection, region: str, ids: Iterable[str]
) -> dict[str, tuple[Any, ...]]:
    """Of the newest news of these servers, ``sent_at``, ``heard_at``, ``gone`` by id."""
    names = ("sent_at", "heard_at", "gone")
    return _by_key(
        connection, nova_heard, "name", names, region, ids, nova_heard.c.kind == A_SERVER
    )


def hear_all(transaction: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Note the newest news of several servers or hosts."""
    bulk.upsert(transaction, nova_heard, rows)


def forget_heard(transaction: Transaction, region: str, until: dt.datetime) -> None:
    """Drop what no notification that would still be written can be older than."""
    old = (nova_heard.c.region == region, nova_heard.c.sent_at < until)
    # nothing is written where nobody listens
    if transaction.execute(sa.select(nova_heard.c.name).where(*old).limit(1)).first():
        transaction.execute(sa.delete(nova_heard).where(*old))


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


# -- migrations --------------------------------------------------------------------


def migrations_of(
    connection: sa.Connection, region: str, ids: Iterable[str]
) -> dict[str, tuple[Any, ...]]:
    """Of these servers, the columns of :data:`MIGRATION` by id."""
    return _by_key(connection, nova_migrations, "server_id", MIGRATION, region, ids)


def migrations(connection: sa.Connection, region: str) -> dict[str, tuple[Any, ...]]:
    """By id of the server, the columns of :data:`MIGRATION`."""
    columns = [nova_migrations.c[name] for name in MIGRATION]
    rows = connection.execute(
        sa.select(nova_migrations.c.server_id, *columns).where(nova_migrations.c.region == region)
    )
    return {row[0]: tuple(row[1:]) for row in rows}


def newest_migration_at(connection: sa.Connection, region: str) -> dt.datetime | None:
    """The newest change of a migration that is known, by Nova's clock."""
    return connection.execute(
        sa.select(sa.func.max(nova_migrations.c.updated_at)).where(
            nova_migrations.c.region == region
        )
    ).scalar_one()


def write_migrations(
    transaction: Transaction, region: str, rows: Mapping[str, tuple[Any, ...]]
) -> None:
    """By id of the server, the columns of :data:`MIGRATION`."""
    bulk.upsert(
        transaction,
        nova_migrations,
        [
            {"region": region, "server_id": server_id} | dict(zip(MIGRATION, values, strict=True))
            for server_id, values in rows.items()
        ],
    )


def forget_migrations(transaction: Transaction, region: str, ids: Iterable[str]) -> None:
    """Of servers that are gone."""
    bulk.delete_keys(
        transaction, nova_migrations.c.server_id, ids, nova_migrations.c.region == region
    )
