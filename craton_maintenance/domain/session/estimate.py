"""When a session will have worked on all its hosts, if it goes on as it did."""

import dataclasses
import datetime as dt
from collections.abc import Iterable

from craton_maintenance.domain.session.records import Host
from craton_maintenance.domain.session.states import HOST_OVER, HostState

#: What was done with hosts in these says nothing of how long the others will take.
_SAYS_NOTHING = frozenset({HostState.SKIPPED, HostState.FAILED})


@dataclasses.dataclass(frozen=True, slots=True)
class Estimate:
    """An end, and how much it is worth."""

    ends_at: dt.datetime
    #: hosts that it is reckoned from
    hosts: int


def estimate(hosts: Iterable[Host], now: dt.datetime) -> Estimate | None:
    """The mean of the hosts done so far, for each that is left, one after the other.

    A host under way that has taken longer than that is expected to be done now.

    :returns: None while no host is done, or where none is left
    """
    all_hosts = list(hosts)
    taken = [
        host.ended_at - host.began_at
        for host in all_hosts
        if host.began_at and host.ended_at and host.state in HOST_OVER - _SAYS_NOTHING
    ]
    left = [host for host in all_hosts if host.state not in HOST_OVER]
    if not taken or not left:
        return None
    mean = sum(taken, dt.timedelta()) / len(taken)
    rest = dt.timedelta()
    for host in left:
        begun = host.began_at if host.state is not HostState.PLANNED else None
        rest += mean if begun is None else max(dt.timedelta(), begun + mean - now)
    return Estimate(now + rest, len(taken))
