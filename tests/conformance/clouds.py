"""A cloud as the checks see it, simulated or real."""

import abc
import contextlib
import dataclasses
import functools
import uuid
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import requests
from keystoneauth1.session import Session
from novaclient import client as nova_client

Found = TypeVar("Found")

#: what a real cloud of the Zed release offers; the simulated one offers more
VERSION = "2.93"
PLACEMENT_VERSION = "1.39"
PROJECTS = {"admin": "admin", "alice": "alpha", "bob": "beta"}
ZONES = {
    "az-a": ["compute-01", "compute-02", "compute-03"],
    "az-b": ["compute-04", "compute-05", "compute-06"],
}
#: hosts that servers are moved between; the other tests of the real cloud don't use them
_MOVERS = ("compute-06", "compute-03")
HOSTS = [host for hosts in ZONES.values() for host in hosts]


@dataclasses.dataclass(frozen=True)
class Notification:
    """A versioned notification, however it came."""

    event_type: str
    payload: dict[str, Any]
    publisher: str
    priority: str

    @property
    def data(self) -> dict[str, Any]:
        return self.payload["nova_object.data"]


def http() -> requests.Session:
    """A connection that no proxy of the environment's gets in the way of."""
    http = requests.Session()
    http.trust_env = False
    return http


class Cloud(abc.ABC):
    """What checks are written against: admin, alice (of alpha) and bob (of beta)."""

    name: str
    region: str

    def __init__(self) -> None:
        self.heard: list[Notification] = []
        self._booted: list[str] = []
        self._groups: list[str] = []
        self._leaving: set[str] = set()
        self._made: list[str] = []
        self._lent: list[str] = []
        self._idle: list[str] = []
        self._newest: dict[str, int] = {}

    # What differs

    @abc.abstractmethod
    def session(self, user: str, project: str | None = None) -> Session:
        """A session of a user in its own project, or in another one of the three."""

    @abc.abstractmethod
    def project_id(self, project: str) -> str:
        """Of admin, alpha or beta."""

    @property
    @abc.abstractmethod
    def image(self) -> str:
        """Id of the image that servers boot from."""

    @abc.abstractmethod
    def now(self) -> float:
        """The cloud's time."""

    @abc.abstractmethod
    def pass_time(self) -> None:
        """Let a little time pass, in which things may happen."""

    @abc.abstractmethod
    def stop_compute(self, host: str) -> None:
        """Have a host's compute service die."""

    @abc.abstractmethod
    def start_compute(self, host: str) -> None:
        """Have it start again."""

    @abc.abstractmethod
    def close(self) -> None:
        """Leave nothing behind."""

    # Access

    @functools.cached_property
    def admin(self) -> Any:
        return self.nova("admin")

    @functools.cached_property
    def alice(self) -> Any:
        return self.nova("alice")

    @functools.cached_property
    def bob(self) -> Any:
        return self.nova("bob")

    @functools.cache  # noqa: B019  there are two clouds
    def _session(self, user: str, project: str | None = None) -> Session:
        return self.session(user, project)

    @functools.cache  # noqa: B019
    def nova(self, user: str, version: str = VERSION, project: str | None = None) -> Any:
        """A client of a user."""
        return nova_client.Client(
            version, session=self._session(user, project), region_name=self.region
        )

    def call(
        self,
        path: str,
        user: str = "admin",
        version: str | None = VERSION,
        method: str = "GET",
        service: str = "compute",
        **more: Any,
    ) -> requests.Response:
        """A bare call, with its answer whatever it is."""
        headers = dict(more.pop("headers", {}))
        if version is not None:
            headers["OpenStack-API-Version"] = f"{service} {version}"
        where = {"service_type": service, "region_name": self.region, "interface": "public"}
        return self._session(user).request(
            path, method, endpoint_filter=where, headers=headers, raise_exc=False, **more
        )

    def placement(
        self, path: str, user: str = "admin", version: str | None = PLACEMENT_VERSION
    ) -> Any:
        """The JSON of an answer of Placement's."""
        answer = self.call(path, user, version, service="placement")
        assert answer.status_code == 200, answer.text
        return answer.json()

    @functools.cached_property
    def flavors(self) -> dict[str, str]:
        """Ids by name."""
        return {flavor.name: flavor.id for flavor in self.admin.flavors.list()}

    @functools.cached_property
    def providers(self) -> dict[str, str]:
        """Ids of the resource providers by host."""
        listed = self.placement("/resource_providers")["resource_providers"]
        return {provider["name"]: provider["uuid"] for provider in listed}

    def service(self, host: str) -> Any:
        """A host's compute service."""
        (found,) = self.admin.services.list(host=host, binary="nova-compute")
        return found

    # Waiting

    def wait(self, check: Callable[[], Found], what: str, seconds: float = 30.0) -> Found:
        """The first true answer of a check, within so many seconds of the cloud's time."""
        deadline = self.now() + seconds
        while True:
            found = check()
            if found:
                return found
            if self.now() > deadline:
                raise AssertionError(f"not within {seconds:g} s: {what} (last: {found!r:.300})")
            self.pass_time()

    def settled(self, server: Any, status: str = "ACTIVE", seconds: float = 40.0) -> Any:
        """The server once it is in a status and nothing is being done to it."""

        def look() -> Any:
            found = self.admin.servers.get(server)
            if found.status == status and getattr(found, "OS-EXT-STS:task_state") is None:
                return found
            assert found.status != "ERROR" or status == "ERROR", found.fault
            return None

        return self.wait(look, f"{server} {status}", seconds)

    def gone(self, server: Any) -> None:
        """Wait until a server is deleted."""
        self.wait(lambda: not self._there(server), f"{server} deleted")

    def _there(self, server: Any) -> bool:
        ident = getattr(server, "id", server)
        return self.call(f"/servers/{ident}").status_code == 200

    def migrations(self, server: Any) -> list[Any]:
        """A server's history, newest first, since it was lent."""
        seen = self._newest.get(server.id, 0)
        listed = self.admin.migrations.list(instance_uuid=server.id)
        return [one for one in listed if one.id > seen]

    def migration(self, server: Any, *statuses: str, seconds: float = 40.0) -> Any:
        """The newest migration of a server once it is in one of the statuses."""

        def look() -> Any:
            found = self.migrations(server)
            return found[0] if found and found[0].status in statuses else None

        return self.wait(look, f"migration of {server} {statuses}", seconds)

    def notified(
        self,
        event_type: str,
        match: Callable[[Notification], bool],
        since: int = 0,
        seconds: float = 10.0,
    ) -> Notification:
        """The first notification of a type that matches, from the one numbered since."""

        def look() -> Notification | None:
            for one in self.heard[since:]:
                if one.event_type == event_type and match(one):
                    return one
            return None

        found = self.wait(look, f"notification {event_type}", seconds)
        assert found is not None
        return found

    # Servers

    def ask(
        self,
        owner: str = "alice",
        host: str | None = None,
        flavor: str = "tiny",
        group: Any = None,
        by: str | None = None,
        **more: Any,
    ) -> Any:
        """Ask for a server; on a named host, an administrator asks for its project."""
        asker = by or (owner if host is None else "admin")
        project = None if asker == owner else PROJECTS[owner]
        # no check has to wait for long moves
        more.setdefault("meta", {"fake_live_migration": "1"})
        if host is not None:
            more["host"] = host
        if group is not None:
            more["scheduler_hints"] = {"group": group.id}
        server = self.nova(asker, VERSION, project).servers.create(
            f"conformance-{uuid.uuid4().hex[:8]}",
            self.image,
            self.flavors[flavor],
            nics="none",
            **more,
        )
        self._booted.append(server.id)
        return server

    def boot(self, owner: str = "alice", host: str | None = None, **more: Any) -> Any:
        """A server that is ACTIVE."""
        return self.settled(self.ask(owner, host, **more))

    def mover(self, wish: str = "1") -> tuple[Any, str, str]:
        """A server of alice's, the host that it is on, and another one that nobody else uses.

        It may have been moved by other checks before. The wish is how its live migration goes.
        """
        if self._idle:
            server = self.admin.servers.get(self._idle.pop())
            if server.metadata["fake_live_migration"] != wish:
                self.admin.servers.set_meta(server, {"fake_live_migration": wish})
            listed = self.admin.migrations.list(instance_uuid=server.id)
            self._newest[server.id] = listed[0].id if listed else 0
        else:
            asked = self.ask("alice", _MOVERS[0], meta={"fake_live_migration": wish})
            self._booted.remove(asked.id)
            self._made.append(asked.id)
            server = self.settled(asked)
        self._lent.append(server.id)
        here = str(host_of(server))
        return server, here, _MOVERS[1 - _MOVERS.index(here)]

    def take_back(self) -> None:
        """Have the servers that were lent be lent again, if they are as they were."""
        for ident in self._lent:
            answer = self.call(f"/servers/{ident}")
            server = answer.json()["server"] if answer.status_code == 200 else {}
            if (
                server.get("status") == "ACTIVE"
                and server["OS-EXT-STS:task_state"] is None
                and server["OS-EXT-SRV-ATTR:host"] in _MOVERS
                and server["flavor"]["original_name"] == "tiny"
                and not server["locked"]
                and set(server["metadata"]) == {"fake_live_migration"}
            ):
                self._idle.append(ident)
            else:
                self._made.remove(ident)
                self._booted.append(ident)
        self._lent.clear()

    def group(self, owner: str = "alice", policy: str = "anti-affinity") -> Any:
        """A server group."""
        name = f"conformance-{uuid.uuid4().hex[:8]}"
        made = self.nova(owner).server_groups.create(name, policy)
        self._groups.append(made.id)
        return made

    def live_migrate(self, server: Any, host: str | None = None) -> None:
        """Ask for a live migration."""
        self.admin.servers.live_migrate(server, host, "auto")

    def is_on(self, server: Any, host: str) -> bool:
        """Whether a server is idle on a host."""
        return host_of(self.settled(server)) == host

    def keep(self, ident: str) -> None:
        """Have a server be deleted that was booted otherwise."""
        self._booted.append(ident)

    def mark(self) -> int:
        """How many servers were booted so far: see clean."""
        return len(self._booted)

    def clean(self, since: int = 0) -> None:
        """Ask for the deletion of the servers booted since a mark, and of their groups."""
        for ident in self._booted[since:]:
            self.call(f"/servers/{ident}", method="DELETE")
            self._leaving.add(ident)
        del self._booted[since:]
        for ident in self._groups:
            self.call(f"/os-server-groups/{ident}", method="DELETE")
        self._groups.clear()

    def settle(self, everything: bool = False) -> None:
        """Wait until all that was to be deleted is."""
        if everything:
            self._booted += self._made
            self._made.clear()
            self._idle.clear()
            self.clean()

        def look() -> bool:
            self._leaving = {ident for ident in self._leaving if self._there(ident)}
            return not self._leaving

        self.wait(look, "servers deleted", 60.0)

    @contextlib.contextmanager
    def disabled(self, host: str, reason: str = "conformance") -> Iterator[None]:
        """Have a host's service be disabled meanwhile."""
        ident = self.service(host).id
        self.admin.services.disable_log_reason(ident, reason)
        try:
            yield
        finally:
            self.admin.services.enable(ident)

    @contextlib.contextmanager
    def forced_down(self, host: str) -> Iterator[None]:
        """Have a host's service be forced down meanwhile, and wait until it is up again."""
        ident = self.service(host).id
        self.admin.services.force_down(ident, True)
        try:
            yield
        finally:
            self.admin.services.force_down(ident, False)
            self.wait(lambda: self.service(host).state == "up", f"{host} up")


@dataclasses.dataclass(frozen=True)
class Standing:
    """Servers that stay where they are: alice's on the last host, the one before it and the last
    again, and bob's on the last."""

    first: Any
    second: Any
    third: Any
    bobs: Any


_NAMES = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    406: "computeFault",
    409: "conflictingRequest",
}


def refusal(answer: requests.Response, status: int) -> str:
    """The message of a refusal, which has to have Nova's one shape."""
    assert answer.status_code == status, answer.text
    ((name, fault),) = answer.json().items()
    assert name == _NAMES[status]
    assert set(fault) == {"code", "message"}
    assert fault["code"] == status
    return fault["message"]


def host_of(server: Any) -> str | None:
    """Where a server is, as administrators see it."""
    return getattr(server, "OS-EXT-SRV-ATTR:host")
