"""A database of its own for a test, on each of the three that we run on.

::

    @pytest.fixture(params=databases.KINDS)
    def database(request, tmp_path):
        with databases.migrated(request.param, tmp_path) as database:
            yield database

:func:`wiped` takes everything out of one again, where making one for each example
would take too long.
"""

import contextlib
import pathlib
import uuid
from collections.abc import Iterator

import sqlalchemy as sa

from craton_maintenance.db import craton, migrate, tables
from craton_maintenance.db.database import Database
from tests.support import reachable
from tests.support.reachable import MARIADB, POSTGRESQL, Service

KINDS = ("sqlite", "mariadb", "postgresql")


@contextlib.contextmanager
def empty(kind: str, folder: pathlib.Path, charset: str = "utf8mb4") -> Iterator[str]:
    """The URL of a new, empty database, which is dropped at the end.

    Skips the test where the server can't be reached.

    :param kind: one of :data:`KINDS`
    :param folder: where an SQLite file is made
    :param charset: MariaDB's default for the tables of this database
    """
    name = f"maintenance_test_{uuid.uuid4().hex[:12]}"
    if kind == "sqlite":
        yield f"sqlite:///{folder / name}.sqlite"
    elif kind == "mariadb":
        with _server(MARIADB) as server:
            yield from _made(server, MARIADB, name, f"CREATE DATABASE {name} CHARSET {charset}")
    elif kind == "postgresql":
        with _server(POSTGRESQL) as server:
            yield from _made(server, POSTGRESQL, name, f"CREATE DATABASE {name}")
    else:
        raise ValueError(f"{kind!r} is none of {KINDS}")


@contextlib.contextmanager
def connected(url: str) -> Iterator[Database]:
    """A :class:`Database` whose connections are closed at the end."""
    database = Database(url)
    try:
        yield database
    finally:
        database.dispose()


@contextlib.contextmanager
def migrated(kind: str, folder: pathlib.Path) -> Iterator[Database]:
    """A new database that is ready for use, and dropped at the end."""
    with empty(kind, folder) as url, connected(url) as database:
        migrate.upgrade(database)
        yield database


def url_of(database: Database) -> str:
    """A database's URL, for another process."""
    return database.engine.url.render_as_string(hide_password=False)


def wiped(database: Database) -> Database:
    """The same database, as a migration leaves it: no rows but those that it makes."""

    def wipe(transaction) -> None:
        for metadata in (tables.metadata, craton.metadata):
            for table in reversed(metadata.sorted_tables):
                if table not in (tables.event_head, tables.locks):
                    transaction.execute(sa.delete(table))
        transaction.execute(sa.update(tables.event_head).values(position=0))

    database.write(wipe)
    return database


@contextlib.contextmanager
def _server(service: Service) -> Iterator[sa.Engine]:
    engine = sa.create_engine(service.url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    try:
        reachable.need(service, lambda: engine.connect().close())
        yield engine
    finally:
        engine.dispose()


def _made(server: sa.Engine, service: Service, name: str, statement: str) -> Iterator[str]:
    with server.connect() as connection:
        connection.exec_driver_sql(statement)
    try:
        url = sa.make_url(service.url).set(database=name)
        yield url.render_as_string(hide_password=False)
    finally:
        force = " WITH (FORCE)" if service is POSTGRESQL else ""
        with server.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name}{force}")
