"""Nova watched while sessions work there."""

import datetime as dt
import logging
from collections.abc import Sequence

import keystoneauth1.exceptions

from craton_maintenance.db import session_holds, session_inputs, session_work
from craton_maintenance.db.session_work import Work
from craton_maintenance.engine.lease import Lease
from craton_maintenance.inventory.watch import Watch
from craton_maintenance.nova.compute import Cloud
from craton_maintenance.nova.credentials import Region
from craton_maintenance.service import Service

LOG = logging.getLogger(__name__)

#: How much more seldom Nova is polled where there is no need, and where it is heard to be well.
_SELDOM, _MOST_SELDOM = 15, 120

#: Seconds between looks for the record of a migration whose server has arrived.
_SOON = 0.3

#: For how long Nova writes a record whose end it has told.
_SAVED = dt.timedelta(seconds=0.07)

#: Statuses of migrations that a host has not begun with, and that it is at.
_QUEUED, _UNDER_WAY = "queued", ("preparing", "running")


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
        #: nobody has looked since it was told
        self._is_early = False
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
            movers = session_work.movers_in(connection, self._region)
            work = session_work.work_in(connection, self._region, movers)
            waiting = session_work.waiting_in(connection, self._region)
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

    def _listen(
        self, work: Work, movers: Sequence[session_work.Mover], waiting: session_work.Waiting
    ) -> float:
        """Where notifications tell most of it."""
        now, every = self._service.clock(), self._service.conf.sessions.watch_seconds
        bell = self._service.moved[self._region]
        if bell.count != self._heard:
            self._heard, self._heard_at = bell.count, now
        if bell.ended != self._ended:
            self._ended, self._ends_at, self._is_early = bell.ended, now + _SAVED, True
        has_ended = self._ends_at is not None and now >= self._ends_at
        changed = True
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
                changed = self._look(servers=False)
        elif work is Work.ARRIVED and self._is_due(every * 2 * _SELDOM, self._moves_at):
            self._look(servers=False)
        elif work is Work.MOVING and has_ended:
            changed = self._look(servers=False)  # it may have failed
        if has_ended:
            # once more, if it was too early
            again = self._is_early and not changed
            self._ends_at = now + dt.timedelta(seconds=_SOON) if again else None
            self._is_early = False
        if self._ends_at is None:
            return every
        return min(every, max(0.0, (self._ends_at - now).total_seconds()))

    def _is_waited_for(
        self, movers: Sequence[session_work.Mover], waiting: session_work.Waiting
    ) -> bool:
        """Whether a server has arrived, and something is begun once its record has ended.

        That is another move, unless Nova has more of the host's servers queued; or that of
        another member of its group; or, after the last one, the proof that the host is empty.
        """
        found = False
        by_host: dict[str, list[session_work.Mover]] = {}
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

    def _look(self, servers: bool) -> bool:
        """
        :param servers: look where servers are, too
        :returns: whether anything was new
        """
        self._moves_at = self._service.clock()
        if servers:
            self._looked_at = self._moves_at
        try:
            changed = self._watch.look(servers=servers)
        except keystoneauth1.exceptions.ClientException as error:
            LOG.warning("what moves in region %s can't be seen now: %s", self._region, error)
            return False
        self._wake(changed)
        return changed

    def _look_at_hosts(self) -> None:
        """Whether the hosts that sessions hold are up, and nobody has enabled them."""
        service = self._service
        # that one was enabled is heard
        seldom = _MOST_SELDOM if self._hears else _SELDOM
        if not self._is_due(service.conf.sessions.watch_seconds * seldom, self._hosts_at):
            return
        self._hosts_at = service.clock()
        with service.database.read() as connection:
            hosts = session_holds.held_in(connection, self._region)
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
                lambda transaction: session_inputs.wake(transaction, self._region, service.clock())
            )
            service.session_news.set()
