"""What a window names, and the hosts that this comes to."""

import dataclasses
import enum
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple


class Kind(enum.StrEnum):
    """The kinds of things a window may name. The value is the key in the API."""

    HOST = "hosts"
    LABEL = "labels"
    CELL = "cells"
    REGION = "regions"
    CLOUD = "clouds"
    AGGREGATE = "aggregates"
    ZONE = "availability_zones"


#: A whole region or cloud is never retired: said by mistake, it would cost too much.
NEVER_RETIRED = frozenset({Kind.REGION, Kind.CLOUD})


class HostKey(NamedTuple):
    """A host: Craton's region, and the host name of its Nova service."""

    region: str
    name: str


@dataclasses.dataclass(frozen=True, slots=True)
class Item:
    """One thing a window names."""

    kind: Kind
    name: str
    #: None: in every region
    region: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Host:
    """A host as Craton and Nova together know it."""

    key: HostKey
    cloud: str | None = None
    cell: str | None = None
    labels: frozenset[str] = frozenset()
    aggregates: frozenset[str] = frozenset()
    zone: str | None = None
    #: why it can't be maintained, in words; None: it can
    refused: str | None = None


_CALLED: Mapping[Kind, Callable[[Host], Collection[str]]] = {
    Kind.HOST: lambda host: (host.key.name,),
    Kind.LABEL: lambda host: host.labels,
    Kind.CELL: lambda host: () if host.cell is None else (host.cell,),
    Kind.REGION: lambda host: (host.key.region,),
    Kind.CLOUD: lambda host: () if host.cloud is None else (host.cloud,),
    Kind.AGGREGATE: lambda host: host.aggregates,
    Kind.ZONE: lambda host: () if host.zone is None else (host.zone,),
}


def regions(kind: Kind, hosts: Iterable[Host]) -> dict[str, set[str]]:
    """Everything of a kind that hosts are in, or called, with the regions where."""
    called, found = _CALLED[kind], dict[str, set[str]]()
    for host in hosts:
        for name in called(host):
            found.setdefault(name, set()).add(host.key.region)
    return found


def resolve(items: Iterable[Item], hosts: Iterable[Host]) -> frozenset[HostKey]:
    """The hosts that a scope covers: those that any of its items covers.

    Hosts that can't be maintained are never among them.  A scope may name thousands
    of hosts: each host is looked up among the items, not held against each.
    """
    wanted: dict[Kind, dict[str, set[str | None]]] = {}
    for item in items:
        wanted.setdefault(item.kind, {}).setdefault(item.name, set()).add(item.region)
    able = [host for host in hosts if host.refused is None]
    covered = set()
    for kind, names in wanted.items():
        called = _CALLED[kind]
        for host in able:
            if any(
                None in names[name] or host.key.region in names[name]
                for name in called(host)
                if name in names
            ):
                covered.add(host.key)
    return frozenset(covered)


def retirement_problem(items: Iterable[Item], hosts: Iterable[HostKey]) -> str | None:
    """Why this scope can't be retired, in words; None if it can."""
    refused = sorted({item.kind.value for item in items if item.kind in NEVER_RETIRED})
    if refused:
        return f"whole {' and '.join(refused)} can't be retired: name the hosts, cells or labels"
    if not any(True for _ in hosts):
        return "the scope covers no host, so there is nothing to retire"
    return None
