"""What the API, the engine and commands share: one deployment, put together."""

import dataclasses
import datetime as dt
import functools
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence

import sqlalchemy as sa
from oslo_config import cfg

from craton_maintenance.adapters import registry
from craton_maintenance.conf.api import public_url
from craton_maintenance.db import settings
from craton_maintenance.db.database import Database, Transaction
from craton_maintenance.domain.session.known import Adapter, Policy
from craton_maintenance.nova.credentials import Region, regions
from craton_maintenance.sessions.service import Sessions
from craton_maintenance.windows.service import Windows
from craton_maintenance.windows.telling import Speaker
from craton_maintenance.workflow import catalogue

#: Who notifications for operators go to while nothing better is known.
_NOBODY = {"project_id": "admin", "user_id": "craton-maintenance"}


def utcnow() -> dt.datetime:
    """The clock that everything runs by outside of tests."""
    return dt.datetime.now(dt.UTC)


def policy(conf: cfg.ConfigOpts) -> Policy:
    """What the operator has set for sessions."""
    names = [field.name for field in dataclasses.fields(Policy)]
    return Policy(**{name: conf.sessions[name] for name in names})


class Bell:
    """Wakes one thread, which can tell whether it was rung since it looked last."""

    def __init__(self) -> None:
        self.event = threading.Event()
        self.count = 0
        #: how often it was rung for the end of something
        self.ended = 0

    def ring(self) -> None:
        self.count += 1
        self.event.set()

    def ring_end(self) -> None:
        self.ended += 1
        self.event.set()


class Service:
    """One deployment: its configuration, its database, and its use cases."""

    def __init__(
        self,
        conf: cfg.ConfigOpts,
        database: Database | None = None,
        clock: Callable[[], dt.datetime] = utcnow,
    ) -> None:
        self.conf = conf
        self.clock = clock
        self.database = database or Database(
            conf.database.connection,
            conf.database.pool_size,
            conf.database.max_overflow,
            conf.database.lock_timeout,
        )
        #: set when events were stored in this process: the relay needs not poll for them
        self.news = threading.Event()
        #: set when something came in for a session in this process, as ``news`` is
        self.session_news = threading.Event()
        #: set when a session has steps to be done
        self.step_news = threading.Event()
        #: the regions that there are; made anew at each call, as sessions belong to a thread
        self.regions: Callable[[], Sequence[Region]] = lambda: regions(conf)
        #: by region: what Nova's notifications say of servers that move
        self.moved: defaultdict[str, Bell] = defaultdict(Bell)
        self.windows = Windows(
            clock=clock,
            speaker=self._speaker,
            longest=dt.timedelta(days=conf.windows.max_days),
            wake=self.news.set,
        )
        self.sessions = Sessions(
            clock=clock,
            speaker=self._speaker,
            windows=self.windows,
            policy=policy(conf),
            flows=lambda: self.catalogue.flows,
            adapters=lambda: self.adapters,
            wake=self.news.set,
            wake_engine=self._wake_sessions,
        )

    def _wake_sessions(self) -> None:
        self.session_news.set()
        self.step_news.set()

    @functools.cached_property
    def catalogue(self) -> catalogue.Catalogue:
        """The flows that there are.

        :raises craton_maintenance.workflow.catalogue.CatalogueError: the file is wrong
        """
        return catalogue.load(self.conf)

    @functools.cached_property
    def adapters(self) -> dict[str, Adapter]:
        """Other systems that are kept quiet about hosts, by name.

        :raises oslo_config.cfg.Error: there is no adapter of a name
        """
        return registry.rules(self.conf)

    @functools.cached_property
    def public_url(self) -> str:
        """Our address as clients reach it, ending in ``/v1``."""
        return public_url(self.conf)

    def base_url(self, connection: sa.Connection) -> tuple[str, bool]:
        """Where links from Nova point to, and whether that is the default."""
        value = settings.get(connection, settings.BASE_URL)
        return (value, False) if value else (f"{self.public_url}/links", True)

    def identity(self, connection: sa.Connection) -> dict[str, str]:
        """``project_id`` of the operators, and ``user_id`` of this service, for notifications."""
        known = _NOBODY | (settings.get(connection, settings.IDENTITY) or {})
        events = self.conf.events
        return {
            "project_id": events.admin_project_id or known["project_id"],
            "user_id": events.service_user_id or known["user_id"],
        }

    def _speaker(self, transaction: Transaction) -> Speaker:
        return Speaker(self.identity(transaction.connection)["project_id"], self.public_url)
