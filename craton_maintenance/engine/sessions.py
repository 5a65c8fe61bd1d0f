"""Sessions in the engine: decisions, the steps that follow from them, and Nova watched.

Decisions need no owner, as the session's row is locked for each.  Steps do: an engine does
those of the sessions that it holds the lease of, so that a step is begun once.  Whoever
takes over from an engine that is gone waits until what it had begun must have ended, and
then looks what came of it.
"""

import datetime as dt
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial

import keystoneauth1.exceptions
from sqlalchemy import exc
from taskflow.patterns.linear_flow import Flow

from craton_maintenance.db import sessions as store
from craton_maintenance.db.sessions import Work
from craton_maintenance.domain.session.model import StepStatus
from craton_maintenance.engine.lease import Lease
from craton_maintenance.inventory.watch import Watch
from craton_maintenance.nova.compute import Cloud
from craton_maintenance.nova.credentials import Region
from craton_maintenance.service import Service
from craton_maintenance.workflow import flow
from craton_maintenance.workflow.steps import LOOKS

LOG = logging.getLogger(__name__)

#: Sessions, and steps, that one look deals with.
_SESSIONS, _STEPS = 100, 1000

#: For how long answers are gathered: so many times as long as it took to decide last.
_REST, _LONGEST_REST = 3, dt.timedelta(seconds=3)

#: Errors that are no fault of the session that met them.
_OF_THE_DATABASE = (exc.OperationalError, exc.InterfaceError, exc.TimeoutError)

#: Seconds between tries of a decision that fails.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0

#: How much more seldom Nova is polled where there is no need.
_SELDOM = 15

#: Seconds between looks for the record of a migration whose server has arrived.
_SOON = 0.3


class Decider:
    """Decides for sessions that something came in for. Any number of engines may.

    Answers of projects come in by thousands: they are gathered for a while, the longer the
    longer it takes to decide.  Everything else is decided on at once.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        #: by session, when answers are decided on again
        self._rests: dict[str, dt.datetime] = {}
        #: by session whose decisions fail: what was wrong, the pause, and when it is tried again
        self._failing: dict[str, tuple[str, float, dt.datetime]] = {}

    def work(self) -> float:
        """A worker's ``work``.

        :returns: seconds until a session is due, or until the next look
        """
        service = self._service
        now = service.clock()
        with service.database.read() as connection:
            waiting = store.to_decide(connection, now, _SESSIONS + len(self._failing))
        self._rests = {one: until for one, until in self._rests.items() if one in waiting}
        self._failing = {
            one: kept for one, kept in self._failing.items() if one in waiting or kept[2] > now
        }
        ready = [
            session_id
            for session_id, may_rest in sorted(waiting.items())
            if (not may_rest or self._rests.get(session_id, now) <= now)
            and (session_id not in self._failing or self._failing[session_id][2] <= now)
        ]
        for session_id in ready:
            self._decide(session_id)
        if ready:
            return 0.0
        with service.database.read() as connection:
            due = store.next_due(connection)
        pause = service.conf.engine.poll_seconds
        again = (moment for _, _, moment in self._failing.values())
        for moment in (due, *self._rests.values(), *again):
            if moment is not None:
                pause = min(pause, max(0.0, (moment - service.clock()).total_seconds()))
        return pause

    def _decide(self, session_id: str) -> None:
        """Decide; a fault that one session meets must not keep others waiting."""
        service = self._service
        began = service.clock()
        try:
            service.database.write(partial(service.sessions.decide, session_id=session_id))
        except _OF_THE_DATABASE:
            raise  # everybody's trouble
        except Exception as error:
            self._failed(session_id, error)
            return
        self._failing.pop(session_id, None)
        ended = service.clock()
        self._rests[session_id] = ended + min((ended - began) * _REST, _LONGEST_REST)

    def _failed(self, session_id: str, error: Exception) -> None:
        """Log it, name it among what the session waits for, and try again later."""
        service, words = self._service, f"{type(error).__name__}: {error}"
        last, pause, _ = self._failing.get(session_id, ("", 0.0, None))
        LOG.error("session %s: %s", session_id, words, exc_info=None if words == last else error)
        pause = min(2 * pause, _LONGEST_PAUSE) or _FIRST_PAUSE
        now = service.clock()
        again_at = now + dt.timedelta(seconds=pause)
        self._failing[session_id] = words, pause, again_at
        said = f"a decision has failed ({type(error).__name__}): the engine's log has it"
        service.database.write(
            lambda transaction: store.cannot_decide(transaction, session_id, said, now, again_at)
        )


class Steps:
    """Has steps done that wait, by the sessions whose lease this engine holds."""

    def __init__(
        self,
        service: Service,
        clouds: Mapping[str, Cloud],
        owner: str,
        executor: Executor | None = None,
        run: Callable[[Flow], None] = flow.run,
    ) -> None:
        """
        :param clouds: by region
        :param owner: unique to this engine's process
        :param executor: None: threads, ``[sessions] threads`` of them
        """
        self._service = service
        self._doer = flow.Doer(service, clouds)
        self._owner = owner
        self._executor = executor or ThreadPoolExecutor(
            service.conf.sessions.threads, thread_name_prefix="step"
        )
        self._run = run
        self._leases: dict[str, Lease] = {}
        #: steps that this engine is doing, by session and number
        self._under_way: set[tuple[str, int]] = set()

    def work(self) -> float:
        """A worker's ``work``."""
        self.do()
        return self._service.conf.engine.poll_seconds

    def do(self, session_id: str | None = None) -> int:
        """Begin what is ready, of one session or all; how many steps that are."""
        service = self._service
        with service.database.read() as connection:
            rows = store.unended_steps(connection, _STEPS, session_id)
            now = service.database.now(connection) if rows else None
        self._keep({row.session_id for row in rows})
        ready = [row for row in rows if now is not None and self._is_ready(row, now)]
        begun = 0
        for (owned, _), some in _by_subject(ready).items():
            fence = self._leases[owned].hold()
            if fence is not None:
                self._begin(some, fence)
                begun += len(some)
        return begun

    def of(self, session_id: str) -> int:
        """How many steps of a session have not ended."""
        with self._service.database.read() as connection:
            return len(store.unended_steps(connection, _STEPS, session_id))

    def close(self) -> None:
        """Wait for what is under way."""
        self._doer.close()
        self._executor.shutdown(wait=True)

    def _keep(self, sessions: set[str]) -> None:
        """Leases of sessions with steps under way, or about to be."""
        service = self._service
        for session_id in sessions - self._leases.keys():
            self._leases[session_id] = Lease(
                service.database,
                f"session:{session_id}",
                self._owner,
                service.conf.engine.lease_seconds,
            )
        # a copy at once: threads that end their steps change it meanwhile
        busy = {session_id for session_id, _ in tuple(self._under_way)}
        for session_id in self._leases.keys() - sessions - busy:
            del self._leases[session_id]
        for session_id in busy:
            self._leases[session_id].hold()

    def _is_ready(self, row: store.Row, now: dt.datetime) -> bool:
        if (row.session_id, row.number) in self._under_way:
            return False
        if row.status == StepStatus.CLAIMED.value:
            # somebody's that is gone: its effect may come until then, if it has one
            return row.kind in LOOKS or row.must_end_by is None or row.must_end_by <= now
        return row.not_before is None or row.not_before <= self._service.clock()

    def _begin(self, rows: Sequence[store.Row], fence: int) -> None:
        keys = {(row.session_id, row.number) for row in rows}
        self._under_way |= keys
        try:
            self._executor.submit(self._do, flow.of_subject(self._doer, rows, fence), keys)
        except RuntimeError:
            self._under_way -= keys  # it is being closed

    def _do(self, what: Flow, keys: set[tuple[str, int]]) -> None:
        try:
            self._run(what)
        except Exception:
            LOG.exception("steps of %s were not ended; they are looked at again", what.name)
        finally:
            self._under_way -= keys


def _by_subject(rows: Sequence[store.Row]) -> dict[tuple[str, str], list[store.Row]]:
    """Steps by session, and the host or server that they are about."""
    found: dict[tuple[str, str], list[store.Row]] = {}
    for row in rows:
        subject = row.server_id or f"{row.region}/{row.host}"
        found.setdefault((row.session_id, subject), []).append(row)
    return found


class Watcher:
    """Watches a region's Nova while sessions work there: one engine at a time.

    Where its notifications are heard, they say when to look; polling is for those that are
    lost, and for the ends of migrations' records, of which Nova sends none.
    """

    def __init__(
        self, service: Service, region: Region, cloud: Cloud, owner: str, hears: bool = False
    ) -> None:
        """
        :param hears: whether the region's notifications are listened to
        """
        self._service = service
        self._region = region.name
        self._watch = Watch(service, region, cloud)
        self._hears = hears
        self._heard = 0
        self._looked_at: dt.datetime | None = None
        seconds = service.conf.engine.lease_seconds
        self._lease = Lease(service.database, f"watch:{region.name}", owner, seconds)

    def work(self) -> float:
        """A worker's ``work``."""
        service, conf = self._service, self._service.conf
        with service.database.read() as connection:
            work = store.work_in(connection, self._region)
        if work is Work.NOTHING:
            return conf.engine.poll_seconds
        if self._lease.hold() is None:
            return conf.engine.lease_seconds / 4
        every = conf.sessions.watch_seconds
        if self._hears or work is Work.HOLDING:
            every *= _SELDOM
        heard = service.moved[self._region].count
        whole = self._is_due(every)
        if whole or heard != self._heard or work is Work.ARRIVED:
            self._heard = heard
            self._look(whole or not self._hears)
            if whole:
                self._looked_at = service.clock()
        return _SOON if work is Work.ARRIVED else min(every, conf.sessions.watch_seconds)

    def _is_due(self, every: float) -> bool:
        if self._looked_at is None:
            return True
        return (self._service.clock() - self._looked_at).total_seconds() >= every

    def _look(self, servers: bool) -> None:
        service = self._service
        try:
            changed = self._watch.look(servers=servers)
        except keystoneauth1.exceptions.ClientException as error:
            LOG.warning("what moves in region %s can't be seen now: %s", self._region, error)
            return
        if changed:
            service.database.write(
                lambda transaction: store.wake(transaction, self._region, service.clock())
            )
            service.session_news.set()
