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
from craton_maintenance.domain.session.model import StepKind, StepStatus
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

#: How much more seldom Nova is polled where there is no need, and where it is heard to be well.
_SELDOM, _MOST_SELDOM = 15, 60

#: Seconds between looks for the record of a migration whose server has arrived.
_SOON = 0.3

#: For how long Nova writes a record whose end it has told.
_SAVED = dt.timedelta(seconds=0.1)

#: Statuses of migrations that a host has not begun with, and that it is at.
_QUEUED, _UNDER_WAY = "queued", ("preparing", "running")


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
        begun = sum(self._take_over(row) for row in rows if self._was_left(row))
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

    def _was_left(self, row: store.Row) -> bool:
        """Whether somebody else has begun a host action, which may have ended since."""
        return (
            row.kind == StepKind.RUN_PLUGIN.value
            and row.status == StepStatus.CLAIMED.value
            and (row.session_id, row.number) not in self._under_way
        )

    def _take_over(self, row: store.Row) -> bool:
        fence = self._leases[row.session_id].hold()
        return fence is not None and self._doer.take_over(row, fence)

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
    """Steps by session, and what they are about."""
    found: dict[tuple[str, str], list[store.Row]] = {}
    for row in rows:
        found.setdefault((row.session_id, flow.subject_of(row)), []).append(row)
    return found


class Watcher:
    """Watches a region's Nova while sessions work there: one engine at a time.

    Where its notifications are heard, they say where servers are, and when a migration's
    record is about to end; that it has is looked up.  Polling is for notifications that are
    lost.  As long as Nova has more of a host's servers to move, nobody waits for the records
    of those that have arrived, so that one look does for several.
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
        #: what the bell has counted, and when that was news last
        self._heard, self._heard_at = 0, service.clock()
        self._ended = 0
        #: when the record that was told to end will have
        self._ends_at: dt.datetime | None = None
        #: since when something is begun once a record has ended
        self._waits_since: dt.datetime | None = None
        #: the last look at everything, at migrations, at hosts
        self._looked_at: dt.datetime | None = None
        self._moves_at: dt.datetime | None = None
        self._hosts_at: dt.datetime | None = None
        #: by host, how many servers Nova was seen to move at a time while others were queued
        self._slots: dict[str, int] = {}
        seconds = service.conf.engine.lease_seconds
        self._lease = Lease(service.database, f"watch:{region.name}", owner, seconds)

    def work(self) -> float:
        """A worker's ``work``."""
        service, conf = self._service, self._service.conf
        with service.database.read() as connection:
            movers = store.movers_in(connection, self._region)
            work = store.work_in(connection, self._region, movers)
            waiting = store.waiting_in(connection, self._region)
        if work is Work.NOTHING:
            self._slots.clear()
            if self._hears:
                # whoever takes a host looks at it
                self._looked_at = self._hosts_at = service.clock()
            return conf.engine.poll_seconds
        if self._lease.hold() is None:
            return conf.engine.lease_seconds / 4
        pause = self._listen(work, movers, waiting) if self._hears else self._poll(work)
        self._look_at_hosts()
        return pause

    def _poll(self, work: Work) -> float:
        """Where nothing is heard."""
        every = self._service.conf.sessions.watch_seconds
        pause = _SOON if work is Work.ARRIVED else every
        if work is Work.HOLDING:
            every *= _SELDOM
        if self._is_due(every, self._looked_at):
            self._look(servers=True)
        elif work is Work.ARRIVED:
            self._look(servers=False)
        return pause

    def _listen(self, work: Work, movers: Sequence[store.Mover], waiting: store.Waiting) -> float:
        """Where notifications tell most of it."""
        now, every = self._service.clock(), self._service.conf.sessions.watch_seconds
        bell = self._service.moved[self._region]
        if bell.count != self._heard:
            self._heard, self._heard_at = bell.count, now
        if bell.ended != self._ended:
            self._ended, self._ends_at = bell.ended, now + _SAVED
        has_ended = self._ends_at is not None and now >= self._ends_at
        is_waited_for = self._is_waited_for(movers, waiting)
        if not is_waited_for:
            self._waits_since = None
        elif self._waits_since is None:
            self._waits_since = now
        quiet_since = max(self._heard_at, self._moves_at or self._heard_at)
        if self._is_due(every * _SELDOM, quiet_since) or self._is_due(
            every * _MOST_SELDOM, self._looked_at
        ):
            self._look(servers=True)
        elif self._waits_since is not None:
            # that the record ends may not have been heard
            since = max(self._waits_since, self._moves_at or self._waits_since)
            if has_ended or self._is_due(every, since):
                self._look(servers=False)
        elif work is Work.ARRIVED and self._is_due(every * 2 * _SELDOM, self._moves_at):
            self._look(servers=False)
        elif work is Work.MOVING and has_ended:
            self._look(servers=False)  # it may have failed
        if has_ended:
            self._ends_at = None
        if self._ends_at is None:
            return every
        return min(every, max(0.0, (self._ends_at - now).total_seconds()))

    def _is_waited_for(self, movers: Sequence[store.Mover], waiting: store.Waiting) -> bool:
        """Whether a server has arrived, and something is begun once its record has ended.

        That is another move, unless Nova has more of the host's servers queued; or that of
        another member of its group; or, after the last one, the proof that the host is empty.
        """
        found = False
        by_host: dict[str, list[store.Mover]] = {}
        for one in movers:
            by_host.setdefault(one.host, []).append(one)
        for host, some in by_host.items():
            if any(one.status == _QUEUED for one in some):
                self._slots[host] = max(1, sum(one.status in _UNDER_WAY for one in some))
            left = sum(not one.is_away for one in some if one.by_us)
            may_begin = left <= self._slots.get(host, left) and host in waiting.hosts
            for one in some:
                if one.has_arrived and (not left or may_begin or one.group in waiting.groups):
                    found = True
        return found

    def _is_due(self, every: float, since: dt.datetime | None) -> bool:
        return since is None or (self._service.clock() - since).total_seconds() >= every

    def _look(self, servers: bool) -> None:
        """
        :param servers: look where servers are, too
        """
        self._moves_at = self._service.clock()
        if servers:
            self._looked_at = self._moves_at
        try:
            changed = self._watch.look(servers=servers)
        except keystoneauth1.exceptions.ClientException as error:
            LOG.warning("what moves in region %s can't be seen now: %s", self._region, error)
        else:
            self._wake(changed)

    def _look_at_hosts(self) -> None:
        """Whether the hosts that sessions hold are up, and nobody has enabled them."""
        service = self._service
        # that one was enabled is heard
        seldom = _MOST_SELDOM if self._hears else _SELDOM
        if not self._is_due(service.conf.sessions.watch_seconds * seldom, self._hosts_at):
            return
        self._hosts_at = service.clock()
        with service.database.read() as connection:
            hosts = store.held_in(connection, self._region)
        try:
            changed = [self._watch.look_at_host(host) for host in hosts]
        except keystoneauth1.exceptions.ClientException as error:
            LOG.warning("hosts of region %s can't be seen now: %s", self._region, error)
        else:
            self._wake(any(changed))

    def _wake(self, changed: bool) -> None:
        service = self._service
        if changed:
            service.database.write(
                lambda transaction: store.wake(transaction, self._region, service.clock())
            )
            service.session_news.set()
