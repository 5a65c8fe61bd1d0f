"""Windows open and close on time, and follow the inventory."""

from functools import partial

from craton_maintenance.db import nova as inventory
from craton_maintenance.db import windows as store
from craton_maintenance.service import Service

#: Windows that one look deals with.
_AT_ONCE = 100


class Clock:
    """Tells what the clock has changed. Any number of engines may do this at once."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def work(self) -> float:
        """A worker's ``work``.

        :returns: seconds until a window is due, or until the next look
        """
        service = self._service
        with service.database.read() as connection:
            due = store.due(connection, service.clock(), _AT_ONCE)
        for window_id in due:
            service.database.write(partial(service.windows.advance, window_id=window_id))
        if len(due) == _AT_ONCE:
            return 0.0
        with service.database.read() as connection:
            upcoming = store.next_due(connection)
        poll = service.conf.engine.poll_seconds
        if upcoming is None:
            return poll
        return min(poll, max(0.0, (upcoming - service.clock()).total_seconds()))


class Follower:
    """Brings windows up to date when the inventory has changed."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def work(self) -> float:
        """A worker's ``work``.

        Marked as done only at the end, with the generations seen at the beginning:
        a change meanwhile, or a crash, has it done again, which is harmless.
        """
        service = self._service
        with service.database.read() as connection:
            generations = inventory.unresolved(connection)
            unfinished = store.unfinished(connection) if generations else ()
        for window_id in unfinished:
            service.database.write(partial(service.windows.refresh, window_id=window_id))
        if generations:
            service.database.write(
                lambda transaction: inventory.resolved(transaction, generations)
            )
        return service.conf.engine.poll_seconds
