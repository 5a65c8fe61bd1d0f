"""The real Vitrage as the tests use it: faults, templates, webhooks, and its graph."""

import datetime as dt
import pathlib
import subprocess
from typing import Any

import keystoneauth1.exceptions
import yaml
from keystoneauth1.session import Session

from tests.support.waiting import until

from . import stack
from .listener import Listener, Post

#: What Doctor calls a host that is down.
HOST_DOWN = "compute.host.down"

#: For webhooks: alarms that templates deduce, and not those that monitors report.
DEDUCED = "{'vitrage_type': 'vitrage$'}"


class Vitrage:
    """Vitrage as the cloud's admin."""

    def __init__(self, admin: Session) -> None:
        self._rca = stack.Service(admin, "rca")

    # -- its graph

    def graph(self, what: str) -> None:
        """``stop``, ``start``, ``restart`` the process that has the graph."""
        script = pathlib.Path(__file__).parents[2] / "tools" / "testcloud" / "vitrage.sh"
        subprocess.run([script, what], check=True, timeout=90)
        if what != "stop":
            until(self._answers, "Vitrage answers", 60.0, 0.2)

    def _answers(self) -> bool:
        try:
            self.of_type("nova.host")
        except keystoneauth1.exceptions.ServiceUnavailable:
            return False
        return True

    def of_type(self, vitrage_type: str) -> list[dict[str, Any]]:
        """What there is of a type, of all projects."""
        query = (
            '{"and": [{"==": {"vitrage_is_deleted": false}}, '
            f'{{"==": {{"vitrage_type": "{vitrage_type}"}}}}]}}'
        )
        body = {"graph_type": "graph", "query": query, "all_tenants": True}
        return self._rca.post("/v1/topology/", body)["nodes"]

    def in_maintenance(self) -> set[str]:
        """Hosts that are marked."""
        return {one["host"] for one in self.of_type("maintenance")}

    def until_marked(self, *hosts: str, seconds: float = 20.0) -> None:
        """Wait until these hosts are marked, and no others."""
        until(
            lambda: self.in_maintenance() == set(hosts),
            f"marked in Vitrage: {', '.join(hosts) or 'none'}",
            seconds,
            0.1,
        )

    # -- faults

    def fault(self, host: str, status: str = "down") -> None:
        """Report a host ``down`` or ``up``, as Doctor's monitors do."""
        details = {
            "hostname": host,
            "source": "test",
            "cause": "link-down",
            "severity": "critical",
            "status": status,
            "monitor_id": "test",
            "monitor_event_id": "1",
        }
        # a time with a zone is lost in Vitrage, whose API says 200 all the same
        now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        body = {"time": f"{now:%Y-%m-%dT%H:%M:%S.%f}", "type": HOST_DOWN, "details": details}
        self._rca.post("/v1/event/", body)

    # -- templates

    def add_template(self, path: pathlib.Path) -> str:
        """A template that is in force; its id."""
        # every value is a text, as Vitrage's own client sends them
        content = yaml.load(path.read_text(), Loader=yaml.BaseLoader)
        name = content["metadata"]["name"]
        for old in self._templates(name):
            self.delete_template(old["uuid"])
        body = {
            "templates": [[str(path), content]],
            "template_type": None,
            "params": None,
            "overwrite": False,
        }
        (added,) = self._rca.call("PUT", "/v1/template/", json=body)
        assert "ERROR" not in added["status"].upper(), added

        def active() -> str | None:
            found = [one for one in self._templates(name) if "ACTIVE" in one["status"]]
            return found[0]["uuid"] if found else None

        made = until(active, f"template {name} in force", 30.0, 0.2)
        assert made is not None
        return made

    def delete_template(self, template_id: str) -> None:
        """Take a template away, and wait until it is."""
        self._rca.call("DELETE", "/v1/template/", json={"id": [template_id]})
        until(
            lambda: all(one["uuid"] != template_id for one in self._templates()),
            "template deleted",
            30.0,
            0.2,
        )

    def _templates(self, name: str | None = None) -> list[dict[str, Any]]:
        found = self._rca.get("/v1/template/")
        return [
            one
            for one in found
            if name in (None, one["name"]) and "DELET" not in one["status"].upper()
        ]

    # -- webhooks

    def add_webhook(self, url: str, regex_filter: str | None = None) -> str:
        """Have alarms posted to an address; the webhook's id."""
        body = {"url": url, "regex_filter": regex_filter, "headers": None}
        return self._rca.post("/v1/webhook/", body)["id"]

    def delete_webhook(self, webhook_id: str) -> None:
        self._rca.delete(f"/v1/webhook/{webhook_id}")


class Hook:
    """A webhook's address at the test's listener."""

    def __init__(self, listener: Listener, name: str) -> None:
        self._listener = listener
        self._path = f"/vitrage/{name}"
        self.url = listener.url + self._path

    def mark(self) -> int:
        """Where what comes from now on begins."""
        return self._listener.mark()

    def heard(self, since: int = 0) -> list[tuple[str, str]]:
        """``(activate or deactivate, host)`` of each report, in order of arrival."""
        return [_said(post) for post in self._listener.posts(self._path, since)]

    def wait(self, what: str, host: str, since: int, seconds: float = 20.0) -> Post:
        """The first report of it that arrives after ``since``."""

        def look() -> Post | None:
            posts = self._listener.posts(self._path, since)
            return next((post for post in posts if _said(post) == (what, host)), None)

        found = until(look, f"Vitrage reports {what} of {host}", seconds, 0.02)
        assert found is not None
        return found


def _said(post: Post) -> tuple[str, str]:
    payload = post.body["payload"]
    resource = payload.get("resource") or {}
    return post.body["notification"].rpartition(".")[2], str(resource.get("id"))
