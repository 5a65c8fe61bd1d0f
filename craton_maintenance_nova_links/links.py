"""The filter itself: Nova's answers with links, or exactly as they are."""

from __future__ import annotations

import itertools
import json
import logging
import re
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from craton_maintenance_nova_links.active import Active
from craton_maintenance_nova_links.source import Snapshot

LOG = logging.getLogger(__name__)

REL = "maintenance"

#: The three answers that get links. Some clients have the project's id in the path still,
#: and an operator may have put the filter before the versions are told apart.
_PATH = re.compile(
    r"(?:/v2(?:\.1)?)?(?:/[0-9a-f-]+)?/"
    r"(?:(?P<services>os-services)|(?P<detail>servers/detail)"
    r"|(?P<server>servers/[0-9a-fA-F-]{32,36}))/?"
)
_HOST_ID = re.compile(rb'"hostId"\s*:\s*"([0-9a-f]{56})"')
#: Headers that would not be true of another body.
_OF_THE_BODY = frozenset({"content-length", "content-md5", "etag", "digest"})

Write = Callable[[bytes], object]


class Links:
    """The filter.

    :param active: what links there are
    :param max_body: bytes; longer answers are passed on as they are
    """

    def __init__(self, app: Callable[..., Iterable[bytes]], active: Active, max_body: int) -> None:
        self._app = app
        self._active = active
        self._max_body = max_body

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Write]
    ) -> Iterable[bytes]:
        try:
            snapshot = self._active.current()
            kind = _kind(environ) if snapshot else None
        except Exception:
            LOG.exception("links are left out")
            kind = None
        if kind is None:
            return self._app(environ, start_response)
        return self._answer(kind, snapshot, environ, start_response)

    def _answer(
        self,
        kind: str,
        snapshot: Snapshot,
        environ: dict[str, Any],
        start_response: Callable[..., Write],
    ) -> Iterable[bytes]:
        held = _Held()
        body = self._app(environ, held.start_response)
        chunks = iter(body)
        if not held.args:
            # an application may begin its answer as late as with the first piece of it
            chunks = itertools.chain(list(itertools.islice(chunks, 1)), chunks)
        if not self._fits(held):
            start_response(*held.args)
            return _Rest(held.written, chunks, body)
        size = 0
        try:
            for chunk in chunks:
                held.written.append(chunk)
                size += len(chunk)
                if size > self._max_body:
                    start_response(*held.args)
                    return _Rest(held.written, chunks, body)
        except BaseException:
            # Nova's own, and said by whoever is around us; nobody else has the body
            _close(body)
            raise
        _close(body)
        original = b"".join(held.written)
        try:
            made = with_links(kind, original, snapshot)
            if made is not None:
                status, headers, *more = held.args
                headers = [(x, y) for x, y in headers if x.lower() not in _OF_THE_BODY]
                headers.append(("Content-Length", str(len(made))))
                held.args = (status, headers, *more)
        except Exception:
            LOG.exception("links are left out")
            made = None
        start_response(*held.args)
        return [original if made is None else made]

    def _fits(self, held: _Held) -> bool:
        try:
            status, given = held.args[:2]
            headers = {name.lower(): value for name, value in given}
            return (
                status.startswith("200")
                and headers.get("content-type", "").lower().startswith("application/json")
                and headers.get("content-encoding", "identity") == "identity"
                and int(headers.get("content-length", "0")) <= self._max_body
            )
        except Exception:
            return False


class _Held:
    """An answer that has begun, and was not passed on yet."""

    def __init__(self) -> None:
        self.args: tuple[Any, ...] = ()
        self.written: list[bytes] = []

    def start_response(self, status: str, headers: Any, *exc_info: Any) -> Write:
        self.args = (status, headers, *exc_info)
        return self.written.append


class _Rest:
    """An answer of which a part was looked at, passed on piece by piece."""

    def __init__(self, begun: list[bytes], rest: Iterator[bytes], body: Iterable[bytes]) -> None:
        self._pieces = itertools.chain(begun, rest)
        self._body = body

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        _close(self._body)


def _close(body: Any) -> None:
    if hasattr(body, "close"):
        body.close()


def _kind(environ: dict[str, Any]) -> str | None:
    if environ.get("REQUEST_METHOD") != "GET":
        return None
    found = _PATH.fullmatch(environ.get("PATH_INFO", ""))
    return found.lastgroup if found else None


def with_links(kind: str, body: bytes, snapshot: Snapshot) -> bytes | None:
    """An answer with its links; None where it gets none.

    :param kind: ``services``, ``detail`` (servers) or ``server``
    :raises Exception: it is not what Nova answers
    """
    if kind == "services":
        document = json.loads(body)
        there = [one for one in document["services"] if one["host"] in snapshot.hosts]
        for service in there:
            _add(service, f"{snapshot.base_url}/{urllib.parse.quote(service['host'], safe='')}")
    else:
        # seen before anything is parsed: mostly there is none
        seen = {match.decode() for match in _HOST_ID.findall(body)}
        if seen.isdisjoint(snapshot.host_ids):
            return None
        document = json.loads(body)
        servers = [document["server"]] if kind == "server" else document["servers"]
        there = [one for one in servers if one.get("hostId") in snapshot.host_ids]
        for server in there:
            _add(server, f"{snapshot.base_url}/project/{server['hostId']}")
    return json.dumps(document).encode() if there else None


def _add(item: dict[str, Any], href: str) -> None:
    links = item.setdefault("links", [])
    if not isinstance(links, list):
        raise TypeError("links is no list")
    links.append({"rel": REL, "href": href})
