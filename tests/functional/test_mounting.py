"""Beside Craton under one address: mounted by urlmap, or behind a reverse proxy."""

import datetime as dt
import textwrap
import threading
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest
import requests
import sqlalchemy as sa
from cheroot import wsgi
from oslo_context import context as oslo_context
from paste.deploy import loadapp
from paste.proxy import TransparentProxy

from craton_maintenance.api.server import Server
from craton_maintenance.db import craton as tables
from craton_maintenance.db import migrate
from craton_maintenance.db.database import Database
from tests.functional.deployment import Deployment


class CratonContext(oslo_context.RequestContext):
    """As Craton's local-auth middleware makes it: names of its own, and no roles."""

    def __init__(self, user: str, tenant: str, is_admin: bool) -> None:
        super().__init__(is_admin=is_admin)
        self.user = user
        self.tenant = tenant
        self.using_keystone = False


def craton(global_conf: Any) -> Any:
    """A stand-in for Craton's own application."""

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [f"Craton at {environ['PATH_INFO']}".encode()]

    return app


def craton_context(global_conf: Any) -> Any:
    """A stand-in for Craton's context middleware; the user's name says what it may."""

    def make(app: Any) -> Any:
        def middleware(environ: Any, start_response: Any) -> Any:
            name = environ.get("HTTP_X_AUTH_USER", "nobody")
            environ["context"] = CratonContext(name, "0b7119", is_admin=name == "root")
            return app(environ, start_response)

        return middleware

    return make


PASTE = """
[composite:local-auth]
use = egg:Paste#urlmap
/ = craton
/maintenance = maintenance

[app:craton]
paste.app_factory = tests.functional.test_mounting:craton

[pipeline:maintenance]
pipeline = localauthcontext maintenance-api

[filter:localauthcontext]
paste.filter_factory = tests.functional.test_mounting:craton_context

[app:maintenance-api]
use = egg:craton-maintenance#api
config_file = {folder}/service.conf
"""

SERVICE = """
[api]
auth = local
public_url = http://inventory.example.org/maintenance/v1
[database]
connection = sqlite:///{folder}/service.sqlite
"""


@pytest.fixture
def mounted(tmp_path: Path) -> Any:
    """Craton's stand-in and us in one process, as the documentation has it."""
    database = Database(f"sqlite:///{tmp_path}/service.sqlite")
    migrate.upgrade(database)
    database.dispose()
    for name, text in (("service.conf", SERVICE), ("paste.ini", PASTE)):
        (tmp_path / name).write_text(textwrap.dedent(text).format(folder=tmp_path))
    return loadapp(f"config:{tmp_path}/paste.ini", name="local-auth")


def ask(app: Any, path: str, user: str, method: str = "GET") -> tuple[str, bytes]:
    environ: dict[str, Any] = {
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "REQUEST_METHOD": method,
        "HTTP_X_AUTH_USER": user,
    }
    setup_testing_defaults(environ)
    found: list[str] = []
    body = b"".join(app(environ, lambda status, headers: found.append(status)))
    return found[0], body


def test_urlmap_leaves_cratons_paths_to_craton(mounted: Any) -> None:
    assert ask(mounted, "/v1/hosts", "root") == ("200 OK", b"Craton at /v1/hosts")


def test_urlmap_gives_us_ours_with_cratons_context(mounted: Any) -> None:
    status, body = ask(mounted, "/maintenance/v1/maintenance-windows", "root")
    assert status == "200 OK", body
    # links lead through the mount
    assert b"http://inventory.example.org/maintenance/v1/maintenance-windows" in body


def test_cratons_member_looks_and_its_admin_changes(mounted: Any) -> None:
    assert ask(mounted, "/maintenance/v1/links", "bob")[0] == "200 OK"
    assert ask(mounted, "/maintenance/v1/links", "bob", "DELETE")[0] == "403 FORBIDDEN"
    assert ask(mounted, "/maintenance/v1/links", "root", "DELETE")[0] == "204 NO CONTENT"


def test_reverse_proxy_serves_both_under_one_address(deploy: Any) -> None:
    behind = deploy(api_port=0, api_auth="local", api_public_url="http://inventory.example.org/v1")
    server = Server(behind.app, behind.conf)
    host, port = server.start()
    ours = TransparentProxy(force_host=f"{host}:{port}")
    theirs = craton({})

    def proxy(environ: Any, start_response: Any) -> Any:
        mine = environ["PATH_INFO"].startswith(("/v1/maintenance-windows", "/v1/events"))
        return (ours if mine else theirs)(environ, start_response)

    front = wsgi.Server(("127.0.0.1", 0), proxy, numthreads=4)
    front.prepare()
    thread = threading.Thread(target=front.serve, daemon=True)
    thread.start()
    try:
        address = f"http://127.0.0.1:{front.bind_addr[1]}/v1"
        assert requests.get(f"{address}/hosts", timeout=10).text == "Craton at /v1/hosts"
        refused = requests.get(f"{address}/maintenance-windows", timeout=10)
        assert (refused.status_code, refused.json()["code"]) == (401, "UNAUTHENTICATED")
        headers = credentials(behind)
        found = requests.get(f"{address}/maintenance-windows", headers=headers, timeout=10)
        assert found.status_code == 200
        assert found.json()["links"][0]["href"].startswith("http://inventory.example.org/v1/")
    finally:
        front.stop()
        thread.join()
        server.stop()


def credentials(deployment: Deployment) -> dict[str, str]:
    """Craton's root user, as its bootstrap makes it."""
    project = deployment.conf.inventory.create_project

    def work(transaction: Any) -> None:
        association = sa.select(sa.func.min(tables.variable_association.c.id)).scalar_subquery()
        transaction.execute(
            sa.insert(tables.users).values(
                project_id=project,
                variable_association_id=association,
                username="root",
                api_key="k" * 32,
                is_root=True,
                is_admin=True,
                created_at=dt.datetime(2030, 1, 1),  # noqa: DTZ001 - naive in Craton's table
            )
        )

    deployment.service.database.write(work)
    return {"X-Auth-Project": project, "X-Auth-User": "root", "X-Auth-Token": "k" * 32}
