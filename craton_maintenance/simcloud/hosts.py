"""What happens to hosts that no API asks for: services that end, machines that fail."""

from typing import Any

from craton_maintenance.simcloud import build, records
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.fleet import HostSpec
from craton_maintenance.simcloud.model import UNFINISHED, Host, Server
from craton_maintenance.simcloud.moves import evacuation, live
from craton_maintenance.simcloud.moves.common import idle

_LOCAL_TASKS = frozenset(
    {
        "powering-off",
        "powering-on",
        "pausing",
        "unpausing",
        "suspending",
        "resuming",
        "rescuing",
        "unrescuing",
        "rebooting",
        "spawning",
        "shelving",
        "shelving_offloading",
    }
)
"""What only the compute service of a server's own host does."""


def stop_compute(cloud: Cloud, name: str) -> None:
    """nova-compute ends; its servers run on. It counts as down after service_down_time."""
    with cloud.lock:
        cloud.settle()
        host = cloud.hosts[name]
        if host.alive:
            host.last_seen = cloud.heartbeat(host)
            host.alive = False


def start_compute(cloud: Cloud, name: str) -> None:
    """nova-compute starts, if it does not run, and is up after timing.restart seconds."""
    with cloud.lock:
        cloud.settle()
        host = cloud.hosts[name]
        stop_compute(cloud, name)
        host.alive = True
        host.started_at = cloud.now() + cloud.settings.timing.restart
        cloud.later(cloud.settings.timing.restart, _started, cloud, host)


def _started(cloud: Cloud, host: Host) -> None:
    """What a compute service does first: clean up after evacuations and crashes."""
    if not host.alive:
        return
    evacuation.clean_up(cloud, host.name)
    live.fail_stuck(cloud, host.name)
    for server in cloud.servers_on(host.name):
        if server.task_state in _LOCAL_TASKS:
            _drop_task(cloud, server)
        if server.id in host.lost and server.vm_state in ("active", "paused", "rescued"):
            server.vm_state, server.power_state = "stopped", 4
            cloud.touch(server)
    host.lost = set()


def _drop_task(cloud: Cloud, server: Server) -> None:
    """What was asked while nobody listened is forgotten; a boot has failed."""
    if server.vm_state == "building":
        records.fail(cloud, server, "The compute service was restarted while it was booting.")
    else:
        idle(cloud, server)


def power_off(cloud: Cloud, name: str) -> list[Server]:
    """The machine goes down with all that runs on it; gives back the servers that were lost.

    Nova shows them as they were until nova-compute has started there again.
    """
    with cloud.lock:
        stop_compute(cloud, name)
        host = cloud.hosts[name]
        lost = [
            server
            for server in cloud.servers_on(name)
            if server.vm_state in ("active", "paused", "rescued", "resized")
        ]
        host.lost |= {server.id for server in lost}
        return lost


def add(cloud: Cloud, name: str, zone: str | None = None, **more: Any) -> Host:
    """A new host joins, with the members of a fleet's host; FleetError if it is there.

    It joins the aggregates of its zone.
    """
    with cloud.lock:
        cloud.settle()
        host = build.add_host(cloud, HostSpec(name, zone, **more))
        host.started_at = cloud.now()
        for aggregate in cloud.aggregates.values():
            if zone is not None and aggregate.zone == zone:
                aggregate.hosts.append(name)
                host.zone = zone
        return host


def remove(cloud: Cloud, name: str) -> None:
    """A host leaves the cloud with its service; ValueError while a server is on it."""
    with cloud.lock:
        cloud.settle()
        host = cloud.hosts[name]
        if cloud.by_host[name]:
            raise ValueError(
                "Unable to delete compute service that is hosting instances. "
                "Migrate or delete the instances first."
            )
        if any(
            name in (m.source, m.dest) and m.status in UNFINISHED
            for m in cloud.migrations.values()
        ):
            raise ValueError(
                "Unable to delete compute service that has in-progress migrations. "
                "Complete the migrations or delete the instances first."
            )
        for consumer in list(host.consumers):
            cloud.release(consumer, name)
        for aggregate in cloud.aggregates.values():
            if name in aggregate.hosts:
                aggregate.hosts.remove(name)
        del cloud.hosts[name], cloud.by_host[name]
