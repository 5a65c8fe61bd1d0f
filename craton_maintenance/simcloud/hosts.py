"""What happens to hosts that no API asks for: services that end, machines that fail."""
from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.model import Host, Server
from craton_maintenance.simcloud.moves import evacuation, live


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
        if server.id in host.lost and server.vm_state in ("active", "paused", "rescued"):
            server.vm_state, server.power_state = "stopped", 4
            cloud.touch(server)
    host.lost = set()


def power_off(cloud: Cloud, name: str) -> list[Server]:
    """The machine goes down with all that runs on it; gives back the servers that were lost.

    Nova shows them as they were until nova-compute has started there again.
    """
    with cloud.lock:
        stop_compute(cloud, name)
        host = cloud.hosts[name]
        lost = [server for server in cloud.servers_on(name)
                if server.vm_state in ("active", "paused", "rescued", "resized")]
        host.lost |= {server.id for server in lost}
        return lost
