"""Synchronisation with Nova: read everything, write the difference.

Repeating it writes nothing.  What a notification said since it began to read is left
as it is: the listing may be older.  Windows are brought up to date by the engine, which
sees that the region's generation grew.
"""

import dataclasses
import datetime as dt
from collections.abc import Mapping, Set
from typing import Any

from keystoneauth1.session import Session

from craton_maintenance.db import nova as store
from craton_maintenance.db import session_inputs, settings
from craton_maintenance.db.database import Transaction
from craton_maintenance.domain import presence
from craton_maintenance.domain.presence import Absence
from craton_maintenance.inventory import create, hints
from craton_maintenance.nova import listing
from craton_maintenance.nova.credentials import Region
from craton_maintenance.service import Service


@dataclasses.dataclass(slots=True)
class Report:
    """What a synchronisation found and did; counts."""

    hosts: int = 0
    hosts_added: int = 0
    hosts_changed: int = 0
    hosts_missing: int = 0
    hosts_gone: int = 0
    servers: int = 0
    servers_added: int = 0
    servers_changed: int = 0
    servers_gone: int = 0
    #: Craton's rows made for hosts that it had not
    created: int = 0
    #: why the listing was partial, in words
    gaps: tuple[str, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether windows may cover other hosts or servers than before."""
        return bool(
            self.hosts_added
            or self.hosts_changed
            or self.hosts_gone
            or self.servers_added
            or self.servers_changed
            or self.servers_gone
            or self.created
        )


class Sync:
    """Synchronises one region; keeps its connection to Nova."""

    def __init__(self, service: Service, region: Region, may_create: bool | None = None) -> None:
        """
        :param may_create: make Craton's rows for new hosts; None: as configured
        """
        self._service = service
        self._region = region
        conf = service.conf.inventory
        self._create = conf.create if may_create is None else may_create
        self._session: Session | None = None
        self._nova: Any = None

    def run(self) -> Report:
        """Read Nova and write the difference.

        :raises keystoneauth1.exceptions.ClientException, novaclient.exceptions.ClientException:
            Keystone or Nova did not answer; nothing was written but the error
        """
        began = self._service.clock()
        try:
            identity, found = self._read()
        except Exception as error:
            words = f"{type(error).__name__}: {error}"
            self._service.database.write(lambda transaction: self._failed(transaction, words))
            raise
        service = self._service
        report = service.database.write(
            lambda transaction: self._write(transaction, found, identity, began)
        )
        if report.changed:
            # in a transaction of its own: who decides on a session locks that before the region
            service.database.write(
                lambda transaction: session_inputs.wake(
                    transaction, self._region.name, service.clock()
                )
            )
            service.session_news.set()
        return report

    def _read(self) -> tuple[dict[str, str], listing.Listing]:
        """Who we are to Keystone, and everything that Nova lists."""
        if self._session is None or self._nova is None:
            self._session = self._region.session()
            self._nova = listing.connect(
                self._session,
                self._region.region_name,
                self._region.interface,
                self._service.conf.nova.read_retries,
            )
        identity = {
            "project_id": self._session.get_project_id() or "",
            "user_id": self._session.get_user_id() or "",
        }
        return identity, listing.read(self._nova)

    def _failed(self, transaction: Transaction, words: str) -> None:
        store.lock_sync(transaction, self._region.name)
        store.finish_sync(
            transaction, self._region.name, {"complete": False, "error": words[:2000]}
        )

    def _write(
        self,
        transaction: Transaction,
        found: listing.Listing,
        identity: dict[str, str],
        began: dt.datetime,
    ) -> Report:
        now = self._service.clock()
        row = store.lock_sync(transaction, self._region.name)
        report = Report(gaps=found.gaps)
        newer = store.heard_since(transaction.connection, self._region.name, began)
        self._write_hosts(transaction, found, report, now, newer[store.A_HOST])
        self._write_servers(transaction, found, report, newer[store.A_SERVER])
        if self._create:
            report.created = create.hosts(
                transaction, self._service.conf.inventory, self._region.name, found.hosts, now
            )
        if settings.get(transaction.connection, settings.IDENTITY) != identity:
            settings.put(transaction, settings.IDENTITY, identity, now, "inventory")
        if not found.gaps:
            store.forget_heard(transaction, self._region.name, began - hints.SKEW)
        store.finish_sync(
            transaction,
            self._region.name,
            {
                "started_at": row.started_at if found.gaps else began,
                "generation": row.generation + int(report.changed),
                "finished_at": now,
                "complete": not found.gaps,
                "report": dataclasses.asdict(report) | {"gaps": list(found.gaps)},
                "error": "; ".join(found.gaps)[:2000] or None,
            },
        )
        return report

    def _write_hosts(
        self,
        transaction: Transaction,
        found: listing.Listing,
        report: Report,
        now: dt.datetime,
        newer: Set[str],
    ) -> None:
        region, complete = self._region.name, not found.gaps
        known = store.hosts(transaction.connection, region)
        listed = {host.name: host for host in found.hosts}
        at_least = dt.timedelta(minutes=self._service.conf.inventory.gone_minutes)
        write, gone = [], []
        for name in sorted(known.keys() | listed.keys()):
            before = known.get(name)
            absence = presence.listed(_absence(before), name in listed, complete, now)
            if before is not None and presence.has_left(absence, now, at_least):
                gone.append(name)
                continue
            after = _host_row(region, listed.get(name), before, absence, now)
            if before is not None and name in newer:
                after |= {column: before[column] for column in store.SERVICE}
            if before != after:
                write.append(after)
                report.hosts_added += before is None
                report.hosts_changed += before is not None and name in listed
            report.hosts_missing += name not in listed
        store.write_hosts(transaction, write)
        store.remove_hosts(transaction, region, gone)
        report.hosts, report.hosts_gone = len(listed), len(gone)

    def _write_servers(
        self, transaction: Transaction, found: listing.Listing, report: Report, newer: Set[str]
    ) -> None:
        region = self._region.name
        known = store.servers(transaction.connection, region)
        listed = {server.id: hints.columns(server) for server in found.servers}
        write = {
            key: values
            for key, values in listed.items()
            if known.get(key) != values and key not in newer
        }
        gone = [] if found.gaps else sorted(known.keys() - listed.keys() - newer)
        store.write_servers(transaction, region, write)
        store.remove_servers(transaction, region, gone)
        report.servers, report.servers_gone = len(listed), len(gone)
        report.servers_added = sum(1 for key in write if key not in known)
        report.servers_changed = len(write) - report.servers_added


def _absence(row: Mapping[str, Any] | None) -> Absence:
    return Absence() if row is None else Absence(row["missed"], row["missing_since"])


def _host_row(
    region: str,
    host: listing.Host | None,
    before: Mapping[str, Any] | None,
    absence: Absence,
    now: dt.datetime,
) -> dict[str, Any]:
    """The row as it should be; one that is not listed keeps what was known of it."""
    row = dict(before or {"region": region, "created_at": now})
    if host is not None:
        row |= {
            "host": host.name,
            "service_id": host.service_id,
            "status": host.status,
            "state": host.state,
            "forced_down": host.forced_down,
            "disabled_reason": host.disabled_reason,
            "zone": host.zone,
            "aggregates": list(host.aggregates),
            "hypervisors": [dict(one) for one in host.hypervisors],
            "hypervisors_count": len(host.hypervisors),
        }
    return row | {"missed": absence.missed, "missing_since": absence.since}
