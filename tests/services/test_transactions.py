"""What the database asks to repeat is repeated whole; what is unclear is not."""

import contextlib
import logging
import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy import exc

from craton_maintenance.db import bulk
from craton_maintenance.db.database import Database
from craton_maintenance.db.tables import event_seqs
from tests.support import databases
from tests.support.waiting import together

NAMES = ("left", "right")


@pytest.fixture
def two_rows(database: Database) -> Database:
    """Two rows with a number, to be locked in whatever order."""
    rows = [{"project_id": name, "seq": 0} for name in NAMES]
    database.write(lambda transaction: bulk.insert(transaction, event_seqs, rows))
    return database


def test_a_deadlock_repeats_one_transaction_and_both_take_effect_once(two_rows):
    runs: list[str] = []
    committed: list[str] = []
    meet = threading.Barrier(2)

    def worker(first: str, second: str) -> None:
        def work(transaction) -> None:
            runs.append(first)
            _add_one(transaction, first)
            if runs.count(first) == 1:
                # on SQLite the other one cannot be here at the same time
                with contextlib.suppress(threading.BrokenBarrierError):
                    meet.wait(2 if two_rows.dialect == "sqlite" else 30)
            _add_one(transaction, second)
            transaction.after_commit(lambda: committed.append(first))

        two_rows.write(work)

    together([lambda: worker("left", "right"), lambda: worker("right", "left")])
    assert _numbers(two_rows) == {"left": 2, "right": 2}
    assert sorted(committed) == ["left", "right"]
    assert len(runs) == (2 if two_rows.dialect == "sqlite" else 3)


def test_a_lock_that_is_held_too_long_repeats_who_waits(two_rows):
    url = databases.url_of(two_rows)
    impatient = Database(url, lock_timeout=1)
    locked, waited = threading.Event(), threading.Event()

    def holder(transaction) -> None:
        _add_one(transaction, "left")
        locked.set()
        assert waited.wait(30)

    thread = threading.Thread(target=two_rows.write, args=[holder])
    thread.start()
    assert locked.wait(30)
    try:
        with _repetition_sets(waited):
            impatient.write(lambda transaction: _add_one(transaction, "left"))
    finally:
        waited.set()
        thread.join(30)
        impatient.dispose()
    assert _numbers(two_rows)["left"] == 2


def test_first_inserts_of_one_row_at_once_end_with_one_row(database):
    meet = threading.Barrier(2)
    met: list[int] = []

    def work(transaction) -> str:
        row = transaction.execute(
            sa.select(event_seqs).where(event_seqs.c.project_id == "new")
        ).one_or_none()
        if row is not None:
            return "found"
        met.append(1)
        if len(met) <= 2:
            with contextlib.suppress(threading.BrokenBarrierError):
                meet.wait(2)
        bulk.insert(transaction, event_seqs, [{"project_id": "new", "seq": 7}])
        return "made"

    assert sorted(together([lambda: database.write(work)] * 2)) == ["found", "made"]


@pytest.mark.parametrize("kind", ["postgresql"])
def test_a_serialization_failure_is_repeated(two_rows):
    """Two who each write what the other has read, as an operator's isolation level may have it."""
    runs: list[str] = []
    meet = threading.Barrier(2)

    def worker(mine: str, other: str) -> None:
        def work(transaction) -> None:
            transaction.connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
            runs.append(mine)
            seen = transaction.execute(
                sa.select(event_seqs.c.seq).where(event_seqs.c.project_id == other)
            ).scalar_one()
            if runs.count(mine) == 1:
                meet.wait(10)
            transaction.execute(
                sa.update(event_seqs).where(event_seqs.c.project_id == mine).values(seq=seen + 1)
            )

        two_rows.write(work)

    together([lambda: worker("left", "right"), lambda: worker("right", "left")])
    # one after the other: the later has read what the earlier wrote
    assert sorted(_numbers(two_rows).values()) == [1, 2]
    # who was first is not repeated; the other one is, until the first is through
    assert min(runs.count("left"), runs.count("right")) == 1
    assert len(runs) >= 3


def test_what_can_never_work_is_not_repeated(database):
    runs: list[int] = []

    def work(transaction) -> None:
        runs.append(1)
        transaction.execute(sa.text("SELECT nothing FROM nowhere"))

    with pytest.raises(exc.DBAPIError):
        database.write(work)
    assert len(runs) == 1


@pytest.mark.parametrize("kind", ["mariadb", "postgresql"])
def test_a_connection_that_was_cut_in_the_pool_is_replaced_unseen(two_rows):
    with two_rows.read() as connection:
        mine = _backend(connection)
    _kill(two_rows, mine)
    two_rows.write(lambda transaction: _add_one(transaction, "left"))
    assert _numbers(two_rows)["left"] == 1


@pytest.mark.parametrize("kind", ["mariadb", "postgresql"])
def test_a_connection_that_is_cut_within_a_transaction_undoes_it_and_says_so(two_rows):
    runs: list[int] = []

    def work(transaction) -> None:
        runs.append(1)
        _add_one(transaction, "left")
        _kill(two_rows, _backend(transaction.connection))
        _add_one(transaction, "right")

    with pytest.raises(exc.DBAPIError):
        two_rows.write(work)
    assert len(runs) == 1
    assert _numbers(two_rows) == {"left": 0, "right": 0}


def test_what_is_read_twice_by_an_editor_is_not_changed_between(two_rows):
    """The increments of many are all there: each was decided on under the lock."""
    together([lambda: two_rows.write(lambda transaction: _add_one(transaction, "left"))] * 10)
    assert _numbers(two_rows)["left"] == 10


def _add_one(transaction, name: str) -> None:
    where = event_seqs.c.project_id == name
    seen = transaction.execute(
        sa.select(event_seqs.c.seq).where(where).with_for_update()
    ).scalar_one()
    transaction.execute(sa.update(event_seqs).where(where).values(seq=seen + 1))


def _numbers(database: Database) -> dict[str, int]:
    with database.read() as connection:
        return {row.project_id: row.seq for row in connection.execute(sa.select(event_seqs))}


def _backend(connection: sa.Connection) -> int:
    function = "connection_id()" if connection.dialect.name == "mysql" else "pg_backend_pid()"
    return connection.exec_driver_sql(f"SELECT {function}").scalar_one()


def _kill(database: Database, backend: int) -> None:
    engine = sa.create_engine(database.engine.url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        connection.exec_driver_sql(
            f"KILL {backend}"
            if database.dialect == "mysql"
            else f"SELECT pg_terminate_backend({backend}, 10000)"
        )
        connection.commit()


@contextlib.contextmanager
def _repetition_sets(repeated: threading.Event) -> Iterator[None]:
    """Sets the event when a transaction is repeated."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "transaction is repeated" in record.getMessage():
                repeated.set()

    logger, handler = logging.getLogger("craton_maintenance.db.database"), Handler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
