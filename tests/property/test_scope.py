"""Which hosts a scope covers, against an oracle that asks each host about each thing."""

from hypothesis import given
from hypothesis import strategies as st

from craton_maintenance.domain import scope
from craton_maintenance.domain.scope import Host, HostKey, Item, Kind

REGIONS = st.sampled_from(["east", "west"])
#: a few names for everything, so that kinds are confused where they can be
NAMES = st.sampled_from(["a", "b", "ab", "east", "A"])

HOSTS = st.lists(
    st.builds(
        Host,
        key=st.builds(HostKey, REGIONS, NAMES),
        cloud=st.none() | NAMES,
        cell=st.none() | NAMES,
        labels=st.frozensets(NAMES),
        aggregates=st.frozensets(NAMES),
        zone=st.none() | NAMES,
        refused=st.sampled_from([None, None, None, "has two hypervisors"]),
    ),
    max_size=8,
    unique_by=lambda host: host.key,
)
ITEMS = st.lists(st.builds(Item, st.sampled_from(Kind), NAMES, st.none() | REGIONS), max_size=4)


def is_called(host: Host) -> set[tuple[str, str]]:
    """Everything that a window may name this host by, as the API writes it."""
    called = {("hosts", host.key.name), ("regions", host.key.region)}
    called |= {("labels", label) for label in host.labels}
    called |= {("aggregates", aggregate) for aggregate in host.aggregates}
    called |= {("cells", host.cell)} if host.cell else set()
    called |= {("clouds", host.cloud)} if host.cloud else set()
    called |= {("availability_zones", host.zone)} if host.zone else set()
    return called


def oracle(items: list[Item], hosts: list[Host]) -> set[HostKey]:
    covered = set()
    for host in hosts:
        for item in items:
            here = item.region is None or item.region == host.key.region
            if here and (item.kind.value, item.name) in is_called(host) and not host.refused:
                covered.add(host.key)
    return covered


@given(ITEMS, HOSTS)
def test_a_scope_covers_the_hosts_that_one_of_its_names_means(items, hosts):
    assert scope.resolve(items, hosts) == oracle(items, hosts)


@given(ITEMS, ITEMS, HOSTS)
def test_naming_more_covers_more_and_the_order_says_nothing(items, more, hosts):
    both = scope.resolve([*items, *more], hosts)
    assert both == scope.resolve(items, hosts) | scope.resolve(more, hosts)
    assert both == scope.resolve([*more, *items], reversed(hosts))


@given(ITEMS, HOSTS)
def test_whole_regions_and_clouds_and_nothing_at_all_are_not_retired(items, hosts):
    covered = scope.resolve(items, hosts)
    whole = {item.kind for item in items} & {Kind.REGION, Kind.CLOUD}
    assert (scope.retirement_problem(items, covered) is None) == (bool(covered) and not whole)
