"""Migrations: who may run them, and whether the database is as it should be."""

import importlib.resources
from collections.abc import Iterator
from contextlib import contextmanager

import alembic.command
import alembic.config
import alembic.runtime.migration
import alembic.script
import sqlalchemy as sa

from craton_maintenance.db import craton
from craton_maintenance.db.database import Database, NotFit

#: Ours. Craton's ``alembic_version`` is not touched: a foreign id in it breaks Craton.
VERSION_TABLE = "maintenance_alembic_version"

_LOCK = 7790_2016


def _config() -> alembic.config.Config:
    config = alembic.config.Config()
    config.set_main_option("script_location", "craton_maintenance.migrations:")
    config.set_main_option("path_separator", "os")
    config.set_main_option(
        "version_locations",
        str(importlib.resources.files("craton_maintenance.migrations").joinpath("versions")),
    )
    return config


def newest() -> str | None:
    """The revision that this code needs."""
    return alembic.script.ScriptDirectory.from_config(_config()).get_current_head()


def current(database: Database) -> str | None:
    """The revision that the database has, None if it has nothing of ours."""
    with database.read() as connection:
        context = alembic.runtime.migration.MigrationContext.configure(
            connection, opts={"version_table": VERSION_TABLE}
        )
        return context.get_current_revision()


def upgrade(database: Database) -> None:
    """Bring the database to :func:`newest`. One process at a time; repeating it is harmless.

    :raises NotFit: the tables that are there are not Craton's as we know them
    """
    if current(database) == newest():
        return
    with _alone(database) as connection:
        if database.dialect == "mysql":
            _begin(connection)
        config = _config()
        config.attributes["connection"] = connection
        try:
            alembic.command.upgrade(config, "head")
        except NotFit:
            # refused before anything was made
            _UNFINISHED.drop(connection, checkfirst=True)
            raise
        _UNFINISHED.drop(connection, checkfirst=True)


def check(database: Database) -> None:
    """Make sure that the database is as this code needs it.

    :raises NotFit: with the command that mends it
    """
    found, wanted = current(database), newest()
    if found != wanted:
        raise NotFit(
            f"the database is at revision {found or 'none'}, this version needs {wanted}: run "
            "'craton-maintenance db upgrade'"
        )


def missing_of_craton(connection: sa.Connection) -> list[str]:
    """What Craton's tables lack, as ``table`` or ``table.column``.

    Columns count, not Craton's revision id, which was given to several schemas.
    """
    inspector = sa.inspect(connection)
    tables = set(inspector.get_table_names())
    missing = []
    for table in craton.REQUIRED:
        if table.name not in tables:
            missing.append(table.name)
            continue
        there = {column["name"] for column in inspector.get_columns(table.name)}
        missing += [f"{table.name}.{c.name}" for c in table.columns if c.name not in there]
    return missing


def prepare_craton(connection: sa.Connection) -> None:
    """Make Craton's tables where Craton is not; leave them alone where it is.

    :raises NotFit: some are there, but not all or not as we know them
    """
    if not _named_as_cratons(connection) or _were_ours(connection):
        craton.metadata.create_all(connection)
        return
    missing = missing_of_craton(connection)
    if missing:
        raise NotFit(
            "this database holds tables named as Craton's, but not Craton's as we know them; "
            f"missing: {', '.join(missing)}. Use Craton's database, or an empty one."
        )


#: Where a change of tables commits by itself, a migration may stop half-way.  This is
#: there while the first one runs, and says whether Craton's tables are ours to make.
_UNFINISHED = sa.Table(
    "maintenance_unfinished", sa.MetaData(), sa.Column("craton_is_ours", sa.Boolean)
)


def _begin(connection: sa.Connection) -> None:
    """Begin the first migration, or begin it again after one that stopped half-way.

    Tables of ours that an unfinished one has left hold nothing and go.  Craton's
    are never removed, whoever made them.
    """
    version = sa.Table(VERSION_TABLE, sa.MetaData(), sa.Column("version_num", sa.String(32)))
    inspector = sa.inspect(connection)
    if inspector.has_table(version.name) and connection.execute(sa.select(version)).first():
        return
    _UNFINISHED.create(connection, checkfirst=True)
    if connection.execute(sa.select(_UNFINISHED)).first() is None:
        ours = not _named_as_cratons(connection)
        # committed by the next change of tables
        connection.execute(sa.insert(_UNFINISHED).values(craton_is_ours=ours))
        return
    for name in inspector.get_table_names():
        if name.startswith("maintenance_") and name != _UNFINISHED.name:
            sa.Table(name, sa.MetaData()).drop(connection)


def _named_as_cratons(connection: sa.Connection) -> set[str]:
    """The tables there that are named as Craton's."""
    return set(sa.inspect(connection).get_table_names()) & set(craton.metadata.tables)


def _were_ours(connection: sa.Connection) -> bool:
    """Whether Craton's tables are there because an unfinished migration made them."""
    if not sa.inspect(connection).has_table(_UNFINISHED.name):
        return False
    return bool(connection.execute(sa.select(_UNFINISHED)).scalar_one_or_none())


@contextmanager
def _alone(database: Database) -> Iterator[sa.Connection]:
    """A connection on which nobody else migrates at the same time."""
    with database.engine.connect() as plain:
        connection = plain.execution_options(maintenance_writes=True)
        if database.dialect == "mysql":
            # DDL commits by itself there, so the lock is the session's
            if (
                connection.exec_driver_sql(
                    "SELECT GET_LOCK('craton-maintenance-migrate', 60)"
                ).scalar()
                != 1
            ):
                raise NotFit("another process has been migrating this database for a minute")
            connection.commit()
        try:
            with connection.begin():
                if database.dialect == "postgresql":
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
                yield connection
        finally:
            if database.dialect == "mysql":
                connection.exec_driver_sql("DO RELEASE_LOCK('craton-maintenance-migrate')")


def has_craton(database: Database) -> bool:
    """Whether this database is one that a Craton runs on."""
    with database.read() as connection:
        return sa.inspect(connection).has_table("alembic_version")
