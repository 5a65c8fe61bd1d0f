"""The state that every run of a session begins with, and is taken back to."""

import shutil
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import craton, tables
from tests.functional.deployment import migrated
from tests.sessions.outside import Outside
from tests.sessions.process import Process
from tests.support import databases

_METADATA = (craton.metadata, tables.metadata)


class Beginning:
    """A process of ours, and an inventory that has just been filled."""

    def __init__(
        self, workflow: str, folder: Path, url: str | None = None, **options: Any
    ) -> None:
        """
        :param url: of a database that is migrated and empty; None: an SQLite file
        :param options: as for :class:`Process`
        """
        self._workflow = workflow
        self._folder = folder
        self._file = folder / "maintenance.sqlite" if url is None else None
        if self._file is not None:
            shutil.copy(migrated(), self._file)
        self.url = url or f"sqlite:///{self._file}"
        self.process = Process(folder, self.url, **options)
        self.process.sync(Outside(workflow, folder / "work").ask)
        self.process.service.database.dispose()
        self._kept = self._keep()

    def _keep(self) -> Any:
        if self._file is not None:
            return self._file.read_bytes()
        with databases.connected(self.url) as database, database.read() as connection:
            return [
                (table, [row._asdict() for row in connection.execute(sa.select(table))])
                for metadata in _METADATA
                for table in metadata.sorted_tables
            ]

    def restore(self) -> Outside:
        """Everything is as it was in the beginning; all but us."""
        self.process.service.database.dispose()
        self.process.errors.clear()
        shutil.rmtree(self._folder / "steps", ignore_errors=True)
        work = self._folder / "work"
        work.unlink(missing_ok=True)
        if self._file is not None:
            for ending in ("-wal", "-shm"):
                Path(f"{self._file}{ending}").unlink(missing_ok=True)
            self._file.write_bytes(self._kept)
        else:
            with databases.connected(self.url) as database:
                database.write(self._refill)
        return Outside(self._workflow, work)

    def _refill(self, transaction: Any) -> None:
        for metadata in _METADATA:
            for table in reversed(metadata.sorted_tables):
                transaction.execute(sa.delete(table))
        for table, rows in self._kept:
            if rows:
                transaction.execute(sa.insert(table), rows)

    def database(self) -> Any:
        """The database as somebody else sees it, in a context."""
        return databases.connected(self.url)
