"""A lease as its holder sees it: prolonged in time, and rarely asked for."""

import time

from craton_maintenance.db import leases
from craton_maintenance.db.database import Database

#: Part of a lease that passes before it is prolonged.
_PROLONG_AFTER = 1 / 3


class Lease:
    """What only one engine does at a time.

    Fencing stops a late engine's writes, not its effects: whoever holds a lease
    writes with its number, and whatever was done twice has to be harmless.
    """

    def __init__(self, database: Database, name: str, owner: str, seconds: float) -> None:
        """
        :param owner: unique to this engine's process
        :param seconds: until others may take it from an owner that does not prolong it
        """
        self._database = database
        self._name = name
        self._owner = owner
        self.seconds = seconds
        self._fence: int | None = None
        self._prolong_at = 0.0

    def hold(self) -> int | None:
        """The fencing number to write with; None: another engine holds it."""
        now = time.monotonic()
        if self._fence is None or now >= self._prolong_at:
            self._fence = leases.hold(self._database, self._name, self._owner, self.seconds)
            self._prolong_at = now + self.seconds * _PROLONG_AFTER
        return self._fence

    def lost(self) -> None:
        """A write found another number: ask the database again next time."""
        self._fence = None
