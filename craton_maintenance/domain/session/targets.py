"""Where a server goes: a host that is done or not concerned, as long as it has room."""

from craton_maintenance.domain.session import capacity, plan, telling
from craton_maintenance.domain.session.draft import Draft
from craton_maintenance.domain.session.records import Server
from craton_maintenance.domain.session.states import HostState


def target(draft: Draft, server: Server) -> str | None:
    """Where it should go: the window's target, else a host that is done or not concerned.

    If the scheduler did not agree with that it chooses itself at the next try.
    """
    if server.attempts and server.anywhere:
        return None
    wanted = draft.known.window.target
    free = plan.clean_free(fleet(draft))
    taken = _on_the_way(draft, server)
    if wanted is not None:
        there = draft.session.capacity.get("free", {}).get(wanted.name)
        if there is None:
            return wanted.name
        left = tuple(there)
        for size in taken.get(wanted.name, ()):
            left = capacity.less(left, size)
        if capacity.fits(server.size, left):
            _goes_to(draft, server, wanted.name)
            return wanted.name
        telling.session(
            draft,
            "TARGET_FULL",
            f"{server.id} does not fit on {wanted.name} any more: it goes elsewhere",
        )
        return None
    for host, sizes in taken.items():
        for size in sizes:
            if host in free:
                free[host] = capacity.less(free[host], size)
    for host in (server.host.name, *_of_members(draft, server)):
        free.pop(host, None)
    target = capacity.place({server.id: server.size}, free).get(server.id)
    if target is not None:
        _goes_to(draft, server, target)
    return target


def _on_the_way(draft: Draft, but: Server) -> dict[str, list[tuple[int, int, int]]]:
    """Sizes of other servers sent to hosts since their capacity was looked at."""
    found: dict[str, list[tuple[int, int, int]]] = {}
    for server_id, host, size in draft.session.capacity.get("sent", ()):
        if server_id != but.id:
            found.setdefault(host, []).append(tuple(size))
    return found


def _goes_to(draft: Draft, server: Server, host: str) -> None:
    """It counts there from now on, and no more where it was sent at an earlier try."""
    sent = [one for one in draft.session.capacity.get("sent", ()) if one[0] != server.id]
    sent.append([server.id, host, list(server.size)])
    draft.set(capacity={**draft.session.capacity, "sent": sent})


def fleet(draft: Draft) -> plan.Fleet:
    """The session's hosts in the region surveyed last, and the capacity of all there."""
    known = draft.session.capacity
    region = known.get("region")
    return plan.Fleet(
        planned=[
            host.key for host in draft.hosts_in(HostState.PLANNED) if host.key.region == region
        ],
        unclean=[
            key
            for key, host in draft.hosts.items()
            if key.region == region and host.state not in (HostState.RETURNED, HostState.SKIPPED)
        ],
        used={host: tuple(size) for host, size in known.get("used", {}).items()},
        free={host: tuple(size) for host, size in known.get("free", {}).items()},
    )


def _of_members(draft: Draft, server: Server) -> set[str]:
    """Hosts that others of its group are on, or on their way to."""
    there = {
        seen.host.name
        for member in server.apart
        if (seen := draft.known.servers.get(member)) is not None and seen.host is not None
    }
    sent = draft.session.capacity.get("sent", ())
    return there | {host for member, host, _ in sent if member in server.apart}
