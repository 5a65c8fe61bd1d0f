"""Other systems are told to be quiet about hosts that are worked on, and not any longer.

Nobody calls for it: what should be follows from where the sessions stand, what was done is
rows, and the difference is seen to.  So it ends with the work, however that ends, and whoever
takes over from an engine that is gone finds what is left to do.
"""

import datetime as dt
import logging
import time
from collections.abc import Callable, Sequence

from oslo_config import cfg

from craton_maintenance.adapters import registry
from craton_maintenance.adapters.base import Adapter, AdapterError, Ask
from craton_maintenance.db import session_inputs, suppressions
from craton_maintenance.db.database import Transaction
from craton_maintenance.db.suppressions import Row, Wanted
from craton_maintenance.domain.scope import HostKey
from craton_maintenance.engine.lease import Lease
from craton_maintenance.nova.credentials import Region
from craton_maintenance.service import Service

LOG = logging.getLogger(__name__)

#: Calls that take as long as one may, in the time that is given to one host at once.
_CALLS = 3


class Quiet:
    """Sees to one other system, one host after the other: one engine at a time."""

    def __init__(self, service: Service, name: str, adapter: Adapter, owner: str) -> None:
        """
        :param name: of the adapter, as configured
        :param owner: unique to this engine's process
        """
        self._service = service
        self._name = name
        self._adapter = adapter
        #: it may have been disabled since: then what is left of it is ended
        self._enabled = name in service.conf.adapters.enabled
        #: seconds after which nothing is begun any more for one host
        self._limit = _CALLS * service.conf.adapters.timeout
        self.name = f"adapter-{name}"
        seconds = service.conf.engine.lease_seconds
        self._lease = Lease(service.database, f"adapter:{name}", owner, seconds)

    def work(self) -> float:
        """A worker's ``work``: sees to one host.

        :returns: 0, if there may be another one
        """
        engine = self._service.conf.engine
        fence = self._lease.hold()
        if fence is None:
            return float(engine.lease_seconds / 4)
        found = self._next(fence)
        if found is None:
            return float(engine.poll_seconds)
        self._see_to(*found, fence)
        return 0.0

    def _next(self, fence: int) -> tuple[HostKey, Wanted | None, Row | None] | None:
        """A host that something is to be done about, what has to be so, and what was done."""
        service = self._service
        with service.database.read() as connection:
            wanted = suppressions.wanted(connection) if self._enabled else {}
            rows = suppressions.of_adapter(connection, self._name)
            database_now = service.database.now(connection) if rows else None
        now = service.clock()
        concerned = {
            key: one
            for key, one in wanted.items()
            if self._adapter.outside_nova or not one.outside_nova
        }
        due = [
            (0 if row is None else row.failures, key, want, row)
            for key in concerned.keys() | rows.keys()
            for want, row in [(concerned.get(key), rows.get(key))]
            if _is_due(want, row, now) and not _is_others(row, fence, database_now)
        ]
        if not due:
            return None
        # what fails again and again comes last
        _, key, want, row = min(due, key=lambda one: one[:2])
        return key, want, row

    # -- one host ------------------------------------------------------------------

    def _see_to(self, key: HostKey, want: Wanted | None, row: Row | None, fence: int) -> None:
        database, now = self._service.database, self._service.clock()
        limit = dt.timedelta(seconds=self._limit)
        deadline = time.monotonic() + self._limit

        def begin(transaction: Transaction) -> bool:
            must_end_by = database.now(transaction.connection) + limit
            return suppressions.begin(
                transaction, self._name, key, row, want, fence, now, must_end_by
            )

        if not database.write(begin):
            self._lease.lost()
            return
        try:
            if want is not None:
                self._suppress(key, want, row, fence, deadline)
            else:
                self._release(key, row, fence, deadline)
        except AdapterError as error:
            self._failed(key, want, row, fence, str(error), error.forget)
        except Exception as error:  # code of others: the rest must not wait for it
            LOG.exception("adapter %s failed about %s", self._name, key.name)
            words = f"the adapter failed ({type(error).__name__}): the engine's log has it"
            self._failed(key, want, row, fence, words, False)

    def _suppress(
        self, key: HostKey, want: Wanted, row: Row | None, fence: int, deadline: float
    ) -> None:
        until = self._until(want)
        found = None if row is None else row.reference
        if found is None:
            ask = _ask(key, want, None, until, deadline)
            found = dict(self._adapter.find(ask))
            self._write(
                lambda transaction: suppressions.found(
                    transaction, self._name, key, fence, found or {}
                )
            )
        kept = self._adapter.suppress(_ask(key, want, found, until, deadline))
        now = self._service.clock()
        renew_at = now + (until - now) / 2
        is_news = (
            row is None
            or row.status != suppressions.SET
            or row.error is not None
            or not suppressions.is_about(row, want)
        )

        def work(transaction: Transaction) -> bool:
            done = suppressions.kept(
                transaction, self._name, key, fence, kept.reference, kept.words, renew_at
            )
            if done and is_news:
                self._say(transaction, key, want.session_id)
            return done

        self._write(work)

    def _release(self, key: HostKey, row: Row | None, fence: int, deadline: float) -> None:
        # without a reference nothing was begun
        if row is not None and row.reference is not None:
            self._adapter.release(
                Ask(key.name, key.region, row.session_id, found=row.reference, deadline=deadline)
            )
        self._write(lambda transaction: suppressions.released(transaction, self._name, key, fence))

    def _failed(
        self,
        key: HostKey,
        want: Wanted | None,
        row: Row | None,
        fence: int,
        words: str,
        forget: bool,
    ) -> None:
        """Store it, tell the session if that is news, and try again after a pause."""
        before = row
        if before is not None and want is None and before.status != suppressions.CLEARING:
            before = None
        if before is not None and want is not None and not suppressions.is_about(before, want):
            before = None
        failures = 1 if before is None else before.failures + 1
        conf, now = self._service.conf.adapters, self._service.clock()
        pause = min(conf.retry_pause * 2 ** min(failures - 1, 20), conf.longest_pause)
        again_at = now if forget and failures == 1 else now + dt.timedelta(seconds=pause)
        is_news = before is None or before.error != words
        session_id = want.session_id if want is not None else row.session_id if row else ""
        if is_news:
            LOG.warning("adapter %s, host %s: %s", self._name, key.name, words)

        def work(transaction: Transaction) -> bool:
            done = suppressions.failed(
                transaction, self._name, key, fence, words, failures, again_at, forget
            )
            if done and is_news:
                self._say(transaction, key, session_id, words, releases=want is None)
            return done

        self._write(work)

    def _say(
        self,
        transaction: Transaction,
        key: HostKey,
        session_id: str,
        error: str = "",
        releases: bool = False,
    ) -> None:
        """The session decides with what is known now."""
        data = {
            "adapter": self._name,
            "host": [key.region, key.name],
            "error": error,
            "releases": releases,
        }
        now = self._service.clock()
        session_inputs.add_input(transaction, session_id, "adapter", data, now)
        transaction.after_commit(self._service.session_news.set)

    def _write(self, work: Callable[[Transaction], bool]) -> None:
        if not self._service.database.write(work):
            # another engine has it, and looks what came of it
            self._lease.lost()

    def _until(self, want: Wanted) -> dt.datetime:
        """When it may end by itself: a while after the window, and not too far ahead."""
        conf, now = self._service.conf.adapters, self._service.clock()
        margin = dt.timedelta(seconds=conf.margin)
        latest = now + dt.timedelta(seconds=conf.longest)
        if want.ends_at is None:
            return latest
        return min(max(want.ends_at, now) + margin, latest)


def _ask(
    key: HostKey,
    want: Wanted,
    found: dict[str, object] | None,
    until: dt.datetime,
    deadline: float,
) -> Ask:
    return Ask(key.name, key.region, want.session_id, want.servers, until, found or {}, deadline)


def _is_others(row: Row | None, fence: int, now: dt.datetime | None) -> bool:
    """Whether an engine that is gone has begun with it, and its effect may come still.

    :param now: by the database's clock
    """
    if row is None or row.must_end_by is None or row.fence == fence or now is None:
        return False
    return bool(row.must_end_by > now)


def _is_due(want: Wanted | None, row: Row | None, now: dt.datetime) -> bool:
    """Whether something is to be done about a host now."""
    waits = row is not None and row.not_before is not None and now < row.not_before
    if want is None:
        return row is not None and (row.status != suppressions.CLEARING or not waits)
    if row is None or row.status == suppressions.CLEARING:
        return True
    same = suppressions.is_about(row, want) and list(want.servers) == list(row.servers)
    return not same or not waits


def made(service: Service, regions: Sequence[Region], owner: str) -> list[Quiet]:
    """Who sees to the systems that are configured, and to what is left of others.

    :raises oslo_config.cfg.Error: an adapter is not there, or can't work as it is configured
    """
    by_name = {region.name: region for region in regions}
    enabled = list(dict.fromkeys(service.conf.adapters.enabled))
    found = [
        Quiet(service, name, registry.make(name, service.conf, by_name, service.clock), owner)
        for name in enabled
    ]
    with service.database.read() as connection:
        left = suppressions.adapters(connection) - set(enabled)
    for name in sorted(left):
        try:
            adapter = registry.make(name, service.conf, by_name, service.clock)
        except cfg.Error as error:
            LOG.error("what was told to %s can't be ended: %s", name, error)
        else:
            found.append(Quiet(service, name, adapter, owner))
    return found
