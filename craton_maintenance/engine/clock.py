"""Windows open and close on time, and follow the inventory."""

from functools import partial

from craton_maintenance.db import nova as inventory
from craton_maintenance.db import windows as store
from craton_maintenance.engine.setbacks import OF_THE_DATABASE, Setbacks
from craton_maintenance.engine.worker import seconds_until
from craton_maintenance.service import Service

#: Windows that one look deals with.
_AT_ONCE = 100


class Clock:
    """Tells what the clock has changed. Any number of engines may do this at once."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._setbacks = Setbacks("window")

    def work(self) -> float:
        """A worker's ``work``.

        :returns: seconds until a window is due, or until the next look
        """
        service = self._service
        now = service.clock()
        with service.database.read() as connection:
            due = store.due(connection, now, _AT_ONCE + len(self._setbacks))
        self._setbacks.keep(due, now)
        ready = [window_id for window_id in due if self._setbacks.may(window_id, now)]
        for window_id in ready:
            self._advance(window_id)
        if len(ready) >= _AT_ONCE:
            return 0.0
        with service.database.read() as connection:
            # one that fails stays due: it must not hide the next
            upcoming = store.next_due(connection, now if self._setbacks else None)
        moments = (upcoming, *self._setbacks.again())
        return seconds_until(moments, service.clock(), service.conf.engine.poll_seconds)

    def _advance(self, window_id: str) -> None:
        """Advance; a fault that one window meets must not keep others waiting."""
        service = self._service
        try:
            service.database.write(partial(service.windows.advance, window_id=window_id))
        except OF_THE_DATABASE:
            raise  # everybody's trouble
        except Exception as error:
            self._setbacks.failed(window_id, error, service.clock())
            return
        self._setbacks.worked(window_id)


class Follower:
    """Brings windows up to date when the inventory has changed."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def work(self) -> float:
        """A worker's ``work``.

        Marked as done only at the end, with the generations seen at the beginning:
        a change meanwhile, or a crash, has it done again, which is harmless.

        :raises ExceptionGroup: faults that windows met; all others are up to date
        """
        service = self._service
        with service.database.read() as connection:
            generations = inventory.unresolved(connection)
            unfinished = store.unfinished(connection) if generations else ()
        faults = []
        for window_id in unfinished:
            try:
                service.database.write(partial(service.windows.refresh, window_id=window_id))
            except OF_THE_DATABASE:
                raise  # everybody's trouble
            except Exception as error:
                error.add_note(f"window {window_id}")
                faults.append(error)
        if faults:
            raise ExceptionGroup("windows that can't be brought up to date", faults)
        if generations:
            service.database.write(
                lambda transaction: inventory.resolved(transaction, generations)
            )
        return service.conf.engine.poll_seconds
