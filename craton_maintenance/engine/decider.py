"""Decisions on sessions. They need no owner: the session's row is locked for each."""

import datetime as dt
from functools import partial

from craton_maintenance.db import session_inputs
from craton_maintenance.engine.setbacks import OF_THE_DATABASE, Setbacks
from craton_maintenance.engine.worker import seconds_until
from craton_maintenance.service import Service

#: Sessions that one look deals with.
_SESSIONS = 100

#: For how long answers are gathered: so many times as long as it took to decide last.
_REST, _LONGEST_REST = 3, dt.timedelta(seconds=3)


class Decider:
    """Decides for sessions that something came in for. Any number of engines may.

    Answers of projects come in by thousands: they are gathered for a while, the longer the
    longer it takes to decide.  Everything else is decided on at once.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        #: by session, when answers are decided on again
        self._rests: dict[str, dt.datetime] = {}
        self._setbacks = Setbacks("session")

    def work(self) -> float:
        """A worker's ``work``.

        :returns: seconds until a session is due, or until the next look
        """
        service = self._service
        now = service.clock()
        with service.database.read() as connection:
            waiting = session_inputs.to_decide(connection, now, _SESSIONS + len(self._setbacks))
        self._rests = {one: until for one, until in self._rests.items() if one in waiting}
        self._setbacks.keep(waiting, now)
        ready = [
            session_id
            for session_id, may_rest in sorted(waiting.items())
            if (not may_rest or self._rests.get(session_id, now) <= now)
            and self._setbacks.may(session_id, now)
        ]
        for session_id in ready:
            self._decide(session_id)
        if ready:
            return 0.0
        with service.database.read() as connection:
            due = session_inputs.next_due(connection)
        moments = (due, *self._rests.values(), *self._setbacks.again())
        return seconds_until(moments, service.clock(), service.conf.engine.poll_seconds)

    def _decide(self, session_id: str) -> None:
        """Decide; a fault that one session meets must not keep others waiting."""
        service = self._service
        began = service.clock()
        try:
            service.database.write(partial(service.sessions.decide, session_id=session_id))
        except OF_THE_DATABASE:
            raise  # everybody's trouble
        except Exception as error:
            self._failed(session_id, error)
            return
        self._setbacks.worked(session_id)
        ended = service.clock()
        self._rests[session_id] = ended + min((ended - began) * _REST, _LONGEST_REST)

    def _failed(self, session_id: str, error: Exception) -> None:
        """Log it, name it among what the session waits for, and try again later."""
        service = self._service
        now = service.clock()
        again_at = self._setbacks.failed(session_id, error, now)
        said = f"a decision has failed ({type(error).__name__}): the engine's log has it"
        service.database.write(
            lambda transaction: session_inputs.cannot_decide(
                transaction, session_id, said, now, again_at
            )
        )
