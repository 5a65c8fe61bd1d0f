"""Synchronisation with Nova, beside reading the same pages with novaclient alone.

The cloud is simulated, in a process of its own, and answers Nova's API over TCP.
Baseline: novaclient lists aggregates, hypervisors, compute services and servers to
their ends, at the same microversion, and nothing is done with them.  The first
synchronisation stores everything (Craton's rows of the hosts too), those after it
find that nothing has changed.
"""

import statistics
from collections.abc import Iterator

from bench import cloud, measure, stage
from bench.result import Result
from craton_maintenance.inventory.sync import Sync
from craton_maintenance.nova import listing

#: hosts, servers, projects, rounds
_FLEETS = ((1_000, 20_000, 500, 3), (10_000, 100_000, 1_000, 1))


def run() -> Iterator[Result]:
    for hosts, servers, projects, rounds in _FLEETS:
        with cloud.running(hosts, servers, projects) as auth_url:
            yield from _figures(auth_url, hosts, servers, rounds)


def _figures(auth_url: str, hosts: int, servers: int, rounds: int) -> Iterator[Result]:
    nova = listing.connect(cloud.session(auth_url), stage.REGION, "public")
    name = f"sync of {hosts} hosts and {servers} servers, mariadb"

    def alone() -> float:
        return measure.seconds(lambda: _read(nova))

    alone()  # the token, the connection
    with stage.database("mariadb") as database:
        sync = Sync(stage.service(database), cloud.region(auth_url), may_create=True)
        before = alone()
        first = measure.seconds(sync.run)
        baseline = statistics.mean((before, alone()))
        yield Result(f"{name}: first", first, "s", baseline=baseline, ratio=baseline / first)
        figures = measure.interleaved(
            {"alone": alone, "again": lambda: measure.seconds(sync.run)}, rounds
        )
        yield Result(
            f"{name}: again, nothing changed",
            statistics.median(figures["again"]),
            "s",
            baseline=statistics.median(figures["alone"]),
            ratio=measure.median_ratio(figures["alone"], figures["again"]),
        )


def _read(nova) -> int:
    """As anybody would with novaclient."""
    found = [*nova.aggregates.list(), *nova.services.list(binary="nova-compute")]
    marker = None
    while page := nova.hypervisors.list(marker=marker, limit=1000):
        found += page
        marker = page[-1].id
    found += nova.servers.list(search_opts={"all_tenants": 1}, limit=-1)
    return len(found)
