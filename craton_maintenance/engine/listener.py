"""Listens to Nova's versioned notifications, so that the inventory is current at once.

All engines share one queue, named after the pool: each message goes to one of them,
and nothing is taken away from others that listen to the topic.  Messages are taken
one after the other, as they were sent; between engines, and after a requeue, their
order is anybody's guess, which :mod:`craton_maintenance.inventory.hints` deals with.

Only priority info is listened to: of a queue bound for several priorities, oslo.messaging
binds but one again after the broker has lost it.  What failed is Nova's other priority,
and moves no server.
"""

import logging
import re
import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import oslo_messaging
from oslo_config import cfg
from sqlalchemy import exc

from craton_maintenance.db import session_inputs, session_work
from craton_maintenance.db.database import Transaction
from craton_maintenance.inventory.hints import Effect, Hints
from craton_maintenance.nova import notifications
from craton_maintenance.nova.credentials import Region
from craton_maintenance.service import Service

LOG = logging.getLogger(__name__)

_WITH_REGION = re.compile(r"(?P<region>[^/]+?):(?P<url>[\w+]+://.*)")

_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 10.0

#: Seconds that an end waits: oslo.messaging may be asleep between two tries to connect.
_PATIENCE = 3.0

#: What the database says when it can't be had, and not when a value does not fit.
_DATABASE_AWAY = (exc.OperationalError, exc.InterfaceError, exc.InternalError, exc.TimeoutError)


def urls(conf: cfg.ConfigOpts, regions: Sequence[Region]) -> dict[str, str]:
    """Where each region's Nova sends its notifications to; empty: nobody listens.

    :raises cfg.Error: a region that is not there, or none where there are several
    """
    names = {region.name for region in regions}
    found = {}
    for text in conf.nova.notifications_url:
        match = _WITH_REGION.fullmatch(text)
        if match:
            name, url = match["region"], match["url"]
        elif len(names) == 1:
            name, url = next(iter(names)), text
        else:
            raise cfg.Error(
                "[nova] notifications_url has to begin with REGION: where there is not "
                "exactly one region"
            )
        if name not in names:
            raise cfg.Error(f"[nova] notifications_url names a region that is not there: {name}")
        found[name] = url
    return found


def _moved(service: Service, region: str) -> None:
    """Sessions that work in the region decide on it; and how it went is looked up."""

    def wake(transaction: Transaction) -> None:
        session_inputs.wake(transaction, region, service.clock())
        transaction.after_commit(service.session_news.set)

    with service.database.read() as connection:
        working = session_work.work_in(connection, region) is not session_work.Work.NOTHING
    if working:
        service.moved[region].ring()
        service.database.write(wake)


def _ended(service: Service, region: str, server_id: str) -> None:
    """How a move of ours went is looked up."""
    with service.database.read() as connection:
        is_ours = session_work.is_moved(connection, server_id)
    if is_ours:
        service.moved[region].ring_end()


class Endpoint:
    """Takes notifications, as oslo.messaging calls it."""

    def __init__(
        self,
        hints: Hints,
        stopping: threading.Event,
        moved: Callable[[], None] = lambda: None,
        ended: Callable[[str], None] = lambda server_id: None,
    ) -> None:
        """
        :param moved: called when a server or a host is another by now
        :param ended: called with a server's id when the record of its move is about to end
        """
        self._hints = hints
        self._moved = moved
        self._ended = ended
        self._stopping = stopping
        self._pause = _FIRST_PAUSE
        #: kinds of bad messages that were logged
        self._logged: set[tuple[str, str]] = set()

    def info(
        self,
        ctxt: Any,
        publisher_id: Any,
        event_type: Any,
        payload: Any,
        metadata: Any,
    ) -> Any:
        """One notification. Given back only if the database could not be had."""
        if self._stopping.is_set():
            return oslo_messaging.NotificationResult.REQUEUE
        try:
            self._take(str(event_type), payload, metadata)
        except _DATABASE_AWAY as error:
            LOG.warning("a notification of Nova waits for the database: %s", error)
            # it would come back at once
            self._stopping.wait(self._pause)
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
            return oslo_messaging.NotificationResult.REQUEUE
        except notifications.Malformed as error:
            self._log_once(str(event_type), str(error))
        except Exception as error:  # the listener must not end of it, nor get it again
            self._log_once(str(event_type), type(error).__name__, error)
        self._pause = _FIRST_PAUSE
        return oslo_messaging.NotificationResult.HANDLED

    def _take(self, event_type: str, payload: Any, metadata: Any) -> None:
        sent_at = notifications.time(metadata.get("timestamp"))
        fact = notifications.read(event_type, payload, sent_at)
        if fact is not None:
            effect = self._hints.take(fact, sent_at)
            LOG.debug("%s: %s", event_type, effect.name)
            if effect in (Effect.MOVED, Effect.SHOWN):
                self._moved()
        server_id = notifications.moved(event_type, payload)
        if server_id is not None:
            self._ended(server_id)

    def _log_once(self, event_type: str, why: str, error: Exception | None = None) -> None:
        if (event_type, why) not in self._logged and len(self._logged) < 1000:
            self._logged.add((event_type, why))
            LOG.warning(
                "a notification %s of Nova is left out: %s (not logged again)",
                event_type,
                why,
                exc_info=error,
            )


class Listener:
    """A region's notifications, listened to in threads of its own."""

    def __init__(self, service: Service, region: str, url: str) -> None:
        """
        :param url: transport URL of the region's Nova
        """
        self.name = f"listener-{region}"
        self._conf = service.conf
        self._url = url
        self._stopping = threading.Event()
        self._endpoint = Endpoint(
            Hints(service, region),
            self._stopping,
            partial(_moved, service, region),
            partial(_ended, service, region),
        )
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)

    def start(self) -> None:
        """Returns at once, whether or not the broker can be reached."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end; :meth:`join` waits for that."""
        self._stopping.set()

    def join(self, seconds: float) -> bool:
        """Wait for the end, not long while the broker is away: nothing is lost with us.

        What was not acknowledged goes to another engine, or waits in the queue.
        """
        self._thread.join(min(seconds, _PATIENCE))
        if self._thread.is_alive():
            LOG.info("%s is left behind: it waits for its broker", self.name)
        return True

    def _run(self) -> None:
        pause, last = _FIRST_PAUSE, ""
        while not self._stopping.is_set():
            try:
                self._listen()
            except Exception as error:  # whatever it is, the thread must not end of it
                words = f"{type(error).__name__}: {error}"
                LOG.error("%s failed: %s", self.name, words, exc_info=words != last)
                last = words
                self._stopping.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    def _listen(self) -> None:
        """Listen until it has to end; oslo.messaging connects again by itself."""
        nova = self._conf.nova
        transport = oslo_messaging.get_notification_transport(self._conf, url=self._url)
        try:
            server = oslo_messaging.get_notification_listener(
                transport,
                [
                    oslo_messaging.Target(
                        exchange=nova.notifications_exchange, topic=nova.notifications_topic
                    )
                ],
                [self._endpoint],
                executor="threading",
                allow_requeue=True,
                pool=nova.notifications_pool,
            )
            # one at a time: in the order of the queue
            server.start(override_pool_size=1)
            LOG.info("%s listens to Nova", self.name)
            self._stopping.wait()
            server.stop()
            server.wait()
        finally:
            transport.cleanup()
