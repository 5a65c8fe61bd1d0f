"""Where a server may go: the filters and weights of Nova's scheduler that matter here."""

from collections import Counter

from craton_maintenance.simcloud.cloud import Cloud
from craton_maintenance.simcloud.model import UNFINISHED, Host, Resources, Server, ServerGroup

NO_VALID_HOST = "No valid host was found. "
NOT_ENOUGH = NO_VALID_HOST + "There are not enough hosts available."


class NoValidHost(Exception):
    """No host passes the filters."""


def pick(
    cloud: Cloud,
    server: Server,
    size: Resources,
    named: str | None = None,
    exclude: str | None = None,
) -> Host:
    """The host with the most free memory of those that pass; NoValidHost.

    A named host must pass the filters just the same.
    """
    group = cloud.group_of(server)
    spread = _spread(cloud, group, server)
    if named is not None:
        hosts = [cloud.hosts[named]] if named in cloud.hosts else []
    else:
        hosts = list(cloud.hosts.values())
    best: Host | None = None
    best_weight: tuple[int, int] | None = None
    for host in hosts:
        if host.name == exclude or not _passes(cloud, server, host, size, group, spread):
            continue
        weight = (_affinity(group, spread, host), host.capacity.ram_mb - host.used.ram_mb)
        if best_weight is None or weight > best_weight:
            best, best_weight = host, weight
    if best is None:
        raise NoValidHost(NO_VALID_HOST)
    return best


def fits(host: Host, size: Resources) -> bool:
    """Whether Placement has room for it."""
    return all(
        used + more <= total
        for used, more, total in zip(host.used, size, host.capacity, strict=True)
    )


def _passes(
    cloud: Cloud,
    server: Server,
    host: Host,
    size: Resources,
    group: ServerGroup | None,
    spread: Counter[str],
) -> bool:
    if host.disabled or not cloud.is_up(host) or host.cell in cloud.cells_down:
        return False
    if server.pinned_zone is not None and host.zone != server.pinned_zone:
        return False
    return fits(host, size) and allowed_by_group(group, spread, host.name)


def allowed_by_group(group: ServerGroup | None, spread: Counter[str], host: str) -> bool:
    """Whether a hard policy lets one more member onto the host."""
    if group is None:
        return True
    if group.policy == "anti-affinity":
        return spread[host] < group.max_per_host
    if group.policy == "affinity":
        return not spread or host in spread
    return True


def _spread(cloud: Cloud, group: ServerGroup | None, server: Server) -> Counter[str]:
    """Members by host as the scheduler sees them.

    With affinity the server's own host counts too, so such a server can be moved nowhere, as
    in Nova.
    """
    if group is None:
        return Counter()
    own = group.policy == "affinity"
    return members_by_host(
        cloud, group, None if own else server, moves=not cloud.settings.stale_group_view
    )


def members_by_host(
    cloud: Cloud, group: ServerGroup, without: Server | None, moves: bool = True
) -> Counter[str]:
    """Members by host; with moves, those on their way count where they go as well."""
    found: Counter[str] = Counter()
    for ident in group.members:
        member = cloud.servers.get(ident)
        if member is None or member is without:
            continue
        places = {member.host}
        if moves:
            places |= {
                m.dest for m in cloud.migrations_of.get(ident, ()) if m.status in UNFINISHED
            }
        found.update(place for place in places if place is not None)
    return found


def _affinity(group: ServerGroup | None, spread: Counter[str], host: Host) -> int:
    if group is None or not group.policy.startswith("soft-"):
        return 0
    return spread[host.name] if group.policy == "soft-affinity" else -spread[host.name]
