"""The databases that tests get are of their own, and gone afterwards."""

import pytest
import sqlalchemy as sa

from craton_maintenance.db import migrate
from tests.support import databases

pytestmark = pytest.mark.services


@pytest.mark.parametrize("kind", databases.KINDS)
def test_a_database_is_made_migrated_and_dropped(kind, tmp_path):
    with databases.migrated(kind, tmp_path) as database:
        migrate.check(database)
        url = databases.url_of(database)
    if kind != "sqlite":
        with pytest.raises(sa.exc.OperationalError), databases.connected(url) as gone:
            migrate.current(gone)


@pytest.mark.parametrize("kind", databases.KINDS)
def test_a_wiped_database_is_as_after_its_migration(kind, tmp_path):
    with databases.migrated(kind, tmp_path) as database:
        before = _rows(database)
        database.write(
            lambda transaction: transaction.execute(
                sa.text("INSERT INTO maintenance_event_seqs (project_id, seq) VALUES ('alpha', 3)")
            )
        )
        assert _rows(database) != before
        assert _rows(databases.wiped(database)) == before


def _rows(database):
    with database.read() as connection:
        return {
            table.name: connection.execute(sa.select(table)).all()
            for table in databases.tables.metadata.sorted_tables
        }
