"""Aodh's list of alarms, as the real one answers it to whoever may see all projects'."""

import http.server
import json
import threading
import urllib.parse
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from keystoneauth1 import token_endpoint
from keystoneauth1.session import Session

from craton_maintenance.nova.credentials import Region

_BOOLEANS = {"true": True, "false": False}


class Aodh:
    """Alarms by project, and what goes wrong."""

    def __init__(self) -> None:
        self.alarms: list[dict[str, Any]] = []
        #: queries so far
        self.asked: list[list[tuple[str, str]]] = []
        #: most alarms in a page, whatever is asked for
        self.page = 1000
        #: answers in place of the right ones, in order: status and text
        self.faults: list[tuple[int, str]] = []
        #: called before a page is made
        self.before: Any = lambda: None
        self.url = ""

    def add(
        self,
        project_id: str,
        event_type: str = "maintenance.*",
        query: list[dict[str, str]] | None = None,
        **values: Any,
    ) -> str:
        """A project's event alarm; its id."""
        made = {
            "alarm_id": str(uuid.uuid4()),
            "name": "maintenance",
            "type": "event",
            "enabled": True,
            "project_id": project_id,
            "repeat_actions": True,
            "state": "insufficient data",
            "alarm_actions": ["http://user:secret@manager.example.org/maintenance"],
            "event_rule": {"event_type": event_type, "query": query or []},
        } | values
        self.alarms.append(made)
        return made["alarm_id"]

    def answer(self, query: list[tuple[str, str]]) -> tuple[int, str]:
        """Status and body of ``GET /v2/alarms``."""
        self.asked.append(query)
        if self.faults:
            return self.faults.pop(0)
        self.before()
        fields = [value for name, value in query if name == "q.field"]
        values = [value for name, value in query if name == "q.value"]
        wanted: dict[str, Any] = dict(zip(fields, values, strict=True))
        assert wanted.pop("all_projects") == "true"
        plain = dict(query)
        assert plain["sort"] == "alarm_id:asc"
        found = sorted(
            (
                one
                for one in self.alarms
                if all(one[name] == _BOOLEANS.get(text, text) for name, text in wanted.items())
            ),
            key=lambda one: one["alarm_id"],
        )
        if marker := plain.get("marker"):
            if marker not in {one["alarm_id"] for one in found}:
                return 404, json.dumps({"error_message": {"faultstring": "no such marker"}})
            found = [one for one in found if one["alarm_id"] > marker]
        return 200, json.dumps(found[: min(self.page, int(plain["limit"]))])

    def region(self, name: str = "RegionOne") -> Region:
        """A region that has it, and nothing else."""
        return Region(name, self._session, name, "public")

    def _session(self) -> Session:
        return Session(auth=token_endpoint.Token(self.url, "token"))


@contextmanager
def running() -> Iterator[Aodh]:
    """One that answers over TCP."""
    aodh = Aodh()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            where = urllib.parse.urlsplit(self.path)
            assert where.path == "/v2/alarms"
            query = urllib.parse.parse_qsl(where.query, keep_blank_values=True)
            status, text = aodh.answer(query)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    aodh.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield aodh
    server.shutdown()
    thread.join()
    server.server_close()
