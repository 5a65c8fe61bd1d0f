"""Masakari and Alertmanager as far as adapters use them, over HTTP, in this process.

They answer as their published APIs say, refuse what those refuse, and record what they were
asked.
"""

import datetime as dt
import itertools
import json
import re
import threading
import urllib.parse
import uuid
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, Any]


class Fake:
    """A service on a port of its own."""

    def __init__(self, clock: Callable[[], dt.datetime]) -> None:
        self.clock = clock
        #: method, path and body of what was asked, in order
        self.calls: list[tuple[str, str, Any]] = []
        #: called before each request is taken, with the same; an answer is given instead
        self.fault: Callable[[str, str, Any], Answer | None] = lambda method, path, body: None
        #: called once a request was carried out, before it is answered
        self.then: Callable[[str, str, Any], None] = lambda method, path, body: None
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                path = urllib.parse.urlsplit(self.path)
                query = dict(urllib.parse.parse_qsl(path.query))
                fake.calls.append((self.command, path.path, body))
                answer = fake.fault(self.command, path.path, body)
                if answer is None:
                    answer = fake.answer(self.command, path.path, query, body)
                    fake.then(self.command, path.path, body)
                status, shown = answer
                text = b"" if shown is None else json.dumps(shown).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_PUT = do_POST = do_DELETE = _serve

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Answer:
        raise NotImplementedError

    def asked(self, method: str) -> list[str]:
        """Paths of requests of a kind, in order."""
        return [path for kind, path, _ in self.calls if kind == method]

    def out_of_order(self, status: int = 500) -> None:
        """From now on it refuses everything."""
        self.fault = lambda method, path, body: (status, _refusal(status, "out of order"))

    def well(self) -> None:
        self.fault = lambda method, path, body: None


def _refusal(status: int, words: str) -> Any:
    return {"refused": {"code": status, "message": words}}


class FakeMasakari(Fake):
    """Segments with hosts; at most three in a page, so that lists have several."""

    def __init__(self, clock: Callable[[], dt.datetime]) -> None:
        super().__init__(clock)
        #: numbers, which markers are
        self._ids = itertools.count(1)
        self._numbers: dict[str, int] = {}
        #: rows in a page
        self.most = 3
        #: hosts by the segment's id, in order
        self.segments: dict[str, list[dict[str, Any]]] = {}
        #: ids of segments that a host is recovered in: they can't be changed
        self.busy: set[str] = set()

    def add(self, *hosts: str) -> str:
        """A segment with hosts; its id."""
        segment = str(uuid.uuid4())
        self._numbers[segment] = next(self._ids)
        self.segments[segment] = [
            {
                "id": next(self._ids),
                "uuid": str(uuid.uuid4()),
                "name": name,
                "on_maintenance": False,
                "reserved": False,
                "type": "COMPUTE",
                "control_attributes": "SSH",
                "failover_segment_id": segment,
            }
            for name in hosts
        ]
        return segment

    def host(self, name: str) -> dict[str, Any]:
        return next(one for some in self.segments.values() for one in some if one["name"] == name)

    def on_maintenance(self) -> list[str]:
        """Names of hosts, in order."""
        return sorted(
            one["name"] for some in self.segments.values() for one in some if one["on_maintenance"]
        )

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Answer:
        parts = path.removeprefix("/v1/").split("/")
        if parts == ["segments"] and method == "GET":
            return self._page(
                "segments",
                [
                    {"id": self._numbers[one], "uuid": one, "name": one[:8]}
                    | {"recovery_method": "auto", "enabled": True}
                    for one in self.segments
                ],
                query,
            )
        segment = self.segments.get(parts[1]) if len(parts) > 2 and parts[2] == "hosts" else None
        if segment is None:
            return 404, _refusal(404, "No failover segment with id")
        if len(parts) == 3 and method == "GET":
            return self._page("hosts", segment, query)
        host = next((one for one in segment if one["uuid"] == parts[3]), None)
        if host is None:
            return 404, _refusal(404, "No host with id")
        if method == "PUT":
            if parts[1] in self.busy:
                return 409, _refusal(409, f"Host {parts[3]} can't be updated as it is in-use")
            host |= body["host"]
        elif method != "GET":
            return 405, _refusal(405, "not allowed")
        return 200, {"host": host}

    def _page(self, key: str, rows: list[Any], query: Mapping[str, str]) -> Answer:
        if "marker" in query:
            ids = [str(one["id"]) for one in rows]
            if query["marker"] not in ids:
                return 400, _refusal(400, "Marker could not be found")
            rows = rows[ids.index(query["marker"]) + 1 :]
        return 200, {key: rows[: min(self.most, int(query.get("limit", self.most)))]}


class FakeAlertmanager(Fake):
    """Silences, as of version 0.25."""

    def __init__(self, clock: Callable[[], dt.datetime]) -> None:
        super().__init__(clock)
        self.silences: dict[str, dict[str, Any]] = {}

    def _state(self, one: Mapping[str, Any]) -> str:
        now = self.clock()
        if dt.datetime.fromisoformat(one["endsAt"]) <= now:
            return "expired"
        return "pending" if dt.datetime.fromisoformat(one["startsAt"]) > now else "active"

    def active(self) -> list[dict[str, Any]]:
        return [one for one in self.silences.values() if self._state(one) == "active"]

    def is_silent(self, **labels: str) -> bool:
        """Whether an alert with these labels would reach nobody."""
        return any(
            all(_matches(matcher, labels) for matcher in one["matchers"]) for one in self.active()
        )

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Answer:
        if path == "/api/v2/silences" and method == "GET":
            return 200, [
                {
                    "id": key,
                    "status": {"state": self._state(one)},
                    "updatedAt": _text(self.clock()),
                }
                | one
                for key, one in self.silences.items()
            ]
        if path == "/api/v2/silences" and method == "POST":
            return self._post(body)
        key = path.removeprefix("/api/v2/silence/")
        one = self.silences.get(key)
        if one is None:
            return 404, None
        if method == "DELETE":
            if self._state(one) == "expired":
                return 500, f"silence {key} already expired"
            one["endsAt"] = _text(self.clock())
            return 200, None
        return 200, one

    def _post(self, body: Any) -> Answer:
        now = self.clock()
        lacks = {"matchers", "startsAt", "endsAt", "createdBy", "comment"} - body.keys()
        if lacks:
            return 400, f"{lacks} are required"
        if dt.datetime.fromisoformat(body["endsAt"]) <= now:
            return 400, "end time can't be in the past"
        key = body.pop("id", None)
        if key is not None and key not in self.silences:
            return 404, "silence not found"
        old = self.silences.get(key or "")
        if old is not None and self._state(old) == "active":
            if old["matchers"] == body["matchers"] and old["startsAt"] == body["startsAt"]:
                self.silences[key] = body
                return 200, {"silenceID": key}
            old["endsAt"] = _text(now)
        starts = max(dt.datetime.fromisoformat(body["startsAt"]), now)
        key = str(uuid.uuid4())
        self.silences[key] = body | {"startsAt": _text(starts), "endsAt": _text(body["endsAt"])}
        return 200, {"silenceID": key}


def _text(moment: dt.datetime | str) -> str:
    """A time as Go writes it, in milliseconds."""
    if isinstance(moment, str):
        moment = dt.datetime.fromisoformat(moment)
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _matches(matcher: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value = labels.get(matcher["name"], "")
    if matcher["isRegex"]:
        return re.fullmatch(matcher["value"], value) is not None
    return bool(matcher["value"] == value)
