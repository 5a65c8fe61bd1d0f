"""What a window names, and the hosts that this comes to."""

import dataclasses
import enum
from collections.abc import Iterable


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


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class HostKey:
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


def covers(item: Item, host: Host) -> bool:
    """Whether a window that names ``item`` covers ``host``."""
    if item.region is not None and item.region != host.key.region:
        return False
    match item.kind:
        case Kind.HOST:
            return host.key.name == item.name
        case Kind.LABEL:
            return item.name in host.labels
        case Kind.CELL:
            return host.cell == item.name
        case Kind.REGION:
            return host.key.region == item.name
        case Kind.CLOUD:
            return host.cloud == item.name
        case Kind.AGGREGATE:
            return item.name in host.aggregates
        case Kind.ZONE:
            return host.zone == item.name


def resolve(items: Iterable[Item], hosts: Iterable[Host]) -> frozenset[HostKey]:
    """The hosts that a scope covers: those that any of its items covers.

    Hosts that can't be maintained are never among them.
    """
    wanted = tuple(items)
    return frozenset(
        host.key
        for host in hosts
        if host.refused is None and any(covers(item, host) for item in wanted)
    )


def retirement_problem(items: Iterable[Item], hosts: Iterable[HostKey]) -> str | None:
    """Why this scope can't be retired, in words; None if it can."""
    refused = sorted({item.kind.value for item in items if item.kind in NEVER_RETIRED})
    if refused:
        return f"whole {' and '.join(refused)} can't be retired: name the hosts, cells or labels"
    if not any(True for _ in hosts):
        return "the scope covers no host, so there is nothing to retire"
    return None
