"""The real services as the tests use them: Keystone, Nova, Aodh, Mistral over REST."""

import collections
import contextlib
import dataclasses
import hashlib
import os
import pathlib
import re
import subprocess
from collections.abc import Iterable
from typing import Any

import keystoneauth1.exceptions
from keystoneauth1.identity import v3
from keystoneauth1.session import Session

from tests.support.waiting import until

HOST = os.environ.get("TESTCLOUD_HOST", "127.0.0.1")
REGION = os.environ.get("TESTCLOUD_REGION", "RegionOne")
PASSWORD = os.environ.get("TESTCLOUD_PASSWORD", "secret")
AUTH_URL = f"http://{HOST}:{os.environ.get('PORT_KEYSTONE', '5000')}/v3"
TRANSPORT_URL = os.environ.get(
    "TESTCLOUD_TRANSPORT_URL", f"rabbit://guest:guest@{HOST}:5672/testcloud"
)

#: Where the cloud keeps its files.
FOLDER = pathlib.Path(os.environ.get("TESTCLOUD_DIR", "/var/tmp/testcloud"))

#: 2.74 takes ``host`` at boot, 2.87 is the last that asks no compute for its uptime.
NOVA_VERSION = "2.87"
PLACEMENT_VERSION = "1.29"

#: States of migrations that are over.
SETTLED = frozenset({"completed", "confirmed", "reverted", "error", "failed", "cancelled"})

WORKFLOW = """
version: '2.0'
{name}:
  tasks:
    tell:
      action: std.http
      input:
        url: {url}
        method: POST
        body:
          window_id: <% execution().params.event_params.payload.window_id %>
          project_id: <% execution().params.event_params.project_id %>
          event_type: <% execution().params.event_params.event_type %>
          payload: <% execution().params.event_params.payload %>
"""


def session(user: str, project_id: str | None = None, project: str | None = None) -> Session:
    """A session of a user of the test cloud, scoped to a project by id or name."""
    scope = {"project_id": project_id} if project_id else {"project_name": project}
    if project:
        scope["project_domain_name"] = "Default"
    return Session(
        auth=v3.Password(
            auth_url=AUTH_URL,
            username=user,
            password=PASSWORD,
            user_domain_name="Default",
            **scope,
        )
    )


def host(what: str, name: str) -> None:
    """``kill``, ``start``, … a host's nova-compute."""
    script = pathlib.Path(__file__).parents[2] / "tools" / "testcloud" / "host.sh"
    subprocess.run([script, what, name], check=True, timeout=60)


def group(member: Session, name: str, policy: str) -> str:
    """A new server group of a member's project; its id. It goes with its servers' project."""
    body = {"server_group": {"name": name, "policy": policy}}
    nova = Service(member, "compute", NOVA_VERSION)
    return nova.post("/os-server-groups", body)["server_group"]["id"]


def act(who: Session, server_id: str, action: str, arguments: Any = None) -> None:
    """Ask for an action on a server."""
    nova = Service(who, "compute", NOVA_VERSION)
    nova.post(f"/servers/{server_id}/action", {action: arguments})


def host_id(project_id: str, host: str) -> str:
    """Nova's hostId: what a project is told instead of a host's name."""
    return hashlib.sha224((project_id + host).encode()).hexdigest()


class Service:
    """One OpenStack service as one user sees it, by the catalogue."""

    def __init__(self, session: Session, service_type: str, microversion: str | None = None):
        self._session = session
        self._filter = {
            "service_type": service_type,
            "region_name": REGION,
            "interface": "public",
        }
        self._more = (
            {"microversion": microversion, "microversion_service_type": service_type}
            if microversion
            else {}
        )

    def call(self, method: str, path: str, **kwargs: Any) -> Any:
        """The answer's JSON; None for an empty one."""
        answer = self._session.request(
            path, method, endpoint_filter=self._filter, **self._more, **kwargs
        )
        return answer.json() if answer.content else None

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def post(self, path: str, body: Any) -> Any:
        return self.call("POST", path, json=body)

    def delete(self, path: str) -> None:
        """Delete; gone already is as good."""
        with contextlib.suppress(keystoneauth1.exceptions.NotFound):
            self.call("DELETE", path)


class Identity:
    """Projects, roles and the catalogue, as the cloud's admin."""

    def __init__(self, admin: Session):
        self._keystone = Service(admin, "identity")

    def project(self, name: str) -> str:
        """A new project's id; one of that name left by an earlier run goes first."""
        for old in self._keystone.get(f"/projects?name={name}")["projects"]:
            self._keystone.delete(f"/projects/{old['id']}")
        made = self._keystone.post(
            "/projects", {"project": {"name": name, "domain_id": "default"}}
        )
        return made["project"]["id"]

    def project_id(self, name: str) -> str:
        return self._keystone.get(f"/projects?name={name}")["projects"][0]["id"]

    def user_id(self, name: str) -> str:
        return self._keystone.get(f"/users?name={name}")["users"][0]["id"]

    def remove_project(self, project_id: str) -> None:
        self._keystone.delete(f"/projects/{project_id}")

    def grant(self, user: str, project_id: str, role: str) -> None:
        self._keystone.call("PUT", self._grant(user, project_id, role))

    def revoke(self, user: str, project_id: str, role: str) -> None:
        self._keystone.delete(self._grant(user, project_id, role))

    def _grant(self, user: str, project_id: str, role: str) -> str:
        role_id = self._keystone.get(f"/roles?name={role}")["roles"][0]["id"]
        return f"/projects/{project_id}/users/{self.user_id(user)}/roles/{role_id}"

    def register(self, service_type: str, name: str, url: str) -> str:
        """A service with its three endpoints in the catalogue; its id."""
        self.unregister(service_type)
        service = self._keystone.post(
            "/services", {"service": {"type": service_type, "name": name}}
        )["service"]["id"]
        for interface in ("public", "internal", "admin"):
            self._keystone.post(
                "/endpoints",
                {
                    "endpoint": {
                        "service_id": service,
                        "interface": interface,
                        "region_id": REGION,
                        "url": url,
                    }
                },
            )
        return service

    def unregister(self, service_type: str) -> None:
        """Take every service of a type, with its endpoints, out of the catalogue."""
        for service in self._keystone.get(f"/services?type={service_type}")["services"]:
            self._keystone.delete(f"/services/{service['id']}")


@dataclasses.dataclass(frozen=True, slots=True)
class Server:
    """A server that a test booted."""

    id: str
    project_id: str
    host: str


class Compute:
    """Nova as the cloud's admin."""

    def __init__(self, admin: Session):
        self._nova = Service(admin, "compute", NOVA_VERSION)
        self._placement = Service(admin, "placement", PLACEMENT_VERSION)
        self._image = Service(admin, "image").get("/v2/images?name=blank")["images"][0]["id"]
        flavors = self._nova.get("/flavors")["flavors"]
        self._flavor = next(flavor["id"] for flavor in flavors if flavor["name"] == "tiny")

    def hosts(self) -> list[str]:
        """Names of the compute services' hosts."""
        services = self._nova.get("/os-services?binary=nova-compute")["services"]
        return sorted(service["host"] for service in services)

    def aggregate(self, name: str) -> list[str]:
        aggregates = self._nova.get("/os-aggregates")["aggregates"]
        return sorted(next(a["hosts"] for a in aggregates if a["name"] == name))

    def servers(self) -> list[Server]:
        """All servers of all projects, with their hosts."""
        listed = self._nova.get("/servers/detail?all_tenants=1")["servers"]
        return [
            Server(server["id"], server["tenant_id"], server["OS-EXT-SRV-ATTR:host"])
            for server in listed
            if server["OS-EXT-SRV-ATTR:host"]
        ]

    def services(self) -> dict[str, dict[str, Any]]:
        """The nova-compute services by host: status, state and why it is disabled."""
        listed = self._nova.get("/os-services?binary=nova-compute")["services"]
        names = ("status", "state", "disabled_reason", "forced_down")
        return {one["host"]: {name: one[name] for name in names} for one in listed}

    def disable(self, host: str, reason: str) -> None:
        body = {"status": "disabled", "disabled_reason": reason}
        self._nova.call("PUT", f"/os-services/{self._service(host)}", json=body)

    def enable(self, host: str) -> None:
        self._nova.call("PUT", f"/os-services/{self._service(host)}", json={"status": "enabled"})

    def open_up(self, host: str) -> None:
        """Enable a host, and see to it that servers can be booted there.

        Where much is going on on a host nova-compute may fail to take its trait back, and
        tries again only a minute later.
        """

        def look() -> bool:
            self.enable(host)
            return "COMPUTE_STATUS_DISABLED" not in self._traits(host)

        until(look, f"{host} open for servers", 60.0, 0.5)

    def _traits(self, host: str) -> list[str]:
        (found,) = self._placement.get(f"/resource_providers?name={host}")["resource_providers"]
        return self._placement.get(f"/resource_providers/{found['uuid']}/traits")["traits"]

    def _service(self, host: str) -> str:
        listed = self._nova.get(f"/os-services?binary=nova-compute&host={host}")["services"]
        return next(one["id"] for one in listed if one["host"] == host)

    def boot(self, owner: Session, name: str, host: str, group_id: str | None = None) -> str:
        """Ask for a server without network on a named host; its id.

        :param owner: a session of an admin, scoped to the project that shall own it
        """
        body: dict[str, Any] = {
            "server": {
                "name": name,
                "imageRef": self._image,
                "flavorRef": self._flavor,
                "networks": "none",
                "host": host,
            }
        }
        if group_id is not None:
            body["os:scheduler_hints"] = {"group": group_id}
        return Service(owner, "compute", NOVA_VERSION).post("/servers", body)["server"]["id"]

    def active(self, server_id: str, seconds: float = 60.0) -> Server:
        """Wait until a server is ACTIVE and nothing is being done to it."""
        return self.in_status(server_id, "ACTIVE", seconds)

    def in_status(self, server_id: str, status: str, seconds: float = 60.0) -> Server:
        """Wait until a server has a status and nothing is being done to it."""

        def look() -> Server | None:
            server = self._nova.get(f"/servers/{server_id}")["server"]
            assert server["status"] != "ERROR", server.get("fault")
            if server["status"] == status and server["OS-EXT-STS:task_state"] is None:
                return Server(server["id"], server["tenant_id"], server["OS-EXT-SRV-ATTR:host"])
            return None

        found = until(look, f"server {server_id} {status}", seconds, 0.2)
        assert found is not None
        return found

    def live_migrate(self, server_id: str, host: str) -> Server:
        """Move a server to a host, and wait until Nova says that it is there."""
        self._send(server_id, host)
        return self._arrived(server_id, host)

    def go_home(self, servers: Iterable[Server]) -> None:
        """Move servers that are elsewhere to where they were booted, all at once."""
        there = {server.id: server.host for server in self.servers()}
        away = [server for server in servers if there[server.id] != server.host]
        for server in away:
            self._send(server.id, server.host)
        for server in away:
            self._arrived(server.id, server.host)

    def _send(self, server_id: str, host: str) -> None:
        self._nova.post(
            f"/servers/{server_id}/action",
            {"os-migrateLive": {"host": host, "block_migration": "auto"}},
        )

    def _arrived(self, server_id: str, host: str) -> Server:
        def look() -> bool:
            migrations = self._nova.get(f"/os-migrations?instance_uuid={server_id}")["migrations"]
            newest = migrations[0] if migrations else {"status": "none"}
            assert newest["status"] != "error", newest
            return newest["status"] == "completed"

        until(look, f"migration of {server_id} completed", 60.0, 0.2)
        server = self.active(server_id)
        assert server.host == host
        return server

    def resize(self, owner: Session, server_id: str) -> Server:
        """Have an owner resize a server, and wait until it has to be confirmed or reverted."""
        flavors = {one["name"]: one["id"] for one in self._nova.get("/flavors")["flavors"]}
        now = self._nova.get(f"/servers/{server_id}")["server"]["flavor"]["original_name"]
        other = "small" if now == "tiny" else "tiny"
        act(owner, server_id, "resize", {"flavorRef": flavors[other]})
        return self.in_status(server_id, "VERIFY_RESIZE")

    def set_metadata(self, server_id: str, **values: str) -> None:
        self._nova.post(f"/servers/{server_id}/metadata", {"metadata": values})

    def remove_metadata(self, server_id: str, name: str) -> None:
        self._nova.delete(f"/servers/{server_id}/metadata/{name}")

    def migrations(self, server_ids: Iterable[str]) -> list[dict[str, Any]]:
        """Migrations of some servers."""
        ids = set(server_ids)
        listed = self._nova.get("/os-migrations")["migrations"]
        return [one for one in listed if one["instance_uuid"] in ids]

    def unfinished(self, server_id: str) -> list[dict[str, Any]]:
        """A server's migrations that are not over."""
        listed = self._nova.get(f"/os-migrations?instance_uuid={server_id}")["migrations"]
        return [one for one in listed if one["status"] not in SETTLED]

    def delete(self, server_ids: Iterable[str]) -> None:
        """Delete servers and wait until Nova has forgotten them."""
        ids = set(server_ids)
        for server_id in ids:
            self._nova.delete(f"/servers/{server_id}")

        def gone() -> bool:
            listed = self._nova.get("/servers?all_tenants=1")["servers"]
            return not ids & {server["id"] for server in listed}

        until(gone, "servers deleted", 60.0, 0.2)

    def delete_of(self, project_id: str) -> None:
        """Delete every server of a project."""
        listed = self._nova.get(f"/servers?all_tenants=1&project_id={project_id}")["servers"]
        self.delete(server["id"] for server in listed)


class Alarms:
    """Aodh as a member of a project."""

    def __init__(self, member: Session):
        self._aodh = Service(member, "alarming")
        self._made: list[str] = []

    def create(
        self, name: str, event_type: str, url: str, query: Iterable[dict[str, str]] = ()
    ) -> str:
        """An event alarm that POSTs to ``url`` every time; its id."""
        return self.make(
            {
                "name": name,
                "type": "event",
                "repeat_actions": True,
                "event_rule": {"event_type": event_type, "query": list(query)},
                "alarm_actions": [url],
            }
        )

    def make(self, body: dict[str, Any]) -> str:
        """An alarm as it is given; its id."""
        made = self._aodh.post("/v2/alarms", body)["alarm_id"]
        self._made.append(made)
        return made

    def disable(self, alarm_id: str) -> None:
        """The project forgets about it."""
        path = f"/v2/alarms/{alarm_id}"
        self._aodh.call("PUT", path, json=self._aodh.get(path) | {"enabled": False})

    def enable(self, alarm_id: str) -> None:
        path = f"/v2/alarms/{alarm_id}"
        self._aodh.call("PUT", path, json=self._aodh.get(path) | {"enabled": True})

    def delete_made(self) -> None:
        """Delete what was made here."""
        while self._made:
            self.delete(self._made.pop())

    def delete(self, alarm_id: str) -> None:
        self._aodh.delete(f"/v2/alarms/{alarm_id}")

    def delete_named(self, name: str) -> None:
        query = "q.field=name&q.op=eq&q.value=" + name
        for alarm in self._aodh.get("/v2/alarms?" + query):
            self.delete(alarm["alarm_id"])


class Workflows:
    """Mistral as a member of a project."""

    def __init__(self, member: Session):
        self._mistral = Service(member, "workflowv2")

    def create(self, name: str, url: str) -> str:
        """A workflow that POSTs what its trigger was given; its id."""
        made = self._mistral.call(
            "POST",
            "/workflows",
            data=WORKFLOW.format(name=name, url=url),
            headers={"Content-Type": "text/plain"},
        )
        return made["workflows"][0]["id"]

    def trigger(self, name: str, workflow_id: str, event_type: str) -> str:
        """Start a workflow at each notification of a type on our exchange; the trigger's id."""
        made = self._mistral.post(
            "/event_triggers",
            {
                "name": name,
                "workflow_id": workflow_id,
                "exchange": "maintenance",
                "topic": "notifications",
                "event": event_type,
            },
        )
        return made["id"]

    def started(self, workflow_id: str) -> list[dict[str, Any]]:
        """Executions of a workflow so far."""
        found = self._mistral.get(f"/executions?workflow_id={workflow_id}")["executions"]
        return [execution for execution in found if execution["workflow_id"] == workflow_id]

    def delete(self, workflow_id: str, trigger_id: str) -> None:
        """The trigger, what it started, and the workflow."""
        self._mistral.delete(f"/event_triggers/{trigger_id}")
        for execution in self.started(workflow_id):
            self._mistral.delete(f"/executions/{execution['id']}?force=true")
        self._mistral.delete(f"/workflows/{workflow_id}")


class Calls:
    """What one user asks of Nova's API from now on, by its log."""

    _LOG = FOLDER / "log/nova-api.log"
    _LINE = re.compile(r'"(GET|POST|PUT|DELETE) /v2\.1(/[^ ?]*)[^"]*" status: (\d+)')
    _ID = re.compile(r"/[0-9a-f]{8}-[0-9a-f-]{27}")

    def __init__(self, user_id: str) -> None:
        self._user = user_id
        self._from = self._LOG.stat().st_size

    def made(self) -> collections.Counter[str]:
        """How often each call was made, ids left out."""
        with self._LOG.open("rb") as file:
            file.seek(self._from)
            lines = file.read().decode(errors="replace").splitlines()
        found = (self._LINE.search(line) for line in lines if self._user in line)
        return collections.Counter(
            f"{one[1]} {self._ID.sub('/…', one[2])}" for one in found if one is not None
        )
