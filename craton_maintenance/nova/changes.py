"""What has changed in a region since the last look: one look for all sessions.

Two lists, whatever the number of servers that are being moved.  A look asks for what
changed since the newest change that Nova has shown, and a little more: the stamps are of
several hosts' clocks and of whole seconds, and what was written a moment ago may not be
readable yet.  Our own clock is not asked, unless Nova tells the time nowhere.
"""

import dataclasses
import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from craton_maintenance.nova.listing import Server
from craton_maintenance.nova.reads import Migration, Reads, host_of, moment

#: How far the clocks of Nova's hosts may differ without anything being overlooked.
OVERLAP = dt.timedelta(seconds=5)

_UNKNOWN = "UNKNOWN"
#: Not listed any more; only the first one is for ever.
_DELETED, _SOFT_DELETED = "DELETED", "SOFT_DELETED"


@dataclasses.dataclass(frozen=True, slots=True)
class Changes:
    """What a look has shown."""

    #: servers that are there, with Nova's stamp of their newest change
    servers: tuple[tuple[Server, dt.datetime], ...]
    #: deleted ones by id: the stamp, and whether nothing brings it back
    gone: Mapping[str, tuple[dt.datetime, bool]]
    #: the newest migration of each server, as far as any of its migrations has changed
    migrations: Mapping[str, Migration]
    #: the newest stamp of all, not later than Nova's clock; None: nothing was shown
    newest: dt.datetime | None
    #: why it may lack something; empty: it does not
    gaps: tuple[str, ...]


def read(
    reads: Reads,
    servers_since: dt.datetime | None,
    migrations_since: dt.datetime | None,
    now: dt.datetime,
    servers: bool = True,
) -> Changes:
    """Look once.

    Migrations come first: a server that has moved is then there with its newest place, and
    a record that says so is never older than what is said of the server.

    :param servers_since: by Nova's clock; None: all that are there, read with care
    :param migrations_since: by Nova's clock; None: all. Before 2.59 always all
    :param now: by our clock, for a Nova that does not say what time it is
    :param servers: False: migrations only
    :raises keystoneauth1.exceptions.ClientException: an answer did not come, or not as it
        should; nothing is known then
    """
    records = reads.migrations(sure=False, **_since(reads, migrations_since))
    listed: Iterable[Mapping[str, Any]] = ()
    if servers:
        listed = reads.servers(
            sure=servers_since is None,
            **({} if servers_since is None else {"changes-since": _text(servers_since)}),
        )
    there, gone, gaps = _sorted(listed)
    newest: dict[str, Migration] = {}
    for one in records:
        newest.setdefault(one.server_id, one)
    stamps = [stamp for _, stamp in there]
    stamps += [stamp for stamp, _ in gone.values()]
    stamps += [one.updated_at for one in records]
    return Changes(
        servers=tuple(there),
        gone=gone,
        migrations=newest,
        # one clock that is ahead must not hide what is stamped by the others
        newest=min(max(stamps), reads.date or now) if stamps else None,
        gaps=tuple(dict.fromkeys(gaps)),
    )


def _sorted(
    listed: Iterable[Mapping[str, Any]],
) -> tuple[list[tuple[Server, dt.datetime]], dict[str, tuple[dt.datetime, bool]], list[str]]:
    servers: list[tuple[Server, dt.datetime]] = []
    gone: dict[str, tuple[dt.datetime, bool]] = {}
    gaps: list[str] = []
    for one in listed:
        status = one["status"]
        if status == _UNKNOWN:
            gaps.append(f"the cell of server {one['id']} does not answer")
            continue
        stamp = moment(one["updated"]) or dt.datetime.min.replace(tzinfo=dt.UTC)
        if status in (_DELETED, _SOFT_DELETED):
            gone[one["id"]] = stamp, status == _DELETED
        else:
            servers.append((_server(one), stamp))
    return servers, gone, gaps


def _server(one: Mapping[str, Any]) -> Server:
    return Server(
        id=one["id"],
        project_id=one["tenant_id"],
        host=host_of(one),
        host_id=one["hostId"] or None,
        name=one["name"] or "",
        status=one["status"],
    )


def _since(reads: Reads, since: dt.datetime | None) -> dict[str, Any]:
    if since is None or reads.version < (2, 59):
        return {}
    return {"changes-since": _text(since)}


def _text(moment: dt.datetime) -> str:
    """With Z: a plus sign in a query is taken for a space by some."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
