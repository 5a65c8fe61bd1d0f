"""A whole deployment in this process: simulated cloud, database, application, engine.

Its clock stands still until a test moves it, and its engine works when a test says so.
"""

import datetime as dt
import functools
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import werkzeug.test
from oslo_config import cfg

from craton_maintenance import conf as configuration
from craton_maintenance import simcloud
from craton_maintenance.api.app import create_app
from craton_maintenance.db import migrate, tables
from craton_maintenance.db.database import Database
from craton_maintenance.engine.clock import Clock, Follower
from craton_maintenance.inventory.sync import Report, Sync
from craton_maintenance.nova.credentials import Region
from craton_maintenance.service import Service

#: When every deployment begins; far enough ahead that no real clock is mistaken for it.
BEGIN = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)

REGION = "RegionOne"


def at(**ahead: float) -> str:
    """A time after the beginning, as a request says it."""
    return (BEGIN + dt.timedelta(**ahead)).isoformat()


@functools.cache
def migrated() -> Path:
    """An SQLite file with our tables, made once: copying it is faster than migrating."""
    folder = Path(tempfile.mkdtemp(prefix="maintenance-tests-"))
    database = Database(f"sqlite:///{folder / 'empty.sqlite'}")
    migrate.upgrade(database)
    database.dispose()
    return folder / "empty.sqlite"


def configure(folder: Path, url: str, file: str = "", **options: Any) -> cfg.ConfigOpts:
    """Configuration that nothing on this machine has a say in.

    :param file: what the configuration file says
    :param options: as ``api_threads=4``, or ``api={"threads": 4}``, for ``[api] threads``
    """
    path = folder / "maintenance.conf"
    path.write_text(file)
    overrides: dict[tuple[str, str], object] = {
        ("database", "connection"): url,
        ("api", "validate_answers"): True,
    }
    for name, value in options.items():
        if isinstance(value, dict):
            overrides |= {(name, option): one for option, one in value.items()}
        else:
            group, _, option = name.partition("_")
            overrides[group, option] = value
    return configuration.load([os.fspath(path)], overrides)


class Deployment:
    """One deployment, with everything that a test may want to touch."""

    def __init__(
        self,
        folder: Path,
        fleet: simcloud.Fleet | None = None,
        url: str | None = None,
        synced: bool = True,
        service: Service | None = None,
        **options: Any,
    ) -> None:
        """
        :param url: of a migrated database; None: a new SQLite file
        :param synced: fill the inventory from the cloud
        :param service: one to use, with a configuration and an empty database of its own
        :param options: as for :func:`configure`
        """
        self.now = BEGIN
        self.folder = folder
        if service is None:
            if url is None:
                file = folder / "maintenance.sqlite"
                shutil.copy(migrated(), file)
                url = f"sqlite:///{file}"
            service = Service(configure(folder, url, **options), clock=lambda: self.now)
        self.conf = service.conf
        self.service = service
        self.cloud = simcloud.Cloud(fleet, clock=simcloud.VirtualClock(BEGIN.timestamp()))
        self.region = Region(REGION, self._session, REGION, "public")
        self._sync = Sync(self.service, self.region, may_create=True)
        self._clock, self._follower = Clock(self.service), Follower(self.service)
        self._app: Any = None
        if synced:
            self.sync()

    def _session(self) -> Any:
        return simcloud.session(self.cloud, "maintenance")

    @property
    def app(self) -> Any:
        """The WSGI application."""
        if self._app is None:
            self._app = create_app(self.service)
        return self._app

    # -- the world goes on ---------------------------------------------------------

    def sync(self) -> Report:
        return self._sync.run()

    def engine(self) -> None:
        """Let the engine do all that is to be done now."""
        self._clock.work()
        self._follower.work()

    def decide(self) -> None:
        """Let sessions decide on what has come in; nobody does the steps."""
        sessions = self.service.sessions
        for session_id in self.operator.get("/v1/maintenance").json["sessions"]:
            self.service.database.write(
                lambda transaction, one=session_id: sessions.decide(transaction, one)
            )

    def pass_time(self, seconds: float) -> None:
        self.now += dt.timedelta(seconds=seconds)
        self.cloud.clock.advance(seconds)

    def now_plus(self, seconds: float) -> str:
        """A time from now, as a request says it."""
        return (self.now + dt.timedelta(seconds=seconds)).isoformat()

    def move(self, server: str, host: str | None) -> None:
        """A server is on another host from now on; Nova shows it, nobody has synchronised."""
        self.cloud.place(self.cloud.server_named(server), host)

    def refuse(self, host: str) -> None:
        """A host's nova-compute has two hypervisors from now on, as with Ironic."""
        self._write(
            sa.update(tables.nova_hosts)
            .where(tables.nova_hosts.c.host == host)
            .values(
                hypervisors=[{"id": "1", "hostname": "n1"}, {"id": "2", "hostname": "n2"}],
                hypervisors_count=2,
            )
        )

    def second_region(self, name: str = "RegionTwo") -> None:
        """There is another region, with hosts of the same names and no servers."""
        with self.service.database.read() as connection:
            rows = [row._asdict() for row in connection.execute(sa.select(tables.nova_hosts))]
        self._write(sa.insert(tables.nova_hosts).values([row | {"region": name} for row in rows]))

    def _write(self, statement: Any) -> None:
        self.service.database.write(lambda transaction: transaction.execute(statement))

    # -- names and ids -------------------------------------------------------------

    def project(self, name: str) -> str:
        return next(p.id for p in self.cloud.projects.values() if p.name == name)

    def server(self, name: str) -> str:
        return self.cloud.server_named(name).id

    def servers_of(self, project: str) -> list[str]:
        return sorted(self.cloud.by_project[self.project(project)])

    def host_id(self, project: str, host: str) -> str:
        return simcloud.ids.host_id(self.project(project), host)

    # -- callers -------------------------------------------------------------------

    def client(self, **headers: str) -> "Client":
        """A caller with these headers, ``X_Roles="reader"`` for X-Roles."""
        return Client(self.app, {name.replace("_", "-"): text for name, text in headers.items()})

    @property
    def operator(self) -> "Client":
        """An administrator, as everybody on loopback is without authentication."""
        return self.client()

    def member(self, project: str) -> "Client":
        """A member of a project of the cloud."""
        return self.client(X_Project_Id=self.project(project), X_Roles="member", X_User_Id=project)

    def close(self) -> None:
        self.service.database.dispose()


class Client:
    """Sends requests to the application as one caller."""

    def __init__(self, app: Any, headers: dict[str, str]) -> None:
        self._client = werkzeug.test.Client(app)
        self.headers = headers

    def __call__(
        self, method: str, path: str, body: Any = None, headers: Any = None, **more: Any
    ) -> werkzeug.test.TestResponse:
        """Send one request.

        :param body: sent as JSON, None: no body
        """
        if body is not None:
            more["json"] = body
        more.setdefault("environ_base", {"REMOTE_ADDR": "127.0.0.1"})
        return self._client.open(
            path, method=method, headers=self.headers | (headers or {}), **more
        )

    def get(self, path: str, **more: Any) -> werkzeug.test.TestResponse:
        return self("GET", path, **more)

    def post(self, path: str, body: Any = None, **more: Any) -> werkzeug.test.TestResponse:
        return self("POST", path, body, **more)

    def put(self, path: str, body: Any = None, **more: Any) -> werkzeug.test.TestResponse:
        return self("PUT", path, body, **more)

    def patch(self, path: str, body: Any = None, **more: Any) -> werkzeug.test.TestResponse:
        return self("PATCH", path, body, **more)

    def delete(self, path: str, **more: Any) -> werkzeug.test.TestResponse:
        return self("DELETE", path, **more)

    def set(self, **window: Any) -> dict[str, Any]:
        """Set a window; it has to succeed.

        :param window: as in the request; each kind of the scope may stand for itself
        """
        scope = window.pop("scope", {}) | {
            kind: window.pop(kind)
            for kind in ("hosts", "labels", "cells", "regions", "clouds", "aggregates")
            if kind in window
        }
        answer = self.post("/v1/maintenance-windows", {"scope": scope} | window)
        assert answer.status_code == 201, answer.text
        return answer.json

    def events(self, since: int = 0, **query: Any) -> list[dict[str, Any]]:
        """The caller's whole history after ``since``, page by page."""
        found: list[dict[str, Any]] = []
        while True:
            more = self.get("/v1/events", query_string={"since": since, "limit": 1000} | query)
            assert more.status_code == 200, more.text
            if not more.json["events"]:
                return found
            found += more.json["events"]
            since = more.json["next"]
