"""Connections and transactions.

One function, :meth:`Database.write`, runs a transaction and repeats it whole
when the database asks for that: deadlock, lock time-out, serialization failure,
or two first inserts of the same row at once.  So what it is given must have no
effect outside the transaction; :meth:`Transaction.after_commit` is for those.

Order in which locks are taken, always: session, admission, event head.
"""

import contextlib
import datetime as dt
import logging
import random
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import exc

from craton_maintenance.db import tables

LOG = logging.getLogger(__name__)

T = TypeVar("T")

#: MySQL and MariaDB: lock wait timeout, deadlock, duplicate entry, record changed.
_MYSQL_AGAIN = frozenset({1205, 1213, 1062, 1020})
#: PostgreSQL: serialization failure, deadlock, lock not available, unique violation.
_POSTGRESQL_AGAIN = frozenset({"40001", "40P01", "55P03", "23505"})

_TRIES = 12


class NotFit(Exception):
    """The database cannot be used as it is; the message says what to do."""


def _again(error: exc.DBAPIError) -> bool:
    """Whether the transaction that met this error may succeed when repeated."""
    if error.connection_invalidated:
        return False
    original = error.orig
    code = getattr(original, "sqlstate", None)
    if code in _POSTGRESQL_AGAIN:
        return True
    args = getattr(original, "args", ())
    if args and args[0] in _MYSQL_AGAIN:
        return True
    words = str(original)
    return "database is locked" in words or "UNIQUE constraint failed" in words


_NAMED = (
    sa.select(tables.locks.c.name)
    .where(tables.locks.c.name == sa.bindparam("named"))
    .with_for_update()
)


class Transaction:
    """A running write transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        #: runs a statement; the connection's own method
        self.execute = connection.execute
        self._after: list[Callable[[], None]] = []

    @property
    def dialect(self) -> str:
        """``sqlite``, ``mysql`` (MariaDB too) or ``postgresql``."""
        name = self.connection.dialect.name
        return "mysql" if name == "mariadb" else name

    def after_commit(self, effect: Callable[[], None]) -> None:
        """Run ``effect`` once the transaction is committed; not at all if it is not."""
        self._after.append(effect)

    def lock(self, name: str) -> None:
        """Hold the named row until the end, so that decisions are made one by one."""
        self.execute(_NAMED, {"named": name}).one()

    def committed(self) -> None:
        for effect in self._after:
            effect()


class Database:
    """The database that everything is kept in."""

    def __init__(
        self, url: str, pool_size: int = 10, max_overflow: int = 20, lock_timeout: int = 20
    ) -> None:
        """
        :param url: SQLAlchemy URL
        :param lock_timeout: seconds that a statement waits for a lock
        :raises NotFit: not one of the three databases we run on
        """
        self.engine = _make_engine(url, pool_size, max_overflow, lock_timeout)
        # the same, for those who write
        self._writer = self.engine.execution_options(maintenance_writes=True)

    @property
    def dialect(self) -> str:
        """``sqlite``, ``mysql`` (MariaDB too) or ``postgresql``."""
        name = self.engine.dialect.name
        return "mysql" if name == "mariadb" else name

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection to read with: one consistent view, nothing is written."""
        with self.engine.connect() as connection:
            yield connection

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in a transaction, again from the start if the database says so.

        :returns: what ``work`` returned in the run that was committed
        """
        for attempt in range(1, _TRIES + 1):
            try:
                return self._once(work)
            except exc.DBAPIError as error:
                if attempt == _TRIES or not _again(error):
                    raise
                LOG.debug("transaction is repeated (try %d): %s", attempt, error.orig)
            # randomness only spreads repeated transactions; nothing depends on it
            time.sleep(random.uniform(0, min(0.002 * 2**attempt, 0.25)))
        raise AssertionError("not reached")

    def _once(self, work: Callable[[Transaction], T]) -> T:
        with self._writer.begin() as connection:
            transaction = Transaction(connection)
            result = work(transaction)
        transaction.committed()
        return result

    def now(self, connection: sa.Connection) -> dt.datetime:
        """The database's clock, which leases go by."""
        sql = {
            "sqlite": "SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')",
            "mysql": "SELECT UTC_TIMESTAMP(6)",
            "postgresql": "SELECT clock_timestamp() AT TIME ZONE 'UTC'",
        }[self.dialect]
        value = connection.exec_driver_sql(sql).scalar_one()
        if isinstance(value, str):
            value = dt.datetime.fromisoformat(value)
        return value.replace(tzinfo=dt.UTC)

    def dispose(self) -> None:
        """Close the pool, e.g. after a fork."""
        self.engine.dispose()


def _make_engine(url: str, pool_size: int, max_overflow: int, lock_timeout: int) -> sa.Engine:
    parsed = sa.make_url(url)
    backend = parsed.get_backend_name()
    if backend == "sqlite":
        return _sqlite(parsed, lock_timeout, pool_size, max_overflow)
    pool = {
        "pool_size": pool_size,
        "max_overflow": max_overflow,
        "pool_pre_ping": True,
        "pool_recycle": 3600,
    }
    if backend in ("mysql", "mariadb"):
        if parsed.drivername == backend:
            parsed = parsed.set(drivername=f"{backend}+pymysql")
        return sa.create_engine(
            parsed,
            isolation_level="READ COMMITTED",
            connect_args={
                "charset": "utf8mb4",
                # quotes are doubled, as standard SQL says: escaping by backslash costs PyMySQL
                # a step for every character of a long text
                "init_command": f"SET innodb_lock_wait_timeout={lock_timeout}, "
                "time_zone='+00:00', "
                "sql_mode=CONCAT_WS(',', NULLIF(@@sql_mode, ''), 'NO_BACKSLASH_ESCAPES'), "
                # lists that the database puts together are as long as a packet
                "group_concat_max_len=@@max_allowed_packet",
            },
            **pool,
        )
    if backend == "postgresql":
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        return sa.create_engine(
            parsed,
            isolation_level="READ COMMITTED",
            connect_args={"options": f"-c lock_timeout={lock_timeout}s -c timezone=UTC"},
            **pool,
        )
    raise NotFit(
        f"{backend} databases are not supported: use sqlite:///FILE, mysql+pymysql:// or "
        "postgresql+psycopg://"
    )


def _sqlite(url: sa.URL, lock_timeout: int, pool_size: int, max_overflow: int) -> sa.Engine:
    """SQLite as a database that several threads and processes write to.

    The driver begins no transaction by itself: with its defaults a read that
    turns into a write loses updates without an error.  Writers take the lock at
    once, readers never wait for them (WAL).
    """
    if not url.database or url.database == ":memory:":
        raise NotFit("an SQLite database must be a file: sqlite:///FILE")
    engine = sa.create_engine(
        url,
        poolclass=sa.QueuePool,
        pool_size=pool_size,
        max_overflow=max_overflow,
        connect_args={"timeout": lock_timeout, "check_same_thread": False},
    )

    @sa.event.listens_for(engine, "connect")
    def connected(connection: Any, record: object) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=OFF"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        writes = connection.get_execution_options().get("maintenance_writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN DEFERRED")

    return engine
