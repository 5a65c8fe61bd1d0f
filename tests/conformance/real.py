"""The real cloud as the checks use it."""

import contextlib
import functools
import os
import pathlib
import subprocess
import time
import uuid
from collections.abc import Callable
from typing import Any

import kombu
import oslo_messaging
from keystoneauth1.identity import v3
from keystoneauth1.session import Session
from oslo_config import cfg

from tests.cloud import stack

from .clouds import PROJECTS, Cloud, Notification, http

_TESTCLOUD = pathlib.Path(__file__).parents[2] / "tools" / "testcloud"


class Real(Cloud):
    """The one of tools/testcloud, with two projects of the checks' own."""

    name = "real"
    region = stack.REGION

    def __init__(self) -> None:
        super().__init__()
        self._undo = contextlib.ExitStack()
        self._admin = self._password("admin", project_name="admin", project_domain_name="Default")
        identity = stack.Identity(self._admin)
        self._delete(lambda server: server["name"].startswith("conformance-"))
        self._projects = {"admin": identity.project_id("admin")}
        for user, project in PROJECTS.items():
            if user == project:
                continue
            ident = identity.project(f"conformance-{project}")
            self._projects[project] = ident
            self._undo.callback(identity.remove_project, ident)
            for who, role in ((user, "member"), (user, "reader"), ("admin", "admin")):
                identity.grant(who, ident, role)
                self._undo.callback(identity.revoke, who, ident, role)
        nova = stack.Service(self._admin, "compute", stack.NOVA_VERSION)
        for project in ("alpha", "beta"):
            # servers take their time to go
            quota = {"quota_set": {"instances": 50, "cores": 50}}
            nova.call("PUT", f"/os-quota-sets/{self._projects[project]}", json=quota)
        self._listen()
        self._undo.callback(self._delete_all)

    def _delete_all(self) -> None:
        ours = {self._projects["alpha"], self._projects["beta"]}
        self._delete(lambda server: server["tenant_id"] in ours)

    def _delete(self, chosen: Callable[[dict[str, Any]], bool]) -> None:
        """Delete servers of whatever project, and wait until they are gone."""
        compute = stack.Compute(self._admin)
        listed = stack.Service(self._admin, "compute", stack.NOVA_VERSION).get(
            "/servers/detail?all_tenants=1"
        )["servers"]
        compute.delete(server["id"] for server in listed if chosen(server))

    def _listen(self) -> None:
        """Hear every versioned notification, by a pool of our own."""
        heard = self.heard

        class Endpoint:
            """Keeps what it is given."""

            def info(
                self, ctxt: Any, publisher_id: str, event_type: str, payload: Any, metadata: Any
            ) -> None:
                heard.append(Notification(event_type, payload, publisher_id, "INFO"))

            def error(
                self, ctxt: Any, publisher_id: str, event_type: str, payload: Any, metadata: Any
            ) -> None:
                heard.append(Notification(event_type, payload, publisher_id, "ERROR"))

        conf = cfg.ConfigOpts()
        conf([])
        pool = f"conformance-{uuid.uuid4().hex}"
        transport = oslo_messaging.get_notification_transport(conf, url=stack.TRANSPORT_URL)
        listener = oslo_messaging.get_notification_listener(
            transport,
            [oslo_messaging.Target(topic="versioned_notifications", exchange="nova")],
            [Endpoint()],
            executor="threading",
            pool=pool,
        )
        listener.start()

        def end() -> None:
            listener.stop()
            listener.wait()
            transport.cleanup()
            url = stack.TRANSPORT_URL.replace("rabbit://", "amqp://")
            with kombu.Connection(url) as connection:
                # a pool's queue outlives its listener
                connection.default_channel.queue_delete(pool)

        self._undo.callback(end)

    def _password(self, user: str, **scope: str) -> Session:
        auth = v3.Password(
            auth_url=stack.AUTH_URL,
            username=user,
            password=stack.PASSWORD,
            user_domain_name="Default",
            **scope,
        )
        return Session(auth=auth, session=http())

    def session(self, user: str, project: str | None = None) -> Session:
        return self._password(user, project_id=self.project_id(project or PROJECTS[user]))

    def project_id(self, project: str) -> str:
        return self._projects[project]

    @functools.cached_property
    def image(self) -> str:  # type: ignore[override]
        return stack.Service(self._admin, "image").get("/v2/images?name=blank")["images"][0]["id"]

    def now(self) -> float:
        return time.monotonic()

    def pass_time(self) -> None:
        time.sleep(0.2)

    def _host(self, what: str, host: str) -> None:
        subprocess.run(
            [_TESTCLOUD / "host.sh", what, host], check=True, capture_output=True, env=os.environ
        )

    def stop_compute(self, host: str) -> None:
        self._host("kill", host)

    def start_compute(self, host: str) -> None:
        self._host("start", host)

    def close(self) -> None:
        self._undo.close()
