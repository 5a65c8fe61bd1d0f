"""What Nova and Placement show, read to the end.

A failure on the way is repeated.  What comes back is plain; a list that a cell did not
take part in, or that lacks what only administrators see, raises instead of lacking it.
"""

import contextlib
import dataclasses
import datetime as dt
import email.utils
import itertools
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import requests
from keystoneauth1 import exceptions
from keystoneauth1.session import Session

from craton_maintenance.nova.answers import Unreadable, said

LOG = logging.getLogger(__name__)

#: Placement's version: from 1.27 on all classes are in the summaries, from 1.29 on trees.
_PLACEMENT = (1, 29)

#: Nova's own limit of a page, unless its operator has changed it.
_PAGE = 1000

#: Seconds for which one look does for several servers that are acted on one after the other.
_MOMENT = 2.0

#: Times that a list is begun anew because its marker vanished between two pages.
_RESTARTS = 5

_UNKNOWN = "UNKNOWN"
_COMPUTE = "nova-compute"
_HOST = "OS-EXT-SRV-ATTR:host"

#: States of a migration that has nothing to do with its hosts any more. In all others it has:
#: ``finished``, a resize that nobody has confirmed, and ``done``, an evacuation whose source
#: has not cleaned up, among them, and whatever states may come.
SETTLED = frozenset({"completed", "confirmed", "reverted", "error", "failed", "cancelled"})


class Partial(exceptions.ClientException):
    """What came back lacks something that may be there."""


@dataclasses.dataclass(frozen=True, slots=True)
class Service:
    """A nova-compute."""

    id: str
    host: str
    #: ``enabled`` or ``disabled``
    status: str
    disabled_reason: str | None
    up: bool
    forced_down: bool
    #: its newest heartbeat, by its host's clock
    seen_at: dt.datetime | None


@dataclasses.dataclass(frozen=True, slots=True)
class Migration:
    """A migration's record."""

    #: Nova's number, within a cell
    id: int
    server_id: str
    #: ``live-migration``, ``migration``, ``resize``, ``evacuation``
    type: str
    status: str
    source: str | None
    dest: str | None
    updated_at: dt.datetime


class Reads:
    """One thread's way to read one region's Nova and Placement."""

    def __init__(
        self,
        session: Session,
        where: Mapping[str, Any],
        version: tuple[int, int],
        retries: int,
        timeout: float,
    ) -> None:
        """
        :param where: ``region_name`` and ``interface`` of the endpoints
        :param version: of Nova's API
        :param retries: repetitions of a call that failed on the way
        :param timeout: seconds that each is waited for
        """
        self.version = version
        #: Nova's clock at the newest answer that told it
        self.date: dt.datetime | None = None
        self._session = session
        self._where = where
        self._retries = retries
        self._timeout = timeout
        #: what :meth:`look_together` has shown, and until when that is good enough
        self._shown: dict[str, dict[str, Any]] = {}
        self._shown_until = 0.0

    def get(self, path: str, service: str = "compute", **query: Any) -> Any:
        """The JSON of one answer.

        :param query: parameters; a ``_`` in their names stands for itself, None is left out
        :raises keystoneauth1.exceptions.ClientException: there was none, or a refusal
        """
        version = self.version if service == "compute" else _PLACEMENT
        response = self._session.get(
            path,
            endpoint_filter={"service_type": service, **self._where},
            params={name: value for name, value in query.items() if value is not None},
            headers={
                "Accept": "application/json",
                "OpenStack-API-Version": "{} {}.{}".format(service, *version),
            },
            connect_retries=self._retries,
            status_code_retries=self._retries,
            retriable_status_codes=[502, 503, 504],
            timeout=self._timeout,
            raise_exc=False,
        )
        if response.status_code >= 400:
            raise _refused(response, path)
        if service == "compute":
            self._see_date(response)
        with contextlib.suppress(ValueError):
            body = response.json()
            if isinstance(body, dict):
                return body
        raise Unreadable(f"GET {path}: the answer is not an object in JSON")

    def _see_date(self, response: requests.Response) -> None:
        with contextlib.suppress(TypeError, ValueError):
            self.date = email.utils.parsedate_to_datetime(response.headers.get("Date", ""))

    def user_id(self) -> str:
        """Who we are to Nova."""
        return self._session.get_user_id() or ""

    # -- lists ---------------------------------------------------------------------

    def _list(
        self,
        path: str,
        key: str,
        marker: str = "id",
        sure: bool = True,
        enough: Callable[[list[Any]], bool] = lambda found: False,
        **query: Any,
    ) -> list[dict[str, Any]]:
        """All pages of a list, begun anew where what it had got to has vanished.

        :param marker: member of an item that the next page begins after
        :param sure: go on until a page is empty, rather than believe that no link leads on
        :param enough: no further page is needed
        """
        for left in range(_RESTARTS, -1, -1):
            found: list[dict[str, Any]] = []
            try:
                while True:
                    after = found[-1][marker] if found else None
                    body = self.get(path, marker=after, limit=_PAGE, **query)
                    page = _items(body, key, path)
                    found += page
                    on = page if sure else body.get(f"{key}_links")
                    if not on or not page or enough(found):
                        return found
            except exceptions.BadRequest as error:
                if not left or "marker" not in str(error).lower():
                    raise
                LOG.info("a list of Nova's is begun anew: %s", error)
        raise AssertionError("not reached")

    def servers(self, sure: bool = True, **query: Any) -> list[dict[str, Any]]:
        """Servers of all projects, as Nova shows them; those of a silent cell are UNKNOWN.

        :param query: filters, ``{"changes-since": …}`` among them
        """
        return self._list("/servers/detail", "servers", sure=sure, all_tenants=1, **query)

    def servers_on(self, host: str, sure: bool = True) -> list[dict[str, Any]]:
        """Servers on exactly this host; databases compare names less strictly.

        :param sure: that there is none on a further page
        :raises Partial: a server's cell does not answer, or we do not see where servers are
        """
        found = []
        for server in self.servers(host=host, sure=sure):
            if host_of(server) == host:
                found.append(server)
        return found

    def look_together(self, host: str) -> None:
        """Look once for several servers of a host that are asked for in a moment.

        :raises Partial: as :meth:`servers_on`
        """
        self._shown = {server["id"]: server for server in self.servers_on(host, sure=False)}
        self._shown_until = time.monotonic() + _MOMENT

    def server(self, server_id: str) -> dict[str, Any] | None:
        """A server; None: there is none.

        :raises Partial: its cell does not answer
        """
        shown = self._shown.pop(server_id, None)
        if shown is not None and time.monotonic() < self._shown_until:
            return shown
        try:
            body = self.get(f"/servers/{server_id}")
        except exceptions.NotFound:
            return None
        server = body.get("server")
        if not isinstance(server, dict):
            raise Unreadable(f"GET /servers/{server_id}: there is no server in the answer")
        host_of(server)
        return server

    def migrations(
        self,
        sure: bool = True,
        enough: Callable[[list[Any]], bool] = lambda found: False,
        **query: Any,
    ) -> list[Migration]:
        """Records of migrations, newest first. Before 2.59 the list has no pages."""
        if self.version < (2, 59):
            body = self.get("/os-migrations", **query)
            found = _items(body, "migrations", "/os-migrations")
        else:
            found = self._list(
                "/os-migrations", "migrations", "uuid", sure=sure, enough=enough, **query
            )
        return sorted(map(_migration, found), key=lambda one: one.id, reverse=True)

    def newest_migration(self, server_id: str) -> Migration | None:
        """A server's newest migration, whatever became of it."""
        limit = 1 if self.version >= (2, 59) else None
        body = self.get("/os-migrations", instance_uuid=server_id, limit=limit)
        found = [_migration(one) for one in _items(body, "migrations", "/os-migrations")]
        return max(found, key=lambda one: one.id, default=None)

    def under_way(self, server_id: str) -> list[dict[str, Any]]:
        """A server's live migrations in progress, oldest first; none for no server."""
        path = f"/servers/{server_id}/migrations"
        try:
            return sorted(_items(self.get(path), "migrations", path), key=lambda one: one["id"])
        except exceptions.NotFound:
            return []

    def server_groups(self) -> list[dict[str, Any]]:
        """Groups of all projects, each with ``policy``, whatever the version.

        That there are none has to be said twice: members of one that was missed would be out
        together.
        """
        path = "/os-server-groups"
        found: list[dict[str, Any]] = []
        for asked in itertools.count(1):
            body = self.get(path, all_projects=True, limit=_PAGE, offset=len(found))
            page = _items(body, "server_groups", path)
            if not page and asked > 1:
                break
            found += page
        return [one | {"policy": one.get("policy") or _first(one["policies"])} for one in found]

    def service(self, host: str) -> Service | None:
        """A host's nova-compute; None: there is none.

        :raises Partial: its cell does not answer
        """
        path = "/os-services"
        for one in _items(self.get(path, binary=_COMPUTE, host=host), "services", path):
            if one["host"] != host:
                continue
            if one["status"] == _UNKNOWN:
                raise Partial(f"the cell of host {host} does not answer")
            return Service(
                id=str(one["id"]),
                host=host,
                status=one["status"],
                disabled_reason=one.get("disabled_reason"),
                up=one["state"] == "up",
                forced_down=bool(one.get("forced_down")),
                seen_at=moment(one.get("updated_at")),
            )
        return None

    def hypervisors(self) -> list[dict[str, Any]]:
        """All hypervisors with what they run on; from 2.88 on it would ask every host."""
        return self._list("/os-hypervisors/detail", "hypervisors")

    def newest_action(self, server_id: str) -> Mapping[str, Any] | None:
        """What was asked of a server last: ``action``, ``user_id``, …"""
        path = f"/servers/{server_id}/os-instance-actions"
        found = _items(self.get(path), "instanceActions", path)
        return found[0] if found else None


def host_of(server: Mapping[str, Any]) -> str | None:
    """Where a server is; None: nowhere.

    :raises Partial: its cell does not answer, or we are not allowed to see it
    """
    if server.get("status") == _UNKNOWN:
        raise Partial(f"the cell of server {server['id']} does not answer")
    if _HOST not in server:
        raise Partial("Nova does not show where servers are: an administrator's role is needed")
    return server[_HOST] or None


def moment(text: Any) -> dt.datetime | None:
    """A time as Nova writes it: UTC, with or without saying so."""
    if not text:
        return None
    try:
        found = dt.datetime.fromisoformat(str(text))
    except ValueError:
        raise Unreadable(f"not a time: {text!r:.40}") from None
    return found.replace(tzinfo=dt.UTC) if found.tzinfo is None else found.astimezone(dt.UTC)


def _items(body: Any, key: str, path: str) -> list[dict[str, Any]]:
    """A list in an answer.

    :raises Unreadable: it is not there; an answer without it is not an empty one
    """
    found = body.get(key)
    if not isinstance(found, list):
        raise Unreadable(f"GET {path}: there are no {key} in the answer")
    return found


def _migration(record: Mapping[str, Any]) -> Migration:
    # never changed: there is only the time that it was made
    updated = moment(record.get("updated_at")) or moment(record["created_at"])
    return Migration(
        id=record["id"],
        server_id=record["instance_uuid"],
        type=record["migration_type"],
        status=record["status"],
        source=record["source_compute"],
        dest=record["dest_compute"],
        updated_at=updated or dt.datetime.min.replace(tzinfo=dt.UTC),
    )


def _first(policies: Any) -> str | None:
    return policies[0] if policies else None


def _refused(response: requests.Response, path: str) -> exceptions.ClientException:
    error = exceptions.from_response(response, "GET", path)
    # keystoneauth does not find Nova's own words
    error.args = (f"GET {path}: {said(response)}",)
    return error
