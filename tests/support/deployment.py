"""A deployment in the test's own process: service, API, and an inventory that is just there."""

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flask
import werkzeug.test
from oslo_config import cfg

from craton_maintenance import conf as configuration
from craton_maintenance.api.app import create_app
from craton_maintenance.db import nova
from craton_maintenance.db.database import Database
from craton_maintenance.service import Service, utcnow

REGION = "RegionOne"

Overrides = Mapping[tuple[str, str], object]


class Clock:
    """The time, which tests may move forward."""

    def __init__(self) -> None:
        self._ahead = dt.timedelta()

    def __call__(self) -> dt.datetime:
        return utcnow() + self._ahead

    def forward(self, **ahead: float) -> None:
        self._ahead += dt.timedelta(**ahead)


def conf(overrides: Overrides | None = None) -> cfg.ConfigOpts:
    """Configuration without files; answers are checked against their schemas."""
    return configuration.load(
        ["/dev/null"], {("api", "validate_answers"): True, **(overrides or {})}
    )


def service(
    database: Database,
    clock: Callable[[], dt.datetime] = utcnow,
    overrides: Overrides | None = None,
) -> Service:
    return Service(conf(overrides), database, clock)


def stock(database: Database, hosts: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
    """Have Nova's hosts and servers in the inventory.

    :param hosts: ``{host: {project id: [server id]}}``
    """
    now = utcnow()
    rows = [
        {
            "region": REGION,
            "host": host,
            "service_id": f"service-{number}",
            "status": "enabled",
            "state": "up",
            "forced_down": False,
            "disabled_reason": None,
            "zone": "nova",
            "aggregates": [],
            "hypervisors": [],
            "hypervisors_count": 0,
            "created_at": now,
            "missed": 0,
            "missing_since": None,
        }
        for number, host in enumerate(hosts)
    ]
    servers = {
        server: (project, host, None, server, "ACTIVE")
        for host, projects in hosts.items()
        for project, ids in projects.items()
        for server in ids
    }

    def work(transaction: Any) -> None:
        nova.write_hosts(transaction, rows)
        nova.write_servers(transaction, REGION, servers)

    database.write(work)


class Api:
    """The REST API as one caller sees it."""

    def __init__(self, app: flask.Flask, headers: Mapping[str, str] | None = None) -> None:
        self._app = app
        self._headers = dict(headers or {})

    def as_project(self, project_id: str) -> "Api":
        """The same API for a member of a project."""
        return Api(self._app, {"X-Project-Id": project_id, "X-Roles": "member"})

    def call(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> werkzeug.test.TestResponse:
        """:param headers: with underscores, e.g. ``If_Match='"1"'``"""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        data = None if body is None else json.dumps(body)
        return self._app.test_client().open(
            path,
            method=method,
            data=data,
            content_type=None if body is None else "application/json",
            headers=self._headers | more,
        )

    def get(self, path: str, status: int = 200) -> Any:
        """:raises AssertionError: answered with another status"""
        answer = self.call("GET", path)
        assert answer.status_code == status, answer.text
        return answer.json

    def set_window(self, hosts: Sequence[str], **more: Any) -> dict[str, Any]:
        """Set a window; open-ended and from now on unless said otherwise."""
        answer = self.post_window(hosts, **more)
        assert answer.status_code == 201, answer.text
        return answer.json

    def post_window(
        self, hosts: Sequence[str], headers: Mapping[str, str] | None = None, **more: Any
    ) -> werkzeug.test.TestResponse:
        body = {"scope": {"hosts": list(hosts)}, **more}
        return self.call("POST", "/v1/maintenance-windows", body, **(headers or {}))


def api(service: Service) -> Api:
    """The API for an operator."""
    return Api(create_app(service))
