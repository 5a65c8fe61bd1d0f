"""What a window names, and the hosts that this comes to."""

import dataclasses
import enum
from collections.abc import Iterable
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


def called(host: Host) -> list[tuple[Kind, str]]:
    """Everything that a host can be named by."""
    found = [(Kind.HOST, host.key.name), (Kind.REGION, host.key.region)]
    found += [(Kind.LABEL, label) for label in host.labels]
    found += [(Kind.AGGREGATE, aggregate) for aggregate in host.aggregates]
    for kind, name in ((Kind.CELL, host.cell), (Kind.CLOUD, host.cloud), (Kind.ZONE, host.zone)):
        if name is not None:
            found.append((kind, name))
    return found


def resolve(items: Iterable[Item], hosts: Iterable[Host]) -> frozenset[HostKey]:
    """The hosts that a scope covers: those that any of its items covers.

    Hosts that can't be maintained are never among them.  A scope may name thousands
    of hosts: each host is looked up among the items, not held against each.
    """
    wanted: dict[tuple[Kind, str], set[str | None]] = {}
    for item in items:
        wanted.setdefault((item.kind, item.name), set()).add(item.region)
    return frozenset(
        host.key
        for host in hosts
        if host.refused is None
        and any(
            None in wanted[name] or host.key.region in wanted[name]
            for name in called(host)
            if name in wanted
        )
    )


def retirement_problem(items: Iterable[Item], hosts: Iterable[HostKey]) -> str | None:
    """Why this scope can't be retired, in words; None if it can."""
    refused = sorted({item.kind.value for item in items if item.kind in NEVER_RETIRED})
    if refused:
        return f"whole {' and '.join(refused)} can't be retired: name the hosts, cells or labels"
    if not any(True for _ in hosts):
        return "the scope covers no host, so there is nothing to retire"
    return None
