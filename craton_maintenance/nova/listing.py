"""Everything that Nova lists, read to the end.

A listing that a cell did not take part in, or whose pages did not fit together,
is partial: what it lacks may still be there.
"""

import dataclasses
import logging
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from keystoneauth1.session import Session
from novaclient import api_versions, client
from novaclient import exceptions as nova_exceptions

LOG = logging.getLogger(__name__)

#: The newest version that we read with. From 2.88 on, a list of hypervisors asks every
#: host; from 2.69 on, servers and services of a cell that is down are listed as UNKNOWN.
_NEWEST = api_versions.APIVersion("2.87")

#: Nova's own limit of a page, unless its operator has changed it.
_PAGE = 1000

#: Times that a list is begun anew because its marker vanished between two pages.
_RESTARTS = 5

_COMPUTE = "nova-compute"
_UNKNOWN = "UNKNOWN"

R = TypeVar("R")


@dataclasses.dataclass(frozen=True, slots=True)
class Host:
    """A nova-compute service and what runs it."""

    name: str
    service_id: str
    #: ``enabled`` or ``disabled``
    status: str
    #: ``up`` or ``down``
    state: str
    forced_down: bool
    disabled_reason: str | None
    zone: str | None
    aggregates: tuple[str, ...]
    #: each ``{id, hostname, type, ip}``
    hypervisors: tuple[Mapping[str, str | None], ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Server:
    """A server and where it is."""

    id: str
    project_id: str
    host: str | None
    #: Nova's hostId, sha224(project id + host)
    host_id: str | None
    name: str
    status: str


@dataclasses.dataclass(frozen=True, slots=True)
class Listing:
    """What Nova said at one time."""

    hosts: tuple[Host, ...]
    servers: tuple[Server, ...]
    #: why it may lack something that exists; empty: it is complete
    gaps: tuple[str, ...]


def connect(
    session: Session, region_name: str | None, interface: str | None, retries: int = 3
) -> client.Client:
    """A client for reading: what fails on the way is repeated, nothing is changed by it.

    :raises keystoneauth1.exceptions.ClientException: Keystone or Nova can't be reached
    """
    options: dict[str, Any] = {
        "session": session,
        "region_name": region_name,
        "endpoint_type": interface,
        "connect_retries": retries,
        "status_code_retries": retries,
        "retriable_status_codes": [502, 503, 504],
    }
    probe = client.Client("2.1", **options)
    offered = api_versions.APIVersion(probe.versions.get_current().version or "2.1")
    return client.Client(min(offered, _NEWEST), **options)


def read(nova: client.Client) -> Listing:
    """List services, hypervisors, aggregates and servers, each to its end.

    Servers come last: one that moved meanwhile is seen where it is now.

    :raises keystoneauth1.exceptions.ClientException, novaclient.exceptions.ClientException:
        an answer did not come, or not as it should; nothing is known then
    """
    gaps: list[str] = []
    aggregates: dict[str, set[str]] = {}
    for aggregate in nova.aggregates.list():
        for host in aggregate.hosts:
            aggregates.setdefault(host, set()).add(aggregate.name)
    hypervisors: dict[str, list[Mapping[str, str | None]]] = {}
    for hypervisor in _restarted(lambda: _hypervisors(nova)):
        shown = {
            "id": str(hypervisor.id),
            "hostname": hypervisor.hypervisor_hostname,
            "type": getattr(hypervisor, "hypervisor_type", None),
            "ip": getattr(hypervisor, "host_ip", None),
        }
        hypervisors.setdefault(hypervisor.service["host"], []).append(shown)
    hosts = []
    for service in nova.services.list(binary=_COMPUTE):
        if service.status == _UNKNOWN:
            gaps.append(f"the cell of host {service.host} does not answer")
            continue
        hosts.append(_host(service, aggregates, hypervisors))
    servers = []
    for server in _restarted(lambda: _servers(nova)):
        if server.status == _UNKNOWN:
            gaps.append(f"the cell of server {server.id} does not answer")
        else:
            servers.append(server)
    return Listing(tuple(hosts), tuple(servers), tuple(dict.fromkeys(gaps)))


def _hypervisors(nova: client.Client) -> list[Any]:
    if nova.api_version < api_versions.APIVersion("2.33"):
        return nova.hypervisors.list()
    found: list[Any] = []
    while True:
        marker = found[-1].id if found else None
        page = nova.hypervisors.list(marker=marker, limit=_PAGE)
        found += page
        if not page:
            return found


def _servers(nova: client.Client) -> list[Server]:
    """Page by page: novaclient keeps all that Nova says of a server, many times what we keep."""
    found: list[Server] = []
    while True:
        marker = found[-1].id if found else None
        page = nova.servers.list(search_opts={"all_tenants": 1}, marker=marker, limit=_PAGE)
        found += map(_server, page)
        if not page:
            return found


def _restarted(read_all: Callable[[], list[R]]) -> list[R]:
    """Read a paged list, from the start again when what it had got to has vanished."""
    for left in range(_RESTARTS, -1, -1):
        try:
            return read_all()
        except nova_exceptions.BadRequest as error:
            if not left or "marker" not in str(error).lower():
                raise
            LOG.info("a list of Nova's is begun anew: %s", error)
    raise AssertionError("not reached")


def _host(
    service: Any,
    aggregates: Mapping[str, set[str]],
    hypervisors: Mapping[str, list[Mapping[str, str | None]]],
) -> Host:
    run = sorted(hypervisors.get(service.host, ()), key=lambda one: one["hostname"] or "")
    return Host(
        name=service.host,
        service_id=str(service.id),
        status=service.status,
        state=service.state,
        forced_down=bool(getattr(service, "forced_down", False)),
        disabled_reason=getattr(service, "disabled_reason", None),
        zone=getattr(service, "zone", None),
        aggregates=tuple(sorted(aggregates.get(service.host, ()))),
        hypervisors=tuple(run),
    )


def _server(server: Any) -> Server:
    if server.status == _UNKNOWN:
        # there is nothing else: novaclient would ask for what is missing
        return Server(server.id, "", None, None, "", _UNKNOWN)
    return Server(
        id=server.id,
        project_id=server.tenant_id,
        host=getattr(server, "OS-EXT-SRV-ATTR:host", None) or None,
        host_id=server.hostId or None,
        name=server.name or "",
        status=server.status,
    )
