"""From what an operator names to what a window covers."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import fleet
from craton_maintenance.domain.scope import Host, HostKey, Item, Kind
from craton_maintenance.domain.scope import regions as regions_of
from craton_maintenance.errors import Code, Problem, bad_field

_ONE = {
    Kind.HOST: "host",
    Kind.LABEL: "label",
    Kind.CELL: "cell",
    Kind.REGION: "region",
    Kind.CLOUD: "cloud",
    Kind.AGGREGATE: "aggregate with a host",
    Kind.ZONE: "availability zone with a host",
}


class Names:
    """The names known at this moment, read once for a request."""

    def __init__(
        self,
        connection: sa.Connection,
        hosts: Sequence[Host],
        by_id: Mapping[tuple[Kind, int], Any] | None = None,
    ) -> None:
        """:param by_id: Craton's objects of the ids that are named"""
        self._connection = connection
        self.hosts = hosts
        self._by_id = by_id or {}
        self._refused = {host.key: host.refused for host in hosts if host.refused}
        self._regions: dict[Kind, dict[str, set[str]]] = {}

    @classmethod
    def read(cls, connection: sa.Connection, scopes: Collection[Mapping[str, Any]]) -> "Names":
        """Read what these scopes need: only the named hosts where nothing else is named."""
        entries = [
            (Kind(kind), entry)
            for scope in scopes
            for kind, named in scope.items()
            for entry in named
        ]
        by_id = {}
        for kind in {kind for kind, entry in entries if isinstance(entry, int)}:
            ids = {entry for other, entry in entries if other is kind and isinstance(entry, int)}
            for row in fleet.by_ids(connection, kind.value, ids):
                by_id[kind, row.id] = row
        named = {
            entry if isinstance(entry, str) else entry["name"]
            for _, entry in entries
            if not isinstance(entry, int)
        }
        named.update(row.name for row in by_id.values())
        hosts = cls._hosts(connection, {kind for kind, _ in entries}, named)
        return cls(connection, hosts, by_id)

    @classmethod
    def of(cls, connection: sa.Connection, items: Collection[Item]) -> "Names":
        """Read what a stored scope needs."""
        kinds = {item.kind for item in items}
        return cls(connection, cls._hosts(connection, kinds, {item.name for item in items}))

    @staticmethod
    def _hosts(connection: sa.Connection, kinds: set[Kind], named: set[str]) -> list[Host]:
        only_hosts = kinds <= {Kind.HOST}
        return fleet.load(connection, named if only_hosts else None, kinds)

    def items(self, scope: Mapping[str, Sequence[Any]]) -> tuple[Item, ...]:
        """What a scope names, each known to exist, without repetition.

        :raises Problem: 400, naming the entry, with what to do about it
        """
        found = [
            self.item(Kind(kind), entry, f"scope/{kind}/{index}")
            for kind, entries in scope.items()
            for index, entry in enumerate(entries)
        ]
        return tuple(dict.fromkeys(found))

    def item(self, kind: Kind, entry: Any, field: str) -> Item:
        """One entry of a scope.

        :param entry: a name, an id of Craton's, or ``{"name", "region"}``
        :param field: where it stands in the request
        :raises Problem: 400
        """
        if isinstance(entry, int):
            return self._identified(kind, entry, field)
        name, region = (
            (entry, None) if isinstance(entry, str) else (entry["name"], entry.get("region"))
        )
        if kind not in self._regions:
            self._regions[kind] = regions_of(kind, self.hosts)
        regions = self._regions[kind].get(name, set()) | self._empty(kind, name)
        if region is not None and region not in regions:
            raise self._unknown(kind, f"{name!r} in region {region!r}", field)
        if not regions:
            raise self._unknown(kind, repr(name), field)
        if kind in (Kind.HOST, Kind.CELL) and region is None:
            region = _only(kind, name, regions, field)
        if kind is Kind.HOST and region is not None:
            self._refuse(HostKey(region, name), field)
        if kind in (Kind.REGION, Kind.CLOUD):
            region = None
        return Item(kind, name, region)

    def _identified(self, kind: Kind, object_id: int, field: str) -> Item:
        row = self._by_id.get((kind, object_id))
        if row is None:
            raise self._unknown(kind, f"id {object_id}", field)
        if kind is Kind.HOST:
            self._refuse(HostKey(row.region, row.name), field)
        return Item(kind, row.name, row.region if kind in (Kind.HOST, Kind.CELL) else None)

    def _empty(self, kind: Kind, name: str) -> set[str]:
        """Regions of Craton's objects that exist without a host in them."""
        if kind not in (Kind.CELL, Kind.REGION, Kind.CLOUD):
            return set()
        return {row.region or "" for row in fleet.by_name(self._connection, kind.value, name)}

    def _refuse(self, key: HostKey, field: str) -> None:
        if key in self._refused:
            raise bad_field(Code.HOST_REFUSED, field, f"host {key.name!r}: {self._refused[key]}")

    def _unknown(self, kind: Kind, what: str, field: str) -> Problem:
        about = "'craton-maintenance nova-host list' shows what it has"
        if not self.hosts and fleet.is_empty(self._connection):
            about = "it is empty: Nova was not read yet"
        return bad_field(
            Code.UNKNOWN_NAME, field, f"the inventory has no {_ONE[kind]} {what}; {about}"
        )


def _only(kind: Kind, name: str, regions: Collection[str], field: str) -> str:
    if len(regions) > 1:
        raise bad_field(
            Code.AMBIGUOUS_NAME,
            field,
            f"{_ONE[kind]} {name!r} exists in the regions {', '.join(sorted(regions))}: "
            f'say which as {{"name": "{name}", "region": …}}',
        )
    return next(iter(regions))


def as_json(items: Collection[Item]) -> dict[str, list[dict[str, str]]]:
    """A scope as it is stored and shown: ``{kind: [{name, region?}]}``."""
    scope: dict[str, list[dict[str, str]]] = {}
    for item in items:
        entry = {"name": item.name} | ({"region": item.region} if item.region else {})
        scope.setdefault(item.kind.value, []).append(entry)
    return scope


def from_json(scope: Mapping[str, Sequence[Mapping[str, str]]]) -> tuple[Item, ...]:
    """The reverse of :func:`as_json`."""
    return tuple(
        Item(Kind(kind), entry["name"], entry.get("region"))
        for kind, entries in scope.items()
        for entry in entries
    )
