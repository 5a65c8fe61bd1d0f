"""Nova's notifications written into the inventory: a hint to learn sooner, never the truth.

The truth is the full synchronisation.  Notifications come late, twice and in any
order, over several engines, so one is written only if nothing newer is known:

* what was sent before the last complete synchronisation began, that has seen;
* of one server or service, what was sent before the newest that was written is old;
* a server that was deleted is gone for good: Nova never gives its id again.

A synchronisation in turn leaves alone what was heard since it began, as its listing
may be older; the next one corrects it.  Times of sending are of Nova's hosts' clocks:
one that is wrong delays what its host sends until the next synchronisation at most.
"""

import datetime as dt
import enum
from typing import Any

from craton_maintenance.db import nova as store
from craton_maintenance.db.database import Transaction
from craton_maintenance.nova.listing import Server
from craton_maintenance.nova.notifications import Fact, Gone, Placed, ServiceChanged
from craton_maintenance.service import Service

#: How far Nova's clocks and ours may differ without anything being heard late.
SKEW = dt.timedelta(seconds=5)

#: Of a server's columns, those that say whose it is and where: the first ones.
_PLACE = store.SERVER.index("host") + 1


class Effect(enum.Enum):
    """What came of a notification."""

    #: it is old, or of what the next synchronisation brings
    IGNORED = enum.auto()
    #: it says what was known
    NOTHING = enum.auto()
    #: what is shown of a server or a host is new
    SHOWN = enum.auto()
    #: another server, or another host of a server: windows have to be brought up to date
    MOVED = enum.auto()


class Hints:
    """Writes what one region's notifications say."""

    def __init__(self, service: Service, region: str) -> None:
        self._service = service
        self._region = region

    def take(self, fact: Fact, sent_at: dt.datetime) -> Effect:
        """Write a fact if it is new.

        :param sent_at: by the sender's clock
        """
        return self._service.database.write(
            lambda transaction: self._take(transaction, fact, sent_at)
        )

    def _take(self, transaction: Transaction, fact: Fact, sent_at: dt.datetime) -> Effect:
        row = store.held_sync(transaction, self._region)
        if row is None or row.started_at is None:
            return Effect.IGNORED  # the first synchronisation brings everything
        now = self._service.clock()
        # of a clock that is ahead: or it would hide what others send until then
        sent_at = min(sent_at, now)
        kind, name = _subject(fact)
        before = store.heard(transaction.connection, self._region, kind, name)
        old = sent_at < row.started_at - SKEW
        if old or (before is not None and (before.gone or sent_at < before.sent_at)):
            return Effect.IGNORED
        effect = self._write(transaction, fact)
        if effect is not Effect.IGNORED:
            store.hear(
                transaction,
                {
                    "region": self._region,
                    "kind": kind,
                    "name": name,
                    "sent_at": sent_at,
                    "heard_at": now,
                    "gone": isinstance(fact, Gone) and fact.final,
                },
            )
        if effect is Effect.MOVED:
            store.count_change(transaction, self._region)
        return effect

    def _write(self, transaction: Transaction, fact: Fact) -> Effect:
        match fact:
            case Gone():
                return self._remove(transaction, fact.id)
            case Placed():
                return self._place(transaction, fact.server)
            case ServiceChanged():
                return self._change_host(transaction, fact)

    def _remove(self, transaction: Transaction, server_id: str) -> Effect:
        if store.server(transaction.connection, self._region, server_id) is None:
            return Effect.NOTHING
        store.remove_servers(transaction, self._region, [server_id])
        return Effect.MOVED

    def _place(self, transaction: Transaction, server: Server) -> Effect:
        connection = transaction.connection
        if server.host is not None and store.host(connection, self._region, server.host) is None:
            return Effect.IGNORED
        before, after = store.server(connection, self._region, server.id), columns(server)
        if before == after:
            return Effect.NOTHING
        store.write_servers(transaction, self._region, {server.id: after})
        same_place = before is not None and before[:_PLACE] == after[:_PLACE]
        return Effect.SHOWN if same_place else Effect.MOVED

    def _change_host(self, transaction: Transaction, fact: ServiceChanged) -> Effect:
        before = store.host(transaction.connection, self._region, fact.host)
        if before is None:
            return Effect.IGNORED
        after = before | {
            "status": fact.status,
            "disabled_reason": fact.disabled_reason,
            "forced_down": fact.forced_down,
            "state": fact.state or before["state"],
        }
        if after == before:
            return Effect.NOTHING
        store.write_hosts(transaction, [after])
        return Effect.SHOWN


def columns(server: Server) -> tuple[Any, ...]:
    """The columns of :data:`craton_maintenance.db.nova.SERVER`."""
    return (
        server.project_id,
        server.host,
        server.host_id,
        server.name[:255],
        server.status,
    )


def _subject(fact: Fact) -> tuple[str, str]:
    match fact:
        case Placed():
            return store.A_SERVER, fact.server.id
        case Gone():
            return store.A_SERVER, fact.id
        case ServiceChanged():
            return store.A_HOST, fact.host
