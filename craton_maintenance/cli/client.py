"""The service's REST API as methods.

Works on any keystoneauth1 adapter; which one is ``connect``'s business.  Bodies
and answers are plain dictionaries as described by the JSON Schemas.
"""

import dataclasses
import json
import logging
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import requests
from keystoneauth1 import adapter
from keystoneauth1 import exceptions as ksa

LOG = logging.getLogger(__name__)

#: How long an answer may take, in seconds, on top of what we asked it to wait.
TIMEOUT = 60
#: What a gateway says while the service behind it restarts.
_PASSING = frozenset({429, 502, 503, 504})
#: Looks at a session that is as it was, until it is asked what it waits for.
_QUIET = 3
#: Pause between two attempts to go on following, in seconds: doubled up to the second.
_PAUSE, _LONGEST_PAUSE = 1.0, 30.0

ELSEWHERE = "another address is given by --url or CRATON_MAINTENANCE_URL"
NOT_LISTED = (
    "Keystone's catalogue has no endpoint of type 'maintenance' for this region and interface: "
    "register one, or give the address by --url or CRATON_MAINTENANCE_URL"
)

Json = dict[str, Any]


class ClientError(Exception):
    """What a command can't go on after; its text is one line for the operator."""


class Unreachable(ClientError):
    """Nobody answered at the address."""


@dataclasses.dataclass
class ApiError(ClientError):
    """The service refused, or failed."""

    status: int
    """HTTP status."""
    message: str
    """What the service says."""
    code: str = ""
    """Its stable error code; empty if it is not our service that answered."""
    fields: tuple[tuple[str, str], ...] = ()
    """``(field, what is wrong with it)`` for each field named."""
    request_id: str = ""
    """To be found in the service's log."""
    retry_after: float | None = None
    """Seconds after which to ask again, where the service says so."""
    hint: str = ""
    """What to do about it, in the words of whoever asked."""

    def __str__(self) -> str:
        named = [f"{field}: {what}" if field else what for field, what in self.fields]
        text = "; ".join(named) or self.message
        text = f"{text.rstrip('.')} ({self.hint})" if self.hint else text
        return f"{text} ({self.request_id})" if self.status >= 500 and self.request_id else text


@dataclasses.dataclass(frozen=True)
class Events:
    """A stretch of the history."""

    events: list[Json]
    """In order, without a gap."""
    next: int
    """What to give as ``since`` to read on."""


class Client:
    """The operations of the service.

    :param adapter: sends the requests; knows who we are and, unless ``url`` is
        given, where the service is
    :param url: address ending in ``/v1``; None: what the adapter finds in
        Keystone's catalogue
    :param otherwise: address to take if the catalogue has none
    :param asked_as: who we said we are, for the text of a 401
    """

    def __init__(
        self,
        adapter: adapter.Adapter,
        url: str | None = None,
        otherwise: str | None = None,
        asked_as: str = "",
    ) -> None:
        self._adapter = adapter
        self._url = url
        self._otherwise = otherwise
        self._asked_as = asked_as
        self._logged_in = False

    def close(self) -> None:
        """Let go of connections."""
        self._adapter.session.session.close()

    # Windows

    def windows(self, query: Mapping[str, Any], limit: int | None = None) -> Iterator[Json]:
        """The windows that fit, page by page.

        :param limit: stop after as many
        """
        return self._paged("/maintenance-windows", "maintenance_windows", query, limit)

    def window(self, window_id: str, details: bool = False) -> Json:
        """One window, with its hosts and projects if ``details``."""
        query = {"details": True} if details else {}
        return self._get(f"/maintenance-windows/{_part(window_id)}", query)

    def create_window(self, body: Json, idempotency_key: str | None = None) -> Json:
        """Set a window.

        :param idempotency_key: sent again with the same key, nothing is set twice
        """
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self._json("POST", "/maintenance-windows", body=body, headers=headers)

    def update_window(self, window_id: str, body: Json, revision: int | None = None) -> Json:
        """Change a window.

        :param revision: only if it still is this one; None: whatever it is
        """
        headers = {"If-Match": f'"{revision}"'} if revision is not None else {}
        path = f"/maintenance-windows/{_part(window_id)}"
        return self._json("PATCH", path, body=body, headers=headers)

    def cancel_window(self, window_id: str) -> None:
        """Withdraw a window that has not opened."""
        self._call("DELETE", f"/maintenance-windows/{_part(window_id)}")

    def start_window(self, window_id: str) -> Json:
        """Say that maintenance has begun."""
        return self._json("POST", f"/maintenance-windows/{_part(window_id)}/start")

    def finish_window(self, window_id: str) -> Json:
        """Say that maintenance is done."""
        return self._json("POST", f"/maintenance-windows/{_part(window_id)}/finish")

    # Sessions

    def sessions(self, query: Mapping[str, Any], limit: int | None = None) -> Iterator[Json]:
        """Sessions as far as we may see them, the newest first.

        :param limit: stop after as many
        """
        return self._paged("/maintenance", "details", {"details": True, **query}, limit)

    def create_session(self, body: Json, idempotency_key: str | None = None) -> Json:
        """Set a window with the session that carries it out.

        :param idempotency_key: sent again with the same key, nothing is set twice
        """
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self._json("POST", "/maintenance", body=body, headers=headers)

    def session(self, session_id: str) -> Json:
        """Where a session stands."""
        return self._get(f"/maintenance/{_part(session_id)}")

    def session_detail(self, session_id: str) -> Json:
        """Everything of a session."""
        return self._get(f"/maintenance/{_part(session_id)}/detail")

    def order(self, session_id: str, body: Json) -> Json:
        """Order a session about."""
        return self._json("PUT", f"/maintenance/{_part(session_id)}", body=body)

    def watch(
        self,
        session_id: str,
        interval: float,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Iterator[Json]:
        """A session whenever it is seen to have changed, until the caller stops.

        One that stays as it is comes again, to operators, with ``blockers``: what it waits for.
        Once the service has answered, its absence is waited out.

        :param interval: seconds between two looks
        """
        before: Json | None = None
        quiet, told = 0, None
        while True:
            try:
                found = self.session(session_id)
                quiet = quiet + 1 if found == before else 0
                if quiet and quiet % _QUIET == 0 and "hosts" in found:
                    blockers = self.session_detail(session_id)["blockers"]
                    about = [{**one, "words": ""} for one in blockers]
                    if blockers and about != told:
                        told = about
                        yield found | {"blockers": blockers}
            except ClientError as problem:
                if before is None or not _passes(problem):
                    raise
                LOG.warning("%s; going on once it answers", problem)
                found = before
            if found != before:
                before, told = found, None
                yield found
            sleep(interval)

    def asked(self, session_id: str, project_id: str, server_id: str | None = None) -> Json:
        """What a project is asked in a session, or about one of its servers."""
        return self._get(_asked(session_id, project_id, server_id))

    def reply(
        self, session_id: str, project_id: str, body: Json, server_id: str | None = None
    ) -> Json:
        """Answer for a project, or for one of its servers."""
        return self._json("PUT", _asked(session_id, project_id, server_id), body=body)

    def flows(self) -> list[Json]:
        """The flows that we may choose."""
        found: list[Json] = self._get("/maintenance-flows")["flows"]
        return found

    # Who listens

    def listeners(self) -> Json:
        """Which projects with servers have alarms on what they may be told."""
        return self._get("/listeners")

    def session_listeners(self, session_id: str) -> Json:
        """Which of the projects concerned have alarms on a session's notices."""
        return self._get(f"/maintenance/{_part(session_id)}/listeners")

    def window_listeners(self, window_id: str) -> Json:
        """Which of the projects concerned have alarms on what they are told of a window."""
        return self._get(f"/maintenance-windows/{_part(window_id)}/listeners")

    # Constraints

    def constraint(self, kind: str, object_id: str) -> Json:
        """What was granted for a server or a group of servers.

        :param kind: ``instance`` or ``instance_group``
        """
        return self._get(f"/{kind}/{_part(object_id)}")

    def set_constraint(self, kind: str, object_id: str, body: Json) -> Json:
        """Wish something for a server or a group of servers."""
        return self._json("PUT", f"/{kind}/{_part(object_id)}", body=body)

    def unset_constraint(self, kind: str, object_id: str) -> None:
        """Wish nothing for it any more."""
        self._call("DELETE", f"/{kind}/{_part(object_id)}")

    # Objects of the inventory

    def maintenance(self, kind: str, name: str, region: str | None = None) -> Json:
        """The windows on an object, now and next.

        :param kind: ``hosts``, ``regions``, ``cells``, ``clouds``
        :param region: tells hosts of the same name apart
        """
        return self._get(f"/{kind}/{_part(name)}/maintenance", _given(region=region))

    def set_maintenance(self, kind: str, name: str, body: Json, region: str | None = None) -> Json:
        """Set the window of just this object."""
        path = f"/{kind}/{_part(name)}/maintenance"
        return self._json("PUT", path, query=_given(region=region), body=body)

    def unset_maintenance(self, kind: str, name: str, region: str | None = None) -> None:
        """Remove the window of just this object."""
        self._call("DELETE", f"/{kind}/{_part(name)}/maintenance", query=_given(region=region))

    def nova_hosts(self, query: Mapping[str, Any]) -> tuple[list[Json], list[Json]]:
        """What Nova and Craton know.

        :returns: the hosts, and how the last synchronisation of each region went
        """
        hosts: list[Json] = []
        syncs: list[Json] = []
        for page in self._pages("/nova-hosts", query):
            hosts += page["nova_hosts"]
            syncs = page["syncs"]
        return hosts, syncs

    # Events

    def events(
        self,
        since: int = 0,
        wait: int = 0,
        limit: int | None = None,
        project_id: str | None = None,
        all_projects: bool = False,
    ) -> Events:
        """Events after number ``since``.

        :param wait: seconds to wait for one, if there is none
        """
        query = _given(
            since=since,
            wait=wait or None,
            limit=limit,
            project_id=project_id,
            all_projects=all_projects or None,
        )
        answer = self._json("GET", "/events", query=query, timeout=TIMEOUT + wait)
        return Events(answer["events"], answer["next"])

    def follow(
        self,
        since: int = 0,
        wait: int = 30,
        project_id: str | None = None,
        all_projects: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> Iterator[Json]:
        """Events after number ``since``, for ever.

        The number of the last event handed out is all the state there is, so
        nothing is lost or repeated when a connection breaks: once the service
        has answered, its absence is waited out.
        """
        number = "position" if all_projects else "seq"
        answered, pause = False, _PAUSE
        while True:
            try:
                found = self.events(since, wait, project_id=project_id, all_projects=all_projects)
            except ClientError as problem:
                if not answered or not _passes(problem):
                    raise
                if pause == _PAUSE:
                    LOG.warning("%s; going on after number %s once it answers", problem, since)
                sleep(getattr(problem, "retry_after", None) or pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
                continue
            answered, pause = True, _PAUSE
            for event in found.events:
                if event[number] > since:
                    since = event[number]
                    yield event
            since = max(since, found.next)

    def pending(self, project_id: str | None = None) -> Json:
        """What lies before a project, as of an event number."""
        return self._get("/events/pending", _given(project_id=project_id))

    # Links

    def links(self) -> Json:
        """Where links from Nova point to."""
        return self._get("/links")

    def set_links(self, base_url: str) -> Json:
        """Make links from Nova point below ``base_url``."""
        return self._json("PUT", "/links", body={"base_url": base_url})

    def unset_links(self) -> None:
        """Make links from Nova point to the service itself."""
        self._call("DELETE", "/links")

    def host_link(self, host: str, region: str | None = None) -> Json:
        """What an administrator finds behind the link of a host."""
        return self._get(f"/links/{_part(host)}", _given(region=region))

    def project_link(self, host_id: str) -> Json:
        """What a project finds behind the link of one of its servers' hosts."""
        return self._get(f"/links/project/{_part(host_id)}")

    # Requests

    def _paged(
        self, path: str, key: str, query: Mapping[str, Any], limit: int | None
    ) -> Iterator[Json]:
        for page in self._pages(path, query):
            for row in page[key]:
                if limit is not None:
                    if limit <= 0:
                        return
                    limit -= 1
                yield row
            if limit == 0:
                return

    def _pages(self, path: str, query: Mapping[str, Any]) -> Iterator[Json]:
        """Pages of a list, following ``next``.

        Only its query is taken: the address is ours, whatever a proxy between
        makes the service believe, and our credentials go nowhere else.
        """
        while True:
            page = self._get(path, query)
            yield page
            following = next((x["href"] for x in page["links"] if x["rel"] == "next"), None)
            if following is None:
                return
            before = query
            query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(following).query))
            if query == before:
                return

    def _get(self, path: str, query: Mapping[str, Any] | None = None) -> Json:
        return self._json("GET", path, query=query)

    def _json(self, method: str, path: str, **how: Any) -> Json:
        answer = self._call(method, path, **how)
        try:
            body = answer.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise ClientError(f"{answer.url} is not craton-maintenance: {ELSEWHERE}")
        return body

    def _call(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] | None = None,
        body: Json | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,
    ) -> requests.Response:
        """Send one request.

        keystoneauth's own log would show hashes of API keys, and its redirects
        take our credentials along: both are off.
        """
        address = self._login()
        url = address + path
        try:
            answer: requests.Response = self._adapter.request(
                url,
                method,
                params={key: _query(value) for key, value in (query or {}).items()},
                headers={"Accept": "application/json", **(headers or {})},
                json=body,
                timeout=timeout,
                raise_exc=False,
                redirect=False,
                log=False,
            )
        except ksa.ConnectTimeout as problem:
            raise Unreachable(f"{url} did not answer within {timeout:.0f} s") from problem
        except ksa.ConnectionError as problem:
            raise Unreachable(
                f"cannot reach {address} ({why(problem)}): is it running there? {ELSEWHERE}"
            ) from problem
        except ksa.ClientException as problem:
            raise ClientError(one_line(problem)) from problem
        LOG.debug("%s %s %s", method, answer.url, answer.status_code)
        if answer.status_code >= 300:
            raise self._error(answer)
        return answer

    def _login(self) -> str:
        """Find out our address, after Keystone has let us in.

        Done before the first request, so that what is wrong with Keystone is not
        told as if it were wrong with the service.
        """
        if not self._logged_in:
            try:
                self._adapter.session.get_auth_headers(self._adapter.auth)
                self._url = self._url or self._listed() or self._otherwise
            except ksa.ConnectionError as problem:
                where = getattr(self._adapter.session.auth, "auth_url", "its address")
                raise Unreachable(
                    f"cannot reach Keystone at {where} ({why(problem)})"
                ) from problem
            except Exception as problem:
                # not all that plugins raise is of one family
                raise ClientError(f"cannot log in at Keystone: {one_line(problem)}") from problem
            self._logged_in = True
        if not self._url:
            raise ClientError(NOT_LISTED)
        return self._url.rstrip("/")

    def _listed(self) -> str | None:
        """Our address as Keystone's catalogue has it."""
        try:
            return self._adapter.get_endpoint()
        except ksa.CatalogException:
            return None

    def _error(self, answer: requests.Response) -> ApiError:
        try:
            body = json.loads(answer.content)
            message, code = str(body["message"]), str(body["code"])
        except (ValueError, TypeError, KeyError):
            return self._foreign(answer)
        fields = tuple((str(x["field"]), str(x["message"])) for x in body.get("errors", ()))
        return ApiError(
            status=answer.status_code,
            message=message,
            code=code,
            fields=fields,
            request_id=str(body.get("request_id", "")),
            retry_after=_retry_after(answer),
            hint=self._asked_as if answer.status_code == 401 else "",
        )

    def _foreign(self, answer: requests.Response) -> ApiError:
        """An error in another shape than the service's: something else is there."""
        if 300 <= answer.status_code < 400:
            text = f"{answer.url} redirects to {answer.headers.get('Location')}: use that address"
        else:
            text = (
                f"{answer.url} answered {answer.status_code} {answer.reason}, "
                f"which is not from craton-maintenance: {ELSEWHERE}"
            )
        return ApiError(answer.status_code, text, retry_after=_retry_after(answer))


def _part(name: str) -> str:
    return urllib.parse.quote(name, safe="")


def _asked(session_id: str, project_id: str, server_id: str | None) -> str:
    path = f"/maintenance/{_part(session_id)}/{_part(project_id)}"
    return path if server_id is None else f"{path}/{_part(server_id)}"


def _given(**query: Any) -> Json:
    return {key: value for key, value in query.items() if value is not None}


def _query(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(value) if isinstance(value, list | tuple) else str(value)


def _passes(problem: ClientError) -> bool:
    return isinstance(problem, Unreachable) or (
        isinstance(problem, ApiError) and problem.status in _PASSING
    )


def _retry_after(answer: requests.Response) -> float | None:
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() else None


def one_line(problem: BaseException) -> str:
    return " ".join(str(problem).split())


def why(problem: BaseException) -> str:
    """The innermost cause, without the object representations around it."""
    deepest: BaseException = problem
    seen = set()
    while id(deepest) not in seen:
        seen.add(id(deepest))
        inner = [x for x in deepest.args if isinstance(x, BaseException)]
        reason = getattr(deepest, "reason", None)
        cause = deepest.__cause__ or deepest.__context__
        following = next(
            (x for x in (*inner, reason, cause) if isinstance(x, BaseException)), None
        )
        if following is None:
            break
        deepest = following
    if isinstance(deepest, OSError) and deepest.strerror:
        return deepest.strerror.lower()
    return str(deepest).rpartition(">: ")[2] or type(deepest).__name__
