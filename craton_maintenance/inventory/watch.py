"""The inventory follows Nova while sessions move servers: one look for all of them.

A look lists what has changed since the last one and writes what differs, with the care
of :mod:`hints`: the truth is the full synchronisation, what was heard from Nova while the
look went on is newer, and what the look has written is not undone by notifications of
before.
"""

import dataclasses
import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from craton_maintenance.db import nova as store
from craton_maintenance.db.database import Transaction
from craton_maintenance.inventory import hints
from craton_maintenance.nova import changes
from craton_maintenance.nova.changes import OVERLAP, Changes
from craton_maintenance.nova.compute import Cloud
from craton_maintenance.nova.credentials import Region
from craton_maintenance.nova.notifications import ServiceChanged
from craton_maintenance.nova.reads import Migration
from craton_maintenance.service import Service

#: How far the first look goes back behind the last synchronisation: Nova's clock is not ours.
_BEFORE_SYNC = dt.timedelta(minutes=10)

#: How far it goes back for migrations: those known tell when somebody looked last, which
#: may be long ago; where none is known, nobody has looked yet.
_LONGEST, _FIRST = dt.timedelta(days=7), dt.timedelta(hours=1)

_HOST = store.SERVER.index("host")

#: Statuses of migrations after which the server is where it was to go.
_ARRIVED = frozenset({"completed", "confirmed", "finished"})


@dataclasses.dataclass(slots=True)
class _Difference:
    """What is to be written."""

    #: by id, the columns of ``store.SERVER``
    servers: dict[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)
    removed: list[str] = dataclasses.field(default_factory=list)
    #: rows of ``nova_heard``
    heard: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    #: by server, the columns of ``store.MIGRATION``
    migrations: dict[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)
    #: servers whose migrations are of no interest any more
    forgotten: list[str] = dataclasses.field(default_factory=list)
    #: a server came, went or moved: windows have to be brought up to date
    moved: bool = False

    def __bool__(self) -> bool:
        return bool(self.servers or self.removed or self.migrations or self.forgotten)


class Watch:
    """Looks at one region; one thread's, and one at a time in a deployment."""

    def __init__(self, service: Service, region: Region, cloud: Cloud | None = None) -> None:
        """
        :param cloud: the region's, if there is one already
        """
        self._service = service
        self._region = region.name
        self._cloud = cloud or Cloud(service.conf, region)
        self._hints = hints.Hints(service, region.name)
        #: newest changes that were seen, by Nova's clock: of everything, and of migrations
        self._mark: dt.datetime | None = None
        self._moved_at: dt.datetime | None = None

    def look(self, full: bool = False, servers: bool = True) -> bool:
        """Look once, and write what differs.

        :param full: list all servers, and go back further for migrations
        :param servers: False: migrations only, as notifications tell of servers
        :returns: whether anything was written; False as well while the region has not been
            synchronised
        :raises keystoneauth1.exceptions.ClientException: Keystone or Nova did not answer;
            nothing was written, and the next look goes back as far as this one
        """
        began, database = self._service.clock(), self._service.database
        with database.read() as connection:
            sync = store.sync_of(connection, self._region)
            if sync is None or sync.started_at is None:
                return False
            servers_since, migrations_since = self._since(connection, sync, began, full)
        found = changes.read(self._cloud.reads, servers_since, migrations_since, began, servers)
        if not servers:
            with database.read() as connection:
                behind = self._is_behind(connection, found)
            if behind:
                return self.look(full)
        with database.read() as connection:
            changed: bool | None = bool(self._compare(connection, found, began, full))
        if changed:
            changed = database.write(
                lambda transaction: self._write(transaction, found, sync, began, full)
            )
        if changed is not None and found.newest is not None:
            self._moved_at = max(self._moved_at or found.newest, found.newest)
            if servers:
                self._mark = max(self._mark or found.newest, found.newest)
        return bool(changed)

    def look_at_host(self, host: str) -> bool:
        """Look at one host's nova-compute, and write what differs.

        :returns: whether anything was written
        :raises keystoneauth1.exceptions.ClientException: Keystone or Nova did not answer
        """
        began = self._service.clock()
        found = self._cloud.reads.service(host)
        if found is None:
            return False
        fact = ServiceChanged(
            host=host,
            status=found.status,
            disabled_reason=found.disabled_reason,
            forced_down=found.forced_down,
            state="up" if found.up else "down",
        )
        return self._hints.take(fact, began) is hints.Effect.SHOWN

    def _since(
        self, connection: sa.Connection, sync: sa.Row[Any], began: dt.datetime, full: bool
    ) -> tuple[dt.datetime | None, dt.datetime]:
        """Since when servers and migrations are asked for; None: all."""
        servers_since = self._mark - OVERLAP if self._mark else sync.started_at - _BEFORE_SYNC
        if self._moved_at is not None and not full:
            return servers_since, self._moved_at - OVERLAP
        known_at = store.newest_migration_at(connection, self._region) or began
        back = max(min(known_at, began - _FIRST), began - _LONGEST)
        return None if full else servers_since, back - OVERLAP

    def _is_behind(self, connection: sa.Connection, found: Changes) -> bool:
        """Whether a server has arrived that is not known to have: it was not heard of.

        Its record must not be known to have ended before its place is.
        """
        ended = {one for one, record in found.migrations.items() if record.status in _ARRIVED}
        known = store.servers_of(connection, self._region, ended)
        return any(known[one][_HOST] == found.migrations[one].source for one in known)

    def _write(
        self,
        transaction: Transaction,
        found: Changes,
        seen: sa.Row[Any],
        began: dt.datetime,
        full: bool,
    ) -> bool | None:
        """Write what differs; None: the look has been overtaken.

        :param seen: the region's row as it was when the look began
        """
        # held, so that nobody writes between the comparison and us
        sync = store.held_sync(transaction, self._region)
        if sync is None or sync.started_at != seen.started_at:
            return None  # a synchronisation has seen more meanwhile
        difference = self._compare(transaction.connection, found, began, full)
        store.write_servers(transaction, self._region, difference.servers)
        store.remove_servers(transaction, self._region, difference.removed)
        store.hear_all(transaction, difference.heard)
        store.write_migrations(transaction, self._region, difference.migrations)
        store.forget_migrations(transaction, self._region, difference.forgotten)
        if difference.moved:
            store.count_change(transaction, self._region)
        return bool(difference)

    def _compare(
        self, connection: sa.Connection, found: Changes, began: dt.datetime, full: bool
    ) -> _Difference:
        """What differs between a look and the inventory."""
        region = self._region
        shown = {server.id for server, _ in found.servers}
        if full:
            known = store.servers(connection, region)
            moves = store.migrations(connection, region)
        else:
            known = store.servers_of(connection, region, shown | found.gone.keys())
            moves = store.migrations_of(
                connection, region, found.migrations.keys() | found.gone.keys()
            )
        differing = {
            server.id: (hints.columns(server), stamp)
            for server, stamp in found.servers
            if known.get(server.id) != hints.columns(server)
        }
        wanted = {values[_HOST] for values, _ in differing.values()} - {None}
        # a host that is not known yet comes with the synchronisation, and its servers with it
        there = store.hosts_known(connection, region, wanted) | {None}
        differing = {one: new for one, new in differing.items() if new[0][_HOST] in there}
        gone = {one: found.gone[one] for one in found.gone.keys() & known.keys()}
        if full and not found.gaps:
            # deleted since the synchronisation: when, is not said, and nothing older counts
            gone |= dict.fromkeys(known.keys() - shown, (began, False))
        heard = store.heard_of_servers(connection, region, differing.keys() | gone.keys())
        difference = _Difference()
        for one, (values, stamp) in differing.items():
            if _may_write(heard.get(one), began):
                difference.servers[one] = values
                difference.heard.append(self._heard(one, stamp, began, heard.get(one), False))
                before = known.get(one)
                difference.moved |= before is None or before[: _HOST + 1] != values[: _HOST + 1]
        for one, (stamp, final) in gone.items():
            if _may_write(heard.get(one), began):
                difference.removed.append(one)
                difference.heard.append(self._heard(one, stamp, began, heard.get(one), final))
                difference.moved = True
        difference.migrations = _newer(found.migrations, moves, found.gone.keys())
        difference.forgotten = sorted(moves.keys() & found.gone.keys())
        if full and not found.gaps:
            difference.forgotten = sorted(moves.keys() - shown - found.migrations.keys())
        return difference

    def _heard(
        self,
        server_id: str,
        stamp: dt.datetime,
        began: dt.datetime,
        before: tuple[Any, ...] | None,
        gone: bool,
    ) -> dict[str, Any]:
        """Nothing that was sent before this is written any more."""
        sent_at = min(stamp, began)
        return {
            "region": self._region,
            "kind": store.A_SERVER,
            "name": server_id,
            "sent_at": sent_at if before is None else max(sent_at, before[0]),
            "heard_at": began,
            "gone": gone,
        }


def _may_write(heard: tuple[Any, ...] | None, began: dt.datetime) -> bool:
    """Whether a look that began then knows more than the newest notification."""
    if heard is None:
        return True
    _, heard_at, gone = heard
    return heard_at <= began and not gone


def _newer(
    found: Mapping[str, Migration],
    known: Mapping[str, tuple[Any, ...]],
    gone: Collection[str],
) -> dict[str, tuple[Any, ...]]:
    """What is newer than what is known of migrations, for servers that are there."""
    newer = {}
    for server_id, one in found.items():
        before = known.get(server_id)
        after = (one.id, one.type, one.status, one.updated_at)
        if server_id in gone or before == after:
            continue
        if before is None or (one.id, one.updated_at) >= (before[0], before[3]):
            newer[server_id] = after
    return newer
